/* What can be read: the same that the verbs of andon-agent show. */
#include <stdio.h>
#include <string.h>

#include "agent/local_api_internal.h"
#include "agent/show.h"
#include "agent/show_alarms.h"
#include "agent/show_alarms_internal.h"
#include "agent/show_verdicts.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/opt.h"

#define ONE_BYTES ((size_t)256 << 10) /* of what is said of one thing */

/* What a verb would print. */
static an_err printed(an_err (*print)(const void *what, FILE *out, an_note *why), const void *what,
                      char **ret, an_note *why)
{
    char *text = an_alloc(ONE_BYTES, 1);
    FILE *out = text ? fmemopen(text, ONE_BYTES, "w") : NULL;
    an_err err = out ? print(what, out, why) : AN_ERR_NOMEM;
    if (out) {
        const bool all = fflush(out) == 0 && !ferror(out) && text[ONE_BYTES - 1] == '\0';
        if (err == AN_OK && !all)
            err = an_fail(AN_ERR_LIMIT, why, "the answer is longer than %zu bytes", ONE_BYTES);
        fclose(out);
    }
    if (err == AN_OK)
        *ret = text;
    else
        an_free(text);
    return err;
}

an_err local_api_int(const local_api_request *r, const char *key, int64_t max, int64_t dflt, int64_t *ret,
                     an_note *why)
{
    const char *text = r->ask->query(r->ask->ctx, key);
    *ret = dflt;
    if (text && (!an_parse_int(text, ret) || *ret < 0 || *ret > max))
        return an_fail(AN_ERR_INVAL, why, "%s: a number from 0 to %lld", key, (long long)max);
    return AN_OK;
}

/* ---- status ---- */

an_err local_api_status(const local_api_request *r, local_api_said *ret, an_note *why)
{
    char path[AN_PATH_MAX];
    an_buf b;
    an_buf_init(&b, AN_LOCAL_API_BYTES_MAX);
    an_err err = an_path_join(path, r->dir, "status.json");
    if (err == AN_OK && (err = an_file_read(&b, path, NULL)) == AN_ERR_NOTFOUND)
        an_note_set(why, "the agent has not said anything yet");
    an_buf_u8(&b, 0);
    char *text = err == AN_OK ? an_alloc(b.len, 1) : NULL;
    if (err == AN_OK && !text)
        err = AN_ERR_NOMEM;
    if (text) {
        memcpy(text, b.data, b.len);
        ret->text = text;
    }
    an_buf_done(&b);
    return err;
}

/* ---- alarms ---- */

static bool push_row(void *ctx, const an_alarm_row *row)
{
    an_json_push(ctx, an_alarm_row_json(row));
    return true;
}

an_err local_api_print(an_json *o, local_api_said *ret)
{
    ret->text = an_json_print(o, 0);
    an_json_free(o);
    return ret->text ? AN_OK : AN_ERR_NOMEM;
}

an_err local_api_alarms(const local_api_request *r, local_api_said *ret, an_note *why)
{
    an_alarms *a = NULL;
    int64_t last = 0, all = 0;
    an_err err = local_api_int(r, "last", AN_LOCAL_API_ROWS_MAX, 100, &last, why);
    if (err == AN_OK)
        err = local_api_int(r, "all", 1, 0, &all, why);
    if (err == AN_OK)
        err = an_show_alarms_open(r->dir, &a, why);
    if (err != AN_OK)
        return err;
    an_json *o = an_json_object(), *list = an_json_array();
    err = an_alarms_each(a, all ? AN_ALARMS_ALL : AN_ALARMS_OPEN, last ? (size_t)last : AN_LOCAL_API_ROWS_MAX,
                         push_row, list, why);
    an_json_set(o, "alarms", list);
    an_alarms_close(a);
    if (err == AN_OK)
        return local_api_print(o, ret);
    an_json_free(o);
    return err;
}

/* ---- the log, with a cursor ---- */

typedef struct cursor {
    uint64_t after, lost;
    int64_t limit;
    bool one_kind;
    an_logged_kind kind;
} cursor;

