#include "coordinator/drift.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "coordinator/calendar.h"

#define FLEET 0.8   /* share of the sites from which on it is the fleet */
#define NAMED_MAX 6 /* lines that the evidence names */

const char *an_triage_scope_name(an_triage_scope scope)
{
    static const char *const names[] = {"none",     "one sensor",    "one line",
                                        "one site", "several sites", "the fleet"};
    return names[scope];
}

const char *an_triage_answer_name(an_triage_answer answer)
{
    static const char *const names[] = {"nothing", "ask", "campaign", "overlay only"};
    return names[answer];
}

static bool is_of_input(const an_drift_entry *d)
{
    return strcmp(d->test, "psi") == 0;
}

/* Falling scores are no loss, and what a campaign has answered is its matter. */
bool an_drift_counts(const an_triage_in *in, const an_drift_entry *d)
{
    const an_policy *p = in->policy;
    return d->campaign == 0 && d->sign >= 0 && strcmp(d->model, in->model) == 0 &&
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

static void take(const an_triage_in *in, an_triage *t, const an_drift_entry *d, double rows)
{
    an_triage_finding *f = finding_of(t, d->site, d->line);
    const double p = an_drift_p(d, rows, in->policy->drift_run);
    if (!f) {
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

static int by_p(const void *a, const void *b)
{
    const an_triage_finding *x = a, *y = b;
    if (x->p < y->p || y->p < x->p)
        return x->p < y->p ? -1 : 1;
    const int site = strcmp(x->site, y->site);
    return site ? site : strcmp(x->line, y->line);
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

static bool is_known_line(const an_triage_in *in, const an_triage_finding *f)
{
    for (size_t i = 0; i < in->n_lines; i++)
        if (strcmp(in->lines[i].site, f->site) == 0 && strcmp(in->lines[i].line, f->line) == 0)
            return true;
    return false;
}

static bool is_known_site(const an_triage_in *in, const char *site, size_t before)
{
    for (size_t i = 0; i < before; i++)
        if (strcmp(in->lines[i].site, site) == 0)
            return true;
    return false;
}

/* Is findings[i] the first of its site, among those that are proven, or also ripe? */
static bool is_first(const an_triage *t, size_t i, bool ripe)
{
    for (size_t k = 0; k < i; k++)
        if (t->findings[k].proven && (!ripe || t->findings[k].ripe) &&
            strcmp(t->findings[k].site, t->findings[i].site) == 0)
            return false;
    return true;
}

/* A site that is away just now has reported all the same. */
static void count_lines(const an_triage_in *in, an_triage *t)
{
    t->n_lines = in->n_lines;
    for (size_t i = 0; i < in->n_lines; i++)
        t->n_sites += !is_known_site(in, in->lines[i].site, i);
    for (size_t i = 0; i < t->n; i++) {
        t->n_lines += !is_known_line(in, &t->findings[i]);
        bool is_new = !is_known_site(in, t->findings[i].site, in->n_lines);
        for (size_t k = 0; k < i && is_new; k++)
            is_new = strcmp(t->findings[k].site, t->findings[i].site) != 0;
        t->n_sites += is_new;
    }
}

static void prove(const an_triage_in *in, an_triage *t)
{
    size_t k = 0;
    for (size_t i = 0; i < t->n; i++)
        if (t->chance.level >= 1 || t->findings[i].p <= t->chance.alone * (double)(i + 1))
            k = i + 1;
    t->proven = k;
    for (size_t i = 0; i < k; i++) {
        an_triage_finding *f = &t->findings[i];
        f->proven = true;
        f->ripe = in->now_ms - f->first_ms >= in->policy->drift_gather_ms;
        t->proven_sites += is_first(t, i, false);
        t->ripe_sites += f->ripe && is_first(t, i, true);
    }
}

static an_triage_scope scope_of(const an_triage *t)
{
    size_t lines = t->proven ? t->proven : t->n, sites = 0;
    for (size_t i = 0; i < lines; i++) {
        bool first = true;
        for (size_t k = 0; k < i && first; k++)
            first = strcmp(t->findings[k].site, t->findings[i].site) != 0;
        sites += first;
    }
    if (lines == 0)
        return AN_SCOPE_NONE;
    if (sites > 1)
        return (double)sites >= FLEET * (double)t->n_sites ? AN_SCOPE_FLEET : AN_SCOPE_SITES;
    if (lines > 1)
        return AN_SCOPE_SITE;
    const an_triage_finding *f = &t->findings[0];
    return f->of_input == f->reports && !f->several_subjects ? AN_SCOPE_SENSOR : AN_SCOPE_LINE;
}

/* ---- words ---- */

static void say_evidence(an_triage *t)
{
    char text[sizeof t->evidence.text], since[25];
    size_t at = 0;
    const size_t shown = t->proven ? t->proven : t->n;
    if (shown == 0) {
        an_note_set(&t->evidence, "none of %zu lines at %zu sites reports drift", t->n_lines, t->n_sites);
        return;
    }
    int n = snprintf(text, sizeof text, "drift of %s, %zu of %zu lines: ", an_triage_scope_name(t->scope),
                     shown, t->n_lines);
    at += n > 0 ? (size_t)n : 0;
    for (size_t i = 0; i < shown && i < NAMED_MAX && at < sizeof text; i++) {
        const an_triage_finding *f = &t->findings[i];
        an_time_text(since, f->since_ms);
        n = snprintf(text + at, sizeof text - at, "%s%s/%s (%s of %s %.3g over %.3g, since %s)",
                     i ? ", " : "", f->site, f->line, f->test, f->subject, f->effect, f->threshold, since);
        at += n > 0 ? (size_t)n : 0;
    }
    an_note_set(&t->evidence, "%s%s", text, shown > NAMED_MAX ? ", ..." : "");
}

/* ---- the answer ---- */

static bool nothing(an_triage *t, int64_t again_ms)
{
    t->answer = AN_ANSWER_NOTHING;
    t->again_ms = again_ms;
    return false;
}

static bool is_proven(an_triage *t, const an_policy *p)
{
    if (t->n == 0) {
        an_note_set(&t->why, "no report");
        return nothing(t, INT64_MAX);
    }
    if (t->proven == 0) {
        an_note_set(&t->why,
                    "could be chance: among %zu lines without drift %.3g such reports are expected in a "
                    "month; p %.2g, "
                    "and at most %.2g is taken for a drift of one line (drift.false_month %.3g)",
                    t->n_lines, t->chance.reports, t->findings[0].p, t->chance.alone, p->drift_false_month);
        return nothing(t, INT64_MAX);
    }
    if (t->proven_sites < t->needed) {
        an_note_set(&t->why, "%zu of at least %zu sites report it (drift.quorum, drift.share)",
                    t->proven_sites, t->needed);
        return nothing(t, INT64_MAX);
    }
    return true;
}

/* When so many sites have gathered what came after their reports. */
static int64_t ripe_at(const an_triage *t, const an_policy *p, int64_t now_ms)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < t->proven; i++)
        if (!t->findings[i].ripe && t->findings[i].first_ms + p->drift_gather_ms < next)
            next = t->findings[i].first_ms + p->drift_gather_ms;
    return next == INT64_MAX ? next : next > now_ms ? next : now_ms;
}

static bool is_time(const an_triage_in *in, an_triage *t)
{
    const an_policy *p = in->policy;
    an_calendar hours;
    if (in->busy) {
        an_note_set(&t->why, "a campaign is open");
        return nothing(t, INT64_MAX);
    }
    if (t->ripe_sites < t->needed) {
        an_note_set(&t->why, "rows of the new regime are being gathered (drift.gather)");
        return nothing(t, ripe_at(t, p, in->now_ms));
    }
    if (in->campaign_ms && in->now_ms - in->campaign_ms < p->drift_cooldown_ms) {
        an_note_set(&t->why, "the last campaign ended less than drift.cooldown ago");
        return nothing(t, in->campaign_ms + p->drift_cooldown_ms);
    }
    if (an_calendar_parse(p->drift_hours, &hours, NULL) == AN_OK && !an_calendar_open(&hours, in->now_ms)) {
        an_note_set(&t->why, "outside of the hours for campaigns, drift.hours %.100s", p->drift_hours);
        return nothing(t, an_calendar_next(&hours, in->now_ms));
    }
    return true;
}

static void decide(const an_triage_in *in, an_triage *t)
{
    const an_policy *p = in->policy;
    const double share = ceil(p->drift_share * (double)t->n_sites - 1e-9);
    t->needed = (size_t)fmax((double)p->drift_quorum, share);
    if (!is_proven(t, p) || !is_time(in, t))
        return;
    const bool few = t->proven_sites < (size_t)p->min_cohort;
    if (t->n_sites < (size_t)p->min_cohort || (few && p->drift_few == AN_DRIFT_FEW_OVERLAY)) {
        t->answer = AN_ANSWER_OVERLAY;
        an_note_set(&t->why,
                    "%zu sites drift and %zu run the model; a round needs %lld: no campaign, these are to "
                    "adapt their overlays",
                    t->proven_sites, t->n_sites, (long long)p->min_cohort);
        return;
    }
    t->answer = p->drift_automatic ? AN_ANSWER_CAMPAIGN : AN_ANSWER_ASK;
    if (t->scope == AN_SCOPE_SENSOR && p->drift_ask_sensor)
        t->answer = AN_ANSWER_ASK;
    an_note_set(&t->why, "%zu site%s train%s on what is new, the others with what they know%s",
                t->proven_sites, t->proven_sites == 1 ? "" : "s", t->proven_sites == 1 ? "s" : "",
                few ? ", as a round needs more sites than drift" : "");
}

an_err an_drift_triage(const an_triage_in *in, an_triage *ret)
{
    an_triage t = {.again_ms = INT64_MAX};
    size_t open = 0;
    for (size_t i = 0; i < in->n_alerts; i++)
        open += an_drift_counts(in, &in->alerts[i]);
    if (open && !(t.findings = an_alloc(open, sizeof *t.findings)))
        return AN_ERR_NOMEM;
    const double per_ms = in->rate_hz > 0 ? in->rate_hz / 1000 : 1e-3;
    const double rows = per_ms * (double)(in->policy->drift_gather_ms + in->policy->drift_within_ms);
    for (size_t i = 0; i < in->n_alerts; i++)
        if (an_drift_counts(in, &in->alerts[i]))
            take(in, &t, &in->alerts[i], rows);
    drop_one_sided(in->policy, &t);
    if (t.n > 1)
        qsort(t.findings, t.n, sizeof *t.findings, by_p);
    count_lines(in, &t);
    t.chance = an_drift_chance_of(in->policy, t.n_lines, in->rate_hz);
    prove(in, &t);
    t.scope = scope_of(&t);
    say_evidence(&t);
    decide(in, &t);
    *ret = t;
    return AN_OK;
}

void an_triage_done(an_triage *t)
{
    an_free(t->findings);
    t->findings = NULL;
    t->n = 0;
}
