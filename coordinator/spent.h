/* spent.h - what training a model has cost in differential privacy, and what it may still cost.
 *
 * The account is part of the state: what the journal's rounds add up to.  A training round is spent when it
 * ends, committed or aborted, if any site may have let a vector go (it had accepted the plan and not
 * refused since).  A round that is open counts as spent for whoever plans the next.
 *
 * Epsilon is of the noised training rounds of one unit alone; what is outside it is counted beside it:
 * training rounds without noise, and rounds of statistics and evaluation, which are never noised.
 *
 * Threads: plain data. */
#ifndef AN_COORDINATOR_SPENT_H
#define AN_COORDINATOR_SPENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/terms.h"
#include "doors/json.h"
#include "trust/private.h"

/* Of one round.  cost.unit AN_DP_NONE: no noise, the rest is 0. */
typedef struct an_round_privacy {
    an_private_cost cost;
    double delta;
    double noise;   /* multiplier, for people */
    double ratio;   /* expected noise / longest sum of updates; 0: not known (an_private_ratio) */
    double epsilon; /* of the model's account with this round: planned; exact once it is over */
} an_round_privacy;

typedef struct an_spent {
    an_privacy_account spent[2]; /* of records, of sites */
    uint32_t rounds[2];          /* that were spent */
    uint32_t bare;               /* training rounds without noise in which sites sent vectors */
    uint32_t others;             /* statistics and evaluations in which they did */
} an_spent;

/* unit: AN_DP_RECORD or AN_DP_SITE. */
an_privacy_account *an_spent_account(an_spent *b, uint32_t unit);

/* A round is over in which sites may have sent vectors.  On error b is as it was.  Errors: INVAL the cost is
 * out of bounds. */
an_err an_spent_add(an_spent *b, an_payload_kind kind, const an_private_cost *cost, an_note *why);

/* Epsilon after so many more rounds of this cost (0: as it is). */
double an_spent_epsilon(const an_spent *b, const an_private_cost *cost, double delta, uint64_t rounds);
/* How many rounds of this cost the budget has room for, at most `most`. */
uint64_t an_spent_room(const an_spent *b, const an_private_cost *cost, double delta, double epsilon,
                       uint64_t most);

/* Into the body of round.opened; nothing if there is no noise. */
void an_spent_write(an_json *o, const an_round_privacy *p);

#endif
