/* What each kind of record does to the state: one function per kind, one row in the table at the
 * end. */
#include <float.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/state.h"
#include "doors/crypto.h"
#include "doors/json.h"

/* ---- reading a body ----
 *
 * A handler reads everything first and changes the state last.  The reader remembers the first
 * failure, so that a handler checks once. */

typedef struct body {
    const an_jval *o;
    an_err err;
    an_note *why;
} body;

static const char *text_of(body *b, const char *key, const char *dflt)
{
    const char *v = dflt ? dflt : "";
    if (b->err == AN_OK)
        b->err = dflt ? an_jval_get_text(b->o, key, dflt, &v, b->why) : an_jval_text(b->o, key, &v, b->why);
    return v;
}

static int64_t int_of(body *b, const char *key, int64_t dflt)
{
    int64_t v = dflt;
    if (b->err == AN_OK)
        b->err = an_jval_get_int(b->o, key, INT64_MIN, INT64_MAX, dflt, &v, b->why);
    return v;
}

/* Any finite number: what a message may hold must be readable, or the journal could not be. */
static double num_of(body *b, const char *key)
{
    double v = 0;
    if (b->err == AN_OK)
        b->err = an_jval_get_num(b->o, key, -DBL_MAX, DBL_MAX, 0, &v, b->why);
    return v;
}

static bool bool_of(body *b, const char *key)
{
    bool v = false;
    if (b->err == AN_OK)
        b->err = an_jval_get_bool(b->o, key, false, &v, b->why);
    return v;
}

static void hex_of(body *b, const char *key, uint8_t *ret, size_t len, bool optional)
{
    const char *text = text_of(b, key, optional ? "" : NULL);
    if (b->err == AN_OK && !(optional && !text[0]) && !an_unhex(ret, len, text))
        b->err = an_fail(AN_ERR_PROTO, b->why, "%s is not %zu bytes in hexadecimal", key, len);
}

static an_hash hash_of(body *b, const char *key, bool optional)
{
    an_hash h = {{0}};
    hex_of(b, key, h.b, sizeof h.b, optional);
    return h;
}

static void name_of(body *b, char ret[static AN_NAME_MAX], const char *text)
{
    if (b->err == AN_OK && !an_name_ok(text))
        b->err = an_fail(AN_ERR_PROTO, b->why, "not a name");
    if (b->err == AN_OK)
        snprintf(ret, AN_NAME_MAX, "%s", text);
}

static void known(body *b, const void *thing, const char *what)
{
    if (b->err == AN_OK && !thing)
        b->err = an_fail(AN_ERR_PROTO, b->why, "no such %s", what);
}

#define APPEND(b, list, item)                                                                                \
    do {                                                                                                     \
        if ((b)->err == AN_OK &&                                                                             \
            !an_grow(&(list)->items, &(list)->cap, (list)->n + 1, sizeof *(list)->items))                    \
            (b)->err = AN_ERR_NOMEM;                                                                         \
        if ((b)->err == AN_OK)                                                                               \
            (list)->items[(list)->n++] = (item);                                                             \
    } while (0)

/* ---- sites ---- */

static void site_token(an_state *st, const an_record *r, body *b)
{
    (void)r;
    an_token_entry t = {.expires_ms = int_of(b, "expires_ms", 0)};
    hex_of(b, "token_id", t.id, sizeof t.id, false);
    hex_of(b, "key", t.key, sizeof t.key, false);
    APPEND(b, &st->tokens, t);
}

static void site_requested(an_state *st, const an_record *r, body *b)
{
    an_site s = {.status = AN_SITE_REQUESTED, .since_ms = r->time_ms};
    name_of(b, s.name, r->subject);
    hex_of(b, "token_id", s.token_id, sizeof s.token_id, false);
    hex_of(b, "link_key", s.link_key, sizeof s.link_key, false);
    hex_of(b, "sign_key", s.sign_key, sizeof s.sign_key, false);
    an_text_set(s.fingerprint, sizeof s.fingerprint, text_of(b, "fingerprint", NULL));
    an_token_entry *token = b->err == AN_OK ? an_state_token(st, s.token_id) : NULL;
    known(b, token, "token");
    an_site *old = b->err == AN_OK ? an_state_site(st, s.name) : NULL;
    if (old)
        *old = s;
    else
        APPEND(b, &st->sites, s);
    if (b->err == AN_OK)
        token->used = true;
}

static void set_status(an_state *st, const an_record *r, body *b, an_site_status status)
{
    an_site *s = an_state_site(st, r->subject);
    known(b, s, "site");
    if (b->err == AN_OK) {
        s->status = status;
        s->since_ms = r->time_ms;
    }
}

