/* How each line is, for a screen that is looked at from across the hall: read once a second. */
#include <math.h>
#include <string.h>

#include "agent/local_api_internal.h"
#include "agent/show_alarms_internal.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#define OLD_MS 5000     /* the agent writes its status every second */
#define SILENT_MS 10000 /* no rows for so long, and for ten usual pauses between two: they have stopped */
#define PAUSES 10
#define SINCE_MAX (INT64_C(1) << 52)

typedef struct counts {
    size_t active, unacked, aside; /* active: and shown */
    an_severity severity;          /* the highest of those that are active */
    int64_t since_ms;              /* of the oldest that is active */
    const char *line;
} counts;

typedef struct tally {
    counts of[AN_LINES_MAX]; /* (n) */
    size_t n;
} tally;

static bool count_row(void *ctx, const an_alarm_row *row)
{
    tally *t = ctx;
    size_t i = 0;
    while (i < t->n && strcmp(row->last.line, t->of[i].line) != 0)
        i++;
    if (i == t->n)
        return true;
    counts *c = &t->of[i];
    const an_standing s = row->last.standing;
    c->unacked += s == AN_STANDING_UNACKED || s == AN_STANDING_RETURNED;
    c->aside += s == AN_STANDING_SHELVED || s == AN_STANDING_SUPPRESSED || s == AN_STANDING_OUT;
    if (!row->state.active || !an_standing_shown(s))
        return true;
    if (c->active++ == 0 || row->last.since_ms < c->since_ms)
        c->since_ms = row->last.since_ms;
    if (row->last.severity > c->severity)
        c->severity = row->last.severity;
    return true;
}

static const char *text_in(const an_jval *o, const char *key)
{
    const char *text = "";
    return an_jval_text(o, key, &text, NULL) == AN_OK ? text : "";
}

static int64_t int_in(const an_jval *o, const char *key)
{
    int64_t n = 0;
    return an_jval_int(o, key, INT64_MIN, INT64_MAX, &n, NULL) == AN_OK ? n : 0;
}

/* ---- one line ---- */

typedef struct look {
    an_recent_point points[AN_RECENT];
    size_t n;
    int64_t now_ms, since_ms;
    bool old; /* the status: the agent stands still */
} look;

static const an_local_line *line_of(const an_local_api_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->n_lines; i++)
        if (strcmp(conf->lines[i].name, name) == 0)
            return &conf->lines[i];
    return NULL;
}

/* How long the line may say nothing. */
static int64_t patience_ms(const look *l, const an_local_line *line)
{
    double pause_ms = line && line->rate_hz > 0 ? 1000 / line->rate_hz : 0;
    if (l->n > 1)
        pause_ms =
            fmax(pause_ms, (double)(l->points[l->n - 1].at_ms - l->points[0].at_ms) / (double)(l->n - 1));
    return (int64_t)fmin(fmax(PAUSES * pause_ms, SILENT_MS), (double)SINCE_MAX);
}

/* "": rows come. */
static const char *no_data(const look *l, const an_jval *status, const an_local_line *line)
{
    const char *phase = text_in(status, "state");
    if (l->old)
        return "stopped";
    if (strcmp(phase, "reading") != 0)
        return strncmp(phase, "waiting", 7) == 0 ? "" : phase;
    if (l->n > 0 && l->now_ms - l->points[l->n - 1].at_ms > patience_ms(l, line))
        return "silent";
    return l->n == 0 && l->now_ms - int_in(status, "state_ms") > patience_ms(l, line) ? "silent" : "";
}

static void put_points(an_json *o, const look *l)
{
    an_json *list = an_json_array();
    for (size_t i = 0; i < l->n; i++) {
        const an_recent_point *p = &l->points[i];
        if (p->at_ms < l->since_ms)
            continue;
        an_json *row = an_json_array();
        an_json_push_int(row, p->at_ms);
        an_json_push_num(row, (double)p->most);
        an_json_push_num(row, (double)p->last);
        an_json_push_int(row, p->rows);
        an_json_push_int(row, p->alarm);
        an_json_push(list, row);
    }
    an_json_set(o, "points", list);
}

static an_err put_last(an_json *o, an_alarms *a, const char *line, int64_t *ret_cleared_ms, an_note *why)
{
    uint64_t last = 0;
    an_alarm_row row;
    an_err err = an_alarms_last(a, line, &last, why);
    if (err == AN_OK && last > 0)
        err = an_alarms_get(a, line, last, &row, why);
    if (err == AN_ERR_NOTFOUND || err == AN_ERR_PROTO || (err == AN_OK && last == 0)) {
        an_json_set_null(o, "last_alarm");
        return AN_OK;
    }
    if (err != AN_OK)
        return err;
    *ret_cleared_ms = row.cleared_ms;
    an_json_set(o, "last_alarm", an_alarm_row_json(&row));
    return AN_OK;
}

static void copy(an_json *o, const char *key, const an_jval *from)
{
    const an_jval *v = an_jval_get(from, key);
    if (v)
        an_json_set(o, key, an_json_copy(v));
    else
        an_json_set_null(o, key);
}

