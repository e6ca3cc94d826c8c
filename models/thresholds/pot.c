/* Peaks over threshold (Siffer et al. 2017): the excesses over a high initial level t follow a
 * generalised Pareto distribution (tail.h); the level exceeded with probability q is
 *
 *     z = t + sigma/gamma ((q n/N)^-gamma - 1)      gamma != 0
 *     z = t - sigma ln(q n/N)                       gamma  = 0
 *
 * with n scores and N excesses. */
#include <math.h>

#include "models/tail.h"
#include "models/threshold.h"

#define EXCESSES_MOST 1000 /* the highest ones rule the tail; also bounds the time */

static an_err from(const double *params, const float *sorted, size_t n, double *ret, an_note *why)
{
    double q = params[0], excesses[EXCESSES_MOST];
    size_t at = (size_t)floor(params[1] * (double)n);
    double t = (double)sorted[at < n ? at : n - 1];
    (void)why;
    size_t begin = n;
    while (begin > 0 && (double)sorted[begin - 1] > t)
        begin--;
    if (n - begin > EXCESSES_MOST) {
        /* Only with the level raised to match do the kept excesses follow the law. */
        begin = n - EXCESSES_MOST;
        t = (double)sorted[begin - 1];
        while (begin < n && !((double)sorted[begin] > t))
            begin++;
    }
    const size_t kept = n - begin;
    double ratio = kept > 0 ? q * (double)n / (double)kept : 1.0;
    if (kept < AN_TAIL_LEAST || ratio >= 1.0) {
        double rank = floor((1.0 - q) * (double)(n - 1));
        *ret = (double)sorted[(size_t)rank];
        return AN_OK;
    }
    for (size_t i = 0; i < kept; i++)
        excesses[i] = (double)sorted[begin + i] - t;
    const an_tail tail = an_tail_fit(excesses, kept);
    *ret = t + an_tail_excess(&tail, ratio);
    return AN_OK;
}

const an_threshold_type an_threshold_pot = {
    .name = "pot",
    .meaning = "score exceeded with probability q by a Pareto tail over the level's quantile",
    .n_params = 2,
    .params = {{0.0, 0.5, 1e-4}, {0.5, 1.0, 0.98}},
    .from = from,
};
