/* Alarms as sites summed them up, how many there were, and what people said of them. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "coordinator/api/api_internal.h"

/* ---- alarms ---- */

typedef struct alarms {
    an_api_call *c;
    an_json *list;
} alarms;

/* The model is the version's: an alarm does not say it. */
static const char *model_of(const an_api_call *c, const an_jval *body)
{
    const char *text = "";
    an_hash hash;
    const bool known = an_jval_get_text(body, "version", "", &text, NULL) == AN_OK &&
                       strlen(text) == AN_HASH_TEXT - 1 && an_unhex(hash.b, sizeof hash.b, text);
    const an_version *v = known ? an_state_version(c->state, &hash) : NULL;
    return v ? v->model : "";
}

static bool body_wanted(const an_api_request *q, const an_jval *body, const char *model)
{
    const char *line = "";
    return an_api_wants(q->model, model) &&
           (!q->line[0] ||
            (an_jval_get_text(body, "line", "", &line, NULL) == AN_OK && strcmp(line, q->line) == 0));
}

static void finish(an_json *o, const an_record *r, const char *model)
{
    an_json_set_text(o, "site", r->subject);
    if (model[0])
        an_json_set_text(o, "model", model);
    an_json_set_int(o, "seq", (int64_t)r->seq);
    an_json_set_int(o, "time_ms", r->time_ms);
}

static an_err take_alarm(void *ctx, const an_record *r, bool *ret_taken, an_note *why)
{
    alarms *a = ctx;
    an_json_doc *doc = NULL;
    if (!an_api_sees(a->c, r->subject) || !an_api_wants(a->c->req->site, r->subject))
        return AN_OK;
    an_err err = an_json_parse_max(r->body, r->body_len, AN_RECORD_BODY_MAX, r->kind, &doc, why);
    if (err != AN_OK)
        return err;
    const char *model = model_of(a->c, an_json_root(doc));
    if (body_wanted(a->c->req, an_json_root(doc), model)) {
        an_json *o = an_json_copy(an_json_root(doc));
        finish(o, r, model);
        an_json_push(a->list, o);
        *ret_taken = true;
    }
    an_json_doc_free(doc);
    return AN_OK;
}

static an_err answer_records(an_api_call *c, const char *kind, const char *key, an_note *why)
{
    const char *site = c->req->site[0] ? c->req->site : c->req->subject;
    alarms a = {.c = c, .list = an_json_array()};
    an_api_scan scan = {.take = take_alarm, .ctx = &a};
    an_store_filter f = {.kind = kind, .subject = site[0] ? site : NULL};
    an_err err = an_api_scan_run(c, &scan, &f, 50, why);
    an_json_set(c->answer, key, a.list);
    return err;
}

an_err an_api_alarms(an_api_call *c, an_note *why)
{
    return answer_records(c, "alarm.summary", "alarms", why);
}

an_err an_api_verdicts(an_api_call *c, an_note *why)
{
    return answer_records(c, "site.counts", "verdicts", why);
}

/* ---- how many ---- */

#define DAY_MS INT64_C(86400000)

static bool in_window(const an_api_window *w, const an_alarm_day *d)
{
    return d->day >= w->from_ms / DAY_MS && d->day <= w->until_ms / DAY_MS;
}

an_err an_api_alarm_counts(an_api_call *c, an_note *why)
{
    an_api_list l;
    char time[25], day[11];
    an_err err = an_api_list_open(c, &l, c->state->alarm_days.n, AN_NEWEST, AN_API_LIST_MAX, why);
    if (err != AN_OK)
        return err;
    an_json *list = an_json_array();
    for (size_t i; an_api_list_next(&l, &i);) {
        const an_alarm_day *d = &c->state->alarm_days.items[i];
        const char *site = c->state->sites.items[d->site].name;
        if (!an_api_sees(c, site) || !an_api_wants(c->req->site, site) || !in_window(&l.window, d))
            continue;
        an_time_text(time, d->day * DAY_MS);
        snprintf(day, sizeof day, "%.10s", time);
        an_json *o = an_json_object();
        an_json_set_text(o, "day", day);
        an_json_set_text(o, "site", site);
        an_json_set_int(o, "alarms", (int64_t)d->n);
        an_json_push(list, o);
        l.left--;
    }
    an_json_set(c->answer, "counts", list);
    an_api_list_close(c, &l);
    return AN_OK;
}
