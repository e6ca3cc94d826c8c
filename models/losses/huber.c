/* Huber (1964): a parabola for small errors, a line for large ones, so that single wild values do
 * not rule.  Mean over the outputs of d^2 / 2 for d = |y - t| <= delta, else delta (d - delta / 2). */
#include "models/loss.h"

#include <math.h>

enum { DELTA };

static const an_layer_opt opts[] = {
    {"delta", AN_LAYER_OPT_REAL, false, 1e-6, 1e6, 1, NULL},
    {0},
};

static double eval(const an_loss_args *a, size_t batch, const float *y, const float *t, float *dy)
{
    const double delta = a->opt[DELTA], n = (double)a->n;
    double sum = 0.0;
    for (size_t i = 0; i < batch * a->n; i++) {
        const double d = (double)y[i] - (double)t[i], size = fabs(d);
        const bool small = size <= delta;
        sum += small ? 0.5 * d * d : delta * (size - 0.5 * delta);
        if (dy)
            dy[i] = (float)((small ? d : copysign(delta, d)) / n);
    }
    return sum / n;
}

const an_loss an_loss_huber = {.name = "huber", .opts = opts, .eval = eval};
