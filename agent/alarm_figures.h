/* alarm_figures.h - how good the alarms are for the people who get them, in the figures of ISA-18.2 and EEMUA 191.
 *
 *     an_alarm_figures f;
 *     an_alarm_figures_of(&f, points, n, from_ms, to_ms);
 *
 * One point is one alarm that was shown: what was suppressed, shelved or out of service is not a load on anybody.
 *
 * Pure.  Threads: plain data. */
#ifndef AN_AGENT_ALARM_FIGURES_H
#define AN_AGENT_ALARM_FIGURES_H

#include <stddef.h>
#include <stdint.h>

#include "agent/alarm_record.h"

#define AN_ALARM_TAGS_MAX 2048        /* alarms that can recur: the model's and the rules' of all lines */
#define AN_ALARM_SLOT_MS 600000       /* rates are those of ten minutes */
#define AN_ALARM_FLOOD 10             /* above so many in a slot it is a flood */
#define AN_ALARM_CHATTER 3            /* so often within a minute: it chatters */
#define AN_ALARM_CHATTER_MS 60000     /* ... the minute */
#define AN_ALARM_STANDING_MS 86400000 /* longer active: it stands */
#define AN_ALARM_TOP_TAGS 10

typedef struct an_alarm_point {
    uint32_t tag; /* which recurring alarm: below AN_ALARM_TAGS_MAX */
    an_severity severity;
    int64_t raised_ms;
    int64_t cleared_ms; /* 0: still active */
} an_alarm_point;

typedef struct an_alarm_figures {
    size_t n;          /* alarms raised in [from, to) */
    double average;    /* per slot */
    size_t peak;       /* most in any ten minutes, wherever they begin */
    size_t slots;      /* from `from` on; the last may be a part of one */
    size_t flooded;    /* slots with a flood */
    size_t chattering; /* tags that did, at some time */
    size_t standing;   /* alarms that stood, by `to` if they are still active */
    size_t tags;       /* that were raised */
    double top_share;  /* of the most frequent AN_ALARM_TOP_TAGS in all alarms; 0: no alarms */
    size_t by_severity[AN_SEVERITIES];
} an_alarm_figures;

/* points: (n) by raised_ms ascending; those raised outside [from_ms, to_ms) do not count. */
void an_alarm_figures_of(an_alarm_figures *ret, const an_alarm_point *points, size_t n, int64_t from_ms,
                         int64_t to_ms);

/* Gathers points from the records of a log, in their order.
 *
 *     an_alarm_points p = {0};
 *     err = an_alarm_points_add(&p, &record);   each
 *     an_alarm_points_done(&p); */
typedef struct an_alarm_points {
    an_alarm_point *items; /* (n) */
    size_t n, cap;
    struct an_alarm_open *open; /* those that are active */
    size_t n_open, open_cap;
    char (*tags)[AN_NAME_MAX + AN_ALARM_SOURCE_MAX]; /* line and source */
    size_t n_tags, tags_cap;
} an_alarm_points;

/* Errors: NOMEM; LIMIT too many tags. */
an_err an_alarm_points_add(an_alarm_points *p, const an_alarm_record *r);
void an_alarm_points_sort(an_alarm_points *p); /* sources' clocks may differ */
void an_alarm_points_done(an_alarm_points *p);

#endif
