/* What happened: the journal, drift, alarms, and everything at a glance. */
#include <string.h>

#include "base/mem.h"
#include "base/opt.h"
#include "coordinator/api/api_internal.h"
#include "coordinator/journal_text.h"
#include "doors/crypto.h"

#define LIST_MAX 1000

/* ---- the journal ---- */

typedef struct page {
    an_json *list;
    uint64_t last;
    size_t n;
} page;

/* A token's key is no business of whoever reads the journal. */
static an_json *body_json(const an_record *r)
{
    an_json_doc *doc = NULL;
    if (an_json_parse(r->body, r->body_len, "record", &doc, NULL) != AN_OK)
        return an_json_null();
    an_json *o = an_json_copy(an_json_root(doc));
    if (strcmp(r->kind, "site.token") == 0)
        an_json_set_null(o, "key");
    an_json_doc_free(doc);
    return o;
}

static an_err add_record(void *ctx, const an_record *r, an_note *why)
{
    (void)why;
    page *p = ctx;
    char line[AN_JOURNAL_LINE_MAX];
    an_err err = an_journal_text(line, r);
    if (err != AN_OK)
        return err;
    an_json *o = an_json_object();
    an_json_set_int(o, "seq", (int64_t)r->seq);
    an_json_set_int(o, "time_ms", r->time_ms);
    an_json_set_text(o, "kind", r->kind);
    an_json_set_text(o, "subject", r->subject);
    an_json_set_text(o, "actor", r->actor);
    an_json_set_text(o, "line", line);
    an_json_set(o, "body", body_json(r));
    an_api_set_hash(o, "chain", &r->chain);
    an_json_push(p->list, o);
    p->last = r->seq > p->last ? r->seq : p->last;
    p->n++;
    return AN_OK;
}

static an_err read_number(const char *key, const char *text, int64_t max, int64_t *ret, an_note *why)
{
    *ret = 0;
    if (text[0] && (!an_parse_int(text, ret) || *ret < 0 || *ret > max))
        return an_fail(AN_ERR_INVAL, why, "%s = %.60s: must be 0..%lld", key, text, (long long)max);
    return AN_OK;
}

an_err an_api_journal(an_api_call *c, an_note *why)
{
    const an_api_request *q = c->req;
    int64_t after, wait_ms;
    an_store_filter f = {.kind = q->kind[0] ? q->kind : NULL, .subject = q->subject[0] ? q->subject : NULL};
    an_err err;
    if ((err = read_number("after", q->after, INT64_MAX, &after, why)) != AN_OK ||
        (err = read_number("wait_ms", q->wait_ms, AN_API_WAIT_MAX_MS, &wait_ms, why)) != AN_OK ||
        (err = an_api_limit(c, 100, LIST_MAX, &f.limit, why)) != AN_OK)
        return err;
    f.after_seq = (uint64_t)after;
    f.newest_first = strcmp(q->newest, "true") == 0;
    page p = {.list = an_json_array(), .last = (uint64_t)after};
    err = an_store_scan(an_hub_store(c->hub), &f, add_record, &p, why);
    if (err == AN_OK && p.n == 0 && c->waited_ms < wait_ms)
        err = AN_ERR_AGAIN;
    if (err != AN_OK) {
        an_json_free(p.list);
        return err;
    }
    an_json_set(c->answer, "records", p.list);
    an_json_set_int(c->answer, "last", (int64_t)p.last);
    return AN_OK;
}

an_err an_api_journal_verify(an_api_call *c, an_note *why)
{
    uint64_t n = 0, seq = 0;
    an_hash chain;
    an_note found = {{0}};
    an_err err = an_store_verify(an_hub_store(c->hub), &n, &found);
    if (err != AN_OK && err != AN_ERR_PROTO) {
        an_note_set(why, "%s", found.text);
        return err;
    }
    an_json_set_bool(c->answer, "intact", err == AN_OK);
    an_json_set_int(c->answer, "records", (int64_t)n);
    if (err != AN_OK)
        an_json_set_text(c->answer, "detail", found.text);
    if ((err = an_store_head_get(an_hub_store(c->hub), &seq, &chain, why)) != AN_OK)
        return err;
    an_json_set_int(c->answer, "last", (int64_t)seq);
    an_api_set_hash(c->answer, "chain", &chain);
    return AN_OK;
}

