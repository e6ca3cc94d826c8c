/* At most so many false alarms in so many hours.
 *
 * What raises an alarm is not a score but k of n of them, so the scores are first made into what the alarm looks at,
 * m: the k-th largest of the last n.  An alarm at level z is a stretch of m above it that is not too near another
 * one.  Those are counted on the normal scores in their order, so whatever makes scores depend on each other is in the
 * count.
 *
 * Enough scores: the lowest level with one more alarm than was counted within the budget.  The one more makes it hold in
 * expectation for what comes next (as split conformal does, see target_far).  Too few scores for the budget, which is
 * usual: the highest m of each stretch above a level is a peak, peaks are far apart and so nearly independent, and
 * their excesses follow a Pareto law (tail.h), which says which level is passed rarely enough.
 *
 * Without an order each score may be an alarm of its own, one a second; too few of them: pot. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/tail.h"
#include "models/threshold.h"

#define LEVELS 512     /* that are tried */
#define PEAKS_MOST 512 /* taken into the tail */
#define PEAKS_LEVEL 0.9
#define PERSIST_MOST 64 /* AN_ALARM_PERSIST_MAX */

extern const an_threshold_type an_threshold_pot; /* for scores without an order */

typedef struct stretch {
    const float *m;
    size_t n, gap; /* gap: alarms nearer than this are one */
} stretch;

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Alarms at a level; with peaks their highest excesses, the first `cap`. */
static size_t alarms_at(const stretch *s, double level, double *peaks, size_t cap)
{
    size_t count = 0, last = 0;
    for (size_t i = 0; i < s->n; i++) {
        const double over = (double)s->m[i] - level;
        if (!(over > 0))
            continue;
        if (count == 0 || i - last > s->gap) {
            count++;
            if (peaks && count <= cap)
                peaks[count - 1] = over;
        } else if (peaks && count <= cap) {
            peaks[count - 1] = fmax(peaks[count - 1], over);
        }
        last = i;
    }
    return count;
}

/* Level i of LEVELS: the highest ones one by one, then in steps that grow. */
static size_t rank_at(size_t i, size_t n)
{
    const size_t half = LEVELS / 2;
    if (i < half || n <= LEVELS)
        return i;
    const double part = (double)(i - half + 1) / (double)(LEVELS - half);
    return half + (size_t)(part * part * (double)(n - 1 - half));
}

static double count_down(const stretch *s, const float *sorted, double allowed)
{
    double best = (double)sorted[s->n - 1];
    for (size_t i = 0; i < LEVELS && rank_at(i, s->n) < s->n; i++) {
        const double level = (double)sorted[s->n - 1 - rank_at(i, s->n)];
        if ((double)alarms_at(s, level, NULL, 0) + 1 > allowed)
            break;
        best = level;
    }
    return best;
}

static an_err extrapolate(const stretch *s, const float *sorted, double allowed, double *ret, an_note *why)
{
    double peaks[PEAKS_MOST], level = (double)sorted[(size_t)(PEAKS_LEVEL * (double)(s->n - 1))];
    size_t n = alarms_at(s, level, peaks, PEAKS_MOST);
    if (n == 0) { /* nothing is above it: all is level */
        *ret = (double)sorted[s->n - 1];
        return AN_OK;
    }
    if (n > PEAKS_MOST)
        n = PEAKS_MOST;
    if (n < AN_TAIL_LEAST)
        return an_fail(
            AN_ERR_INVAL, why,
            "an alarm budget needs %d separate peaks of normal scores; there are %zu in %zu scores",
            AN_TAIL_LEAST, n, s->n);
    const an_tail tail = an_tail_fit(peaks, n);
    *ret = level + an_tail_excess(&tail, fmin(allowed / (double)n, 0.999));
    return AN_OK;
}

static an_err from(const double *params, const float *sorted, size_t n, double *ret, an_note *why)
{
    const double hours = (double)n / AN_THRESHOLD_LINE_DEFAULT.per_hour;
    const double allowed = params[0] * hours / params[1];
    const double q = allowed / (double)n;
    if (allowed >= 1 || q >= 0.5) { /* sorted, neighbours would be one alarm */
        const double above = fmin(fmax(floor(allowed) - 1, 0), (double)(n - 1));
        *ret = (double)sorted[n - 1 - (size_t)above];
        return AN_OK;
    }
    return an_threshold_pot.from((const double[]){q, PEAKS_LEVEL}, sorted, n, ret, why);
}

/* The k-th largest of the last n scores: above a level if k of them are. */
static void persist(const float *scores, size_t n_scores, unsigned k, unsigned n, float *m)
{
    float last[PERSIST_MOST];
    for (size_t i = 0; i < n_scores; i++) {
        const size_t have = i + 1 < n ? i + 1 : n;
        for (size_t j = 0; j < have; j++)
            last[j] = scores[i - j];
        qsort(last, have, sizeof *last, by_value);
        m[i] = have >= k ? last[have - k] : last[0];
    }
}

static an_err in_order(const double *params, const float *scores, size_t n, const an_threshold_line *line,
                       float *memory, double *ret, an_note *why)
{
    const double hours = (double)n * (double)line->step / line->per_hour;
    const double allowed = params[0] * hours / params[1];
    /* Of overlapping windows only every step-th is here: fewer of fewer, which alarms rather more often. */
    const unsigned of = line->n / line->step > 0 ? (unsigned)(line->n / line->step) : 1;
    const unsigned k = (unsigned)((size_t)line->k * of / line->n);
    float *m = memory, *sorted = memory + n;
    if (of > PERSIST_MOST)
        return an_fail(AN_ERR_INVAL, why, "an alarm of %u scores; at most %d", line->n, PERSIST_MOST);
    persist(scores, n, k ? k : 1, of, m);
    memcpy(sorted, m, n * sizeof *m);
    qsort(sorted, n, sizeof *sorted, by_value);
    const stretch s = {.m = m, .n = n, .gap = (line->apart > line->n ? line->apart : line->n) / line->step};
    if (allowed < 1)
        return extrapolate(&s, sorted, allowed, ret, why);
    *ret = count_down(&s, sorted, allowed);
    return AN_OK;
}

const an_threshold_type an_threshold_budget = {
    .name = "budget",
    .meaning = "at most so many false alarms in so many hours",
    .n_params = 2,
    .params = {{0.0, 1e6, 1.0}, {0.0, 1e5, 8.0}},
    .from = from,
    .in_order = in_order,
};
