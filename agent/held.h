/* held.h - which of the windows that alarms held back may be a line's new normal.
 *
 * A drift raises alarms, so the windows that show it are held.  An approved campaign that
 * answers the drift may learn them, but not what belongs to faults.  A held window counts as
 * drift if
 *
 *   - it was seen since what the drift watch has reported of the running version began, or
 * since the alarm began that was open then, and
 *   - its alarm has lasted for longer than an_driftwatch_patience rows: a shorter one is a
 * fault, whatever else happens on the line.
 *
 * All others stay held until an operator has judged their alarm.
 *
 *     an_held_init(&held, pool, &drift, stride);
 *     an_held_alarm(&held, event);  an_held_drift(&held, alert);     from the pipeline's hooks
 *     err = an_held_copy(&held, &raw, &n);                           what a campaign may learn
 *     n = an_held_live(&held, true);                                 its version goes live
 *
 * Threads: that of the pool. */
#ifndef AN_AGENT_HELD_H
#define AN_AGENT_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/alarm.h"
#include "agent/driftwatch.h"
#include "agent/pool.h"
#include "base/err.h"

typedef struct an_held {
    an_pool *pool;      /* borrowed */
    size_t least;       /* held windows of an alarm that has lasted */
    int64_t drift_ms;   /* begin of what was reported of this version; INT64_MAX: nothing */
    int64_t alarm_ms;   /* begin of the open alarm; INT64_MAX: none */
    int64_t settled_ms; /* begin of the last change that was accepted; INT64_MIN: none */
    struct {            /* what was kept over a restart; drift_ms INT64_MAX: nothing */
        uint8_t version[AN_ALARM_HASH];
        int64_t drift_ms;
    } kept;
} an_held;

/* stride: rows between two windows offered to the pool. */
void an_held_init(an_held *h, an_pool *pool, const an_driftwatch_conf *conf, uint64_t stride);
void an_held_alarm(an_held *h, const an_alarm_event *e);
void an_held_drift(an_held *h, const an_drift_alert *d);

/* The held windows that count as drift, as an_pool_copy.  Errors: NOMEM. */
an_err an_held_copy(const an_held *h, float **ret, size_t *ret_n);
/* All windows seen since what was reported began, whoever holds them, in time order: what the change
 * looks like. None as long as nothing was reported.  As an_pool_copy. */
an_err an_held_changed(const an_held *h, float **ret, size_t *ret_n);
/* Was drift reported of the running version? */
bool an_held_reported(const an_held *h);
/* Number of the first window of a part that shows the line as it is now: seen since what was reported
 * began, or since the last change that was accepted; 0 if there was none. */
size_t an_held_since(const an_held *h, an_pool_part part);
/* A version goes live, of which nothing has been reported yet.  answer: it is the answer to a
 * drift. If that was this line's, too, the windows that count as drift become normal operation,
 * and the change becomes a part of "before" (pool.h).  Returns how many windows were held. */
size_t an_held_live(an_held *h, bool answer);

/* For a restart: when what was reported of the version began.  restore is called before the version
 * goes live again and resume after it; of another version nothing has been reported.
 * Errors: PROTO. */
void an_held_save(const an_held *h, const uint8_t version[static AN_ALARM_HASH], an_buf *ret);
an_err an_held_restore(an_held *h, an_reader *in);
void an_held_resume(an_held *h, const uint8_t version[static AN_ALARM_HASH]);

#endif
