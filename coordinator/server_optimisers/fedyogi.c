/* FedYogi (Reddi et al. 2021, algorithm 2): v follows d^2 by steps of its size, so that it does not forget as
 * fast as FedAdam's when deltas become small.  It never falls below 0: a step down is a part of d^2 < v. */
#include "coordinator/server_optimisers/adaptive.h"

static double second(double v, double square, double beta2)
{
    double sign = (double)(v > square) - (double)(v < square);
    return v - (1.0 - beta2) * square * sign;
}

static bool step(const an_server_args *a, size_t n, float *weights, float *const state[], const double *delta)
{
    return an_adaptive_step(a, n, weights, state, delta, second);
}

const an_server_optimiser an_server_optimiser_fedyogi = {
    .name = "fedyogi",
    .n_state = an_adaptive_n_state,
    .step = step,
    .start = an_adaptive_start,
};
