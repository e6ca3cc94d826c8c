/* A quantile of the normal scores, interpolated between neighbours (type 7 of Hyndman and Fan,
 * 1996).  Usually with a margin: quantile:0.999*1.33. */
#include <math.h>

#include "models/threshold.h"

static an_err from(const double *params, const float *sorted, size_t n, double *ret, an_note *why)
{
    (void)why;
    double at = params[0] * (double)(n - 1);
    size_t i = (size_t)floor(at);
    double part = at - (double)i;
    double lo = (double)sorted[i];
    double hi = (double)sorted[i + 1 < n ? i + 1 : i];
    *ret = lo + part * (hi - lo);
    return AN_OK;
}

const an_threshold_type an_threshold_quantile = {
    .name = "quantile",
    .meaning = "quantile of the normal scores",
    .n_params = 1,
    .params = {{0.0, 1.0, 0.999}},
    .from = from,
};
