/* RMSProp (Tieleman and Hinton 2012, lecture 6.5): each parameter's step is divided by the running
 * root mean square of its gradient.  v = 0.99 v + 0.01 g^2, w -= lr g / (sqrt v + 1e-8). */
#include "models/optimiser.h"

#define KEEP 0.99
#define EPSILON 1e-8

static double step(const an_optimiser_args *a, size_t n, float *params, float *const state[],
                   const an_vec_grad *grad)
{
    const an_vec_rmsprop o = {.rate = (float)a->lr,
                              .b = (float)KEEP,
                              .c = (float)(1.0 - KEEP),
                              .eps = (float)EPSILON,
                              .keep = (float)(1.0 - a->lr * a->weight_decay)};
    return an_vec_get()->rmsprop(&o, n, params, state[0], grad);
}

const an_optimiser an_optimiser_rmsprop = {.name = "rmsprop", .n_state = 1, .step = step};
