/* RMSProp (Tieleman and Hinton 2012, lecture 6.5): each parameter's step is divided by the running
 * root mean square of its gradient.  v = 0.99 v + 0.01 g^2, w -= lr g / (sqrt v + 1e-8). */
#include "models/optimiser.h"

#include <math.h>

#define KEEP 0.99
#define EPSILON 1e-8f
#define TINY 1e-30f /* fading into subnormal numbers would be a hundred times slower */

static void step(const an_optimiser_args *a, size_t n, float *params, float *const state[], const float *grad)
{
    const float lr = (float)a->lr, old = (float)KEEP, fresh = (float)(1.0 - KEEP);
    const float keep = (float)(1.0 - a->lr * a->weight_decay);
    float *restrict v = state[0];
    float *restrict w = params;
    const float *restrict g = grad;
    for (size_t i = 0; i < n; i++) {
        float vi = old * v[i] + fresh * g[i] * g[i];
        v[i] = vi < TINY ? 0.0f : vi;
        w[i] = keep * w[i] - lr * g[i] / (sqrtf(v[i]) + EPSILON);
    }
}

const an_optimiser an_optimiser_rmsprop = {.name = "rmsprop", .n_state = 1, .step = step};
