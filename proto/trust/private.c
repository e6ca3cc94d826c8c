#include "trust/private.h"

#include <math.h>

static uint64_t shared_of(const an_plan *p)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < p->n_tensors; i++)
        n += p->tensors[i].local ? 0 : p->tensors[i].n;
    return n;
}

an_err an_private_noise(an_noise_plan *ret, const an_plan *plan, an_note *why)
{
    if (plan->dp_counted < 1 || plan->dp_counted > plan->n_cohort)
        return an_fail(AN_ERR_REFUSED, why,
                       "no site's noise is sure to stay in the sum: %u of %u are counted", plan->dp_counted,
                       plan->n_cohort);
    const an_noise_want want = {.sites = plan->n_cohort,
                                .lost = plan->n_cohort - plan->dp_counted,
                                .dim = shared_of(plan),
                                .clip_norm = plan->clip_norm,
                                .noise = plan->dp_noise,
                                .beta = AN_NOISE_BETA};
    return an_noise_plan_make(ret, &want, why);
}

an_err an_private_prepare(an_plan *plan, an_note *why)
{
    an_noise_plan noise;
    an_err err = an_private_noise(&noise, plan, why);
    if (err != AN_OK)
        return err;
    plan->value_bits = noise.value_bits;
    for (uint32_t i = 0; i < plan->n_tensors; i++)
        plan->tensors[i].unit_exp = noise.unit_exp;
    return AN_OK;
}

an_err an_private_cost_of(an_private_cost *ret, const an_plan *plan, an_note *why)
{
    an_private_cost cost = {.unit = plan->dp_unit};
    if (plan->dp_unit == AN_DP_RECORD) {
        cost.noise = plan->dp_noise;
        cost.rate = plan->dp_rate;
        const double steps = ceil(1.0 / plan->dp_rate) * plan->local_epochs;
        if (!(steps <= (double)AN_PRIVACY_STEPS_MAX))
            return an_fail(AN_ERR_INVAL, why, "dp_rate %g: too many steps", plan->dp_rate);
        cost.steps = (uint64_t)steps;
    } else if (plan->dp_unit == AN_DP_SITE) {
        an_noise_plan noise;
        an_err err = an_private_noise(&noise, plan, why);
        if (err != AN_OK)
            return err;
        cost.sum = noise.sum;
    }
    *ret = cost;
    return AN_OK;
}

an_err an_private_spend(an_privacy_account *account, const an_private_cost *cost, uint64_t rounds,
                        an_note *why)
{
    if (rounds == 0 || cost->unit == AN_DP_NONE)
        return AN_OK;
    if (cost->unit == AN_DP_SITE)
        return an_privacy_add_sum(account, &cost->sum, rounds, why);
    if (cost->steps > AN_PRIVACY_STEPS_MAX / rounds)
        return an_fail(AN_ERR_INVAL, why, "%llu steps are too many", (unsigned long long)cost->steps);
    return an_privacy_add_gaussian(account, cost->noise, cost->rate, cost->steps * rounds, why);
}

uint32_t an_private_sites_min(const an_plan *plan)
{
    return plan->dp_unit == AN_DP_SITE
               ? plan->n_cohort - an_sum_graph_dropouts(plan->n_cohort, plan->secure.dropouts_permille)
               : 0;
}

uint32_t an_private_counted(const an_plan *plan, const an_cohort *cohort)
{
    uint32_t party[AN_COHORT_MAX];
    const an_secure_params *p = &cohort->params;
    for (uint32_t i = 0; i < p->n; i++)
        party[i] = p->members[i].party;
    const uint32_t colluders = an_sum_graph_colluders(party, p->n, p->colluding),
                   least = an_private_sites_min(plan);
    return colluders < least ? least - colluders : 0;
}

an_err an_private_check(const an_plan *plan, uint32_t counted, an_note *why)
{
    an_noise_plan noise;
    if (plan->dp_unit != AN_DP_SITE)
        return AN_OK;
    an_err err = an_private_noise(&noise, plan, why);
    if (err != AN_OK)
        return err == AN_ERR_INVAL ? AN_ERR_REFUSED : err;
    if (plan->dp_counted > counted)
        return an_fail(AN_ERR_REFUSED, why,
                       "the plan counts on the noise of %u sites of %u, and with those that may be lost or "
                       "collude only %u are sure",
                       plan->dp_counted, plan->n_cohort, counted);
    if (plan->value_bits != noise.value_bits)
        return an_fail(AN_ERR_REFUSED, why, "the plan has %u value bits, its noise needs %u",
                       plan->value_bits, noise.value_bits);
    for (uint32_t i = 0; i < plan->n_tensors; i++)
        if (plan->tensors[i].unit_exp != noise.unit_exp)
            return an_fail(AN_ERR_REFUSED, why, "tensor %u has the unit 2^%d, the noise needs 2^%d", i,
                           plan->tensors[i].unit_exp, noise.unit_exp);
    return AN_OK;
}

double an_private_ratio(const an_plan *plan, uint64_t rows)
{
    an_noise_plan noise;
    if (plan->dp_unit == AN_DP_SITE && an_private_noise(&noise, plan, NULL) == AN_OK)
        return noise.noise_norm / noise.update_norm;
    if (plan->dp_unit != AN_DP_RECORD || rows == 0)
        return 0.0;
    uint64_t n = 0;
    for (uint32_t i = 0; i < plan->n_tensors; i++)
        n += plan->tensors[i].n;
    return plan->dp_noise * sqrt((double)n) / (plan->dp_rate * (double)rows);
}
