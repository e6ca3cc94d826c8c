/* Rollouts: opening them, stepping them, and doing what they ask for.  What sites report of themselves comes from
 * hub_rollout_sites.c. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/hub_internal.h"
#include "coordinator/rollout_record.h"
#include "doors/crypto.h"

bool an_hub_rollout_holds_production(an_hub *hub, const an_model_entry *m)
{
    const an_rollout *r = an_state_rollout_open(&hub->state, m->name);
    return r && !an_rollout_is_over(r) && !an_hash_equal(&r->version, &m->alias[AN_ALIAS_PRODUCTION - 1]);
}

bool an_hub_rollout_in_the_way(an_hub *hub, const an_model_entry *m)
{
    const an_rollout *r = an_state_rollout_open(&hub->state, m->name);
    return r && (an_hub_rollout_holds_production(hub, m) ||
                 an_rollout_allows(r, AN_ROLLOUT_EVENT_FOLLOWED, NULL) != AN_OK);
}

/* ---- steps ---- */

static void follow_step(an_hub *hub, const an_rollout *before, uint64_t id)
{
    const an_rollout *r = an_state_rollout(&hub->state, id);
    if (r->state != before->state || r->wait != before->wait || r->stage != before->stage)
        an_log(r->state == AN_ROLLOUT_PAUSED || r->state == AN_ROLLOUT_ROLLED_BACK ? AN_LOG_WARN
                                                                                   : AN_LOG_INFO,
               "rollout", "rollout=%llu model=%s state=%s waits_for=%s stage=\"%u of %u\" reason=\"%s\"",
               (unsigned long long)id, r->model, an_rollout_state_name(r->state),
               an_rollout_wait_name(r->wait), r->stage + 1, r->n_stages, r->reason);
    if (r->state != AN_ROLLOUT_RUNNING)
        return;
    if (before->stage != r->stage || before->state != AN_ROLLOUT_RUNNING || before->counter != r->counter) {
        hub->synced_ms = 0; /* who runs it already is seen at once */
        an_hub_announce_reached(hub, r);
    }
}

an_err an_hub_rollout_feed(an_hub *hub, const char *actor, uint64_t id, const an_rollout_event *e,
                           bool *ret_changed, an_note *why)
{
    an_rollout before, next;
    const an_rollout *r = an_state_rollout(&hub->state, id);
    an_record_batch b = {.n = 0};
    bool changed = false;
    an_err err = an_rollout_copy(&next, r);
    if (err != AN_OK)
        return err;
    before = *r; /* its sites are not looked at */
    if (e->type == AN_ROLLOUT_EVENT_JOINS)
        err = an_rollout_reserve(&next);
    changed = err == AN_OK && an_rollout_step(&next, e);
    if (changed) {
        an_json *o = an_rollout_event_body(id, e);
        if (next.state != before.state) {
            an_json_set_text(o, "before", an_rollout_state_name(before.state));
            an_json_set_text(o, "state", an_rollout_state_name(next.state));
        }
        an_batch_add(&b, "rollout.event", before.model, actor, NULL, o);
        if ((err = an_hub_commit(hub, &b, why)) == AN_OK)
            follow_step(hub, &before, id);
    }
    an_rollout_done(&next);
    if (ret_changed)
        *ret_changed = changed && err == AN_OK;
    return err;
}

an_err an_hub_rollout_do(an_hub *hub, const char *actor, uint64_t id, an_rollout_event_type verb,
                         const char *reason, an_note *why)
{
    an_rollout_event e = {.type = verb, .now_ms = an_hub_now(hub)};
    const an_rollout *r = an_state_rollout(&hub->state, id);
    if (!r)
        return an_fail(AN_ERR_NOTFOUND, why, "no rollout %llu", (unsigned long long)id);
    an_err err = an_rollout_allows(r, verb, why);
    if (err != AN_OK)
        return err;
    if (reason[0])
        snprintf(e.reason, sizeof e.reason, "%.200s (%.40s)", reason, actor);
    else
        snprintf(e.reason, sizeof e.reason, "%s by %.100s",
                 verb == AN_ROLLOUT_EVENT_ABORT     ? "aborted"
                 : verb == AN_ROLLOUT_EVENT_PAUSE   ? "paused"
                 : verb == AN_ROLLOUT_EVENT_APPROVE ? "approved"
                 : verb == AN_ROLLOUT_EVENT_RESUME  ? "resumed"
                                                    : "tried again",
                 actor);
    err = an_hub_rollout_feed(hub, actor, id, &e, NULL, why);
    an_hub_drive(hub);
    return err;
}

