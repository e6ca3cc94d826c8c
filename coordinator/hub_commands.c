/* What people ask for: campaigns, rollback. */
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "coordinator/hub_internal.h"

/* ---- campaigns ---- */

/* A person is told how many rounds the budget has room for.  A campaign that opens by itself takes so many
 * (one at least: that it is refused says why), and waits for a person if noise would bury what it learns. */
static an_err weigh_privacy(an_hub *hub, const an_model_entry *m, an_campaign_kind kind, bool by_itself,
                            uint32_t *rounds, bool *waiting, an_note *why)
{
    an_hub_privacy w;
    an_err err = an_hub_privacy_weigh(hub, m->name, kind, *rounds, &w, why);
    if (err != AN_OK || w.unit == AN_DP_NONE || isinf(w.after))
        return err;
    if (by_itself) {
        *rounds = w.room < *rounds ? (uint32_t)(w.room > 0 ? w.room : 1) : *rounds;
        *waiting = *waiting || w.ratio > 1;
        return AN_OK;
    }
    if (w.after <= w.budget)
        return AN_OK;
    return an_fail(
        AN_ERR_REFUSED, why,
        "privacy budget: epsilon is %.4g and would be %.4g after %u rounds (%s, delta %g); the model "
        "may spend %g (dp.epsilon), which has room for %llu",
        w.epsilon, w.after, *rounds, an_dp_unit_name(w.unit), w.delta, w.budget, (unsigned long long)w.room);
}

static an_json *wish_json(const an_campaign_wish *w, uint64_t id, uint32_t rounds, bool waiting)
{
    an_json *o = an_json_object();
    an_json_set_int(o, "id", (int64_t)id);
    an_json_set_text(o, "kind", an_campaign_kind_name(w->kind));
    an_json_set_text(o, "trigger", w->trigger);
    an_json_set_int(o, "rounds", rounds);
    an_json_set_bool(o, "waiting", waiting);
    an_json_set_text(o, "cause", w->cause);
    if (w->scope)
        an_json_set_text(o, "scope", w->scope);
    if (w->plan)
        an_json_set_text(o, "plan", w->plan);
    if (w->sites)
        an_json_set(o, "sites", w->sites);
    if (w->replay)
        an_json_set(o, "replay", w->replay);
    if (w->evidence)
        an_json_set(o, "evidence", w->evidence);
    return o;
}

/* Errors: NOTFOUND, STATE, INVAL. */
static an_err may_begin(an_hub *hub, const char *model, const an_campaign_wish *w, an_note *why)
{
    const an_model_entry *m = an_state_model(&hub->state, model);
    if (!m)
        return an_fail(AN_ERR_NOTFOUND, why, "no model %.63s", model);
    const an_campaign *open = an_state_campaign_open(&hub->state, model);
    if (open)
        return an_fail(AN_ERR_STATE, why, "campaign %llu of model %s is not over",
                       (unsigned long long)open->id, model);
    if (w->kind == AN_CAMPAIGN_OVERLAY && !w->evidence)
        return an_fail(AN_ERR_INVAL, why, "overlays are adapted by lines that a trigger names");
    if (w->kind != AN_CAMPAIGN_TRAINING && an_hash_is_zero(&m->alias[AN_ALIAS_PRODUCTION - 1]))
        return an_fail(AN_ERR_STATE, why, "model %s has no production version to go on from", model);
    if (w->rounds > 10000)
        return an_fail(AN_ERR_INVAL, why, "a campaign has at most 10000 rounds");
    return AN_OK;
}

