/* private.h - what a plan's differential privacy asks of a site, and what the round costs.  Both ends read
 * the plan with these functions, so that they come to the same.
 *
 *     an_private_cost cost;
 *     err = an_private_cost_of(&cost, plan, &why);
 *     err = an_private_spend(&account, &cost, 1, &why);       account: of the model, or of a site
 *     double epsilon = an_privacy_epsilon(&account, plan->dp_delta);
 *
 * RECORD.  Two data sets of a site are neighbours if one row (a window, as the model reads it) is left out of
 * every gradient; how many rows there are is taken as known.  A sensor sample is part of as many windows as
 * cover it.  The round is local_epochs / dp_rate steps of DP-SGD at each site.  Every site has an
 * account of its own; the coordinator's account of the model adds up all rounds and so is never less.
 *
 * SITE.  Two fleets are neighbours if one site's vector is replaced by zeros.  The round is one sum of
 * discrete Gaussians, of which dp_counted are counted.  All tensors have one unit, and a coordinate has
 * the bits that leave room for the noise: an_private_noise says which.
 *
 * In both every site weighs the same, and a vector's counts and loss are constants: they tell nothing.
 *
 * Threads: plain functions. */
#ifndef AN_TRUST_PRIVATE_H
#define AN_TRUST_PRIVATE_H

#include <stdint.h>

#include "base/err.h"
#include "msg/plan.h"
#include "sum/noise.h"
#include "sum/privacy.h"
#include "trust/cohort.h"

/* What a round adds to an account.  unit AN_DP_NONE: nothing. */
typedef struct an_private_cost {
    uint32_t unit;
    double noise, rate; /* RECORD */
    uint64_t steps;     /* RECORD */
    an_privacy_sum sum; /* SITE */
} an_private_cost;

/* plan: checked by an_plan_check.  Errors: as an_private_noise; INVAL too many steps. */
an_err an_private_cost_of(an_private_cost *ret, const an_plan *plan, an_note *why);
/* Adds so many such rounds.  On error the account is as it was.  Errors: INVAL out of bounds. */
an_err an_private_spend(an_privacy_account *account, const an_private_cost *cost, uint64_t rounds,
                        an_note *why);

/* SITE: the noise that n_cohort, dp_counted, dp_noise, clip_norm and the shared tensors ask for.
 * Errors: REFUSED no noise is sure to stay, or no unit has room; INVAL out of bounds. */
an_err an_private_noise(an_noise_plan *ret, const an_plan *plan, an_note *why);
/* SITE: writes units and value_bits into a plan that has all else that an_private_noise reads. */
an_err an_private_prepare(an_plan *plan, an_note *why);

/* SITE: fewer survivors than this are never summed, so that the noise that is counted is there; else 0. */
uint32_t an_private_sites_min(const an_plan *plan);
/* SITE: how many sites' noise may be counted on: those of the least sum but the colluding.  cohort: of the
 * plan's one group.  0: none is sure to stay. */
uint32_t an_private_counted(const an_plan *plan, const an_cohort *cohort);

/* What a site does not take on trust: units and bits are those that the noise asks for, and no more than
 * `counted` are counted.  Errors: REFUSED. */
an_err an_private_check(const an_plan *plan, uint32_t counted, an_note *why);

/* Expected length of the noise / longest that the sum of all updates can be (SITE); above 1 the noise
 * buries the sum.  RECORD: of one step at a site of `rows` rows, each gradient at its clip.  Else 0. */
double an_private_ratio(const an_plan *plan, uint64_t rows);

#endif
