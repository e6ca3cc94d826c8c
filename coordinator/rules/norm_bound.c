/* The weighted mean of vectors none of which is longer than a bound (Sun et al. 2019): given, or the median
 * of their norms, which less than half of the sites cannot move far.  A site can pull by its share of the
 * weight times the bound, no further. */
#include <math.h>

#include "coordinator/rule_internal.h"

static double median_norm(const an_rule_round *r)
{
    double x[AN_COHORT_MAX];
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        if (r->fate[i] != AN_RULE_NOT_FINITE)
            x[n++] = sqrt(r->squares[i]);
    an_rule_sort(x, n);
    return n % 2 ? x[n / 2] : x[n / 2 - 1] / 2 + x[n / 2] / 2;
}

static void decide(an_rule_round *r)
{
    const double bound = r->opts.norm_bound > 0 ? r->opts.norm_bound : median_norm(r);
    for (size_t i = 0; i < r->n; i++) {
        double norm = sqrt(r->squares[i]);
        if (r->fate[i] == AN_RULE_NOT_FINITE || !(norm > bound))
            continue;
        r->share[i] *= bound / norm; /* the weights are not shared out anew: what is cut is gone */
        r->fate[i] = AN_RULE_CUT;
    }
}

const an_rule an_rule_norm_bound = {
    .name = "norm_bound",
    .meaning = "the weighted mean of vectors cut to a norm",
    .weighted = true,
    .least = an_rule_least_majority,
    .decide = decide,
    .combine = an_rule_sum,
};
