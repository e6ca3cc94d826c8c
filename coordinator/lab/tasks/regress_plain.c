/* The trivial answers of regress. */
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "coordinator/lab/tasks/regress_internal.h"

#define LOT 1         /* seed of what is drawn */
#define ROWS 15       /* whose mean ridge and trees see */
#define RIDGE 1e-3    /* penalty, as a share of the items, on features of variance 1 */
#define CONSTANT 1e-9 /* a smaller variance is none */

static double mean_label(const an_lab_data *d)
{
    double sum = 0, n = 0;
    for (size_t i = 0; i < d->n_sites; i++) {
        for (size_t k = 0; k < d->sites[i].fit.n; k++)
            sum += (double)d->sites[i].fit.labels[k];
        n += (double)d->sites[i].fit.n;
    }
    return sum / n;
}

an_err an_lab_regress_mean(const an_experiment *e, const an_lab_data *d, size_t n_threads, an_lab_exam *exams,
                           size_t n, an_note *why)
{
    const float mean = (float)mean_label(d);
    (void)e;
    (void)n_threads;
    (void)why;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < exams[i].n; k++)
            exams[i].said[k] = mean;
    return AN_OK;
}

/* Items of all sites as one list. */
static float label_at(const an_lab_data *d, size_t k)
{
    size_t i = 0;
    while (k >= d->sites[i].fit.n)
        k -= d->sites[i++].fit.n;
    return d->sites[i].fit.labels[k];
}

an_err an_lab_regress_random(const an_experiment *e, const an_lab_data *d, size_t n_threads,
                             an_lab_exam *exams, size_t n, an_note *why)
{
    size_t all = 0;
    an_rng r;
    an_rng_init(&r, LOT, 0);
    (void)e;
    (void)n_threads;
    (void)why;
    for (size_t i = 0; i < d->n_sites; i++)
        all += d->sites[i].fit.n;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < exams[i].n; k++)
            exams[i].said[k] = label_at(d, an_rng_below(&r, all));
    return AN_OK;
}

an_err an_lab_regress_last(const an_experiment *e, const an_lab_data *d, size_t n_threads, an_lab_exam *exams,
                           size_t n, an_note *why)
{
    const float mean = (float)mean_label(d);
    bool some = false;
    (void)e;
    (void)n_threads;
    (void)why;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < exams[i].n; k++) {
            const float before = d->sites[exams[i].site].test.before[k];
            some = some || isfinite(before);
            exams[i].said[k] = isfinite(before) ? before : mean;
        }
    }
    return some ? AN_OK : AN_ERR_UNSUPPORTED; /* nobody knows it */
}

/* ---- ridge ---- */

typedef struct ridge {
    const an_lab_data *d;
    size_t n;             /* features and one */
    double *mean, *scale; /* (n) of features */
    double *a, *b, *x;    /* (n, n), (n), (n) */
} ridge;

double an_lab_regress_recent(const an_lab_data *d, const float *window, size_t column)
{
    double sum = 0, n = 0;
    for (size_t i = d->context > ROWS ? d->context - ROWS : 0; i < d->context; i++) {
        const double v = (double)window[i * d->width + column];
        sum += isfinite(v) ? v : 0;
        n += isfinite(v);
    }
    return n > 0 ? sum / n : (double)NAN;
}

/* Means of the last rows, and a one. */
static void features_of(const ridge *r, const float *window, double *ret)
{
    const size_t width = r->d->width;
    for (size_t j = 0; j < width; j++) {
        const double v = an_lab_regress_recent(r->d, window, j);
        ret[j] = isfinite(v) ? (v - r->mean[j]) / r->scale[j] : 0;
    }
    ret[width] = 1;
}