static void site_approved(an_state *st, const an_record *r, body *b)
{
    set_status(st, r, b, AN_SITE_APPROVED);
}

static void site_denied(an_state *st, const an_record *r, body *b)
{
    set_status(st, r, b, AN_SITE_DENIED);
}

static void site_revoked(an_state *st, const an_record *r, body *b)
{
    set_status(st, r, b, AN_SITE_REVOKED);
}

/* ---- models and versions ---- */

/* The policy's texts, set over what p holds. */
static void policy_of(body *b, an_policy *p)
{
    const an_jval *map = b->err == AN_OK ? an_jval_get(b->o, "policy") : NULL;
    const size_t most = map ? an_jval_count(map) : 0;
    const char *(*texts)[2] = an_alloc(most + 1, sizeof *texts);
    size_t n = 0;
    if (!texts && b->err == AN_OK)
        b->err = AN_ERR_NOMEM;
    for (const char *key = map ? an_jval_key_first(map) : NULL; key && texts && b->err == AN_OK;
         key = an_jval_key_next(map, key)) {
        texts[n][0] = key;
        b->err = an_jval_text(map, key, &texts[n++][1], b->why);
    }
    if (b->err == AN_OK)
        b->err = an_policy_set_all(p, (const char *const(*)[2])texts, n, b->why);
    an_free(texts);
}

static void model_created(an_state *st, const an_record *r, body *b)
{
    an_model_entry m = {.blank = hash_of(b, "blank", false),
                        .schema = hash_of(b, "schema", false),
                        .layout = hash_of(b, "layout", false)};
    name_of(b, m.name, r->subject);
    if (b->err == AN_OK && an_state_model(st, m.name))
        b->err = an_fail(AN_ERR_EXISTS, b->why, "model %s exists", m.name);
    if (b->err == AN_OK)
        b->err = an_policy_init(&m.policy);
    if (b->err != AN_OK)
        return;
    policy_of(b, &m.policy);
    APPEND(b, &st->models, m);
    if (b->err != AN_OK)
        an_opt_done(an_policy_rows, an_policy_n_rows, &m.policy);
}

static void model_policy(an_state *st, const an_record *r, body *b)
{
    an_model_entry *m = an_state_model(st, r->subject);
    known(b, m, "model");
    if (b->err != AN_OK)
        return;
    an_policy p = m->policy; /* no option of a policy owns memory */
    policy_of(b, &p);
    if (b->err == AN_OK)
        m->policy = p;
}

static void version_registered(an_state *st, const an_record *r, body *b)
{
    an_version v = {
        .hash = hash_of(b, "hash", false),
        .parent = hash_of(b, "parent", true),
        .round = (uint64_t)int_of(b, "round", 0),
        .campaign = (uint64_t)int_of(b, "campaign", 0),
        .size = (uint64_t)int_of(b, "size", 0),
        .created_ms = r->time_ms,
    };
    name_of(b, v.model, r->subject);
    if (b->err == AN_OK && an_state_version(st, &v.hash))
        return; /* a round that changed nothing makes the version that is there */
    APPEND(b, &st->versions, v);
}

static void version_evaluated(an_state *st, const an_record *r, body *b)
{
    (void)r;
    an_hash hash = hash_of(b, "hash", false), evaluation = hash_of(b, "evaluation", false);
    an_version *v = b->err == AN_OK ? an_state_version(st, &hash) : NULL;
    known(b, v, "version");
    if (b->err == AN_OK)
        v->evaluation = evaluation;
}

static void version_quarantined(an_state *st, const an_record *r, body *b)
{
    (void)r;
    an_hash hash = hash_of(b, "hash", false);
    const char *reason = text_of(b, "reason", NULL);
    an_version *v = b->err == AN_OK ? an_state_version(st, &hash) : NULL;
    known(b, v, "version");
    if (b->err == AN_OK) {
        v->quarantined = true;
        an_text_set(v->reason, sizeof v->reason, reason);
    }
}

static void alias_moved(an_state *st, const an_record *r, body *b)
{
    an_model_entry *m = an_state_model(st, r->subject);
    an_hash to = hash_of(b, "to", false);
    const char *name = text_of(b, "alias", NULL);
    uint64_t counter = (uint64_t)int_of(b, "counter", 0);
    known(b, m, "model");
    int alias = AN_ALIAS_CANDIDATE;
    while (b->err == AN_OK && alias <= AN_ALIAS_PRODUCTION &&
           strcmp(an_alias_name((an_alias)alias), name) != 0)
        alias++;
    if (b->err == AN_OK && alias > AN_ALIAS_PRODUCTION)
        b->err = an_fail(AN_ERR_PROTO, b->why, "no alias %s", name);
    if (b->err != AN_OK)
        return;
    m->alias[alias - 1] = to;
    if (counter > m->counter)
        m->counter = counter;
}

