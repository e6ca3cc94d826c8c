/* scoring.h - a version with its overlay, ready to run: three function pointers, so that nobody who scores with it
 * knows how it does that.  live.h makes one from files.
 *
 * Threads: an an_live belongs to one thread. */
#ifndef AN_AGENT_SCORING_H
#define AN_AGENT_SCORING_H

#include <stddef.h>
#include <stdint.h>

#include "agent/alarm.h"
#include "agent/driftwatch.h"
#include "base/err.h"
#include "models/threshold_stream.h"

/* What scores: a version with its overlay, ready to run (live.h makes one from files). */
typedef struct an_live {
    void *ctx;
    size_t width;
    size_t history;   /* raw rows one score depends on (an_prep_rows) */
    double threshold; /* raw score that means 1; > 0 */
    uint8_t version[AN_ALARM_HASH];
    uint8_t overlay[AN_ALARM_HASH];
    an_drift_reference *reference; /* owned; NULL: no drift watch */
    an_threshold_stream *moving;   /* owned; the threshold in use; NULL: it is `threshold` */

    /* Takes one row (width) of raw values, NaN = missing.  OK: *ret_raw and ret_contribution
     * (width) are set.  Errors: AGAIN no score with this row (window not full), NUMERIC no
     * finite score. */
    an_err (*push)(void *ctx, const float *row, double *ret_raw, float *ret_contribution);
    void (*reset)(void *ctx); /* the next row begins a new window */
    void (*free)(void *ctx);
} an_live;
void an_live_done(an_live *live); /* frees ctx, reference and moving; zeroes */

#endif
