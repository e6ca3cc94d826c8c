/* Volume under the surface.  Which threshold a row's score reaches does not depend on the width of the
 * fading, so rows are put into 250 bins once, and each width is one pass over the rows. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "models/metrics_range.h"

#define BINS 250
#define WINDOW_MAX 100000u

typedef struct volume {
    size_t n, half; /* half: rows of fading on each side */
    const uint8_t *labels;
    uint8_t *bin; /* (n) the first threshold, from the highest, that the row's score reaches */
    float *soft;  /* (n) */
} volume;

static int highest_first(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

static an_err put_in_bins(volume *v, const float *scores)
{
    float *sorted = an_alloc(v->n, sizeof *sorted);
    if (!sorted)
        return AN_ERR_NOMEM;
    memcpy(sorted, scores, v->n * sizeof *sorted);
    qsort(sorted, v->n, sizeof *sorted, highest_first);
    for (size_t i = 0; i < v->n; i++) {
        size_t low = 0, high = BINS - 1; /* the last threshold is the lowest score: all reach it */
        while (low < high) {
            const size_t mid = (low + high) / 2;
            if (scores[i] >= sorted[mid * (v->n - 1) / (BINS - 1)])
                high = mid;
            else
                low = mid + 1;
        }
        v->bin[i] = (uint8_t)low;
    }
    an_free(sorted);
    return AN_OK;
}

static void add_soft(volume *v, size_t i, size_t d, double w)
{
    const double more = (double)v->soft[i] + sqrt(1 - (double)d / w);
    v->soft[i] = (float)(more > 1 ? 1 : more);
}

/* Labels that fade by sqrt(1 - d / w) at d rows from an event, d < w / 2. */
static void fade(volume *v, double w)
{
    for (size_t i = 0; i < v->n; i++)
        v->soft[i] = v->labels[i] ? 1 : 0;
    for (size_t i = 0; i < v->n && v->half > 1; i++) {
        if (!v->labels[i])
            continue;
        for (size_t d = 1; d < v->half && i + d < v->n && !v->labels[i + 1]; d++)
            add_soft(v, i + d, d, w);
        for (size_t d = 1; d < v->half && d <= i && (i == 0 || !v->labels[i - 1]); d++)
            add_soft(v, i - d, d, w);
    }
}

/* Faded events that have an alarm at each threshold: counts[t] of those found at t first. */
static double find_events(const volume *v, double counts[BINS])
{
    double events = 0;
    memset(counts, 0, BINS * sizeof *counts);
    for (size_t i = 0; i < v->n;) {
        size_t best = BINS;
        if (v->soft[i] <= 0) {
            i++;
            continue;
        }
        for (; i < v->n && v->soft[i] > 0; i++)
            best = v->bin[i] < best ? v->bin[i] : best;
        counts[best]++;
        events++;
    }
    return events;
}

/* The two areas of one width. */
static an_vus areas(const volume *v, double hard)
{
    double mass[BINS] = {0}, rows[BINS] = {0}, found[BINS], soft = 0;
    for (size_t i = 0; i < v->n; i++) {
        mass[v->bin[i]] += (double)v->soft[i];
        rows[v->bin[i]]++;
        soft += (double)v->soft[i];
    }
    const double events = find_events(v, found);
    const double positives = (hard + soft) / 2, negatives = (double)v->n - positives;
    double tp = 0, predicted = 0, seen = 0, last_tpr = 0, last_fpr = 0;
    an_vus a = {0, 0};
    for (size_t t = 0; t < BINS; t++) {
        tp += mass[t];
        predicted += rows[t];
        seen += found[t];
        if (rows[t] <= 0)
            continue;
        const double recall = tp / positives > 1 ? 1 : tp / positives;
        const double tpr = recall * seen / events, fpr = (predicted - tp) / negatives;
        a.roc += (fpr - last_fpr) * (tpr + last_tpr) / 2;
        a.pr += (tpr - last_tpr) * tp / predicted;
        last_tpr = tpr;
        last_fpr = fpr;
    }
    /* Faded rows are no false alarms, so the last false alarm rate is not exactly 1. */
    a.roc += (1 - last_fpr) * (1 + last_tpr) / 2;
    return a;
}

an_err an_vus_of(const float *scores, const uint8_t *labels, size_t n, size_t window, an_vus *ret)
{
    double hard = 0;
    if (window > WINDOW_MAX)
        return AN_ERR_INVAL;
    for (size_t i = 0; i < n; i++) {
        if (isnan(scores[i]))
            return AN_ERR_NUMERIC;
        hard += labels[i] != 0;
    }
    if (!(hard > 0 && hard < (double)n)) {
        *ret = (an_vus){(double)NAN, (double)NAN};
        return AN_OK;
    }
    volume v = {.n = n, .labels = labels, .bin = an_alloc(n, 1), .soft = an_alloc(n, sizeof *v.soft)};
    an_err err = v.bin && v.soft ? put_in_bins(&v, scores) : AN_ERR_NOMEM;
    an_vus sum = {0, 0};
    for (size_t w = 0; w <= window && err == AN_OK; w++) {
        v.half = w / 2 + (w % 2);
        fade(&v, (double)w);
        const an_vus a = areas(&v, hard);
        sum.roc += a.roc;
        sum.pr += a.pr;
    }
    an_free(v.bin);
    an_free(v.soft);
    if (err == AN_OK)
        *ret = (an_vus){sum.roc / (double)(window + 1), sum.pr / (double)(window + 1)};
    return err;
}

#define LAG_MIN 3u
#define LAG_MAX 300u
#define NO_PERIOD 100u

/* Not divided by the rows that are left: so that of two multiples of a period the first is higher. */
static double alike(const float *x, size_t n, double mean, size_t lag)
{
    double sum = 0;
    for (size_t i = 0; i + lag < n; i++)
        if (isfinite(x[i]) && isfinite(x[i + lag]))
            sum += ((double)x[i] - mean) * ((double)x[i + lag] - mean);
    return sum;
}

size_t an_period_of(const float *x, size_t n)
{
    double sum = 0, rows = 0, most = 0;
    size_t best = NO_PERIOD;
    for (size_t i = 0; i < n; i++) {
        sum += isfinite(x[i]) ? (double)x[i] : 0;
        rows += isfinite(x[i]) ? 1 : 0;
    }
    const double mean = rows > 0 ? sum / rows : 0;
    double before = alike(x, n, mean, LAG_MIN - 1), here = alike(x, n, mean, LAG_MIN);
    for (size_t lag = LAG_MIN; lag <= LAG_MAX && lag + 1 < n; lag++) {
        const double after = alike(x, n, mean, lag + 1);
        if (here > before && here > after && here > most) {
            most = here;
            best = lag;
        }
        before = here;
        here = after;
    }
    return best;
}
