/* Mean over the outputs of |y - t|; its gradient is the sign of y - t over n, and 0 at the kink. */
#include "models/loss.h"

#include <math.h>

static double eval(const an_loss_args *a, size_t batch, const float *y, const float *t, float *dy)
{
    const float g = 1.0f / (float)a->n;
    double sum = 0.0;
    for (size_t i = 0; i < batch * a->n; i++) {
        const float d = y[i] - t[i];
        sum += fabs((double)d);
        if (dy)
            dy[i] = d > 0.0f ? g : d < 0.0f ? -g : 0.0f;
    }
    return sum / (double)a->n;
}

const an_loss an_loss_mae = {.name = "mae", .eval = eval};
