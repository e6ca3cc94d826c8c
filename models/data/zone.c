/* A time zone as a list of changes, each with the offset that holds from it on.
 *
 *     file (RFC 8536):  header | 32-bit block | header | 64-bit block | \n rule \n
 *
 * The rule (POSIX: CET-1CEST,M3.5.0,M10.5.0/3) holds for the years after the last change.  Its changes are put into the
 * same list, so that a look-up knows one thing only. */
#include "models/data/zone.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "models/data/table_internal.h"

#define FOLDER "/usr/share/zoneinfo"
#define FILE_MAX_BYTES 65536
#define CHANGES_MAX 4000
#define RULE_FROM 1970
#define RULE_TO 2200
#define OFFSET_MAX_S (26 * 3600)

typedef struct change {
    int64_t at_s; /* UTC */
    int32_t offset_s;
} change;

struct an_zone {
    int32_t first_s; /* before the first change */
    size_t n;
    change changes[CHANGES_MAX];
};

/* One day of a rule: the week-th (5: last) weekday of a month, or a day of the year. */
typedef struct rule_day {
    int month, week, weekday; /* month 0: day of the year in `week` */
    bool leaps;               /* the day of the year counts 29 February */
    int32_t at_s;             /* of the clock on the wall before the change */
} rule_day;

/* ---- the rule ---- */

static bool number(const char **at, int max, int *ret)
{
    int v = 0;
    if (!isdigit((unsigned char)**at))
        return false;
    for (; isdigit((unsigned char)**at); (*at)++)
        if ((v = v * 10 + (**at - '0')) > max)
            return false;
    *ret = v;
    return true;
}

/* [+-]hh[:mm[:ss]] */
static bool clock_time(const char **at, int32_t *ret_s)
{
    int h = 0, m = 0, s = 0;
    const bool minus = **at == '-';
    if (**at == '-' || **at == '+')
        (*at)++;
    if (!number(at, 167, &h))
        return false;
    if (**at == ':' && ((*at)++, !number(at, 59, &m)))
        return false;
    if (**at == ':' && ((*at)++, !number(at, 59, &s)))
        return false;
    *ret_s = (h * 60 + m) * 60 + s;
    if (minus)
        *ret_s = -*ret_s;
    return true;
}

static bool zone_name(const char **at)
{
    const char *from = *at;
    if (**at == '<') {
        while (**at && **at != '>')
            (*at)++;
        return *(*at)++ == '>';
    }
    while (isalpha((unsigned char)**at))
        (*at)++;
    return *at - from >= 3;
}

static bool rule_day_parse(const char **at, rule_day *ret)
{
    *ret = (rule_day){.at_s = 2 * 3600};
    if (*(*at)++ != ',')
        return false;
    if (**at == 'M') {
        (*at)++;
        if (!number(at, 12, &ret->month) || ret->month < 1 || *(*at)++ != '.' || !number(at, 5, &ret->week) ||
            ret->week < 1 || *(*at)++ != '.' || !number(at, 6, &ret->weekday))
            return false;
    } else {
        ret->leaps = **at != 'J';
        *at += !ret->leaps;
        if (!number(at, 365, &ret->week))
            return false;
    }
    if (**at == '/') {
        (*at)++;
        return clock_time(at, &ret->at_s);
    }
    return true;
}

