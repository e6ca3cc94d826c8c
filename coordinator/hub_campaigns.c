/* Campaigns: making plans, judging candidates, moving production. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "coordinator/hub_internal.h"
#include "doors/crypto.h"
#include "models/schedule.h"
#include "sum/fixed.h"

/* ---- plans ---- */

bool an_hub_runs_model(const an_hub_live *live, const an_model_entry *m)
{
    for (uint32_t i = 0; live->connected && i < live->n_lines; i++)
        if (strcmp(live->lines[i].model, m->name) == 0 && an_hash_equal(&live->lines[i].schema, &m->schema))
            return true;
    return false;
}

const an_msg_line *an_hub_other_schema(const an_hub_live *live, const an_model_entry *m)
{
    for (uint32_t i = 0; live->connected && i < live->n_lines; i++)
        if (strcmp(live->lines[i].model, m->name) == 0 && !an_hash_equal(&live->lines[i].schema, &m->schema))
            return &live->lines[i];
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The connected sites that run the model, by name. */
static uint32_t cohort_of(an_hub *hub, const an_model_entry *m, char (*ret)[AN_NAME_MAX], uint32_t max)
{
    uint32_t n = 0;
    for (size_t i = 0; i < hub->live.n && n < max; i++)
        if (an_hub_runs_model(&hub->live.items[i], m))
            memcpy(ret[n++], hub->live.items[i].site, AN_NAME_MAX);
    qsort(ret, n, sizeof *ret, by_name);
    return n;
}

/* The rate of a round: rounds stand for the steps that models/schedule.h speaks of. */
static double rate_of(const an_policy *p, const an_campaign *c)
{
    const an_schedule_opts o = {.total = fmax(1, c->train_rounds - c->fits), .floor = 0.01};
    if (c->kind == AN_CAMPAIGN_INCREMENTAL)
        return p->drift_lr;
    return p->train_lr * an_schedule_share(an_schedule_find(an_policy_schedules[p->train_schedule]), &o,
                                           an_campaign_n_trained(c));
}

static void set_training(an_plan *plan, const an_policy *p, const an_campaign *c)
{
    bool again = c->kind == AN_CAMPAIGN_INCREMENTAL;
    plan->local_epochs = (uint32_t)(again ? p->drift_epochs : p->train_epochs);
    plan->lr = rate_of(p, c);
    plan->l2sp = again ? p->drift_l2sp : 0;
    plan->ewc = again ? p->drift_ewc : 0;
    plan->replay_share = again ? p->drift_replay : 0;
    plan->use_held = again && p->drift_use_held;
    plan->batch = (uint32_t)p->train_batch;
    plan->prox_mu = p->train_prox_mu;
    if (plan->kind == AN_PAYLOAD_TRAIN && p->train_control && !again)
        plan->control = an_campaign_n_trained(c) + 1;
    snprintf(plan->optimiser, sizeof plan->optimiser, "%s", an_policy_optimisers[p->optimiser]);
}

/* Trusted mode: for the coordinator's eyes, and no more bytes than the policy grants. */
static void set_delivery(const an_hub *hub, const an_policy *p, an_plan *plan)
{
    if (plan->privacy != AN_PRIVACY_TRUSTED)
        return;
    if (plan->kind == AN_PAYLOAD_TRAIN)
        plan->encoding = (uint32_t)p->encoding;
    plan->topk = plan->encoding == AN_UPDATE_TOPK ? p->topk : 0;
    if (plan->encoding != AN_UPDATE_PLAIN || !hub->conf.seal_encoded_only)
        memcpy(plan->seal_key, hub->seal_public, sizeof plan->seal_key);
}

static an_err set_payload(an_hub *hub, an_plan *plan, const an_model_entry *m, const an_campaign *c,
                          an_note *why)
{
    an_hub_model *facts = NULL;
    an_err err = an_hub_model_facts(hub, m->name, &facts, why);
    if (err != AN_OK)
        return err;
    plan->clip_norm = m->policy.clip_norm;
    plan->weight_cap = m->policy.weight_cap;
    plan->value_bits = an_fixed_bits(plan->n_cohort);
    if (plan->kind == AN_PAYLOAD_TRAIN) {
        int32_t unit = an_fixed_unit_exp(plan->clip_norm, plan->value_bits);
        plan->n_tensors = facts->n_tensors;
        for (uint32_t i = 0; i < facts->n_tensors; i++) {
            plan->tensors[i] = facts->tensors[i];
            plan->tensors[i].unit_exp = unit;
        }
    }
    set_training(plan, &m->policy, c);
    if (an_payload_judges(plan->kind)) {
        plan->candidate = c->head;
        plan->production = m->alias[AN_ALIAS_PRODUCTION - 1];
        /* Without a network the loss is a share of the threshold, which what knows nothing of the sensors undercuts. */
        if (an_hash_is_zero(&plan->production) && m->policy.gate_first && an_campaign_n_trained(c) > 0)
            plan->production = c->untrained;
        if (plan->kind == AN_PAYLOAD_SHADOW) {
            plan->shadow_ms = (uint64_t)m->policy.shadow_ms;
            plan->shadow_rows = (uint64_t)m->policy.shadow_rows;
            plan->upload.deadline_ms += plan->shadow_ms;
            plan->upload.time_min_ms += plan->shadow_ms;
        }
    } else {
        plan->base = c->head;
    }
    an_payload_facts f = {.n_cohort = plan->n_cohort,
                          .value_bits = plan->value_bits,
                          .tensors = plan->tensors,
                          .n_tensors = plan->n_tensors,
                          .clip_norm = plan->clip_norm,
                          .weight_cap = plan->weight_cap,
                          .n_features =
                              plan->kind == AN_PAYLOAD_HISTOGRAM ? facts->n_sensors : facts->n_columns,
                          .n_bins = AN_COMBINE_FINE_BINS,
                          .n_sums = facts->n_sums};
    uint64_t dim = an_payload_find(plan->kind)->dim(&f);
    if (dim == 0 || dim > AN_DIM_MAX)
        return an_fail(AN_ERR_LIMIT, why, "model %s is too large for a round", m->name);
    plan->dim = (uint32_t)dim;
    return an_hub_privacy_set(hub, &m->policy, plan, why);
}

/* Too few are here: perhaps because a line was meant to be one of them. */
static an_err too_few(const an_hub *hub, const an_model_entry *m, uint32_t n, an_note *why)
{
    for (size_t i = 0; i < hub->live.n; i++) {
        const an_hub_live *live = &hub->live.items[i];
        const an_msg_line *l = an_hub_other_schema(live, m);
        if (l)
            return an_fail(
                AN_ERR_AGAIN, why,
                "%u of at least %lld are connected; %.60s line %.60s is none of them: names, units "
                "or order of its sensors, rate_hz or window are not the model's",
                n, (long long)m->policy.min_cohort, live->site, l->line);
    }
    return an_fail(AN_ERR_AGAIN, why, "%u of at least %lld are connected", n,
                   (long long)m->policy.min_cohort);
}

/* Who takes part, on which terms.  Errors: AGAIN too few sites are here. */
static an_err set_cohort(an_hub *hub, const an_model_entry *m, an_plan *plan, an_note *why)
{
    const an_policy *p = &m->policy;
    snprintf(plan->model, sizeof plan->model, "%s", m->name);
    plan->n_cohort = cohort_of(hub, m, plan->cohort, AN_COHORT_MAX);
    plan->privacy = p->privacy == 1 ? AN_PRIVACY_SECURE_SUM : AN_PRIVACY_TRUSTED;
    if (plan->n_cohort < p->min_cohort)
        return too_few(hub, m, plan->n_cohort, why);
    return plan->privacy == AN_PRIVACY_SECURE_SUM ? an_hub_secure_plan(hub, p, plan, why) : AN_OK;
}

/* The round waits for nobody who is away, and ends with the buffer full. */
static void set_async(an_hub *hub, const an_policy *p, const an_campaign *c, an_plan *plan)
{
    const uint32_t here = plan->n_cohort;
    const uint32_t full = (uint32_t)(p->async_buffer ? p->async_buffer : p->min_cohort);
    plan->staleness_max = (uint32_t)p->async_staleness;
    an_hub_late_cohort(hub, c, plan);
    plan->invite.count_max = here;
    plan->upload.count_max = full < plan->min_cohort ? plan->min_cohort : full < here ? full : here;
}

/* Errors: AGAIN too few sites are here. */
static an_err make_plan(an_hub *hub, const an_model_entry *m, const an_campaign *c, an_payload_kind kind,
                        an_plan *plan, an_note *why)
{
    const an_policy *p = &m->policy;
    an_err err = set_cohort(hub, m, plan, why);
    if (err != AN_OK)
        return err;
    plan->round = hub->state.next_id;
    plan->campaign = c->id;
    plan->kind = kind;
    plan->schema = m->schema;
    plan->layout = m->layout;
    plan->min_cohort = (uint32_t)p->min_cohort;
    plan->seed = an_mix64((uint64_t)p->seed ^ an_mix64(plan->round)) >> 1;
    an_plan_phase phase = {.count_min = plan->min_cohort, .count_max = plan->n_cohort};
    plan->invite = plan->upload = phase;
    if (kind == AN_PAYLOAD_TRAIN && plan->privacy == AN_PRIVACY_TRUSTED && p->async_staleness > 0)
        set_async(hub, p, c, plan);
    plan->invite.time_min_ms = plan->invite.deadline_ms = (uint64_t)p->invite_ms;
    plan->upload.time_min_ms = plan->upload.deadline_ms = (uint64_t)p->upload_ms;
    set_delivery(hub, p, plan);
    return set_payload(hub, plan, m, c, why);
}

an_err an_hub_plan_draft(an_hub *hub, const an_model_entry *m, an_campaign_kind kind, an_plan *ret,
                         an_note *why)
{
    const bool again = kind == AN_CAMPAIGN_INCREMENTAL;
    const an_campaign c = {.kind = kind, .head = again ? m->alias[AN_ALIAS_PRODUCTION - 1] : m->blank};
    return make_plan(hub, m, &c, AN_PAYLOAD_TRAIN, ret, why);
}

/* Errors: AGAIN too few sites are here; REFUSED there is no room in the privacy budget. */
static an_err open_round(an_hub *hub, const an_campaign *c, an_payload_kind kind, an_note *why)
{
    const an_model_entry *m = an_state_model(&hub->state, c->model);
    an_plan *plan = an_alloc(1, sizeof *plan);
    if (!plan)
        return AN_ERR_NOMEM;
    an_err err = make_plan(hub, m, c, kind, plan, why);
    if (err == AN_OK)
        err = an_hub_privacy_judge(hub, m, plan, why);
    if (err != AN_OK) {
        an_plan_free(plan);
        return err;
    }
    char reason[AN_PLAN_REASON_MAX];
    snprintf(reason, sizeof reason, "%s campaign %llu, round %u of %u: %.120s",
             an_campaign_kind_name(c->kind), (unsigned long long)c->id, c->step + 1,
             an_campaign_n_rounds(c) + (kind == AN_PAYLOAD_SHADOW), c->trigger);
    return an_hub_round_start(hub, plan, reason, why);
}

/* ---- decisions ---- */

an_err an_hub_campaign_end(an_hub *hub, uint64_t id, bool promoted, const char *reason, const char *actor,
                           an_note *why)
{
    an_record_batch b = {.n = 0};
    const an_campaign *c = an_state_campaign(&hub->state, id);
    an_json *o = an_json_object();
    an_json_set_int(o, "id", (int64_t)id);
    an_json_set_bool(o, "promoted", promoted);
    an_json_set_text(o, "reason", reason);
    an_json_set_hash(o, "version", &c->head);
    an_json_set_text(o, "before", an_campaign_state_name(c->state));
    an_log(AN_LOG_INFO, "campaign_ended", "campaign=%llu model=%s promoted=%s reason=\"%s\"",
           (unsigned long long)id, c->model, promoted ? "yes" : "no", reason);
    an_batch_add(&b, "campaign.ended", c->model, actor, NULL, o);
    an_owed *owed = NULL;
    const size_t n_owed = an_hub_late_list(hub, id, &owed);
    an_err err = an_hub_commit(hub, &b, why);
    an_hub_late_let_go(hub, owed, err == AN_OK ? n_owed : 0);
    return err;
}

/* Its rollout ends it. */
static an_err promote_campaign(an_hub *hub, const an_campaign *c, an_note *why)
{
    char reason[AN_REASON_MAX];
    snprintf(reason, sizeof reason, "campaign %llu: %.200s", (unsigned long long)c->id, c->reason);
    return an_hub_rollout_open(hub, "coordinator", c->model, &c->head, reason, c->id, false, NULL, why);
}

/* ---- driving ---- */

static void say_given_up(const an_hub *hub, const an_campaign *c, const an_policy *p,
                         char ret[static AN_REASON_MAX])
{
    const an_round_entry *last = NULL;
    for (size_t i = 0; i < hub->state.rounds.n; i++)
        if (hub->state.rounds.items[i].campaign == c->id)
            last = &hub->state.rounds.items[i];
    if (c->early && c->aborted <= p->round_retries)
        snprintf(ret, AN_REASON_MAX, "waited %lld s (round.patience) for %.180s",
                 (long long)(p->patience_ms / 1000), c->awaited);
    else
        snprintf(
            ret, AN_REASON_MAX,
            "%u rounds in a row were aborted; the last: %.120s (andon round show %llu: what each site said)",
            c->aborted, last ? last->reason : "?", (unsigned long long)(last ? last->id : 0));
}

static bool drive_one(an_hub *hub, const an_campaign *c)
{
    const an_model_entry *m = an_state_model(&hub->state, c->model);
    an_payload_kind kind = AN_PAYLOAD_TRAIN;
    an_note why = {{0}};
    an_err err = AN_OK;
    uint64_t id = c->id;
    switch (an_campaign_next(c, &m->policy, an_hub_now(hub), &kind)) {
    case AN_TODO_NOTHING:
        return false;
    case AN_TODO_ROUND:
        err = open_round(hub, c, kind, &why);
        if (err == AN_ERR_AGAIN)
            return false; /* looked at again at the next tick and the next HELLO */
        break;
    case AN_TODO_GATE:
        err = an_hub_gate(hub, c, &why);
        break;
    case AN_TODO_PROMOTE:
        if (an_hub_rollout_in_the_way(hub, m))
            return false; /* until all is done that its end asks for */
        err = promote_campaign(hub, c, &why);
        break;
    case AN_TODO_SETTLE:
        err = an_hub_refit_settle(hub, c, "", &why);
        break;
    case AN_TODO_GIVE_UP: {
        char reason[AN_REASON_MAX];
        say_given_up(hub, c, &m->policy, reason);
        err = an_hub_campaign_end(hub, id, false, reason, "coordinator", &why);
        break;
    }
    }
    if (err == AN_OK)
        return true;
    an_log(AN_LOG_ERROR, "campaign_stuck", "campaign=%llu err=%s why=\"%s\"", (unsigned long long)id,
           an_err_name(err), why.text);
    if (err == AN_ERR_IO || err == AN_ERR_NOMEM)
        return false; /* may pass: tried again at the next tick */
    err = an_hub_campaign_end(hub, id, false, why.text[0] ? why.text : an_err_text(err), "coordinator", NULL);
    return err == AN_OK;
}

void an_hub_drive(an_hub *hub)
{
    hub->drive_due = hub->gathering;
    if (hub->driving || hub->gathering)
        return; /* what a step causes is seen by the loop below, and what many messages cause once for all of them */
    hub->driving = true;
    bool more = true;
    while (more) {
        more = false;
        for (size_t i = 0; i < hub->state.campaigns.n; i++)
            if (!an_campaign_is_over(&hub->state.campaigns.items[i]))
                more = drive_one(hub, &hub->state.campaigns.items[i]) || more;
        more = an_hub_rollouts_drive(hub) || more;
        for (size_t i = 0; i < hub->state.models.n; i++)
            more = an_hub_drift_answer(hub, &hub->state.models.items[i]) || more;
    }
    hub->driving = false;
}

/* Connected sites are not all that a secure sum needs: the plan that would be made says what else. */
static void say_missing(an_hub *hub, const an_model_entry *m, an_note *ret)
{
    an_note why = {{0}};
    an_plan *plan = an_alloc(1, sizeof *plan);
    an_err err = plan ? set_cohort(hub, m, plan, &why) : AN_ERR_NOMEM;
    an_note_set(ret, "waiting for sites: %.290s", why.text[0] ? why.text : an_err_text(err));
    an_plan_free(plan);
}

static bool asks_promotion(const an_campaign *c, const an_model_entry *m)
{
    return c->state == AN_CAMPAIGN_PASSED && !c->rollout && !m->policy.promote_automatic &&
           !c->approved_promotion;
}

const char *an_hub_campaign_asks(an_hub *hub, const an_campaign *c)
{
    const an_model_entry *m = an_state_model(&hub->state, c->model);
    if (c->state == AN_CAMPAIGN_WAITING)
        return "start";
    return m && asks_promotion(c, m) && !an_state_wait_of(&hub->state, &c->head, c->id) ? "promotion" : "";
}

static void passed_waiting(an_hub *hub, const an_campaign *c, const an_model_entry *m, an_note *ret)
{
    const an_rollout *r = c->rollout ? an_state_rollout(&hub->state, c->rollout) : NULL;
    const an_rollout *other = an_state_rollout_open(&hub->state, m->name);
    if (r) {
        an_note waiting;
        an_rollout_waiting(r, an_hub_now(hub), &waiting);
        an_note_set(ret, "rollout %llu: %.250s", (unsigned long long)r->id, waiting.text);
    } else if (asks_promotion(c, m)) {
        an_note_set(ret, "passed the gate, waiting for approval of the promotion (%.200s)", c->reason);
    } else {
        an_note_set(ret, "passed the gate, waits for the end of rollout %llu",
                    (unsigned long long)(other ? other->id : 0));
    }
}

void an_hub_campaign_waiting(an_hub *hub, const an_campaign *c, an_note *ret)
{
    const an_model_entry *m = an_state_model(&hub->state, c->model);
    const an_hub_round *r = c->open_round ? an_hub_round_find(hub, c->open_round) : NULL;
    if (r) {
        an_note waiting;
        an_hub_round_waiting(hub, c->open_round, &waiting);
        an_note_set(ret, "round %u of %u: %.250s", c->step + 1, an_campaign_n_rounds(c), waiting.text);
    } else if (c->state == AN_CAMPAIGN_WAITING) {
        an_note_set(ret, "waiting for approval: andon campaign approve %llu", (unsigned long long)c->id);
    } else if (c->kind == AN_CAMPAIGN_OVERLAY) {
        an_hub_refit_waiting(hub, c, ret);
    } else if (c->state == AN_CAMPAIGN_PASSED) {
        const an_release_wait *w = an_state_wait_of(&hub->state, &c->head, c->id);
        if (w)
            an_note_set(
                ret,
                "passed the gate, waits for the release root's signature: andon release sign --key FILE %llu",
                (unsigned long long)w->id);
        else
            passed_waiting(hub, c, m, ret);
    } else if (an_campaign_is_over(c)) {
        an_note_set(ret, "%s", c->reason);
    } else if (c->early) {
        const int64_t now = an_hub_now(hub), again = an_campaign_again_ms(c) - now,
                      left = an_campaign_patience_ms(c, &m->policy) - now;
        an_note_set(ret, "round %u of %u waits for %.180s; tried again in %lld s, given up in %lld s",
                    c->step + 1, an_campaign_n_rounds(c), c->awaited,
                    (long long)(again > 0 ? again / 1000 : 0), (long long)(left > 0 ? left / 1000 : 0));
    } else if (m->policy.privacy == 1 && an_hub_roster_waits(hub)) {
        an_note_set(ret, "waiting for the release root to sign the roster: andon site roster --key FILE");
    } else {
        say_missing(hub, m, ret);
    }
}
