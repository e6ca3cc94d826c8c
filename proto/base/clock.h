/* clock.h - time as a parameter.  Code that needs the time takes an an_clock, so that a test can
 * let ten minutes pass in no time.
 *
 * Threads: the system clock may be read from anywhere; a fake clock belongs to one thread. */
#ifndef AN_BASE_CLOCK_H
#define AN_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

typedef struct an_clock an_clock;
struct an_clock {
    int64_t (*wall_ms)(const an_clock *c); /* since 1970-01-01 UTC: what a person reads */
    int64_t (*mono_ms)(const an_clock *c); /* never goes back: what deadlines are measured with */
};

const an_clock *an_clock_system(void);

typedef struct an_clock_fake {
    an_clock clock; /* pass &fake.clock */
    int64_t now_ms;
    int64_t wrong_ms; /* of the wall clock, which somebody has set */
} an_clock_fake;

void an_clock_fake_init(an_clock_fake *f, int64_t start_ms);
void an_clock_fake_advance(an_clock_fake *f, int64_t ms);

/* So far from now by the monotonic clock, for pthread_cond_timedwait. */
struct timespec an_clock_after(int64_t ms);

uint64_t an_clock_ns(void); /* monotonic, for benchmarks and latencies only */

/* "2026-03-09T10:14:33.250Z"; out holds 25 chars. */
void an_time_text(char out[static 25], int64_t wall_ms);

#endif
