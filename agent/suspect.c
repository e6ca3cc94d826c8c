#include "agent/suspect.h"

#include <math.h>

#include "agent/samples.h"
#include "base/mem.h"

bool an_suspect_is(const an_suspect *s)
{
    return s->cosine >= AN_SUSPECT_COSINE && s->shift >= AN_SUSPECT_SHIFT;
}

/* Adds the residuals of one model input to sum (width), in standard deviations of the old data. */
static bool add_residual(const an_suspect_in *in, an_scorer_work *work, const float *x, double *sum)
{
    float score;
    const an_prep *prep = an_scorer_prep(in->scorer);
    const size_t width = prep->features, rows = an_prep_input(prep) / width;
    an_err err = an_scorer_score(in->scorer, work, x, 1, &score, NULL);
    const float *y = an_scorer_reconstruction(work);
    if (err != AN_OK || !y)
        return false;
    for (size_t i = 0; i < rows * width; i++) {
        size_t f = i % width;
        if (in->sigma[f] > 0)
            sum[f] += ((double)x[i] - (double)y[i]) * (double)prep->scale[f] / in->sigma[f] / (double)rows;
    }
    return true;
}

/* Mean residual of n raw windows, those for which pick says yes.  *ret_n: windows that counted. */
static an_err mean_residual(const an_suspect_in *in, an_scorer_work *work, const float *raw, size_t n,
                            const an_challenge_item *items, size_t mode, double *ret, size_t *ret_n,
                            an_note *why)
{
    const an_prep *prep = an_scorer_prep(in->scorer);
    const size_t input = an_prep_input(prep);
    float *x = NULL;
    size_t used = 0;
    for (size_t f = 0; f < prep->features; f++)
        ret[f] = 0;
    an_err err = an_samples_inputs(prep, raw, n, in->context, &x, why);
    for (size_t i = 0; err == AN_OK && i < n; i++)
        if (!items || (items[i].kind == AN_CHALLENGE_MODE && items[i].index == mode))
            used += add_residual(in, work, x + i * input, ret);
    for (size_t f = 0; used && f < prep->features; f++)
        ret[f] /= (double)used;
    an_free(x);
    *ret_n = used;
    return err;
}

static double cosine_of(const double *a, const double *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

static size_t n_modes(const an_challenge *set)
{
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++)
        if (set->items[i].kind == AN_CHALLENGE_MODE && set->items[i].index >= n)
            n = set->items[i].index + 1;
    return n;
}

an_err an_suspect_find(const an_suspect_in *in, an_suspect *ret, an_note *why)
{
    const size_t width = an_scorer_features(in->scorer), modes = n_modes(in->challenge);
    an_suspect found = {.cosine = 0};
    an_scorer_work *work = NULL;
    size_t n_old, n_fresh, n_mode;
    an_err err = AN_ERR_NOMEM;
    double *before = an_alloc(width, sizeof *before), *change = an_alloc(width, sizeof *change);
    double *mode = an_alloc(width, sizeof *mode);
    if (!before || !change || !mode)
        goto out;
    if ((err = an_scorer_work_new(in->scorer, 1, &work)) != AN_OK)
        goto out;
    if ((err = mean_residual(in, work, in->old, in->n_old, NULL, 0, before, &n_old, why)) != AN_OK ||
        (err = mean_residual(in, work, in->fresh, in->n_fresh, NULL, 0, change, &n_fresh, why)) != AN_OK)
        goto out;
    for (size_t f = 0; f < width; f++) {
        change[f] -= before[f];
        found.shift += change[f] * change[f];
    }
    found.shift = n_old && n_fresh ? sqrt(found.shift) : 0;
    for (size_t k = 0; k < modes && found.shift > 0; k++) {
        err = mean_residual(in, work, in->challenge->windows, in->challenge->n, in->challenge->items, k, mode,
                            &n_mode, why);
        if (err != AN_OK)
            goto out;
        for (size_t f = 0; f < width; f++)
            mode[f] -= before[f];
        double cosine = n_mode ? cosine_of(change, mode, width) : 0;
        if (cosine > found.cosine) {
            found.cosine = cosine;
            found.mode = k;
        }
    }
    *ret = found;
out:
    an_scorer_work_free(work);
    an_free(before);
    an_free(change);
    an_free(mode);
    return err;
}
