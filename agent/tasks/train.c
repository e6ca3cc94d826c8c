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
#include "agent/variates.h"
#include "base/mem.h"
#include "base/rng.h"
#include "models/fisher.h"
#include "models/train.h"

#define STREAM_REPLAY 1
#define STREAM_FISHER 2

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

/* Room for n windows, with labels where all that is to come in has some. */
static an_err set_new(const an_site_data *d, bool labelled, size_t n, an_data_set *ret)
{
    an_data_set s = {.raw = an_alloc(n, d->context * d->width * sizeof *s.raw), .n = n};
    labelled = labelled && d->n_labels > 0 && d->train.labels;
    if (labelled)
        s.labels = an_alloc(n, d->n_labels * sizeof *s.labels);
    if (!s.raw || (labelled && !s.labels)) {
        an_data_set_done(&s);
        return AN_ERR_NOMEM;
    }
    *ret = s;
    return AN_OK;
}

static void copy_window(const an_site_data *d, const an_data_part *from, size_t i, an_data_set *to, size_t at)
{
    const size_t sample = d->context * d->width;
    memcpy(to->raw + at * sample, from->raw + i * sample, sample * sizeof *to->raw);
    if (to->labels)
        memcpy(to->labels + at * d->n_labels, from->labels + i * d->n_labels,
               d->n_labels * sizeof *to->labels);
}

/* The new windows, then old ones drawn without replacement. */
static an_err add_replay(const an_task *task, an_data_set *set)
{
    const an_site_data *d = task->data;
    const double share = task->plan->replay_share;
    const size_t n_seen = set->n, n_new = n_repeated(d, n_seen);
    size_t want = d->train.n;
    if (n_new > 0 && share < 1 && (double)n_new * share / (1 - share) < (double)want)
        want = (size_t)((double)n_new * share / (1 - share) + 0.5);
    an_err err = AN_ERR_NOMEM;
    an_rng rng;
    uint32_t *order = an_alloc(d->train.n, sizeof *order);
    an_data_set all = {.raw = NULL};
    if (!order)
        goto out;
    for (size_t i = 0; i < d->train.n; i++)
        order[i] = (uint32_t)i;
    an_rng_init(&rng, an_task_seed(task), STREAM_REPLAY);
    an_rng_shuffle(&rng, order, d->train.n);
    if ((err = set_new(d, set->labels || n_seen == 0, n_new + want, &all)) != AN_OK)
        goto out;
    const an_data_part seen = an_data_part_of(set);
    for (size_t i = 0; i < n_new; i++)
        copy_window(d, &seen, i % n_seen, &all, i);
    for (size_t i = 0; i < want; i++)
        copy_window(d, &d->train, order[i], &all, n_new + i);
    an_data_set_done(set);
    *set = all;
    err = AN_OK;
out:
    an_free(order);
    return err;
}

/* Raw windows to learn from, the caller's. */
static an_err choose(const an_task *task, an_data_set *ret, an_note *why)
{
    const an_site_data *d = task->data;
    an_data_set set = {.n = 0};
    an_err err;
    if (task->plan->dp_unit == AN_DP_RECORD) {
        err = an_task_rows_once(task, &set.raw, &set.n);
    } else if (!is_incremental(task->plan)) {
        const an_data_pick train = {.part = &d->train};
        err = an_data_gather(d, &train, 1, &set);
    } else {
        err = an_data_new(d, task->plan->use_held, &set);
        if (err == AN_OK)
            err = add_replay(task, &set);
    }
    if (err == AN_OK && set.n == 0)
        err = an_fail(AN_ERR_AGAIN, why, "no training windows yet: 0 of 1");
    if (err == AN_OK)
        *ret = set;
    else
        an_data_set_done(&set);
    return err;
}

typedef struct inputs {
    float *x; /* (n) windows to learn from */
    size_t n;
    float *labels; /* (n, n_labels), or NULL */
    float *old;    /* (n_old) windows of before, where the plan asks for ewc; else NULL */
    float *old_labels;
    size_t n_old;
} inputs;

static void inputs_done(inputs *in)
{
    an_free(in->x);
    an_free(in->labels);
    an_free(in->old);
    an_free(in->old_labels);
}

