/* FedAdam (Reddi et al. 2021, algorithm 2). */
#include "coordinator/server_optimisers/adaptive.h"

static double second(double v, double square, double beta2)
{
    return beta2 * v + (1.0 - beta2) * square;
}

static bool step(const an_server_args *a, size_t n, float *weights, float *const state[], const double *delta)
{
    return an_adaptive_step(a, n, weights, state, delta, second);
}

const an_server_optimiser an_server_optimiser_fedadam = {
    .name = "fedadam",
    .n_state = an_adaptive_n_state,
    .step = step,
    .start = an_adaptive_start,
};
