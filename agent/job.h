/* job.h - the long work that a session hands out: one round's task, or the overlay of a
 * version.
 *
 * A job says what is to be done by values and paths, so that it may run on any thread.  Whoever
 * runs it adds the site's data:
 *
 *     an_err err = an_job_run(job, &data, &why);
 *     ... on the session's thread again ...
 *     an_session_done(session, job, err, &why);        takes the job
 *
 * Threads: a job belongs to one thread at a time; only cancel and progress may be touched from
 * another while it runs. */
#ifndef AN_AGENT_JOB_H
#define AN_AGENT_JOB_H

#include <stdatomic.h>
#include <stdint.h>

#include "agent/calibrate.h"
#include "agent/data.h"
#include "agent/refit.h"
#include "agent/task.h"
#include "base/err.h"
#include "base/file.h"
#include "base/pace.h"
#include "msg/plan.h"

typedef enum an_job_kind {
    AN_JOB_ROUND,     /* plan -> update file */
    AN_JOB_OVERLAY,   /* version -> overlay for one line */
    AN_JOB_CANDIDATE, /* the same of a candidate, for a shadow */
    AN_JOB_REFIT      /* the same of what runs, judged against the overlay that it has (refit.h) */
} an_job_kind;

typedef struct an_job {
    an_job_kind kind;
    char site[AN_NAME_MAX];
    char model[AN_NAME_MAX];
    char line[AN_NAME_MAX]; /* OVERLAY: for this line; ROUND: the first line of the model */
    int64_t now_ms;         /* wall clock when it was made */
    an_calibrate_opts calibrate;
    char policy[AN_THRESHOLD_TEXT]; /* calibrate.policy points here, or is NULL */
    size_t n_threads;
    char base_path[AN_PATH_MAX];       /* ROUND: "" for EVALUATE; OVERLAY: the version */
    char candidate_path[AN_PATH_MAX];  /* EVALUATE */
    char production_path[AN_PATH_MAX]; /* EVALUATE; "": none */
    char overlay_path[AN_PATH_MAX];    /* of the running version; "": none */
    char local_dir[AN_PATH_MAX];       /* the site's own parameters, by layout; "": not kept */
    bool shadowed;                     /* ROUND of SHADOW: the counts are there */
    an_shadow_counts shadow;
    an_plan *plan; /* ROUND, REFIT; owned */
    an_hash plan_hash;
    an_refit_margins margins; /* REFIT */
    an_hash version;          /* OVERLAY */
    an_hash held_plan;        /* OVERLAY: see with_held */

    /* Tests and the laboratory play a hostile site with it: it may change the vector before it leaves.
     * The agent leaves it NULL. */
    void (*tamper)(void *arg, const an_plan *plan, uint32_t *v);
    void *tamper_arg;

    atomic_bool cancel;
    uint64_t memory_left;    /* bytes that it may take beside the site's data; 0: no bound */
    const an_pace *pace;     /* asked before each piece of work; NULL: nobody */
    _Atomic double progress; /* 0..1 */

    /* out */
    char out_path[AN_PATH_MAX]; /* in: where the update or the overlay is written */
    an_hash result;             /* hash of the update or of the overlay */
    uint64_t size;
    uint32_t *vector;           /* ROUND of a secure sum: (plan->dim) owned; nothing is written */
    an_task_result task;        /* ROUND */
    an_bundle bundle;           /* OVERLAY */
    an_overlay overlay;         /* OVERLAY */
    an_calibrate_report report; /* OVERLAY */
    bool with_held;             /* OVERLAY: made by held_plan, so held windows are normal from now on */
} an_job;

/* What the site's stream must look like is checked by the session.
 * Errors: REFUSED it would take more than memory_left, and those of an_task_run and an_calibrate, and IO, PROTO, NOTFOUND of the files. */
an_err an_job_run(an_job *job, const an_site_data *data, an_note *why);
void an_job_free(an_job *job); /* NULL is fine */

#endif