/* A seeded sample of the old windows. */
static an_err add_old(const an_task *task, const an_prep *prep, inputs *ret, an_note *why)
{
    const an_site_data *d = task->data;
    const size_t n = d->train.n < AN_FISHER_ROWS ? d->train.n : AN_FISHER_ROWS;
    an_err err = AN_ERR_NOMEM;
    an_rng rng;
    if (n == 0)
        return AN_OK;
    uint32_t *order = an_alloc(d->train.n, sizeof *order);
    an_data_set set = {.n = 0};
    if (order && (err = set_new(d, true, n, &set)) == AN_OK) {
        for (size_t i = 0; i < d->train.n; i++)
            order[i] = (uint32_t)i;
        an_rng_init(&rng, an_task_seed(task), STREAM_FISHER);
        an_rng_shuffle(&rng, order, d->train.n);
        for (size_t i = 0; i < n; i++)
            copy_window(d, &d->train, order[i], &set, i);
        const an_data_part part = an_data_part_of(&set);
        err = an_samples_labelled(prep, &part, d->context, d->n_labels, &ret->old, &ret->old_labels,
                                  &ret->n_old, why);
    }
    an_free(order);
    an_data_set_done(&set);
    return err;
}

/* The scaler that the site's overlay will have: its own, in *own, or the version's. */
static an_err find_prep(const an_task *task, an_prep *own, const an_prep **ret, an_note *why)
{
    an_data_set fit = {.n = 0};
    *ret = &task->base->prep;
    if (!task->calibrate->site_scaler)
        return AN_OK;
    an_err err = an_data_fit(task->data, task->plan->use_held, &fit);
    if (err == AN_OK)
        err = an_prep_fit(own, &task->base->prep.conf, fit.raw, fit.n, task->data->context, task->data->width,
                          why);
    *ret = own;
    an_data_set_done(&fit);
    return err;
}

an_err an_task_windows(const an_task *task, float **ret, size_t *ret_n, an_note *why)
{
    an_prep own = {0};
    const an_prep *prep = NULL;
    an_data_set set = {.n = 0};
    float *x = NULL;
    an_err err = find_prep(task, &own, &prep, why);
    if (err == AN_OK)
        err = choose(task, &set, why);
    if (err == AN_OK)
        err = an_samples_inputs(prep, set.raw, set.n, task->data->context, &x, ret_n, NULL, why);
    if (err == AN_OK && *ret_n == 0)
        err = an_fail(AN_ERR_STATE, why, "no training window is in a regime that is scored");
    an_prep_done(&own);
    an_data_set_done(&set);
    if (err != AN_OK) {
        an_free(x);
        return err;
    }
    *ret = x;
    return AN_OK;
}

/* In the scaler that the site's overlay will have; inputs_done also after a failure. */
static an_err make_inputs(const an_task *task, inputs *ret, an_note *why)
{
    an_prep own = {0};
    an_data_set set = {.n = 0};
    const an_prep *prep = NULL;
    /* Every row has a part in a scaler of the site's own, and that in every gradient. */
    if (task->calibrate->site_scaler && task->plan->dp_unit == AN_DP_RECORD)
        return an_fail(
            AN_ERR_UNSUPPORTED, why,
            "privacy of records needs the fleet's scaler, and this line has personalise.scale: site");
    an_err err = find_prep(task, &own, &prep, why);
    if (err == AN_OK)
        err = choose(task, &set, why);
    const an_data_part part = an_data_part_of(&set);
    if (err == AN_OK)
        err = an_samples_labelled(prep, &part, task->data->context, task->data->n_labels, &ret->x,
                                  &ret->labels, &ret->n, why);
    if (err == AN_OK && ret->n == 0)
        err = an_fail(AN_ERR_STATE, why, "no training window is in a regime that is scored");
    if (err == AN_OK && task->plan->ewc > 0)
        err = add_old(task, prep, ret, why);
    an_prep_done(&own);
    an_data_set_done(&set);
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
        if (t->n != plan->tensors[i].n || (t->local || t->frozen) != plan->tensors[i].local)
            return false;
    }
    return true;
}