/* ---- what a rollout asks for ---- */

static void add_campaign_end(an_hub *hub, an_record_batch *b, const an_rollout *r, bool promoted)
{
    const an_campaign *c = r->campaign ? an_state_campaign(&hub->state, r->campaign) : NULL;
    char reason[AN_REASON_MAX];
    if (!c || an_campaign_is_over(c))
        return;
    if (!promoted || r->state == AN_ROLLOUT_DONE)
        snprintf(reason, sizeof reason, "rollout %llu: %.200s", (unsigned long long)r->id, r->reason);
    else
        snprintf(reason, sizeof reason, "%s", c->reason);
    an_json *o = an_json_object();
    an_json_set_int(o, "id", (int64_t)c->id);
    an_json_set_bool(o, "promoted", promoted);
    an_json_set_text(o, "reason", reason);
    an_json_set_hash(o, "version", &c->head);
    an_json_set_text(o, "before", an_campaign_state_name(c->state));
    an_log(AN_LOG_INFO, "campaign_ended", "campaign=%llu model=%s promoted=%s reason=\"%s\"",
           (unsigned long long)c->id, c->model, promoted ? "yes" : "no", reason);
    an_batch_add(b, "campaign.ended", c->model, "coordinator", NULL, o);
}

static void add_moved(an_record_batch *b, const an_model_entry *m, const an_hash *to, uint64_t rollout,
                      const char *reason)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "alias", an_alias_name(AN_ALIAS_PRODUCTION));
    an_json_set_hash(o, "from", &m->alias[AN_ALIAS_PRODUCTION - 1]);
    an_json_set_hash(o, "to", to);
    an_json_set_int(o, "counter", (int64_t)m->counter);
    an_json_set_text(o, "reason", reason);
    if (rollout)
        an_json_set_int(o, "rollout", (int64_t)rollout);
    an_batch_add(b, "alias.moved", m->name, "coordinator", NULL, o);
}

/* All sites are to run it: with its last stage, or with the only one. */
static an_err promote(an_hub *hub, const an_rollout *r, bool *ret_done, an_note *why)
{
    char reason[AN_REASON_MAX], model[AN_NAME_MAX];
    const an_model_entry *m = an_state_model(&hub->state, r->model);
    an_record_batch b = {.n = 0};
    if (m->canary.s.len == 0)
        return AN_OK;
    snprintf(model, sizeof model, "%s", m->name);
    snprintf(reason, sizeof reason, "rollout %llu%s%.200s", (unsigned long long)r->id,
             r->reason[0] ? ": " : "", r->reason);
    add_moved(&b, m, &r->version, r->id, reason);
    if (!an_rollout_is_over(r))
        add_campaign_end(hub, &b, r, true);
    an_err err = an_hub_commit(hub, &b, why);
    if (err != AN_OK)
        return err;
    *ret_done = true;
    an_log(AN_LOG_INFO, "promoted", "model=%s reason=\"%s\"", model, reason);
    return an_hub_announce(hub, model, NULL);
}

static an_err quarantine(an_hub *hub, const an_rollout *r, an_note *why)
{
    char reason[AN_REASON_MAX];
    const an_version *v = an_state_version(&hub->state, &r->version);
    an_record_batch b = {.n = 0};
    if (r->state != AN_ROLLOUT_ROLLED_BACK || !v || v->quarantined)
        return AN_OK;
    snprintf(reason, sizeof reason, "rollout %llu: %.200s", (unsigned long long)r->id, r->reason);
    an_json *o = an_json_object();
    an_json_set_hash(o, "hash", &r->version);
    an_json_set_text(o, "reason", reason);
    an_log(AN_LOG_WARN, "version_quarantined", "model=%s reason=\"%s\"", r->model, reason);
    an_batch_add(&b, "version.quarantined", r->model, "coordinator", NULL, o);
    return an_hub_commit(hub, &b, why);
}

