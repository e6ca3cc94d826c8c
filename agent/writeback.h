/* writeback.h - what may be written to a controller, and when: pure decisions.  ADR 38, "Write-back".
 *
 * A verdict is GOOD only if the line is scored now by a version that runs, and nothing that matters is in alarm.
 * Whatever is late, missing or not known is UNKNOWN, never GOOD.  Nothing is written unless two different people have
 * enabled it here within a window of time, and only as long as that lasts.
 *
 *     an_wb_gate g = {0};
 *     an_wb_ask(&g, &people, "anna", now);     ARMED
 *     an_wb_ask(&g, &people, "ben", now);      ENABLED until now + people.for_ms
 *     verdict = an_wb_verdict(&look, deadline_ms, severity);
 *     what = an_wb_decide(&target, &state, verdict, an_wb_is_enabled(&g, now), now, &value);
 *
 * Threads: plain data; no clock, no I/O. */
#ifndef AN_AGENT_WRITEBACK_H
#define AN_AGENT_WRITEBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/alarm_record.h"

#define AN_WB_RATE_MAX 60 /* writes of a target in a minute */

/* ---- who has enabled it ---- */

typedef struct an_wb_people {
    int64_t window_ms; /* the second one has to come so soon after the first */
    int64_t for_ms;    /* so long it is enabled then */
} an_wb_people;

typedef struct an_wb_gate {
    char first[AN_NAME_MAX]; /* who waits for the second; "": nobody */
    int64_t first_ms;
    char people[2][AN_NAME_MAX];
    int64_t until_ms; /* 0: it is not enabled */
} an_wb_gate;

typedef enum an_wb_answer { AN_WB_ARMED, AN_WB_ENABLED, AN_WB_SAME_PERSON } an_wb_answer;

/* by has proved who it is.  Asking again while it is enabled begins anew: two people, and then it lasts longer. */
an_wb_answer an_wb_ask(an_wb_gate *g, const an_wb_people *p, const char *by, int64_t now_ms);
void an_wb_end(an_wb_gate *g); /* one person is enough to end it */
bool an_wb_is_enabled(const an_wb_gate *g, int64_t now_ms);

/* ---- what is said ---- */

typedef enum an_wb_verdict_kind { AN_WB_UNKNOWN, AN_WB_GOOD, AN_WB_BAD } an_wb_verdict_kind;
const char *an_wb_verdict_name(an_wb_verdict_kind v); /* "unknown", "good", "bad" */

/* What is known of a line. */
typedef struct an_wb_look {
    bool runs;             /* a version scores it */
    int64_t agent_age_ms;  /* since the agent last said anything; negative: its clock is ahead */
    int64_t scored_age_ms; /* since a row was last scored */
    bool alarm;            /* one is active and shown */
    an_severity severity;  /* the highest of these */
} an_wb_look;

an_wb_verdict_kind an_wb_verdict(const an_wb_look *look, int64_t deadline_ms, an_severity severity);

/* ---- what is written ---- */

typedef struct an_wb_target {
    uint16_t values[3];   /* by verdict; that of UNKNOWN is not that of GOOD */
    uint16_t min, max;    /* whatever the values say */
    unsigned rate_minute; /* 1..AN_WB_RATE_MAX */
} an_wb_target;

/* False: the values are outside of the bounds, or UNKNOWN looks like GOOD. */
bool an_wb_target_ok(const an_wb_target *t);

typedef struct an_wb_state {
    bool known; /* what stands there is value */
    uint16_t value;
    int64_t times[AN_WB_RATE_MAX]; /* of the last writes */
    size_t n, at;
} an_wb_state;

typedef enum an_wb_what {
    AN_WB_WRITE, /* *ret_value */
    AN_WB_KEEP,  /* it stands there already */
    AN_WB_DISABLED,
    AN_WB_TOO_OFTEN, /* what stands there is not true: the heartbeat must stop */
    AN_WB_OUTSIDE    /* never happens with a target that is ok; the same holds */
} an_wb_what;

an_wb_what an_wb_decide(const an_wb_target *t, const an_wb_state *s, an_wb_verdict_kind v, bool enabled,
                        int64_t now_ms, uint16_t *ret_value);
/* A write begins: it counts, and until it is done nobody knows what stands there. */
void an_wb_begins(an_wb_state *s, int64_t now_ms);
void an_wb_done(an_wb_state *s, uint16_t value);

#endif
