#include "agent/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/alarms.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/crypto.h"

/* ---- the day ---- */

/* False: there is no such day. */
static bool parse_day(const char *text, struct tm *ret)
{
    int y = 0, m = 0, d = 0, len = 0;
    if (sscanf(text, "%4d-%2d-%2d%n", &y, &m, &d, &len) != 3 || len != 10 || text[10] != '\0' || y < 1971)
        return false;
    struct tm noon = {.tm_year = y - 1900, .tm_mon = m - 1, .tm_mday = d, .tm_hour = 12, .tm_isdst = -1};
    if (mktime(&noon) == (time_t)-1 || noon.tm_mday != d || noon.tm_mon != m - 1)
        return false;
    *ret = (struct tm){.tm_year = y - 1900, .tm_mon = m - 1, .tm_mday = d, .tm_isdst = -1};
    return true;
}

an_err an_report_init(an_report *r, const char *site, const char *day, an_note *why)
{
    struct tm from, to;
    *r = (an_report){.n_alarms = 0};
    if (!parse_day(day, &from))
        return an_fail(AN_ERR_INVAL, why, "\"%.20s\" is not a day such as 2026-03-09", day);
    to = from;
    to.tm_mday++;
    r->from_ms = (int64_t)mktime(&from) * 1000;
    r->to_ms = (int64_t)mktime(&to) * 1000;
    strftime(r->zone, sizeof r->zone, "%Z", &from);
    snprintf(r->site, sizeof r->site, "%s", site);
    snprintf(r->day, sizeof r->day, "%.10s", day);
    return AN_OK;
}

void an_report_done(an_report *r)
{
    an_free(r->alarms);
    an_free(r->sensors.items);
    an_free(r->faults.items);
    an_free(r->versions.items);
    an_alarm_points_done(&r->points);
    an_verdict_counts_done(&r->verdicts);
    an_free(r->suggested);
    *r = (an_report){.n_alarms = 0};
}

/* ---- gathering ---- */

static bool in_day(const an_report *r, int64_t ms)
{
    return ms >= r->from_ms && ms < r->to_ms;
}

/* NULL: out of memory. */
static an_report_count *count_of(an_report_counts *c, const char *line, const char *name, const char *what)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->items[i].name, name) == 0 && strcmp(c->items[i].line, line) == 0 &&
            strcmp(c->items[i].what, what) == 0)
            return &c->items[i];
    if (!an_grow(&c->items, &c->cap, c->n + 1, sizeof *c->items))
        return NULL;
    an_report_count *n = &c->items[c->n++];
    *n = (an_report_count){.n = 0};
    snprintf(n->line, sizeof n->line, "%s", line);
    snprintf(n->name, sizeof n->name, "%s", name);
    snprintf(n->what, sizeof n->what, "%s", what);
    return n;
}

static an_report_alarm *alarm_of(an_report *r, const an_alarm_record *e)
{
    for (size_t i = r->n_alarms; i-- > 0;)
        if (r->alarms[i].alarm == e->alarm && strcmp(r->alarms[i].line, e->line) == 0)
            return &r->alarms[i];
    return NULL;
}

/* Of the image that was kept, which is the worst. */
static void take_picture(an_report_alarm *a, const an_alarm_record *e)
{
    if (!e->picture[0])
        return;
    memcpy(a->picture, e->picture, sizeof a->picture);
    memcpy(a->boxes, e->boxes, sizeof a->boxes);
    a->n_boxes = e->n_boxes;
    a->image_width = e->image_width;
    a->image_height = e->image_height;
}

static an_err add_raised(an_report *r, const an_alarm_record *e)
{
    if (!an_grow(&r->alarms, &r->alarms_cap, r->n_alarms + 1, sizeof *r->alarms))
        return AN_ERR_NOMEM;
    an_report_alarm *a = &r->alarms[r->n_alarms++];
    *a = (an_report_alarm){.alarm = e->alarm,
                           .severity = e->severity,
                           .raised_ms = e->time_ms,
                           .hidden = e->suppressed || !an_standing_shown(e->standing)};
    snprintf(a->line, sizeof a->line, "%s", e->line);
    snprintf(a->part, sizeof a->part, "%s", e->part);
    snprintf(a->source, sizeof a->source, "%s", e->source);
    snprintf(a->reason, sizeof a->reason, "%s", e->reason);
    snprintf(a->sensor, sizeof a->sensor, "%s", e->n_top ? e->top[0].sensor : "");
    a->peak = e->peak;
    take_picture(a, e);
    for (size_t i = 0; i < e->n_top; i++) {
        an_report_count *c = count_of(&r->sensors, e->line, e->top[i].sensor, "");
        if (!c)
            return AN_ERR_NOMEM;
        c->n++;
        c->share += e->top[i].share;
    }
    return AN_OK;
}

static void follow(an_report_alarm *a, const an_alarm_record *e)
{
    take_picture(a, e);
    if (e->kind == AN_LOGGED_CLEARED)
        a->cleared_ms = e->time_ms;
    if ((e->kind == AN_LOGGED_UPDATED || e->kind == AN_LOGGED_CLEARED) && e->peak > a->peak)
        a->peak = e->peak;
    if (e->severity > a->severity) /* a rule has escalated it */
        a->severity = e->severity;
    if (e->kind == AN_LOGGED_VERDICT) {
        snprintf(a->verdict, sizeof a->verdict, "%s", e->verdict);
        snprintf(a->by, sizeof a->by, "%s", e->by);
    }
}

/* The part of [since, until) that lies in the day. */
static int64_t within(const an_report *r, int64_t since, int64_t until)
{
    const int64_t from = since > r->from_ms ? since : r->from_ms, to = until < r->to_ms ? until : r->to_ms;
    return to > from ? to - from : 0;
}

