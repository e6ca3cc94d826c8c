/* How likely reports are when nothing has changed. */
#include <math.h>
#include <string.h>

#include "coordinator/drift.h"

#define TEST_ROWS 512.0 /* of a watch's input test, unless its site says otherwise */
#define LEAST_TESTS 4.0 /* a watch is calibrated on as many at least */
#define SEEN_MS (90 * INT64_C(86400000))
#define MARGIN 1.5 /* limit / largest figure of the reference, unless its site says otherwise */

/* The largest of n figures of the reference is at limit / MARGIN, where about one in n + 1 lies above.  With an
 * exponential tail from 0, (n + 1) to the power of -MARGIN * x lie above x limits. */
double an_drift_p(const an_drift_entry *d, double rows, double run)
{
    const double tests = fmax(LEAST_TESTS, (double)d->n_reference / TEST_ROWS);
    const double times = d->threshold > 0 ? fmax(1, d->effect / d->threshold) : 1;
    return -expm1(-rows / run * exp(-MARGIN * log(tests + 1) * (times - 1)));
}

/* P(X >= k), X ~ Poisson(mean). */
static double poisson_tail(double mean, size_t k)
{
    double term = exp(-mean), below = 0;
    for (size_t i = 0; i < k; i++) {
        below += term;
        term *= mean / (double)(i + 1);
    }
    return fmax(0, 1 - below);
}

an_drift_chance an_drift_chance_of(const an_policy *p, size_t n_lines, double rate_hz)
{
    const double rate = rate_hz > 0 ? rate_hz / 1000 : 1e-3; /* rows a millisecond */
    an_drift_chance c = {.lines = n_lines, .level = 1, .alone = 1};
    c.window_ms = (double)(p->drift_gather_ms + p->drift_within_ms);
    if (n_lines == 0)
        return c;
    const double lines = (double)n_lines, month = (double)AN_MONTH_MS;
    if (p->drift_false_month > 0) {
        c.level = fmin(1, p->drift_false_month * c.window_ms / month);
        c.alone = c.level / lines;
    }
    c.of_report = -expm1(-rate * c.window_ms / p->drift_run);
    for (size_t k = 1; k <= n_lines && c.together == 0; k++)
        if (c.of_report <= c.alone * (double)k)
            c.together = k;
    c.reports = lines * rate * month / p->drift_run;
    const double others = (lines - 1) * rate * c.window_ms / p->drift_run;
    c.uncontrolled = c.reports * poisson_tail(others, (size_t)p->drift_quorum - 1);
    if (p->drift_cooldown_ms > 0)
        c.uncontrolled = fmin(c.uncontrolled, month / (double)p->drift_cooldown_ms);
    c.campaigns = p->drift_false_month > 0 ? fmin(c.uncontrolled, p->drift_false_month) : c.uncontrolled;
    return c;
}

double an_drift_poisson_max(size_t k, double confidence)
{
    double low = 0, high = 4 * (double)k + 40;
    for (int i = 0; i < 60; i++) {
        const double mean = (low + high) / 2;
        if (poisson_tail(mean, k + 1) < confidence)
            low = mean;
        else
            high = mean;
    }
    return high;
}

static int64_t first_production(const an_state *st, const char *model)
{
    for (size_t i = 0; i < st->campaigns.n; i++) {
        const an_campaign *c = &st->campaigns.items[i];
        if (c->state == AN_CAMPAIGN_PROMOTED && strcmp(c->model, model) == 0)
            return c->ended_ms;
    }
    return INT64_MAX;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

an_drift_seen an_drift_observed(const an_state *st, const char *model, int64_t now_ms)
{
    an_drift_seen s = {.days = 0};
    int64_t from = first_production(st, model);
    if (from >= now_ms)
        return s;
    from = now_ms - from > SEEN_MS ? now_ms - SEEN_MS : from;
    s.days = (double)(now_ms - from) / 86400000;
    for (size_t i = 0; i < st->drifts.n; i++) {
        const an_drift_entry *d = &st->drifts.items[i];
        s.reports += d->sign >= 0 && d->time_ms >= from && strcmp(d->model, model) == 0;
    }
    for (size_t i = 0; i < st->campaigns.n; i++) {
        const an_campaign *c = &st->campaigns.items[i];
        if (strcmp(c->cause, "drift") != 0 || strcmp(c->model, model) != 0 || c->opened_ms < from)
            continue;
        s.campaigns++;
        s.promoted += c->state == AN_CAMPAIGN_PROMOTED;
        s.faults += c->state == AN_CAMPAIGN_STOPPED && begins(c->reason, "possible fault");
        s.no_gain += c->state == AN_CAMPAIGN_STOPPED && begins(c->reason, "no gain");
    }
    s.false_month = 30 / s.days * (double)s.no_gain;
    s.false_month_max = 30 / s.days * an_drift_poisson_max(s.no_gain, 0.95);
    return s;
}