/* A statement that names the older version, newer than the rollout's; where nobody here can sign one, sites are
 * asked to go back by themselves (see hub_announce.c), and the release root for its signature. */
static an_err give_back(an_hub *hub, uint64_t id, an_note *why)
{
    char reason[AN_REASON_MAX];
    const an_rollout *r = an_state_rollout(&hub->state, id);
    const an_model_entry *m = an_state_model(&hub->state, r->model);
    const an_version *v = an_hash_is_zero(&r->from) ? NULL : an_state_version(&hub->state, &r->from);
    const an_hash from = r->from;
    an_record_batch b = {.n = 0};
    if (!v || v->quarantined) {
        an_log(AN_LOG_WARN, "nothing_to_go_back_to", "rollout=%llu model=%s", (unsigned long long)id,
               r->model);
        return AN_OK;
    }
    if (m->release.counter > r->counter && an_hash_equal(&m->release.version, &from))
        return AN_OK;
    snprintf(reason, sizeof reason, "rollout %llu is taken back: %.180s", (unsigned long long)id, r->reason);
    an_err err = an_hub_release(hub, "coordinator", r->model, &from, reason, 0, why);
    r = an_state_rollout(&hub->state, id);
    m = an_state_model(&hub->state, r->model);
    if (err != AN_OK)
        return err;
    if (!an_hash_equal(&m->alias[AN_ALIAS_PRODUCTION - 1], &from)) {
        add_moved(&b, m, &from, 0, reason);
        err = an_hub_commit(hub, &b, why);
    }
    return err == AN_OK ? an_hub_announce(hub, an_state_rollout(&hub->state, id)->model, NULL) : err;
}

static an_err settle(an_hub *hub, const an_rollout *r, an_note *why)
{
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    add_campaign_end(hub, &b, r, r->state == AN_ROLLOUT_DONE);
    an_json_set_int(o, "id", (int64_t)r->id);
    an_json_set_text(o, "state", an_rollout_state_name(r->state));
    an_json_set_text(o, "reason", r->reason);
    an_json_set_hash(o, "version", &r->version);
    an_batch_add(&b, "rollout.ended", r->model, "coordinator", NULL, o);
    return an_hub_commit(hub, &b, why);
}

static an_err ask_for_signature(an_hub *hub, const an_rollout *r, bool *ret_done, an_note *why)
{
    char reason[AN_REASON_MAX], actor[AN_NAME_MAX + 8];
    const uint64_t id = r->id;
    if (an_state_wait_of_rollout(&hub->state, id))
        return AN_OK; /* until it is signed, or a delegation comes: hub_releases.c */
    snprintf(actor, sizeof actor, "%s", r->actor);
    const an_campaign *c = r->campaign ? an_state_campaign(&hub->state, r->campaign) : NULL;
    snprintf(reason, sizeof reason, c ? "campaign %llu: %.200s" : "rollout %llu%.0s",
             (unsigned long long)(c ? c->id : id), c ? c->reason : "");
    an_err err = an_hub_release(hub, actor, r->model, &r->version, reason, id, why);
    if (err == AN_ERR_STATE || err == AN_ERR_NOTFOUND) { /* quarantined since */
        an_rollout_event e = {.type = AN_ROLLOUT_EVENT_ABORT, .now_ms = an_hub_now(hub)};
        an_text_set(e.reason, sizeof e.reason, why->text);
        err = an_hub_rollout_feed(hub, "coordinator", id, &e, NULL, why);
    }
    *ret_done = err == AN_OK;
    return err;
}

/* ---- driving ---- */

static bool statement_lapsed(an_hub *hub, const an_rollout *r)
{
    const an_model_entry *m = an_state_model(&hub->state, r->model);
    return r->signed_ && !an_rollout_is_over(r) && m->canary.s.len > 0 &&
           !an_hub_statement_holds(hub, &m->canary);
}

/* Newer than what it went by before. */
static bool statement_came(an_hub *hub, const an_rollout *r, uint64_t *ret_counter)
{
    const an_statement *s = &an_state_model(&hub->state, r->model)->canary;
    *ret_counter = s->counter;
    return !r->signed_ && !an_rollout_is_over(r) && s->counter > r->counter &&
           an_hash_equal(&s->version, &r->version) && an_hub_statement_holds(hub, s);
}

