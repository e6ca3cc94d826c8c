/* adaptive.h - what FedAdam and FedYogi share: all but the second moment.
 *
 * Threads: pure. */
#ifndef AN_COORDINATOR_ADAPTIVE_H
#define AN_COORDINATOR_ADAPTIVE_H

#include "coordinator/server_optimiser.h"

/* v after a round with this d^2. */
typedef double an_adaptive_second(double v, double square, double beta2);

size_t an_adaptive_n_state(const an_server_args *a);
float an_adaptive_start(const an_server_args *a, size_t k);
bool an_adaptive_step(const an_server_args *a, size_t n, float *weights, float *const state[],
                      const double *delta, an_adaptive_second *second);

#endif
