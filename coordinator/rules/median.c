/* The median of each coordinate (Yin et al. 2018); of an even number the middle of the two. */
#include "coordinator/rule_internal.h"

static void combine(const an_rule_round *r, double *ret, const double *block, size_t width, size_t from,
                    size_t to)
{
    an_rule_tile x;
    for (size_t at = from; at < to; at += AN_RULE_LANES) {
        size_t count = to - at < AN_RULE_LANES ? to - at : AN_RULE_LANES;
        size_t n = an_rule_columns(r, block, width, at, count, x);
        for (size_t c = 0; c < count; c++)
            ret[at + c] = n % 2 ? x[n / 2][c].v : x[n / 2 - 1][c].v / 2 + x[n / 2][c].v / 2;
    }
}

const an_rule an_rule_median = {
    .name = "median",
    .meaning = "the median of each coordinate; bears less than half of the sites",
    .mixes = true,
    .least = an_rule_least_majority,
    .combine = combine,
};