/* Looks at so many records at most, whatever their kind: a rare kind takes several requests, none takes long. */
#define LOOKED_MAX 20000

static an_err gather(an_alarms *a, cursor *c, an_json *list, an_note *why)
{
    an_alarm_record rec;
    uint64_t lost = 0;
    int64_t n = 0;
    an_err err = AN_OK;
    for (int i = 0; i < LOOKED_MAX && n < c->limit; i++) {
        err = an_alarms_next(a, c->after, &rec, &lost, why);
        if (err != AN_OK)
            break;
        c->after = rec.seq;
        c->lost += lost;
        if (c->one_kind && rec.kind != c->kind)
            continue;
        an_json_push(list, an_alarm_record_json(&rec));
        n++;
    }
    return err == AN_ERR_NOTFOUND ? AN_OK : err;
}

an_err local_api_log(const local_api_request *r, local_api_said *ret, an_note *why)
{
    an_alarms *a = NULL;
    cursor c = {.lost = 0};
    int64_t after = 0;
    const char *kind = r->ask->query(r->ask->ctx, "kind");
    an_err err = local_api_int(r, "after", INT64_MAX, 0, &after, why);
    if (err == AN_OK)
        err = local_api_int(r, "limit", AN_LOCAL_API_ROWS_MAX, 100, &c.limit, why);
    c.after = (uint64_t)after;
    c.one_kind = kind != NULL;
    if (err == AN_OK && kind && !an_logged_find(kind, &c.kind))
        err = an_fail(AN_ERR_INVAL, why, "kind: \"%.40s\" is none of a record", kind);
    if (err == AN_OK)
        err = an_show_alarms_open(r->dir, &a, why);
    if (err != AN_OK)
        return err;
    an_json *o = an_json_object(), *list = an_json_array();
    err = gather(a, &c, list, why);
    an_json_set(o, "records", list);
    an_json_set_int(o, "next", (int64_t)c.after);
    an_json_set_int(o, "lost", (int64_t)c.lost);
    an_alarms_close(a);
    if (err == AN_OK)
        return local_api_print(o, ret);
    an_json_free(o);
    return err;
}

/* ---- figures ---- */

static an_err query_span(const local_api_request *r, int64_t *ret, an_note *why)
{
    const char *span = r->ask->query(r->ask->ctx, "span");
    *ret = 0;
    return !span || (an_parse_ms(span, ret) && *ret >= 0)
               ? AN_OK
               : an_fail(AN_ERR_INVAL, why, "span: a time such as 12h or 7d");
}

static an_err print_figures(const void *what, FILE *out, an_note *why)
{
    const local_api_request *r = what;
    int64_t span_ms = 0;
    an_err err = query_span(r, &span_ms, why);
    return err ? err : an_show_alarm_figures(r->dir, span_ms, true, out, why);
}

an_err local_api_figures(const local_api_request *r, local_api_said *ret, an_note *why)
{
    return printed(print_figures, r, &ret->text, why);
}

static an_err print_verdicts(const void *what, FILE *out, an_note *why)
{
    static const char *const names[] = {"all", "day", "week", "shift"};
    const local_api_request *r = what;
    const char *by = r->ask->query(r->ask->ctx, "by");
    an_verdict_how how = {.versions = true, .line = r->ask->query(r->ask->ctx, "line")};
    int64_t span_ms = 0;
    size_t i = 0;
    while (by && i < sizeof names / sizeof *names && strcmp(names[i], by) != 0)
        i++;
    if (i == sizeof names / sizeof *names)
        return an_fail(AN_ERR_INVAL, why, "by: all, day, week or shift");
    how.by = (an_verdict_by)i;
    an_err err = query_span(r, &span_ms, why);
    if (err == AN_OK && !an_verdict_shifts_parse("6,14,22", &how))
        err = AN_ERR_INVAL;
    return err ? err : an_show_verdicts(r->dir, &how, span_ms, true, out, why);
}

an_err local_api_verdicts(const local_api_request *r, local_api_said *ret, an_note *why)
{
    return printed(print_verdicts, r, &ret->text, why);
}
