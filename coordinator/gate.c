/* The gate.  All figures are shares of sums over sites, so no site's own figure is needed. */
#include "coordinator/gate.h"

#include <math.h>
#include <stdio.h>

#include "models/stats.h"

/* A row of the verdict; the first that fails gives the reason. */
typedef struct docket {
    an_gate_verdict *v;
    const an_policy *policy;
    double z;
    bool incremental;
} docket;

static void put(docket *d, const char *what, double candidate, double production, double bound, double limit,
                bool judged)
{
    if (d->v->n_rows == AN_GATE_ROWS_MAX)
        return;
    d->v->rows[d->v->n_rows++] = (an_gate_row){.what = what,
                                               .candidate = candidate,
                                               .production = production,
                                               .bound = bound,
                                               .limit = limit,
                                               .passed = !judged || bound <= limit,
                                               .judged = judged};
}

static const an_gate_row *last(const docket *d)
{
    return &d->v->rows[d->v->n_rows - 1];
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0.0;
}

static double mean_loss(const an_evaluation *e)
{
    return e->n ? e->loss_sum / (double)e->n : NAN;
}

static void challenge(const an_evaluation *e, uint64_t *ret_raised, uint64_t *ret_total)
{
    *ret_raised = *ret_total = 0;
    for (size_t i = 0; i < AN_EVAL_SIZES; i++) {
        *ret_raised += e->sizes[i].raised;
        *ret_total += e->sizes[i].total;
    }
}

static double raised_share(const an_evaluation *e)
{
    uint64_t raised, total;
    challenge(e, &raised, &total);
    return share(raised, total);
}

/* ---- the lines of the verdict; true: passed ---- */

/* How much higher share k1 of n1 may be than k2 of n2: the bound, or with too few the difference itself. */
static double higher(const docket *d, uint64_t k1, uint64_t n1, uint64_t k2, uint64_t n2)
{
    const uint64_t least = (uint64_t)d->policy->gate_windows;
    if (n1 < least || n2 < least)
        return share(k1, n1) - share(k2, n2);
    return an_difference_upper(k1, n1, k2, n2, d->z);
}

static bool finite(docket *d, const an_evaluation *c, const an_evaluation *p)
{
    put(d, "windows without a finite score", (double)c->non_finite, (double)p->non_finite,
        (double)c->non_finite, 0, true);
    if (last(d)->passed)
        return true;
    d->v->hard = true;
    an_note_set(&d->v->reason, "%llu windows gave no finite score", (unsigned long long)c->non_finite);
    return false;
}

static bool objections(docket *d, const an_evaluation *c)
{
    put(d, "sites that object", (double)c->objections, 0, (double)c->objections, 0, true);
    if (last(d)->passed)
        return true;
    an_note_set(
        &d->v->reason,
        "possible fault, not drift: at %llu of %llu sites the change looks like a declared failure mode, or "
        "would hide one",
        (unsigned long long)c->objections, (unsigned long long)c->sites);
    return false;
}

static bool gain(docket *d, const an_evaluation *c, const an_evaluation *p)
{
    put(d, "sites that gain", (double)c->gains, 0, -(double)c->gains, -1, d->incremental);
    if (last(d)->passed)
        return true;
    an_note_set(&d->v->reason,
                "no gain: none of %llu sites is better off on its new data (loss %.4g against %.4g)",
                (unsigned long long)c->sites, mean_loss(c), mean_loss(p));
    return false;
}

/* Raised less often, as a difference of misses. */
static bool faults(docket *d, const char *what, uint64_t c_raised, uint64_t c_total, uint64_t p_raised,
                   uint64_t p_total)
{
    const double c = share(c_raised, c_total), p = share(p_raised, p_total);
    put(d, what, c, p, higher(d, c_total - c_raised, c_total, p_total - p_raised, p_total),
        d->policy->gate_challenge, true);
    if (last(d)->passed)
        return true;
    an_note_set(
        &d->v->reason,
        "%s: %s would be raised in %.0f %% of cases instead of %.0f %% (surely no more than %.1f points "
        "less often is allowed; it may be %.1f)",
        d->incremental ? "possible fault, not drift" : "blinder than production", what, 100 * c, 100 * p,
        100 * d->policy->gate_challenge, 100 * last(d)->bound);
    return false;
}