an_err an_hub_campaign_wish(an_hub *hub, const char *actor, const char *model, const an_campaign_wish *w,
                            uint64_t *ret_id, an_note *why)
{
    const bool by_itself = strcmp(actor, "coordinator") == 0;
    const uint64_t id = hub->state.next_id;
    an_err err = may_begin(hub, model, w, why);
    const an_model_entry *m = an_state_model(&hub->state, model);
    const bool again = w->kind != AN_CAMPAIGN_TRAINING, alone = w->kind == AN_CAMPAIGN_OVERLAY;
    bool waiting = w->ask || (by_itself && m && !m->policy.drift_automatic);
    uint32_t rounds = w->rounds;
    an_hub_model *facts = NULL;
    if (err == AN_OK && rounds == 0 && !alone)
        rounds = (uint32_t)(again ? m->policy.drift_rounds : m->policy.train_rounds);
    if (err == AN_OK)
        err = an_hub_model_facts(hub, model, &facts, why);
    const bool sums = err == AN_OK && facts->n_sums > 0, network = err == AN_OK && facts->n_tensors > 0;
    const bool noise = m && m->policy.dp_unit != AN_DP_NONE;
    const bool fits = sums && !noise && !alone; /* with noise each site makes a network's detector itself */
    if (sums && noise && !network)
        err = an_fail(AN_ERR_STATE, why, "dp.unit: noise is of training, and model %s has nothing to train",
                      model);
    if (fits)
        rounds = network ? rounds + 1 : 1;
    if (err == AN_OK && !alone) /* nothing of it leaves a site */
        err = weigh_privacy(hub, m, w->kind, by_itself, &rounds, &waiting, why);
    if (err != AN_OK) {
        an_json_free(w->sites);
        an_json_free(w->replay);
        an_json_free(w->evidence);
        return err;
    }
    an_record_batch b = {.n = 0};
    an_json *o = wish_json(w, id, rounds, waiting);
    if (fits)
        an_json_set_bool(o, "fits", true);
    an_json_set_hash(o, "base", again ? &m->alias[AN_ALIAS_PRODUCTION - 1] : &m->blank);
    an_batch_add(&b, "campaign.opened", model, actor, NULL, o);
    if ((err = an_hub_commit(hub, &b, why)) != AN_OK)
        return err;
    an_log(AN_LOG_INFO, "campaign_opened", "campaign=%llu model=%s kind=%s cause=%s trigger=\"%s\"",
           (unsigned long long)id, model, an_campaign_kind_name(w->kind), w->cause, w->trigger);
    *ret_id = id;
    hub->asked_ms = 0; /* lines that are to adapt their overlays hear it at the next tick */
    an_hub_drive(hub);
    return AN_OK;
}

an_err an_hub_campaign_open(an_hub *hub, const char *actor, const char *model, an_campaign_kind kind,
                            uint32_t rounds, const char *trigger, uint64_t *ret_id, an_note *why)
{
    const an_campaign_wish wish = {.kind = kind, .rounds = rounds, .trigger = trigger, .cause = "person"};
    return an_hub_campaign_wish(hub, actor, model, &wish, ret_id, why);
}

an_err an_hub_campaign_approve(an_hub *hub, const char *actor, uint64_t id, const char *reason, an_note *why)
{
    const an_campaign *c = an_state_campaign(&hub->state, id);
    if (!c)
        return an_fail(AN_ERR_NOTFOUND, why, "no campaign %llu", (unsigned long long)id);
    if (c->state != AN_CAMPAIGN_WAITING && c->state != AN_CAMPAIGN_PASSED)
        return an_fail(AN_ERR_STATE, why, "campaign %llu is %s and waits for no approval",
                       (unsigned long long)id, an_campaign_state_name(c->state));
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    an_json_set_int(o, "id", (int64_t)id);
    an_json_set_hash(o, "candidate", &c->head);
    an_json_set_text(o, "before", an_campaign_state_name(c->state));
    if (reason[0])
        an_json_set_text(o, "reason", reason);
    an_batch_add(&b, "campaign.approved", c->model, actor, NULL, o);
    an_err err = an_hub_commit(hub, &b, why);
    hub->asked_ms = 0;
    an_hub_drive(hub);
    return err;
}

an_err an_hub_campaign_stop(an_hub *hub, const char *actor, uint64_t id, const char *reason, an_note *why)
{
    const an_campaign *c = an_state_campaign(&hub->state, id);
    if (!c)
        return an_fail(AN_ERR_NOTFOUND, why, "no campaign %llu", (unsigned long long)id);
    if (an_campaign_is_over(c))
        return an_fail(AN_ERR_STATE, why, "campaign %llu is over", (unsigned long long)id);
    const an_rollout *rollout = c->rollout ? an_state_rollout(&hub->state, c->rollout) : NULL;
    if (rollout && !an_rollout_is_over(rollout))
        return an_hub_rollout_do(hub, actor, rollout->id, AN_ROLLOUT_EVENT_ABORT,
                                 reason[0] ? reason : "its campaign was stopped", why);
    uint64_t open_round = c->open_round;
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    an_json_set_int(o, "id", (int64_t)id);
    an_json_set_bool(o, "promoted", false);
    an_json_set_text(o, "reason", reason[0] ? reason : "stopped by a person");
    an_json_set_hash(o, "version", &c->head);
    an_json_set_text(o, "before", an_campaign_state_name(c->state));
    an_batch_add(&b, "campaign.ended", c->model, actor, NULL, o);
    an_owed *owed = NULL;
    const size_t n_owed = an_hub_late_list(hub, id, &owed);
    an_err err = an_hub_commit(hub, &b, why);
    an_hub_late_let_go(hub, owed, err == AN_OK ? n_owed : 0);
    an_hub_round *r = open_round && err == AN_OK ? an_hub_round_find(hub, open_round) : NULL;
    if (r) {
        an_round_event e = {.type = AN_ROUND_EVENT_CANCEL, .now_ms = an_hub_now(hub)};
        an_text_set(e.reason, sizeof e.reason, "its campaign was stopped");
        an_hub_round_event(hub, r, &e, actor);
    }
    return err;
}

