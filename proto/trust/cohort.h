/* cohort.h - a plan and a roster together say who is in which secure sum: the parameters that both
 * ends give to sum/secure.h.
 *
 *     an_cohort c;
 *     err = an_cohort_of(plan, &plan_hash, roster, group, &c, &why);
 *     c.params ... c.sites[place] is the index in plan->cohort
 *     an_cohort_done(&c);
 *
 * Site i of the plan is in group i mod plan->secure.groups, in the plan's order.
 *
 * Threads: plain functions. */
#ifndef AN_TRUST_COHORT_H
#define AN_TRUST_COHORT_H

#include "msg/plan.h"
#include "sum/graph.h"
#include "sum/secure.h"
#include "trust/roster.h"

typedef struct an_cohort {
    an_secure_params params; /* its members are owned by this */
    uint32_t n_parties;      /* different ones among the members */
} an_cohort;

/* The share of parties that may collude is of the roster's parties, whoever of them is in the plan.
 * Errors: REFUSED a site is not in the roster, or too few parties are in the group: fewer than the plan's least,
 * or than those that may collude and two more; INVAL a plan without secure sum, or no such group; NOMEM. */
an_err an_cohort_of(const an_plan *plan, const an_hash *plan_hash, const an_roster *roster, uint32_t group,
                    an_cohort *ret, an_note *why);
void an_cohort_done(an_cohort *c);

/* The graph that its bounds ask for, if all of them send keys.  Errors: as an_sum_graph_plan. */
an_err an_cohort_graph(const an_cohort *c, an_sum_graph *ret, an_note *why);
/* What this sum shows of its sites, and what it bears, in a sentence for people.  Errors: REFUSED the bounds
 * cannot be had of so many sites; INVAL; NOMEM. */
an_err an_cohort_promise(const an_cohort *c, an_note *ret);

/* Where site i of the plan's cohort is: its group, and its place there. */
uint32_t an_cohort_group(const an_plan *plan, uint32_t i);
uint32_t an_cohort_place(const an_plan *plan, uint32_t i);
uint32_t an_cohort_site(const an_plan *plan, uint32_t group, uint32_t place); /* and back */

/* A reason of sum/secure.h with names for numbers: "SHARES of site 4: ..." speaks of place 4 in the group, and
 * a person wants to know which site that is.  name(ctx, i): site i of the plan's cohort; NULL: there is none.
 * ret and text may be the same. */
typedef const char *an_cohort_name(const void *ctx, uint32_t i);
void an_cohort_words(an_note *ret, const char *text, uint32_t groups, uint32_t group, an_cohort_name *name,
                     const void *ctx);
const char *an_cohort_plan_name(const void *plan, uint32_t i); /* for a ctx that is an an_plan */

#endif
