/* Where an image is not as it should be: what the live version's detector says of each place, or residuals of its model in units of what is
 * usual there. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/live_internal.h"
#include "agent/samples.h"
#include "base/mem.h"

#define WINDOWS_MOST 128
#define NORMAL_SHARE 0.95 /* of normal images have no place above the limit */
#define OF_THE_HIGHEST                                                                                       \
    0.25               /* a box holds what is at least so high, so that the blur around it is not in it */
#define BLUR_PART 32.0 /* of the shorter side; a pixel at least */
#define BOX_PART 1024  /* of the pixels: fewer are no box */

void an_live_map_done(an_scored *s)
{
    an_mapping *m = s->mapping;
    if (!m)
        return;
    an_free(m->usual);
    an_free(m->values);
    an_free(m->map);
    an_free(m->scratch);
    an_free(m->labels);
    an_free(m->scale);
    an_free(m);
    s->mapping = NULL;
}

static bool make_room(an_scored *s, size_t channels)
{
    const an_prep *prep = an_scorer_prep(s->scorer);
    an_mapping *m = s->mapping = an_alloc(1, sizeof *m);
    if (!m)
        return false;
    *m = (an_mapping){.height = prep->conf.window, .width = prep->width / channels, .channels = channels};
    const size_t pixels = m->height * m->width;
    m->usual = an_alloc(pixels, sizeof *m->usual);
    m->map = an_alloc(pixels, sizeof *m->map);
    m->scratch = an_alloc(pixels, sizeof *m->scratch);
    m->labels = an_alloc(2 * pixels, sizeof *m->labels);
    m->scale = an_alloc(prep->width, sizeof *m->scale);
    for (size_t j = 0; m->scale && j < prep->width; j++)
        m->scale[j] = (float)an_prep_scale_raw(prep, j);
    if (an_scorer_maps(s->scorer) && !(m->values = an_alloc(pixels, channels * sizeof *m->values)))
        return false;
    return m->usual && m->map && m->scratch && m->labels && m->scale;
}

static double blur(const an_mapping *m)
{
    const size_t side = m->height < m->width ? m->height : m->width;
    return fmax((double)side / BLUR_PART, 1);
}

/* What the model makes of a window.  Errors: NUMERIC, UNSUPPORTED. */
static an_err look(an_scored *s, const float *x, const float **ret)
{
    float score;
    an_err err = an_scorer_score(s->scorer, s->work, x, 1, &score, NULL);
    *ret = an_scorer_reconstruction(s->work);
    return err == AN_OK && !*ret ? AN_ERR_UNSUPPORTED : err;
}

/* A pixel is as odd as the oddest of its channels. */
static void flatten(an_mapping *m)
{
    for (size_t i = 0; i < m->height * m->width; i++) {
        m->map[i] = m->values[i * m->channels];
        for (size_t c = 1; c < m->channels; c++)
            m->map[i] = fmaxf(m->map[i], m->values[i * m->channels + c]);
    }
}

static an_err draw(an_scored *s, const float *x)
{
    an_mapping *m = s->mapping;
    const float *y = NULL;
    an_err err = m->values ? an_scorer_map(s->scorer, s->work, x, m->values) : look(s, x, &y);
    if (err != AN_OK)
        return err;
    if (m->values) { /* of places, which are as coarse as a blur would make it */
        flatten(m);
    } else {
        an_heatmap_residual(x, y, m->usual, m->height, m->width, m->channels, m->map);
        an_heatmap_smooth(m->map, m->height, m->width, blur(m), m->scratch);
    }
    return isfinite(an_heatmap_peak(m->map, m->height, m->width)) ? AN_OK : AN_ERR_NUMERIC;
}