static void put_score(an_json *o, const look *l)
{
    size_t i = l->n;
    while (i > 0 && !isfinite(l->points[i - 1].last))
        i--;
    an_json_set_num(o, "score", i > 0 ? (double)l->points[i - 1].last : (double)NAN);
    if (l->n > 0) {
        an_json_set_int(o, "row_at_ms", l->points[l->n - 1].at_ms);
        an_json_set_int(o, "row_ms", l->points[l->n - 1].time_ms);
    }
}

static an_err put_line(an_json *list, const local_api_request *r, look *l, an_alarms *a,
                       const an_jval *status, const counts *c, an_note *why)
{
    const char *name = text_in(status, "line");
    const an_local_line *line = line_of(r->conf, name);
    const an_jval *version = an_jval_get(status, "version");
    int64_t cleared_ms = 0;
    an_err err = AN_OK;
    l->n = line && line->recent ? an_recent_read(line->recent, 0, l->points, AN_RECENT) : 0;
    const char *none = no_data(l, status, line);
    an_json *o = an_json_object();
    an_json_set_text(o, "line", name);
    copy(o, "model", status);
    an_json_set_text(o, "state",
                     c->active                                ? "alarm"
                     : none[0]                                ? "no data"
                     : an_jval_kind(version) != AN_JKIND_TEXT ? "waiting"
                                                              : "normal");
    an_json_set_text(o, "no_data", none);
    copy(o, "last_error", status);
    copy(o, "state_ms", status);
    if (err == AN_OK)
        err = put_last(o, a, name, &cleared_ms, why);
    an_json_set_int(o, "since_ms", c->active ? c->since_ms : cleared_ms);
    an_json_set_text(o, "severity", c->active ? an_severity_names[c->severity] : "");
    an_json_set_int(o, "active", (int64_t)c->active);
    an_json_set_int(o, "unacknowledged", (int64_t)c->unacked);
    an_json_set_int(o, "aside", (int64_t)c->aside);
    copy(o, "threshold", status);
    put_score(o, l);
    put_points(o, l);
    an_json_push(list, o);
    return err;
}

/* ---- all of them ---- */

static an_err read_status(const local_api_request *r, an_json_doc **ret, an_note *why)
{
    char path[AN_PATH_MAX];
    an_buf b;
    an_buf_init(&b, AN_LOCAL_API_BYTES_MAX);
    an_err err = an_path_join(path, r->dir, "status.json");
    if (err == AN_OK && (err = an_file_read(&b, path, NULL)) == AN_ERR_NOTFOUND)
        an_note_set(why, "the agent has not said anything yet");
    if (err == AN_OK)
        err = an_json_parse((const char *)b.data, b.len, "status.json", ret, why);
    an_buf_done(&b);
    return err;
}

static an_err put_lines(an_json *o, const local_api_request *r, look *l, const an_jval *status, an_note *why)
{
    an_alarms *a = NULL;
    an_json *list = an_json_array();
    const an_jval *lines = an_jval_get(status, "lines");
    uint64_t seq = 0;
    tally t = {.n = an_jval_count(lines) < AN_LINES_MAX ? an_jval_count(lines) : AN_LINES_MAX};
    for (size_t i = 0; i < t.n; i++)
        t.of[i].line = text_in(an_jval_at(lines, i), "line");
    an_err err = an_show_alarms_open(r->dir, &a, why);
    if (err == AN_OK)
        err = an_alarms_each(a, AN_ALARMS_OPEN, AN_LOCAL_API_ROWS_MAX, count_row, &t, why);
    for (size_t i = 0; i < t.n && err == AN_OK; i++)
        err = put_line(list, r, l, a, an_jval_at(lines, i), &t.of[i], why);
    if (err == AN_OK)
        err = an_alarms_last_seq(a, &seq, why);
    an_alarms_close(a);
    an_json_set(o, "lines", list);
    an_json_set_int(o, "seq", (int64_t)seq);
    return err;
}

an_err local_api_board(const local_api_request *r, local_api_said *ret, an_note *why)
{
    const an_clock *clock = an_clock_system();
    an_json_doc *doc = NULL;
    an_json *o = NULL;
    look *l = an_alloc(1, sizeof *l);
    an_err err = l ? local_api_int(r, "since", SINCE_MAX, 0, &l->since_ms, why) : AN_ERR_NOMEM;
    if (err == AN_OK)
        err = read_status(r, &doc, why);
    if (err == AN_OK) {
        const an_jval *status = an_json_root(doc), *link = an_jval_get(status, "coordinator");
        l->now_ms = clock->wall_ms(clock);
        l->old = l->now_ms - int_in(status, "time_ms") > OLD_MS;
        o = an_json_object();
        copy(o, "site", status);
        an_json_set_int(o, "time_ms", l->now_ms);
        copy(o, "connected", link);
        an_json_set_bool(o, "stopped", l->old);
        err = put_lines(o, r, l, status, why);
    }
    if (err == AN_OK)
        err = local_api_print(o, ret);
    else
        an_json_free(o);
    an_json_doc_free(doc);
    an_free(l);
    return err;
}
