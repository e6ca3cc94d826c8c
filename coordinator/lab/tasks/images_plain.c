/* Answers of tasks on images that cost little: what any model has to beat. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "coordinator/lab/tasks/images_internal.h"

#define LOT 1          /* seed of the baseline that draws */
#define STATISTICS 8   /* of an image */
#define AROUND 5       /* pixels to each side that are a pixel's surroundings */
#define QUANTILE 0.999 /* of contrasts of training images */
#define SAMPLE 64      /* pixels of each that are looked at for it */

static size_t goal_scores(const an_images_goal *g)
{
    return g->n_classes - 1;
}

/* Writes an answer of the model's form from a score for each fault. */
static void put(const an_images_goal *g, const float *scores, float *said, size_t n_said)
{
    if (g->planes > 0) {
        for (size_t k = 0; k < n_said; k++)
            said[k] = scores[k % g->planes];
        return;
    }
    if (n_said > 1)
        said[0] = 0;
    for (size_t k = 0; k < goal_scores(g); k++)
        said[n_said > 1 ? k + 1 : 0] = scores[k];
}

static void put_class(const an_images_goal *g, size_t class, an_lab_exam *exam, size_t i)
{
    float scores[AN_IMAGE_SET_NAMES];
    for (size_t k = 0; k < goal_scores(g); k++)
        scores[k] = k + 1 == class ? 1 : -1;
    put(g, scores, exam->said + i * exam->n_said, exam->n_said);
}

static void count_classes(const an_lab_data *d, double *ret)
{
    const an_images_goal *g = d->task_data;
    for (size_t i = 0; i < d->n_sites; i++)
        for (size_t k = 0; k < d->sites[i].fit.n; k++)
            ret[an_images_truth(g, d->sites[i].fit.labels + k * d->n_labels)]++;
}

an_err an_images_usual(const an_experiment *e, const an_lab_data *d, size_t n_threads, an_lab_exam *exams,
                       size_t n, an_note *why)
{
    double counts[AN_IMAGE_SET_NAMES] = {0};
    const an_images_goal *g = d->task_data;
    size_t best = 0;
    (void)e;
    (void)n_threads;
    (void)why;
    count_classes(d, counts);
    for (size_t c = 1; c < g->n_classes; c++)
        best = counts[c] > counts[best] ? c : best;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < exams[i].n; k++)
            put_class(g, best, &exams[i], k);
    return AN_OK;
}

an_err an_images_always(const an_experiment *e, const an_lab_data *d, size_t n_threads, an_lab_exam *exams,
                        size_t n, an_note *why)
{
    const an_images_goal *g = d->task_data;
    (void)e;
    (void)n_threads;
    (void)why;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < exams[i].n; k++)
            put_class(g, 1, &exams[i], k);
    return AN_OK;
}

/* Classes as often as they are in training; of a mask each place by itself. */
an_err an_images_random(const an_experiment *e, const an_lab_data *d, size_t n_threads, an_lab_exam *exams,
                        size_t n, an_note *why)
{
    const an_images_goal *g = d->task_data;
    double counts[AN_IMAGE_SET_NAMES] = {0}, all = 0;
    an_rng r;
    (void)e;
    (void)n_threads;
    (void)why;
    an_rng_init(&r, LOT, 0);
    count_classes(d, counts);
    for (size_t c = 0; c < g->n_classes; c++)
        all += counts[c];
    for (size_t i = 0; i < n; i++) {
        an_lab_exam *x = &exams[i];
        for (size_t k = 0; k < x->n * x->n_said && g->planes > 0; k++)
            x->said[k] = (float)(an_rng_unit(&r) - 0.5);
        for (size_t k = 0; k < x->n && g->planes == 0; k++) {
            double at = an_rng_unit(&r) * all;
            size_t c = 0;
            while (c + 1 < g->n_classes && at >= counts[c])
                at -= counts[c++];
            put_class(g, c, x, k);
        }
    }
    return AN_OK;
}

