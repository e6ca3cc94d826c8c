/* Multi-Krum (Blanchard et al. 2017): the mean of the vectors with the least scores; n - f - 2 of them, the
 * most for which it is proved (Damaskinos et al. 2019). */
#include "coordinator/rule_internal.h"

static void decide(an_rule_round *r)
{
    an_rule_krum_take(r, r->n_finite - r->hostile - 2);
}

const an_rule an_rule_multi_krum = {
    .name = "multi_krum",
    .meaning = "the mean of the vectors that are nearest to most others",
    .distances = true,
    .mixes = true,
    .least = an_rule_least_krum,
    .decide = decide,
    .combine = an_rule_sum,
};