static an_err do_owed(an_hub *hub, uint64_t id, bool *ret_done, an_note *why)
{
    const unsigned owed = an_rollout_owed(an_state_rollout(&hub->state, id));
    an_err err = AN_OK;
    if (owed & AN_ROLLOUT_SIGN)
        err = ask_for_signature(hub, an_state_rollout(&hub->state, id), ret_done, why);
    if (err == AN_OK && (owed & AN_ROLLOUT_PROMOTE))
        err = promote(hub, an_state_rollout(&hub->state, id), ret_done, why);
    if (err == AN_OK && (owed & AN_ROLLOUT_SETTLE))
        err = quarantine(hub, an_state_rollout(&hub->state, id), why);
    if (err == AN_OK && (owed & AN_ROLLOUT_RETURN))
        err = give_back(hub, id, why);
    if (err == AN_OK && (owed & AN_ROLLOUT_SETTLE)) {
        err = settle(hub, an_state_rollout(&hub->state, id), why);
        *ret_done = true;
    }
    return err;
}

static an_err step_now(an_hub *hub, uint64_t id, bool *ret_changed, an_note *why)
{
    bool changed = false, done = false;
    const int64_t now = an_hub_now(hub);
    const an_rollout *r = an_state_rollout(&hub->state, id);
    an_rollout_event e = {.type = AN_ROLLOUT_EVENT_TIME, .now_ms = now};
    const bool fresh = r->state == AN_ROLLOUT_WAITING && r->wait == AN_ROLLOUT_FOR_NOTHING;
    an_err err = AN_OK;
    if (statement_lapsed(hub, r)) {
        e.type = AN_ROLLOUT_EVENT_UNSIGNED;
    } else if (statement_came(hub, r, &e.counter)) {
        e.type = AN_ROLLOUT_EVENT_SIGNED;
    }
    if (fresh || e.type != AN_ROLLOUT_EVENT_TIME || an_rollout_deadline(r, now) <= now)
        err = an_hub_rollout_feed(hub, "coordinator", id, &e, &changed, why);
    if (err == AN_OK)
        err = do_owed(hub, id, &done, why);
    *ret_changed = changed || done;
    return err;
}

static bool drive_one(an_hub *hub, uint64_t id)
{
    an_note why = {{0}};
    bool changed = false;
    an_err err = step_now(hub, id, &changed, &why);
    if (err != AN_OK)
        an_log(AN_LOG_ERROR, "rollout_stuck", "rollout=%llu err=%s why=\"%s\"", (unsigned long long)id,
               an_err_name(err), why.text); /* tried again at the next tick */
    return err == AN_OK && changed;
}

bool an_hub_rollouts_drive(an_hub *hub)
{
    bool more = an_hub_rollouts_sync(hub);
    for (size_t i = 0; i < hub->state.rollouts.n; i++)
        if (!hub->state.rollouts.items[i].settled)
            more = drive_one(hub, hub->state.rollouts.items[i].id) || more;
    return more;
}

/* ---- opening ---- */

static bool in_group(void *ctx, const char *group, const char *site)
{
    an_hub *hub = ctx;
    return an_state_in_group(an_state_group(&hub->state, group), site);
}

/* One that has gone to all sites at once makes room for the next; another one must end first. */
static an_err make_room(an_hub *hub, const char *model, an_note *why)
{
    const an_rollout *open = an_state_rollout_open(&hub->state, model);
    an_rollout_event e = {.type = AN_ROLLOUT_EVENT_FOLLOWED,
                          .now_ms = an_hub_now(hub),
                          .reason = "another version followed before its watch was over"};
    bool done;
    an_err err = AN_OK;
    if (open && an_rollout_allows(open, AN_ROLLOUT_EVENT_FOLLOWED, NULL) == AN_OK) {
        const uint64_t id = open->id;
        if ((err = an_hub_rollout_feed(hub, "coordinator", id, &e, NULL, why)) == AN_OK)
            err = do_owed(hub, id, &done, why);
        open = an_state_rollout_open(&hub->state, model);
    }
    if (err == AN_OK && open)
        err = an_fail(AN_ERR_STATE, why, "rollout %llu of model %.63s is not over: andon rollout show %llu",
                      (unsigned long long)open->id, model, (unsigned long long)open->id);
    return err;
}

