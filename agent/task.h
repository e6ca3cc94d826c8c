/* task.h - what a site does in a round: from a plan and the site's windows to one vector.
 *
 *     an_task task = {.plan = plan, .site = "plant-b", .base = &base, .data = &data,
 *                     .calibrate = &opts, .n_threads = 2};
 *     uint32_t *v = an_alloc(plan->dim, sizeof *v);
 *     err = an_task_run(&task, v, &result, &why);
 *     an_task_result_done(&result);
 *
 * One row of tasks.def and one file of tasks/ per payload kind.  The same plan, site, versions
 * and windows give the same vector, with any number of threads; but not where the plan asks for
 * differential privacy, whose noise comes from the system's secure generator.
 *
 * Threads: a task belongs to one thread; training starts workers that live for the call. */
#ifndef AN_AGENT_TASK_H
#define AN_AGENT_TASK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/calibrate.h"
#include "agent/data.h"
#include "agent/suspect.h"
#include "base/err.h"
#include "base/pace.h"
#include "models/bundle.h"
#include "models/overlay.h"
#include "msg/plan.h"
#include "sum/payload.h"

#define AN_FISHER_ROWS ((size_t)2048) /* old windows that say how much each parameter is needed */

typedef struct an_task {
    const an_plan *plan;         /* checked by an_plan_check */
    const char *site;            /* this site's name */
    const an_bundle *base;       /* plan->base; NULL for EVALUATE and SHADOW */
    const an_bundle *candidate;  /* EVALUATE, SHADOW */
    const an_bundle *production; /* likewise; NULL: there is none */
    const an_overlay *running;   /* production's overlay at this site; NULL: it is made anew */
    const float *local;          /* (n_local) the site's own parameters so far; NULL: the version's */
    size_t n_local;
    const float *residual; /* TRAIN: kept back of earlier updates, in the order of the shared parameters;
                            * goes with this one; NULL: none */
    const float *pull;     /* TRAIN: to be gone further than the windows say, in the same order; NULL: none */
    const an_shadow_counts
        *shadow; /* SHADOW: what a running line has counted; NULL: held-back windows are replayed */
    const an_site_data *data;
    const an_calibrate_opts *calibrate; /* how this site makes its overlays */
    size_t n_threads;
    const atomic_bool *cancel;                    /* may be NULL */
    const an_pace *pace;                          /* asked before each piece of work; may be NULL */
    void (*progress)(void *arg, double fraction); /* on the calling thread; may be NULL */
    void *progress_arg;
} an_task;

typedef struct an_task_result {
    float *local; /* (n_local) TRAIN: the site's own parameters after it; NULL: none */
    size_t n_local;
    float *moved;              /* TRAIN with plan->control: how far the shared parameters came without pull */
    size_t windows;            /* looked at */
    double loss;               /* TRAIN: at the end */
    an_evaluate_in evaluation; /* EVALUATE: for the ledger and tests */
    an_shadow_counts shadow;   /* SHADOW: likewise */
    an_suspect suspect;        /* EVALUATE of an incremental campaign: what the change looks like */
} an_task_result;
void an_task_result_done(an_task_result *r);

typedef struct an_task_type {
    an_payload_kind kind;
    const char *words; /* for the ledger: what leaves the site, in plain words */
    an_err (*run)(const an_task *task, uint32_t *ret, an_task_result *ret_result, an_note *why);
} an_task_type;

const an_task_type *an_task_find(an_payload_kind kind); /* NULL: no such kind */
const an_task_type *an_task_at(size_t i);               /* NULL past the end */

/* Writes plan->dim coordinates to ret.  ret_result may be NULL.
 * Errors: INVAL the data do not fit the version; STATE too little data; NUMERIC training left
 * the finite numbers; UNSUPPORTED; CANCELLED; NOMEM.  All but NOMEM and CANCELLED are reasons
 * to refuse the round. */
an_err an_task_run(const an_task *task, uint32_t *ret, an_task_result *ret_result, an_note *why);

#endif
