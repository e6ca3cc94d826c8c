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
 * Of a source of images (frame.rows > 0) an image is scored once, at its last row, and is to be believed or not as a
 * whole: one that is not is an event and is not scored.  Alarms end with the part that they are about.
 *
 * After a swap that is watched the former version goes on beside the new one for a while, and their figures are
 * compared (watch.h).  A candidate may score beside what runs, too (shadow.h).
 *
 *     err = an_pipeline_new(&conf, &pipe, &why);
 *     err = an_pipeline_swap(pipe, &live, true, &why);    takes live
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
#include "agent/alarm_record.h"
#include "agent/driftwatch.h"
#include "agent/pool.h"
#include "agent/quality.h"
#include "agent/reason.h"
#include "agent/rules.h"
#include "agent/scoring.h"
#include "agent/source.h"
#include "agent/watch.h"
#include "base/err.h"

/* How a new version does: every so often, and at the end of its watch. */
typedef struct an_watch_news {
    an_live_verdict verdict;
    const char *reason;
    const an_shadow_counts *counts; /* candidate: the new version; production: the one before it */
    bool paired;
    const uint8_t *before; /* (AN_ALARM_HASH) the version before it */
    int64_t since_ms;      /* rows' time of the swap */
    int64_t span_ms;
} an_watch_news;

/* The image that an alarm is about, as the model saw it, and where it is not as it should be. */
typedef struct an_seen {
    size_t height, width, channels;
    const float *image; /* (height, width, channels) 0..1 */
    const float *map;   /* (height, width) 1: few normal images come to it */
} an_seen;

/* What is said of an alarm at a row, for the site's log. */
typedef struct an_spoken {
    an_logged_kind kind; /* RAISED UPDATED CLEARED SUPPRESSED RELEASED */
    const an_alarm_event *event;
    int rule;            /* that raised it; -1: the model */
    uint64_t with, veto; /* of the model's alarm: rules that speak for it and against it now, a bit each */
    an_severity severity;
    bool suppressed; /* by a veto */
    bool shown;      /* it was not, at some time before */
    uint64_t rows;   /* since it began; grows with each thing that is said of it */
    double raw;      /* NaN: the row has no score */
    an_data_quality data;
    size_t bad_sensors;
    const char *part;              /* NULL or "": none */
    const an_row_image *image;     /* NULL: none */
    const an_reason *reason;       /* RAISED and UPDATED of the model; NULL: none */
    const an_seen *seen;           /* with a reason of an image; NULL: none */
    const an_rule_member *members; /* (n_members) of a rule's fused score, the largest share first */
    size_t n_members;
} an_spoken;

typedef struct an_pipeline_hooks {
    void *ctx;
    void (*alarm)(void *ctx, const an_alarm_event *event); /* of the model; each may be NULL */
    void (*spoken)(void *ctx, const an_spoken *spoken);    /* of the model after `alarm`, and of rules */
    void (*quality)(void *ctx, const an_quality_event *event);
    void (*drift)(void *ctx, const an_drift_alert *alert);
    void (*watch)(void *ctx, const an_watch_news *news);
    void (*threshold)(void *ctx, double before, double now); /* it has moved (threshold_stream.h) */
} an_pipeline_hooks;

typedef struct an_pipeline_conf {
    size_t width;
    size_t window;         /* rows of a window in the pool; 0 = 1 */
    an_source_frame frame; /* its rows are the window; rows 0: a stream */
    uint64_t pool_stride;  /* rows between two windows offered to the pool; 0 = window */
    double bad_share_max;  /* above this share of bad sensors a row is not scored; 0 = 0.34 */
    an_alarm_conf alarm;
    an_severity severity; /* of the model's alarms */
    an_quality_conf quality;
    an_driftwatch_conf drift;
    an_watch_conf watch; /* time_ms 0: no swap is watched */
    an_pool *pool;       /* borrowed; NULL: none */
    an_rulebook *rules;  /* borrowed; NULL: none */
    an_board *board;     /* borrowed: where other lines see this one; NULL: nowhere */
    size_t board_line;
    an_pipeline_hooks hooks;
    FILE *scores; /* borrowed; CSV of every row; NULL: none */
} an_pipeline_conf;

