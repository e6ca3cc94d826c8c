#include "agent/show_alarms_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/advised.h"
#include "agent/alarm_figures.h"
#include "agent/inbox.h"
#include "agent/show.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/opt.h"
#include "msg/msg.h"

#define SHELF_MIN_MS 1000
#define SHELF_MAX_MS (INT64_C(30) * 86400000)

static int64_t wall_ms(void)
{
    const an_clock *clock = an_clock_system();
    return clock->wall_ms(clock);
}

an_err an_show_alarms_open(const char *dir, an_alarms **ret, an_note *why)
{
    char path[AN_PATH_MAX];
    an_err err = an_path_join(path, dir, "alarms.db");
    if (err == AN_OK && !an_file_exists(path))
        return an_fail(AN_ERR_NOTFOUND, why, "%.200s is missing: no agent has run with this data folder",
                       path);
    return err == AN_OK ? an_alarms_open(path, &(an_alarms_conf){.site = NULL}, ret, why) : err;
}

/* ---- the list ---- */

typedef struct list {
    const char *dir;
    FILE *out;
    an_json *array; /* NULL: for people */
    size_t n;
} list;

an_json *an_alarm_row_json(const an_alarm_row *row)
{
    an_json *o = an_alarm_record_json(&row->last);
    an_json_set_bool(o, "active", row->state.active);
    if (row->cleared_ms)
        an_json_set_int(o, "cleared_ms", row->cleared_ms);
    return o;
}

static void print_row(const an_alarm_row *row, FILE *out)
{
    const an_alarm_record *r = &row->last;
    char since[25], until[25] = "", peak[16] = "-";
    an_time_text(since, r->since_ms);
    if (r->until_ms)
        an_time_text(until, r->until_ms);
    if (isfinite(r->peak))
        snprintf(peak, sizeof peak, "%.3g", r->peak);
    fprintf(out, "%-24s %-16s %6" PRIu64 "  %-14s %-8s %-8s %-20s %8s  %s%s%s%s%s\n", since, r->line,
            r->alarm, an_standing_name(r->standing), row->state.active ? "active" : "over",
            an_severity_names[r->severity], r->source, peak,
            r->n_top     ? r->top[0].sensor
            : r->part[0] ? r->part
                         : "-",
            until[0] ? ", until " : "", until, r->acked_by[0] ? ", acknowledged by " : "", r->acked_by);
}

static bool see_row(void *ctx, const an_alarm_row *row)
{
    list *l = ctx;
    char said[AN_ADVISED_SAID_MAX];
    if (l->array) {
        an_json *o = an_alarm_row_json(row),
                *advice = an_advised_read(l->dir, row->last.line, row->last.alarm);
        if (advice)
            an_json_set(o, "advice", advice);
        an_json_push(l->array, o);
    } else if (l->n == 0) {
        fprintf(l->out, "%-24s %-16s %6s  %-14s %-8s %-8s %-20s %8s  %s\n", "SINCE", "LINE", "ALARM", "STATE",
                "PROCESS", "SEVERITY", "SOURCE", "PEAK", "SENSOR OR PART");
    }
    if (!l->array)
        print_row(row, l->out);
    if (!l->array && an_advised_said(l->dir, row->last.line, row->last.alarm, said))
        fprintf(l->out, "  advice: %s\n", said);
    l->n++;
    return true;
}