static bool blind(docket *d, const an_evaluation *c, const an_evaluation *p)
{
    double low, high;
    uint64_t raised, total;
    challenge(c, &raised, &total);
    an_wilson(raised, total, d->z, &low, &high);
    if (total == 0 || share(raised, total) >= 0.2 * raised_share(p) || high >= 0.5 * raised_share(p))
        return false;
    put(d, "injected faults, next to none", share(raised, total), raised_share(p), 1, 0, true);
    d->v->hard = true;
    return true;
}

static bool all_faults(docket *d, const an_evaluation *c, const an_evaluation *p)
{
    static const char *const names[AN_EVAL_SIZES] = {
        "injected faults, smallest", "injected faults, 2nd size", "injected faults, 3rd size",
        "injected faults, 4th size", "injected faults, 5th size", "injected faults, 6th size",
        "injected faults, 7th size", "injected faults, 8th size"};
    uint64_t c_raised, c_total, p_raised, p_total;
    challenge(c, &c_raised, &c_total);
    challenge(p, &p_raised, &p_total);
    bool ok = faults(d, "injected faults", c_raised, c_total, p_raised, p_total);
    /* A size alone: only a loss that is beyond doubt, as there are several of them. */
    for (size_t i = 0; i < AN_EVAL_SIZES; i++) {
        if (c->sizes[i].total == 0 || p->sizes[i].total == 0)
            continue;
        const uint64_t cr = c->sizes[i].raised, ct = c->sizes[i].total, pr = p->sizes[i].raised,
                       pt = p->sizes[i].total;
        put(d, names[i], share(cr, ct), share(pr, pt), -an_difference_upper(cr, ct, pr, pt, d->z),
            d->policy->gate_challenge, true);
        if (ok && !last(d)->passed) {
            an_note_set(&d->v->reason, "%s: %s would be raised in %.0f %% of cases instead of %.0f %%",
                        d->incremental ? "possible fault, not drift" : "blinder than production", names[i],
                        100 * share(cr, ct), 100 * share(pr, pt));
            ok = false;
        }
    }
    const bool hard = blind(d, c, p);
    if (ok && hard)
        an_note_set(&d->v->reason, "blind: it raises %.0f %% of the injected faults, production %.0f %%",
                    100 * share(c_raised, c_total), 100 * share(p_raised, p_total));
    return ok && !hard;
}

static bool loss(docket *d, const an_evaluation *c, const an_evaluation *p)
{
    const double lc = mean_loss(c), lp = mean_loss(p);
    put(d, "mean loss", lc, lp, lc, lp * (1 + d->policy->gate_loss), true);
    if (last(d)->passed)
        return true;
    an_note_set(&d->v->reason, "loss %.4g against %.4g of production", lc, lp);
    return false;
}

static bool alarms(docket *d, const char *what, uint64_t ck, uint64_t cn, uint64_t pk, uint64_t pn)
{
    put(d, what, share(ck, cn), share(pk, pn), higher(d, ck, cn, pk, pn), d->policy->gate_alarms, true);
    if (last(d)->passed)
        return true;
    an_note_set(
        &d->v->reason,
        "alarms on normal holdouts: %s %.2f %% against %.2f %%, which may be %.2f points more, and %.2f are "
        "allowed",
        what, 100 * share(ck, cn), 100 * share(pk, pn), 100 * last(d)->bound, 100 * d->policy->gate_alarms);
    return false;
}

/* ---- the shadow ---- */

