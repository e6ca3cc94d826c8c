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

/* Residuals of n raw windows, in their order; with items only of those that show the mode.  *ret (*ret_n, width)
 * is the caller's. */
static an_err residuals(const an_suspect_in *in, an_scorer_work *work, const float *raw, size_t n,
                        const an_challenge_item *items, size_t mode, double **ret, size_t *ret_n,
                        an_note *why)
{
    const an_prep *prep = an_scorer_prep(in->scorer);
    const size_t input = an_prep_input(prep), width = prep->width;
    float *x = NULL;
    size_t used = 0, n_x = 0, *which = an_alloc(n, sizeof *which);
    an_err err = AN_ERR_NOMEM;
    double *each = an_alloc(n * width, sizeof *each);
    if (!each || !which)
        goto out;
    if ((err = an_samples_inputs(prep, raw, n, in->context, &x, &n_x, which, why)) != AN_OK)
        goto out;
    for (size_t i = 0; i < n_x; i++)
        if (!items || (items[which[i]].kind == AN_CHALLENGE_MODE && items[which[i]].index == mode))
            used += residual_of(in, work, x + i * input, each + used * width);
    *ret = each;
    *ret_n = used;
    each = NULL;
out:
    an_free(x);
    an_free(which);
    an_free(each);
    return err;
}

/* Their medians. */
static an_err usual_residual(const an_suspect_in *in, an_scorer_work *work, const float *raw, size_t n,
                             const an_challenge_item *items, size_t mode, double *ret, size_t *ret_n,
                             an_note *why)
{
    const size_t width = an_scorer_width(in->scorer);
    double *each = NULL, *column = an_alloc(n, sizeof *column);
    an_err err = column ? residuals(in, work, raw, n, items, mode, &each, ret_n, why) : AN_ERR_NOMEM;
    if (err == AN_OK)
        medians(each, *ret_n, width, column, ret);
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

/* What all comparisons share. */
typedef struct look {
    size_t width, modes, n;  /* n: residuals of what has changed */
    double *each, *column;   /* (n, width), and room for n */
    double *before, *change; /* (width) */
    double *mode;            /* (modes, width) away from before; 0 where no window shows it */
} look;

static void look_done(look *l)
{
    an_free(l->each);
    an_free(l->column);
    an_free(l->before);
    an_free(l->change);
    an_free(l->mode);
}

static an_err look_open(look *l, const an_suspect_in *in, an_scorer_work *work, an_note *why)
{
    size_t n_old, n_mode;
    *l = (look){.width = an_scorer_width(in->scorer), .modes = n_modes(in->challenge)};
    l->column = an_alloc(in->n_fresh, sizeof *l->column);
    l->before = an_alloc(l->width, sizeof *l->before);
    l->change = an_alloc(l->width, sizeof *l->change);
    l->mode = an_alloc(l->modes * l->width, sizeof *l->mode);
    if (!l->column || !l->before || !l->change || !l->mode)
        return AN_ERR_NOMEM;
    an_err err = usual_residual(in, work, in->old, in->n_old, NULL, 0, l->before, &n_old, why);
    if (err == AN_OK && n_old > 0)
        err = residuals(in, work, in->fresh, in->n_fresh, NULL, 0, &l->each, &l->n, why);
    for (size_t k = 0; k < l->modes && l->n > 0 && err == AN_OK; k++) {
        double *mode = l->mode + k * l->width;
        err = usual_residual(in, work, in->challenge->windows, in->challenge->n, in->challenge->items, k,
                             mode, &n_mode, why);
        for (size_t f = 0; f < l->width; f++)
            mode[f] = n_mode ? mode[f] - l->before[f] : 0;
    }
    return err;
}

/* The last n windows against the old data: which mode is the change most alike? */
static void compare_last(look *l, size_t n, an_suspect *best)
{
    an_suspect found = {.cosine = 0};
    medians(l->each + (l->n - n) * l->width, n, l->width, l->column, l->change);
    for (size_t f = 0; f < l->width; f++) {
        l->change[f] -= l->before[f];
        found.shift += l->change[f] * l->change[f];
    }
    found.shift = sqrt(found.shift);
    for (size_t k = 0; k < l->modes; k++) {
        const double cosine = cosine_of(l->change, l->mode + k * l->width, l->width);
        if (cosine > found.cosine) {
            found.cosine = cosine;
            found.mode = k;
        }
    }
    const bool is = an_suspect_is(&found), was = an_suspect_is(best);
    if (n == l->n || is > was || (is == was && found.cosine > best->cosine))
        *best = found;
}

an_err an_suspect_find(const an_suspect_in *in, an_suspect *ret, an_note *why)
{
    an_suspect best = {.cosine = 0};
    an_scorer_work *work = NULL;
    look l = {.n = 0};
    an_err err = an_scorer_work_new(in->scorer, 1, &work);
    if (err == AN_OK)
        err = look_open(&l, in, work, why);
    if (err == AN_OK && l.n > 0)
        compare_last(&l, l.n, &best);
    for (size_t n = l.n / 2; err == AN_OK && n > 0 && (n >= AN_SUSPECT_LEAST || n == l.n / 2); n /= 2)
        compare_last(&l, n, &best);
    if (err == AN_OK)
        *ret = best;
    look_done(&l);
    an_scorer_work_free(work);
    return err;
}