/* ---- statistics of an image, and the class whose mean is nearest ---- */

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Mean, deviation, four quantiles, mean step across and down. */
static void statistics_of(const float *x, size_t h, size_t w, float *sorted, double *ret)
{
    const size_t n = h * w;
    double sum = 0, square = 0, across = 0, down = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i];
        square += (double)x[i] * (double)x[i];
        across += i % w ? fabs((double)(x[i] - x[i - 1])) : 0;
        down += i >= w ? fabs((double)(x[i] - x[i - w])) : 0;
    }
    memcpy(sorted, x, n * sizeof *x);
    qsort(sorted, n, sizeof *sorted, by_value);
    ret[0] = sum / (double)n;
    ret[1] = sqrt(fmax(square / (double)n - ret[0] * ret[0], 0));
    ret[2] = (double)sorted[n / 1000];
    ret[3] = (double)sorted[n / 50];
    ret[4] = (double)sorted[n - 1 - n / 50];
    ret[5] = (double)sorted[n - 1 - n / 1000];
    ret[6] = across / (double)n;
    ret[7] = down / (double)n;
}

typedef struct nearest {
    const an_lab_data *d;
    double mean[AN_IMAGE_SET_NAMES][STATISTICS], n[AN_IMAGE_SET_NAMES];
    double all[STATISTICS], squares[STATISTICS], scale[STATISTICS];
    float *sorted;
} nearest;

static void learn_means(nearest *m)
{
    const an_lab_data *d = m->d;
    const size_t each = d->context * d->width;
    double s[STATISTICS], total = 0;
    for (size_t i = 0; i < d->n_sites; i++)
        for (size_t k = 0; k < d->sites[i].fit.n; k++) {
            const size_t c = an_images_truth(d->task_data, d->sites[i].fit.labels + k * d->n_labels);
            statistics_of(d->sites[i].fit.raw + k * each, d->context, d->width, m->sorted, s);
            m->n[c]++;
            total++;
            for (size_t j = 0; j < STATISTICS; j++) {
                m->mean[c][j] += s[j];
                m->all[j] += s[j];
                m->squares[j] += s[j] * s[j];
            }
        }
    for (size_t j = 0; j < STATISTICS; j++) {
        const double mean = m->all[j] / total;
        m->scale[j] = sqrt(fmax(m->squares[j] / total - mean * mean, 1e-12));
        for (size_t c = 0; c < AN_IMAGE_SET_NAMES; c++)
            m->mean[c][j] /= m->n[c] > 0 ? m->n[c] : 1;
    }
}

static double distance(const nearest *m, size_t c, const double *s)
{
    double sum = 0;
    for (size_t j = 0; j < STATISTICS; j++)
        sum += (s[j] - m->mean[c][j]) * (s[j] - m->mean[c][j]) / (m->scale[j] * m->scale[j]);
    return m->n[c] > 0 ? sum : 1e6;
}

an_err an_images_statistics(const an_experiment *e, const an_lab_data *d, size_t n_threads,
                            an_lab_exam *exams, size_t n, an_note *why)
{
    const an_images_goal *g = d->task_data;
    const size_t each = d->context * d->width;
    float scores[AN_IMAGE_SET_NAMES];
    double s[STATISTICS];
    nearest *m = an_alloc(1, sizeof *m);
    (void)e;
    (void)n_threads;
    (void)why;
    if (!m || !(m->sorted = an_alloc(each, sizeof *m->sorted))) {
        an_free(m);
        return AN_ERR_NOMEM;
    }
    m->d = d;
    learn_means(m);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < exams[i].n; k++) {
            statistics_of(d->sites[exams[i].site].test.raw + k * each, d->context, d->width, m->sorted, s);
            for (size_t c = 1; c < g->n_classes; c++)
                scores[c - 1] = (float)(distance(m, 0, s) - distance(m, c, s));
            put(g, scores, exams[i].said + k * exams[i].n_said, exams[i].n_said);
        }
    an_free(m->sorted);
    an_free(m);
    return AN_OK;
}

/* ---- contrast ---- */

