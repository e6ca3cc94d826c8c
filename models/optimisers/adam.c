/* Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019); beta 0.9
 * and 0.999, epsilon 1e-8.  The two bias corrections go into the step size and epsilon, as in
 * section 2 of the paper.  With weight decay 0 it is the first paper's Adam; `adamw` is the name
 * under which many know the second. */
#include "models/optimiser.h"

#include <math.h>

#define BETA1 0.9
#define BETA2 0.999
#define EPSILON 1e-8
/* Without a gradient the averages fade into subnormal numbers, on which a processor is a
 * hundred times slower; far below epsilon they may as well be 0. */
#define TINY 1e-30f

static void step(const an_optimiser_args *a, size_t n, float *params, float *const state[], const float *grad)
{
    double t = (double)a->step, root = sqrt(1.0 - pow(BETA2, t));
    float rate = (float)(a->lr * root / (1.0 - pow(BETA1, t)));
    float eps = (float)(EPSILON * root);
    float keep = (float)(1.0 - a->lr * a->weight_decay);
    const float b1 = (float)BETA1, c1 = (float)(1.0 - BETA1);
    const float b2 = (float)BETA2, c2 = (float)(1.0 - BETA2);
    float *restrict m = state[0];
    float *restrict v = state[1];
    float *restrict w = params;
    const float *restrict g = grad;
    for (size_t i = 0; i < n; i++) {
        float mi = b1 * m[i] + c1 * g[i];
        float vi = b2 * v[i] + c2 * g[i] * g[i];
        m[i] = fabsf(mi) < TINY ? 0.0f : mi;
        v[i] = vi < TINY ? 0.0f : vi;
        w[i] = keep * w[i] - rate * m[i] / (sqrtf(v[i]) + eps);
    }
}

const an_optimiser an_optimiser_adam = {.name = "adam", .n_state = 2, .step = step};
const an_optimiser an_optimiser_adamw = {.name = "adamw", .n_state = 2, .step = step};
