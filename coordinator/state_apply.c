/* What each kind of record does to the state: one function per kind, one row in the table. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/round.h"
#include "coordinator/state_internal.h"
#include "doors/crypto.h"

/* ---- models and versions ---- */

/* The policy's texts, set over what p holds. */
static void policy_of(an_body *b, an_policy *p)
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

static void model_created(an_state *st, const an_record *r, an_body *b)
{
    an_model_entry m = {.blank = an_body_hash(b, "blank", false),
                        .schema = an_body_hash(b, "schema", false),
                        .layout = an_body_hash(b, "layout", true)};
    an_body_name(b, m.name, r->subject);
    if (b->err == AN_OK && an_state_model(st, m.name))
        b->err = an_fail(AN_ERR_EXISTS, b->why, "model %s exists", m.name);
    if (b->err == AN_OK)
        b->err = an_policy_init(&m.policy);
    if (b->err != AN_OK)
        return;
    policy_of(b, &m.policy);
    AN_BODY_APPEND(b, &st->models, m);
    if (!an_body_ready(b))
        an_opt_done(an_policy_rows, an_policy_n_rows, &m.policy);
}

static void model_policy(an_state *st, const an_record *r, an_body *b)
{
    an_model_entry *m = an_state_model(st, r->subject);
    an_body_known(b, m, "model");
    if (b->err != AN_OK)
        return;
    an_policy p = m->policy; /* no option of a policy owns memory */
    policy_of(b, &p);
    if (an_body_ready(b))
        m->policy = p;
}

static void version_registered(an_state *st, const an_record *r, an_body *b)
{
    an_version v = {
        .hash = an_body_hash(b, "hash", false),
        .parent = an_body_hash(b, "parent", true),
        .round = (uint64_t)an_body_int(b, "round", 0),
        .campaign = (uint64_t)an_body_int(b, "campaign", 0),
        .size = (uint64_t)an_body_int(b, "size", 0),
        .created_ms = r->time_ms,
    };
    an_body_name(b, v.model, r->subject);
    an_version *old = b->err == AN_OK ? an_state_version(st, &v.hash) : NULL;
    if (old && an_body_ready(b))
        old->pruned = false; /* it has its bundle again */
    if (old)
        return; /* a round that changed nothing makes the version that is there */
    AN_BODY_APPEND(b, &st->versions, v);
}

static an_version *version_of(an_state *st, an_body *b)
{
    an_hash hash = an_body_hash(b, "hash", false);
    an_version *v = b->err == AN_OK ? an_state_version(st, &hash) : NULL;
    an_body_known(b, v, "version");
    return v;
}

static void version_evaluated(an_state *st, const an_record *r, an_body *b)
{
    (void)r;
    an_hash evaluation = an_body_hash(b, "evaluation", false);
    an_version *v = version_of(st, b);
    if (an_body_ready(b))
        v->evaluation = evaluation;
}

static void version_shadowed(an_state *st, const an_record *r, an_body *b)
{
    (void)r;
    an_hash shadow = an_body_hash(b, "shadow", false);
    an_version *v = version_of(st, b);
    if (an_body_ready(b))
        v->shadow = shadow;
}

static void version_quarantined(an_state *st, const an_record *r, an_body *b)
{
    (void)r;
    const char *reason = an_body_text(b, "reason", NULL);
    an_version *v = version_of(st, b);
    if (an_body_ready(b)) {
        v->quarantined = true;
        an_text_set(v->reason, sizeof v->reason, reason);
    }
}