/* What it needs first is done, or it is said why not: it is open then, and asked for again it goes on. */
static an_err go_on(an_hub *hub, uint64_t id, an_note *why)
{
    bool changed = true;
    an_err err = AN_OK;
    while (changed && err == AN_OK && !an_state_rollout(&hub->state, id)->settled)
        err = step_now(hub, id, &changed, why);
    an_hub_drive(hub);
    return err;
}

an_err an_hub_rollout_signed(an_hub *hub, uint64_t id, an_note *why)
{
    return go_on(hub, id, why);
}

static an_err store_opened(an_hub *hub, const an_rollout *r, const char *reason, an_note *why)
{
    an_record_batch b = {.n = 0};
    an_json *o = an_rollout_body(r);
    an_json_set_text(o, "reason", reason);
    an_log(AN_LOG_INFO, "rollout_opened", "rollout=%llu model=%s stages=%u sites=%zu reason=\"%s\"",
           (unsigned long long)r->id, r->model, r->n_stages, r->n_targets, reason);
    an_batch_add(&b, "rollout.opened", r->model, r->actor, NULL, o);
    return an_hub_commit(hub, &b, why);
}

an_err an_hub_rollout_open(an_hub *hub, const char *actor, const char *model, const an_hash *version,
                           const char *reason, uint64_t campaign, bool at_once, uint64_t *ret_id,
                           an_note *why)
{
    const an_hash hash = *version; /* it may be of a list that grows */
    char name[AN_NAME_MAX], said[AN_REASON_MAX], who[AN_NAME_MAX + 8];
    an_rollout r = {.id = 0};
    an_rollout_site *sites = NULL;
    snprintf(name, sizeof name, "%.63s", model);
    snprintf(said, sizeof said, "%.250s", reason);
    snprintf(who, sizeof who, "%.70s", actor);
    an_err err = an_hub_version_check(hub, name, &hash, why);
    const an_rollout *open = err == AN_OK ? an_state_rollout_open(&hub->state, name) : NULL;
    if (open && an_hash_equal(&open->version, &hash) && open->campaign == campaign)
        return go_on(hub, open->id, why);
    if (err == AN_OK)
        err = make_room(hub, name, why);
    if (err != AN_OK)
        return err;
    const an_model_entry *m = an_state_model(&hub->state, name);
    an_rollout_plan p = {.id = hub->state.next_id,
                         .campaign = campaign,
                         .model = name,
                         .actor = who,
                         .version = hash,
                         .from = m->alias[AN_ALIAS_PRODUCTION - 1],
                         .at_once = at_once,
                         .stages = m->policy.rollout_stages,
                         .rules = an_policy_rollout_rules(&m->policy),
                         .in_group = in_group,
                         .ctx = hub};
    const an_version *from = an_state_version(&hub->state, &p.from);
    if (!from || from->quarantined || an_hash_equal(&p.from, &hash))
        p.from = (an_hash){{0}};
    if ((err = an_hub_rollout_sites(hub, m, campaign, &sites, &p.n_sites)) == AN_OK) {
        p.sites = sites;
        err = an_rollout_open(&r, &p, an_hub_now(hub), why);
    }
    an_free(sites);
    if (err == AN_OK && (err = store_opened(hub, &r, said, why)) == AN_OK && ret_id)
        *ret_id = p.id;
    an_rollout_done(&r);
    return err == AN_OK ? go_on(hub, p.id, why) : err;
}

an_err an_hub_promote(an_hub *hub, const char *actor, const char *model, const an_hash *version,
                      const char *reason, an_note *why)
{
    const an_model_entry *m = an_state_model(&hub->state, model);
    if (m && an_hash_equal(version, &m->alias[AN_ALIAS_PRODUCTION - 1]) &&
        !an_hub_rollout_holds_production(hub, m))
        return an_hub_release(hub, actor, model, version, reason, 0, why); /* only its statement is new */
    return an_hub_rollout_open(hub, actor, model, version, reason, 0, false, NULL, why);
}
