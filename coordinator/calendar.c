#include "coordinator/calendar.h"

#include <string.h>

#define DAY 1440 /* minutes */
#define WEEK (7 * DAY)
#define MINUTE_MS INT64_C(60000)
#define THURSDAY (3 * DAY) /* 1 January 1970 was one */

static void skip_blanks(const char **at)
{
    while (**at == ' ')
        ++*at;
}

static int take_day(const char **at)
{
    static const char *const names[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    for (int i = 0; i < 7; i++) {
        if (strncmp(*at, names[i], 3) == 0) {
            *at += 3;
            return i;
        }
    }
    return -1;
}

/* Bits 1 << day.  False: what stands there is no list of days. */
static bool take_days(const char **at, unsigned *ret)
{
    *ret = 0;
    if (**at >= '0' && **at <= '9') {
        *ret = 0x7f;
        return true;
    }
    for (;;) {
        const int from = take_day(at);
        int to = from;
        if (from < 0)
            return false;
        if (**at == '-') {
            ++*at;
            if ((to = take_day(at)) < 0)
                return false;
        }
        for (int d = from;; d = (d + 1) % 7) {
            *ret |= 1u << d;
            if (d == to)
                break;
        }
        if (**at != ',')
            return true;
        ++*at;
    }
}

/* 0:00 to 24:00, in minutes; -1: no time of day. */
static int take_time(const char **at)
{
    int hours = 0, minutes = 0, digits = 0;
    for (; **at >= '0' && **at <= '9' && digits < 2; ++*at, digits++)
        hours = 10 * hours + (**at - '0');
    if (digits == 0 || **at != ':')
        return -1;
    ++*at;
    for (digits = 0; **at >= '0' && **at <= '9' && digits < 2; ++*at, digits++)
        minutes = 10 * minutes + (**at - '0');
    const int all = 60 * hours + minutes;
    return digits == 2 && minutes < 60 && all <= DAY ? all : -1;
}

static bool take_span(const char **at, an_calendar *c)
{
    unsigned days;
    if (!take_days(at, &days))
        return false;
    skip_blanks(at);
    const int from = take_time(at);
    if (from < 0 || from == DAY || **at != '-')
        return false;
    ++*at;
    int to = take_time(at);
    if (to < 0 || to == from)
        return false;
    if (to < from)
        to += DAY;
    for (int d = 0; d < 7; d++) {
        if (!(days & 1u << d))
            continue;
        c->spans[c->n].from = (uint16_t)(d * DAY + from);
        c->spans[c->n++].minutes = (uint16_t)(to - from);
    }
    skip_blanks(at);
    return true;
}

/* "UTC", "UTC+1", "UTC-03:30" and then nothing. */
static bool take_zone(const char **at, int *ret)
{
    const char sign = (*at)[3];
    int hours = 0, minutes = 0, digits = 0;
    *at += 3;
    *ret = 0;
    if (sign == '\0')
        return true;
    if (sign != '+' && sign != '-')
        return false;
    ++*at;
    for (; **at >= '0' && **at <= '9' && digits < 2; ++*at, digits++)
        hours = 10 * hours + (**at - '0');
    if (digits > 0 && **at == ':') {
        ++*at;
        for (digits = 0; **at >= '0' && **at <= '9' && digits < 2; ++*at, digits++)
            minutes = 10 * minutes + (**at - '0');
        digits = digits == 2;
    }
    *ret = (sign == '-' ? -1 : 1) * (60 * hours + minutes);
    return digits > 0 && **at == '\0' && hours <= 14 && minutes < 60;
}

an_err an_calendar_parse(const char *text, an_calendar *ret, an_note *why)
{
    an_calendar c = {.n = 0};
    const char *at = text;
    skip_blanks(&at);
    for (unsigned n = 0; *at; n++) {
        const char *from = at;
        if (n == AN_CALENDAR_SPANS)
            return an_fail(AN_ERR_INVAL, why, "at most %d spans", AN_CALENDAR_SPANS);
        bool ok = take_span(&at, &c);
        if (ok && strncmp(at, "UTC", 3) == 0)
            ok = take_zone(&at, &c.offset_min);
        if (!ok || (*at != '\0' && *at != ';'))
            return an_fail(AN_ERR_INVAL, why, "\"%.60s\" is not as \"Mon-Fri 22:00-05:00\"", from);
        at += *at == ';';
        skip_blanks(&at);
    }
    *ret = c;
    return AN_OK;
}

/* Minutes since Monday 0:00, in the calendar's zone. */
static int64_t minute_of_week(const an_calendar *c, int64_t wall_ms)
{
    int64_t minute = wall_ms / MINUTE_MS - (wall_ms % MINUTE_MS < 0);
    minute = (minute + THURSDAY + c->offset_min) % WEEK;
    return minute < 0 ? minute + WEEK : minute;
}

bool an_calendar_open(const an_calendar *c, int64_t wall_ms)
{
    const int64_t now = minute_of_week(c, wall_ms);
    for (uint32_t i = 0; i < c->n; i++)
        if ((now - c->spans[i].from + WEEK) % WEEK < c->spans[i].minutes)
            return true;
    return c->n == 0;
}

int64_t an_calendar_next(const an_calendar *c, int64_t wall_ms)
{
    if (an_calendar_open(c, wall_ms))
        return wall_ms;
    const int64_t now = minute_of_week(c, wall_ms);
    int64_t wait = WEEK;
    for (uint32_t i = 0; i < c->n; i++) {
        const int64_t until = (c->spans[i].from - now + WEEK) % WEEK;
        wait = until < wait ? until : wait;
    }
    const int64_t minute = wall_ms / MINUTE_MS - (wall_ms % MINUTE_MS < 0);
    return (minute + wait) * MINUTE_MS;
}
