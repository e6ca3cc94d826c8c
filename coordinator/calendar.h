/* calendar.h - hours of the week in which something may begin: maintenance windows, times for training.
 *
 *     an_calendar c;
 *     err = an_calendar_parse("Mon-Fri 22:00-05:00; Sat,Sun 00:00-24:00", &c, &why);
 *     if (an_calendar_open(&c, now_ms)) ...
 *
 * The text is a list of spans, separated by ';'.  A span has days (one, a range, or several with ','; none: every
 * day) and hours.  Hours that end before they begin go on into the next day, and belong to the day on which they
 * begin.  The empty text is open at all times.  Times are UTC, or of the zone at the text's end: "UTC+1",
 * "UTC-03:30".  A plant's summer time is not known here.
 *
 * Threads: plain data. */
#ifndef AN_COORDINATOR_CALENDAR_H
#define AN_COORDINATOR_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define AN_CALENDAR_SPANS 16

typedef struct an_calendar {
    uint32_t n; /* 0: open at all times */
    struct {
        uint16_t from, minutes; /* minute of the week at which it begins (Monday 0:00 is 0), and how long */
    } spans[7 * AN_CALENDAR_SPANS];
    int offset_min; /* local time minus UTC */
} an_calendar;

/* Errors: INVAL, why says at what. */
an_err an_calendar_parse(const char *text, an_calendar *ret, an_note *why);

bool an_calendar_open(const an_calendar *c, int64_t wall_ms);
/* When it is next open: wall_ms if it is. */
int64_t an_calendar_next(const an_calendar *c, int64_t wall_ms);

#endif
