/* Stochastic gradient descent with heavy-ball momentum (Polyak 1964): v = momentum v + g,
 * w -= lr v. */
#include "models/optimiser.h"

static double step(const an_optimiser_args *a, size_t n, float *params, float *const state[],
                   const an_vec_grad *grad)
{
    const an_vec_sgd o = {(float)a->lr, (float)a->momentum, (float)(1.0 - a->lr * a->weight_decay)};
    return an_vec_get()->sgd(&o, n, params, state[0], grad);
}

const an_optimiser an_optimiser_sgd = {.name = "sgd", .n_state = 1, .step = step};
