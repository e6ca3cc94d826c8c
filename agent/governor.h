/* governor.h - the trainer stands back behind the line's own work.
 *
 *     line threads -- late, idle --> governor <-- wait, before each step -- trainer
 *
 * A step of training, or a batch of windows, begins only when
 *
 *     no line was late in the last quiet_ms: a line is late when more rows wait than it takes at a time;
 *     every line is idle, if that is asked for;
 *     the trainer has had no more than its share of the time;
 *     the process has had no more processor time than it may, in the last ten seconds.
 *
 * So it yields within one batch.  What it does not answer for is a step that has begun: that ends, beside the
 * line's threads, which the system prefers (nice).
 *
 *     an_governor_new(&conf, &g);
 *     job->pace = an_governor_pace(g);
 *     line:    if (batch was full) an_governor_late(g);
 *
 * Threads: late, idle, stop and look from any; the pace is asked by one thread at a time. */
#ifndef AN_AGENT_GOVERNOR_H
#define AN_AGENT_GOVERNOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/pace.h"

typedef struct an_governor_conf {
    double share;          /* of the time in which the trainer may work, (0, 1]; 1: all */
    bool idle_only;        /* only while every line is idle */
    size_t n_lines;        /* 0 .. 64 */
    int64_t quiet_ms;      /* after a line was late; 0: 250 */
    double cpu;            /* processors of the whole process; 0: no bound */
    double (*cpu_s)(void); /* processor time so far; NULL: an_usage_cpu_s */
    const an_clock *clock;
} an_governor_conf;

typedef enum an_governor_state {
    AN_GOVERNOR_FREE,
    AN_GOVERNOR_LATE,
    AN_GOVERNOR_BUSY,
    AN_GOVERNOR_SHARE,
    AN_GOVERNOR_CPU,
    AN_GOVERNOR_STATES
} an_governor_state;
const char *an_governor_state_name(an_governor_state s); /* what training waits for; "" nothing */

typedef struct an_governor an_governor;

an_err an_governor_new(const an_governor_conf *conf, an_governor **ret); /* INVAL, NOMEM */
void an_governor_free(an_governor *g);

void an_governor_late(an_governor *g);
void an_governor_idle(an_governor *g, size_t line, bool idle); /* no line is at the start */
void an_governor_stop(an_governor *g);                         /* nobody waits any more */
const an_pace *an_governor_pace(an_governor *g);

typedef struct an_governor_look {
    an_governor_state state;               /* now */
    uint64_t lates;                        /* how often a line was late while training was asked for */
    int64_t waited_ms[AN_GOVERNOR_STATES]; /* by an_governor_state, so far */
} an_governor_look;
an_governor_look an_governor_look_at(an_governor *g);

#endif