/* ---- drift and alarms ---- */

an_json *an_api_drift_json(const an_drift_entry *d)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "site", d->site);
    an_json_set_text(o, "model", d->model);
    an_json_set_text(o, "line", d->line);
    an_json_set_text(o, "test", d->test);
    an_json_set_text(o, "subject", d->subject);
    an_json_set_int(o, "sign", d->sign);
    an_json_set_num(o, "effect", d->effect);
    an_json_set_num(o, "threshold", d->threshold);
    an_json_set_int(o, "since_ms", d->since_ms);
    an_json_set_int(o, "time_ms", d->time_ms);
    an_json_set_int(o, "campaign", (int64_t)d->campaign);
    an_api_set_hash(o, "version", &d->version);
    return o;
}

an_err an_api_drifts(an_api_call *c, an_note *why)
{
    size_t limit;
    an_err err = an_api_limit(c, 50, LIST_MAX, &limit, why);
    if (err != AN_OK)
        return err;
    an_json *list = an_json_array();
    for (size_t i = c->state->drifts.n; i-- > 0 && limit > 0;) {
        const an_drift_entry *d = &c->state->drifts.items[i];
        if (c->req->model[0] && strcmp(c->req->model, d->model) != 0)
            continue;
        an_json_push(list, an_api_drift_json(d));
        limit--;
    }
    an_json_set(c->answer, "drifts", list);
    return AN_OK;
}

static an_err add_alarm(void *ctx, const an_record *r, an_note *why)
{
    (void)why;
    an_json *o = body_json(r);
    an_json_set_text(o, "site", r->subject);
    an_json_set_int(o, "seq", (int64_t)r->seq);
    an_json_set_int(o, "time_ms", r->time_ms);
    an_json_push(ctx, o);
    return AN_OK;
}

an_err an_api_alarms(an_api_call *c, an_note *why)
{
    an_store_filter f = {.kind = "alarm.summary", .newest_first = true};
    f.subject = c->req->subject[0] ? c->req->subject : NULL;
    an_err err = an_api_limit(c, 50, LIST_MAX, &f.limit, why);
    if (err != AN_OK)
        return err;
    an_json *list = an_json_array();
    err = an_store_scan(an_hub_store(c->hub), &f, add_alarm, list, why);
    an_json_set(c->answer, "alarms", list);
    return err;
}

/* ---- everything at a glance ---- */

static void add_coordinator(an_api_call *c)
{
    an_json *o = an_json_object();
    char instance[17];
    uint8_t bytes[8];
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(c->conf->instance >> (56 - 8 * i));
    an_hex(instance, bytes, sizeof bytes);
    an_json_set_text(o, "instance", instance);
    an_json_set_int(o, "started_ms", c->conf->started_ms);
    an_json_set_int(o, "now_ms", an_api_now(c));
    an_json_set_text(o, "control", c->conf->control);
    an_json_set_text(o, "bulk", c->conf->bulk);
    an_json_set_text(o, "enrol", c->conf->enrol);
    an_json_set_bool(o, "enrolment_open", an_hub_enrolment_open(c->hub));
    an_json_set_int(o, "journal_seq", (int64_t)c->state->last_seq);
    an_json_set(c->answer, "coordinator", o);
}

an_err an_api_status(an_api_call *c, an_note *why)
{
    add_coordinator(c);
    an_err err = an_api_sites(c, why);
    if (err == AN_OK)
        err = an_api_models(c, why);
    an_json *campaigns = an_json_array(), *rounds = an_json_array();
    for (size_t i = 0; i < c->state->campaigns.n; i++)
        if (!an_campaign_is_over(&c->state->campaigns.items[i]))
            an_json_push(campaigns, an_api_campaign_json(c, &c->state->campaigns.items[i]));
    for (size_t i = 0; i < c->state->rounds.n; i++)
        if (!c->state->rounds.items[i].over)
            an_json_push(rounds, an_api_round_json(c, &c->state->rounds.items[i], true));
    an_json_set(c->answer, "campaigns", campaigns);
    an_json_set(c->answer, "rounds", rounds);
    an_json_set(c->answer, "root", an_api_root_json(c));
    an_json_set_int(c->answer, "drifts", (int64_t)c->state->drifts.n);
    return err;
}
