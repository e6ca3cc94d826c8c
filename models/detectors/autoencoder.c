/* Two scores of what a model could not reconstruct, in z-scored units.
 *
 * autoencoder:     mean over the window of (x - x^)^2 / s_j^2, s_j the root mean square
 * residual of sensor j on normal data.  Raw residuals would favour noisy sensors.  On the data
 * it was calibrated on its mean is 1. reconstruction:  mean over the window of (x - x^)^2,
 * nothing learned but the unit.
 *
 * A sensor's contribution is its part of the mean, added up over the window's rows. */
#include <math.h>

#include "models/detector.h"

/* In standard deviations of the sensor: a residual below it is as good as none.  It keeps
 * sensors that are constant in training, and are reconstructed perfectly, from ruling the
 * score. */
#define RESIDUAL_FLOOR 0.05

static size_t one_per_feature(uint32_t window, uint32_t features)
{
    (void)window;
    return features;
}

static size_t none(uint32_t window, uint32_t features)
{
    (void)window;
    (void)features;
    return 1;
}

static an_err fit_residuals(an_detector *d, const float *x, const float *y, size_t n, an_note *why)
{
    (void)why;
    size_t rows = n * d->window;
    for (size_t j = 0; j < d->features; j++) {
        double square = 0.0;
        for (size_t i = 0; i < rows; i++) {
            double r = (double)x[i * d->features + j] - (double)y[i * d->features + j];
            square += r * r;
        }
        double rms = sqrt(square / (double)rows);
        d->state[j] = rms > RESIDUAL_FLOOR ? rms : RESIDUAL_FLOOR;
    }
    return AN_OK;
}

static an_err fit_nothing(an_detector *d, const float *x, const float *y, size_t n, an_note *why)
{
    (void)x;
    (void)y;
    (void)n;
    (void)why;
    for (size_t j = 0; j < d->features; j++)
        d->state[j] = 1.0;
    return AN_OK;
}

static bool all_positive(const an_detector *d)
{
    for (size_t j = 0; j < d->n_state; j++)
        if (!(d->state[j] > 0.0))
            return false;
    return true;
}

static float score(const an_detector *d, const float *x, const float *y, float *contributions,
                   double *scratch)
{
    double total = 0.0;
    double cells = (double)d->window * (double)d->features;
    (void)scratch;
    for (size_t j = 0; j < d->features; j++) {
        double sum = 0.0;
        for (size_t i = 0; i < d->window; i++) {
            double r = ((double)x[i * d->features + j] - (double)y[i * d->features + j]) / d->state[j];
            sum += r * r;
        }
        sum /= cells;
        if (contributions)
            contributions[j] = (float)sum;
        total += sum;
    }
    return (float)total;
}

const an_detector_type an_detector_autoencoder = {
    .name = "autoencoder",
    .meaning = "mean square of the residual, each sensor in units of its usual residual",
    .needs_model = true,
    .n_state = one_per_feature,
    .n_scratch = none,
    .fit = fit_residuals,
    .score = score,
    .check = all_positive,
};

const an_detector_type an_detector_reconstruction = {
    .name = "reconstruction",
    .meaning = "mean square of the residual",
    .needs_model = true,
    .n_state = one_per_feature,
    .n_scratch = none,
    .fit = fit_nothing,
    .score = score,
    .check = all_positive,
};
