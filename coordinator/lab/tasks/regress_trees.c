/* Boosted trees beside regress.  Only the bins are made of all rows in one place; the trees are of sums alone, site by site. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/lab/tasks/regress_internal.h"
#include "models/boost.h"
#include "models/histogram.h"

#define BINS 32u
#define DEPTH 3u
#define TREES 100u
#define RATE 0.2
#define RIDGE 1.0
#define LEAST 20.0 /* rows in a leaf */

typedef struct trees {
    const an_lab_data *d;
    float *x, *y; /* (n, width), (n): items to learn from, site after site; y of mean 0 and variance 1 */
    float *edges, *row;
    size_t n;
    double mean, scale;
    double *sums;
    an_boost *b;
} trees;

static void features_of(const an_lab_data *d, const float *window, float *ret)
{
    for (size_t j = 0; j < d->width; j++)
        ret[j] = (float)an_lab_regress_recent(d, window, j);
}

static void gather(trees *t)
{
    const an_lab_data *d = t->d;
    double sum = 0, squares = 0;
    size_t at = 0;
    for (size_t i = 0; i < d->n_sites; i++)
        for (size_t k = 0; k < d->sites[i].fit.n; k++, at++) {
            features_of(d, d->sites[i].fit.raw + k * d->width * d->context, t->x + at * d->width);
            t->y[at] = d->sites[i].fit.labels[k];
            sum += (double)t->y[at];
        }
    t->mean = sum / (double)t->n;
    for (size_t k = 0; k < t->n; k++)
        squares += ((double)t->y[k] - t->mean) * ((double)t->y[k] - t->mean);
    t->scale = squares > 0 ? sqrt(squares / (double)t->n) : 1;
    for (size_t k = 0; k < t->n; k++)
        t->y[k] = (float)(((double)t->y[k] - t->mean) / t->scale);
}

static an_err grow(trees *t, an_note *why)
{
    const an_lab_data *d = t->d;
    size_t n;
    an_err err = AN_OK;
    while (err == AN_OK && (n = an_boost_n_sums(t->b)) > 0) {
        size_t at = 0;
        memset(t->sums, 0, n * sizeof *t->sums);
        for (size_t i = 0; i < d->n_sites && err == AN_OK; at += d->sites[i++].fit.n)
            err = an_boost_add(t->b, t->x + at * d->width, t->y + at, d->sites[i].fit.n, t->sums, why);
        if (err == AN_OK)
            err = an_boost_grow(t->b, t->sums, why);
    }
    return err;
}

static an_err learn(trees *t, an_note *why)
{
    const an_lab_data *d = t->d;
    const an_boost_conf conf = {.width = (uint32_t)d->width,
                                .bins = BINS,
                                .depth = DEPTH,
                                .trees = TREES,
                                .rate = RATE,
                                .ridge = RIDGE,
                                .least = LEAST};
    an_err err = AN_OK;
    for (size_t i = 0; i < d->n_sites; i++)
        t->n += d->sites[i].fit.n;
    t->x = an_alloc(t->n * d->width, sizeof *t->x);
    t->y = an_alloc(t->n, sizeof *t->y);
    t->row = an_alloc(d->width, sizeof *t->row);
    t->edges = an_alloc(d->width * (BINS - 1), sizeof *t->edges);
    t->sums = an_alloc(((size_t)1 << DEPTH) * d->width * (BINS + 1), sizeof *t->sums);
    if (!t->x || !t->y || !t->row || !t->edges || !t->sums)
        return AN_ERR_NOMEM;
    gather(t);
    for (size_t j = 0; j < d->width && err == AN_OK; j++)
        err = an_hist_edges(t->edges + j * (BINS - 1), BINS, t->x, t->n, d->width, j);
    if (err == AN_OK)
        err = an_boost_new(&conf, t->edges, &t->b, why);
    return err == AN_OK ? grow(t, why) : err;
}

static void answer(const trees *t, an_lab_exam *exam)
{
    const an_lab_data *d = t->d;
    for (size_t k = 0; k < exam->n; k++) {
        features_of(d, d->sites[exam->site].test.raw + k * d->width * d->context, t->row);
        exam->said[k] = (float)(t->mean + t->scale * an_boost_predict(t->b, t->row));
    }
}

an_err an_lab_regress_trees(const an_experiment *e, const an_lab_data *d, size_t n_threads,
                            an_lab_exam *exams, size_t n, an_note *why)
{
    (void)e;
    (void)n_threads;
    trees t = {.d = d};
    const an_err err = learn(&t, why);
    for (size_t i = 0; i < n && err == AN_OK; i++)
        answer(&t, &exams[i]);
    an_boost_free(t.b);
    an_free(t.x);
    an_free(t.y);
    an_free(t.row);
    an_free(t.edges);
    an_free(t.sums);
    return err;
}
