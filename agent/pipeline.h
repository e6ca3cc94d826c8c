/* pipeline.h - one row in, everything that follows from it out.
 *
 *     row -> quality -> window -> live model -> score / threshold -> alarm -> events
 *                          \-> sample pool            \-> drift watch -> alerts
 *
 * The live model is behind three function pointers (an_live), so the pipeline does not know how
 * a version scores.  A swap happens between two rows: the new model is first shown the last
 * rows, which warms it and fills its window, so no window is dropped; the alarm keeps its state
 * in normalised scores; the drift watch starts on the new reference.
 *
 * Sensors with an open quality event are given to the model as missing, and their part of the
 * score is taken out: score x (1 - their share of the contributions) x width / (width - their
 * number). So a broken instrument alone raises a quality event and no alarm.
 *
 *     err = an_pipeline_new(&conf, &pipe, &why);
 *     err = an_pipeline_swap(pipe, &live, &why);          takes live
 *     err = an_pipeline_row(pipe, &in, &out, &why);
 *
 * Threads: one thread per an_pipeline; callbacks run on it. */
#ifndef AN_AGENT_PIPELINE_H
#define AN_AGENT_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "agent/alarm.h"
#include "agent/driftwatch.h"
#include "agent/pool.h"
#include "agent/quality.h"
#include "base/err.h"

/* What scores: a version with its overlay, ready to run (live.h makes one from files). */
typedef struct an_live {
    void *ctx;
    size_t width;
    size_t history;   /* raw rows one score depends on: window + smoothing - 1 */
    double threshold; /* raw score that means 1; > 0 */
    uint8_t version[AN_ALARM_HASH];
    uint8_t overlay[AN_ALARM_HASH];
    an_drift_reference *reference; /* owned; NULL: no drift watch */

    /* Takes one row (width) of raw values, NaN = missing.  OK: *ret_raw and ret_contribution
     * (width) are set.  Errors: AGAIN no score with this row (window not full), NUMERIC no
     * finite score. */
    an_err (*push)(void *ctx, const float *row, double *ret_raw, float *ret_contribution);
    void (*reset)(void *ctx); /* the next row begins a new window */
    void (*free)(void *ctx);
} an_live;
void an_live_done(an_live *live); /* frees ctx and reference; zeroes */

typedef struct an_pipeline_hooks {
    void *ctx;
    void (*alarm)(void *ctx, const an_alarm_event *event); /* each may be NULL */
    void (*quality)(void *ctx, const an_quality_event *event);
    void (*drift)(void *ctx, const an_drift_alert *alert);
} an_pipeline_hooks;

typedef struct an_pipeline_conf {
    size_t width;
    size_t window;        /* rows of a window in the pool; 0 = 1 */
    uint64_t pool_stride; /* rows between two windows offered to the pool; 0 = window */
    double bad_share_max; /* above this share of bad sensors a row is not scored; 0 = 0.34 */
    an_alarm_conf alarm;
    an_quality_conf quality;
    an_driftwatch_conf drift;
    an_pool *pool; /* borrowed; NULL: none */
    an_pipeline_hooks hooks;
    FILE *scores; /* borrowed; CSV of every row; NULL: none */
} an_pipeline_conf;

typedef struct an_pipeline_in {
    uint64_t row;
    int64_t time_ms;
    const float *values; /* (width); NaN = missing */
    uint8_t flags;       /* AN_ROW_* */
    int8_t label;        /* AN_LABEL_*; copied to the score file only */
} an_pipeline_in;

typedef struct an_pipeline_out {
    bool scored;
    double raw;
    double score; /* raw / threshold */
    bool alarm_open;
} an_pipeline_out;

typedef struct an_pipeline_stats {
    uint64_t rows;
    uint64_t scored;
    uint64_t unscored_filling; /* the window was not full yet, or between two strides */
    uint64_t unscored_quality; /* too many bad sensors */
    uint64_t unscored_numeric; /* the model gave no finite score */
    uint64_t unscored_idle;    /* no model yet */
    uint64_t masked;           /* scored with one sensor or more left out */
    uint64_t swaps;
    uint64_t alarms;
    uint64_t quality_events;
    uint64_t drift_alerts;
} an_pipeline_stats;

typedef struct an_pipeline an_pipeline;

/* Errors: INVAL, NOMEM, IO the score file. */
an_err an_pipeline_new(const an_pipeline_conf *conf, an_pipeline **ret, an_note *why);
void an_pipeline_free(an_pipeline *p);

/* One row through everything.  *ret may be NULL.  Errors: IO the score file. */
an_err an_pipeline_row(an_pipeline *p, const an_pipeline_in *in, an_pipeline_out *ret, an_note *why);

/* From the next row on `live` scores.  On success the pipeline has taken it (*live is zeroed)
 * and the former one is freed; on failure nothing changed.  Errors: INVAL another shape, NOMEM.
 */
an_err an_pipeline_swap(an_pipeline *p, an_live *live, an_note *why);

/* May windows go to the pool (true at the start)?  Held windows of an open alarm do in any case. */
void an_pipeline_learn(an_pipeline *p, bool learn);

const an_live *an_pipeline_live(const an_pipeline *p); /* NULL: none yet */
an_alarm *an_pipeline_alarm(an_pipeline *p);           /* borrowed: to save and restore its state */
an_pipeline_stats an_pipeline_stats_get(const an_pipeline *p);

#endif