void an_show_record(const an_alarm_record *r, FILE *out)
{
    char time[25];
    an_time_text(time, r->time_ms);
    fprintf(out, "%8" PRIu64 "  %s  %-16s ", r->seq, time, r->line);
    if (r->image[0] && r->kind == AN_LOGGED_QUALITY) {
        fprintf(out, "image %s%s%s%s%s%s\n", r->image, r->part[0] ? " of part " : "", r->part,
                r->begins ? "" : " is good again", r->reason[0] ? ": " : "", r->reason);
        return;
    }
    if (r->kind == AN_LOGGED_QUALITY) {
        fprintf(out, "%s of %s %s%s%s\n", r->fault, r->top[0].sensor, r->begins ? "begins" : "ends",
                r->reason[0] ? ": " : "", r->reason);
        return;
    }
    if (r->alarm)
        fprintf(out, "alarm %" PRIu64 " %s, %s (%s, %s)", r->alarm, an_logged_name(r->kind),
                an_standing_name(r->standing), r->source, an_severity_names[r->severity]);
    else
        fprintf(out, "%s", an_logged_name(r->kind));
    if (r->by[0])
        fprintf(out, " by %s", r->by);
    if (r->comment[0])
        fprintf(out, ": %s", r->comment);
    if (r->kind == AN_LOGGED_SHELVED && r->until_ms) {
        an_time_text(time, r->until_ms);
        fprintf(out, ", until %s", time);
    }
    if (r->kind == AN_LOGGED_VERDICT)
        fprintf(out, ", verdict %s", r->verdict);
    if (r->kind == AN_LOGGED_MISSED && strcmp(r->verdict, "false") == 0)
        fprintf(out, ", taken back");
    if (r->defect[0])
        fprintf(out, ", class %s", r->defect);
    if (r->reason[0] && !r->by[0])
        fprintf(out, ": %s", r->reason);
    fputc('\n', out);
}

an_err an_show_json(an_json *o, FILE *out)
{
    char *text = an_json_print(o, 0);
    if (text)
        fprintf(out, "%s\n", text);
    an_free(text);
    return text ? AN_OK : AN_ERR_NOMEM;
}

/* JSON: one record a line, so that the log need not fit into memory. */
static an_err show_log(an_alarms *a, const an_show_alarms_opts *opts, FILE *out, an_note *why)
{
    an_alarms_stats s;
    an_alarm_record r;
    an_err err = an_alarms_stats_get(a, &s, why);
    uint64_t at = opts->last > 0 && s.last_seq > (uint64_t)opts->last ? s.last_seq - (uint64_t)opts->last : 0;
    while (err == AN_OK && (err = an_alarms_next(a, at, &r, NULL, why)) == AN_OK) {
        at = r.seq;
        if (!opts->json) {
            an_show_record(&r, out);
            continue;
        }
        an_json *o = an_alarm_record_json(&r);
        err = an_show_json(o, out);
        an_json_free(o);
    }
    return err == AN_ERR_NOTFOUND ? AN_OK : err;
}

an_err an_show_alarms(const char *dir, const an_show_alarms_opts *opts, FILE *out, an_note *why)
{
    an_alarms *a = NULL;
    list l = {.dir = dir, .out = out};
    an_err err = an_show_alarms_open(dir, &a, why);
    if (err != AN_OK)
        return err;
    if (opts->log) {
        err = show_log(a, opts, out, why);
        an_alarms_close(a);
        return err;
    }
    if (opts->json && !(l.array = an_json_array()))
        err = AN_ERR_NOMEM;
    if (err == AN_OK)
        err = an_alarms_each(a, opts->all ? AN_ALARMS_ALL : AN_ALARMS_OPEN, (size_t)opts->last, see_row, &l,
                             why);
    if (err == AN_OK && opts->json)
        err = an_show_json(l.array, out);
    else if (err == AN_OK && l.n == 0)
        fprintf(out, "no %s\n", opts->all ? "alarm was raised yet" : "alarm is open");
    an_json_free(l.array);
    an_alarms_close(a);
    return err;
}

/* ---- figures ---- */

static an_err gather(const char *dir, an_alarm_points *points, int64_t *ret_first_ms, an_note *why)
{
    an_alarms *a = NULL;
    an_alarm_record r;
    uint64_t at = 0;
    an_err err = an_show_alarms_open(dir, &a, why);
    if (err != AN_OK)
        return err;
    while (err == AN_OK && (err = an_alarms_next(a, at, &r, NULL, why)) == AN_OK) {
        if (at == 0 || r.time_ms < *ret_first_ms)
            *ret_first_ms = r.time_ms;
        at = r.seq;
        err = an_alarm_points_add(points, &r);
    }
    an_alarms_close(a);
    an_alarm_points_sort(points);
    return err == AN_ERR_NOTFOUND ? AN_OK : err;
}

