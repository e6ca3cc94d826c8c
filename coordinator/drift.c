/* Reports of drift as a trigger: which count, and which lines have them beyond chance. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "coordinator/trigger.h"

static bool is_of_input(const an_drift_entry *d)
{
    return strcmp(d->test, "psi") == 0;
}

/* Falling scores are no loss, and what a campaign has answered is its matter. */
bool an_drift_counts(const an_triage_in *in, const an_drift_entry *d)
{
    const an_policy *p = in->policy;
    return d->campaign == 0 && !d->revoked && d->sign >= 0 && strcmp(d->model, in->model) == 0 &&
           an_hash_equal(&d->version, &in->production) &&
           in->now_ms - d->time_ms <= p->drift_gather_ms + p->drift_within_ms &&
           !(p->drift_tests == AN_DRIFT_TESTS_INPUT && !is_of_input(d)) &&
           !(p->drift_tests == AN_DRIFT_TESTS_SCORE && is_of_input(d));
}

/* ---- findings ---- */

/* By line, and of a line in the order of the journal, which is that of the list. */
static int by_line(const void *a, const void *b)
{
    const an_drift_entry *x = *(const an_drift_entry *const *)a, *y = *(const an_drift_entry *const *)b;
    const int site = strcmp(x->site, y->site), line = site ? site : strcmp(x->line, y->line);
    return line ? line : (x > y) - (x < y);
}

static int by_order(const void *a, const void *b)
{
    const an_triage_finding *x = a, *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

static void take(const an_triage_in *in, an_triage_finding *f, const an_drift_entry *d, double rows)
{
    const double p = an_drift_p(d, rows, in->policy->drift_run);
    f->reports++;
    f->of_input += is_of_input(d);
    f->several_subjects = f->several_subjects || (f->subject[0] && strcmp(f->subject, d->subject) != 0);
    if (d->since_ms < f->since_ms)
        f->since_ms = d->since_ms;
    if (!(p < f->p))
        return;
    f->p = p;
    f->effect = d->effect;
    f->threshold = d->threshold;
    snprintf(f->test, sizeof f->test, "%s", d->test);
    snprintf(f->subject, sizeof f->subject, "%s", d->subject);
}

static an_triage_finding begin(const an_triage_in *in, const an_drift_entry *d)
{
    an_triage_finding f = {
        .p = 2, .first_ms = d->time_ms, .since_ms = d->since_ms, .order = (size_t)(d - in->alerts)};
    snprintf(f.site, sizeof f.site, "%s", d->site);
    snprintf(f.line, sizeof f.line, "%s", d->line);
    return f;
}

/* A site can neither make the fleet larger nor the evidence: of one that is here its lines count and no others, of one
 * that is away so many as a site may have, the first that reported. */
static void end_site(const an_triage_in *in, an_triage *t, size_t first)
{
    if (t->n == first || an_triage_knows_site(in, t->findings[first].site) || t->n - first <= AN_LINES_MAX)
        return;
    qsort(&t->findings[first], t->n - first, sizeof *t->findings, by_order);
    t->n = first + AN_LINES_MAX;
}

/* A finding for each line of the sorted reports. */
static void find(const an_triage_in *in, an_triage *t, const an_drift_entry *const *open, size_t n,
                 double rows)
{
    size_t first = 0; /* finding of this site */
    for (size_t i = 0, m; i < n; i += m) {
        const an_drift_entry *d = open[i];
        if (i > 0 && strcmp(d->site, open[i - 1]->site) != 0) {
            end_site(in, t, first);
            first = t->n;
        }
        for (m = 1;
             i + m < n && strcmp(open[i + m]->site, d->site) == 0 && strcmp(open[i + m]->line, d->line) == 0;)
            m++;
        if (an_triage_knows_site(in, d->site) && !an_triage_knows_line(in, d->site, d->line))
            continue;
        t->findings[t->n] = begin(in, d);
        for (size_t k = 0; k < m; k++)
            take(in, &t->findings[t->n], open[i + k], rows);
        t->n++;
    }
    end_site(in, t, first);
}

/* Errors: NOMEM. */
static an_err find_all(const an_triage_in *in, an_triage *t, double rows)
{
    size_t n = 0, lines = 0;
    const an_drift_entry **open;
    for (size_t i = 0; i < in->n_alerts; i++)
        n += an_drift_counts(in, &in->alerts[i]);
    if (n == 0)
        return AN_OK;
    if (!(open = an_alloc(n, sizeof(const an_drift_entry *))))
        return AN_ERR_NOMEM;
    n = 0;
    for (size_t i = 0; i < in->n_alerts; i++)
        if (an_drift_counts(in, &in->alerts[i]))
            open[n++] = &in->alerts[i];
    qsort(open, n, sizeof *open, by_line);
    for (size_t i = 0; i < n; i++)
        lines += i == 0 || strcmp(open[i]->site, open[i - 1]->site) != 0 ||
                 strcmp(open[i]->line, open[i - 1]->line) != 0;
    t->findings = an_alloc(lines, sizeof *t->findings);
    if (t->findings)
        find(in, t, open, n, rows);
    an_free(open);
    return t->findings ? AN_OK : AN_ERR_NOMEM;
}

/* Where both kinds of tests are wanted, a line with one of them has not reported yet. */
static void drop_one_sided(const an_policy *p, an_triage *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        const an_triage_finding *f = &t->findings[i];
        if (p->drift_tests != AN_DRIFT_TESTS_BOTH || (f->of_input > 0 && f->of_input < f->reports))
            t->findings[n++] = *f;
    }
    t->n = n;
}

static void say_one(char *ret, size_t size, const an_triage_finding *f)
{
    char since[25];
    an_time_text(since, f->since_ms);
    snprintf(ret, size, "%s of %s %.3g over %.3g, since %s", f->test, f->subject, f->effect, f->threshold,
             since);
}

static void judge(const an_policy *p, an_triage *t)
{
    if (t->n == 0)
        an_note_set(&t->why, "no report");
    else if (t->proven == 0)
        an_note_set(
            &t->why,
            "could be chance: among %zu lines without drift %.3g such reports are expected in a "
            "month; p %.2g, and at most %.2g is taken for a drift of one line (drift.false_month %.3g)",
            t->n_lines, t->chance.reports, t->findings[0].p, t->chance.alone, p->drift_false_month);
    else
        t->due = an_triage_is_quorate(t);
}

an_err an_look_drift(const an_triage_in *in, double quorum, an_triage *t)
{
    const double per_ms = in->rate_hz > 0 ? in->rate_hz / 1000 : 1e-3;
    const double rows = per_ms * (double)(in->policy->drift_gather_ms + in->policy->drift_within_ms);
    (void)quorum; /* an_triage_is_quorate asks for it */
    t->gathers = true;
    an_err err = find_all(in, t, rows);
    if (err != AN_OK)
        return err;
    drop_one_sided(in->policy, t);
    an_triage_count(in, t);
    t->chance = an_drift_chance_of(in->policy, t->n_lines, in->rate_hz);
    an_triage_prove(in, t, t->chance.level >= 1 ? 1 : t->chance.alone);
    if (t->n == 0)
        an_note_set(&t->evidence, "none of %zu line%s at %zu site%s reports drift", t->n_lines,
                    t->n_lines == 1 ? "" : "s", t->n_sites, t->n_sites == 1 ? "" : "s");
    else
        an_triage_say(t, "drift", say_one);
    judge(in->policy, t);
    return AN_OK;
}
