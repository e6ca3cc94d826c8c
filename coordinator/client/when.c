/* Times as people say them on a command line. */
#include <stdio.h>
#include <string.h>

#include "base/opt.h"
#include "coordinator/client/client.h"

#define DAY_MS INT64_C(86400000)

/* Days since 1970-01-01 of a date of the Gregorian calendar (H. Hinnant, "chrono-compatible low-level date
 * algorithms": days_from_civil). */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = month <= 2 ? year - 1 : year, era = y / 400, in_era = y - era * 400;
    const int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static int64_t days_in(int64_t year, int64_t month)
{
    return days_of(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) - days_of(year, month, 1);
}

/* Exactly so many digits; -1: other characters. */
static int64_t digits(const char **at, int n)
{
    int64_t v = 0;
    for (int i = 0; i < n; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return -1;
        v = v * 10 + (**at - '0');
    }
    return v;
}

static bool take(const char **at, char c)
{
    const bool is = **at == c;
    *at += is;
    return is;
}

static bool read_date(const char **at, int64_t *ret_ms)
{
    const int64_t year = digits(at, 4);
    if (year < 1970 || !take(at, '-'))
        return false;
    const int64_t month = digits(at, 2);
    if (month < 1 || month > 12 || !take(at, '-'))
        return false;
    const int64_t day = digits(at, 2);
    if (day < 1 || day > days_in(year, month))
        return false;
    *ret_ms = days_of(year, month, day) * DAY_MS;
    return true;
}

static bool read_hour(const char **at, int64_t *ret_ms, int64_t *ret_span)
{
    const int64_t hour = digits(at, 2);
    if (hour < 0 || hour > 23 || !take(at, ':'))
        return false;
    const int64_t minute = digits(at, 2);
    int64_t second = 0;
    if (minute < 0 || minute > 59)
        return false;
    *ret_span = 60000;
    if (take(at, ':')) {
        second = digits(at, 2);
        *ret_span = 1000;
        if (second < 0 || second > 59)
            return false;
    }
    *ret_ms += ((hour * 60 + minute) * 60 + second) * 1000;
    take(at, 'Z');
    return true;
}

bool an_cli_when(const char *text, int64_t *ret_from_ms, int64_t *ret_until_ms)
{
    int64_t from, span = DAY_MS, ago;
    const char *at = text;
    if (strcmp(text, "now") == 0 || (strlen(text) < 10 && an_parse_ms(text, &ago))) {
        from = an_cli_now_ms() - (text[0] == 'n' ? 0 : ago);
        *ret_from_ms = *ret_until_ms = from;
        return from >= 0;
    }
    if (!read_date(&at, &from) || ((take(&at, 'T') || take(&at, ' ')) && !read_hour(&at, &from, &span)) ||
        *at)
        return false;
    *ret_from_ms = from;
    *ret_until_ms = from + span - 1;
    return true;
}
