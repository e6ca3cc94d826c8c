/* account.h - the site's own account of differential privacy: what its vectors have cost, kept by the site
 * for itself, whatever the coordinator says.
 *
 *     err = an_account_with(spool, plan, delta, &epsilon, &why);     if this round is joined
 *     err = an_account_spend(spool, plan, &why);                     before its vector is offered
 *
 * One account per model and unit, in the spool.  A site that trains several models from the same windows has
 * spent the sum of theirs.
 *
 * Threads: that of the spool. */
#ifndef AN_AGENT_ACCOUNT_H
#define AN_AGENT_ACCOUNT_H

#include "agent/spool.h"
#include "base/err.h"
#include "msg/plan.h"
#include "sum/privacy.h"

typedef struct an_account {
    an_privacy_account spent[2]; /* of records, of this site */
    uint64_t rounds[2];          /* in which a vector with such noise was offered */
    uint64_t bare;               /* training rounds without noise */
    uint64_t others;             /* statistics and evaluations, which have none */
} an_account;

/* All zero if nothing was spent.  Errors: PROTO the spool's value is damaged; IO, NOMEM. */
an_err an_account_get(an_spool *spool, const char *model, an_account *ret, an_note *why);

/* Epsilon of the plan's unit at delta, with this round.  0: the plan has no noise.
 * Errors: as an_account_get; REFUSED the plan's numbers make no sense. */
an_err an_account_with(an_spool *spool, const an_plan *plan, double delta, double *ret, an_note *why);

/* Adds the plan's cost, durably.  Errors: as above. */
an_err an_account_spend(an_spool *spool, const an_plan *plan, an_note *why);

#endif
