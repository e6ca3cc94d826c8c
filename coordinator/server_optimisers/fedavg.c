/* FedAvg with a rate and momentum (Hsu et al. 2019). */
#include <math.h>

#include "coordinator/server_optimiser.h"

static size_t n_state(const an_server_args *a)
{
    return a->momentum > 0.0 ? 1 : 0;
}

static bool step(const an_server_args *a, size_t n, float *weights, float *const state[], const double *delta)
{
    bool finite = true;
    for (size_t i = 0; i < n; i++) {
        double move = delta[i];
        if (a->momentum > 0.0) {
            state[0][i] = (float)(a->momentum * (double)state[0][i] + move);
            move = (double)state[0][i];
        }
        weights[i] = (float)((double)weights[i] + a->lr * move);
        finite = finite && isfinite(weights[i]);
    }
    return finite;
}

const an_server_optimiser an_server_optimiser_fedavg = {
    .name = "fedavg",
    .n_state = n_state,
    .step = step,
};
