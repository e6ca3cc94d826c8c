/* trigger.h - what looks whether a campaign is due, and what all of them share.
 *
 * Drift, verdicts, data and the calendar are rows of triggers.def and go one way: a look finds lines that speak for
 * a campaign, with figures; triage.c says whether enough sites do, whether it is time (drift.cooldown, drift.hours)
 * and what kind of campaign it is.
 *
 *   drift       reports of the sites (drift.h)
 *   precision   of the alarms of a line that people have judged, so many were right; "unsure" is no verdict
 *   recall      of the faults that people know of, so many raised an alarm
 *   f1          2 right / (2 right + wrong + missed): with n = right + wrong + missed it is below F just if the share
 *               right / n is below F / (2 - F), so one test serves all three
 *   data        rows scored over the fleet since the last training
 *   schedule    time since the last training
 *
 * A share is held against its bound line by line, by the exact binomial test, and Benjamini-Hochberg over all lines
 * that run the model at the level 1 - `trigger.confidence`: many lines with few verdicts each may be convincing
 * together, and a line that lies speaks for itself alone.  Of rows no site counts for more than its part of the
 * bound where `drift.quorum` asks for several.
 *
 * Threads: plain functions. */
#ifndef AN_COORDINATOR_TRIGGER_H
#define AN_COORDINATOR_TRIGGER_H

#include "coordinator/drift.h"

typedef struct an_trigger {
    const char *name;
    double (*bound)(const an_policy *p);
    /* Sets findings, evidence and due, and why if it is not.  Errors: NOMEM; then t holds nothing. */
    an_err (*look)(const an_triage_in *in, double bound, an_triage *t);
    const char *what;
} an_trigger;
const an_trigger *an_trigger_at(size_t i); /* the table in order; NULL past its end */

#define AN_TRIGGER(name, bound, look, what) an_err look(const an_triage_in *in, double limit, an_triage *t);
#include "coordinator/triggers.def"
#undef AN_TRIGGER

/* ---- for looks ---- */

bool an_triage_knows_line(const an_triage_in *in, const char *site, const char *line);
bool an_triage_knows_site(const an_triage_in *in, const char *site);
/* Lines and sites, those of findings among them.  Sorts the findings by site and line. */
void an_triage_count(const an_triage_in *in, an_triage *t);
/* Sorts the findings by p, and takes for proven what Benjamini-Hochberg does if a single
 * line's p must not exceed `alone` (1: all). */
void an_triage_prove(const an_triage_in *in, an_triage *t, double alone);
/* Are there as many sites with a proven line as the policy wants?  Else why says so. */
bool an_triage_is_quorate(an_triage *t);
/* "WORDS of SCOPE, 2 of 5 lines: ..."; one says what there is to say of a finding. */
void an_triage_say(an_triage *t, const char *words,
                   void (*one)(char *ret, size_t size, const an_triage_finding *f));

#endif
