/* Curves from the highest score down.  AUROC is the area below straight lines between the points,
 * which counts ties one half; AUPRC is a sum of steps, as straight lines promise too much there
 * (Davis and Goadrich 2006). */
#include "models/metrics_curve.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

typedef struct point {
    float score;
    uint8_t label;
} point;

static int highest_first(const void *a, const void *b)
{
    float x = ((const point *)a)->score, y = ((const point *)b)->score;
    return (x < y) - (x > y);
}

static double share(double a, double b)
{
    return b > 0 ? a / b : (double)NAN;
}

static void fill(const point *p, size_t n, double positives, an_curve *c)
{
    double tp = 0, fp = 0, negatives = (double)n - positives;
    const bool defined = positives > 0 && negatives > 0;
    c->points[c->n++] = (an_curve_point){.threshold = (double)INFINITY,
                                         .far = share(0, negatives),
                                         .recall = share(0, positives),
                                         .precision = 1};
    for (size_t i = 0; i < n;) {
        const double at = (double)p[i].score;
        for (; i < n && (double)p[i].score == at; i++) {
            tp += p[i].label;
            fp += !p[i].label;
        }
        const an_curve_point last = c->points[c->n - 1];
        const an_curve_point now = {.threshold = at,
                                    .far = share(fp, negatives),
                                    .recall = share(tp, positives),
                                    .precision = tp / (tp + fp)};
        c->auroc += (now.far - last.far) * (now.recall + last.recall) / 2;
        c->auprc += (now.recall - last.recall) * now.precision;
        c->points[c->n++] = now;
    }
    c->auroc = defined ? c->auroc : (double)NAN;
    c->auprc = positives > 0 ? c->auprc : (double)NAN;
}

an_err an_curve_make(const float *scores, const uint8_t *labels, size_t n, an_curve *ret)
{
    an_curve c = {.points = an_alloc(n + 1, sizeof *c.points)};
    point *p = an_alloc(n, sizeof *p);
    an_err err = c.points && p ? AN_OK : AN_ERR_NOMEM;
    double positives = 0;
    for (size_t i = 0; i < n && err == AN_OK; i++) {
        p[i] = (point){scores[i], labels[i] != 0};
        positives += p[i].label;
        if (isnan(scores[i]))
            err = AN_ERR_NUMERIC;
    }
    if (err == AN_OK) {
        qsort(p, n, sizeof *p, highest_first);
        fill(p, n, positives, &c);
        *ret = c;
        c.points = NULL;
    }
    an_free(p);
    an_curve_done(&c);
    return err;
}

double an_curve_pauroc(const an_curve *c, double max_far)
{
    double area = 0;
    if (isnan(c->auroc))
        return (double)NAN;
    for (size_t i = 1; i < c->n && c->points[i - 1].far < max_far; i++) {
        const an_curve_point a = c->points[i - 1], b = c->points[i];
        const double end = b.far < max_far ? b.far : max_far;
        const double slope = b.far > a.far ? (b.recall - a.recall) / (b.far - a.far) : 0;
        area += (end - a.far) * (a.recall + slope * (end - a.far) / 2);
    }
    const double chance = max_far * max_far / 2;
    return (1 + (area - chance) / (max_far - chance)) / 2;
}

void an_curve_done(an_curve *c)
{
    an_free(c->points);
    *c = (an_curve){.points = NULL};
}