/* ---- campaigns and rounds ---- */

static uint64_t id_of(body *b, const char *key)
{
    int64_t id = int_of(b, key, 0);
    if (b->err == AN_OK && id <= 0)
        b->err = an_fail(AN_ERR_PROTO, b->why, "%s is not a number above 0", key);
    return (uint64_t)id;
}

static void use_id(an_state *st, uint64_t id)
{
    if (id >= st->next_id)
        st->next_id = id + 1;
}

/* What sites have reported until now is this campaign's matter. */
static void answer_drifts(an_state *st, const an_campaign *c)
{
    for (size_t i = 0; i < st->drifts.n; i++)
        if (st->drifts.items[i].campaign == 0 && strcmp(st->drifts.items[i].model, c->model) == 0)
            st->drifts.items[i].campaign = c->id;
}

static void campaign_opened(an_state *st, const an_record *r, body *b)
{
    an_campaign c = {.id = id_of(b, "id"),
                     .base = hash_of(b, "base", false),
                     .train_rounds = (uint32_t)int_of(b, "rounds", 1),
                     .opened_ms = r->time_ms};
    c.head = c.base;
    c.state = bool_of(b, "waiting") ? AN_CAMPAIGN_WAITING : AN_CAMPAIGN_RUNNING;
    name_of(b, c.model, r->subject);
    an_text_set(c.trigger, sizeof c.trigger, text_of(b, "trigger", ""));
    if (b->err == AN_OK && !an_campaign_kind_find(text_of(b, "kind", NULL), &c.kind))
        b->err = an_fail(AN_ERR_PROTO, b->why, "no such kind of campaign");
    known(b, an_state_model(st, r->subject), "model");
    APPEND(b, &st->campaigns, c);
    if (b->err != AN_OK)
        return;
    use_id(st, c.id);
    answer_drifts(st, &c);
}

static an_campaign *campaign_of(an_state *st, body *b, const char *key)
{
    uint64_t id = id_of(b, key);
    an_campaign *c = b->err == AN_OK ? an_state_campaign(st, id) : NULL;
    known(b, c, "campaign");
    return c;
}

static void campaign_approved(an_state *st, const an_record *r, body *b)
{
    (void)r;
    an_campaign *c = campaign_of(st, b, "id");
    if (b->err != AN_OK)
        return;
    if (c->state == AN_CAMPAIGN_WAITING)
        c->state = AN_CAMPAIGN_RUNNING;
    else if (c->state == AN_CAMPAIGN_PASSED)
        c->approved_promotion = true;
}

static void campaign_gated(an_state *st, const an_record *r, body *b)
{
    (void)r;
    an_campaign *c = campaign_of(st, b, "id");
    bool passed = bool_of(b, "passed");
    const char *reason = text_of(b, "reason", "");
    if (b->err != AN_OK)
        return;
    if (passed)
        c->state = AN_CAMPAIGN_PASSED;
    an_text_set(c->reason, sizeof c->reason, reason);
}

static void campaign_ended(an_state *st, const an_record *r, body *b)
{
    an_campaign *c = campaign_of(st, b, "id");
    bool promoted = bool_of(b, "promoted");
    const char *reason = text_of(b, "reason", "");
    if (b->err != AN_OK)
        return;
    c->state = promoted ? AN_CAMPAIGN_PROMOTED : AN_CAMPAIGN_STOPPED;
    c->ended_ms = r->time_ms;
    an_text_set(c->reason, sizeof c->reason, reason);
    answer_drifts(st, c); /* reports that came while it ran speak of the same drift */
    an_model_entry *m = an_state_model(st, c->model);
    if (m)
        m->campaign_ms = r->time_ms;
}

static void round_opened(an_state *st, const an_record *r, body *b)
{
    an_round_entry e = {.id = id_of(b, "id"),
                        .campaign = (uint64_t)int_of(b, "campaign", 0),
                        .kind = (an_payload_kind)int_of(b, "kind", 0),
                        .plan = hash_of(b, "plan", false),
                        .optimiser = hash_of(b, "optimiser", true),
                        .server_lr = num_of(b, "server_lr"),
                        .server_momentum = num_of(b, "server_momentum"),
                        .opened_ms = r->time_ms};
    name_of(b, e.model, text_of(b, "model", NULL));
    if (b->err == AN_OK && (e.kind < 1 || e.kind > AN_PAYLOAD_KIND_MAX))
        b->err = an_fail(AN_ERR_PROTO, b->why, "no such kind of round");
    an_campaign *c = b->err == AN_OK && e.campaign ? an_state_campaign(st, e.campaign) : NULL;
    APPEND(b, &st->rounds, e);
    if (b->err != AN_OK)
        return;
    use_id(st, e.id);
    if (c)
        c->open_round = e.id;
}

