/* Mean over the outputs of (y - t)^2; its gradient is 2 (y - t) / n. */
#include "models/loss.h"

static double eval(const an_loss_args *a, size_t batch, const float *y, const float *t, float *dy)
{
    const size_t n = a->n;
    double sum = 0.0;
    float g = 2.0f / (float)n;
    for (size_t i = 0; i < batch * n; i++) {
        float d = y[i] - t[i];
        sum += (double)d * (double)d;
        if (dy)
            dy[i] = g * d;
    }
    return sum / (double)n;
}

const an_loss an_loss_mse = {.name = "mse", .eval = eval};