typedef struct an_pipeline_in {
    uint64_t row;
    int64_t time_ms;
    const float *values;       /* (width); NaN = missing */
    const uint8_t *quality;    /* (width) an_value_quality; NULL: all good */
    const char *part;          /* id of the part that the row belongs to; NULL or "": none */
    const an_row_image *image; /* that the row belongs to; NULL: none */
    uint8_t flags;             /* AN_ROW_* */
    int8_t label;              /* AN_LABEL_*; copied to the score file only */
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
    uint64_t alarms;      /* of the model */
    uint64_t suppressed;  /* ... that were raised while a rule had a veto */
    uint64_t rule_alarms; /* of rules */
    uint64_t quality_events;
    uint64_t drift_alerts;
    uint64_t threshold_moves; /* by a twentieth or more */
} an_pipeline_stats;

typedef struct an_pipeline an_pipeline;

/* Errors: INVAL, NOMEM, IO the score file. */
an_err an_pipeline_new(const an_pipeline_conf *conf, an_pipeline **ret, an_note *why);
void an_pipeline_free(an_pipeline *p);

/* One row through everything.  *ret may be NULL.  Errors: IO the score file. */
an_err an_pipeline_row(an_pipeline *p, const an_pipeline_in *in, an_pipeline_out *ret, an_note *why);

/* From the next row on `live` scores.  On success the pipeline has taken it (*live is zeroed); the former one
 * goes on beside it if it is watched, else it is freed.  A watch or a shadow of the former one ends.  On failure
 * nothing changed.  Errors: INVAL another shape, NOMEM. */
an_err an_pipeline_swap(an_pipeline *p, an_live *live, bool watched, an_note *why);

/* ---- pipeline_threshold.c ---- */

/* The raw score that means 1 now; 0: nothing runs. */
double an_pipeline_threshold(const an_pipeline *p);
/* A person's factor on it (AN_THRESHOLD_FACTOR_MIN to _MAX; 1: none), until another version goes live. */
void an_pipeline_factor_set(an_pipeline *p, double factor);
double an_pipeline_factor(const an_pipeline *p);
/* For a restart: a threshold that has moved; nothing is written where it stands still. */
void an_pipeline_threshold_save(const an_pipeline *p, an_buf *ret);
/* After the swap to the version and overlay that it belongs to; of others it is forgotten.  Errors: PROTO, NOMEM. */
an_err an_pipeline_threshold_resume(an_pipeline *p, an_reader *saved);

/* ---- pipeline_watch.c ---- */

bool an_pipeline_is_watched(const an_pipeline *p);
/* For a restart: what a watch has come to; nothing is written where there is none. */
void an_pipeline_watch_save(const an_pipeline *p, an_buf *ret);
/* After the swap to the version that was watched; of another one it is forgotten.  before: the version before it,
 * taken; NULL: it cannot be had any more.  Errors: PROTO, NOMEM. */
an_err an_pipeline_watch_resume(an_pipeline *p, an_reader *saved, an_live *before, an_note *why);

/* Scores a candidate beside what runs, in place of an earlier one.  beside is taken and warmed.
 * Errors: INVAL another shape, or nothing runs; NOMEM. */
an_err an_pipeline_shadow(an_pipeline *p, an_live *beside, an_note *why);
/* What was counted since; NULL: there is no candidate, or what ran beside it has changed. */
const an_shadow_counts *an_pipeline_shadow_look(const an_pipeline *p);
void an_pipeline_shadow_end(an_pipeline *p);

/* State of rules and of what they say of the model's alarm, for a restart; after the alarm's own.  Errors: PROTO, NOMEM,
 * LIMIT. */
an_err an_pipeline_rules_save(const an_pipeline *p, an_buf *ret);
an_err an_pipeline_rules_restore(an_pipeline *p, an_reader *in);
/* Alarms of rules that were open before the restart and are not there any more.  *ret: (n) borrowed. */
size_t an_pipeline_rules_gone(const an_pipeline *p, const an_rule_gone **ret);

/* May windows go to the pool (true at the start)?  Held windows of an open alarm do in any case. */
void an_pipeline_learn(an_pipeline *p, bool learn);

/* The last row as a model sees it (width), what is not believed missing; borrowed until the next one.  NULL: none yet. */
const float *an_pipeline_seen(const an_pipeline *p, int64_t *ret_ms);
const an_live *an_pipeline_live(const an_pipeline *p); /* NULL: none yet */
an_alarm *an_pipeline_alarm(an_pipeline *p);           /* borrowed: to save and restore its state */
an_pipeline_stats an_pipeline_stats_get(const an_pipeline *p);
double an_pipeline_drift_ratio(const an_pipeline *p); /* as an_driftwatch_ratio; 0: drift is not watched */

#endif
