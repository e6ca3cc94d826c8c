/* quality.h - a broken instrument is not a broken machine: missing, stuck and out-of-range
 * sensors are events of their own, kept apart from anomalies.
 *
 *     an_quality *q = NULL;
 *     err = an_quality_new(&conf, width, &q);
 *     n = an_quality_step(q, time_ms, row, events, AN_QUALITY_EVENTS_MAX);
 *     if (an_quality_is_bad(q, 3)) ...    sensor 3 is not to be believed now
 *
 * Pure.  Threads: one thread per an_quality. */
#ifndef AN_AGENT_QUALITY_H
#define AN_AGENT_QUALITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AN_QUALITY_EVENTS_MAX 64

typedef enum an_quality_kind {
    AN_QUALITY_MISSING,
    AN_QUALITY_STUCK,
    AN_QUALITY_RANGE,
    AN_QUALITY_IMAGE /* of an image as a whole (pipeline_frame.c); no watch has it */
} an_quality_kind;
#define AN_QUALITY_KINDS 3                              /* that are watched here, of each sensor */
const char *an_quality_kind_name(an_quality_kind kind); /* "missing" ... */

typedef struct an_quality_conf {
    uint32_t missing_rows;    /* so many rows without a value in a row: an event */
    uint32_t stuck_rows;      /* so many equal values in a row: an event; 0 = not watched */
    uint32_t range_rows;      /* so many values out of range in a row: an event */
    uint32_t clear_rows;      /* so many good rows end it */
    const double *low, *high; /* (width) instrument limits; NULL = not watched; copied */
    const uint8_t *may_rest;  /* (width) 1: equal values are normal (a switch); NULL; copied */
} an_quality_conf;

#define AN_QUALITY_CONF_DEFAULT                                                                              \
    {                                                                                                        \
        .missing_rows = 5, .stuck_rows = 60, .range_rows = 3, .clear_rows = 5                                \
    }

typedef struct an_quality_event {
    an_quality_kind kind;
    bool begins; /* else ends */
    uint32_t sensor;
    int64_t time_ms;
    int64_t since_ms;         /* of the first bad row */
    uint64_t rows;            /* bad rows so far */
    uint8_t said;             /* an_value_quality: what the source says of a missing value; GOOD: nothing */
    const char *part, *image; /* IMAGE: its part's id and its name, borrowed; else NULL */
    double value;             /* last value seen, NaN if missing */
} an_quality_event;

typedef struct an_quality an_quality;

/* Errors: INVAL width 0 or a count 0 where not allowed, NOMEM. */
an_err an_quality_new(const an_quality_conf *conf, size_t width, an_quality **ret);
void an_quality_free(an_quality *q);

/* row: (width); said: (width) what the source says of each value, NULL: nothing.  Returns how many events were written to ret; more than cap are counted as
 * dropped, their state is kept. */
size_t an_quality_step(an_quality *q, int64_t time_ms, const float *row, const uint8_t *said,
                       an_quality_event *ret, size_t cap);
bool an_quality_is_bad(const an_quality *q, size_t sensor); /* any kind is open */
/* Within the instrument's limits, or there are none. */
bool an_quality_in_range(const an_quality *q, size_t sensor, float v);
bool an_quality_is_open(const an_quality *q, size_t sensor, an_quality_kind kind);
/* Takes the part of the bad sensors out of a score, and out of its contributions (width):
 * score x (1 - their share) x width / (width - their number). */
double an_quality_discount(const an_quality *q, double score, float *contribution);
size_t an_quality_bad_n(const an_quality *q);                         /* sensors that are bad now */
uint64_t an_quality_total(const an_quality *q, an_quality_kind kind); /* events begun so far */

#endif
