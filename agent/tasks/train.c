/* TRAIN: local epochs from the base version's parameters, and what they changed (FedAvg,
 * McMahan et al. 2017; FedProx, L2-SP and elastic weight consolidation by the plan).
 *
 * With privacy of records (train_private.c) every row counts once, and no replay is drawn.
 *
 * A campaign from the beginning learns from TRAIN.  An incremental one learns from what is new,
 * mixed with a seeded sample of TRAIN so that replay_share of the windows are old: rehearsal
 * (Robins 1995) keeps the rest from being forgotten.  At a site that has reported drift, new is what it
 * has seen since; the other sites rehearse. */
#include <math.h>

#include "agent/samples.h"
#include "agent/tasks/task_internal.h"
#include "base/mem.h"
#include "base/rng.h"
#include "models/fisher.h"
#include "models/train.h"

#define STREAM_REPLAY 1
#define STREAM_FISHER 2
#define FISHER_ROWS ((size_t)2048) /* old windows that say how much each parameter is needed */

static bool is_incremental(const an_plan *plan)
{
    return plan->replay_share > 0;
}

/* Few windows of a new regime would hardly move the mean over the sites, which weighs each by its
 * windows: they are repeated until there are as many as without a drift (random oversampling). */
static size_t n_repeated(const an_site_data *d, size_t n_new)
{
    return d->recent_since > 0 && n_new > 0 && n_new < d->recent.n ? d->recent.n : n_new;
}

/* The new windows in raw, then old ones drawn without replacement. */
static an_err add_replay(const an_task *task, float **raw, size_t *n)
{
    const an_site_data *d = task->data;
    const double share = task->plan->replay_share;
    const size_t sample = d->context * d->width, n_seen = *n, n_new = n_repeated(d, n_seen);
    size_t want = d->train.n;
    if (n_new > 0 && share < 1 && (double)n_new * share / (1 - share) < (double)want)
        want = (size_t)((double)n_new * share / (1 - share) + 0.5);
    an_err err = AN_ERR_NOMEM;
    an_rng rng;
    uint32_t *order = an_alloc(d->train.n, sizeof *order);
    float *all = an_alloc(n_new + want, sample * sizeof *all);
    if (!order || !all)
        goto out;
    for (size_t i = 0; i < d->train.n; i++)
        order[i] = (uint32_t)i;
    an_rng_init(&rng, an_task_seed(task), STREAM_REPLAY);
    an_rng_shuffle(&rng, order, d->train.n);
    for (size_t i = 0; i < n_new; i++)
        memcpy(all + i * sample, *raw + i % n_seen * sample, sample * sizeof *all);
    for (size_t i = 0; i < want; i++)
        memcpy(all + (n_new + i) * sample, d->train.raw + (size_t)order[i] * sample, sample * sizeof *all);
    an_free(*raw);
    *raw = all;
    *n = n_new + want;
    all = NULL;
    err = AN_OK;
out:
    an_free(order);
    an_free(all);
    return err;
}

/* Raw windows to learn from, the caller's. */
static an_err choose(const an_task *task, float **ret, size_t *ret_n, an_note *why)
{
    const an_site_data *d = task->data;
    float *raw = NULL;
    size_t n = 0;
    an_err err;
    if (task->plan->dp_unit == AN_DP_RECORD) {
        err = an_task_rows_once(task, &raw, &n);
    } else if (!is_incremental(task->plan)) {
        const an_data_pick train = {.part = &d->train};
        err = an_data_gather(d, &train, 1, &raw, &n);
    } else {
        err = an_data_new(d, task->plan->use_held, &raw, &n);
        if (err == AN_OK)
            err = add_replay(task, &raw, &n);
    }
    if (err == AN_OK && n == 0)
        err = an_fail(AN_ERR_AGAIN, why, "no training windows yet: 0 of 1");
    if (err != AN_OK) {
        an_free(raw);
        return err;
    }
    *ret = raw;
    *ret_n = n;
    return AN_OK;
}

typedef struct inputs {
    float *x; /* (n) windows to learn from */
    size_t n;
    float *old; /* (n_old) windows of before, where the plan asks for ewc; else NULL */
    size_t n_old;
} inputs;

static void inputs_done(inputs *in)
{
    an_free(in->x);
    an_free(in->old);
}

