/* shadow.h - a second version beside the one that a line runs: it scores the same rows with its own overlay, and
 * nothing follows from it but counts.
 *
 *     row -> live model ----> alarms, pool, drift watch
 *        \-> the other one -> counts of both (an_shadow_counts), each with an alarm machine of its own
 *
 * The same is done before a version is released (a candidate beside production) and after (the version before
 * beside the new one, watch.h).  Both see the same rows at the same time, so what happens to the line happens to
 * both: a real fault raises both, and the difference is the versions'.
 *
 *     err = an_shadow_new(&conf, &live, &shadow, &why);           takes live, which is warm
 *     an_shadow_row(shadow, &in);                                 what the live model made of this row
 *     const an_shadow_counts *c = an_shadow_look(shadow);
 *
 * No allocation in an_shadow_row.  What it costs is one more scoring of the row (docs/RESULTS.md).
 *
 * Threads: that of its pipeline. */
#ifndef AN_AGENT_SHADOW_H
#define AN_AGENT_SHADOW_H

#include "agent/alarm.h"
#include "agent/quality.h"
#include "agent/scoring.h"
#include "base/buf.h"
#include "sum/payload.h"

#define AN_SHADOW_BLOCK_LEAST 16 /* rows of a block, at least */

typedef struct an_shadow_conf {
    an_alarm_conf alarm;
    bool beside_is_candidate; /* the one beside is the candidate of the counts, else their production */
    size_t block;           /* rows of a block; 0: twice the longer history of the two, at least the least */
    size_t history;         /* of the live model: rows one score depends on */
    const an_alarm *alarms; /* both machines begin where this one is; NULL: quiet */
} an_shadow_conf;

typedef struct an_shadow an_shadow;

/* live is taken on success and zeroed; it must be warm.  Nothing in it (push is NULL): only the running version is
 * counted.  Errors: INVAL conf.alarm, NOMEM. */
an_err an_shadow_new(const an_shadow_conf *conf, an_live *live, an_shadow **ret, an_note *why);
void an_shadow_free(an_shadow *s);

/* One row, and what the live model made of it. */
typedef struct an_shadow_in {
    int64_t time_ms;
    const float *row; /* (width) as the live model has seen it */
    const an_quality *quality;
    bool unscorable; /* too many sensors are bad: both are shown the row, neither is counted */
    an_err err;      /* of the live model: OK; AGAIN no score with this row; else it failed */
    double score;    /* if OK: raw / threshold, without the bad sensors */
    uint64_t ns;     /* that its scoring took; 0: not measured */
    bool timed;      /* measure the other one, too */
} an_shadow_in;
void an_shadow_row(an_shadow *s, const an_shadow_in *in);
void an_shadow_reset(an_shadow *s); /* the next row begins a new window */

const an_shadow_counts *an_shadow_look(const an_shadow *s);
const an_live *an_shadow_live(const an_shadow *s);

/* For a restart: the counts alone; alarm machines and the block under way begin anew.  Errors: PROTO. */
void an_shadow_save(const an_shadow_counts *c, an_buf *ret);
an_err an_shadow_restore(an_reader *in, an_shadow_counts *ret);
void an_shadow_resume(an_shadow *s, const an_shadow_counts *c);

#endif
