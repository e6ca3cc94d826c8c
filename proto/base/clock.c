#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t system_wall(const an_clock *c)
{
    (void)c;
    return read_ms(CLOCK_REALTIME);
}

static int64_t system_mono(const an_clock *c)
{
    (void)c;
    return read_ms(CLOCK_MONOTONIC);
}

const an_clock *an_clock_system(void)
{
    static const an_clock system_clock = {.wall_ms = system_wall, .mono_ms = system_mono};
    return &system_clock;
}

static int64_t fake_now(const an_clock *c)
{
    return ((const an_clock_fake *)c)->now_ms; /* clock is the first member */
}

static int64_t fake_wall(const an_clock *c)
{
    return fake_now(c) + ((const an_clock_fake *)c)->wrong_ms;
}

void an_clock_fake_init(an_clock_fake *f, int64_t start_ms)
{
    *f = (an_clock_fake){.clock = {.wall_ms = fake_wall, .mono_ms = fake_now}, .now_ms = start_ms};
}

void an_clock_fake_advance(an_clock_fake *f, int64_t ms)
{
    f->now_ms += ms;
}

struct timespec an_clock_after(int64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)(ms / 1000);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

uint64_t an_clock_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void an_time_text(char out[static 25], int64_t wall_ms)
{
    int64_t ms = wall_ms % 1000;
    time_t sec = (time_t)(wall_ms / 1000);
    if (ms < 0) {
        ms += 1000;
        sec -= 1;
    }
    struct tm tm;
    char day[24];
    if (!gmtime_r(&sec, &tm) || strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        snprintf(day, sizeof day, "0000-00-00T00:00:00");
    snprintf(out, 25, "%.19s.%03dZ", day, (int)ms);
}
