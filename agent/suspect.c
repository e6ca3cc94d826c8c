#include "agent/suspect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/samples.h"
#include "base/mem.h"

bool an_suspect_is(const an_suspect *s)
{
    return s->cosine >= AN_SUSPECT_COSINE && s->shift >= AN_SUSPECT_SHIFT;
}

/* Residuals of one model input, meant over its rows, in standard deviations of the old data. */
static bool residual_of(const an_suspect_in *in, an_scorer_work *work, const float *x, double *ret)
{
    float score;
    const an_prep *prep = an_scorer_prep(in->scorer);
    const size_t width = prep->width, features = prep->features, rows = prep->conf.window;
    an_err err = an_scorer_score(in->scorer, work, x, 1, &score, NULL);
    const float *y = an_scorer_reconstruction(work);
    if (err != AN_OK || !y)
        return false;
    memset(ret, 0, width * sizeof *ret);
    for (size_t i = 0; i < rows * features; i++) {
        const size_t f = i % features; /* what a sensor said before is beside the point */
        if (f < width && in->sigma[f] > 0)
            ret[f] +=
                ((double)x[i] - (double)y[i]) * an_prep_scale_raw(prep, f) / in->sigma[f] / (double)rows;
    }
    return true;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* each: (n, width); column has room for n. */
static void medians(const double *each, size_t n, size_t width, double *column, double *ret)
{
    for (size_t f = 0; f < width; f++) {
        for (size_t i = 0; i < n; i++)
            column[i] = each[i * width + f];
        qsort(column, n, sizeof *column, ascending);
        ret[f] = n ? (column[(n - 1) / 2] + column[n / 2]) / 2 : 0;
    }
}

/* Usual residual of n raw windows: with items only of those that show the mode.  *ret_n: windows that
 * counted. */
static an_err usual_residual(const an_suspect_in *in, an_scorer_work *work, const float *raw, size_t n,
                             const an_challenge_item *items, size_t mode, double *ret, size_t *ret_n,
                             an_note *why)
{
    const an_prep *prep = an_scorer_prep(in->scorer);
    const size_t input = an_prep_input(prep), width = prep->width;
    float *x = NULL;
    size_t used = 0, n_x = 0, *which = an_alloc(n, sizeof *which);
    an_err err = AN_ERR_NOMEM;
    double *each = an_alloc(n * width, sizeof *each), *column = an_alloc(n, sizeof *column);
    if (!each || !column || !which)
        goto out;
    if ((err = an_samples_inputs(prep, raw, n, in->context, &x, &n_x, which, why)) != AN_OK)
        goto out;
    for (size_t i = 0; i < n_x; i++)
        if (!items || (items[which[i]].kind == AN_CHALLENGE_MODE && items[which[i]].index == mode))
            used += residual_of(in, work, x + i * input, each + used * width);
    medians(each, used, width, column, ret);
    *ret_n = used;
out:
    an_free(x);
    an_free(which);
    an_free(each);
    an_free(column);
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
    const size_t width = an_scorer_width(in->scorer), modes = n_modes(in->challenge);
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
    if ((err = usual_residual(in, work, in->old, in->n_old, NULL, 0, before, &n_old, why)) != AN_OK ||
        (err = usual_residual(in, work, in->fresh, in->n_fresh, NULL, 0, change, &n_fresh, why)) != AN_OK)
        goto out;
    for (size_t f = 0; f < width; f++) {
        change[f] -= before[f];
        found.shift += change[f] * change[f];
    }
    found.shift = n_old && n_fresh ? sqrt(found.shift) : 0;
    for (size_t k = 0; k < modes && found.shift > 0; k++) {
        err = usual_residual(in, work, in->challenge->windows, in->challenge->n, in->challenge->items, k,
                             mode, &n_mode, why);
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
