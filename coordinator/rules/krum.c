/* Krum (Blanchard et al. 2017): the vector that is nearest to its n - f - 2 nearest neighbours, by the sum
 * of squared distances. */
#include <math.h>

#include "coordinator/rule_internal.h"

size_t an_rule_least_krum(size_t f)
{
    return 2 * f + 3;
}

void an_rule_krum_scores(const an_rule_round *r, double ret[static AN_COHORT_MAX])
{
    const size_t near = r->n_finite - r->hostile - 2;
    double x[AN_COHORT_MAX];
    for (size_t i = 0; i < r->n; i++) {
        size_t n = 0;
        ret[i] = INFINITY;
        if (r->fate[i] == AN_RULE_NOT_FINITE)
            continue;
        for (size_t j = 0; j < r->n; j++)
            if (j != i && r->fate[j] != AN_RULE_NOT_FINITE)
                x[n++] = r->apart[i * r->n + j];
        an_rule_sort(x, n);
        ret[i] = 0;
        for (size_t k = 0; k < near; k++)
            ret[i] += x[k];
    }
}

void an_rule_krum_take(an_rule_round *r, size_t count)
{
    double scores[AN_COHORT_MAX];
    bool taken[AN_COHORT_MAX] = {false};
    an_rule_krum_scores(r, scores);
    for (size_t k = 0; k < count; k++) {
        size_t best = r->n;
        for (size_t i = 0; i < r->n; i++)
            if (!taken[i] && r->fate[i] != AN_RULE_NOT_FINITE && (best == r->n || scores[i] < scores[best]))
                best = i;
        taken[best] = true;
    }
    for (size_t i = 0; i < r->n; i++) {
        r->share[i] = taken[i] ? 1.0 / (double)count : 0;
        if (!taken[i] && r->fate[i] != AN_RULE_NOT_FINITE)
            r->fate[i] = AN_RULE_NOT_TAKEN;
    }
}

static void decide(an_rule_round *r)
{
    an_rule_krum_take(r, 1);
}

const an_rule an_rule_krum = {
    .name = "krum",
    .meaning = "the one vector that is nearest to most others",
    .distances = true,
    .mixes = true,
    .least = an_rule_least_krum,
    .decide = decide,
    .combine = an_rule_sum,
};
