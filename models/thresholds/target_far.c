/* Split conformal: with n exchangeable normal scores, the ceil((n+1)(1-alpha))-th smallest is
 * exceeded by the next normal score with probability at most alpha (Vovk et al. 2005).  That
 * needs n >= 1/alpha - 1 scores; with fewer no score of the sample can promise it. */
#include <math.h>

#include "models/threshold.h"

static an_err from(const double *params, const float *sorted, size_t n, double *ret, an_note *why)
{
    double alpha = params[0];
    /* The little is for products such as 100 * 0.99, which should be whole and are not. */
    double rank = ceil((double)(n + 1) * (1.0 - alpha) - 1e-9);
    if (rank > (double)n)
        return an_fail(AN_ERR_INVAL, why, "a false alarm rate of %g needs %.0f normal scores; there are %zu",
                       alpha, ceil(1.0 / alpha - 1.0), n);
    *ret = (double)sorted[rank < 1.0 ? 0 : (size_t)rank - 1];
    return AN_OK;
}

const an_threshold_type an_threshold_target_far = {
    .name = "target_far",
    .meaning = "expected false alarm rate, finite-sample (split conformal)",
    .n_params = 1,
    .params = {{0.0, 1.0, 0.01}},
    .from = from,
};