/* ---- rollback ---- */

typedef struct history {
    an_hash present, previous;
} history;

static an_err visit_move(void *ctx, const an_record *record, an_note *why)
{
    history *h = ctx;
    an_json_doc *doc = NULL;
    const char *alias, *to;
    an_hash hash;
    an_err err = an_json_parse(record->body, record->body_len, "alias.moved", &doc, why);
    if (err != AN_OK)
        return err;
    const an_jval *o = an_json_root(doc);
    if ((err = an_jval_text(o, "alias", &alias, why)) == AN_OK &&
        (err = an_jval_text(o, "to", &to, why)) == AN_OK && strcmp(alias, "production") == 0 &&
        an_hash_parse(&hash, to) && !an_hash_equal(&hash, &h->present)) {
        h->previous = h->present;
        h->present = hash;
    }
    an_json_doc_free(doc);
    return err;
}

an_err an_hub_rollback(an_hub *hub, const char *actor, const char *model, const char *reason, an_note *why)
{
    history h = {{{0}}, {{0}}};
    const an_rollout *open = an_state_rollout_open(&hub->state, model);
    if (open && !(open->at_once && an_hash_is_zero(&open->from)))
        return an_hub_rollout_do(hub, actor, open->id, AN_ROLLOUT_EVENT_ABORT, reason, why);
    an_err err = an_store_scan(hub->conf.store, &(an_store_filter){.kind = "alias.moved", .subject = model},
                               visit_move, &h, why);
    if (err != AN_OK)
        return err;
    if (an_hash_is_zero(&h.previous))
        return an_fail(AN_ERR_NOTFOUND, why, "model %.63s has no former production version", model);
    if (open && (err = an_hub_version_check(hub, model, &h.previous, why)) == AN_OK)
        err = an_hub_rollout_do(hub, actor, open->id, AN_ROLLOUT_EVENT_ABORT, reason, why);
    return err == AN_OK ? an_hub_release(hub, actor, model, &h.previous, reason, 0, why) : err;
}

/* ---- groups ---- */

/* A stage of a group that does not exist has no site: the next stage, often all, would come first. */
an_err an_hub_stages_check(an_hub *hub, const char *stages, an_note *why)
{
    an_stage_spec specs[AN_STAGES_MAX];
    size_t n = 0;
    an_err err = an_stages_parse(stages, specs, &n, why);
    for (size_t i = 0; err == AN_OK && i < n; i++)
        if (specs[i].kind == AN_STAGE_GROUP && !an_state_group(&hub->state, specs[i].group))
            err = an_fail(AN_ERR_NOTFOUND, why, "rollout.stages: no group %s: andon group set %s SITE ...",
                          specs[i].group, specs[i].group);
    return err;
}

static bool is_stage(const an_model_entry *m, const char *group)
{
    an_stage_spec specs[AN_STAGES_MAX];
    size_t n = 0;
    if (an_stages_parse(m->policy.rollout_stages, specs, &n, NULL) != AN_OK)
        return false;
    for (size_t i = 0; i < n; i++)
        if (specs[i].kind == AN_STAGE_GROUP && strcmp(specs[i].group, group) == 0)
            return true;
    return false;
}

an_err an_hub_group_set(an_hub *hub, const char *actor, const char *name, const char *const *sites, size_t n,
                        an_note *why)
{
    if (!an_name_ok(name))
        return an_fail(AN_ERR_INVAL, why, "\"%.63s\" is not a group's name", name);
    for (size_t i = 0; i < n; i++)
        if (!an_state_site(&hub->state, sites[i]))
            return an_fail(AN_ERR_NOTFOUND, why, "no site %.63s has asked", sites[i]);
    for (size_t i = 0; n == 0 && i < hub->state.models.n; i++)
        if (is_stage(&hub->state.models.items[i], name))
            return an_fail(AN_ERR_STATE, why, "group %s is a stage of model %s (rollout.stages)", name,
                           hub->state.models.items[i].name);
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object(), *list = an_json_array(), *before = an_json_array();
    const an_group *old = an_state_group(&hub->state, name);
    for (size_t i = 0; old && i < old->n; i++)
        an_json_push_text(before, old->sites[i]);
    for (size_t i = 0; i < n; i++)
        an_json_push_text(list, sites[i]);
    an_json_set(o, "sites", list);
    an_json_set(o, "before", before);
    an_batch_add(&b, "group.set", name, actor, NULL, o);
    return an_hub_commit(hub, &b, why);
}
