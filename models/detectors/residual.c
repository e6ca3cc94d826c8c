/* T2 over several lengths of time: the squared distance of means over the last rows from their normal mean, in units of
 * their normal covariance.  What moves together leaves residuals that do; a small change that lasts counts for more than
 * a large one that does not; and where the last row is one of the lengths, what has just begun is not averaged away.
 *
 *     residual          what a model could not reconstruct, mean over the window
 *     residual_scales   the same over the last row, the last third of the window and all of it, jointly
 *     scales            the values themselves over these three, without a model
 *
 * Lengths that a short window has in common count once.  All follow from sums over windows.
 *
 * State, contributions: quadratic.h, of a window with one row for each length. */
#include "base/mem.h"
#include "models/detectors/quadratic.h"

#define LENGTHS_MAX 3

extern const an_detector_type an_detector_residual;

static uint32_t lengths(bool several, uint32_t window, uint32_t ret[LENGTHS_MAX])
{
    const uint32_t all[LENGTHS_MAX] = {window, (window + 2) / 3, 1};
    uint32_t n = 0;
    for (uint32_t i = 0; i < (several ? LENGTHS_MAX : 1); i++)
        if (n == 0 || all[i] < ret[n - 1])
            ret[n++] = all[i];
    return n;
}

static an_detector means_of(const an_detector *d)
{
    uint32_t ignored[LENGTHS_MAX];
    an_detector means = *d;
    means.window = lengths(d->type != &an_detector_residual, d->window, ignored);
    return means;
}

static void take_means(const an_detector *d, const float *x, const float *y, float *ret)
{
    uint32_t length[LENGTHS_MAX];
    const uint32_t n = lengths(d->type != &an_detector_residual, d->window, length);
    for (uint32_t k = 0; k < n; k++)
        for (size_t j = 0; j < d->features; j++) {
            double sum = 0;
            for (size_t i = d->window - length[k]; i < d->window; i++)
                sum += (double)x[i * d->features + j] -
                       (d->type->needs_model ? (double)y[i * d->features + j] : 0);
            ret[k * d->features + j] = (float)(sum / (double)length[k]);
        }
}

static an_err all_means(const an_detector *d, const float *x, const float *y, size_t n, float **ret)
{
    const size_t input = (size_t)d->window * d->features, m = (size_t)means_of(d).window * d->features;
    float *r = an_alloc(n, m * sizeof *r);
    if (!r)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        take_means(d, x + i * input, y ? y + i * input : NULL, r + i * m);
    *ret = r;
    return AN_OK;
}

static an_err fit(an_detector *d, const float *x, const float *y, size_t n, an_note *why)
{
    an_detector means = means_of(d);
    float *r = NULL;
    an_err err = all_means(d, x, y, n, &r);
    if (err == AN_OK)
        err = an_quadratic_fit(&means, r, n, an_quadratic_inverse, why);
    an_free(r);
    return err;
}

static an_err add(const an_detector *d, const float *x, const float *y, size_t n, double *sums)
{
    const an_detector means = means_of(d);
    float *r = NULL;
    an_err err = all_means(d, x, y, n, &r);
    if (err == AN_OK)
        err = an_quadratic_add(&means, r, NULL, n, sums);
    an_free(r);
    return err;
}

static an_err from_sums(an_detector *d, uint64_t n, const double *sums, an_note *why)
{
    an_detector means = means_of(d);
    return an_quadratic_from(&means, n, sums, an_quadratic_inverse, why);
}

static float score(const an_detector *d, const float *x, const float *y, float *contributions,
                   double *scratch)
{
    const an_detector means = means_of(d);
    float *r = (float *)(void *)(scratch + an_quadratic_n_scratch(means.window, d->features));
    take_means(d, x, y, r);
    return an_quadratic_score(&means, r, NULL, contributions, scratch);
}

static bool check(const an_detector *d)
{
    const an_detector means = means_of(d);
    return an_quadratic_check(&means);
}

/* ---- sizes ---- */

static size_t scratch_of(uint32_t n, uint32_t features)
{
    return an_quadratic_n_scratch(n, features) + (size_t)n * features; /* the means */
}

static size_t one_state(uint32_t window, uint32_t features)
{
    (void)window;
    return an_quadratic_n_state(1, features);
}

static size_t one_scratch(uint32_t window, uint32_t features)
{
    (void)window;
    return scratch_of(1, features);
}

static size_t one_sums(uint32_t window, uint32_t features)
{
    (void)window;
    return an_quadratic_n_sums(1, features);
}

static size_t several_state(uint32_t window, uint32_t features)
{
    uint32_t ignored[LENGTHS_MAX];
    return an_quadratic_n_state(lengths(true, window, ignored), features);
}

static size_t several_scratch(uint32_t window, uint32_t features)
{
    uint32_t ignored[LENGTHS_MAX];
    return scratch_of(lengths(true, window, ignored), features);
}

static size_t several_sums(uint32_t window, uint32_t features)
{
    uint32_t ignored[LENGTHS_MAX];
    return an_quadratic_n_sums(lengths(true, window, ignored), features);
}

const an_detector_type an_detector_residual = {
    .name = "residual",
    .meaning = "squared distance of the window's mean residual in units of its normal covariance",
    .needs_model = true,
    .n_state = one_state,
    .n_scratch = one_scratch,
    .fit = fit,
    .score = score,
    .check = check,
    .n_sums = one_sums,
    .add = add,
    .from_sums = from_sums,
};

const an_detector_type an_detector_residual_scales = {
    .name = "residual_scales",
    .meaning = "squared distance of mean residuals over one row, a third of the window and all of it",
    .needs_model = true,
    .n_state = several_state,
    .n_scratch = several_scratch,
    .fit = fit,
    .score = score,
    .check = check,
    .n_sums = several_sums,
    .add = add,
    .from_sums = from_sums,
};

const an_detector_type an_detector_scales = {
    .name = "scales",
    .meaning = "squared distance of means over one row, a third of the window and all of it",
    .needs_model = false,
    .n_state = several_state,
    .n_scratch = several_scratch,
    .fit = fit,
    .score = score,
    .check = check,
    .n_sums = several_sums,
    .add = add,
    .from_sums = from_sums,
};
