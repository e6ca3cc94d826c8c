/* quadratic.h - what detectors whose score is (x - m)^T P (x - m) share, m and P being their state.
 *
 * P is symmetric and positive definite.  Contribution of an element: what d^2 would lose without it,
 * d^2 - d^2_{-j} = (P(x-m))_j^2 / P_jj, never negative; summed over the window's rows.  They do not add up to d^2.
 *
 * Expected of a sensor B by the others: x_B - P_BB^-1 (P(x-m))_B, which is where the score is least; if P is the
 * inverse covariance, its mean given theirs if windows were normal.
 *
 * State: mean (m), then P (m, m).  Both follow from the moments of normal windows, which are sums.  Internal to
 * models/detectors. */
#ifndef AN_MODELS_DETECTORS_QUADRATIC_H
#define AN_MODELS_DETECTORS_QUADRATIC_H

#include "models/detector.h"

#define AN_QUADRATIC_MAX 1024 /* elements of a window */

size_t an_quadratic_n_state(uint32_t window, uint32_t features);
size_t an_quadratic_n_scratch(uint32_t window, uint32_t features);
float an_quadratic_score(const an_detector *d, const float *x, const float *y, float *contributions,
                         double *scratch);
void an_quadratic_expect(const an_detector *d, const float *x, size_t sensor, float *ret, double *scratch);
bool an_quadratic_check(const an_detector *d);

/* a (m, m), symmetric and positive definite, becomes its lower Cholesky factor.  False: it is not. */
bool an_quadratic_cholesky(double *a, size_t m);

/* From mean (m) and covariance (m, m) to the state.  Errors: NUMERIC, NOMEM. */
typedef an_err an_quadratic_set(an_detector *d, const double *mean, const double *covariance, an_note *why);

/* P becomes the inverse of the covariance, with a little of the mean variance on its diagonal. */
an_quadratic_set an_quadratic_inverse;

size_t an_quadratic_n_sums(uint32_t window, uint32_t features);
an_err an_quadratic_add(const an_detector *d, const float *x, const float *y, size_t n, double *sums);
/* Errors: INVAL fewer than two windows. */
an_err an_quadratic_moments(const an_detector *d, uint64_t n, const double *sums, double *mean,
                            double *covariance, an_note *why);
an_err an_quadratic_from(an_detector *d, uint64_t n, const double *sums, an_quadratic_set *set, an_note *why);
/* The same with all windows at hand: the covariance is taken about the mean and loses nothing to cancellation. */
an_err an_quadratic_fit(an_detector *d, const float *x, size_t n, an_quadratic_set *set, an_note *why);

#endif
