/* Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019); beta 0.9
 * and 0.999, epsilon 1e-8.  The two bias corrections go into the step size and epsilon, as in
 * section 2 of the paper.  With weight decay 0 it is the first paper's Adam; `adamw` is the name
 * under which many know the second. */
#include "models/optimiser.h"

#include <math.h>

#define BETA1 0.9
#define BETA2 0.999
#define EPSILON 1e-8

static double step(const an_optimiser_args *a, size_t n, float *params, float *const state[],
                   const an_vec_grad *grad)
{
    const double t = (double)a->step, root = sqrt(1.0 - pow(BETA2, t));
    const an_vec_adam o = {.rate = (float)(a->lr * root / (1.0 - pow(BETA1, t))),
                           .b1 = (float)BETA1,
                           .c1 = (float)(1.0 - BETA1),
                           .b2 = (float)BETA2,
                           .c2 = (float)(1.0 - BETA2),
                           .eps = (float)(EPSILON * root),
                           .keep = (float)(1.0 - a->lr * a->weight_decay)};
    return an_vec_get()->adam(&o, n, params, state[0], state[1], grad);
}

const an_optimiser an_optimiser_adam = {.name = "adam", .n_state = 2, .step = step};
const an_optimiser an_optimiser_adamw = {.name = "adamw", .n_state = 2, .step = step};
