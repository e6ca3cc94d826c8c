/* How fast a value changes. */
#include <math.h>

#include "agent/rules_internal.h"

void an_rate_reset(an_rate *r)
{
    r->head = r->n = 0;
}

#define PART(r, i) (&(r)->parts[((r)->head + (i)) % AN_RATE_PARTS])

/* Mean time of a part, in seconds since the first one's beginning. */
static double time_of(const an_rate *r, size_t i)
{
    return (double)(PART(r, i)->from_ms - PART(r, 0)->from_ms) / 1000 +
           PART(r, i)->time / (double)PART(r, i)->n;
}

static double value_of(const an_rate *r, size_t i)
{
    return PART(r, i)->value / (double)PART(r, i)->n;
}

/* Only when a part is done or goes, so that a row costs the same however long the time is. */
void an_rate_resume(an_rate *r)
{
    r->sums.t = r->sums.v = r->sums.tt = r->sums.tv = 0;
    for (size_t i = 0; i + 1 < r->n; i++) {
        const double t = time_of(r, i), v = value_of(r, i);
        r->sums.t += t;
        r->sums.v += v;
        r->sums.tt += t * t;
        r->sums.tv += t * v;
    }
}

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

/* (n sum tv - sum t sum v) / (n sum tt - (sum t)^2) over the parts' means. */
static bool slope(const an_rate *r, double *ret)
{
    const double n = (double)r->n, t = time_of(r, r->n - 1), v = value_of(r, r->n - 1);
    const double sum_t = r->sums.t + t, sum_v = r->sums.v + v;
    const double spread = n * (r->sums.tt + t * t) - sum_t * sum_t;
    *ret = (n * (r->sums.tv + t * v) - sum_t * sum_v) / spread;
    return spread > 0 && isfinite(*ret);
}

bool an_rate_step(an_rate *r, int64_t time_ms, double value, int64_t over_ms, double *ret)
{
    const int64_t part_ms = (over_ms + AN_RATE_PARTS - 2) / (AN_RATE_PARTS - 1); /* one is being filled */
    bool changed = false;
    if (r->n > 0 && time_ms < PART(r, r->n - 1)->from_ms)
        an_rate_reset(r); /* the clock was set back */
    if (r->n == 0 || time_ms - PART(r, r->n - 1)->from_ms >= part_ms) {
        begin_part(r, time_ms);
        changed = true;
    }
    for (; r->n > 1 && time_ms - PART(r, 0)->from_ms > over_ms; changed = true) {
        r->head = (r->head + 1) % AN_RATE_PARTS;
        r->n--;
    }
    if (changed)
        an_rate_resume(r);
    PART(r, r->n - 1)->time += (double)(time_ms - PART(r, r->n - 1)->from_ms) / 1000;
    PART(r, r->n - 1)->value += value;
    PART(r, r->n - 1)->n++;
    return r->n > 1 && time_ms - PART(r, 0)->from_ms >= over_ms / 2 && slope(r, ret);
}