/* A seeded sample of the old windows. */
static an_err add_old(const an_task *task, const an_prep *prep, inputs *ret, an_note *why)
{
    const an_site_data *d = task->data;
    const size_t sample = d->context * d->width, n = d->train.n < FISHER_ROWS ? d->train.n : FISHER_ROWS;
    an_err err = AN_ERR_NOMEM;
    an_rng rng;
    if (n == 0)
        return AN_OK;
    uint32_t *order = an_alloc(d->train.n, sizeof *order);
    float *raw = an_alloc(n, sample * sizeof *raw);
    if (order && raw) {
        for (size_t i = 0; i < d->train.n; i++)
            order[i] = (uint32_t)i;
        an_rng_init(&rng, an_task_seed(task), STREAM_FISHER);
        an_rng_shuffle(&rng, order, d->train.n);
        for (size_t i = 0; i < n; i++)
            memcpy(raw + i * sample, d->train.raw + (size_t)order[i] * sample, sample * sizeof *raw);
        err = an_samples_inputs(prep, raw, n, d->context, &ret->old, &ret->n_old, NULL, why);
    }
    an_free(order);
    an_free(raw);
    return err;
}

/* Model inputs in the scaler that the site's overlay will have; inputs_done also after a failure. */
static an_err make_inputs(const an_task *task, inputs *ret, an_note *why)
{
    const an_site_data *d = task->data;
    const an_prep *prep = &task->base->prep;
    an_prep own = {0};
    float *raw = NULL, *fit = NULL;
    size_t n = 0, n_fit = 0;
    /* Every row has a part in a scaler of the site's own, and that in every gradient. */
    if (task->calibrate->site_scaler && task->plan->dp_unit == AN_DP_RECORD)
        return an_fail(
            AN_ERR_UNSUPPORTED, why,
            "privacy of records needs the fleet's scaler, and this line has personalise.scale: site");
    an_err err = choose(task, &raw, &n, why);
    if (err == AN_OK && task->calibrate->site_scaler) {
        if ((err = an_data_fit(d, task->plan->use_held, &fit, &n_fit)) == AN_OK)
            err = an_prep_fit(&own, &prep->conf, fit, n_fit, d->context, d->width, why);
        prep = &own;
    }
    if (err == AN_OK)
        err = an_samples_inputs(prep, raw, n, d->context, &ret->x, &ret->n, NULL, why);
    if (err == AN_OK && ret->n == 0)
        err = an_fail(AN_ERR_STATE, why, "no training window is in a regime that is scored");
    if (err == AN_OK && task->plan->ewc > 0)
        err = add_old(task, prep, ret, why);
    an_prep_done(&own);
    an_free(raw);
    an_free(fit);
    return err;
}

static void on_progress(void *arg, size_t epoch, double loss, double fraction)
{
    const an_task *task = arg;
    (void)epoch;
    (void)loss;
    if (task->progress)
        task->progress(task->progress_arg, fraction);
}

static an_train_opts options(an_task *task)
{
    const an_plan *p = task->plan;
    an_train_opts o = an_train_defaults();
    o.epochs = p->local_epochs;
    o.batch = p->batch;
    o.optimiser = p->optimiser;
    o.lr = p->lr;
    o.prox_mu = p->prox_mu;
    o.l2sp = p->l2sp;
    o.anchor = p->l2sp > 0 || p->ewc > 0 ? task->base->weights : NULL;
    o.seed = an_task_seed(task);
    o.n_threads = task->n_threads ? task->n_threads : 1;
    o.cancel = task->cancel;
    o.pace = task->pace;
    o.progress = on_progress;
    o.progress_arg = task;
    return o;
}

static bool layout_agrees(const an_model *m, const an_plan *plan)
{
    if (plan->n_tensors != an_model_n_tensors(m))
        return false;
    for (uint32_t i = 0; i < plan->n_tensors; i++) {
        const an_tensor *t = an_model_tensor_at(m, i);
        if (t->n != plan->tensors[i].n || t->local != plan->tensors[i].local)
            return false;
    }
    return true;
}

