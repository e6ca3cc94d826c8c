/* The mean of each coordinate without its f lowest and f highest values (Yin et al. 2018), f being as many
 * as may be hostile. */
#include "coordinator/rule_internal.h"

static void combine(const an_rule_round *r, double *ret, const double *block, size_t width, size_t from,
                    size_t to)
{
    an_rule_tile x;
    for (size_t at = from; at < to; at += AN_RULE_LANES) {
        size_t count = to - at < AN_RULE_LANES ? to - at : AN_RULE_LANES;
        size_t n = an_rule_columns(r, block, width, at, count, x);
        for (size_t c = 0; c < count; c++) {
            double sum = 0;
            for (size_t i = r->hostile; i < n - r->hostile; i++)
                sum += x[i][c].v;
            ret[at + c] = sum / (double)(n - 2 * r->hostile);
        }
    }
}

const an_rule an_rule_trimmed_mean = {
    .name = "trimmed_mean",
    .meaning = "the mean of each coordinate without the extremes that the hostile share could be",
    .mixes = true,
    .least = an_rule_least_majority,
    .combine = combine,
};
