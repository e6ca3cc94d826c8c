/* Figures against labels.  AUROC is the Mann-Whitney statistic: the chance that an anomalous
 * point scores higher than a normal one, ties counting one half. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "models/metrics.h"

typedef struct point {
    float score;
    uint8_t label;
} point;

static int by_score(const void *a, const void *b)
{
    float x = ((const point *)a)->score, y = ((const point *)b)->score;
    return (x > y) - (x < y);
}

/* A sorted copy, lowest score first. */
static an_err sort_points(const float *scores, const uint8_t *labels, size_t n, point **ret)
{
    point *p = an_alloc(n, sizeof *p);
    if (!p)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        if (isnan(scores[i])) {
            an_free(p);
            return AN_ERR_NUMERIC;
        }
        p[i] = (point){scores[i], labels[i] != 0};
    }
    qsort(p, n, sizeof *p, by_score);
    *ret = p;
    return AN_OK;
}

an_err an_auroc(const float *scores, const uint8_t *labels, size_t n, double *ret)
{
    point *p = NULL;
    an_err err = sort_points(scores, labels, n, &p);
    if (err != AN_OK)
        return err;
    double wins = 0.0, below = 0.0, positives = 0.0;
    for (size_t i = 0; i < n;) {
        double pos = 0.0, neg = 0.0;
        size_t j = i;
        for (; j < n && p[j].score == p[i].score; j++) {
            pos += p[j].label;
            neg += !p[j].label;
        }
        wins += pos * (below + 0.5 * neg);
        below += neg;
        positives += pos;
        i = j;
    }
    an_free(p);
    *ret = positives > 0.0 && below > 0.0 ? wins / (positives * below) : (double)NAN;
    return AN_OK;
}

an_confusion an_confusion_at(const float *scores, const uint8_t *labels, size_t n, double threshold)
{
    an_confusion c = {0};
    for (size_t i = 0; i < n; i++) {
        bool alarm = (double)scores[i] > threshold;
        if (labels[i])
            *(alarm ? &c.tp : &c.fn) += 1;
        else
            *(alarm ? &c.fp : &c.tn) += 1;
    }
    return c;
}

static double ratio(uint64_t a, uint64_t b)
{
    return b > 0 ? (double)a / (double)b : (double)NAN;
}

an_rates an_rates_of(const an_confusion *c)
{
    /* F1 = 2PR / (P + R), written so that no alarm at all gives 0 and not NAN. */
    return (an_rates){.f1 = ratio(2 * c->tp, 2 * c->tp + c->fp + c->fn),
                      .precision = ratio(c->tp, c->tp + c->fp),
                      .recall = ratio(c->tp, c->tp + c->fn),
                      .far = ratio(c->fp, c->fp + c->tn),
                      .mar = ratio(c->fn, c->fn + c->tp)};
}

an_err an_best_f1(const float *scores, const uint8_t *labels, size_t n, double *ret_f1, double *ret_threshold)
{
    point *p = NULL;
    an_err err = sort_points(scores, labels, n, &p);
    if (err != AN_OK)
        return err;
    uint64_t positives = 0;
    for (size_t i = 0; i < n; i++)
        positives += p[i].label;
    double best = positives > 0 ? 0.0 : (double)NAN;
    double best_at = n > 0 ? (double)p[n - 1].score : (double)NAN;
    /* From the highest score down: the alarms are p[i..n), so the threshold is the score below.
     */
    uint64_t tp = 0, alarms = 0;
    for (size_t i = n; i-- > 0;) {
        tp += p[i].label;
        alarms++;
        if (i > 0 && p[i - 1].score == p[i].score)
            continue;
        double f1 = 2.0 * (double)tp / (double)(alarms + positives);
        if (f1 > best) {
            best = f1;
            best_at = i > 0 ? (double)p[i - 1].score : nextafter((double)p[0].score, -INFINITY);
        }
    }
    an_free(p);
    *ret_f1 = best;
    *ret_threshold = best_at;
    return AN_OK;
}

an_delays an_delays_of(const uint8_t *alarms, const uint8_t *labels, size_t n)
{
    an_delays d = {.mean_delay = (double)NAN, .worst_delay = (double)NAN};
    double sum = 0.0, worst = 0.0;
    for (size_t i = 0; i < n;) {
        if (!labels[i]) {
            i++;
            continue;
        }
        size_t begin = i;
        bool found = false;
        d.n_segments++;
        for (; i < n && labels[i]; i++) {
            if (found || !alarms[i])
                continue;
            found = true;
            double delay = (double)(i - begin);
            sum += delay;
            worst = delay > worst ? delay : worst;
            d.n_detected++;
        }
    }
    if (d.n_detected > 0) {
        d.mean_delay = sum / (double)d.n_detected;
        d.worst_delay = worst;
    }
    return d;
}

size_t an_alarm_runs(const uint8_t *alarms, size_t n)
{
    size_t runs = 0;
    for (size_t i = 0; i < n; i++)
        runs += alarms[i] && (i == 0 || !alarms[i - 1]);
    return runs;
}