/* How much what was learned before needs each shared parameter; the site's own are free.  *ret is the caller's. */
static an_err weigh_parameters(const an_task *task, const an_model *m, const inputs *in, float **ret,
                               an_note *why)
{
    float *fisher = an_alloc(an_model_n_params(m), sizeof *fisher);
    an_err err = fisher ? an_fisher_diagonal(m, task->base->weights, in->old, NULL, in->n_old,
                                             task->n_threads ? task->n_threads : 1, fisher, why)
                        : AN_ERR_NOMEM;
    float *at = fisher;
    for (uint32_t t = 0; err == AN_OK && t < an_model_n_tensors(m); t++) {
        const an_tensor *tensor = an_model_tensor_at(m, t);
        if (tensor->local)
            memset(at, 0, tensor->n * sizeof *at);
        at += tensor->n;
    }
    if (err == AN_OK)
        *ret = fisher;
    else
        an_free(fisher);
    return err;
}

/* Trains params from where they are, and keeps the site's own part of the result. */
static an_err learn(const an_task *task, const an_model *m, float *params, const inputs *in,
                    an_task_result *ret, an_note *why)
{
    an_train_stats stats;
    float *fisher = NULL;
    an_err err = AN_OK;
    an_task copy = *task; /* the callback's argument is not const */
    an_train_opts opts = options(&copy);
    const size_t n_local = an_local_take(m, params, NULL);
    const bool records = task->plan->dp_unit == AN_DP_RECORD;
    /* The site's own parameters, learned without noise, would show in the gradients of the others. */
    if (n_local > 0 && task->local && task->n_local == n_local && !records)
        an_local_put(m, params, task->local);
    if (in->n_old > 0 && (err = weigh_parameters(task, m, in, &fisher, why)) != AN_OK)
        return err;
    opts.fisher = fisher;
    opts.ewc = fisher ? task->plan->ewc : 0;
    err = records ? an_task_train_private(task, m, params, &opts, in->x, in->n, &stats, why)
                  : an_train(m, params, &opts, in->x, NULL, in->n, &stats, why);
    an_free(fisher);
    if (err != AN_OK)
        return err;
    ret->loss = stats.last_loss;
    ret->windows = in->n;
    if (n_local == 0)
        return AN_OK;
    if (!(ret->local = an_alloc(n_local, sizeof *ret->local)))
        return AN_ERR_NOMEM;
    ret->n_local = an_local_take(m, params, ret->local);
    return AN_OK;
}

static void add_residual(const an_task *task, float *delta)
{
    const float *r = task->residual;
    for (uint32_t t = 0; r && t < task->plan->n_tensors; delta += task->plan->tensors[t].n, t++) {
        if (task->plan->tensors[t].local)
            continue;
        for (uint32_t i = 0; i < task->plan->tensors[t].n; i++)
            delta[i] += *r++;
    }
}

static an_err run(const an_task *task, uint32_t *ret, an_task_result *ret_result, an_note *why)
{
    an_model *m = NULL;
    float *params = NULL;
    inputs in = {.x = NULL};
    an_err err = an_bundle_model(task->base, &m, why);
    if (err != AN_OK)
        goto out;
    if (!an_model_is_autoencoder(m)) {
        err = an_fail(AN_ERR_UNSUPPORTED, why, "the model learns from labels, and this site has none");
        goto out;
    }
    if (!layout_agrees(m, task->plan)) {
        err = an_fail(AN_ERR_INVAL, why, "the plan has another layout than its base version");
        goto out;
    }
    if ((err = make_inputs(task, &in, why)) != AN_OK)
        goto out;
    err = AN_ERR_NOMEM;
    const size_t n_params = an_model_n_params(m);
    if (!(params = an_alloc(n_params, sizeof *params)))
        goto out;
    memcpy(params, task->base->weights, n_params * sizeof *params);
    if ((err = learn(task, m, params, &in, ret_result, why)) != AN_OK)
        goto out;
    for (size_t i = 0; i < n_params; i++)
        params[i] -= task->base->weights[i];
    add_residual(task, params);
    const an_payload_in out = {.train = {.delta = params, .weight = (double)in.n, .loss = ret_result->loss}};
    err = an_task_encode(task, &out, ret, why);
out:
    an_model_free(m);
    an_free(params);
    inputs_done(&in);
    return err;
}

const an_task_type an_task_train = {
    .kind = AN_PAYLOAD_TRAIN,
    .words = "what training changed in the shared parameters, and the number of windows",
    .run = run,
};
