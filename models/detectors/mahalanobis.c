/* d^2 = (x - m)^T P (x - m) with P the inverse covariance of normal windows: the closed form
 * that any network has to beat; Hotelling's T2 of all directions.
 *
 * A little of the mean variance is added to the diagonal, so that constant and collinear
 * sensors have a limit instead of an infinite weight.  State, contributions: quadratic.h. */
#include <string.h>

#include "models/detectors/quadratic.h"

an_err an_detector_mahalanobis_set(an_detector *d, const double *mean, const double *covariance, an_note *why)
{
    if (strcmp(d->type->name, "mahalanobis") != 0)
        return an_fail(AN_ERR_INVAL, why, "%s is not the mahalanobis detector", d->type->name);
    return an_quadratic_inverse(d, mean, covariance, why);
}

static an_err fit(an_detector *d, const float *x, const float *y, size_t n, an_note *why)
{
    (void)y;
    return an_quadratic_fit(d, x, n, an_detector_mahalanobis_set, why);
}

static an_err from_sums(an_detector *d, uint64_t n, const double *sums, an_note *why)
{
    return an_quadratic_from(d, n, sums, an_detector_mahalanobis_set, why);
}

const an_detector_type an_detector_mahalanobis = {
    .name = "mahalanobis",
    .meaning = "squared distance from the normal mean in units of the normal covariance",
    .needs_model = false,
    .n_state = an_quadratic_n_state,
    .n_scratch = an_quadratic_n_scratch,
    .fit = fit,
    .score = an_quadratic_score,
    .check = an_quadratic_check,
    .expect = an_quadratic_expect,
    .n_sums = an_quadratic_n_sums,
    .add = an_quadratic_add,
    .from_sums = from_sums,
};
