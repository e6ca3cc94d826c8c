/* Scores of the form d^2 = (x - m)^T P (x - m), of which P is the detector's own.  See quadratic.h. */
#include "models/detectors/quadratic.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "models/kernels/kernels.h"

#define RIDGE 1e-3 /* of the mean variance */
#define BLOCK 256u /* windows taken at a time */

size_t an_quadratic_n_state(uint32_t window, uint32_t features)
{
    size_t m = (size_t)window * features;
    return m <= AN_QUADRATIC_MAX ? m + m * m : 0;
}

size_t an_quadratic_n_scratch(uint32_t window, uint32_t features)
{
    const size_t m = (size_t)window * features, block = window + (size_t)window * window;
    return m + (m > block ? m : block);
}

bool an_quadratic_cholesky(double *a, size_t m)
{
    for (size_t j = 0; j < m; j++) {
        double d = a[j * m + j];
        for (size_t k = 0; k < j; k++)
            d -= a[j * m + k] * a[j * m + k];
        if (!(d > 0.0) || !isfinite(d))
            return false;
        d = sqrt(d);
        a[j * m + j] = d;
        for (size_t i = j + 1; i < m; i++) {
            double s = a[i * m + j];
            for (size_t k = 0; k < j; k++)
                s -= a[i * m + k] * a[j * m + k];
            a[i * m + j] = s / d;
        }
    }
    return true;
}

float an_quadratic_score(const an_detector *d, const float *x, const float *y, float *contributions,
                         double *scratch)
{
    size_t m = (size_t)d->window * d->features;
    const double *mean = d->state, *p = d->state + m;
    double *v = scratch, *pv = scratch + m;
    double d2 = 0.0;
    (void)y;
    for (size_t j = 0; j < m; j++)
        v[j] = (double)x[j] - mean[j];
    for (size_t j = 0; j < m; j++) {
        double s = 0.0;
        for (size_t k = 0; k < m; k++)
            s += p[j * m + k] * v[k];
        pv[j] = s;
        d2 += v[j] * s;
    }
    for (size_t f = 0; contributions && f < d->features; f++) {
        double sum = 0.0;
        for (size_t j = f; j < m; j += d->features)
            sum += pv[j] * pv[j] / p[j * m + j];
        contributions[f] = (float)sum;
    }
    return (float)(d2 < 0.0 ? 0.0 : d2); /* rounding; NAN stays NAN */
}

void an_quadratic_expect(const an_detector *d, const float *x, size_t sensor, float *ret, double *scratch)
{
    const size_t w = d->window, f = d->features, m = w * f;
    const double *mean = d->state, *p = d->state + m;
    double *v = scratch, *z = scratch + m, *l = z + w;
    for (size_t j = 0; j < m; j++)
        v[j] = (double)x[j] - mean[j];
    for (size_t t = 0; t < w; t++) {
        const double *row = p + (t * f + sensor) * m;
        z[t] = 0.0;
        for (size_t k = 0; k < m; k++)
            z[t] += row[k] * v[k];
        for (size_t u = 0; u < w; u++)
            l[t * w + u] = row[u * f + sensor];
    }
    const bool good = an_quadratic_cholesky(l, w);
    for (size_t t = 0; good && t < w; t++) {
        for (size_t k = 0; k < t; k++)
            z[t] -= l[t * w + k] * z[k];
        z[t] /= l[t * w + t];
    }
    for (size_t t = w; good && t-- > 0;) {
        for (size_t k = t + 1; k < w; k++)
            z[t] -= l[k * w + t] * z[k];
        z[t] /= l[t * w + t];
    }
    for (size_t t = 0; t < w; t++)
        ret[t] = good ? (float)((double)x[t * f + sensor] - z[t]) : NAN;
}

bool an_quadratic_check(const an_detector *d)
{
    size_t m = (size_t)d->window * d->features;
    const double *p = d->state + m;
    for (size_t j = 0; j < m; j++)
        if (!(p[j * m + j] > 0.0))
            return false;
    return true;
}

/* p = (L L^T)^-1, column by column: L z = e_c, then L^T p_c = z. */
static void invert(double *p, const double *l, double *z, size_t m)
{
    for (size_t c = 0; c < m; c++) {
        for (size_t i = 0; i < m; i++) {
            double s = i == c ? 1.0 : 0.0;
            for (size_t k = c; k < i; k++)
                s -= l[i * m + k] * z[k];
            z[i] = i < c ? 0.0 : s / l[i * m + i];
        }
        for (size_t i = m; i-- > 0;) {
            double s = z[i];
            for (size_t k = i + 1; k < m; k++)
                s -= l[k * m + i] * p[k * m + c];
            p[i * m + c] = s / l[i * m + i];
        }
    }
}

