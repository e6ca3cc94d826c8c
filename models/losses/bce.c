/* Binary cross-entropy of p = sigmoid(y) and t in 0..1: -w t log p - (1 - t) log(1 - p).  -log p is max(-y, 0) + log(1 + e^-|y|),
 * -log(1 - p) the same of -y, so that nothing overflows.  Mean over the outputs; its gradient is
 * ((1 - t) p - w t (1 - p)) / n.
 *
 * w makes up for ones that are few, as faulty pixels are: `ones` times (zeros / ones of the row)^even.  With even 1 a small fault counts as
 * much as a large one, and each as much as all that is right around it. */
#include "models/loss.h"

#include <math.h>

enum { ONES, EVEN };

static const an_layer_opt opts[] = {
    {"ones", AN_LAYER_OPT_REAL, false, 0.001, 1000, 1, NULL},
    {"even", AN_LAYER_OPT_REAL, false, 0, 1, 0, NULL},
    {0},
};

static double weight_of(const an_loss_args *a, const float *t)
{
    double ones = 0.0;
    if (a->opt[EVEN] == 0.0)
        return a->opt[ONES];
    for (size_t i = 0; i < a->n; i++)
        ones += (double)t[i];
    return a->opt[ONES] * pow(fmax((double)a->n - ones, 1.0) / fmax(ones, 1.0), a->opt[EVEN]);
}

static double eval(const an_loss_args *a, size_t batch, const float *y, const float *t, float *dy)
{
    const double n = (double)a->n;
    double sum = 0.0, w = 1.0;
    for (size_t i = 0; i < batch * a->n; i++) {
        if (i % a->n == 0)
            w = weight_of(a, t + i);
        const double v = (double)y[i], small = exp(-fabs(v)), target = (double)t[i];
        const double p = (v > 0.0 ? 1.0 : small) / (1.0 + small), q = (v > 0.0 ? small : 1.0) / (1.0 + small);
        sum += w * target * (v < 0.0 ? -v : 0.0) + (1.0 - target) * (v > 0.0 ? v : 0.0) +
               (w * target + 1.0 - target) * log1p(small);
        if (dy)
            dy[i] = (float)(((1.0 - target) * p - w * target * q) / n);
    }
    return sum / n;
}

const an_loss an_loss_bce = {.name = "bce", .opts = opts, .shares = true, .eval = eval};
