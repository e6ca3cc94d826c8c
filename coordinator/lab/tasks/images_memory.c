/* What each site remembers of its own normal images (models/bank.h), beside the tasks on images: nothing of it is learnt together, and
 * nothing is sent.  Masks are said by the distance of each place, classes by the score of the image, in units of what the site's normal
 * images come to that were held back (if none were, of those that it remembers). */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "coordinator/lab/tasks/images_internal.h"
#include "models/bank.h"
#include "models/heatmap.h"

#define CANDIDATES 20000 /* places of all images, by lot, of which some stay */
#define KEEP 500
#define LOT 1
#define SIGMA 1.0          /* of the map, in places */
#define QUANTILE 0.995     /* of places: above it one is marked */
#define QUANTILE_SCORE 0.9 /* of images */

typedef struct work {
    const an_lab_data *d;
    const an_images_goal *g;
    size_t height, width, coarse; /* places, and pixels along a side of one */
    an_bank *bank;
    double *sums;
    float *features, *room, *map, *spare;
    float *values; /* of normal images, for a limit; or features of candidates */
    size_t n, cap;
} work;

static bool normal(const work *w, const an_lab_items *items, size_t k)
{
    return an_images_truth(w->g, items->labels + k * w->d->n_labels) == 0;
}

static void look(const work *w, const an_lab_items *items, size_t k)
{
    const float *image = items->raw + k * w->d->context * w->d->width;
    an_bank_fixed(image, w->height, w->width, w->coarse, w->sums, w->room, w->features);
}

static void make_map(const work *w, const an_lab_items *items, size_t k)
{
    look(w, items, k);
    an_bank_map(w->bank, w->features, w->height * w->width, w->map);
    an_heatmap_smooth(w->map, w->height, w->width, SIGMA, w->spare);
}

static an_err remember(work *w, const an_lab_items *fit)
{
    const size_t places = w->height * w->width;
    size_t images = 0;
    an_rng r;
    an_rng_init(&r, LOT, 0);
    for (size_t k = 0; k < fit->n; k++)
        images += normal(w, fit, k);
    const double share = images ? (double)CANDIDATES / (double)(images * places) : 0;
    w->n = 0;
    for (size_t k = 0; k < fit->n; k++) {
        if (!normal(w, fit, k))
            continue;
        look(w, fit, k);
        for (size_t p = 0; p < places; p++) {
            if (an_rng_unit(&r) >= share)
                continue;
            if (!an_grow(&w->values, &w->cap, (w->n + 1) * AN_BANK_FIXED, sizeof *w->values))
                return AN_ERR_NOMEM;
            for (size_t j = 0; j < AN_BANK_FIXED; j++)
                w->values[w->n * AN_BANK_FIXED + j] = w->features[p * AN_BANK_FIXED + j];
            w->n++;
        }
    }
    return w->n > 0 ? an_bank_new(w->values, w->n, AN_BANK_FIXED, KEEP, LOT, &w->bank) : AN_ERR_UNSUPPORTED;
}

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Of places every 31st, so that all come in turn. */
static an_err find_limit(work *w, const an_lab_items *items, float *ret)
{
    const size_t places = w->height * w->width;
    const bool maps = w->g->planes > 0;
    w->n = 0;
    for (size_t k = 0; k < items->n; k++) {
        if (!normal(w, items, k))
            continue;
        if (!an_grow(&w->values, &w->cap, w->n + places / 31 + 1, sizeof *w->values))
            return AN_ERR_NOMEM;
        if (maps)
            make_map(w, items, k);
        else
            look(w, items, k);
        for (size_t p = k % 31; maps && p < places; p += 31)
            w->values[w->n++] = w->map[p];
        if (!maps)
            w->values[w->n++] = (float)an_bank_score(w->bank, w->features, places);
    }
    if (w->n == 0)
        return AN_ERR_UNSUPPORTED;
    qsort(w->values, w->n, sizeof *w->values, by_value);
    *ret = fmaxf(w->values[(size_t)((maps ? QUANTILE : QUANTILE_SCORE) * (double)(w->n - 1))], 1e-6f);
    return AN_OK;
}

static void answer(const work *w, float limit, an_lab_exam *exam)
{
    const an_lab_items *test = &w->d->sites[exam->site].test;
    for (size_t k = 0; k < exam->n; k++) {
        float *said = exam->said + k * exam->n_said;
        if (w->g->planes > 0) {
            make_map(w, test, k);
            for (size_t p = 0; p < exam->n_said; p++)
                said[p] = w->map[p / w->g->planes] / limit - 1;
            continue;
        }
        look(w, test, k);
        const double score = an_bank_score(w->bank, w->features, w->height * w->width);
        for (size_t c = 0; c < exam->n_said; c++)
            said[c] = c == 0 && exam->n_said > 1 ? 0 : (float)(score / (double)limit - 1);
    }
}

static an_err ask_site(work *w, an_lab_exam *exam)
{
    const an_lab_site *site = &w->d->sites[exam->site];
    float limit = 0;
    an_err err = remember(w, &site->fit);
    if (err == AN_OK)
        err = find_limit(w, &site->hold, &limit);
    if (err == AN_ERR_UNSUPPORTED && w->bank)
        err = find_limit(w, &site->fit, &limit);
    if (err == AN_OK)
        answer(w, limit, exam);
    an_bank_free(w->bank);
    w->bank = NULL;
    return err;
}

/* Places of a mask, or squares of pixels of which there are whole ones. */
static size_t coarse_of(const work *w)
{
    if (w->g->planes > 0)
        return w->d->context / w->g->height;
    for (size_t c = 4; c > 1; c /= 2)
        if (w->d->context % c == 0 && w->d->width % c == 0)
            return c;
    return 1;
}

an_err an_images_memory(const an_experiment *e, const an_lab_data *d, size_t n_threads, an_lab_exam *exams,
                        size_t n, an_note *why)
{
    work w = {.d = d, .g = d->task_data};
    an_err err = AN_OK;
    (void)e;
    (void)n_threads;
    (void)why;
    if (d->width != w.g->width * (d->context / w.g->height)) /* of grey images only */
        return AN_ERR_UNSUPPORTED;
    w.coarse = coarse_of(&w);
    w.height = d->context / w.coarse;
    w.width = d->width / w.coarse;
    const size_t places = w.height * w.width;
    w.sums = an_alloc((d->context + 1) * (d->width + 1), sizeof *w.sums);
    w.features = an_alloc(places, AN_BANK_FIXED * sizeof *w.features);
    w.room = an_alloc(places, AN_BANK_FIXED * sizeof *w.room);
    w.map = an_alloc(places, sizeof *w.map);
    w.spare = an_alloc(places, sizeof *w.spare);
    if (!w.sums || !w.features || !w.room || !w.map || !w.spare)
        err = AN_ERR_NOMEM;
    for (size_t i = 0; i < n && err == AN_OK; i++)
        err = ask_site(&w, &exams[i]);
    an_free(w.sums);
    an_free(w.features);
    an_free(w.room);
    an_free(w.map);
    an_free(w.spare);
    an_free(w.values);
    return err;
}