static bool shadow_finite(docket *d, const an_shadow_counts *s)
{
    put(d, "shadow: rows it alone could not score", (double)s->candidate_failed, 0,
        (double)s->candidate_failed, 0, true);
    if (last(d)->passed)
        return true;
    d->v->hard = true;
    an_note_set(&d->v->reason, "shadow: %llu of %llu rows gave no finite score, where production gave one",
                (unsigned long long)s->candidate_failed, (unsigned long long)s->rows);
    return false;
}

/* Too many: worse at all beyond doubt, and by more than the band. */
static bool shadow_alarms(docket *d, const an_shadow_counts *s)
{
    const double alpha = 1 - d->policy->gate_confidence;
    const uint64_t c = s->candidate.blocks_over, p = s->production.blocks_over;
    const bool more = (double)c > d->policy->gate_band * (double)p;
    put(d, "shadow: blocks of rows over the threshold", share(c, s->blocks), share(p, s->blocks),
        more ? 1 - an_mcnemar(s->candidate_only, s->production_only) : 0, 1 - alpha, true);
    const bool blocks_ok = last(d)->passed;
    const double p_rate =
        s->candidate.rows && s->production.rows
            ? an_rates_test(s->candidate.alarms, (double)s->candidate.rows, s->production.alarms,
                            (double)s->production.rows, d->policy->gate_band)
            : 1;
    put(d, "shadow: alarms", (double)s->candidate.alarms, (double)s->production.alarms, 1 - p_rate, 1 - alpha,
        true);
    if (blocks_ok && last(d)->passed)
        return true;
    an_note_set(
        &d->v->reason,
        "shadow: over its threshold in %llu of %llu blocks of rows with %llu alarm%s, and production in %llu "
        "with %llu on the same rows",
        (unsigned long long)c, (unsigned long long)s->blocks, (unsigned long long)s->candidate.alarms,
        s->candidate.alarms == 1 ? "" : "s", (unsigned long long)p, (unsigned long long)s->production.alarms);
    return false;
}

static bool shadow_latency(docket *d, const an_shadow_counts *s)
{
    const double c = an_shadow_latency_at(&s->candidate, 0.95),
                 p = an_shadow_latency_at(&s->production, 0.95);
    put(d, "shadow: latency of a row, 95 %, in us", c, p, c,
        fmax(d->policy->gate_latency * p, p + (double)d->policy->gate_latency_us), p > 0);
    if (last(d)->passed)
        return true;
    an_note_set(&d->v->reason, "shadow: 95 %% of the rows take it up to %.0f us, production %.0f us", c, p);
    return false;
}

/* The first that fails says why, or what is so bad that it is quarantined; the others are rows all the same. */
static bool shadowed(docket *d, const an_shadow_counts *s, bool ok)
{
    bool (*const lines[])(docket *, const an_shadow_counts *) = {shadow_finite, shadow_alarms,
                                                                 shadow_latency};
    an_note first = d->v->reason;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const bool hard = d->v->hard, passed = lines[i](d, s);
        if (!passed && (ok || d->v->hard != hard))
            first = d->v->reason;
        ok = ok && passed;
    }
    d->v->reason = first;
    put(d, "shadow: stability index of the scores", an_shadow_psi(&s->candidate, &s->production), 0, 0, 0,
        false);
    put(d, "shadow: sites where it alone is worse", (double)s->worse, 0, 0, 0, false);
    return ok;
}

/* ---- verdicts ---- */

