/* Mean + k standard deviations of the normal scores (Shewhart's limit). */
#include <math.h>

#include "models/threshold.h"

static an_err from(const double *params, const float *sorted, size_t n, double *ret, an_note *why)
{
    (void)why;
    double sum = 0.0, square = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += (double)sorted[i];
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        square += ((double)sorted[i] - mean) * ((double)sorted[i] - mean);
    *ret = mean + params[0] * sqrt(square / (double)n);
    return AN_OK;
}

const an_threshold_type an_threshold_sigma = {
    .name = "sigma",
    .meaning = "mean + k standard deviations",
    .n_params = 1,
    .params = {{0.0, 100.0, 3.0}},
    .from = from,
};
