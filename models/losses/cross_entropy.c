/* -log softmax(y)[t] = log sum_k e^(y_k - top) + top - y_t; its gradient is softmax(y),
 * less 1 at t.  Softmax and logarithm together neither overflow nor lose the small
 * probabilities. */
#include "models/loss.h"

#include <math.h>

static double eval(const an_loss_args *a, size_t batch, const float *y, const float *t, float *dy)
{
    const size_t n = a->n;
    double total = 0.0;
    for (size_t i = 0; i < batch; i++) {
        const float *yi = y + i * n;
        size_t c = t[i] >= 0.0f && t[i] < (float)n ? (size_t)t[i] : 0;
        float top = yi[0];
        for (size_t k = 1; k < n; k++)
            top = yi[k] > top ? yi[k] : top;
        double sum = 0.0;
        for (size_t k = 0; k < n; k++)
            sum += exp((double)yi[k] - (double)top);
        total += log(sum) + (double)top - (double)yi[c];
        if (!dy)
            continue;
        for (size_t k = 0; k < n; k++)
            dy[i * n + k] = (float)(exp((double)yi[k] - (double)top) / sum);
        dy[i * n + c] -= 1.0f;
    }
    return total;
}

const an_loss an_loss_cross_entropy = {.name = "cross_entropy", .classes = true, .eval = eval};