/* Moments of the features, whose scale is 1 and mean 0 so far. */
static void scale(ridge *r, double *squares)
{
    const size_t width = r->d->width, sample = width * r->d->context;
    double n = 0;
    for (size_t j = 0; j < width; j++)
        r->b[j] = 0;
    for (size_t i = 0; i < r->d->n_sites; i++) {
        const an_lab_items *items = &r->d->sites[i].fit;
        for (size_t k = 0; k < items->n; k++, n++) {
            features_of(r, items->raw + k * sample, r->x);
            for (size_t j = 0; j < width; j++) {
                r->b[j] += r->x[j];
                squares[j] += r->x[j] * r->x[j];
            }
        }
    }
    for (size_t j = 0; j < width; j++) {
        const double mean = r->b[j] / n, variance = squares[j] / n - mean * mean;
        r->mean[j] = mean;
        r->scale[j] = variance > CONSTANT * (1 + mean * mean) ? sqrt(variance) : INFINITY;
        r->b[j] = 0;
    }
}

static void add_up(ridge *r)
{
    const size_t sample = r->d->width * r->d->context, n = r->n;
    double items_n = 0;
    for (size_t i = 0; i < r->d->n_sites; i++) {
        const an_lab_items *items = &r->d->sites[i].fit;
        items_n += (double)items->n;
        for (size_t k = 0; k < items->n; k++) {
            features_of(r, items->raw + k * sample, r->x);
            for (size_t p = 0; p < n; p++) {
                r->b[p] += r->x[p] * (double)items->labels[k];
                for (size_t q = 0; q <= p; q++)
                    r->a[p * n + q] += r->x[p] * r->x[q];
            }
        }
    }
    for (size_t p = 0; p < n; p++) /* a constant feature, too, has a diagonal */
        r->a[p * n + p] += p + 1 < n ? RIDGE * items_n : 0;
}

/* Cholesky (1924): a = L L', in place; then b by two triangles. */
static an_err solve(ridge *r, an_note *why)
{
    const size_t n = r->n;
    double *a = r->a, *b = r->b;
    for (size_t p = 0; p < n; p++) {
        for (size_t q = 0; q <= p; q++) {
            double sum = a[p * n + q];
            for (size_t k = 0; k < q; k++)
                sum -= a[p * n + k] * a[q * n + k];
            if (p == q && !(sum > 0))
                return an_fail(AN_ERR_NUMERIC, why, "ridge: the features are not independent");
            a[p * n + q] = p == q ? sqrt(sum) : sum / a[q * n + q];
        }
    }
    for (size_t p = 0; p < n; p++) {
        for (size_t k = 0; k < p; k++)
            b[p] -= a[p * n + k] * b[k];
        b[p] /= a[p * n + p];
    }
    for (size_t p = n; p-- > 0;) {
        for (size_t k = p + 1; k < n; k++)
            b[p] -= a[k * n + p] * b[k];
        b[p] /= a[p * n + p];
    }
    return AN_OK;
}

static void answer(const ridge *r, an_lab_exam *exam)
{
    const size_t sample = r->d->width * r->d->context;
    for (size_t k = 0; k < exam->n; k++) {
        double y = 0;
        features_of(r, r->d->sites[exam->site].test.raw + k * sample, r->x);
        for (size_t p = 0; p < r->n; p++)
            y += r->x[p] * r->b[p];
        exam->said[k] = (float)y;
    }
}

an_err an_lab_regress_ridge(const an_experiment *e, const an_lab_data *d, size_t n_threads,
                            an_lab_exam *exams, size_t n, an_note *why)
{
    (void)e;
    (void)n_threads;
    ridge r = {.d = d, .n = d->width + 1};
    an_err err = AN_ERR_NOMEM;
    double *squares = an_alloc(r.n, sizeof *squares);
    r.mean = an_alloc(r.n, sizeof *r.mean);
    r.scale = an_alloc(r.n, sizeof *r.scale);
    r.a = an_alloc(r.n * r.n, sizeof *r.a);
    r.b = an_alloc(r.n, sizeof *r.b);
    r.x = an_alloc(r.n, sizeof *r.x);
    if (squares && r.mean && r.scale && r.a && r.b && r.x) {
        for (size_t j = 0; j < d->width; j++)
            r.scale[j] = 1;
        scale(&r, squares);
        add_up(&r);
        err = solve(&r, why);
    }
    for (size_t i = 0; i < n && err == AN_OK; i++)
        answer(&r, &exams[i]);
    an_free(squares);
    an_free(r.mean);
    an_free(r.scale);
    an_free(r.a);
    an_free(r.b);
    an_free(r.x);
    return err;
}
