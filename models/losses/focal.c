/* Focal loss (Lin et al. 2017) over classes: with p = softmax(y) and q = 1 - p_t
 *
 *     -q^gamma log p_t,     d / dy_k = (gamma q^(gamma - 1) p_t log p_t - q^gamma) ([k = t] - p_k)
 *
 * Rows that are already right count less, so that a rare class is not drowned by a frequent one.
 * gamma 0 is cross-entropy. */
#include "models/loss.h"

#include <math.h>

enum { GAMMA };

static const an_layer_opt opts[] = {
    {"gamma", AN_LAYER_OPT_REAL, false, 0, 10, 2, NULL},
    {0},
};

static double eval_row(double gamma, size_t n, const float *y, size_t c, float *dy)
{
    float top = y[0];
    for (size_t k = 1; k < n; k++)
        top = y[k] > top ? y[k] : top;
    double sum = 0.0, others = 0.0;
    for (size_t k = 0; k < n; k++) {
        const double e = exp((double)y[k] - (double)top);
        sum += e;
        others += k == c ? 0.0 : e; /* 1 - p would lose the small ones */
    }
    const double log_p = (double)y[c] - (double)top - log(sum), q = others / sum;
    const double weight = pow(q, gamma);
    if (dy) {
        const double turn = q > 0.0 ? gamma * pow(q, gamma - 1.0) * exp(log_p) * log_p : 0.0;
        for (size_t k = 0; k < n; k++) {
            const double p = exp((double)y[k] - (double)top) / sum;
            dy[k] = (float)((turn - weight) * (k == c ? q : -p));
        }
    }
    return -weight * log_p;
}

static double eval(const an_loss_args *a, size_t batch, const float *y, const float *t, float *dy)
{
    double sum = 0.0;
    for (size_t i = 0; i < batch; i++) {
        const size_t c = t[i] >= 0.0f && t[i] < (float)a->n ? (size_t)t[i] : 0;
        sum += eval_row(a->opt[GAMMA], a->n, y + i * a->n, c, dy ? dy + i * a->n : NULL);
    }
    return sum;
}

const an_loss an_loss_focal = {.name = "focal", .opts = opts, .classes = true, .eval = eval};