static int64_t rule_day_at(const rule_day *r, int year)
{
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (r->month == 0) {
        int day = r->leaps ? r->week : r->week - 1 + (leap && r->week >= 60);
        return (an_days_from_civil(year, 1, 1) + day) * 86400 + r->at_s;
    }
    const int64_t first = an_days_from_civil(year, r->month, 1);
    const int64_t next =
        r->month == 12 ? an_days_from_civil(year + 1, 1, 1) : an_days_from_civil(year, r->month + 1, 1);
    const int weekday = (int)((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    int64_t day = first + (r->weekday - weekday + 7) % 7 + 7 * (r->week - 1);
    while (day >= next)
        day -= 7;
    return day * 86400 + r->at_s;
}

static bool add(an_zone *z, int64_t at_s, int32_t offset_s)
{
    if (z->n > 0 && at_s <= z->changes[z->n - 1].at_s)
        return true;
    if (z->n == CHANGES_MAX || offset_s < -OFFSET_MAX_S || offset_s > OFFSET_MAX_S)
        return false;
    z->changes[z->n++] = (change){at_s, offset_s};
    return true;
}

/* What the rule says after the last change of the table. */
static bool add_rule(an_zone *z, const char *at)
{
    int32_t base_s = 0, summer_s = 0;
    rule_day begin, end;
    if (!*at)
        return true;
    if (!zone_name(&at) || !clock_time(&at, &base_s))
        return false;
    base_s = -base_s; /* POSIX counts westwards */
    if (!*at) {
        if (z->n == 0)
            z->first_s = base_s;
        return z->n == 0 || add(z, z->changes[z->n - 1].at_s + 1, base_s);
    }
    summer_s = base_s + 3600;
    if (!zone_name(&at))
        return false;
    if (*at && *at != ',') {
        if (!clock_time(&at, &summer_s))
            return false;
        summer_s = -summer_s;
    }
    if (!rule_day_parse(&at, &begin) || !rule_day_parse(&at, &end) || *at)
        return false;
    for (int year = RULE_FROM; year < RULE_TO; year++) {
        const int64_t b = rule_day_at(&begin, year) - base_s, e = rule_day_at(&end, year) - summer_s;
        const bool northern = b < e;
        if (!add(z, northern ? b : e, northern ? summer_s : base_s) ||
            !add(z, northern ? e : b, northern ? base_s : summer_s))
            return false;
    }
    return true;
}

/* ---- the file ---- */

static uint32_t big32(an_reader *r)
{
    const uint8_t *b = an_read_bytes(r, 4);
    return b ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3] : 0;
}

static int64_t big64(an_reader *r)
{
    const uint64_t high = big32(r);
    return (int64_t)(high << 32 | big32(r));
}

typedef struct counts {
    uint32_t utc, standard, leaps, times, types, chars;
} counts;

static bool read_header(an_reader *r, counts *ret)
{
    const uint8_t *magic = an_read_bytes(r, 20); /* magic, version, 15 unused */
    *ret = (counts){0};
    if (!magic || memcmp(magic, "TZif", 4) != 0 || magic[4] < '2')
        return false;
    ret->utc = big32(r);
    ret->standard = big32(r);
    ret->leaps = big32(r);
    ret->times = big32(r);
    ret->types = big32(r);
    ret->chars = big32(r);
    return !r->failed && ret->times <= CHANGES_MAX && ret->types >= 1 && ret->types <= 256 &&
           ret->chars <= 4096 && ret->leaps <= 4096 && ret->utc <= 256 && ret->standard <= 256;
}

static bool skip(an_reader *r, size_t len)
{
    return an_read_bytes(r, len) != NULL || len == 0;
}

static bool read_file(an_reader *r, an_zone *z)
{
    counts c;
    if (!read_header(r, &c) ||
        !skip(r, c.times * 5 + c.types * 6 + c.chars + c.leaps * 8 + c.standard + c.utc) ||
        !read_header(r, &c))
        return false;
    an_reader at = *r;
    const uint8_t *index = skip(r, c.times * 8) ? an_read_bytes(r, c.times) : NULL;
    const uint8_t *types = an_read_bytes(r, c.types * 6);
    if (!types || (!index && c.times > 0) || !skip(r, c.chars + c.leaps * 12 + c.standard + c.utc))
        return false;
    for (uint32_t i = 0; i <= c.times; i++) {
        const uint32_t type = i == 0 ? 0 : index[i - 1];
        if (type >= c.types)
            return false;
        an_reader t = an_reader_of(types + type * 6, 4);
        const int32_t offset_s = (int32_t)big32(&t);
        if (offset_s < -OFFSET_MAX_S || offset_s > OFFSET_MAX_S)
            return false;
        if (i == 0)
            z->first_s = offset_s;
        else if (!add(z, big64(&at), offset_s))
            return false;
    }
    char rule[256];
    if (r->left < 2 || r->left >= sizeof rule || r->at[0] != '\n' || r->at[r->left - 1] != '\n')
        return false;
    const size_t len = r->left - 2;
    memcpy(rule, r->at + 1, len);
    rule[len] = '\0';
    return add_rule(z, rule);
}

an_err an_zone_parse(const void *bytes, size_t len, an_zone **ret, an_note *why)
{
    an_reader r = an_reader_of(bytes, len);
    an_zone *z = an_alloc(1, sizeof *z);
    if (!z)
        return AN_ERR_NOMEM;
    if (!read_file(&r, z)) {
        an_free(z);
        return an_fail(AN_ERR_PROTO, why, "not a time zone file");
    }
    *ret = z;
    return AN_OK;
}

static bool is_name(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("_+-/", *c))
            return false;
    return isalpha((unsigned char)name[0]) && strlen(name) < 64 && !strstr(name, "//");
}