an_err an_quadratic_inverse(an_detector *d, const double *mean, const double *covariance, an_note *why)
{
    size_t m = (size_t)d->window * d->features;
    an_err err = AN_ERR_NOMEM;
    double trace = 0.0;
    double *l = an_alloc(m * m, sizeof *l);
    double *z = an_alloc(m, sizeof *z);
    if (!l || !z)
        goto out;
    memcpy(l, covariance, m * m * sizeof *l);
    for (size_t i = 0; i < m; i++)
        trace += covariance[i * m + i];
    for (size_t i = 0; i < m; i++)
        l[i * m + i] += RIDGE * (trace > 0.0 ? trace / (double)m : 1.0);
    err = AN_ERR_NUMERIC;
    if (!an_quadratic_cholesky(l, m)) {
        an_note_set(why, "the covariance is not positive definite");
        goto out;
    }
    memcpy(d->state, mean, m * sizeof *mean);
    invert(d->state + m, l, z, m);
    err = AN_OK;
out:
    an_free(l);
    an_free(z);
    return err;
}

/* ---- from sums over windows: of x (m), then of x x^T, its lower triangle row by row ---- */

size_t an_quadratic_n_sums(uint32_t window, uint32_t features)
{
    const size_t m = (size_t)window * features;
    return m + m * (m + 1) / 2;
}

an_err an_quadratic_add(const an_detector *d, const float *x, const float *y, size_t n, double *sums)
{
    (void)y;
    const size_t m = (size_t)d->window * d->features;
    double *block = an_alloc(BLOCK * m, sizeof *block), *gram = an_alloc(m * m, sizeof *gram);
    an_err err = block && gram ? AN_OK : AN_ERR_NOMEM;
    for (size_t i = 0, rows; i < n && err == AN_OK; i += rows) {
        rows = n - i < BLOCK ? n - i : BLOCK;
        for (size_t j = 0; j < rows * m; j++) {
            block[j] = (double)x[i * m + j];
            sums[j % m] += block[j];
        }
        an_gram(rows, m, block, gram);
    }
    for (size_t j = 0, at = m; j < m && err == AN_OK; j++)
        for (size_t k = 0; k <= j; k++)
            sums[at++] += gram[j * m + k];
    an_free(block);
    an_free(gram);
    return err;
}

an_err an_quadratic_moments(const an_detector *d, uint64_t n, const double *sums, double *mean,
                            double *covariance, an_note *why)
{
    const size_t m = (size_t)d->window * d->features;
    if (n < 2)
        return an_fail(AN_ERR_INVAL, why, "a covariance needs two windows or more");
    for (size_t j = 0; j < m; j++)
        mean[j] = sums[j] / (double)n;
    for (size_t j = 0, at = m; j < m; j++)
        for (size_t k = 0; k <= j; k++, at++) {
            const double c = (sums[at] - (double)n * mean[j] * mean[k]) / (double)(n - 1);
            covariance[j * m + k] = covariance[k * m + j] = c;
        }
    return AN_OK;
}

an_err an_quadratic_from(an_detector *d, uint64_t n, const double *sums, an_quadratic_set *set, an_note *why)
{
    const size_t m = (size_t)d->window * d->features;
    double *mean = an_alloc(m, sizeof *mean), *covariance = an_alloc(m * m, sizeof *covariance);
    an_err err = mean && covariance ? AN_OK : AN_ERR_NOMEM;
    if (err == AN_OK)
        err = an_quadratic_moments(d, n, sums, mean, covariance, why);
    if (err == AN_OK)
        err = set(d, mean, covariance, why);
    an_free(mean);
    an_free(covariance);
    return err;
}

an_err an_quadratic_fit(an_detector *d, const float *x, size_t n, an_quadratic_set *set, an_note *why)
{
    const size_t m = (size_t)d->window * d->features;
    if (n < 2)
        return an_fail(AN_ERR_INVAL, why, "a covariance needs two windows or more");
    an_err err = AN_ERR_NOMEM;
    double *mean = an_alloc(m, sizeof *mean), *cov = an_alloc(m * m, sizeof *cov);
    size_t rows = n < BLOCK ? n : BLOCK;
    double *centred = an_alloc(rows * m, sizeof *centred);
    if (!mean || !cov || !centred)
        goto out;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++)
            mean[j] += (double)x[i * m + j];
    for (size_t j = 0; j < m; j++)
        mean[j] /= (double)n;
    for (size_t i = 0; i < n; i += rows) {
        rows = n - i < BLOCK ? n - i : BLOCK;
        for (size_t j = 0; j < rows * m; j++)
            centred[j] = (double)x[i * m + j] - mean[j % m];
        an_gram(rows, m, centred, cov);
    }
    for (size_t j = 0; j < m; j++)
        for (size_t k = 0; k <= j; k++) {
            cov[j * m + k] /= (double)(n - 1);
            cov[k * m + j] = cov[j * m + k];
        }
    err = set(d, mean, cov, why);
out:
    an_free(mean);
    an_free(cov);
    an_free(centred);
    return err;
}
