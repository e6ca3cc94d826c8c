/* The detectors' table and what they share: memory, checks, batches. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "models/detector.h"

#define AN_DETECTOR(name) extern const an_detector_type an_detector_##name;
#include "models/detectors.def"
#undef AN_DETECTOR

static const an_detector_type *const types[] = {
#define AN_DETECTOR(name) &an_detector_##name,
#include "models/detectors.def"
#undef AN_DETECTOR
};

const an_detector_type *an_detector_at(size_t i)
{
    return i < sizeof types / sizeof *types ? types[i] : NULL;
}

const an_detector_type *an_detector_find(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i]->name, name) == 0)
            return types[i];
    return NULL;
}

an_err an_detector_new(const char *name, uint32_t window, uint32_t features, an_detector **ret, an_note *why)
{
    const an_detector_type *type = an_detector_find(name);
    if (!type)
        return an_fail(AN_ERR_INVAL, why, "there is no detector \"%.40s\"", name);
    size_t n = window > 0 && features > 0 ? type->n_state(window, features) : 0;
    if (n == 0 || n > AN_DETECTOR_STATE_MAX)
        return an_fail(AN_ERR_INVAL, why, "%s: windows of %u rows with %u features are too large", name,
                       window, features);
    an_detector *d = an_alloc(1, sizeof *d);
    if (!d)
        return AN_ERR_NOMEM;
    *d = (an_detector){.type = type, .window = window, .features = features, .n_state = n};
    d->state = an_alloc(n, sizeof *d->state);
    if (!d->state) {
        an_detector_free(d);
        return AN_ERR_NOMEM;
    }
    *ret = d;
    return AN_OK;
}

void an_detector_blank(an_detector *d, uint64_t seed)
{
    for (size_t i = 0; i < d->n_state; i++)
        d->state[i] = 1;
    if (d->type->blank)
        d->type->blank(d, seed);
}

bool an_detector_is_blank(const an_detector *d)
{
    size_t i = 0;
    while (i < d->n_state && d->state[i] == 1)
        i++;
    return i == d->n_state;
}

an_err an_detector_copy(const an_detector *d, an_detector **ret)
{
    an_err err = an_detector_new(d->type->name, d->window, d->features, ret, NULL);
    if (err == AN_OK)
        memcpy((*ret)->state, d->state, d->n_state * sizeof *d->state);
    return err;
}

static bool state_is_good(const an_detector *d)
{
    for (size_t i = 0; i < d->n_state; i++)
        if (!isfinite(d->state[i]))
            return false;
    return d->type->check(d);
}

an_err an_detector_restore(const char *name, uint32_t window, uint32_t features, const double *state,
                           size_t n_state, an_detector **ret, an_note *why)
{
    an_detector *d = NULL;
    an_err err = an_detector_new(name, window, features, &d, why);
    if (err != AN_OK)
        return err;
    bool good = n_state == d->n_state;
    if (good) {
        memcpy(d->state, state, n_state * sizeof *state);
        good = state_is_good(d);
    }
    if (!good) {
        an_detector_free(d);
        return an_fail(AN_ERR_PROTO, why, "%s: this is not a detector's state", name);
    }
    *ret = d;
    return AN_OK;
}

void an_detector_free(an_detector *d)
{
    if (!d)
        return;
    an_free(d->state);
    an_free(d);
}

/* y NULL: there is no model. */
static an_err check_windows(const an_detector *d, const float *x, const float *y, size_t n, an_note *why)
{
    size_t input = (size_t)d->window * d->features;
    if (n == 0)
        return an_fail(AN_ERR_INVAL, why, "there are no windows to calibrate on");
    for (size_t i = 0; i < n * input; i++)
        if (!isfinite(x[i]) || (y && !isfinite(y[i])))
            return an_fail(AN_ERR_NUMERIC, why, "window %zu is not finite", i / input);
    return AN_OK;
}

static an_err check_fit(const an_detector *d, an_note *why)
{
    return state_is_good(d)
               ? AN_OK
               : an_fail(AN_ERR_NUMERIC, why, "%s: calibration did not give finite numbers", d->type->name);
}

an_err an_detector_fit(an_detector *d, const float *x, const float *y, size_t n, an_note *why)
{
    an_err err = check_windows(d, x, d->type->needs_model ? y : NULL, n, why);
    if (err == AN_OK)
        err = d->type->fit(d, x, y, n, why);
    return err == AN_OK ? check_fit(d, why) : err;
}

size_t an_detector_n_sums(const an_detector *d)
{
    return d && d->type->n_sums ? d->type->n_sums(d->window, d->features) : 0;
}

an_err an_detector_add(const an_detector *d, const float *x, const float *y, size_t n, double *sums,
                       an_note *why)
{
    if (!d->type->add)
        return an_fail(AN_ERR_UNSUPPORTED, why, "%s does not follow from sums", d->type->name);
    an_err err = check_windows(d, x, d->type->needs_model ? y : NULL, n, why);
    return err == AN_OK ? d->type->add(d, x, y, n, sums) : err;
}

an_err an_detector_from_sums(an_detector *d, uint64_t n, const double *sums, an_note *why)
{
    if (!d->type->from_sums)
        return an_fail(AN_ERR_UNSUPPORTED, why, "%s does not follow from sums", d->type->name);
    an_err err = d->type->from_sums(d, n, sums, why);
    return err == AN_OK ? check_fit(d, why) : err;
}

size_t an_detector_scratch(const an_detector *d)
{
    return d->type->n_scratch(d->window, d->features);
}

void an_detector_score(const an_detector *d, const float *x, const float *y, size_t n, float *scores,
                       float *contributions, double *scratch)
{
    size_t input = (size_t)d->window * d->features;
    for (size_t i = 0; i < n; i++)
        scores[i] = d->type->score(d, x + i * input, y ? y + i * input : NULL,
                                   contributions ? contributions + i * d->features : NULL, scratch);
}
