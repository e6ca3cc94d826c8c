/* What happened: the journal, alarms, and everything at a glance. */
#include <string.h>

#include "base/mem.h"
#include "base/opt.h"
#include "coordinator/api/api_internal.h"
#include "coordinator/journal_text.h"
#include "doors/crypto.h"

#define LIST_MAX AN_API_LIST_MAX

/* ---- the journal ---- */

typedef struct page {
    an_json *list;
    uint64_t last, low;
    size_t n, limit, seen;
    const char *actor; /* NULL: any */
    const an_who *who;
    int64_t since_ms; /* not before */
    bool newest_first;
} page;

/* Actors and times are no index of the store's: a page that is hard to fill ends with what was found so far. */
#define SEEN_MAX AN_API_SEEN_MAX

/* "user/mia" is one, "user/" all people, "site/" all sites. */
static bool is_by(const char *wanted, const char *actor)
{
    const size_t len = strlen(wanted);
    return wanted[len - 1] == '/' ? strncmp(actor, wanted, len) == 0 : strcmp(actor, wanted) == 0;
}

/* LIMIT ends the scan. */
static an_err wanted(page *p, const an_record *r, bool *ret)
{
    const bool early = r->time_ms < p->since_ms;
    if (p->n == p->limit || p->seen++ == SEEN_MAX || (early && p->newest_first))
        return AN_ERR_LIMIT;
    p->last = r->seq > p->last ? r->seq : p->last;
    p->low = r->seq;
    *ret = !early && (!p->actor || is_by(p->actor, r->actor)) && an_api_sees_record(p->who, r);
    return AN_OK;
}

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

an_json *an_api_record_json(const an_record *r)
{
    char line[AN_JOURNAL_LINE_MAX];
    if (an_journal_text(line, r) != AN_OK)
        return NULL;
    an_json *o = an_json_object();
    an_json_set_int(o, "seq", (int64_t)r->seq);
    an_json_set_int(o, "time_ms", r->time_ms);
    an_json_set_text(o, "kind", r->kind);
    an_json_set_text(o, "subject", r->subject);
    an_json_set_text(o, "actor", r->actor);
    an_json_set_text(o, "line", line);
    an_json_set(o, "body", body_json(r));
    an_api_set_hash(o, "chain", &r->chain);
    return o;
}

static an_err add_record(void *ctx, const an_record *r, an_note *why)
{
    (void)why;
    page *p = ctx;
    bool is_wanted = false;
    an_err err = wanted(p, r, &is_wanted);
    if (err != AN_OK || !is_wanted)
        return err;
    an_json_push(p->list, an_api_record_json(r));
    p->n++;
    return AN_OK;
}

an_err an_api_journal(an_api_call *c, an_note *why)
{
    const an_api_request *q = c->req;
    int64_t after, before, wait_ms;
    page p = {
        .actor = q->by[0] ? q->by : NULL, .who = &q->who, .newest_first = strcmp(q->newest, "true") == 0};
    an_store_filter f = {.kind = q->kind[0] ? q->kind : NULL, .subject = q->subject[0] ? q->subject : NULL};
    an_err err;
    if ((err = an_api_number("after", q->after, INT64_MAX, &after, why)) != AN_OK ||
        (err = an_api_number("before", q->before, INT64_MAX, &before, why)) != AN_OK ||
        (err = an_api_number("wait_ms", q->wait_ms, AN_API_WAIT_MAX_MS, &wait_ms, why)) != AN_OK ||
        (err = an_api_number("since", q->since, INT64_MAX, &p.since_ms, why)) != AN_OK ||
        (err = an_api_number("until", q->until, INT64_MAX, &f.until_ms, why)) != AN_OK ||
        (err = an_api_limit(c, 100, LIST_MAX, &p.limit, why)) != AN_OK)
        return err;
    p.last = f.after_seq = (uint64_t)after;
    f.before_seq = (uint64_t)before;
    f.newest_first = p.newest_first;
    p.list = an_json_array();
    err = an_store_scan(an_hub_store(c->hub), &f, add_record, &p, why);
    const bool more = err == AN_ERR_LIMIT;
    err = more ? AN_OK : err;
    if (err == AN_OK && p.n == 0 && c->waited_ms < wait_ms)
        err = AN_ERR_AGAIN;
    if (err != AN_OK) {
        an_json_free(p.list);
        return err;
    }
    an_json_set(c->answer, "records", p.list);
    an_json_set_int(c->answer, "last", (int64_t)p.last);
    if (more && p.low > 0)
        an_json_set_int(c->answer, "next", (int64_t)p.low);
    return AN_OK;
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
    an_json_set_text(o, "version", AN_VERSION);
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
    c->whole = true;
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
    an_api_set_open_rollouts(c);
    an_json_set(c->answer, "root", an_api_root_json(c));
    int64_t drifts = 0;
    for (size_t i = 0; i < c->state->drifts.n; i++)
        drifts += an_api_sees(c, c->state->drifts.items[i].site);
    an_json_set_int(c->answer, "drifts", drifts);
    return err;
}