static an_err figures_json(const an_alarm_figures *f, int64_t from_ms, int64_t to_ms, FILE *out)
{
    an_json *o = an_json_object(), *by = an_json_object();
    an_json_set_int(o, "from_ms", from_ms);
    an_json_set_int(o, "to_ms", to_ms);
    an_json_set_int(o, "alarms", (int64_t)f->n);
    an_json_set_num(o, "per_10_min", f->average);
    an_json_set_int(o, "peak_10_min", (int64_t)f->peak);
    an_json_set_int(o, "periods", (int64_t)f->slots);
    an_json_set_int(o, "flooded_periods", (int64_t)f->flooded);
    an_json_set_int(o, "tags", (int64_t)f->tags);
    an_json_set_int(o, "chattering_tags", (int64_t)f->chattering);
    an_json_set_int(o, "standing", (int64_t)f->standing);
    an_json_set_num(o, "top_10_share", f->top_share);
    for (size_t i = 0; i < AN_SEVERITIES; i++)
        an_json_set_int(by, an_severity_names[i], (int64_t)f->by_severity[i]);
    an_json_set(o, "by_severity", by);
    an_err err = an_show_json(o, out);
    an_json_free(o);
    return err;
}

static double percent(size_t part, size_t of)
{
    return of > 0 ? 100.0 * (double)part / (double)of : 0;
}

static void print_figures(const an_alarm_figures *f, int64_t from_ms, int64_t to_ms, FILE *out)
{
    char from[25], to[25];
    an_time_text(from, from_ms);
    an_time_text(to, to_ms);
    fprintf(out, "%s to %s: %zu alarm%s shown\n", from, to, f->n, f->n == 1 ? "" : "s");
    fprintf(out, "  per ten minutes       %8.2f   one at most is good for one person\n", f->average);
    fprintf(out, "  most in ten minutes   %8zu   in any; above %d is a flood\n", f->peak, AN_ALARM_FLOOD);
    fprintf(out, "  periods with a flood  %7.1f%%   %zu of %zu, one after the other; below 1 %%\n",
            percent(f->flooded, f->slots), f->flooded, f->slots);
    fprintf(out, "  chattering            %8zu   of %zu tags; none\n", f->chattering, f->tags);
    fprintf(out, "  active over 24 h      %8zu   below 5 a day\n", f->standing);
    fprintf(out, "  share of the top ten  %7.1f%%   below 5 %%\n", 100 * f->top_share);
    fprintf(out, "  by severity          ");
    for (size_t i = 0; i < AN_SEVERITIES; i++)
        fprintf(out, " %s %.0f%%", an_severity_names[i], percent(f->by_severity[i], f->n));
    fprintf(out, "   about 80 / 15 / 5\n");
}

an_err an_show_alarm_figures(const char *dir, int64_t span_ms, bool json, FILE *out, an_note *why)
{
    an_alarm_points points = {.n = 0};
    an_alarm_figures f;
    int64_t from_ms = 0, to_ms = wall_ms();
    an_err err = gather(dir, &points, &from_ms, why);
    if (err == AN_OK) {
        /* Recorded data may be of another time than now. */
        if (points.n > 0 && points.items[points.n - 1].raised_ms >= to_ms)
            to_ms = points.items[points.n - 1].raised_ms + 1;
        if (span_ms > 0 && to_ms - from_ms > span_ms)
            from_ms = to_ms - span_ms;
        an_alarm_figures_of(&f, points.items, points.n, from_ms, to_ms);
        if (json)
            err = figures_json(&f, from_ms, to_ms, out);
        else
            print_figures(&f, from_ms, to_ms, out);
    }
    an_alarm_points_done(&points);
    return err;
}

/* ---- what a person does ---- */