static an_err add_fault(an_report *r, const an_alarm_record *e)
{
    an_report_count *c = count_of(&r->faults, e->line, e->n_top ? e->top[0].sensor : "", e->fault);
    if (!c)
        return AN_ERR_NOMEM;
    if (e->image[0] && e->begins) /* each by itself; only the first begins what the next good one ends */
        c->n += in_day(r, e->time_ms) && c->since_ms != 0;
    if (e->begins && c->since_ms == 0) {
        c->since_ms = e->time_ms;
        c->n += in_day(r, e->time_ms);
    } else if (!e->begins && c->since_ms != 0) {
        c->ms += within(r, c->since_ms, e->time_ms);
        c->since_ms = 0;
    }
    return AN_OK;
}

static an_err add_version(an_report *r, const an_alarm_record *e)
{
    static const uint8_t none[AN_ALARM_HASH];
    char text[2 * AN_ALARM_HASH + 1];
    if (!in_day(r, e->time_ms) || an_secret_equal(e->version, none, AN_ALARM_HASH))
        return AN_OK;
    an_hex(text, e->version, AN_ALARM_HASH);
    text[16] = '\0';
    an_report_count *c = count_of(&r->versions, e->line, text, "");
    if (!c)
        return AN_ERR_NOMEM;
    if (c->n++ == 0)
        c->first_ms = e->time_ms;
    c->last_ms = e->time_ms;
    return AN_OK;
}

an_err an_report_add(an_report *r, const an_alarm_record *e)
{
    an_err err = an_alarm_points_add(&r->points, e);
    if (err == AN_OK)
        err = add_version(r, e);
    if (err != AN_OK)
        return err;
    if (e->kind == AN_LOGGED_QUALITY)
        return add_fault(r, e);
    if (e->alarm == 0)
        return AN_OK;
    an_report_alarm *a = alarm_of(r, e);
    if (a)
        follow(a, e);
    else if (e->kind == AN_LOGGED_RAISED && in_day(r, e->time_ms))
        return add_raised(r, e);
    return AN_OK;
}

/* ---- the verb ---- */

/* A day is an hour longer or shorter where clocks are set: the first one is cut by it at most. */
static an_err count_verdicts(an_report *r, an_alarms *log, an_note *why)
{
    const an_verdict_how how = {
        .by = AN_VERDICT_BY_DAY, .from_ms = r->to_ms - AN_REPORT_DAYS * INT64_C(86400000), .to_ms = r->to_ms};
    return an_verdict_count_log(&r->verdicts, log, &how, why);
}

/* Of each line of which something was said; where nothing runs there is nothing to suggest. */
static an_err suggest(an_report *r, an_alarms *log, const char *dir)
{
    const char *before = "";
    for (size_t i = 0; i < r->verdicts.n; i++) {
        const an_verdict_count *c = &r->verdicts.items[i]; /* by line */
        if (strcmp(c->line, before) == 0)
            continue;
        before = c->line;
        if (!an_grow(&r->suggested, &r->suggested_cap, r->n_suggested + 1, sizeof *r->suggested))
            return AN_ERR_NOMEM;
        an_err err = an_suggest_line(dir, log, c->line, AN_REPORT_FAR, &r->suggested[r->n_suggested], NULL);
        if (err == AN_ERR_NOMEM)
            return err;
        r->n_suggested += err == AN_OK;
    }
    return AN_OK;
}

static an_err gather(const char *dir, const char *day, an_report *r, an_note *why)
{
    char path[AN_PATH_MAX];
    an_alarms *log = NULL;
    an_alarm_record *e = an_alloc(1, sizeof *e);
    uint64_t at = 0;
    an_err err = e ? an_path_join(path, dir, "alarms.db") : AN_ERR_NOMEM;
    if (err == AN_OK && !an_file_exists(path))
        err =
            an_fail(AN_ERR_NOTFOUND, why, "%.200s is missing: no agent has run with this data folder", path);
    if (err == AN_OK)
        err = an_report_init(r, "", day, why);
    if (err == AN_OK)
        err = an_alarms_open(path, &(an_alarms_conf){.site = NULL}, &log, why);
    while (err == AN_OK && (err = an_alarms_next(log, at, e, NULL, why)) != AN_ERR_NOTFOUND) {
        if (err != AN_OK && err != AN_ERR_PROTO)
            break;
        at = e->seq;
        if (err == AN_OK)
            snprintf(r->site, sizeof r->site, "%s", e->site);
        err = err == AN_OK ? an_report_add(r, e) : AN_OK; /* what is damaged is passed over */
    }
    if (err == AN_ERR_NOTFOUND && log)
        err = count_verdicts(r, log, why);
    if (err == AN_OK)
        err = suggest(r, log, dir);
    an_alarms_close(log);
    an_free(e);
    return err;
}

an_err an_report_write(const char *dir, const char *day, const char *path, an_note *why)
{
    const an_clock *clock = an_clock_system();
    an_report r = {.n_alarms = 0};
    an_buf page;
    an_buf_init(&page, AN_REPORT_BYTES_MAX);
    an_err err = gather(dir, day, &r, why);
    snprintf(r.dir, sizeof r.dir, "%s", dir);
    if (err == AN_OK)
        err = an_report_html(&r, clock->wall_ms(clock), &page);
    if (err == AN_OK && path)
        err = an_file_write(path, page.data, page.len, 0640, why);
    else if (err == AN_OK && fwrite(page.data, 1, page.len, stdout) != page.len)
        err = an_fail(AN_ERR_IO, why, "the output cannot be written");
    an_buf_done(&page);
    an_report_done(&r);
    return err;
}
