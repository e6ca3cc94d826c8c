/* pool.h - the site's samples: what the trainer may learn from, and what judges it.
 *
 * Windows are raw (unscaled), so that a new normaliser needs no new data.  Parts:
 *
 *     TRAIN      a uniform sample of all normal operation so far (reservoir, Vitter's R):
 *                the replay that keeps a campaign from forgetting
 *     RECENT     the last normal windows, oldest overwritten: what an incremental round learns
 *     OLD        holdout frozen when it is full or a version goes live: the reference of
 * "before" NEW        rolling holdout of the last normal windows HELD       windows seen while
 * an alarm was open or building up: never trained, until an operator's verdict or an approved
 * campaign releases them CONFIRMED  held windows that an operator called true anomalies: part
 * of the challenge set
 *
 * Holdout and training never share a window: blocks of `block` successive windows go to the one
 * or the other by the seed, so neighbours that overlap are on the same side.
 *
 *     err = an_pool_new(&conf, &pool, &why);
 *     an_pool_add(pool, window, time_ms, alarm_id_or_0);
 *     err = an_pool_save(pool, path, &why);
 *
 * Threads: one thread per an_pool; the trainer works on an an_pool_copy. */
#ifndef AN_AGENT_POOL_H
#define AN_AGENT_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef enum an_pool_part {
    AN_POOL_TRAIN,
    AN_POOL_RECENT,
    AN_POOL_OLD,
    AN_POOL_NEW,
    AN_POOL_HELD,
    AN_POOL_CONFIRMED
} an_pool_part;
#define AN_POOL_PARTS 6
const char *an_pool_part_name(an_pool_part part); /* "train" ... */

typedef struct an_pool_conf {
    size_t width, window;      /* a sample is (window, width) floats */
    size_t cap[AN_POOL_PARTS]; /* windows per part; 0 = the default of an_pool_conf_default */
    uint32_t block;            /* successive windows that stay together; 0 = 32 */
    uint32_t holdout_percent;  /* of the blocks; 1..50; 0 = 20 */
    uint64_t seed;
    uint64_t quota_bytes; /* of memory and file; caps shrink in proportion to fit; 0 = none */
    bool gaps;            /* windows with missing values enter, too: the version has steps for them */
} an_pool_conf;

typedef struct an_pool an_pool;

/* Errors: INVAL sizes, LIMIT the quota holds no window of each part, NOMEM. */
an_err an_pool_new(const an_pool_conf *conf, an_pool **ret, an_note *why);
void an_pool_free(an_pool *p);

/* Copies one window in.  alarm_id 0: normal operation, it goes to a training or a holdout part.
 * Else it is HELD under that alarm.  Windows with missing values are refused and counted, unless
 * `gaps`. */
void an_pool_add(an_pool *p, const float *window, int64_t time_ms, uint64_t alarm_id);

/* The same, with the time of its first row, so that what is said of a stretch of time finds it. */
void an_pool_add_span(an_pool *p, const float *window, int64_t from_ms, int64_t time_ms, uint64_t alarm_id);

/* The last windows turned out to belong to an alarm (persistence reacts late): moves those of
 * RECENT, OLD and NEW seen at or after since_ms to HELD under alarm_id, and takes them out of
 * TRAIN. */
void an_pool_hold_since(an_pool *p, int64_t since_ms, uint64_t alarm_id);

/* Verdict "false alarm": the alarm's held windows, and those that were confirmed before, become normal operation.
 * Returns how many. */
size_t an_pool_release(an_pool *p, uint64_t alarm_id);
/* An approved campaign: the windows held since since_ms become normal operation, but only those
 * of alarms that hold `least` of them or more: a short alarm is a fault (held.h). */
size_t an_pool_release_lasting(an_pool *p, int64_t since_ms, size_t least);
/* A version goes live: OLD takes no more windows, full or not (unless it has hardly any), so
 * that what comes later is judged against what was before.  Not kept in the file: whoever loads
 * a pool makes its version live again. */
void an_pool_freeze(an_pool *p);
/* A change of the line was accepted: what NEW holds belongs to "before" from now on. */
void an_pool_settle(an_pool *p);
/* Verdict "true": the alarm's held windows become CONFIRMED.  defect: its class, "" none. */
size_t an_pool_confirm(an_pool *p, uint64_t alarm_id);
size_t an_pool_confirm_as(an_pool *p, uint64_t alarm_id, const char *defect);

/* ---- labels ---- */

