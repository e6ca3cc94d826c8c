/* The gate.  All figures are shares of sums over sites, so no site's own figure is needed. */
#include <math.h>

#include "coordinator/campaign.h"

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0.0;
}

static double raised_share(const an_evaluation *e)
{
    uint64_t raised = 0, total = 0;
    for (size_t i = 0; i < AN_EVAL_SIZES; i++) {
        raised += e->sizes[i].raised;
        total += e->sizes[i].total;
    }
    return share(raised, total);
}

static bool judge_alone(const an_evaluation *c, an_note *ret)
{
    double far = share(c->old_alarms + c->new_alarms, c->old_windows + c->new_windows);
    double mean = c->n ? c->loss_sum / (double)c->n : NAN;
    if (!isfinite(mean)) {
        an_note_set(ret, "no window was judged");
        return false;
    }
    an_note_set(ret,
                "first version: loss %.4g over %llu windows, %.2f %% alarms on normal holdouts, %.0f %% of "
                "challenge faults raised",
                mean, (unsigned long long)c->n, 100 * far, 100 * raised_share(c));
    return true;
}

bool an_gate_judge(const an_evaluate_out *e, const an_policy *policy, bool incremental, an_note *ret)
{
    const an_evaluation *c = &e->candidate, *p = &e->production;
    if (c->non_finite) {
        an_note_set(ret, "%llu windows gave no finite score", (unsigned long long)c->non_finite);
        return false;
    }
    if (p->sites == 0)
        return judge_alone(c, ret);

    double loss_c = c->n ? c->loss_sum / (double)c->n : NAN, loss_p = p->n ? p->loss_sum / (double)p->n : NAN;
    double new_c = share(c->new_alarms, c->new_windows), new_p = share(p->new_alarms, p->new_windows);
    double old_c = share(c->old_alarms, c->old_windows), old_p = share(p->old_alarms, p->old_windows);
    double raised_c = raised_share(c), raised_p = raised_share(p);

    if (c->objections) {
        an_note_set(ret,
                    "possible fault, not drift: at %llu of %llu sites the change looks like a declared "
                    "failure mode, or would hide one",
                    (unsigned long long)c->objections, (unsigned long long)c->sites);
        return false;
    }
    if (incremental && c->gains == 0) {
        an_note_set(ret, "no gain: none of %llu sites is better off on its new data (loss %.4g against %.4g)",
                    (unsigned long long)c->sites, loss_c, loss_p);
        return false;
    }
    if (raised_p - raised_c > policy->gate_challenge) {
        an_note_set(ret, "%s: injected faults would be raised in %.0f %% of cases instead of %.0f %%",
                    incremental ? "possible fault, not drift" : "blinder than production", 100 * raised_c,
                    100 * raised_p);
        return false;
    }
    if (!(loss_c <= loss_p * (1 + policy->gate_loss))) {
        an_note_set(ret, "loss %.4g against %.4g of production", loss_c, loss_p);
        return false;
    }
    if (new_c > new_p + policy->gate_alarms || old_c > old_p + policy->gate_alarms) {
        an_note_set(ret,
                    "alarms on normal holdouts: old %.2f %% against %.2f %%, new %.2f %% against %.2f %%",
                    100 * old_c, 100 * old_p, 100 * new_c, 100 * new_p);
        return false;
    }
    an_note_set(ret,
                "loss %.4g against %.4g; alarms on new normal data %.2f %% against %.2f %%, on old %.2f %% "
                "against %.2f %%; challenge faults raised %.0f %% against %.0f %%",
                loss_c, loss_p, 100 * new_c, 100 * new_p, 100 * old_c, 100 * old_p, 100 * raised_c,
                100 * raised_p);
    return true;
}