an_err an_zone_open(const char *name, an_zone **ret, an_note *why)
{
    int32_t offset_s = 0;
    char path[AN_PATH_MAX];
    an_buf bytes;
    if (strcmp(name, "UTC") == 0 || strcmp(name, "Z") == 0 ||
        an_offset_parse(name, strlen(name), &offset_s)) {
        an_zone *z = an_alloc(1, sizeof *z);
        if (!z)
            return AN_ERR_NOMEM;
        z->first_s = offset_s;
        *ret = z;
        return AN_OK;
    }
    if (!is_name(name))
        return an_fail(AN_ERR_INVAL, why, "\"%.64s\" is not the name of a time zone", name);
    an_err err = an_path_join(path, FOLDER, name);
    if (err)
        return err;
    an_buf_init(&bytes, FILE_MAX_BYTES);
    err = an_file_read(&bytes, path, NULL);
    if (err == AN_ERR_NOTFOUND || err == AN_ERR_IO)
        err = an_fail(AN_ERR_NOTFOUND, why, "time zone \"%.64s\" is not in %s", name, FOLDER);
    else if (!err && (err = an_zone_parse(bytes.data, bytes.len, ret, NULL)) == AN_ERR_PROTO)
        err = an_fail(err, why, "%s: not a time zone file", path);
    an_buf_done(&bytes);
    return err;
}

void an_zone_free(an_zone *zone)
{
    an_free(zone);
}

static int32_t offset_at(const an_zone *z, int64_t utc_s)
{
    size_t low = 0, high = z->n;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (z->changes[mid].at_s <= utc_s)
            low = mid + 1;
        else
            high = mid;
    }
    return low == 0 ? z->first_s : z->changes[low - 1].offset_s;
}

int64_t an_zone_utc(const an_zone *zone, int64_t local_ms, int64_t not_before_ms)
{
    if (!zone)
        return local_ms;
    /* No two changes are within two days of one another, so the offsets a day before and after are all that can
     * hold here. */
    const int64_t local_s = local_ms / 1000 - (local_ms % 1000 < 0);
    const int32_t before = offset_at(zone, local_s - 86400), after = offset_at(zone, local_s + 86400);
    const bool fits_before = offset_at(zone, local_s - before) == before;
    const bool fits_after = offset_at(zone, local_s - after) == after;
    const int64_t first = local_ms - (int64_t)before * 1000, second = local_ms - (int64_t)after * 1000;
    if (!fits_after)
        return first;
    if (!fits_before)
        return second;
    return first < not_before_ms && second >= not_before_ms ? second : first;
}