static void round_event(an_state *st, const an_record *r, body *b)
{
    (void)st, (void)r, (void)b; /* the round machine replays them; see hub.c */
}

static void round_ended(an_state *st, const an_record *r, body *b)
{
    uint64_t id = id_of(b, "id");
    bool committed = bool_of(b, "committed");
    an_hash result = hash_of(b, "result", true), optimiser = hash_of(b, "optimiser", true);
    const char *reason = text_of(b, "reason", "");
    int64_t n = int_of(b, "updates", 0), bytes = int_of(b, "bytes", 0);
    an_round_entry *e = b->err == AN_OK ? an_state_round(st, id) : NULL;
    known(b, e, "round");
    if (b->err != AN_OK)
        return;
    e->over = true;
    e->committed = committed;
    e->result = result;
    e->ended_ms = r->time_ms;
    e->n_updates = (uint32_t)n;
    e->update_bytes = (uint64_t)bytes;
    an_text_set(e->reason, sizeof e->reason, reason);
    an_campaign *c = e->campaign ? an_state_campaign(st, e->campaign) : NULL;
    if (!c || c->open_round != id)
        return;
    c->open_round = 0;
    c->aborted = committed ? 0 : c->aborted + 1;
    if (!committed)
        return;
    c->step++;
    if (e->kind == AN_PAYLOAD_EVALUATE) {
        c->evaluation = result;
    } else {
        c->head = result;
        c->optimiser = optimiser;
    }
}

static void round_pruned(an_state *st, const an_record *r, body *b)
{
    (void)r;
    uint64_t id = id_of(b, "id");
    an_round_entry *e = b->err == AN_OK ? an_state_round(st, id) : NULL;
    known(b, e, "round");
    if (b->err == AN_OK)
        e->pruned = true;
}

/* ---- drift ---- */

static void drift_alert(an_state *st, const an_record *r, body *b)
{
    an_drift_entry d = {.version = hash_of(b, "version", true),
                        .time_ms = r->time_ms,
                        .since_ms = int_of(b, "since_ms", 0),
                        .sign = (int32_t)int_of(b, "sign", 0),
                        .effect = num_of(b, "effect"),
                        .threshold = num_of(b, "threshold")};
    name_of(b, d.site, r->subject);
    name_of(b, d.model, text_of(b, "model", NULL));
    name_of(b, d.line, text_of(b, "line", NULL));
    an_text_set(d.test, sizeof d.test, text_of(b, "test", ""));
    an_text_set(d.subject, sizeof d.subject, text_of(b, "subject", ""));
    APPEND(b, &st->drifts, d);
}

static const struct {
    const char *kind;
    void (*apply)(an_state *st, const an_record *r, body *b);
} handlers[] = {
    {"site.token", site_token},
    {"site.requested", site_requested},
    {"site.approved", site_approved},
    {"site.denied", site_denied},
    {"site.revoked", site_revoked},
    {"model.created", model_created},
    {"model.policy", model_policy},
    {"version.registered", version_registered},
    {"version.evaluated", version_evaluated},
    {"version.quarantined", version_quarantined},
    {"alias.moved", alias_moved},
    {"campaign.opened", campaign_opened},
    {"campaign.approved", campaign_approved},
    {"campaign.gated", campaign_gated},
    {"campaign.ended", campaign_ended},
    {"round.opened", round_opened},
    {"round.event", round_event},
    {"round.ended", round_ended},
    {"round.pruned", round_pruned},
    {"drift.alert", drift_alert},
};

an_err an_state_apply(an_state *st, const an_record *r, an_note *why)
{
    an_json_doc *doc = NULL;
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        if (strcmp(handlers[i].kind, r->kind) != 0)
            continue;
        an_err err = an_json_parse_max(r->body, r->body_len, AN_RECORD_BODY_MAX, r->kind, &doc, why);
        if (err != AN_OK)
            return err;
        body b = {.o = an_json_root(doc), .why = why};
        handlers[i].apply(st, r, &b);
        an_json_doc_free(doc);
        if (b.err != AN_OK)
            return b.err == AN_ERR_INVAL ? AN_ERR_PROTO : b.err;
        break;
    }
    st->last_seq = r->seq;
    return AN_OK;
}
