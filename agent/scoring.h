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
#include "models/chance.h"
#include "models/heatmap.h"
#include "models/threshold_stream.h"

/* Why the last row scored as it did.  The arrays belong to the an_live, until its next call. */
typedef struct an_live_why {
    size_t rows;            /* of the model's window */
    size_t rate, delay;     /* rows of the line from one to the next, and from the last one until now */
    const float *shares;    /* (width) together 1, or all 0 */
    const float *value;     /* (width) in the last row, in the sensor's unit */
    const float *expected;  /* (width) by the other sensors, likewise; NAN: nobody asked */
    const float *deviation; /* (rows, width) from what is expected, in usual distances; 0: nobody asked */
    const float *scale;     /* (width) of normal operation, in the sensor's unit */
} an_live_why;

#define AN_LIVE_ANSWERS 8
/* A sensor that the model answers for without looking at it (soft sensor, forecast), as of the row that was scored last. */
typedef struct an_live_answer {
    size_t sensor;
    double measured, should; /* in the sensor's unit; measured NAN: missing */
} an_live_answer;

#define AN_LIVE_BOXES 4
/* Where the image that was scored last is not as it should be (heatmap.h).  map belongs to the an_live, until its next call. */
typedef struct an_live_map {
    size_t height, width; /* of the image as the model takes it */
    const float *map;   /* (height, width) larger where it is less normal; 1: few normal images come to it */
    const float *scale; /* (sensors) of normal operation, in the sensor's unit */
    size_t n;           /* boxes, the highest first */
    an_heatmap_box boxes[AN_LIVE_BOXES];
} an_live_map;

/* What scores: a version with its overlay, ready to run (live.h makes one from files). */
typedef struct an_live {
    void *ctx;
    size_t width;
    size_t history;   /* raw rows one score depends on (an_prep_rows) */
    size_t delay;     /* rows by which what is scored lies behind the newest one; < history */
    double threshold; /* raw score that means 1; > 0 */
    bool images;      /* each window of the pool is an image of its own: none lies across two */
    uint8_t version[AN_ALARM_HASH];
    uint8_t overlay[AN_ALARM_HASH];
    an_drift_reference *reference; /* owned; NULL: no drift watch */
    an_threshold_stream *moving;   /* owned; the threshold in use; NULL: it is `threshold` */
    an_chance *chance;             /* owned; of its raw scores, for fused ones; NULL: nobody asks */

    /* Takes one row (width) of raw values, NaN = missing.  OK: *ret_raw and ret_contribution
     * (width) are set.  Errors: AGAIN no score with this row (window not full), NUMERIC no
     * finite score. */
    an_err (*push)(void *ctx, const float *row, double *ret_raw, float *ret_contribution);
    /* Of the last row pushed; takes some passes of the model.  NULL: it cannot say.  Errors: UNSUPPORTED it does not
     * know what is usual (an_live_explain), NUMERIC. */
    an_err (*why)(void *ctx, an_live_why *ret);
    /* Of the image whose last row was pushed last.  NULL: it cannot say.  Errors: UNSUPPORTED it does not know what is
     * usual (an_live_map_learn), NUMERIC. */
    an_err (*map)(void *ctx, an_live_map *ret);
    /* Up to AN_LIVE_ANSWERS, *ret (n) belongs to the an_live until its next call.  NULL, or 0: it answers for none, or has scored no
     * row yet. */
    size_t (*answers)(void *ctx, const an_live_answer **ret);
    void (*reset)(void *ctx); /* the next row begins a new window */
    void (*free)(void *ctx);
} an_live;
void an_live_done(an_live *live); /* frees ctx, reference, moving and chance; zeroes */

#endif
