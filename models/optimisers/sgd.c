/* Stochastic gradient descent with heavy-ball momentum (Polyak 1964): v = momentum v + g,
 * w -= lr v. */
#include "models/optimiser.h"

#include <math.h>

#define TINY 1e-30f /* fading into subnormal numbers would be a hundred times slower */

static void step(const an_optimiser_args *a, size_t n, float *params, float *const state[], const float *grad)
{
    float lr = (float)a->lr, momentum = (float)a->momentum;
    float keep = (float)(1.0 - a->lr * a->weight_decay);
    float *restrict v = state[0];
    float *restrict w = params;
    const float *restrict g = grad;
    for (size_t i = 0; i < n; i++) {
        float vi = momentum * v[i] + g[i];
        v[i] = fabsf(vi) < TINY ? 0.0f : vi;
        w[i] = keep * w[i] - lr * v[i];
    }
}

const an_optimiser an_optimiser_sgd = {.name = "sgd", .n_state = 1, .step = step};