static void alias_moved(an_state *st, const an_record *r, an_body *b)
{
    an_model_entry *m = an_state_model(st, r->subject);
    an_hash to = an_body_hash(b, "to", false);
    const char *name = an_body_text(b, "alias", NULL);
    uint64_t counter = (uint64_t)an_body_int(b, "counter", 0);
    const bool rollout = an_body_int(b, "rollout", 0) > 0;
    an_body_known(b, m, "model");
    int alias = AN_ALIAS_CANDIDATE;
    while (b->err == AN_OK && alias <= AN_ALIAS_PRODUCTION &&
           strcmp(an_alias_name((an_alias)alias), name) != 0)
        alias++;
    if (b->err == AN_OK && alias > AN_ALIAS_PRODUCTION)
        b->err = an_fail(AN_ERR_PROTO, b->why, "no alias %s", name);
    if (!an_body_ready(b))
        return;
    m->alias[alias - 1] = to;
    if (counter > m->counter)
        m->counter = counter;
    if (alias != AN_ALIAS_PRODUCTION)
        return;
    an_state_waits_lapse(st, m);
    if (rollout)
        an_state_release_moved(st, m);
    else if (!an_hash_equal(&m->release.version, &to)) /* back without a statement: see hub_rollouts.c */
        m->release = (an_statement){.counter = m->release.counter};
}

/* ---- campaigns and rounds ---- */

void an_state_use_id(an_state *st, uint64_t id)
{
    if (id >= st->next_id)
        st->next_id = id + 1;
}

static void campaign_opened(an_state *st, const an_record *r, an_body *b)
{
    an_campaign c = {.id = an_body_id(b, "id"),
                     .base = an_body_hash(b, "base", false),
                     .train_rounds = (uint32_t)an_body_int(b, "rounds", 1),
                     .fits = an_body_bool(b, "fits"),
                     .opened_ms = r->time_ms};
    c.fits = c.fits && c.train_rounds > 0;
    c.head = c.base;
    c.state = an_body_bool(b, "waiting") ? AN_CAMPAIGN_WAITING : AN_CAMPAIGN_RUNNING;
    an_body_name(b, c.model, r->subject);
    an_text_set(c.trigger, sizeof c.trigger, an_body_text(b, "trigger", ""));
    an_text_set(c.cause, sizeof c.cause, an_body_text(b, "cause", ""));
    an_text_set(c.scope, sizeof c.scope, an_body_text(b, "scope", ""));
    an_text_set(c.plan, sizeof c.plan, an_body_text(b, "plan", ""));
    if (b->err == AN_OK && !an_campaign_kind_find(an_body_text(b, "kind", NULL), &c.kind))
        b->err = an_fail(AN_ERR_PROTO, b->why, "no such kind of campaign");
    an_body_known(b, an_state_model(st, r->subject), "model");
    c.running_ms = c.state == AN_CAMPAIGN_RUNNING ? r->time_ms : 0;
    an_campaign_lines lines;
    an_body_campaign_lines(st, b, &c, &lines);
    if (c.kind == AN_CAMPAIGN_OVERLAY)
        c.refits = c.refits_open = (uint32_t)lines.n;
    AN_BODY_APPEND(b, &st->campaigns, c);
    if (!an_body_ready(b))
        return;
    for (size_t i = 0; i < lines.n; i++)
        st->campaign_lines.items[st->campaign_lines.n++] = lines.items[i];
    an_state_use_id(st, c.id);
    an_state_drifts_answer(st, &c);
    an_state_counts_answered(st, &c);
}

static an_campaign *campaign_of(an_state *st, an_body *b)
{
    uint64_t id = an_body_id(b, "id");
    an_campaign *c = b->err == AN_OK ? an_state_campaign(st, id) : NULL;
    an_body_known(b, c, "campaign");
    return c;
}

static void campaign_approved(an_state *st, const an_record *r, an_body *b)
{
    an_campaign *c = campaign_of(st, b);
    if (!an_body_ready(b))
        return;
    if (c->state == AN_CAMPAIGN_WAITING)
        c->running_ms = r->time_ms;
    if (c->state == AN_CAMPAIGN_WAITING)
        c->state = AN_CAMPAIGN_RUNNING;
    else if (c->state == AN_CAMPAIGN_PASSED)
        c->approved_promotion = true;
}

