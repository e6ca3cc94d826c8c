/* Principal components of normal windows: T2 within the first k of them (detector t2), Q in the rest (q), and both as one
 * score (pca; Yue and Qin 2001),
 *
 *     phi = T2 / chi2_k + Q / (g chi2_h),   T2 = sum over i <= k of t_i^2 / l_i,   Q = sum over i > k of t_i^2
 *
 * with t_i the i-th component of x - m and l_i its variance.  Each part counts in units of its limit, which follows
 * from the variances alone (Box 1954: g = th2 / th1, h = th1^2 / th2, th_j = sum of l_i^j over i > k), so that no
 * score has to be known to make it, and sites can make it from their sums.
 *
 * k is the least number of components with a share of the variance of SHARE.  phi is (x - m)^T P (x - m) with P the
 * sum of both parts; so state, contributions and what is expected are those of quadratic.h.  Variances have a floor,
 * so that constant and collinear sensors have a limit.
 *
 * t2 and q are one part alone, so each is blind to what only the other shows; beside each other they say which it is: an
 * unusual amount of what belongs together, or what does not.  The part that does not count has a weight of BLIND all the
 * same, so that contributions are defined for every sensor. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "models/detectors/quadratic.h"
#include "models/eigen.h"

#define SHARE 0.9
#define BLIND 1e-6               /* of what a direction would count for */
#define FLOOR 1e-3               /* of the mean variance */
#define ABOVE 2.3263478740408408 /* standard normal, exceeded with probability 0.01 */

/* Exceeded with probability 0.01 by chi^2 of h degrees of freedom, h > 0 and not always whole (Wilson, Hilferty 1931). */
static double chi2_limit(double h)
{
    const double v = 2.0 / (9.0 * h), c = 1.0 - v + ABOVE * sqrt(v);
    return h * c * c * c;
}

extern const an_detector_type an_detector_t2, an_detector_q;

/* How much a component's square counts.  l: variances, largest first, with their floor. */
static void weights(const an_detector_type *type, const double *l, size_t m, double *ret)
{
    double all = 0, kept = 0, th1 = 0, th2 = 0;
    size_t k = 0;
    for (size_t i = 0; i < m; i++)
        all += l[i];
    while (k < m && (k == 0 || kept < SHARE * all))
        kept += l[k++];
    for (size_t i = k; i < m; i++) {
        th1 += l[i];
        th2 += l[i] * l[i];
    }
    const double t2 = chi2_limit((double)k), q = k < m ? th2 / th1 * chi2_limit(th1 * th1 / th2) : 1;
    const double within = type == &an_detector_q ? BLIND : 1, beside = type == &an_detector_t2 ? BLIND : 1;
    for (size_t i = 0; i < m; i++)
        ret[i] = i < k ? within / (l[i] * t2) : beside / q;
}

static an_err set(an_detector *d, const double *mean, const double *covariance, an_note *why)
{
    const size_t m = (size_t)d->window * d->features;
    double trace = 0;
    double *a = an_alloc(m * m, sizeof *a), *v = an_alloc(m * m, sizeof *v);
    double *l = an_alloc(m, sizeof *l), *w = an_alloc(m, sizeof *w);
    double *p = d->state + m;
    an_err err = a && v && l && w ? AN_OK : AN_ERR_NOMEM;
    if (err == AN_OK) {
        memcpy(a, covariance, m * m * sizeof *a);
        for (size_t i = 0; i < m; i++)
            trace += covariance[i * m + i];
        if (!an_eigen(a, m, l, v))
            err = an_fail(AN_ERR_NUMERIC, why, "the covariance has no components");
    }
    if (err == AN_OK) {
        const double least = FLOOR * (trace > 0 ? trace / (double)m : 1);
        for (size_t i = 0; i < m; i++)
            l[i] = l[i] > least ? l[i] : least;
        weights(d->type, l, m, w);
        memcpy(d->state, mean, m * sizeof *mean);
        for (size_t j = 0; j < m; j++)
            for (size_t k = 0; k <= j; k++) {
                double sum = 0;
                for (size_t i = 0; i < m; i++)
                    sum += w[i] * v[i * m + j] * v[i * m + k];
                p[j * m + k] = p[k * m + j] = sum;
            }
    }
    an_free(a);
    an_free(v);
    an_free(l);
    an_free(w);
    return err;
}

static an_err fit(an_detector *d, const float *x, const float *y, size_t n, an_note *why)
{
    (void)y;
    return an_quadratic_fit(d, x, n, set, why);
}

static an_err from_sums(an_detector *d, uint64_t n, const double *sums, an_note *why)
{
    return an_quadratic_from(d, n, sums, set, why);
}

/* The components of larger windows take minutes. */
static size_t n_state(uint32_t window, uint32_t features)
{
    return (uint64_t)window * features <= AN_EIGEN_MAX ? an_quadratic_n_state(window, features) : 0;
}

const an_detector_type an_detector_pca = {
    .name = "pca",
    .meaning =
        "distance within the principal components and from them, each in units of its limit (T2 and Q)",
    .needs_model = false,
    .n_state = n_state,
    .n_scratch = an_quadratic_n_scratch,
    .fit = fit,
    .score = an_quadratic_score,
    .check = an_quadratic_check,
    .expect = an_quadratic_expect,
    .n_sums = an_quadratic_n_sums,
    .add = an_quadratic_add,
    .from_sums = from_sums,
};

const an_detector_type an_detector_t2 = {
    .name = "t2",
    .meaning = "distance within the principal components, in units of its limit (T2)",
    .other = "q",
    .needs_model = false,
    .n_state = n_state,
    .n_scratch = an_quadratic_n_scratch,
    .fit = fit,
    .score = an_quadratic_score,
    .check = an_quadratic_check,
    .expect = an_quadratic_expect,
    .n_sums = an_quadratic_n_sums,
    .add = an_quadratic_add,
    .from_sums = from_sums,
};

const an_detector_type an_detector_q = {
    .name = "q",
    .meaning = "distance from the principal components, in units of its limit (Q, squared prediction error)",
    .other = "t2",
    .needs_model = false,
    .n_state = n_state,
    .n_scratch = an_quadratic_n_scratch,
    .fit = fit,
    .score = an_quadratic_score,
    .check = an_quadratic_check,
    .expect = an_quadratic_expect,
    .n_sums = an_quadratic_n_sums,
    .add = an_quadratic_add,
    .from_sums = from_sums,
};
