/* variates.h - what a site's training is corrected by where sites differ, kept between rounds (control variates: SCAFFOLD,
 * Karimireddy et al. 2020).
 *
 * A site's own windows pull its parameters elsewhere than all windows together do.  It knows how far its own training has moved
 * them (own), and how far the round moved all (the next base version less the last one): in the next round it goes
 * (all - own) further, spread evenly over its steps.  Weighted as the round weighs sites these add up to nothing, so that
 * what the round moves is again the mean of what each would have moved by itself; and nothing but the usual update leaves
 * the site.
 *
 * One file for each layout: <local_dir>/<layout hash>.variates, of one campaign.  It holds two rounds: one that is done again has not
 * been committed, and what was known before it holds.
 *
 *     an_variates c = {.n = n};
 *     err = an_variates_load(&c, path, plan, base, &why);      c.pull: to be gone further in this round, or NULL
 *     ... train; c.own = what was moved, less pull ...
 *     err = an_variates_save(&c, path, plan, &why);            durable before the update is offered
 *     an_variates_done(&c);
 *
 * Threads: plain functions; one round of a model at a time. */
#ifndef AN_AGENT_VARIATES_H
#define AN_AGENT_VARIATES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "msg/plan.h"

typedef struct an_variates_round {
    uint32_t number; /* plan.control of it; 0: none */
    double lr;
    float *base, *own; /* (n) owned */
} an_variates_round;

typedef struct an_variates {
    size_t n;              /* shared parameters */
    float *pull;           /* (n) owned; NULL: nothing is known yet */
    float *base, *own;     /* (n) owned: of this round; own is NULL until it has trained */
    an_variates_round was; /* what pull comes from */
} an_variates;

/* The shared parts of params, in the order of the plan's tensors: ret (n). */
void an_variates_shared(const an_plan *plan, const float *params, float *ret);

/* params: of the base version, all tensors.  No file, a damaged one, one of another campaign: pull stays NULL.
 * Errors: IO, NOMEM. */
an_err an_variates_load(an_variates *c, const char *path, const an_plan *plan, const float *params,
                        an_note *why);
an_err an_variates_save(const an_variates *c, const char *path, const an_plan *plan, an_note *why);
void an_variates_done(an_variates *c);

#endif
