#include "coordinator/server_optimisers/adaptive.h"

#include <math.h>

size_t an_adaptive_n_state(const an_server_args *a)
{
    (void)a;
    return 2;
}

float an_adaptive_start(const an_server_args *a, size_t k)
{
    return k == 1 ? (float)(a->tau * a->tau) : 0.0f;
}

bool an_adaptive_step(const an_server_args *a, size_t n, float *weights, float *const state[],
                      const double *delta, an_adaptive_second *second)
{
    bool finite = true;
    for (size_t i = 0; i < n; i++) {
        state[0][i] = (float)(a->beta1 * (double)state[0][i] + (1.0 - a->beta1) * delta[i]);
        state[1][i] = (float)second((double)state[1][i], delta[i] * delta[i], a->beta2);
        double m = (double)state[0][i], v = (double)state[1][i];
        weights[i] = (float)((double)weights[i] + a->lr * m / (sqrt(v) + a->tau));
        finite = finite && isfinite(weights[i]) && isfinite(state[0][i]) && isfinite(state[1][i]);
    }
    return finite;
}
