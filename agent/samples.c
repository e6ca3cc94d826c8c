#include "agent/samples.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

size_t an_samples_context(const an_prep *prep)
{
    return an_prep_rows(&prep->conf);
}

an_err an_samples_inputs(const an_prep *prep, const float *raw, size_t n, size_t context, float **ret,
                         size_t *ret_n, size_t *which, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_prep_stream *stream = NULL;
    const size_t width = prep->width, input = an_prep_input(prep), need = an_samples_context(prep);
    size_t used = 0;
    an_prep each = *prep; /* borrows the arrays; every row gives an input, so the last one does */
    each.conf.stride = 1;
    if (context < need)
        return an_fail(AN_ERR_INVAL, why,
                       "samples have %zu rows, the version needs %zu: pool.window says how many", context,
                       need);
    float *x = an_alloc(n * input, sizeof *x);
    if (!x)
        goto out;
    if ((err = an_prep_stream_new(&each, &stream)) != AN_OK)
        goto out;
    for (size_t i = 0; i < n; i++) {
        const float *rows = raw + (i * context + (context - need)) * width;
        bool complete = false;
        an_prep_stream_reset(stream);
        for (size_t r = 0; r < need; r++)
            complete = an_prep_push(stream, rows + r * width, x + used * input);
        if (complete && which)
            which[used] = i;
        used += complete;
    }
    *ret = x;
    *ret_n = used;
    x = NULL;
    err = AN_OK;
out:
    an_prep_stream_free(stream);
    an_free(x);
    return err;
}

an_err an_samples_labelled(const an_prep *prep, const an_data_part *part, size_t context, size_t n_labels,
                           float **ret, float **ret_labels, size_t *ret_n, an_note *why)
{
    float *x = NULL, *labels = NULL;
    size_t n = 0, *which = an_alloc(part->n, sizeof *which);
    an_err err =
        which ? an_samples_inputs(prep, part->raw, part->n, context, &x, &n, which, why) : AN_ERR_NOMEM;
    if (err == AN_OK && part->labels && !(labels = an_alloc(n, n_labels * sizeof *labels)))
        err = AN_ERR_NOMEM;
    for (size_t i = 0; labels && i < n; i++)
        memcpy(labels + i * n_labels, part->labels + which[i] * n_labels, n_labels * sizeof *labels);
    an_free(which);
    if (err != AN_OK) {
        an_free(x);
        return err;
    }
    *ret = x;
    *ret_labels = labels;
    *ret_n = n;
    return AN_OK;
}

/* The first row after `from` that a window must not hold, or n_rows. */
static size_t next_missing(const float *rows, size_t n_rows, size_t width, size_t from)
{
    for (size_t r = from; r < n_rows; r++)
        for (size_t j = 0; j < width; j++)
            if (!isfinite(rows[r * width + j]))
                return r;
    return n_rows;
}

an_err an_samples_cut(const float *rows, size_t n_rows, size_t width, size_t context, size_t stride,
                      bool gaps, float **ret, size_t *ret_n, an_note *why)
{
    if (width == 0 || context == 0 || stride == 0)
        return an_fail(AN_ERR_INVAL, why, "windows of %zu rows, %zu sensors, every %zu rows", context, width,
                       stride);
    const size_t most = n_rows < context ? 0 : (n_rows - context) / stride + 1;
    const size_t sample = context * width;
    if (most > SIZE_MAX / (sample * sizeof(float)))
        return AN_ERR_NOMEM;
    float *raw = an_alloc(most * sample, sizeof *raw);
    if (!raw)
        return AN_ERR_NOMEM;
    size_t n = 0, missing = gaps ? n_rows : next_missing(rows, n_rows, width, 0);
    for (size_t at = 0; at + context <= n_rows; at += stride) {
        if (missing < at)
            missing = next_missing(rows, n_rows, width, at);
        if (missing >= at + context)
            memcpy(raw + n++ * sample, rows + at * width, sample * sizeof *raw);
    }
    *ret = raw;
    *ret_n = n;
    return AN_OK;
}
