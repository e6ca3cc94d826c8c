/* Rows into model inputs.  A table is a stream that is pushed row by row: there is one path, so both give
 * the same bits.  Behind the chain the stream keeps two rings: the scaled rows of the causal mean, and the
 * smoothed rows of the window.  The mean is added up anew for each row, oldest first, so that its bits
 * depend on those rows alone and not on how long the stream has run. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "models/prep_internal.h"

struct an_prep_stream {
    const an_prep *p;
    an_chain_stream *chain;
    float *held;   /* (features) last good values before scaling */
    float *last;   /* (features) newest scaled row */
    float *smooth; /* (smooth, features) ring of scaled rows */
    float *window; /* (window, features) ring of smoothed rows */
    size_t smooth_at, smooth_n;
    size_t window_at, window_n;
    size_t wait;   /* rows until the next window may come out */
    size_t regime; /* of the newest row */
    bool rests;
};

an_err an_prep_stream_new(const an_prep *p, an_prep_stream **ret)
{
    an_prep_stream *s = an_alloc(1, sizeof *s);
    if (!s)
        return AN_ERR_NOMEM;
    s->p = p;
    an_err err = an_chain_stream_new(p->conf.chain, &s->chain);
    s->held = an_alloc(p->features, sizeof *s->held);
    s->last = an_alloc(p->features, sizeof *s->last);
    s->smooth = an_alloc((size_t)p->conf.smooth * p->features, sizeof *s->smooth);
    s->window = an_alloc(an_prep_input(p), sizeof *s->window);
    if (err != AN_OK || !s->held || !s->last || !s->smooth || !s->window) {
        an_prep_stream_free(s);
        return AN_ERR_NOMEM;
    }
    an_prep_stream_reset(s);
    *ret = s;
    return AN_OK;
}

void an_prep_stream_free(an_prep_stream *s)
{
    if (!s)
        return;
    an_chain_stream_free(s->chain);
    an_free(s->held);
    an_free(s->last);
    an_free(s->smooth);
    an_free(s->window);
    an_free(s);
}

static void restart_window(an_prep_stream *s)
{
    s->smooth_at = s->smooth_n = 0;
    s->window_at = s->window_n = 0;
    s->wait = 0;
}

void an_prep_stream_reset(an_prep_stream *s)
{
    restart_window(s);
    an_chain_stream_reset(s->chain);
    memcpy(s->held, s->p->mean, s->p->features * sizeof *s->held);
}

const float *an_prep_last(const an_prep_stream *s)
{
    return s->last;
}

size_t an_prep_regime(const an_prep_stream *s)
{
    return s->regime;
}

bool an_prep_rests(const an_prep_stream *s)
{
    return s->rests;
}

/* Fills, scales and clamps one row into s->last.  False: the row is dropped. */
static bool scale_row(an_prep_stream *s, const float *row)
{
    const an_prep *p = s->p;
    const float *mean = p->mean + s->regime * p->features, *scale = p->scale + s->regime * p->features;
    float clamp = p->conf.clamp;
    if (p->conf.missing == AN_MISSING_SKIP)
        for (size_t j = 0; j < p->features; j++)
            if (!isfinite(row[j]))
                return false;
    for (size_t j = 0; j < p->features; j++) {
        float x = row[j];
        if (isfinite(x))
            s->held[j] = x;
        else
            x = p->conf.missing == AN_MISSING_HOLD ? s->held[j] : mean[j];
        /* In float64: the difference of two large floats may overflow. */
        double z = ((double)x - (double)mean[j]) / (double)scale[j];
        if (clamp > 0.0f)
            z = z > (double)clamp ? (double)clamp : z < -(double)clamp ? -(double)clamp : z;
        else
            z = z > 1e30 ? 1e30 : z < -1e30 ? -1e30 : z;
        s->last[j] = (float)z;
    }
    return true;
}

/* The causal mean of the last rows into `out`.  False: there are not enough yet. */
static bool smooth_row(an_prep_stream *s, float *out)
{
    size_t k = s->p->conf.smooth, f = s->p->features;
    if (k == 1) {
        memcpy(out, s->last, f * sizeof *out);
        return true;
    }
    memcpy(s->smooth + s->smooth_at * f, s->last, f * sizeof *out);
    s->smooth_at = (s->smooth_at + 1) % k;
    if (s->smooth_n < k)
        s->smooth_n++;
    if (s->smooth_n < k)
        return false;
    for (size_t j = 0; j < f; j++) {
        double sum = 0.0;
        for (size_t i = 0, at = s->smooth_at; i < k; i++, at = at + 1 == k ? 0 : at + 1)
            sum += (double)s->smooth[at * f + j];
        out[j] = (float)(sum / (double)k);
    }
    return true;
}

bool an_prep_push(an_prep_stream *s, const float *row, float *ret_window)
{
    const an_prep *p = s->p;
    const size_t w = p->conf.window, f = p->features;
    const an_chain_out out = an_chain_push(s->chain, row, &row, &s->regime);
    if (out == AN_CHAIN_NONE)
        return false;
    s->rests = out == AN_CHAIN_REST || p->constant[s->regime * f] == AN_PREP_NEVER;
    if (s->rests || !scale_row(s, row)) {
        restart_window(s);
        return false;
    }
    if (!smooth_row(s, s->window + s->window_at * f))
        return false;
    s->window_at = (s->window_at + 1) % w;
    if (s->window_n < w)
        s->window_n++;
    if (s->wait > 0)
        s->wait--;
    if (s->window_n < w || s->wait > 0)
        return false;
    s->wait = p->conf.stride;
    size_t tail = w - s->window_at; /* the oldest row is at window_at */
    memcpy(ret_window, s->window + s->window_at * f, tail * f * sizeof *ret_window);
    memcpy(ret_window + tail * f, s->window, s->window_at * f * sizeof *ret_window);
    return true;
}

an_err an_prep_windows(const an_prep *p, const float *rows, size_t n, an_windows *ret)
{
    an_windows w = {.input = an_prep_input(p)};
    an_prep_stream *s = NULL;
    float *one = NULL;
    size_t x_cap = 0, last_cap = 0;
    an_err err = an_prep_stream_new(p, &s);
    if (err != AN_OK)
        goto out;
    err = AN_ERR_NOMEM;
    one = an_alloc(w.input, sizeof *one);
    if (!one)
        goto out;
    for (size_t i = 0; i < n; i++) {
        if (!an_prep_push(s, rows + i * p->width, one))
            continue;
        if (!an_grow(&w.x, &x_cap, (w.n + 1) * w.input, sizeof *w.x) ||
            !an_grow(&w.last, &last_cap, w.n + 1, sizeof *w.last))
            goto out;
        memcpy(w.x + w.n * w.input, one, w.input * sizeof *one);
        w.last[w.n++] = i;
    }
    *ret = w;
    w = (an_windows){0};
    err = AN_OK;
out:
    an_windows_done(&w);
    an_prep_stream_free(s);
    an_free(one);
    return err;
}

void an_windows_done(an_windows *w)
{
    if (!w)
        return;
    an_free(w->x);
    an_free(w->last);
    *w = (an_windows){0};
}
