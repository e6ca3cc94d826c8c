#include <limits.h>
#include <string.h>

#include "agent/writeback_run.h"
#include "base/file.h"
#include "doors/json.h"

#define NEVER_MS (INT64_MAX / 4)

an_err an_wb_facts_open(an_wb_facts *f, const an_wb_conf *conf, const char *dir, an_note *why)
{
    *f = (an_wb_facts){.conf = conf};
    an_err err = an_path_join(f->status, dir, "status.json");
    if (err == AN_OK)
        err = an_path_join(f->log_path, dir, "alarms.db");
    return err == AN_OK ? AN_OK : an_fail(err, why, "%.200s: too long a path", dir);
}

typedef struct looking {
    an_wb_facts *f;
    an_wb_look *ret;
} looking;

static bool see(void *ctx, const an_alarm_row *row)
{
    const looking *l = ctx;
    const bool shown = an_standing_shown(an_alarm_standing(&row->state));
    for (size_t i = 0; i < l->f->conf->n && row->state.active; i++) {
        if (strcmp(l->f->conf->places[i].line, row->last.line) != 0)
            continue;
        l->f->active[i] = true;
        l->ret[i].alarm = l->ret[i].alarm || shown;
        if (shown && row->last.severity > l->ret[i].severity)
            l->ret[i].severity = row->last.severity;
    }
    return true;
}

/* Opened for each look: the agent may have set the log aside, and its former file would never change again. */
static an_err read_log(an_wb_facts *f, an_wb_look *ret, an_note *why)
{
    const an_alarms_conf none = {.site = NULL};
    an_alarms *log = NULL;
    looking l = {f, ret};
    if (!an_file_exists(f->log_path)) /* it is not for this process to make one */
        return an_fail(AN_ERR_NOTFOUND, why, "%.200s is not there", f->log_path);
    an_err err = an_alarms_open(f->log_path, &none, &log, why);
    if (err == AN_OK)
        err = an_alarms_each(log, AN_ALARMS_OPEN, 0, see, &l, why);
    an_alarms_close(log);
    return err;
}

static const an_jval *find_line(const an_jval *status, const char *name)
{
    const an_jval *lines = an_jval_get(status, "lines");
    const char *text = NULL;
    for (size_t i = 0; i < an_jval_count(lines); i++)
        if (an_jval_text(an_jval_at(lines, i), "line", &text, NULL) == AN_OK && strcmp(text, name) == 0)
            return an_jval_at(lines, i);
    return NULL;
}

/* That a row was scored shows in the count that grows; when the count was seen first says nothing. */
static void note_scored(an_wb_facts *f, size_t i, int64_t scored, int64_t mono_ms, an_wb_look *ret)
{
    if (f->scored[i] != 0 && (uint64_t)scored > f->scored[i])
        f->changed_ms[i] = mono_ms;
    f->scored[i] = (uint64_t)scored;
    ret->scored_age_ms = f->changed_ms[i] ? mono_ms - f->changed_ms[i] : NEVER_MS;
}

static void read_status(an_wb_facts *f, const an_jval *status, int64_t now_ms, int64_t mono_ms,
                        an_wb_look *ret)
{
    int64_t said_ms = 0;
    if (an_jval_int(status, "time_ms", 1, INT64_MAX / 2, &said_ms, NULL) != AN_OK)
        return;
    for (size_t i = 0; i < f->conf->n; i++) {
        const an_jval *line = find_line(status, f->conf->places[i].line);
        const char *version = NULL;
        int64_t scored = 0;
        if (!line || an_jval_int(line, "scored", 0, INT64_MAX, &scored, NULL) != AN_OK)
            continue;
        ret[i].runs = an_jval_text(line, "version", &version, NULL) == AN_OK;
        ret[i].agent_age_ms = now_ms - said_ms;
        (void)an_jval_bool(line, "alarm_open", &f->open[i], NULL); /* not there: none is said to be */
        note_scored(f, i, scored, mono_ms, &ret[i]);
    }
}

static void know_nothing_of(an_wb_look *ret)
{
    *ret = (an_wb_look){.agent_age_ms = NEVER_MS, .scored_age_ms = NEVER_MS};
}

static void know_nothing(const an_wb_conf *conf, an_wb_look *ret)
{
    for (size_t i = 0; i < conf->n; i++)
        know_nothing_of(&ret[i]);
}

/* The agent has an alarm that it could not log. */
static void doubt_unlogged(const an_wb_facts *f, an_wb_look *ret)
{
    for (size_t i = 0; i < f->conf->n; i++)
        if (f->open[i] && !f->active[i])
            know_nothing_of(&ret[i]);
}

an_err an_wb_facts_look(an_wb_facts *f, int64_t now_ms, int64_t mono_ms, an_wb_look *ret, an_note *why)
{
    an_json_doc *doc = NULL;
    an_buf b;
    know_nothing(f->conf, ret);
    memset(f->open, 0, sizeof f->open);
    memset(f->active, 0, sizeof f->active);
    an_buf_init(&b, AN_JSON_MAX_BYTES);
    an_err err = an_file_read(&b, f->status, why);
    if (err == AN_OK)
        err = an_json_parse((const char *)b.data, b.len, f->status, &doc, why);
    if (err == AN_OK) {
        read_status(f, an_json_root(doc), now_ms, mono_ms, ret);
        err = read_log(f, ret, why);
    }
    if (err != AN_OK)
        know_nothing(f->conf, ret);
    else
        doubt_unlogged(f, ret);
    an_json_doc_free(doc);
    an_buf_done(&b);
    return err;
}
