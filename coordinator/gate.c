/* The gate.  All figures are shares of sums over sites, so no site's own figure is needed. */
#include <math.h>
#include <stdio.h>

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

static double mean_loss(const an_evaluation *e)
{
    return e->n ? e->loss_sum / (double)e->n : NAN;
}

/* p: a version without training, which what has learned anything is better than; without sites: there is none. */
static bool judge_first(const an_evaluation *c, const an_evaluation *p, an_note *ret)
{
    const double far = share(c->old_alarms + c->new_alarms, c->old_windows + c->new_windows);
    const double mean = mean_loss(c), untrained = mean_loss(p);
    char beside[64] = "";
    if (!isfinite(mean)) {
        an_note_set(ret, "no window was judged");
        return false;
    }
    if (isfinite(untrained)) {
        if (mean > 0 && !(mean < untrained)) {
            an_note_set(
                ret,
                "first version: loss %.4g, and %.4g without any training: what came from the sites has "
                "ruined it, or there was too little of it",
                mean, untrained);
            return false;
        }
        snprintf(beside, sizeof beside, " (%.4g without training)", untrained);
    }
    an_note_set(ret,
                "first version: loss %.4g%s over %llu windows, %.2f %% alarms on normal holdouts, %.0f %% of "
                "challenge faults raised",
                mean, beside, (unsigned long long)c->n, 100 * far, 100 * raised_share(c));
    return true;
}

bool an_gate_judge(const an_evaluate_out *e, const an_policy *policy, an_gate_case which, an_note *ret)
{
    const an_evaluation *c = &e->candidate, *p = &e->production;
    const bool incremental = which == AN_GATE_INCREMENTAL;
    if (c->non_finite) {
        an_note_set(ret, "%llu windows gave no finite score", (unsigned long long)c->non_finite);
        return false;
    }
    if (which == AN_GATE_FIRST || p->sites == 0)
        return judge_first(c, p, ret);

    double loss_c = mean_loss(c), loss_p = mean_loss(p);
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
