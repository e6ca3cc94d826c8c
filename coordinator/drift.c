/* Reports of drift as a trigger: which count, and which lines have them beyond chance. */
#include <stdio.h>
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

static an_triage_finding *finding_of(an_triage *t, const char *site, const char *line)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->findings[i].site, site) == 0 && strcmp(t->findings[i].line, line) == 0)
            return &t->findings[i];
    return NULL;
}

/* A site can neither make the fleet larger nor the evidence: of one that is here its lines count and no others, of one
 * that is away so many as a site may have. */
static bool is_of_fleet(const an_triage_in *in, const an_triage *t, const char *site, const char *line)
{
    bool here = false;
    size_t n = 0;
    for (size_t i = 0; i < in->n_lines; i++) {
        if (strcmp(in->lines[i].site, site) != 0)
            continue;
        if (strcmp(in->lines[i].line, line) == 0)
            return true;
        here = true;
    }
    for (size_t i = 0; i < t->n; i++)
        n += strcmp(t->findings[i].site, site) == 0;
    return !here && n < AN_LINES_MAX;
}

static void take(const an_triage_in *in, an_triage *t, const an_drift_entry *d, double rows)
{
    an_triage_finding *f = finding_of(t, d->site, d->line);
    const double p = an_drift_p(d, rows, in->policy->drift_run);
    if (!f) {
        if (!is_of_fleet(in, t, d->site, d->line))
            return;
        f = &t->findings[t->n++];
        *f = (an_triage_finding){.p = 2, .first_ms = d->time_ms, .since_ms = d->since_ms};
        snprintf(f->site, sizeof f->site, "%s", d->site);
        snprintf(f->line, sizeof f->line, "%s", d->line);
    }
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
    size_t open = 0;
    (void)quorum; /* an_triage_is_quorate asks for it */
    t->gathers = true;
    for (size_t i = 0; i < in->n_alerts; i++)
        open += an_drift_counts(in, &in->alerts[i]);
    if (open && !(t->findings = an_alloc(open, sizeof *t->findings)))
        return AN_ERR_NOMEM;
    const double per_ms = in->rate_hz > 0 ? in->rate_hz / 1000 : 1e-3;
    const double rows = per_ms * (double)(in->policy->drift_gather_ms + in->policy->drift_within_ms);
    for (size_t i = 0; i < in->n_alerts; i++)
        if (an_drift_counts(in, &in->alerts[i]))
            take(in, t, &in->alerts[i], rows);
    drop_one_sided(in->policy, t);
    an_triage_count(in, t);
    t->chance = an_drift_chance_of(in->policy, t->n_lines, in->rate_hz);
    an_triage_prove(in, t, t->chance.level >= 1 ? 1 : t->chance.alone);
    if (t->n == 0)
        an_note_set(&t->evidence, "none of %zu lines at %zu sites reports drift", t->n_lines, t->n_sites);
    else
        an_triage_say(t, "drift", say_one);
    judge(in->policy, t);
    return AN_OK;
}
