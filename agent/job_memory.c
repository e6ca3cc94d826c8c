/* What a job takes of memory at most, before it takes it: the versions that it reads, the windows that it gathers, what a
 * model sees of them, and training itself.
 *
 *     versions   file and what is made of it, twice its size each
 *     windows    those that are learnt from, and what is mixed into them; or those that a scaler is fitted on
 *     inputs     the same as the model takes them
 *     sums       that a detector is made from, and the vector that they become
 *     training   an_train_plan: workspaces, gradients, the optimiser's state
 *     parameters what is trained, what comes out, and what it is written from
 *
 * It is an upper bound: tests/unit/test_job_memory.c holds it against what is taken. */
#include "agent/job_internal.h"

#include "models/train.h"

#define PARAMS_COPIES 6
#define VARIATES_COPIES 10 /* variates.h: the file, its rounds, this one, what is to be gone further */
#define FIXED ((uint64_t)1 << 20)
#define SCORED_ROWS 256 /* of a workspace that only looks */

typedef struct sizes {
    uint64_t windows; /* as rows, in all copies */
    uint64_t inputs;  /* as the model takes them */
    size_t learnt;    /* from so many */
} sizes;

static bool trains(const an_job *job)
{
    return job->plan && job->plan->kind == AN_PAYLOAD_TRAIN;
}

static bool adds_up(const an_job *job)
{
    return job->plan && job->plan->kind == AN_PAYLOAD_FIT;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* tasks/train.c: what is new, then old windows until they are replay_share of all; without anything new all old ones. */
static uint64_t replayed(const an_job *job, const an_site_data *d, uint64_t seen)
{
    const double share = job->plan->replay_share;
    const double want = share < 1 ? (double)seen * share / (1 - share) + 1 : (double)d->train.n;
    return larger(seen + (want < (double)d->train.n ? (uint64_t)want : d->train.n), d->train.n);
}

/* What is fitted on, and what is judged: windows since a change may be repeated until they are half of all.  A scaler's
 * windows are gone before those to learn from come. */
static sizes sizes_of(const an_job *job, const an_site_data *d)
{
    const uint64_t fit = 2 * (uint64_t)(d->train.n + d->recent.n) + d->held.n + d->changed.n;
    const uint64_t all = fit + d->old.n + d->fresh.n + d->confirmed.n;
    const uint64_t seen = (uint64_t)d->recent.n + d->held.n, scaler = job->calibrate.site_scaler ? fit : 0;
    if (!trains(job) && !adds_up(job))
        return (sizes){2 * all, 2 * all, (size_t)all};
    if (job->plan->dp_unit == AN_DP_RECORD)
        return (sizes){2 * all + scaler, all, (size_t)all};
    const bool mixed = job->plan->replay_share > 0;
    const uint64_t learnt = mixed ? replayed(job, d, seen) : d->train.n;
    const uint64_t old = job->plan->ewc > 0 ? AN_FISHER_ROWS : 0;
    return (sizes){larger(learnt + (mixed ? seen : 0), scaler) + old, learnt + old, (size_t)learnt};
}

static an_err add_file(uint64_t *bytes, const char *path, an_note *why)
{
    uint64_t len = 0;
    an_err err = path[0] ? an_file_size(path, &len, why) : AN_OK;
    *bytes += 2 * len;
    return err;
}

an_err an_job_memory_files(const an_job *job, uint64_t *ret, an_note *why)
{
    uint64_t bytes = FIXED;
    an_err err = add_file(&bytes, job->base_path, why);
    if (!err)
        err = add_file(&bytes, job->candidate_path, why);
    if (!err)
        err = add_file(&bytes, job->production_path, why);
    if (!err)
        err = add_file(&bytes, job->overlay_path, why);
    if (!err)
        *ret = bytes;
    return err;
}

static an_err training(const an_job *job, const an_model *m, size_t rows, uint64_t *bytes, an_note *why)
{
    an_train_opts o = an_train_defaults();
    size_t plan = 0;
    if (rows == 0 || an_model_n_params(m) == 0 || (!trains(job) && job->calibrate.tune_epochs == 0))
        return AN_OK;
    o.n_threads = job->n_threads ? job->n_threads : 1;
    o.batch = job->calibrate.tune_batch;
    if (trains(job)) {
        o.batch = job->plan->batch;
        o.optimiser = job->plan->optimiser;
        o.l2sp = job->plan->l2sp;
        o.ewc = job->plan->ewc;
        o.prox_mu = job->plan->prox_mu;
    }
    an_err err = an_train_plan(m, &o, rows, &plan, why);
    *bytes += plan;
    return err;
}

an_err an_job_memory(const an_job *job, const an_site_data *d, const an_bundle *b, uint64_t *ret,
                     an_note *why)
{
    uint64_t bytes = 0;
    size_t ws = 0;
    an_model *m = NULL;
    const uint64_t sample = (uint64_t)d->width * d->context;
    const sizes n = sizes_of(job, d);
    an_err err = an_job_memory_files(job, &bytes, why);
    if (b->detector)
        bytes += 2 * an_detector_scratch(b->detector) * sizeof(double);
    if (adds_up(job))
        bytes += an_detector_n_sums(b->detector) * sizeof(double) + job->plan->dim * sizeof(uint32_t);
    if (!err && b->arch[0]) {
        err = an_bundle_model(b, &m, why);
        if (!err)
            err = an_ws_plan(m, AN_WS_FORWARD, SCORED_ROWS, &ws);
        if (!err)
            err = training(job, m, n.learnt, &bytes, why);
        if (!err)
            bytes +=
                ws + (PARAMS_COPIES + (job->plan && job->plan->control > 0 ? VARIATES_COPIES : UINT64_C(0))) *
                         an_model_n_params(m) * sizeof(float);
    }
    if (!err)
        *ret = bytes +
               (n.windows * (sample + d->n_labels) + n.inputs * (an_prep_input(&b->prep) + d->n_labels)) *
                   sizeof(float);
    an_model_free(m);
    return err;
}

an_err an_job_fits(const an_job *job, const an_site_data *d, const an_bundle *b, an_note *why)
{
    uint64_t need = 0;
    if (job->memory_left == 0)
        return AN_OK;
    an_err err = b ? an_job_memory(job, d, b, &need, why) : an_job_memory_files(job, &need, why);
    if (!err && need > job->memory_left)
        err = an_fail(AN_ERR_REFUSED, why,
                      "site budget: the work takes up to %.1f MiB of memory, and %.1f MiB are left",
                      (double)need / 1048576.0, (double)job->memory_left / 1048576.0);
    return err;
}