static void campaign_gated(an_state *st, const an_record *r, an_body *b)
{
    (void)r;
    an_campaign *c = campaign_of(st, b);
    bool passed = an_body_bool(b, "passed");
    const char *reason = an_body_text(b, "reason", "");
    if (!an_body_ready(b))
        return;
    if (passed)
        c->state = AN_CAMPAIGN_PASSED;
    an_text_set(c->reason, sizeof c->reason, reason);
}

static void campaign_ended(an_state *st, const an_record *r, an_body *b)
{
    an_campaign *c = campaign_of(st, b);
    bool promoted = an_body_bool(b, "promoted");
    const bool adapted = an_body_int(b, "adapted", 0) > 0;
    const char *reason = an_body_text(b, "reason", "");
    if (!an_body_ready(b))
        return;
    c->state = promoted ? AN_CAMPAIGN_PROMOTED : adapted ? AN_CAMPAIGN_ADAPTED : AN_CAMPAIGN_STOPPED;
    c->ended_ms = r->time_ms;
    an_text_set(c->reason, sizeof c->reason, reason);
    an_state_owed_drop(st, c);
    an_state_drifts_repeat(st, c);
    an_state_waits_end(st, c->id);
    an_model_entry *m = an_state_model(st, c->model);
    if (m)
        m->campaign_ms = r->time_ms;
    if (m && c->kind != AN_CAMPAIGN_OVERLAY)
        m->trained_ms = r->time_ms;
}

static void round_opened(an_state *st, const an_record *r, an_body *b)
{
    an_round_entry e = {.id = an_body_id(b, "id"),
                        .campaign = (uint64_t)an_body_int(b, "campaign", 0),
                        .kind = (an_payload_kind)an_body_int(b, "kind", 0),
                        .plan = an_body_hash(b, "plan", false),
                        .base = an_body_hash(b, "base", true),
                        .optimiser = an_body_hash(b, "optimiser", true),
                        .rule = an_rule_find(an_body_text(b, "rule", "mean")),
                        .rule_opts = {.hostile = an_body_num(b, "rule_hostile"),
                                      .norm_bound = an_body_num(b, "rule_norm"),
                                      .mixing = an_body_bool(b, "rule_mixing")},
                        .server = an_server_optimiser_find(an_body_text(b, "server_optimiser", "fedavg")),
                        .server_args = {.lr = an_body_num(b, "server_lr"),
                                        .momentum = an_body_num(b, "server_momentum"),
                                        .beta1 = an_body_num(b, "server_beta_m"),
                                        .beta2 = an_body_num(b, "server_beta_v"),
                                        .tau = an_body_num(b, "server_tau")},
                        .untrained = an_body_bool(b, "untrained"),
                        .beside = an_body_bool(b, "beside"),
                        .staleness_max = (uint32_t)an_body_int(b, "staleness_max", 0),
                        .opened_ms = r->time_ms};
    an_body_privacy(b, &e.privacy);
    an_body_name(b, e.model, an_body_text(b, "model", NULL));
    if (b->err == AN_OK && (e.kind < 1 || e.kind > AN_PAYLOAD_KIND_MAX))
        b->err = an_fail(AN_ERR_PROTO, b->why, "no such kind of round");
    an_body_known(b, e.rule, "rule");
    an_body_known(b, e.server, "server optimiser");
    if (e.server_args.tau == 0)
        e.server_args.tau = 1e-3; /* of a record from before there was one; not read then */
    an_campaign *c = b->err == AN_OK && e.campaign ? an_state_campaign(st, e.campaign) : NULL;
    AN_BODY_APPEND(b, &st->rounds, e);
    if (!an_body_ready(b))
        return;
    an_state_use_id(st, e.id);
    if (c)
        c->open_round = e.id;
}

static void round_event(an_state *st, const an_record *r, an_body *b)
{
    an_round_event e; /* the round machine replays them; see hub_rounds.c */
    if (b->check)
        b->err = an_round_event_decode(r->body, r->body_len, &e, b->why);
    an_state_owed_settle(st, r, b);
}

