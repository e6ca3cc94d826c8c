/* Binary cross-entropy of p = sigmoid(y) and t in 0..1: -t log p - (1 - t) log(1 - p), which is
 * max(y, 0) - t y + log(1 + e^-|y|) and so never overflows.  Mean over the outputs; its gradient is
 * (p - t) / n. */
#include "models/loss.h"

#include <math.h>

static double eval(const an_loss_args *a, size_t batch, const float *y, const float *t, float *dy)
{
    const double n = (double)a->n;
    double sum = 0.0;
    for (size_t i = 0; i < batch * a->n; i++) {
        const double v = (double)y[i], small = exp(-fabs(v)), target = (double)t[i];
        sum += (v > 0.0 ? v : 0.0) - target * v + log1p(small);
        if (dy)
            dy[i] = (float)(((v > 0.0 ? 1.0 : small) / (1.0 + small) - target) / n);
    }
    return sum / n;
}

const an_loss an_loss_bce = {.name = "bce", .shares = true, .eval = eval};
