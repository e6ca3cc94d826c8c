/* report.h - the quality report of one day: what the log of alarms says of it, as a page that prints well.
 *
 *     an_report r;
 *     err = an_report_init(&r, "plant-a", "2026-03-09", &why);        a day of this computer's time zone
 *     err = an_report_add(&r, &record);                               every record of the log, in its order
 *     err = an_report_html(&r, now_ms, &page);
 *     an_report_done(&r);
 *
 * Alarms belong to the day in which they were raised, by the source's time; what was said of them later counts.
 *
 * Threads: one thread per an_report. */
#ifndef AN_AGENT_REPORT_H
#define AN_AGENT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/alarm_figures.h"
#include "agent/alarm_record.h"
#include "agent/show_verdicts.h"
#include "agent/verdict_figures.h"
#include "base/buf.h"
#include "base/file.h"

#define AN_REPORT_BYTES_MAX (16u << 20)
#define AN_REPORT_DAYS 14
#define AN_REPORT_FAR 0.01 /* false-alarm rate that a suggested threshold is held to */
#define AN_REPORT_HOURS 25 /* of the day on which the clock goes back */

typedef struct an_report_alarm {
    char line[AN_NAME_MAX], part[AN_NAME_MAX], sensor[AN_SENSOR_MAX], verdict[AN_NAME_MAX], by[AN_NAME_MAX];
    char source[AN_ALARM_SOURCE_MAX], reason[AN_ALARM_TEXT_MAX];
    uint64_t alarm;
    an_severity severity;
    int64_t raised_ms, cleared_ms; /* 0: active at the end of the log */
    double peak;
    char picture[AN_ALARM_PICTURE_MAX]; /* "": none */
    uint32_t image_width, image_height;
    an_reason_box boxes[AN_REASON_BOXES];
    size_t n_boxes;
    bool hidden; /* shelved, suppressed or out of service when it was raised: shown to nobody */
} an_report_alarm;

/* How often something was named, and for how long. */
typedef struct an_report_count {
    char line[AN_NAME_MAX], name[AN_SENSOR_MAX], what[AN_NAME_MAX];
    uint64_t n;
    double share;              /* of sensors: sum of the shares */
    int64_t ms, since_ms;      /* of faults of data; since 0: it is over */
    int64_t first_ms, last_ms; /* of versions */
} an_report_count;

typedef struct an_report_counts {
    an_report_count *items;
    size_t n, cap;
} an_report_counts;

typedef struct an_report {
    char site[AN_NAME_MAX], day[16], zone[16];
    int64_t from_ms, to_ms;
    an_report_alarm *alarms;
    size_t n_alarms, alarms_cap;
    an_report_counts sensors, faults, versions;
    an_alarm_points points;
    an_suggested *suggested; /* (n_suggested) of lines with verdicts; by whoever reports */
    size_t n_suggested, suggested_cap;
    char dir[AN_PATH_MAX]; /* the data folder, for pictures; "": none are shown */
    an_verdict_counts
        verdicts; /* of AN_REPORT_DAYS days with this one as the last, each line; by whoever reports */
} an_report;

/* day: YYYY-MM-DD.  Errors: INVAL no such day. */
an_err an_report_init(an_report *r, const char *site, const char *day, an_note *why);
void an_report_done(an_report *r);
/* Errors: NOMEM; LIMIT too many tags. */
an_err an_report_add(an_report *r, const an_alarm_record *record);
/* Appends one self-contained page.  Sorts what was gathered.  Errors: NOMEM, LIMIT. */
an_err an_report_html(an_report *r, int64_t now_ms, an_buf *ret);

/* The part of the page about verdicts (report_verdicts.c).  Errors: NOMEM. */
an_err an_report_verdicts(const an_report *r, an_buf *ret);

/* The verb: of the log in an agent's folder.  path NULL: standard output.  Errors: INVAL, NOTFOUND, IO, NOMEM. */
an_err an_report_write(const char *dir, const char *day, const char *path, an_note *why);

#endif
