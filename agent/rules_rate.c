/* How fast a value changes. */
#include <math.h>

#include "agent/rules_internal.h"

void an_rate_reset(an_rate *r)
{
    r->head = r->n = 0;
}

#define PART(r, i) (&(r)->parts[((r)->head + (i)) % AN_RATE_PARTS])

static void begin_part(an_rate *r, int64_t time_ms)
{
    if (r->n == AN_RATE_PARTS) {
        r->head = (r->head + 1) % AN_RATE_PARTS;
        r->n--;
    }
    r->n++;
    PART(r, r->n - 1)->from_ms = time_ms;
    PART(r, r->n - 1)->time = PART(r, r->n - 1)->value = 0;
    PART(r, r->n - 1)->n = 0;
}

/* sum((t - mean t)(v - mean v)) / sum((t - mean t)^2) over the parts' means. */
static bool slope(const an_rate *r, int64_t now_ms, double *ret)
{
    double t_mean = 0, v_mean = 0, tv = 0, tt = 0, t[AN_RATE_PARTS], v[AN_RATE_PARTS];
    for (size_t i = 0; i < r->n; i++) {
        const double n = (double)PART(r, i)->n;
        t[i] = (double)(PART(r, i)->from_ms - now_ms) / 1000 + PART(r, i)->time / n;
        v[i] = PART(r, i)->value / n;
        t_mean += t[i] / (double)r->n;
        v_mean += v[i] / (double)r->n;
    }
    for (size_t i = 0; i < r->n; i++) {
        tv += (t[i] - t_mean) * (v[i] - v_mean);
        tt += (t[i] - t_mean) * (t[i] - t_mean);
    }
    *ret = tv / tt;
    return tt > 0 && isfinite(*ret);
}

bool an_rate_step(an_rate *r, int64_t time_ms, double value, int64_t over_ms, double *ret)
{
    const int64_t part_ms = (over_ms + AN_RATE_PARTS - 2) / (AN_RATE_PARTS - 1); /* one is being filled */
    if (r->n > 0 && time_ms < PART(r, r->n - 1)->from_ms)
        an_rate_reset(r); /* the clock was set back */
    if (r->n == 0 || time_ms - PART(r, r->n - 1)->from_ms >= part_ms)
        begin_part(r, time_ms);
    while (r->n > 1 && time_ms - PART(r, 0)->from_ms > over_ms) {
        r->head = (r->head + 1) % AN_RATE_PARTS;
        r->n--;
    }
    PART(r, r->n - 1)->time += (double)(time_ms - PART(r, r->n - 1)->from_ms) / 1000;
    PART(r, r->n - 1)->value += value;
    PART(r, r->n - 1)->n++;
    return time_ms - PART(r, 0)->from_ms >= over_ms / 2 && slope(r, time_ms, ret);
}
