#include "agent/refit.h"

static double share(uint64_t k, uint64_t n)
{
    return n ? (double)k / (double)n : 0;
}

static double raised(const an_evaluation *e)
{
    uint64_t hits = 0, total = 0;
    for (size_t i = 0; i < AN_EVAL_SIZES; i++) {
        hits += e->sizes[i].raised;
        total += e->sizes[i].total;
    }
    return share(hits, total);
}

an_err an_refit_judge(const an_evaluation *c, const an_evaluation *p, const an_refit_margins *margins,
                      an_note *why)
{
    const double old_c = share(c->old_alarms, c->old_windows), old_p = share(p->old_alarms, p->old_windows);
    if (c->non_finite > 0)
        return an_fail(AN_ERR_REFUSED, why, "%llu windows gave no finite score",
                       (unsigned long long)c->non_finite);
    if (c->objections > 0)
        return an_fail(
            AN_ERR_REFUSED, why,
            "possible fault, not drift: the change looks like a declared failure mode, or would hide one");
    if (raised(p) - raised(c) > margins->faults)
        return an_fail(AN_ERR_REFUSED, why,
                       "possible fault, not drift: generic faults would be raised in %.0f %% of cases "
                       "instead of %.0f %%",
                       100 * raised(c), 100 * raised(p));
    if (old_c - old_p > margins->alarms)
        return an_fail(AN_ERR_REFUSED, why,
                       "alarms on old normal data in %.1f %% of windows instead of %.1f %%", 100 * old_c,
                       100 * old_p);
    if (c->gains == 0)
        return an_fail(
            AN_ERR_REFUSED, why,
            "no gain: alarms on new data in %.1f %% of windows, with the overlay that runs %.1f %%",
            100 * share(c->new_alarms, c->new_windows), 100 * share(p->new_alarms, p->new_windows));
    return AN_OK;
}
