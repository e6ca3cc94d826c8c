/* Alarms as sites summed them up, how many there were, and what people said of them. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
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

typedef struct count {
    char day[11]; /* "2026-03-09", UTC */
    const char *site;
    int64_t n;
} count;

typedef struct counts {
    an_api_call *c;
    count *items;
    size_t n, cap;
} counts;

/* A site sums an alarm up when it is raised, and again when it is over: that is one alarm. */
static an_err is_of_a_beginning(const an_record *r, bool *ret, an_note *why)
{
    an_json_doc *doc = NULL;
    int64_t cleared_ms = 0;
    an_err err = an_json_parse_max(r->body, r->body_len, AN_RECORD_BODY_MAX, r->kind, &doc, why);
    if (err == AN_OK)
        err = an_jval_get_int(an_json_root(doc), "cleared_ms", 0, INT64_MAX, 0, &cleared_ms, why);
    *ret = cleared_ms == 0;
    an_json_doc_free(doc);
    return err;
}

/* Newest first, so that the day in question is among the last ones. */
static an_err take_count(void *ctx, const an_record *r, bool *ret_taken, an_note *why)
{
    counts *k = ctx;
    char time[25];
    bool counts_here = false;
    const an_site *site = an_state_site(k->c->state, r->subject);
    *ret_taken = false; /* the limit is of days and sites, not of alarms */
    if (!site || !an_api_sees(k->c, r->subject))
        return AN_OK;
    an_err err = is_of_a_beginning(r, &counts_here, why);
    if (err != AN_OK || !counts_here)
        return err;
    an_time_text(time, r->time_ms);
    for (size_t i = k->n; i-- > 0 && strncmp(k->items[i].day, time, 10) == 0;) {
        if (strcmp(k->items[i].site, r->subject) == 0) {
            k->items[i].n++;
            return AN_OK;
        }
    }
    if (!an_grow(&k->items, &k->cap, k->n + 1, sizeof *k->items))
        return AN_ERR_NOMEM;
    count *new = &k->items[k->n++];
    *new = (count){.site = site->name, .n = 1};
    snprintf(new->day, sizeof new->day, "%.10s", time);
    return AN_OK;
}

an_err an_api_alarm_counts(an_api_call *c, an_note *why)
{
    counts k = {.c = c};
    an_api_scan scan = {.take = take_count, .ctx = &k};
    an_store_filter f = {.kind = "alarm.summary", .subject = c->req->site[0] ? c->req->site : NULL};
    an_err err = an_api_scan_run(c, &scan, &f, AN_API_LIST_MAX, why);
    an_json *list = an_json_array();
    for (size_t i = 0; i < k.n; i++) {
        an_json *o = an_json_object();
        an_json_set_text(o, "day", k.items[i].day);
        an_json_set_text(o, "site", k.items[i].site);
        an_json_set_int(o, "alarms", k.items[i].n);
        an_json_push(list, o);
    }
    an_json_set(c->answer, "counts", list);
    an_free(k.items);
    return err;
}
