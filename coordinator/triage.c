/* What all triggers share: who speaks for a campaign, whether it is time, and what kind of campaign it is. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/calendar.h"
#include "coordinator/trigger.h"

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

/* ---- who ---- */

static int by_p(const void *a, const void *b)
{
    const an_triage_finding *x = a, *y = b;
    if (x->p < y->p || y->p < x->p)
        return x->p < y->p ? -1 : 1;
    const int site = strcmp(x->site, y->site);
    return site ? site : strcmp(x->line, y->line);
}

static int by_place(const void *a, const void *b)
{
    const an_triage_finding *x = a, *y = b;
    const int site = strcmp(x->site, y->site);
    return site ? site : strcmp(x->line, y->line);
}

static int by_line(const void *a, const void *b)
{
    const an_triage_line *x = a, *y = b;
    const int site = strcmp(x->site, y->site);
    return site ? site : strcmp(x->line, y->line);
}

static int by_site(const void *a, const void *b)
{
    return strcmp(((const an_triage_line *)a)->site, ((const an_triage_line *)b)->site);
}

bool an_triage_knows_line(const an_triage_in *in, const char *site, const char *line)
{
    const an_triage_line key = {site, line};
    return in->n_lines > 0 && bsearch(&key, in->lines, in->n_lines, sizeof *in->lines, by_line);
}

bool an_triage_knows_site(const an_triage_in *in, const char *site)
{
    const an_triage_line key = {site, ""};
    return in->n_lines > 0 && bsearch(&key, in->lines, in->n_lines, sizeof *in->lines, by_site);
}

/* A site that is away just now has reported all the same. */
void an_triage_count(const an_triage_in *in, an_triage *t)
{
    size_t n_sites = 0; /* of the findings */
    t->n_sites = 0;
    t->n_lines = in->n_lines;
    for (size_t i = 0; i < in->n_lines; i++)
        t->n_sites += i == 0 || strcmp(in->lines[i].site, in->lines[i - 1].site) != 0;
    if (t->n > 1)
        qsort(t->findings, t->n, sizeof *t->findings, by_place);
    for (size_t i = 0; i < t->n; i++) {
        an_triage_finding *f = &t->findings[i];
        const bool is_new = i == 0 || strcmp(f->site, t->findings[i - 1].site) != 0;
        n_sites += is_new;
        f->site_no = n_sites - 1;
        t->n_lines += !an_triage_knows_line(in, f->site, f->line);
        t->n_sites += is_new && !an_triage_knows_site(in, f->site);
    }
}

enum { OF_SCOPE = 1, OF_PROVEN = 2, OF_RIPE = 4 };

/* Is it the first of its site that is counted as that?  Each site has a place among the findings, for there are no
 * more of them. */
static bool is_first(an_triage *t, const an_triage_finding *f, unsigned of)
{
    unsigned *counted = &t->findings[f->site_no].counted;
    const bool first = !(*counted & of);
    *counted |= of;
    return first;
}

static an_triage_scope scope_of(an_triage *t)
{
    size_t lines = t->proven ? t->proven : t->n, sites = 0;
    for (size_t i = 0; i < lines; i++)
        sites += is_first(t, &t->findings[i], OF_SCOPE);
    if (lines == 0)
        return AN_SCOPE_NONE;
    if (sites > 1)
        return (double)sites >= FLEET * (double)t->n_sites ? AN_SCOPE_FLEET : AN_SCOPE_SITES;
    if (lines > 1)
        return AN_SCOPE_SITE;
    const an_triage_finding *f = &t->findings[0];
    const bool of_sensor = f->subject[0] && f->of_input == f->reports && !f->several_subjects;
    return of_sensor ? AN_SCOPE_SENSOR : AN_SCOPE_LINE;
}

void an_triage_prove(const an_triage_in *in, an_triage *t, double alone)
{
    size_t k = 0;
    if (t->n > 1)
        qsort(t->findings, t->n, sizeof *t->findings, by_p);
    for (size_t i = 0; i < t->n; i++)
        if (alone >= 1 || t->findings[i].p <= alone * (double)(i + 1))
            k = i + 1;
    t->proven = k;
    for (size_t i = 0; i < k; i++) {
        an_triage_finding *f = &t->findings[i];
        f->proven = true;
        f->ripe = !t->gathers || in->now_ms - f->first_ms >= in->policy->drift_gather_ms;
        f->leads = is_first(t, f, OF_PROVEN);
        t->proven_sites += f->leads;
        t->ripe_sites += f->ripe && is_first(t, f, OF_RIPE);
    }
    t->needed = (size_t)fmax((double)in->policy->drift_quorum,
                             ceil(in->policy->drift_share * (double)t->n_sites - 1e-9));
    t->scope = scope_of(t);
}

bool an_triage_is_quorate(an_triage *t)
{
    if (t->proven_sites < t->needed)
        an_note_set(&t->why, "%zu of at least %zu site%s report it (drift.quorum, drift.share)",
                    t->proven_sites, t->needed, t->needed == 1 ? "" : "s");
    return t->proven_sites >= t->needed;
}

