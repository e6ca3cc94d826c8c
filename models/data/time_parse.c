/* Times as files write them.  Days since 1970 from a civil date: Howard Hinnant's
 * `days_from_civil`, which needs no table and holds for every Gregorian year. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/data/table.h"
#include "models/data/table_internal.h"
#include "models/data/zone.h"

static bool digits(const char **at, const char *end, int n, int *ret)
{
    int v = 0;
    if (end - *at < n)
        return false;
    for (int i = 0; i < n; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9')
            return false;
        v = v * 10 + (c - '0');
    }
    *at += n;
    *ret = v;
    return true;
}

static bool literal(const char **at, const char *end, char c)
{
    if (*at == end || **at != c)
        return false;
    (*at)++;
    return true;
}

int64_t an_days_from_civil(int y, int m, int d)
{
    y -= m <= 2;
    int era = y / 400;
    int yoe = y - era * 400;
    int doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return (int64_t)era * 146097 + doe - 719468;
}

static bool day_exists(int y, int m, int d)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (y < 1 || m < 1 || m > 12 || d < 1)
        return false;
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return d <= days[m - 1] + (m == 2 && leap);
}

/* The part after the minutes: [:SS[.fff...]].  Digits beyond the third are dropped. */
static bool parse_seconds(const char **at, const char *end, int *ret_s, int *ret_ms)
{
    *ret_s = 0;
    *ret_ms = 0;
    if (!literal(at, end, ':'))
        return true;
    if (!digits(at, end, 2, ret_s))
        return false;
    if (!literal(at, end, '.') && !literal(at, end, ','))
        return true;
    int n = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; (*at)++, n++)
        if (n < 3)
            *ret_ms = *ret_ms * 10 + (**at - '0');
    for (int i = n; i < 3; i++)
        *ret_ms *= 10;
    return n > 0;
}

/* [+-]hh[[:]mm] up to the end. */
bool an_offset_parse(const char *text, size_t len, int32_t *ret_s)
{
    const char *at = text + 1, *end = text + len;
    int h, m = 0;
    if (len < 3 || (text[0] != '+' && text[0] != '-') || !digits(&at, end, 2, &h))
        return false;
    if (at < end) {
        (void)literal(&at, end, ':');
        if (!digits(&at, end, 2, &m))
            return false;
    }
    if (at != end || h > 18 || m > 59)
        return false;
    *ret_s = (h * 60 + m) * (text[0] == '-' ? -60 : 60);
    return true;
}

/* YYYY-MM-DD, YYYY/MM/DD or DD.MM.YYYY */
static bool parse_day(const char **at, const char *end, int *y, int *mo, int *d)
{
    const char *from = *at;
    if (digits(at, end, 4, y)) {
        const char sign = *at < end && **at == '/' ? '/' : '-';
        return literal(at, end, sign) && digits(at, end, 2, mo) && literal(at, end, sign) &&
               digits(at, end, 2, d);
    }
    *at = from;
    return digits(at, end, 2, d) && literal(at, end, '.') && digits(at, end, 2, mo) &&
           literal(at, end, '.') && digits(at, end, 4, y);
}

static bool parse_date(const char *at, const char *end, const an_zone *zone, int64_t not_before_ms,
                       int64_t *ret_ms)
{
    int y, mo, d, h = 0, mi = 0, s = 0, ms = 0;
    int32_t offset_s = 0;
    bool zoned = false;
    if (!parse_day(&at, end, &y, &mo, &d) || !day_exists(y, mo, d))
        return false;
    if (at < end) {
        if (!literal(&at, end, ' ') && !literal(&at, end, 'T'))
            return false;
        if (!digits(&at, end, 2, &h) || !literal(&at, end, ':') || !digits(&at, end, 2, &mi) ||
            !parse_seconds(&at, end, &s, &ms))
            return false;
        if (literal(&at, end, 'Z')) {
            zoned = true;
        } else if (at < end) {
            if (!an_offset_parse(at, (size_t)(end - at), &offset_s))
                return false;
            zoned = true;
            at = end;
        }
    }
    if (at != end || h > 23 || mi > 59 || s > 60) /* 60: a leap second */
        return false;
    const int64_t local_ms = ((an_days_from_civil(y, mo, d) * 24 + h) * 60 + mi) * 60000 + s * 1000 + ms;
    *ret_ms = zoned ? local_ms - (int64_t)offset_s * 1000 : an_zone_utc(zone, local_ms, not_before_ms);
    return true;
}

bool an_time_parse(const char *text, size_t len, int64_t *ret_ms)
{
    return an_time_parse_in(text, len, NULL, AN_ZONE_ANY, ret_ms);
}

bool an_time_parse_in(const char *text, size_t len, const an_zone *zone, int64_t not_before_ms,
                      int64_t *ret_ms)
{
    if (len >= 8 && parse_date(text, text + len, zone, not_before_ms, ret_ms))
        return true;
    char copy[32];
    if (len == 0 || len >= sizeof copy)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!strchr("0123456789.", text[i]) || text[i] == '\0')
            return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    char *end;
    double v = strtod(copy, &end);
    if (*end != '\0' || end == copy || !(v < 1e15))
        return false;
    *ret_ms = (int64_t)llround(v >= 1e11 ? v : v * 1000.0);
    return true;
}