static an_round_entry *round_of(an_state *st, an_body *b)
{
    uint64_t id = an_body_id(b, "id");
    an_round_entry *e = b->err == AN_OK ? an_state_round(st, id) : NULL;
    an_body_known(b, e, "round");
    return e;
}

/* The cost was checked as the round's first record was read. */
static void spend(an_state *st, an_round_entry *e)
{
    an_model_entry *m = an_state_model(st, e->model);
    an_round_privacy *p = &e->privacy;
    if (m && an_spent_add(&m->spent, e->kind, &p->cost, NULL) == AN_OK && p->cost.unit != AN_DP_NONE)
        p->epsilon = an_privacy_epsilon(an_spent_account(&m->spent, p->cost.unit), p->delta);
}

/* An answer to drift ends its training where another round would hardly lower the sites' loss. */
static void note_loss(an_state *st, an_campaign *c, double loss)
{
    const an_model_entry *m = an_state_model(st, c->model);
    const bool slow =
        m && m->policy.drift_gain > 0 && c->loss > 0 && loss > (1 - m->policy.drift_gain) * c->loss;
    if (c->kind == AN_CAMPAIGN_INCREMENTAL && slow && c->step + c->fits < c->train_rounds)
        c->train_rounds = c->step + c->fits;
    c->loss = loss;
}

/* Rounds whose sites are not ready yet have a patience of their own. */
static void note_abort(an_campaign *c, const char *awaited, int64_t now_ms)
{
    if (!awaited[0]) {
        c->aborted++;
        return;
    }
    if (c->early++ == 0)
        c->awaited_ms = now_ms;
    c->early_ms = now_ms;
    an_text_set(c->awaited, sizeof c->awaited, awaited);
}

static void round_ended(an_state *st, const an_record *r, an_body *b)
{
    bool committed = an_body_bool(b, "committed");
    an_hash result = an_body_hash(b, "result", true), optimiser = an_body_hash(b, "optimiser", true);
    const char *reason = an_body_text(b, "reason", ""), *awaited = an_body_text(b, "awaited", "");
    int64_t n = an_body_int(b, "updates", 0), bytes = an_body_int(b, "bytes", 0);
    const bool released = an_body_int(b, "released", n) > 0;
    const double loss = an_body_num(b, "loss");
    an_round_entry *e = round_of(st, b);
    an_state_owe(st, b, e);
    if (!an_body_ready(b))
        return;
    e->over = true;
    e->committed = committed;
    e->result = result;
    e->ended_ms = r->time_ms;
    e->n_updates = (uint32_t)n;
    e->update_bytes = (uint64_t)bytes;
    an_text_set(e->reason, sizeof e->reason, reason);
    if (released)
        spend(st, e);
    an_campaign *c = e->campaign ? an_state_campaign(st, e->campaign) : NULL;
    if (!c || c->open_round != e->id)
        return;
    c->open_round = 0;
    if (!committed) {
        note_abort(c, awaited, r->time_ms);
        return;
    }
    c->aborted = c->early = 0;
    c->awaited[0] = '\0';
    c->step++;
    if (e->kind == AN_PAYLOAD_EVALUATE) {
        c->evaluation = result;
        c->first = e->untrained;
        c->beside = e->beside;
    } else if (e->kind == AN_PAYLOAD_SHADOW) {
        c->shadow = result;
    } else {
        c->head = result;
        if (an_campaign_n_trained(c) == 0) /* statistics; training comes after them */
            c->untrained = result;
        c->optimiser = optimiser;
        c->server = e->server;
        if (e->kind == AN_PAYLOAD_TRAIN)
            note_loss(st, c, loss);
    }
}

static void round_pruned(an_state *st, const an_record *r, an_body *b)
{
    (void)r;
    an_round_entry *e = round_of(st, b);
    if (an_body_ready(b))
        e->pruned = true;
}

