/* One-class maps beside segment: what is usual at each place by the moments of fixed features (models/padim.h).  Each site adds up its
 * normal images, the sums of the sites are added; no site shows an image, and the map is that of all images in one place. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/lab/tasks/images_internal.h"
#include "models/heatmap.h"
#include "models/padim.h"
#include "models/texture.h"

#define RIDGE 0.01
#define SIGMA 1.0      /* of the map, in places */
#define QUANTILE 0.995 /* of places of the normal images that it was made from: above it a place is marked */

typedef struct work {
    const an_lab_data *d;
    const an_images_goal *g;
    double *moments, *state; /* of all places */
    double *sums;
    float *features, *map, *spare, *peaks;
} work;

static void look(const work *w, const float *image)
{
    an_texture(image, w->d->context, w->d->width, w->d->context / w->g->height, w->sums, w->features);
}

static void make_map(const work *w, const float *image)
{
    const size_t each = an_padim_values(AN_TEXTURE);
    look(w, image);
    for (size_t k = 0; k < w->g->height * w->g->width; k++)
        w->map[k] =
            (float)sqrt(an_padim_square(w->state + k * each, AN_TEXTURE, w->features + k * AN_TEXTURE));
    an_heatmap_smooth(w->map, w->g->height, w->g->width, SIGMA, w->spare);
}

/* The sums of the sites, added up. */
static an_err add_sites(work *w, an_note *why)
{
    const an_lab_data *d = w->d;
    const size_t image = d->context * d->width, each = an_padim_values(AN_TEXTURE);
    const size_t places = w->g->height * w->g->width;
    size_t n = 0;
    for (size_t i = 0; i < d->n_sites; i++)
        for (size_t k = 0; k < d->sites[i].fit.n; k++) {
            if (an_images_truth(w->g, d->sites[i].fit.labels + k * d->n_labels) > 0)
                continue;
            look(w, d->sites[i].fit.raw + k * image);
            for (size_t p = 0; p < places; p++)
                an_padim_add(w->moments + p * each, AN_TEXTURE, w->features + p * AN_TEXTURE);
            n++;
        }
    return an_padim_fit(w->moments, (double)n, places, AN_TEXTURE, RIDGE, w->state, why);
}

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Every 31st place, so that all come in turn. */
static an_err usual_most(work *w, float *ret)
{
    const an_lab_data *d = w->d;
    const size_t each = d->context * d->width, places = w->g->height * w->g->width;
    size_t n = 0, cap = 0;
    for (size_t i = 0; i < d->n_sites; i++)
        for (size_t k = 0; k < d->sites[i].fit.n; k++) {
            if (an_images_truth(w->g, d->sites[i].fit.labels + k * d->n_labels) > 0)
                continue;
            make_map(w, d->sites[i].fit.raw + k * each);
            for (size_t p = k % 31; p < places; p += 31) {
                if (!an_grow(&w->peaks, &cap, n + 1, sizeof *w->peaks))
                    return AN_ERR_NOMEM;
                w->peaks[n++] = w->map[p];
            }
        }
    qsort(w->peaks, n, sizeof *w->peaks, by_value);
    *ret = w->peaks[(size_t)(QUANTILE * (double)(n - 1))];
    return AN_OK;
}

static void answer(const work *w, float limit, an_lab_exam *exam)
{
    const size_t each = w->d->context * w->d->width;
    for (size_t k = 0; k < exam->n; k++) {
        make_map(w, w->d->sites[exam->site].test.raw + k * each);
        for (size_t p = 0; p < exam->n_said; p++)
            exam->said[k * exam->n_said + p] = w->map[p / w->g->planes] - limit;
    }
}

an_err an_images_padim(const an_experiment *e, const an_lab_data *d, size_t n_threads, an_lab_exam *exams,
                       size_t n, an_note *why)
{
    work w = {.d = d, .g = d->task_data};
    const size_t places = w.g->height * w.g->width;
    float limit = 0;
    (void)e;
    (void)n_threads;
    if (w.g->planes == 0 || d->width != w.g->width * (d->context / w.g->height)) /* of grey images only */
        return AN_ERR_UNSUPPORTED;
    w.moments = an_alloc(places, an_padim_values(AN_TEXTURE) * sizeof *w.moments);
    w.state = an_alloc(places, an_padim_values(AN_TEXTURE) * sizeof *w.state);
    w.sums = an_alloc((d->context + 1) * (d->width + 1), sizeof *w.sums);
    w.features = an_alloc(places, AN_TEXTURE * sizeof *w.features);
    w.map = an_alloc(places, sizeof *w.map);
    w.spare = an_alloc(places, sizeof *w.spare);
    an_err err = w.moments && w.state && w.sums && w.features && w.map && w.spare ? AN_OK : AN_ERR_NOMEM;
    if (err == AN_OK)
        err = add_sites(&w, why);
    if (err == AN_OK)
        err = usual_most(&w, &limit);
    for (size_t i = 0; i < n && err == AN_OK; i++)
        answer(&w, limit, &exams[i]);
    an_free(w.moments);
    an_free(w.state);
    an_free(w.sums);
    an_free(w.features);
    an_free(w.map);
    an_free(w.spare);
    an_free(w.peaks);
    return err;
}
