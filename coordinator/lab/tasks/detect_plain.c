/* Alarms that cost nothing: at random, and of the largest |z| of a row's sensors. */
#include "coordinator/lab/tasks/detect_plain.h"

#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "coordinator/lab/arms_internal.h"

#define FLOOR 1e-6 /* of a constant sensor's deviation */

an_err an_lab_random_answer(const an_experiment *e, const an_lab_data *d, size_t n_threads,
                            an_lab_exam *exams, size_t n, an_note *why)
{
    an_rng rng;
    (void)e;
    (void)d;
    (void)n_threads;
    (void)why;
    an_rng_init(&rng, 1, 0);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < exams[i].n; k++)
            exams[i].said[k] = (float)(an_rng_unit(&rng) / 0.99);
    return AN_OK;
}

typedef struct scale {
    double *mean, *sigma; /* (width) */
    size_t width;
} scale;

static an_err scale_of(const float *rows, size_t n, size_t width, scale *ret)
{
    *ret = (scale){
        .mean = an_alloc(width, sizeof(double)), .sigma = an_alloc(width, sizeof(double)), .width = width};
    if (!ret->mean || !ret->sigma)
        return AN_ERR_NOMEM;
    for (size_t j = 0; j < width; j++) {
        double sum = 0, squares = 0, seen = 0;
        for (size_t i = 0; i < n; i++) {
            const double v = (double)rows[i * width + j];
            sum += isfinite(v) ? v : 0;
            seen += isfinite(v);
        }
        ret->mean[j] = seen > 0 ? sum / seen : 0;
        for (size_t i = 0; i < n; i++) {
            const double v = (double)rows[i * width + j] - ret->mean[j];
            squares += isfinite(v) ? v * v : 0;
        }
        ret->sigma[j] = fmax(seen > 0 ? sqrt(squares / seen) : 1, FLOOR * fmax(1, fabs(ret->mean[j])));
    }
    return AN_OK;
}

static float largest(const scale *s, const float *row)
{
    double most = 0;
    for (size_t j = 0; j < s->width; j++)
        most = fmax(most, fabs(((double)row[j] - s->mean[j]) / s->sigma[j])); /* fmax passes over NAN */
    return (float)most;
}

/* Scale and threshold from the series, or SIZE_MAX: from all of the site. */
static an_err fit_largest(const an_experiment *e, const an_lab_data *d, size_t site, size_t series, scale *s,
                          double *threshold, an_note *why)
{
    const an_lab_cut_opts o = {.context = 1, .stride = 1, .holdout = e->holdout, .keep = 1};
    an_lab_cut cut = {0};
    float *scores = NULL;
    an_err err = an_lab_cut_new(d, site, series, &o, &cut, why);
    const bool held = err == AN_OK && cut.n_hold >= e->holdout_min;
    const float *rows = held ? cut.hold : cut.fit;
    const size_t n = held ? cut.n_hold : cut.n_fit;
    if (err == AN_OK)
        err = scale_of(cut.fit, cut.n_fit, d->width, s);
    if (err == AN_OK && !(scores = an_alloc(n, sizeof *scores)))
        err = AN_ERR_NOMEM;
    for (size_t i = 0; i < n && err == AN_OK; i++)
        scores[i] = largest(s, rows + i * d->width);
    if (err == AN_OK)
        err = an_threshold_from(e->threshold, scores, n, threshold, why);
    an_free(scores);
    an_lab_cut_done(&cut);
    return err;
}

an_err an_lab_largest_answer(const an_experiment *e, const an_lab_data *d, size_t n_threads,
                             an_lab_exam *exams, size_t n, an_note *why)
{
    an_err err = AN_OK;
    (void)n_threads;
    for (size_t i = 0; i < n && err == AN_OK; i++) {
        const an_lab_site *site = &d->sites[exams[i].site];
        scale s = {.width = 0};
        double threshold = 1;
        for (size_t k = 0, at = 0; k < site->n_series && err == AN_OK; k++) {
            const an_lab_series *series = &site->series[k];
            if (k == 0 || e->personal_series) {
                an_free(s.mean);
                an_free(s.sigma);
                s = (scale){.width = 0};
                err =
                    fit_largest(e, d, exams[i].site, e->personal_series ? k : SIZE_MAX, &s, &threshold, why);
            }
            for (size_t r = 0; r < series->n_test && err == AN_OK; r++)
                exams[i].said[at++] = (float)((double)largest(&s, series->test + r * d->width) / threshold);
        }
        an_free(s.mean);
        an_free(s.sigma);
    }
    return err;
}