#define AN_POOL_CLASSES 62 /* of defects; later ones are kept as a defect without a class */
enum {
    AN_POOL_UNLABELLED,
    AN_POOL_LABEL_NORMAL,
    AN_POOL_LABEL_DEFECT /* without a class; the classes follow */
};

/* What was said of a stretch of time. */
typedef struct an_pool_mark {
    int64_t from_ms, to_ms;
    bool defective;
    const char *defect; /* its class, "" none */
} an_pool_mark;

/* Windows that touch what was defective become CONFIRMED, wherever they were, so that none of them is learned.  Windows that lie
 * within what was good are labelled so and become normal operation if they were held.  What is good now and was said to be
 * defective is given back.  *ret_changed (NULL is fine): how many windows have.  Errors: NOMEM, nothing has changed. */
an_err an_pool_mark_all(an_pool *p, const an_pool_mark *marks, size_t n, size_t *ret_changed);

/* "normal", "defect", the name of its class, or "" . */
const char *an_pool_label_of(const an_pool *p, an_pool_part part, size_t i);
int64_t an_pool_from(const an_pool *p, an_pool_part part, size_t i);   /* time of its first row */
uint64_t an_pool_alarm(const an_pool *p, an_pool_part part, size_t i); /* that holds it; 0: none */
/* Windows that are labelled normal, in all parts of normal operation but TRAIN, whose windows RECENT has had. */
size_t an_pool_labelled(const an_pool *p);

size_t an_pool_n(const an_pool *p, an_pool_part part);
const float *an_pool_get(const an_pool *p, an_pool_part part,
                         size_t i); /* borrowed; oldest first but TRAIN */
int64_t an_pool_time(const an_pool *p, an_pool_part part, size_t i);
size_t an_pool_width(const an_pool *p);
size_t an_pool_window(const an_pool *p);
size_t an_pool_bytes(const an_pool *p);     /* that it takes, full or not; a twin takes as much */
uint64_t an_pool_seen(const an_pool *p);    /* normal windows offered so far */
uint64_t an_pool_refused(const an_pool *p); /* windows with missing values */

/* The normal window (TRAIN, RECENT, OLD, NEW) that is nearest to one (window, width): root mean square of the differences
 * in units of scale (width), missing values left out.  Bounded: of a large pool evenly spaced ones are looked at,
 * AN_POOL_NEAREST values in all.  False: there is none. */
#define AN_POOL_NEAREST (1u << 19)
bool an_pool_nearest(const an_pool *p, const float *window, const float *scale, int64_t *ret_time_ms,
                     double *ret_distance);

/* The windows of the parts in `parts` (bits 1 << part) seen at or after since_ms, one after the
 * other, in time order within each part: (n, window, width).  On success *ret belongs to the
 * caller (an_free).  Errors: NOMEM. */
an_err an_pool_copy(const an_pool *p, unsigned parts, int64_t since_ms, float **ret, size_t *ret_n);

/* The same in time order over all the parts. */
an_err an_pool_copy_in_order(const an_pool *p, unsigned parts, int64_t since_ms, float **ret, size_t *ret_n);

/* The windows that an_pool_release_lasting would release.  As an_pool_copy. */
an_err an_pool_copy_lasting(const an_pool *p, int64_t since_ms, size_t least, float **ret, size_t *ret_n);

/* A copy of the whole pool as it is at begin, made a piece at a time, so that no row waits for it: windows that change
 * before their turn are copied first.  step copies about so many bytes, and says true when all is there; take then
 * gives the copy, which the caller owns and another thread may use.  drop: no copy is wanted.
 * Errors of begin: NOMEM, STATE one is being made. */
an_err an_pool_twin_begin(an_pool *p);
bool an_pool_twin_step(an_pool *p, size_t bytes);
an_pool *an_pool_twin_take(an_pool *p);
void an_pool_twin_drop(an_pool *p);

/* One file, written whole or not at all.  load wants the same width and window; other sizes may
 * have changed, then the oldest windows are dropped.
 * Errors: IO, NOTFOUND, PROTO not a pool, damaged (it carries a hash), or with missing values that
 * may not enter; INVAL other shape, NOMEM. */
an_err an_pool_save(const an_pool *p, const char *path, an_note *why);
an_err an_pool_load(an_pool *p, const char *path, an_note *why);
/* Whatever shape it has: to look at.  Errors: as an_pool_load; LIMIT. */
an_err an_pool_open(const char *path, an_pool **ret, an_note *why);

#endif