/* p: a version without training, which what has learned anything is better than; without sites: there is none. */
static bool judge_first(docket *d, const an_evaluation *c, const an_evaluation *p)
{
    const double far = share(c->old_alarms + c->new_alarms, c->old_windows + c->new_windows);
    const double mean = mean_loss(c), untrained = mean_loss(p);
    char beside[64] = "";
    if (!isfinite(mean)) {
        put(d, "mean loss", mean, untrained, 1, 0, true);
        an_note_set(&d->v->reason, "no window was judged");
        return false;
    }
    if (isfinite(untrained)) {
        const bool better = !(mean > 0) || mean < untrained;
        put(d, "mean loss, against no training", mean, untrained, better ? 0 : 1, 0, true);
        if (!better) {
            an_note_set(
                &d->v->reason,
                "first version: loss %.4g, and %.4g without any training: what came from the sites has "
                "ruined it, or there was too little of it",
                mean, untrained);
            return false;
        }
        snprintf(beside, sizeof beside, " (%.4g without training)", untrained);
    }
    put(d, "alarms on normal holdouts", far, 0, far, 1, false);
    put(d, "injected faults", raised_share(c), 0, 0, 0, false);
    an_note_set(&d->v->reason,
                "first version: loss %.4g%s over %llu windows, %.2f %% alarms on normal holdouts, %.0f %% of "
                "challenge faults raised",
                mean, beside, (unsigned long long)c->n, 100 * far, 100 * raised_share(c));
    return true;
}

static void say_passed(docket *d, const an_evaluation *c, const an_evaluation *p, const an_shadow_counts *s)
{
    const bool few = c->old_windows + c->new_windows < (uint64_t)d->policy->gate_windows;
    char shadow[80] = "";
    if (s)
        snprintf(shadow, sizeof shadow, "; beside production on %llu rows at %llu sites",
                 (unsigned long long)s->rows, (unsigned long long)s->sites);
    an_note_set(
        &d->v->reason,
        "loss %.4g against %.4g; alarms on new normal data %.2f %% against %.2f %%, on old %.2f %% against "
        "%.2f %%; challenge faults raised %.0f %% against %.0f %%%s%s",
        mean_loss(c), mean_loss(p), 100 * share(c->new_alarms, c->new_windows),
        100 * share(p->new_alarms, p->new_windows), 100 * share(c->old_alarms, c->old_windows),
        100 * share(p->old_alarms, p->old_windows), 100 * raised_share(c), 100 * raised_share(p), shadow,
        few ? "; too few windows for bounds" : "");
}

/* All lines are made; the reason is that of the first in this order that fails. */
static bool judge_beside(docket *d, const an_evaluation *c, const an_evaluation *p, const an_shadow_counts *s)
{
    bool (*const lines[])(docket *, const an_evaluation *, const an_evaluation *) = {gain, all_faults, loss};
    an_note first = {{0}};
    bool ok = objections(d, c);
    first = d->v->reason;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const bool passed = lines[i](d, c, p);
        if (ok && !passed)
            first = d->v->reason;
        ok = ok && passed;
    }
    const bool old = alarms(d, "alarms, old", c->old_alarms, c->old_windows, p->old_alarms, p->old_windows);
    if (ok && !old)
        first = d->v->reason;
    const bool fresh = alarms(d, "alarms, new", c->new_alarms, c->new_windows, p->new_alarms, p->new_windows);
    if (ok && old && !fresh)
        first = d->v->reason;
    ok = ok && old && fresh;
    if (!ok)
        d->v->reason = first;
    return s ? shadowed(d, s, ok) : ok;
}

void an_gate_judge(const an_evaluate_out *e, const an_shadow_counts *shadow, const an_policy *policy,
                   an_gate_case which, an_gate_verdict *ret)
{
    const an_evaluation *c = &e->candidate, *p = &e->production;
    docket d = {.v = ret,
                .policy = policy,
                .z = an_normal_quantile(policy->gate_confidence),
                .incremental = which == AN_GATE_INCREMENTAL};
    *ret = (an_gate_verdict){.passed = false};
    if (!finite(&d, c, p))
        return;
    if (which == AN_GATE_FIRST || p->sites == 0) {
        ret->passed = judge_first(&d, c, p);
        return;
    }
    ret->passed = judge_beside(&d, c, p, shadow);
    if (ret->passed)
        say_passed(&d, c, p, shadow);
}
