/* Differential privacy at the coordinator: what plans ask for, and the budget that stops rounds. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/hub_internal.h"
#include "sum/graph.h"
#include "trust/private.h"

#define ROOM_MAX 10000 /* rounds of a campaign */

an_err an_hub_privacy_read(const an_plan *plan, an_round_privacy *ret, an_note *why)
{
    an_round_privacy p = {.delta = plan->dp_delta,
                          .noise = plan->dp_noise,
                          .ratio = an_private_ratio(plan, 0),
                          .epsilon = plan->dp_epsilon};
    an_err err = an_private_cost_of(&p.cost, plan, why);
    if (err == AN_OK)
        *ret = p;
    return err;
}

/* The account with the rounds that are not over. */
static void budget_of(an_hub *hub, const an_model_entry *m, an_spent *ret)
{
    *ret = m->spent;
    for (size_t i = 0; i < hub->state.rounds.n; i++) {
        const an_round_entry *r = &hub->state.rounds.items[i];
        if (r->over || r->privacy.cost.unit == AN_DP_NONE || strcmp(r->model, m->name) != 0)
            continue;
        an_err err = an_spent_add(ret, r->kind, &r->privacy.cost, NULL);
        (void)err; /* checked when the round was opened */
    }
}

static void fill(const an_policy *p, an_plan *plan)
{
    plan->dp_unit = (uint32_t)p->dp_unit;
    plan->dp_noise = p->dp_noise;
    plan->dp_delta = p->dp_delta;
    if (plan->dp_unit == AN_DP_RECORD) {
        plan->dp_clip = p->dp_clip;
        plan->dp_rate = p->dp_rate;
    }
}

/* How many sites' noise counts follows from who runs them. */
static an_err count_sites(an_hub *hub, an_plan *plan, an_note *why)
{
    static const an_hash none;
    an_roster roster = {.n = 0};
    an_cohort cohort;
    an_err err = an_hub_roster_read(hub, &plan->secure.roster, &roster, why);
    if (err != AN_OK)
        return err;
    if ((err = an_cohort_of(plan, &none, &roster, 0, &cohort, why)) == AN_OK) {
        plan->dp_counted = an_private_counted(plan, &cohort);
        an_cohort_done(&cohort);
    }
    an_roster_done(&roster);
    return err;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

an_err an_hub_privacy_set(an_hub *hub, const an_policy *p, an_plan *plan, an_note *why)
{
    an_err err = AN_OK;
    if (plan->kind != AN_PAYLOAD_TRAIN || p->dp_unit == AN_DP_NONE)
        return AN_OK;
    fill(p, plan);
    if (plan->dp_unit == AN_DP_SITE && (err = count_sites(hub, plan, why)) == AN_OK) {
        const uint32_t least = an_private_sites_min(plan);
        plan->invite.count_min = larger(plan->invite.count_min, least);
        plan->upload.count_min = larger(plan->upload.count_min, least);
        err = an_private_prepare(plan, why);
    }
    return err;
}

an_err an_hub_privacy_judge(an_hub *hub, const an_model_entry *m, an_plan *plan, an_note *why)
{
    an_spent budget;
    an_private_cost cost;
    an_err err = an_private_cost_of(&cost, plan, why);
    if (err != AN_OK || cost.unit == AN_DP_NONE)
        return err;
    budget_of(hub, m, &budget);
    plan->dp_epsilon = an_spent_epsilon(&budget, &cost, plan->dp_delta, 1);
    if (plan->dp_epsilon <= m->policy.dp_epsilon)
        return AN_OK;
    return an_fail(AN_ERR_REFUSED, why,
                   "privacy budget: with this round epsilon would be %.4g (%s, delta %g), and the model may "
                   "spend %g (dp.epsilon)",
                   plan->dp_epsilon, an_dp_unit_name(plan->dp_unit), plan->dp_delta, m->policy.dp_epsilon);
}

an_err an_hub_privacy_weigh(an_hub *hub, const char *model, an_campaign_kind kind, uint32_t rounds,
                            an_hub_privacy *ret, an_note *why)
{
    const an_model_entry *m = an_state_model(&hub->state, model);
    if (!m)
        return an_fail(AN_ERR_NOTFOUND, why, "no model %.63s", model);
    const an_policy *p = &m->policy;
    const bool again = kind == AN_CAMPAIGN_INCREMENTAL;
    an_hub_privacy w = {.unit = (uint32_t)p->dp_unit};
    if (w.unit == AN_DP_NONE) {
        *ret = w;
        return AN_OK;
    }
    an_err err = AN_ERR_NOMEM;
    an_spent budget;
    an_private_cost cost = {.unit = AN_DP_NONE};
    an_plan *plan = an_alloc(1, sizeof *plan);
    if (!plan)
        return err;
    err = an_hub_plan_draft(hub, m, kind, plan, why);
    if (err == AN_ERR_AGAIN && w.unit == AN_DP_RECORD) { /* the cost is the same for any sites */
        fill(p, plan);
        plan->local_epochs = (uint32_t)(again ? p->drift_epochs : p->train_epochs);
        err = AN_OK;
    }
    w.delta = p->dp_delta;
    w.noise = p->dp_noise;
    w.budget = p->dp_epsilon;
    w.rounds = rounds ? rounds : (uint64_t)(again ? p->drift_rounds : p->train_rounds);
    w.after = INFINITY;
    budget_of(hub, m, &budget);
    w.epsilon = an_privacy_epsilon(an_spent_account(&budget, w.unit), w.delta);
    if (err == AN_OK && (err = an_private_cost_of(&cost, plan, why)) == AN_OK) {
        w.after = an_spent_epsilon(&budget, &cost, w.delta, w.rounds);
        w.room = an_spent_room(&budget, &cost, w.delta, w.budget, ROOM_MAX);
        w.ratio = an_private_ratio(plan, 0);
    }
    an_plan_free(plan);
    if (err != AN_OK && err != AN_ERR_AGAIN)
        return err;
    *ret = w;
    return AN_OK;
}
