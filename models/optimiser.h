/* optimiser.h - from a gradient to a step.
 *
 * One file in optimisers/, one row in optimisers.def.  An optimiser is an elementwise loop over
 * the flat parameters; its state is n_state arrays as long as the parameters, zero at the
 * start, owned by the caller, so that it can be stored and hashed like the parameters.  The gradient
 * comes as the slices of a batch left it (an_vec_grad), so that one pass over memory does all.
 *
 *     const an_optimiser *o = an_optimiser_find("adam");
 *     float *state[AN_OPTIMISER_STATE_MAX] = {m, v};
 *     an_optimiser_args args = {.lr = 1e-3, .step = 1};      then 2, 3, ...
 *     o->step(&args, n, params, state, &(an_vec_grad){.g = grad, .n_slices = 1, .factor = 1.0f});
 *
 * Threads: pure; ranges that do not overlap may be stepped by different threads. */
#ifndef AN_MODELS_OPTIMISER_H
#define AN_MODELS_OPTIMISER_H

#include <stddef.h>
#include <stdint.h>

#include "models/kernels/vec.h"

#define AN_OPTIMISER_STATE_MAX 2u

typedef struct an_optimiser_args {
    double lr;
    double momentum;     /* sgd */
    double weight_decay; /* decoupled: w -= lr * decay * w */
    uint64_t step;       /* 1 for the first */
} an_optimiser_args;

typedef struct an_optimiser {
    const char *name;
    size_t n_state; /* floats of state per parameter, at most AN_OPTIMISER_STATE_MAX */

    /* One step of params (n).  state[i] (n), i < n_state.  Returns the sum of the squares of the
     * gradient, not finite if the gradient is not (vec.h). */
    double (*step)(const an_optimiser_args *a, size_t n, float *params, float *const state[],
                   const an_vec_grad *grad);
} an_optimiser;

const an_optimiser *an_optimiser_find(const char *name); /* NULL: no such optimiser */
const an_optimiser *an_optimiser_at(size_t i);           /* the table in order; NULL past its end */

#endif
