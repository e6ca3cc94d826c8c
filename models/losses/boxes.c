/* Boxes on a grid (models/boxes.h: what the planes are).  For one row, with n the cells that have a fault, at least 1:
 *
 *     1/n  sum over cells of the focal loss of plane 0 (Lin et al. 2017), faults counting `ones` times
 *   + 1/n  sum over cells with a fault of  place * mean of Huber's loss of planes 1 to 4  - log softmax(classes)[t]
 *
 * Cells that learn nothing have a target between 0 and a half.  An output of fewer planes is a grid of faults alone. */
#include "models/loss.h"

#include <math.h>
#include <string.h>

#include "models/boxes.h"

enum { GAMMA, ONES, PLACE, DELTA };

static const an_layer_opt opts[] = {
    {"gamma", AN_LAYER_OPT_REAL, false, 0, 10, 2, NULL},
    {"ones", AN_LAYER_OPT_REAL, false, 0.001, 1000, 1, NULL},
    {"place", AN_LAYER_OPT_REAL, false, 0, 1000, 1, NULL},
    {"delta", AN_LAYER_OPT_REAL, false, 0.001, 1000, 1, NULL},
    {0},
};

/* -(1 - p)^gamma log p for p = sigmoid(v), and its slope. */
static double focal(double v, double gamma, double *slope)
{
    const double small = exp(-fabs(v)), p = (v > 0 ? 1 : small) / (1 + small),
                 q = (v > 0 ? small : 1) / (1 + small);
    const double log_p = (v < 0 ? v : 0) - log1p(small), weight = pow(q, gamma);
    *slope = weight * (gamma * p * log_p - q);
    return -weight * log_p;
}

static double huber(double d, double delta, double *slope)
{
    const double far = fabs(d);
    *slope = far <= delta ? d : d > 0 ? delta : -delta;
    return far <= delta ? d * d / 2 : delta * (far - delta / 2);
}

/* y, t, dy: of the classes alone. */
static double classes(const float *y, const float *t, size_t n, double share, float *dy)
{
    size_t right = 0;
    float top = y[0];
    double sum = 0;
    for (size_t c = 0; c < n; c++) {
        right = t[c] > t[right] ? c : right;
        top = y[c] > top ? y[c] : top;
    }
    for (size_t c = 0; c < n; c++)
        sum += exp((double)y[c] - (double)top);
    for (size_t c = 0; dy && c < n; c++)
        dy[c] = (float)(share * (exp((double)y[c] - (double)top) / sum - (c == right ? 1 : 0)));
    return share * (log(sum) + (double)top - (double)y[right]);
}

static double cell(const an_loss_args *a, size_t planes, double share, const float *y, const float *t,
                   float *dy)
{
    const size_t faults = planes < AN_BOX_PLANES ? planes : 1;
    double sum = 0, slope = 0;
    for (size_t k = 0; k < faults; k++) {
        if (t[k] > 0 && t[k] <= 0.5f)
            continue;
        const bool one = t[k] > 0.5f;
        const double weight = share * (one ? a->opt[ONES] : 1);
        sum += weight * focal(one ? (double)y[k] : -(double)y[k], a->opt[GAMMA], &slope);
        if (dy)
            dy[k] = (float)(weight * (one ? slope : -slope));
    }
    if (planes < AN_BOX_PLANES || !(t[0] > 0.5f))
        return sum;
    for (size_t k = 1; k < AN_BOX_PLANES; k++) {
        const double weight = share * a->opt[PLACE] / (AN_BOX_PLANES - 1);
        sum += weight * huber((double)y[k] - (double)t[k], a->opt[DELTA], &slope);
        if (dy)
            dy[k] = (float)(weight * slope);
    }
    if (planes > AN_BOX_PLANES)
        sum += classes(y + AN_BOX_PLANES, t + AN_BOX_PLANES, planes - AN_BOX_PLANES, share,
                       dy ? dy + AN_BOX_PLANES : NULL);
    return sum;
}

static double eval(const an_loss_args *a, size_t batch, const float *y, const float *t, float *dy)
{
    const size_t planes = a->shape.d[a->shape.n_dims - 1], cells = a->n / planes;
    double sum = 0;
    if (dy)
        memset(dy, 0, batch * a->n * sizeof *dy);
    for (size_t i = 0; i < batch; i++) {
        double n = 0;
        for (size_t k = 0; k < cells; k++)
            n += t[i * a->n + k * planes] > 0.5f;
        for (size_t k = 0; k < cells; k++) {
            const size_t at = i * a->n + k * planes;
            sum += cell(a, planes, 1 / fmax(n, 1), y + at, t + at, dy ? dy + at : NULL);
        }
    }
    return sum;
}

const an_loss an_loss_boxes = {.name = "boxes", .opts = opts, .grid = true, .eval = eval};