static const struct {
    const char *kind;
    void (*apply)(an_state *st, const an_record *r, an_body *b);
} handlers[] = {
    {"site.token", an_state_site_token},
    {"site.requested", an_state_site_requested},
    {"site.approved", an_state_site_approved},
    {"site.denied", an_state_site_denied},
    {"site.revoked", an_state_site_revoked},
    {"site.party", an_state_site_party},
    {"site.keys", an_state_site_keys},
    {"site.rotated", an_state_site_rotated},
    {"roster.signed", an_state_roster_signed},
    {"site.live", an_state_site_live},
    {"site.counts", an_state_site_counts},
    {"model.created", model_created},
    {"model.policy", model_policy},
    {"version.registered", version_registered},
    {"version.evaluated", version_evaluated},
    {"version.shadowed", version_shadowed},
    {"version.quarantined", version_quarantined},
    {"version.pruned", an_state_version_pruned},
    {"alias.moved", alias_moved},
    {"release.wanted", an_state_release_wanted},
    {"release.dropped", an_state_release_dropped},
    {"release.signed", an_state_release_signed},
    {"delegation.signed", an_state_delegation_signed},
    {"delegation.revoked", an_state_delegation_revoked},
    {"root.set", an_state_root_set},
    {"root.rotated", an_state_root_rotated},
    {"campaign.opened", campaign_opened},
    {"campaign.approved", campaign_approved},
    {"campaign.gated", campaign_gated},
    {"campaign.ended", campaign_ended},
    {"refit.reported", an_state_refit_reported},
    {"round.opened", round_opened},
    {"round.event", round_event},
    {"round.ended", round_ended},
    {"round.pruned", round_pruned},
    {"alarm.summary", an_state_alarm_summary},
    {"drift.alert", an_state_drift_alert},
    {"rollout.opened", an_state_rollout_opened},
    {"rollout.event", an_state_rollout_event},
    {"rollout.ended", an_state_rollout_ended},
    {"clock.set", an_state_clock_set},
    {"clock.resumed", an_state_clock_set},
    {"group.set", an_state_group_set},
    {"site.report", an_state_site_report},
    {"proposal.made", an_state_proposal_made},
    {"proposal.ended", an_state_proposal_ended},
    {"user.set", an_state_user_set},
    {"user.password", an_state_user_password},
    {"user.token", an_state_user_token},
    {"user.token_revoked", an_state_user_token_revoked},
    {"user.removed", an_state_user_removed},
};

static an_err read_record(an_state *st, const an_record *r, an_body *b)
{
    an_json_doc *doc = NULL;
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        if (strcmp(handlers[i].kind, r->kind) != 0)
            continue;
        an_err err = an_json_parse_max(r->body, r->body_len, AN_RECORD_BODY_MAX, r->kind, &doc, b->why);
        if (err != AN_OK)
            return err;
        b->o = an_json_root(doc);
        handlers[i].apply(st, r, b);
        an_json_doc_free(doc);
        break;
    }
    if (b->err == AN_OK)
        an_state_registry_note(st, r, b);
    an_state_sent_note(st, r, b);
    return b->err == AN_ERR_INVAL ? AN_ERR_PROTO : b->err;
}

an_err an_state_apply(an_state *st, const an_record *r, an_note *why)
{
    an_body b = {.why = why};
    an_err err = read_record(st, r, &b);
    if (err != AN_OK)
        return err;
    st->last_seq = r->seq;
    const an_record_kind *kind = an_record_kind_find(r->kind);
    if (kind)
        st->n_kinds[kind - an_record_kind_at(0)]++;
    /* Who has started is at work from its next record on; what a set clock leads to is in the record. */
    if (strcmp(r->kind, "coordinator.started") != 0 && strcmp(r->kind, "clock.set") != 0)
        st->last_ms = r->time_ms;
    return AN_OK;
}

an_err an_state_check(an_state *st, const an_record *r, size_t ahead, an_note *why)
{
    an_body b = {.why = why, .check = true, .ahead = ahead};
    return read_record(st, r, &b);
}