static int by_size(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static an_err learn_usual(an_scored *s, const float *x, size_t n, double *sum)
{
    an_mapping *m = s->mapping;
    const size_t pixels = m->height * m->width, input = pixels * m->channels, half = (n + 1) / 2;
    const float *y = NULL;
    an_err err = AN_OK;
    for (size_t i = 0; i < n && err == AN_OK; i += 2)
        if ((err = look(s, x + i * input, &y)) == AN_OK)
            an_heatmap_learn(x + i * input, y, m->height, m->width, m->channels, sum);
    for (size_t k = 0; k < pixels; k++)
        m->usual[k] = (float)(sum[k] / (double)half);
    an_heatmap_smooth(m->usual, m->height, m->width, blur(m), m->scratch);
    return err;
}

/* What is usual from every other image, how high normal maps are from the rest: a model's image is not held against itself.  A detector's own
 * map may have been made of these images too; its limit is then rather low. */
static an_err learn(an_scored *s, const float *x, size_t n, float *peaks, double *sum)
{
    an_mapping *m = s->mapping;
    const size_t input = m->height * m->width * m->channels;
    an_err err = m->values ? AN_OK : learn_usual(s, x, n, sum);
    size_t n_peaks = 0;
    for (size_t i = 1; i < n && err == AN_OK; i += 2)
        if ((err = draw(s, x + i * input)) == AN_OK)
            peaks[n_peaks++] = an_heatmap_peak(m->map, m->height, m->width);
    if (err != AN_OK)
        return err;
    qsort(peaks, n_peaks, sizeof *peaks, by_size);
    m->limit = (double)peaks[(size_t)(NORMAL_SHARE * (double)(n_peaks - 1))];
    return m->limit > 0 ? AN_OK : AN_ERR_NUMERIC;
}

/* A pixel of the image is a value of the window, and nothing else of the line is in it. */
static bool fits(const an_prep *prep, const an_pool *pool, size_t channels)
{
    return channels > 0 && prep->width % channels == 0 && prep->features == prep->width &&
           !prep->conf.chain && prep->conf.smooth == 1 && an_pool_width(pool) == prep->width;
}

an_err an_live_map_learn(an_live *live, const an_pool *pool, size_t channels, an_note *why)
{
    an_scored *s = live->ctx;
    const an_prep *prep = an_scorer_prep(s->scorer);
    float *raw = NULL, *x = NULL, *peaks = NULL;
    double *sum = NULL;
    size_t n = 0, n_x = 0;
    an_err err = AN_ERR_NOMEM;
    an_live_map_done(s);
    live->reset(live->ctx);
    if (!fits(prep, pool, channels))
        return an_fail(AN_ERR_INVAL, why, "the version's windows are not such images");
    if (!(raw = an_live_choose(pool, WINDOWS_MOST, &n)))
        goto out;
    if ((err = an_samples_inputs(prep, raw, n, an_pool_window(pool), &x, &n_x, NULL, why)) != AN_OK)
        goto out;
    err = AN_ERR_NOMEM;
    if (n_x < AN_LIVE_WINDOWS_LEAST)
        err = an_fail(AN_ERR_INVAL, why, "%zu normal images; %d are needed", n_x, AN_LIVE_WINDOWS_LEAST);
    else if (make_room(s, channels) && (peaks = an_alloc(n_x, sizeof *peaks)) &&
             (sum = an_alloc(s->mapping->height * s->mapping->width, sizeof *sum)))
        err = learn(s, x, n_x, peaks, sum);
out:
    if (err != AN_OK)
        an_live_map_done(s);
    an_free(raw);
    an_free(x);
    an_free(peaks);
    an_free(sum);
    return err;
}

an_err an_scored_map(void *ctx, an_live_map *ret)
{
    an_scored *s = ctx;
    an_mapping *m = s->mapping;
    if (!m)
        return AN_ERR_UNSUPPORTED;
    const size_t pixels = m->height * m->width;
    an_err err = draw(s, s->input);
    if (err != AN_OK)
        return err;
    for (size_t i = 0; i < pixels; i++)
        m->map[i] = (float)((double)m->map[i] / m->limit);
    const double peak = (double)an_heatmap_peak(m->map, m->height, m->width);
    *ret = (an_live_map){.height = m->height, .width = m->width, .map = m->map, .scale = m->scale};
    const size_t all = an_heatmap_boxes(m->map, m->height, m->width, fmax(1, OF_THE_HIGHEST * peak),
                                        pixels / BOX_PART + 1, ret->boxes, AN_LIVE_BOXES, m->labels);
    ret->n = all < AN_LIVE_BOXES ? all : AN_LIVE_BOXES;
    return AN_OK;
}
