/* The median of each coordinate (Yin et al. 2018); of an even number the middle of the two. */
#include "coordinator/rule_internal.h"

static void combine(const an_rule_round *r, double *ret, const double *block, size_t width, size_t from,
                    size_t to)
{
    double x[AN_COHORT_MAX];
    for (size_t c = from; c < to; c++) {
        size_t n = an_rule_column(r, block, width, c, x);
        ret[c] = n % 2 ? x[n / 2] : x[n / 2 - 1] / 2 + x[n / 2] / 2;
    }
}

const an_rule an_rule_median = {
    .name = "median",
    .meaning = "the median of each coordinate; bears less than half of the sites",
    .least = an_rule_least_majority,
    .combine = combine,
};
