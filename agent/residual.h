/* residual.h - what an encoding took out of a site's updates, kept for its next one (error feedback;
 * Seide et al. 2014, Karimireddy et al. 2019).
 *
 * One file for each layout: <local_dir>/<layout hash>.residual, deltas in the order of the shared
 * parameters.  It belongs to one campaign, whose versions come one of the other; another campaign starts from
 * elsewhere, and what was left out on the way to there means nothing to it.
 *
 * A round that trains from the same base as the last one says that the last one was not committed: what
 * went out in it is lost, so that what was kept before it holds again.  Both are in the file.
 *
 *     an_residual r = {.n = n};
 *     err = an_residual_load(&r, path, plan, &why);        r.now: to be added to the delta, or NULL
 *     ... encode; r.next = what was left out ...
 *     err = an_residual_save(&r, path, plan, &why);        durable before the update is offered
 *     an_residual_done(&r);
 *
 * Threads: plain functions; one round of a model at a time. */
#ifndef AN_AGENT_RESIDUAL_H
#define AN_AGENT_RESIDUAL_H

#include <stddef.h>

#include "base/err.h"
#include "msg/plan.h"

typedef struct an_residual {
    size_t n;    /* shared parameters */
    float *now;  /* (n) owned; NULL: none */
    float *next; /* (n) owned */
} an_residual;

/* No file, a damaged one, or one of another campaign: now stays NULL.  Errors: IO, NOMEM. */
an_err an_residual_load(an_residual *r, const char *path, const an_plan *plan, an_note *why);
an_err an_residual_save(const an_residual *r, const char *path, const an_plan *plan, an_note *why);
void an_residual_done(an_residual *r);

#endif