/* The line is the part before the last slash, and what follows it is a number. */
static an_err parse_target(const char *target, an_command *c, an_note *why)
{
    const char *slash = strrchr(target, '/');
    const size_t len = slash ? (size_t)(slash - target) : strlen(target);
    int64_t id = 0;
    if (len >= sizeof c->line)
        return an_fail(AN_ERR_INVAL, why, "\"%.60s\" is not a line's name", target);
    snprintf(c->line, sizeof c->line, "%.*s", (int)len, target);
    if (!an_name_ok(c->line))
        return an_fail(AN_ERR_INVAL, why, "\"%.60s\" is not a line's name", c->line);
    if (slash && (!an_parse_int(slash + 1, &id) || id < 1))
        return an_fail(AN_ERR_INVAL, why, "\"%.60s\" is not an alarm's number", slash + 1);
    c->alarm = (uint64_t)id;
    return AN_OK;
}

static an_err fill(an_command *c, const an_deed_words *w, an_note *why)
{
    int64_t for_ms = 0;
    const char *by = an_show_who(w->by);
    const bool explained = w->comment && w->comment[0];
    an_err err = parse_target(w->target, c, why);
    if (err != AN_OK)
        return err;
    if (!by || !by[0])
        return an_fail(AN_ERR_INVAL, why, "--by NAME is missing: who does it is recorded");
    if (!explained && w->kind == AN_LOGGED_COMMENTED)
        return an_fail(AN_ERR_INVAL, why, "the comment is empty");
    if (!explained && (w->kind == AN_LOGGED_SHELVED || w->kind == AN_LOGGED_REMOVED))
        return an_fail(AN_ERR_INVAL, why,
                       "--reason TEXT is missing: whoever sees no alarm wants to know why");
    if (w->kind == AN_LOGGED_SHELVED && (!w->duration || !an_parse_ms(w->duration, &for_ms) ||
                                         for_ms < SHELF_MIN_MS || for_ms > SHELF_MAX_MS))
        return an_fail(AN_ERR_INVAL, why, "--for TIME: from 1s to 30d, such as 2h");
    c->until_ms = w->kind == AN_LOGGED_SHELVED ? wall_ms() + for_ms : 0;
    an_text_set(c->by, sizeof c->by, by);
    an_text_set(c->reason, sizeof c->reason, w->comment ? w->comment : "");
    return AN_OK;
}

static an_err say_state(const an_command *c, const an_alarm_row *row, an_note *why)
{
    return an_fail(AN_ERR_STATE, why, "alarm %" PRIu64 " of line %s is %s and %s: there is nothing to do",
                   c->alarm, c->line, an_standing_name(row->last.standing),
                   row->state.active ? "active" : "over");
}

/* What can be told at once; the agent looks again when it takes the command. */
static an_err check_alarm(const char *dir, const an_command *c, an_note *why)
{
    an_alarms *a = NULL;
    an_alarm_row row;
    an_err err = an_show_alarms_open(dir, &a, why);
    if (err == AN_OK)
        err = an_alarms_get(a, c->line, c->alarm, &row, why);
    an_alarms_close(a);
    if (err != AN_OK)
        return err;
    const an_standing s = row.last.standing;
    if (c->deed == AN_LOGGED_ACKED && s != AN_STANDING_UNACKED && s != AN_STANDING_RETURNED)
        return say_state(c, &row, why);
    if (c->deed != AN_LOGGED_ACKED && c->deed != AN_LOGGED_COMMENTED && !row.state.active)
        return say_state(c, &row, why);
    return AN_OK;
}

an_err an_leave_deed(const char *dir, const an_deed_words *words, FILE *out, an_note *why)
{
    an_command c = {.kind = AN_COMMAND_ALARM, .deed = words->kind};
    an_err err = fill(&c, words, why);
    if (err == AN_OK && c.alarm && (err = check_alarm(dir, &c, why)) == AN_OK)
        err = an_inbox_put(dir, &c, wall_ms(), why); /* its line may be configured no more */
    else if (err == AN_OK)
        err = an_leave_command(dir, &c, why);
    if (err == AN_OK && c.alarm)
        fprintf(out, "left for the agent: alarm %" PRIu64 " of line %s, %s by %s\n", c.alarm, c.line,
                an_logged_name(c.deed), c.by);
    else if (err == AN_OK)
        fprintf(out, "left for the agent: line %s, %s by %s\n", c.line, an_logged_name(c.deed), c.by);
    return err;
}
