/* drift.h - triage: what the sites' reports of drift add up to, and what is to be done about them.  Other triggers
 * than drift (trigger.h) go the same way.
 *
 *     an_triage t;
 *     err = an_drift_triage(&in, &t);
 *     if (t.answer == AN_ANSWER_CAMPAIGN) open a campaign, with t.evidence as its reason
 *     an_triage_done(&t);
 *
 * Pure: the reports, the lines that run the model, its policy and the time in; a scope with its evidence and an
 * answer with its reason out.
 *
 * False alarms.  A line without drift reports now and then: its watch is calibrated on a finite stretch of normal
 * operation (agent/driftwatch.h).  Over many lines that is all the time, so a report is not yet a drift.  It counts
 * if it is unlikely enough for a fleet of this size:
 *
 *   - p of a line: how probable a report at least as strong is within `drift.gather` + `drift.within`, if nothing
 *     has changed.  Reports come once in `drift.run` rows; the tail of their strength is exponential, as that of
 *     cumulative sums is (Siegmund 1985, Sequential Analysis, II), with the rate that the site's own reference has
 *     shown.  Only the strongest report of a line counts, since repeats of one line depend on each other.
 *   - Benjamini-Hochberg (1995) over all lines that run the model, those without a report with p 1, at the level
 *     that keeps false campaigns below `drift.false_month`: that number times the window's share of a month.
 *     Lines of one site may depend on each other positively, which it allows for (Benjamini, Yekutieli 2001).
 *
 * So a fleet-wide drift is seen from weak reports, a single line's from a strong one, and a weak report of one line
 * of many waits for company.  What is expected is shown, and what has been observed beside it.
 *
 * Threads: plain functions. */
#ifndef AN_COORDINATOR_DRIFT_H
#define AN_COORDINATOR_DRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "coordinator/policy.h"
#include "coordinator/state.h"

#define AN_MONTH_MS (30 * INT64_C(86400000))

typedef enum an_triage_scope {
    AN_SCOPE_NONE, /* no report */
    AN_SCOPE_SENSOR, /* one line, and its input tests name one sensor alone: rather the sensor than the process */
    AN_SCOPE_LINE,
    AN_SCOPE_SITE,  /* several lines of one site */
    AN_SCOPE_SITES, /* lines at several sites */
    AN_SCOPE_FLEET, /* at four sites of five, or more */
} an_triage_scope;
const char *an_triage_scope_name(an_triage_scope scope); /* "one sensor" ... */

typedef enum an_triage_answer {
    AN_ANSWER_NOTHING,  /* yet; why says what is missing */
    AN_ANSWER_ASK,      /* a campaign that waits for a person */
    AN_ANSWER_CAMPAIGN, /* with all sites: who has not reported trains on what it knows */
    AN_ANSWER_OVERLAY, /* too few sites for a round: a campaign in which the lines that drift adapt their overlays */
} an_triage_answer;
const char *an_triage_answer_name(an_triage_answer answer); /* "nothing" ... */

typedef struct an_triage_line {
    const char *site, *line; /* borrowed */
} an_triage_line;

typedef struct an_triage_in {
    const char *model;
    an_hash production; /* reports of other versions are of the past */
    const an_policy *policy;
    const an_drift_entry *alerts; /* all, as the journal has them */
    size_t n_alerts;
    const an_triage_line *lines; /* that run the model, as far as is known; looks see them by site and line */
    size_t n_lines;
    double rate_hz; /* rows a second of a line; 0: not known, taken for 1 */
    int64_t now_ms;
    const an_counts_entry *counts; /* all, as the journal has them */
    size_t n_counts;
    int64_t campaign_ms;     /* when the last campaign of the model ended; 0: never */
    int64_t trained_ms;      /* ... the last one that trained it, or since when it has a production */
    const an_campaign *open; /* of the model, not over yet; NULL: none.  Borrowed */
} an_triage_in;