void an_triage_say(an_triage *t, const char *words,
                   void (*one)(char *ret, size_t size, const an_triage_finding *f))
{
    char text[sizeof t->evidence.text], figures[sizeof text];
    const size_t shown = t->proven ? t->proven : t->n;
    const char *lines = t->n_lines == 1 ? "line" : "lines";
    int n = t->gathers && t->proven == 0
                ? snprintf(text, sizeof text, "reports that could be chance, %zu of %zu %s: ", shown,
                           t->n_lines, lines)
                : snprintf(text, sizeof text, "%s of %s, %zu of %zu %s: ", words,
                           an_triage_scope_name(t->scope), shown, t->n_lines, lines);
    size_t at = n > 0 ? (size_t)n : 0;
    for (size_t i = 0; i < shown && i < NAMED_MAX && at < sizeof text; i++) {
        const an_triage_finding *f = &t->findings[i];
        one(figures, sizeof figures, f);
        n = snprintf(text + at, sizeof text - at, "%s%s/%s (%s)", i ? ", " : "", f->site, f->line, figures);
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
    if (in->open) {
        const char *waits = in->open->reason;
        an_note_set(&t->why, "campaign %llu is open%s%.200s", (unsigned long long)in->open->id,
                    waits[0] ? ": " : "", waits);
        return nothing(t, INT64_MAX);
    }
    if (!t->everybody && t->ripe_sites < t->needed) {
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

/* In a round, or each by itself? */
static void decide(const an_triage_in *in, an_triage *t)
{
    const an_policy *p = in->policy;
    const size_t least = (size_t)p->min_cohort;
    const bool few = !t->everybody && t->proven_sites < least;
    const bool one = t->proven_sites == 1;
    const char *speak = t->gathers ? "drift" : "are below the bound";
    if (!is_time(in, t))
        return;
    if (t->everybody && t->n_sites < least) {
        an_note_set(&t->why, "%zu site%s the model; a round needs %zu (min_cohort)", t->n_sites,
                    t->n_sites == 1 ? " runs" : "s run", least);
        return;
    }
    if (!t->everybody && (t->n_sites < least || (few && p->drift_few == AN_DRIFT_FEW_OVERLAY))) {
        t->answer = AN_ANSWER_OVERLAY;
        an_note_set(&t->why, "%zu site%s and %zu %s the model; a round needs %zu: no round, %s overlays",
                    t->proven_sites,
                    one ? (t->gathers ? " drifts" : " is below the bound")
                        : (t->gathers ? "s drift" : "s are below the bound"),
                    t->n_sites, t->n_sites == 1 ? "runs" : "run", least,
                    one ? "it adapts its" : "these adapt their");
        return;
    }
    t->answer = p->drift_automatic ? AN_ANSWER_CAMPAIGN : AN_ANSWER_ASK;
    if (t->scope == AN_SCOPE_SENSOR && p->drift_ask_sensor)
        t->answer = AN_ANSWER_ASK;
    if (t->everybody)
        an_note_set(&t->why, "all sites train on what is new to them");
    else
        an_note_set(&t->why, "%zu site%s train%s on what is new, the others with what they know%s%s",
                    t->proven_sites, t->proven_sites == 1 ? "" : "s", t->proven_sites == 1 ? "s" : "",
                    few ? ", as a round needs more sites than " : "", few ? speak : "");
}

/* ---- one after the other ---- */

#define AN_TRIGGER(name, field, look, what)                                                                  \
    static double bound_of_##name(const an_policy *p)                                                        \
    {                                                                                                        \
        return (double)p->field;                                                                             \
    }
#include "coordinator/triggers.def"
#undef AN_TRIGGER

static const an_trigger triggers[] = {
#define AN_TRIGGER(name, field, look, what) {#name, bound_of_##name, look, what},
#include "coordinator/triggers.def"
#undef AN_TRIGGER
};

const an_trigger *an_trigger_at(size_t i)
{
    return i < AN_TRIGGERS ? &triggers[i] : NULL;
}

/* The first that is due is answered; if none is, what drift says stands. */
static an_err look_all(const an_triage_in *in, an_triage *ret)
{
    an_triage best = {.answer = AN_ANSWER_NOTHING};
    an_trigger_look looks[AN_TRIGGERS] = {{.name = NULL}};
    for (size_t i = 0; i < AN_TRIGGERS; i++) {
        const an_trigger *trigger = &triggers[i];
        an_triage t = {.cause = trigger->name, .again_ms = INT64_MAX};
        looks[i] = (an_trigger_look){
            .name = trigger->name, .what = trigger->what, .bound = trigger->bound(in->policy)};
        if (!(looks[i].bound > 0))
            continue;
        an_err err = trigger->look(in, looks[i].bound, &t);
        if (err != AN_OK) {
            an_triage_done(&best);
            return err;
        }
        looks[i].due = t.due;
        looks[i].evidence = t.evidence;
        if (i > 0 && (best.due || !t.due)) {
            best.again_ms = t.again_ms < best.again_ms ? t.again_ms : best.again_ms;
            an_triage_done(&t);
            continue;
        }
        if (t.due)
            decide(in, &t);
        if (i > 0)
            t.chance = best.chance;
        an_triage_done(&best);
        best = t;
    }
    memcpy(best.looks, looks, sizeof looks);
    *ret = best;
    return AN_OK;
}

an_err an_drift_triage(const an_triage_in *in, an_triage *ret)
{
    an_triage_in sorted = *in;
    an_triage_line *lines = an_alloc(in->n_lines + 1, sizeof *lines);
    if (!lines)
        return AN_ERR_NOMEM;
    if (in->n_lines > 0) {
        memcpy(lines, in->lines, in->n_lines * sizeof *lines);
        qsort(lines, in->n_lines, sizeof *lines, by_line);
    }
    sorted.lines = lines;
    an_err err = look_all(&sorted, ret);
    an_free(lines);
    return err;
}

void an_triage_done(an_triage *t)
{
    an_free(t->findings);
    t->findings = NULL;
    t->n = 0;
}
