/* What people say of alarms, how much data there is, and how long ago the last training was. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/trigger.h"
#include "models/stats.h"

#define DAY_MS 86400000.0

/* ---- the counts of lines that run the model ---- */

/* take: false if the counts say nothing.  Errors: NOMEM. */
static an_err gather(const an_triage_in *in, an_triage *t,
                     bool (*take)(const an_triage_in *in, const an_counts_entry *e, double bound,
                                  an_triage_finding *ret),
                     double bound)
{
    t->findings = an_alloc(in->n_counts + 1, sizeof *t->findings);
    if (!t->findings)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < in->n_counts; i++) {
        const an_counts_entry *e = &in->counts[i];
        an_triage_finding *f = &t->findings[t->n];
        *f = (an_triage_finding){.first_ms = e->figures.since_ms, .since_ms = e->figures.since_ms};
        if (strcmp(e->figures.model, in->model) != 0 || !an_triage_knows_line(in, e->site, e->figures.line) ||
            !take(in, e, bound, f))
            continue;
        snprintf(f->site, sizeof f->site, "%s", e->site);
        snprintf(f->line, sizeof f->line, "%s", e->figures.line);
        snprintf(f->test, sizeof f->test, "%s", t->cause);
        t->n++;
    }
    an_triage_count(in, t);
    return AN_OK;
}

/* ---- verdicts ---- */

/* Is the share of hits below `share`?  What is shown is `value`, held against the policy's bound. */
static bool weigh(const an_triage_in *in, uint64_t hits, uint64_t misses, double share, double value,
                  double bound, an_triage_finding *ret)
{
    const uint64_t n = hits + misses;
    if (n < (uint64_t)in->policy->trigger_verdicts)
        return false;
    ret->reports = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
    ret->effect = value;
    ret->threshold = bound;
    ret->p = an_binomial_tail(misses, n, 1 - share);
    return true;
}

/* Of the version that is production; what an earlier campaign has answered is its matter. */
static bool judged(const an_triage_in *in, const an_counts_entry *e, uint64_t *right, uint64_t *wrong,
                   uint64_t *missed)
{
    *right = e->figures.confirmed - e->base.confirmed;
    *wrong = e->figures.refuted - e->base.refuted;
    *missed = e->figures.missed - e->base.missed;
    return an_hash_equal(&e->figures.version, &in->production);
}

static double share_of(uint64_t hits, uint64_t n)
{
    return n ? (double)hits / (double)n : 0;
}

static bool take_precision(const an_triage_in *in, const an_counts_entry *e, double bound,
                           an_triage_finding *ret)
{
    uint64_t right, wrong, missed;
    return judged(in, e, &right, &wrong, &missed) &&
           weigh(in, right, wrong, bound, share_of(right, right + wrong), bound, ret);
}

static bool take_recall(const an_triage_in *in, const an_counts_entry *e, double bound,
                        an_triage_finding *ret)
{
    uint64_t right, wrong, missed;
    return judged(in, e, &right, &wrong, &missed) &&
           weigh(in, right, missed, bound, share_of(right, right + missed), bound, ret);
}

static bool take_f1(const an_triage_in *in, const an_counts_entry *e, double bound, an_triage_finding *ret)
{
    uint64_t right, wrong, missed;
    return judged(in, e, &right, &wrong, &missed) &&
           weigh(in, right, wrong + missed, bound / (2 - bound),
                 share_of(2 * right, 2 * right + wrong + missed), bound, ret);
}

static void say_share(char *ret, size_t size, const an_triage_finding *f)
{
    snprintf(ret, size, "%.3g of %u, below %.3g, p %.2g", f->effect, f->reports, f->threshold, f->p);
}

static an_err look_share(const an_triage_in *in, double bound, an_triage *t,
                         bool (*take)(const an_triage_in *in, const an_counts_entry *e, double bound,
                                      an_triage_finding *ret))
{
    an_err err = gather(in, t, take, bound);
    if (err != AN_OK)
        return err;
    an_triage_prove(in, t, (1 - in->policy->trigger_confidence) / (double)(t->n_lines ? t->n_lines : 1));
    if (t->proven == 0) {
        an_note_set(&t->evidence, "none of %zu lines with %lld verdicts or more is below %.3g for sure", t->n,
                    (long long)in->policy->trigger_verdicts, bound);
        return AN_OK;
    }
    an_triage_say(t, t->cause, say_share);
    t->due = an_triage_is_quorate(t);
    return AN_OK;
}

an_err an_look_precision(const an_triage_in *in, double bound, an_triage *t)
{
    return look_share(in, bound, t, take_precision);
}

an_err an_look_recall(const an_triage_in *in, double bound, an_triage *t)
{
    return look_share(in, bound, t, take_recall);
}

an_err an_look_f1(const an_triage_in *in, double bound, an_triage *t)
{
    return look_share(in, bound, t, take_f1);
}

/* ---- data ---- */

static bool take_rows(const an_triage_in *in, const an_counts_entry *e, double bound, an_triage_finding *ret)
{
    (void)in;
    ret->effect = (double)an_counts_rows(e);
    ret->threshold = bound;
    return ret->effect > 0;
}

static void say_rows(char *ret, size_t size, const an_triage_finding *f)
{
    snprintf(ret, size, "%.0f", f->effect);
}

an_err an_look_data(const an_triage_in *in, double bound, an_triage *t)
{
    an_err err = gather(in, t, take_rows, bound);
    if (err != AN_OK)
        return err;
    an_triage_prove(in, t, 1); /* by site and line now */
    t->everybody = true;
    const double part = bound / (double)(t->needed ? t->needed : 1);
    double sum = 0, of_site = 0;
    for (size_t i = 0; i < t->n; i++) {
        of_site += t->findings[i].effect;
        if (i + 1 < t->n && strcmp(t->findings[i].site, t->findings[i + 1].site) == 0)
            continue;
        sum += fmin(of_site, part);
        of_site = 0;
    }
    t->due = sum >= bound * (1 - 1e-9);
    char words[96];
    snprintf(words, sizeof words, "%.0f of %.0f new rows since the last training,", sum, bound);
    if (t->n > 0)
        an_triage_say(t, words, say_rows);
    else
        an_note_set(&t->evidence, "no rows are known since the last training");
    return AN_OK;
}

/* ---- the calendar ---- */

an_err an_look_schedule(const an_triage_in *in, double every_ms, an_triage *t)
{
    an_triage_count(in, t);
    an_triage_prove(in, t, 1);
    t->everybody = true;
    const double since = (double)(in->now_ms - in->trained_ms);
    t->due = in->trained_ms > 0 && since >= every_ms;
    if (!t->due && in->trained_ms > 0)
        t->again_ms = in->trained_ms + (int64_t)every_ms;
    if (in->trained_ms > 0)
        an_note_set(&t->evidence, "%.2f days since the last training, of %.2f (trigger.every)",
                    since / DAY_MS, every_ms / DAY_MS);
    else
        an_note_set(&t->evidence, "it was not trained yet");
    return AN_OK;
}