/* What one line has reported, or what its counts say. */
typedef struct an_triage_finding {
    char site[AN_NAME_MAX], line[AN_NAME_MAX];
    char test[AN_SHORT_MAX], subject[AN_SENSOR_MAX]; /* of the strongest report; of counts: the trigger, "" */
    double effect, threshold;
    double p;
    uint32_t reports, of_input; /* that count; those of input tests; of counts: what was judged */
    bool several_subjects;
    int64_t first_ms, since_ms; /* first report; since when the evidence says */
    bool proven, ripe;          /* unlikely by chance; its rows have been gathered */
    bool leads;                 /* proven, and the first one of its site */
    size_t order;               /* of its first report among all */
    size_t site_no;             /* of its site among those of the findings */
    unsigned counted; /* of the site with this finding's place for its number: in which counts it is */
} an_triage_finding;

/* False alarms of a fleet without drift. */
typedef struct an_drift_chance {
    size_t lines;
    double window_ms;    /* in which reports count together */
    double level;        /* of Benjamini-Hochberg in a window; 1: not controlled */
    double alone;        /* p that a report of a single line must not exceed */
    double of_report;    /* p of a report that is just over its limit */
    size_t together;     /* so many lines with such a report are enough; 0: not even all */
    double reports;      /* expected in a month */
    double campaigns;    /* ... with `drift.quorum`, at most */
    double uncontrolled; /* the same without `drift.false_month` */
} an_drift_chance;

enum {
#define AN_TRIGGER(name, bound, look, what) AN_TRIGGER_##name,
#include "coordinator/triggers.def"
#undef AN_TRIGGER
    AN_TRIGGERS
};

/* What one trigger sees. */
typedef struct an_trigger_look {
    const char *name, *what;
    double bound; /* 0: it is off */
    bool due;     /* a campaign; answered is the first that is */
    an_note evidence;
} an_trigger_look;

typedef struct an_triage {
    const char *cause; /* the trigger that is answered, and of which the rest speaks; drift, if none is due */
    bool due;          /* it asks for a campaign, now or when it is time */
    bool everybody;    /* it is of no line more than of another */
    bool gathers;      /* its rows must be gathered first */
    an_trigger_look looks[AN_TRIGGERS];
    an_triage_scope scope;
    an_triage_answer answer;
    an_triage_finding *findings; /* (n) owned, the least p first */
    size_t n;
    size_t n_lines, n_sites;                 /* that run the model */
    size_t proven, proven_sites, ripe_sites; /* findings; sites with one; sites with one that is ripe */
    size_t needed;                           /* sites that the policy wants */
    int64_t again_ms;                        /* when to look again without a new report; INT64_MAX */
    an_drift_chance chance;
    an_note evidence; /* for people: who, by which test, how far, since when, who has not */
    an_note why;      /* of the answer */
} an_triage;

/* All triggers (trigger.h).  On success *ret is the caller's (an_triage_done).  Errors: NOMEM. */
an_err an_drift_triage(const an_triage_in *in, an_triage *ret);
void an_triage_done(an_triage *t);

/* p of a report, given how many rows of its line go by in the window. */
double an_drift_p(const an_drift_entry *d, double rows, double run);
/* n_lines lines without drift under this policy. */
an_drift_chance an_drift_chance_of(const an_policy *policy, size_t n_lines, double rate_hz);

/* What has come of reports since the model has a production, of at most the last 90 days. */
typedef struct an_drift_seen {
    double days;
    size_t reports;   /* that a model got worse, or its input changed */
    size_t campaigns; /* that drift asked for */
    size_t promoted, faults,
        no_gain;            /* of them: learned; stopped as a possible fault; nothing was to be learned */
    double false_month;     /* of those without gain, in a month */
    double false_month_max; /* ... at most, with 95 % confidence */
} an_drift_seen;
an_drift_seen an_drift_observed(const an_state *st, const char *model, int64_t now_ms);

/* Mean of a Poisson law below which it is at this confidence, after k events. */
double an_drift_poisson_max(size_t k, double confidence);

/* Does the policy let this report count: is it open, of this version, and of a test that counts? */
bool an_drift_counts(const an_triage_in *in, const an_drift_entry *d);

#endif
