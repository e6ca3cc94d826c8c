/* server_optimiser.h - from the mean change of a round to the next version's weights: one file in
 * server_optimisers/, one row in server_optimisers.def (Reddi et al. 2021, algorithms 1 and 2).
 *
 * With d the mean delta (new minus base) that a rule or a sum gave, elementwise:
 *
 *     fedavg    m <- momentum m + d;             w <- w + lr m      (Hsu et al. 2019; without momentum m = d)
 *     fedadam   m <- beta1 m + (1 - beta1) d
 *               v <- beta2 v + (1 - beta2) d^2;                     w <- w + lr m / (sqrt(v) + tau)
 *     fedyogi   m as fedadam
 *               v <- v - (1 - beta2) d^2 sign(v - d^2);             w as fedadam
 *
 * v starts at tau^2, and nothing is corrected for the start, as in the paper.  Each element stands alone, so a
 * model is stepped in blocks of any size, and its state streamed beside it:
 *
 *     const an_server_optimiser *o = an_server_optimiser_find("fedadam");
 *     for (size_t k = 0; k < o->n_state(&args); k++)
 *         state[k] = the block's floats of the last round, or an_server_optimiser_start(o, &args, k) in each
 *     if (!o->step(&args, n, weights, state, delta)) ... not finite
 *
 * All is float64 in fixed order, rounded to float where it is stored: a step from what is stored gives the
 * same bits as one that went on.
 *
 * Threads: pure; blocks that do not overlap may be stepped by different threads. */
#ifndef AN_COORDINATOR_SERVER_OPTIMISER_H
#define AN_COORDINATOR_SERVER_OPTIMISER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define AN_SERVER_STATE_MAX 2

typedef struct an_server_args {
    double lr;           /* > 0 */
    double momentum;     /* fedavg: [0, 1) */
    double beta1, beta2; /* fedadam, fedyogi: [0, 1); 0.9 and 0.99 are the paper's */
    double tau;          /* fedadam, fedyogi: > 0; about the size of a coordinate of d; the paper's is 1e-3 */
} an_server_args;

typedef struct an_server_optimiser {
    const char *name;
    /* Floats of state per parameter, at most AN_SERVER_STATE_MAX. */
    size_t (*n_state)(const an_server_args *a);
    /* One step of weights (n) by delta (n); state[k] (n), k < n_state.  False: a weight or a number of the
     * state is not finite, and the block is spoilt. */
    bool (*step)(const an_server_args *a, size_t n, float *weights, float *const state[],
                 const double *delta);
    /* State k before the first round.  NULL: zero. */
    float (*start)(const an_server_args *a, size_t k);
} an_server_optimiser;

const an_server_optimiser *an_server_optimiser_find(const char *name); /* NULL: no such optimiser */
const an_server_optimiser *an_server_optimiser_at(size_t i);           /* in order; NULL past the end */

float an_server_optimiser_start(const an_server_optimiser *o, const an_server_args *a, size_t k);

/* Errors: INVAL an argument is out of bounds, also one that the optimiser does not read. */
an_err an_server_args_check(const an_server_args *a, an_note *why);

#endif
