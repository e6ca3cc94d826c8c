#include "agent/init_judge.h"

#include <math.h>
#include <stdio.h>

#include "agent/source.h"

/* The years 2000 to 2100, in seconds since 1970. */
#define CLOCK_FROM 9.4e8
#define CLOCK_TO 4.11e9

#define COUNTER_RISES 5 /* whole numbers that rise so often, and never fall, count something */
#define METER_RISES 200 /* ... numbers with parts */
#define WRAPS 50        /* a counter may begin anew once in so many rises */

static void add_change(an_init_stats *s, double step, int64_t time_ms)
{
    if (s->changes++ == 0)
        s->change_first_ms = time_ms;
    s->change_last_ms = time_ms;
    if (step < 0) {
        s->falls++;
        return;
    }
    s->rise_min = s->rises == 0 || step < s->rise_min ? step : s->rise_min;
    s->rise_max = s->rises == 0 || step > s->rise_max ? step : s->rise_max;
    s->rises++;
}

void an_init_stats_add(an_init_stats *s, double value, uint8_t quality, int64_t time_ms)
{
    s->rows++;
    s->bad += quality == AN_VALUE_BAD;
    s->unheard += quality == AN_VALUE_UNREACHED || quality == AN_VALUE_STALE;
    if (isnan(value))
        return;
    s->parts = s->parts || value != floor(value);
    if (s->good++ == 0) {
        s->first = s->last = s->min = s->max = s->other = value;
        s->run = s->run_max = 1;
        return;
    }
    s->min = value < s->min ? value : s->min;
    s->max = value > s->max ? value : s->max;
    if (s->other == s->first)
        s->other = value;
    s->apart = s->apart || (value != s->first && value != s->other);
    s->run = value == s->last ? s->run + 1 : 1;
    s->run_max = s->run > s->run_max ? s->run : s->run_max;
    if (value != s->last)
        add_change(s, value - s->last, time_ms);
    s->last = value;
}

bool an_init_is_clock(const an_init_stats *s)
{
    const double unit = s->min >= CLOCK_FROM * 1000 ? 1000 : 1;
    return s->good > 0 && s->falls == 0 && s->min >= CLOCK_FROM * unit && s->max <= CLOCK_TO * unit;
}

static bool is_counter(const an_init_stats *s)
{
    const uint64_t enough = s->parts ? METER_RISES : COUNTER_RISES;
    return s->apart && s->rises >= enough && s->falls * WRAPS <= s->rises;
}

bool an_init_judge(const an_init_stats *s, char why[static AN_INIT_WHY_MAX])
{
    why[0] = '\0';
    if (s->rows == 0)
        snprintf(why, AN_INIT_WHY_MAX, "no row came");
    else if (s->good == 0 && s->bad > 0)
        snprintf(why, AN_INIT_WHY_MAX, "no number");
    else if (s->good == 0)
        snprintf(why, AN_INIT_WHY_MAX, "never has a value");
    else if (an_init_is_clock(s))
        snprintf(why, AN_INIT_WHY_MAX, "a clock");
    else if (s->changes == 0)
        snprintf(why, AN_INIT_WHY_MAX, "constant: %g in all of %llu rows", s->first,
                 (unsigned long long)s->good);
    else if (is_counter(s))
        snprintf(why, AN_INIT_WHY_MAX, "a counter: it only rises, from %g to %g", s->first, s->last);
    if (why[0])
        return false;
    if (s->good * 2 < s->rows)
        snprintf(why, AN_INIT_WHY_MAX, "without a value in %.0f %% of the rows",
                 100.0 * (double)(s->rows - s->good) / (double)s->rows);
    else if (!s->apart && s->changes > 1)
        snprintf(why, AN_INIT_WHY_MAX, "a state: %g or %g", s->min, s->max);
    return true;
}

int64_t an_init_interval(const an_init_stats *s)
{
    return s->changes > 1 ? (s->change_last_ms - s->change_first_ms) / (int64_t)(s->changes - 1) : 0;
}

int64_t an_init_round_step(int64_t ms)
{
    static const int64_t steps[] = {10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000};
    int64_t best = steps[0];
    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i] <= ms + ms / 20)
            best = steps[i];
    return best;
}