/* ret (h, w): how far each pixel is from the mean of its surroundings, by sums over rectangles. */
static void contrast_of(const float *x, size_t h, size_t w, double *sums, float *ret)
{
    for (size_t y = 0; y <= h; y++)
        for (size_t u = 0; u <= w; u++)
            sums[y * (w + 1) + u] = y && u ? (double)x[(y - 1) * w + u - 1] + sums[(y - 1) * (w + 1) + u] +
                                                 sums[y * (w + 1) + u - 1] - sums[(y - 1) * (w + 1) + u - 1]
                                           : 0;
    for (size_t y = 0; y < h; y++)
        for (size_t u = 0; u < w; u++) {
            const size_t y0 = y > AROUND ? y - AROUND : 0, y1 = y + AROUND + 1 < h ? y + AROUND + 1 : h;
            const size_t u0 = u > AROUND ? u - AROUND : 0, u1 = u + AROUND + 1 < w ? u + AROUND + 1 : w;
            const double sum = sums[y1 * (w + 1) + u1] - sums[y0 * (w + 1) + u1] - sums[y1 * (w + 1) + u0] +
                               sums[y0 * (w + 1) + u0];
            ret[y * w + u] = (float)fabs((double)x[y * w + u] - sum / (double)((y1 - y0) * (u1 - u0)));
        }
}

/* Of some pixels of all training images. */
static an_err usual_contrast(const an_lab_data *d, double *sums, float *map, float *ret)
{
    const size_t each = d->context * d->width, step = each > SAMPLE ? each / SAMPLE : 1;
    size_t n = 0, cap = 0;
    float *all = NULL;
    for (size_t i = 0; i < d->n_sites; i++)
        for (size_t k = 0; k < d->sites[i].fit.n; k++) {
            contrast_of(d->sites[i].fit.raw + k * each, d->context, d->width, sums, map);
            for (size_t p = k % step; p < each; p += step) {
                if (!an_grow(&all, &cap, n + 1, sizeof *all)) {
                    an_free(all);
                    return AN_ERR_NOMEM;
                }
                all[n++] = map[p];
            }
        }
    qsort(all, n, sizeof *all, by_value);
    *ret = all[(size_t)(QUANTILE * (double)(n - 1))];
    an_free(all);
    return AN_OK;
}

/* A place of a mask has the mean of its pixels. */
static void say_contrast(const an_lab_data *d, const float *map, float limit, float *said)
{
    const an_images_goal *g = d->task_data;
    const size_t f = d->context / g->height;
    for (size_t k = 0; k < g->height * g->width * g->planes; k++) {
        const size_t y = k / g->planes / g->width * f, x = k / g->planes % g->width * f;
        double sum = 0;
        for (size_t p = 0; p < f * f; p++)
            sum += (double)map[(y + p / f) * d->width + x + p % f];
        said[k] = (float)(sum / (double)(f * f)) - limit;
    }
}

an_err an_images_contrast(const an_experiment *e, const an_lab_data *d, size_t n_threads, an_lab_exam *exams,
                          size_t n, an_note *why)
{
    const an_images_goal *g = d->task_data;
    const size_t each = d->context * d->width;
    float limit = 0;
    (void)e;
    (void)n_threads;
    (void)why;
    if (d->width != g->width * (d->context / g->height)) /* of grey images only */
        return AN_ERR_UNSUPPORTED;
    double *sums = an_alloc((d->context + 1) * (d->width + 1), sizeof *sums);
    float *map = an_alloc(each, sizeof *map);
    an_err err = sums && map ? usual_contrast(d, sums, map, &limit) : AN_ERR_NOMEM;
    for (size_t i = 0; i < n && err == AN_OK; i++)
        for (size_t k = 0; k < exams[i].n; k++) {
            contrast_of(d->sites[exams[i].site].test.raw + k * each, d->context, d->width, sums, map);
            say_contrast(d, map, limit, exams[i].said + k * exams[i].n_said);
        }
    an_free(sums);
    an_free(map);
    return err;
}
