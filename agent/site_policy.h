/* site_policy.h - what a site lets be done with its data: every request from outside is judged
 * by these rows first, and a refusal says which rule it met.
 *
 *     an_site_policy p;
 *     err = an_site_policy_init(&p);
 *     err = an_site_policy_set(&p, "allow.training", "no", "site.yaml:12:3", &why);
 *     err = an_site_policy_judge(&p, plan, rounds_today, &why);
 *     an_site_policy_done(&p);
 *
 * Threads: plain data. */
#ifndef AN_AGENT_SITE_POLICY_H
#define AN_AGENT_SITE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"
#include "msg/plan.h"

typedef struct an_site_policy {
    bool allow_training;
    bool allow_statistics;
    bool allow_evaluation;
    bool allow_held;        /* train on windows that were held back during alarms */
    bool allow_trusted;     /* rounds in which the coordinator could read the site's own vector */
    bool allow_delegation;  /* releases that the online key signs within what the root has delegated */
    bool allow_online_root; /* a coordinator whose own key is the release root */
    bool allow_shadow;      /* score candidates beside what runs */
    bool allow_live;        /* tell how a new version does */
    bool allow_counts;      /* tell how many rows and alarms there were, and what people said of these */
    bool allow_return;      /* go back when the coordinator asks for it */
    int64_t refits_per_day; /* of a line, when the coordinator asks for it; 0: never */
    double refit_alarms, refit_faults; /* margins of that: refit.h */
    int64_t min_cohort;
    int64_t secure_bits;
    double secure_colluders;
    int64_t rounds_per_day; /* 0: none at all */
    int64_t epochs_max;
    int64_t bytes_per_day; /* of all that leaves; 0: no bound */
    char *hours;           /* of the day, UTC, in which rounds are joined: "18-6,12-13"; "*": all */
    char *models;          /* "pump,press"; "*": all */
    int dp_required;       /* AN_DP_*: training with less is refused */
    double dp_epsilon_max; /* of a model, by the site's own account; 0: no bound */
    double dp_delta;       /* of that */
} an_site_policy;

extern const an_opt an_site_policy_rows[];
extern const size_t an_site_policy_n_rows;

an_err an_site_policy_init(an_site_policy *p); /* the defaults: all is allowed.  Errors: NOMEM */
void an_site_policy_done(an_site_policy *p);
/* Errors: INVAL, NOMEM. */
an_err an_site_policy_set(an_site_policy *p, const char *key, const char *value, const char *where,
                          an_note *why);

/* May this plan be carried out?  rounds_today: those accepted in the last 24 hours.
 * Errors: REFUSED, why names the rule. */
an_err an_site_policy_judge(const an_site_policy *p, const an_plan *plan, uint64_t rounds_today,
                            an_note *why);

/* May a vector of so many bytes leave now?  left_today: bytes in the last 24 hours.  Errors: REFUSED. */
an_err an_site_policy_traffic(const an_site_policy *p, uint64_t bytes, uint64_t left_today, int64_t now_ms,
                              an_note *why);

/* Is what training sends protected as this site asks?  epsilon: of the site's own account with this round, at
 * dp_delta.  Sums of statistics and of evaluations are never noised: allow_statistics and allow_evaluation
 * are for these.  Errors: REFUSED. */
an_err an_site_policy_privacy(const an_site_policy *p, const an_plan *plan, double epsilon, an_note *why);

/* May this model's versions run here?  Errors: REFUSED. */
an_err an_site_policy_model(const an_site_policy *p, const char *model, an_note *why);

#endif