/* How much what was learned before needs each shared parameter; the site's own are free.  *ret is the caller's. */
static an_err weigh_parameters(const an_task *task, const an_model *m, const inputs *in, float **ret,
                               an_note *why)
{
    float *fisher = an_alloc(an_model_n_params(m), sizeof *fisher);
    an_err err = fisher ? an_fisher_diagonal(m, task->base->weights, in->old, in->old_labels, in->n_old,
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

/* Spread over the steps, so that they come to pull in the end: with momentum v a slope of 1 has come to
 * lr (K - v (1 - v^K) / (1 - v)) / (1 - v) after K of them.  The site's own parameters have none.  *ret is the caller's. */
static an_err spread_pull(const an_task *task, const an_model *m, size_t n, double momentum, float **ret)
{
    const an_plan *p = task->plan;
    const double steps = (double)((n + p->batch - 1) / p->batch * p->local_epochs), left = 1 - momentum;
    const double each = left / (p->lr * (steps - momentum * (1 - pow(momentum, steps)) / left));
    const float *pull = task->pull;
    float *at = *ret = an_alloc(an_model_n_params(m), sizeof **ret);
    for (uint32_t t = 0; at && t < p->n_tensors; at += p->tensors[t].n, t++)
        for (uint32_t i = 0; !p->tensors[t].local && i < p->tensors[t].n; i++)
            at[i] = (float)(-each * (double)*pull++);
    return *ret ? AN_OK : AN_ERR_NOMEM;
}

/* Trains params from where they are, and keeps the site's own part of the result. */
static an_err learn(const an_task *task, const an_model *m, float *params, const inputs *in,
                    an_task_result *ret, an_note *why)
{
    an_train_stats stats;
    float *fisher = NULL, *shift = NULL;
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
    if (task->pull && (err = spread_pull(task, m, in->n, opts.momentum, &shift)) != AN_OK)
        goto out;
    opts.shift = shift;
    opts.fisher = fisher;
    opts.ewc = fisher ? task->plan->ewc : 0;
    err = records ? an_task_train_private(task, m, params, &opts, in->x, in->n, &stats, why)
                  : an_train(m, params, &opts, in->x, in->labels, in->n, &stats, why);
    if (err != AN_OK)
        goto out;
    ret->loss = stats.last_loss;
    ret->windows = in->n;
    if (n_local > 0 && !(ret->local = an_alloc(n_local, sizeof *ret->local)))
        err = AN_ERR_NOMEM;
    else if (n_local > 0)
        ret->n_local = an_local_take(m, params, ret->local);
out:
    an_free(fisher);
    an_free(shift);
    return err;
}

/* As the round counts it: no longer than clip_norm. */
static an_err keep_moved(const an_task *task, const float *delta, an_task_result *ret)
{
    const an_plan *p = task->plan;
    const size_t n = p->dim - AN_TRAIN_EXTRA;
    double squares = 0;
    if (p->control == 0)
        return AN_OK;
    if (!(ret->moved = an_alloc(n, sizeof *ret->moved)))
        return AN_ERR_NOMEM;
    an_variates_shared(p, delta, ret->moved);
    for (size_t i = 0; i < n; i++)
        squares += (double)ret->moved[i] * (double)ret->moved[i];
    const double norm = sqrt(squares), share = norm > p->clip_norm ? p->clip_norm / norm : 1;
    for (size_t i = 0; i < n; i++)
        ret->moved[i] = (float)(share * (double)ret->moved[i] - (task->pull ? (double)task->pull[i] : 0));
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

static an_err fits_labels(const an_task *task, const an_model *m, an_note *why)
{
    const size_t want = an_model_n_targets(m), have = task->data->n_labels;
    if (an_model_is_autoencoder(m))
        return AN_OK;
    if (have == 0)
        return an_fail(AN_ERR_UNSUPPORTED, why, "the model learns from labels, and this site has none");
    if (have != want)
        return an_fail(AN_ERR_INVAL, why, "the model learns labels of %zu values, this site's have %zu", want,
                       have);
    if (task->plan->dp_unit == AN_DP_RECORD)
        return an_fail(AN_ERR_UNSUPPORTED, why, "privacy of records is for models without labels");
    return AN_OK;
}

static an_err run(const an_task *task, uint32_t *ret, an_task_result *ret_result, an_note *why)
{
    an_model *m = NULL;
    float *params = NULL;
    inputs in = {.x = NULL};
    an_err err = an_bundle_model(task->base, &m, why);
    if (err != AN_OK)
        goto out;
    if ((err = fits_labels(task, m, why)) != AN_OK)
        goto out;
    if (task->plan->control > 0 && strcmp(task->plan->optimiser, "sgd") != 0) {
        err = an_fail(AN_ERR_UNSUPPORTED, why, "control variates are for the optimiser sgd");
        goto out;
    }
    if (!layout_agrees(m, task->plan)) {
        err = an_fail(AN_ERR_INVAL, why, "the plan has another layout than its base version");
        goto out;
    }
    if ((err = make_inputs(task, &in, why)) != AN_OK)
        goto out;
    if (an_model_is_autoencoder(m)) {
        an_free(in.labels);
        an_free(in.old_labels);
        in.labels = in.old_labels = NULL;
    } else if (!in.labels) {
        err = an_fail(AN_ERR_STATE, why, "some windows to learn from have no label");
        goto out;
    }
    err = AN_ERR_NOMEM;
    const size_t n_params = an_model_n_params(m);
    if (!(params = an_alloc(n_params, sizeof *params)))
        goto out;
    memcpy(params, task->base->weights, n_params * sizeof *params);
    if ((err = learn(task, m, params, &in, ret_result, why)) != AN_OK)
        goto out;
    for (size_t i = 0; i < n_params; i++)
        params[i] -= task->base->weights[i];
    if ((err = keep_moved(task, params, ret_result)) != AN_OK)
        goto out;
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
