#include "models/metrics_range.h"

#include <math.h>
#include <stdbool.h>

#include "base/mem.h"

/* The next run of ones at or after `from`: [begin, end).  False: there is none. */
static bool next_run(const uint8_t *v, size_t n, size_t from, size_t *ret_begin, size_t *ret_end)
{
    while (from < n && !v[from])
        from++;
    *ret_begin = from;
    while (from < n && v[from])
        from++;
    *ret_end = from;
    return *ret_begin < n;
}

static size_t count(const uint8_t *v, size_t begin, size_t end)
{
    size_t sum = 0;
    for (size_t i = begin; i < end; i++)
        sum += v[i] != 0;
    return sum;
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : (double)NAN;
}

void an_events_rates(an_event_figures *e)
{
    e->recall = ratio((double)e->n_detected, (double)e->n_events);
    e->precision = ratio((double)(e->n_runs - e->n_false_runs), (double)e->n_runs);
    /* No alarm at all gives 0, as for F1 of points. */
    const double p = e->n_runs ? e->precision : 0.0;
    e->f1 = !e->n_events ? (double)NAN : p + e->recall > 0 ? 2 * p * e->recall / (p + e->recall) : 0.0;
}

an_event_figures an_events_of(const uint8_t *alarms, const uint8_t *labels, size_t n)
{
    an_event_figures e = {0};
    for (size_t b = 0, end = 0; next_run(labels, n, end, &b, &end); e.n_events++)
        e.n_detected += count(alarms, b, end) > 0;
    for (size_t b = 0, end = 0; next_run(alarms, n, end, &b, &end); e.n_runs++)
        e.n_false_runs += count(labels, b, end) == 0;
    an_events_rates(&e);
    return e;
}

double an_pa_f1(const uint8_t *alarms, const uint8_t *labels, size_t n, double k)
{
    double tp = 0, positives = 0;
    const double all = (double)count(alarms, 0, n);
    double hits = 0;
    for (size_t b = 0, end = 0; next_run(labels, n, end, &b, &end);) {
        const double len = (double)(end - b), hit = (double)count(alarms, b, end);
        tp += hit > k * len ? len : hit;
        positives += len;
        hits += hit;
    }
    const double fp = all - hits;
    return positives > 0 ? 2 * tp / (tp + fp + positives) : (double)NAN;
}

double an_pa_area(const uint8_t *alarms, const uint8_t *labels, size_t n)
{
    double sum = 0;
    for (int k = 0; k <= 100; k++)
        sum += an_pa_f1(alarms, labels, n, k / 100.0) * (k == 0 || k == 100 ? 0.5 : 1.0);
    return sum / 100;
}

/* ---- affiliation ---- */

/* How many of the rows at most `side` away on one side are at least d > 0 away. */
static double beyond(size_t side, size_t d)
{
    return side >= d ? (double)(side - d + 1) : 0.0;
}

static size_t distance(size_t a, size_t b)
{
    return a > b ? a - b : b - a;
}

/* Chances as the header says, for the zone [z, ze) of the event [b, e). */
static double zone_precision(const uint8_t *alarms, size_t z, size_t ze, size_t b, size_t e)
{
    double sum = 0, n = 0;
    for (size_t x = z; x < ze; x++) {
        if (!alarms[x])
            continue;
        const size_t d = x < b ? b - x : x >= e ? x - (e - 1) : 0;
        sum += d == 0 ? 1.0 : (beyond(b - z, d) + beyond(ze - e, d)) / (double)(ze - z);
        n++;
    }
    return ratio(sum, n);
}

/* near[i]: the alarm of the zone that is nearest to row i of it. */
static void nearest(const uint8_t *alarms, size_t z, size_t ze, size_t *near)
{
    size_t last = SIZE_MAX;
    for (size_t x = z; x < ze; x++) {
        last = alarms[x] ? x : last;
        near[x] = last;
    }
    last = SIZE_MAX;
    for (size_t x = ze; x-- > z;) {
        last = alarms[x] ? x : last;
        if (last != SIZE_MAX && (near[x] == SIZE_MAX || last - x < x - near[x]))
            near[x] = last;
    }
}

static double zone_recall(const uint8_t *alarms, size_t z, size_t ze, size_t b, size_t e, size_t *near)
{
    double sum = 0;
    nearest(alarms, z, ze, near);
    for (size_t y = b; y < e; y++) {
        if (near[y] == SIZE_MAX)
            return 0;
        const size_t d = distance(y, near[y]);
        sum += d == 0 ? 1.0 : (beyond(y - z, d) + beyond(ze - 1 - y, d)) / (double)(ze - z);
    }
    return sum / (double)(e - b);
}

an_err an_affiliation_of(const uint8_t *alarms, const uint8_t *labels, size_t n, an_affiliation *ret)
{
    double precision = 0, recall = 0, zones = 0, events = 0;
    size_t *near = an_alloc(n, sizeof *near);
    if (!near)
        return AN_ERR_NOMEM;
    size_t b, e, next_b, next_e, z = 0;
    bool more = next_run(labels, n, 0, &b, &e);
    while (more) {
        more = next_run(labels, n, e, &next_b, &next_e);
        const size_t ze = more ? e + (next_b - e) / 2 : n;
        const double p = zone_precision(alarms, z, ze, b, e);
        if (!isnan(p)) {
            precision += p;
            zones++;
        }
        recall += zone_recall(alarms, z, ze, b, e, near);
        events++;
        z = ze;
        b = next_b;
        e = next_e;
    }
    an_free(near);
    *ret = (an_affiliation){.precision = ratio(precision, zones), .recall = ratio(recall, events)};
    const double p = zones > 0 ? ret->precision : 0.0, r = ret->recall;
    ret->f1 = events > 0 ? (p + r > 0 ? 2 * p * r / (p + r) : 0.0) : (double)NAN;
    return AN_OK;
}

/* ---- NAB ---- */

#define NAB_FALSE 0.11

static double sigmoid(double x)
{
    return x > 3 ? -1.0 : 2 / (1 + exp(5 * x)) - 1;
}

double an_nab_score(const uint8_t *alarms, const uint8_t *labels, size_t n, size_t window)
{
    double raw = 0, events = 0;
    size_t last_b = 0, last_e = 0; /* the window before */
    size_t b, e, from = 0;
    for (bool more = true; more;) {
        more = next_run(labels, n, from, &b, &e);
        from = e;
        if (more && window > 0)
            e = n - b < window ? n : b + window;
        const size_t begin = more ? b : n;
        for (size_t i = last_e; i < begin; i++) /* between two windows */
            if (alarms[i] && last_e == 0)
                raw -= NAB_FALSE;
            else if (alarms[i])
                raw += NAB_FALSE * sigmoid((double)(i - (last_e - 1)) /
                                           (last_e - last_b > 1 ? (double)(last_e - 1 - last_b) : 1.0));
        if (!more)
            break;
        /* A window that begins inside the one before goes on where that ends. */
        size_t first = b < last_e ? last_e : b;
        while (first < e && !alarms[first])
            first++;
        raw += first < e ? sigmoid(-(double)(e - first) / (double)(e - b)) / sigmoid(-1) : -1.0;
        events++;
        if (e > last_e) {
            last_b = b;
            last_e = e;
        }
    }
    return events > 0 ? 100 * (raw + events) / (2 * events) : (double)NAN;
}
