/* Sums about 0 would lose digits where a mean is large; features are of the order of 1, and sums are doubles. */
#include "models/padim.h"

#include <math.h>

#define FLOOR                                                                                                \
    1e-6 /* of the mean square: images that are all the same still have noise to come, and sums their rounding */

size_t an_padim_values(size_t features)
{
    return features + features * (features + 1) / 2;
}

static size_t below(size_t i, size_t j)
{
    return i * (i + 1) / 2 + j;
}

void an_padim_add(double *sums, size_t features, const float *x)
{
    double *products = sums + features;
    for (size_t i = 0; i < features; i++) {
        sums[i] += (double)x[i];
        for (size_t j = 0; j <= i; j++)
            *products++ += (double)x[i] * (double)x[j];
    }
}

static double covariance(const double *sums, double n, size_t f, size_t i, size_t j)
{
    return (sums[f + below(i, j)] - sums[i] * sums[j] / n) / (n - 1);
}

/* The lower factor of one place's covariance.  False: not positive definite. */
static bool factorise(const double *sums, double n, size_t f, const double *ridge, double *l)
{
    for (size_t i = 0; i < f; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = covariance(sums, n, f, i, j) + (i == j ? ridge[i] : 0);
            for (size_t m = 0; m < j; m++)
                sum -= l[below(i, m)] * l[below(j, m)];
            if (i == j && !(sum > 0))
                return false;
            l[below(i, j)] = i == j ? sqrt(sum) : sum / l[below(j, j)];
        }
    return true;
}

an_err an_padim_fit(const double *sums, double n, size_t places, size_t features, double ridge, double *ret,
                    an_note *why)
{
    double add[AN_PADIM_FEATURES_MAX] = {0}, square[AN_PADIM_FEATURES_MAX] = {0};
    const size_t each = an_padim_values(features);
    if (!(n >= 2))
        return an_fail(AN_ERR_INVAL, why, "a map of what is usual needs two images at least");
    for (size_t k = 0; k < places; k++)
        for (size_t i = 0; i < features; i++) {
            add[i] += ridge * fmax(covariance(sums + k * each, n, features, i, i), 0) / (double)places;
            square[i] += sums[k * each + features + below(i, i)] / n / (double)places;
        }
    for (size_t i = 0; i < features; i++)
        add[i] = fmax(add[i], FLOOR * square[i] + 1e-12);
    for (size_t k = 0; k < places; k++) {
        for (size_t i = 0; i < features; i++)
            ret[k * each + i] = sums[k * each + i] / n;
        if (!factorise(sums + k * each, n, features, add, ret + k * each + features))
            return an_fail(AN_ERR_NUMERIC, why, "what is added up for place %zu are no moments of images", k);
    }
    return AN_OK;
}

bool an_padim_check(const double *state, size_t features)
{
    for (size_t i = 0; i < features; i++)
        if (!(state[features + below(i, i)] > 0))
            return false;
    return true;
}

/* L z = x - mean. */
double an_padim_square(const double *state, size_t features, const float *x)
{
    const double *l = state + features;
    double z[AN_PADIM_FEATURES_MAX], square = 0;
    for (size_t i = 0; i < features; i++) {
        z[i] = (double)x[i] - state[i];
        for (size_t j = 0; j < i; j++)
            z[i] -= *l++ * z[j];
        z[i] /= *l++;
        square += z[i] * z[i];
    }
    return square;
}

double an_padim_first(const double *state, size_t features, const float *x)
{
    const double z = ((double)x[0] - state[0]) / state[features];
    return z * z;
}
