/* Mini-batch training.  One step:
 *
 *     workers: each slice of the batch -> its own gradient (forward, loss, backward)
 *     workers: each block of parameters -> sum of the slices' gradients in slice order, mean,
 *              prox; its square
 *     caller:  squares in block order -> norm -> is it finite, is it to be clipped
 *     workers: each block -> optimiser
 *
 * Slices and blocks depend on the sizes of batch and model alone, so the number of threads
 * changes who computes, never what.  Training works on a copy; the caller's parameters are
 * overwritten at the very end. */
#include "models/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/workers.h"
#include "models/loss.h"
#include "models/model_internal.h"
#include "models/optimiser.h"

#define SLICES_MAX 8u
#define SLICE_ROWS 16u           /* fewer rows make the products too small to be fast */
#define SLICE_FLOATS (32u << 20) /* all slices' gradients together: 128 MiB */
#define BLOCK_PARAMS 8192u       /* a block's gradient, state and weights fit the second cache */
#define LOSS_ROWS 256u

/* A range of parameters that move. */
typedef struct block {
    size_t at, n;
} block;

/* What one worker needs. */
typedef struct desk {
    an_ws *ws;
    float *x, *t; /* the rows of its slice, gathered */
} desk;

typedef struct job {
    const an_model *m;
    const an_train_opts *opts;
    const an_optimiser *optimiser;
    const float *x, *targets, *start;
    size_t n, n_in, n_t;

    an_workers *workers;
    desk *desks;
    size_t n_desks;
    size_t slices_max; /* of a full batch */
    uint32_t *order;   /* (n) rows in the order of this epoch */
    float *params;     /* the copy that is trained */
    float *grad;       /* (slices_max, n_params) */
    float *state[AN_OPTIMISER_STATE_MAX];
    double *square; /* (n_blocks) */
    block *blocks;
    size_t n_blocks;

    /* This step. */
    size_t first, rows, n_slices;
    double slice_loss[SLICES_MAX];
    double factor; /* clipping */
    uint64_t step;
    size_t clipped;
} job;

an_train_opts an_train_defaults(void)
{
    return (an_train_opts){.epochs = 10,
                           .batch = 64,
                           .optimiser = "adam",
                           .lr = 1e-3,
                           .momentum = 0.9,
                           .scope = AN_TRAIN_ALL,
                           .n_threads = 1};
}

/* The slices of a step: from its rows and the model's size, never from the threads. */
static size_t slices_of(size_t rows, size_t n_params)
{
    size_t n = rows / SLICE_ROWS;
    size_t fit = SLICE_FLOATS / n_params;
    n = n > SLICES_MAX ? SLICES_MAX : n;
    n = n > fit ? fit : n;
    return n > 0 ? n : 1;
}

static size_t slice_start(const job *j, size_t s)
{
    return j->rows * s / j->n_slices;
}

static void run_slice(void *ctx, size_t s, size_t worker)
{
    job *j = ctx;
    desk *d = &j->desks[worker];
    size_t from = slice_start(j, s), rows = slice_start(j, s + 1) - from;
    const uint32_t *order = j->order + j->first + from;
    for (size_t i = 0; i < rows; i++) {
        memcpy(d->x + i * j->n_in, j->x + order[i] * j->n_in, j->n_in * sizeof *d->x);
        if (d->t)
            memcpy(d->t + i * j->n_t, j->targets + order[i] * j->n_t, j->n_t * sizeof *d->t);
    }
    size_t n = j->m->n_params;
    float *grad = j->grad + s * n;
    memset(grad, 0, n * sizeof *grad);
    const an_step step = {.draw = {j->opts->seed, j->step, from}};
    j->slice_loss[s] = an_model_grad(j->m, d->ws, j->params, rows, d->x, d->t, &step, grad);
}

/* The gradient of the whole objective for one block, into the first slice's place. */
static void reduce_block(void *ctx, size_t b, size_t worker)
{
    (void)worker;
    job *j = ctx;
    const block *k = &j->blocks[b];
    float *restrict g = j->grad + k->at;
    for (size_t s = 1; s < j->n_slices; s++) {
        const float *restrict more = j->grad + s * j->m->n_params + k->at;
        for (size_t i = 0; i < k->n; i++)
            g[i] += more[i];
    }
    float mean = (float)(1.0 / (double)j->rows);
    float mu = (float)j->opts->prox_mu, lambda = (float)j->opts->l2sp;
    const float *w = j->params + k->at;
    for (size_t i = 0; i < k->n; i++)
        g[i] *= mean;
    if (mu > 0.0f)
        for (size_t i = 0; i < k->n; i++)
            g[i] += mu * (w[i] - j->start[k->at + i]);
    if (lambda > 0.0f)
        for (size_t i = 0; i < k->n; i++)
            g[i] += lambda * (w[i] - j->opts->anchor[k->at + i]);
    double sum[4] = {0}; /* four sums, so that the additions need not wait for each other */
    size_t i = 0;
    for (; i + 4 <= k->n; i += 4)
        for (size_t l = 0; l < 4; l++)
            sum[l] += (double)g[i + l] * (double)g[i + l];
    for (; i < k->n; i++)
        sum[0] += (double)g[i] * (double)g[i];
    j->square[b] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void step_block(void *ctx, size_t b, size_t worker)
{
    (void)worker;
    job *j = ctx;
    const block *k = &j->blocks[b];
    float *g = j->grad + k->at;
    float *state[AN_OPTIMISER_STATE_MAX];
    for (size_t i = 0; i < j->optimiser->n_state; i++)
        state[i] = j->state[i] + k->at;
    if (j->factor < 1.0)
        for (size_t i = 0; i < k->n; i++)
            g[i] *= (float)j->factor;
    an_optimiser_args args = {j->opts->lr, j->opts->momentum, j->opts->weight_decay, j->step};
    j->optimiser->step(&args, k->n, j->params + k->at, state, g);
}

static bool cancelled(const an_train_opts *o)
{
    return o->cancel && atomic_load(o->cancel);
}

static an_err run_step(job *j, double *ret_loss, an_note *why)
{
    j->step++;
    j->n_slices = slices_of(j->rows, j->m->n_params);
    an_workers_run(j->workers, j->n_slices, run_slice, j);
    double loss = 0.0, square = 0.0;
    for (size_t s = 0; s < j->n_slices; s++)
        loss += j->slice_loss[s];
    if (!isfinite(loss))
        return an_fail(AN_ERR_NUMERIC, why,
                       "step %llu: the loss is not finite (lr %g; are the data finite and scaled?)",
                       (unsigned long long)j->step, j->opts->lr);
    an_workers_run(j->workers, j->n_blocks, reduce_block, j);
    for (size_t b = 0; b < j->n_blocks; b++)
        square += j->square[b];
    if (!isfinite(square))
        return an_fail(AN_ERR_NUMERIC, why, "step %llu: the gradient is not finite (lr %g)",
                       (unsigned long long)j->step, j->opts->lr);
    double norm = sqrt(square), clip = j->opts->clip_norm;
    j->factor = clip > 0.0 && norm > clip ? clip / norm : 1.0;
    j->clipped += j->factor < 1.0;
    an_workers_run(j->workers, j->n_blocks, step_block, j);
    *ret_loss = loss;
    return AN_OK;
}

/* Reports at most about a hundred times in all, and after each epoch. */
static void report(const job *j, size_t epoch, double loss, size_t steps, size_t per_epoch)
{
    const an_train_opts *o = j->opts;
    size_t total = per_epoch * o->epochs, each = total / 100 > 0 ? total / 100 : 1;
    if (o->progress && (steps % each == 0 || steps % per_epoch == 0))
        o->progress(o->progress_arg, epoch, loss, (double)steps / (double)total);
}

static an_err run_epoch(job *j, size_t epoch, double *ret_loss, an_note *why)
{
    size_t per_epoch = (j->n + j->opts->batch - 1) / j->opts->batch;
    double sum = 0.0;
    an_rng r;
    an_rng_init(&r, j->opts->seed, epoch);
    for (size_t i = 0; i < j->n; i++)
        j->order[i] = (uint32_t)i;
    an_rng_shuffle(&r, j->order, j->n);
    for (j->first = 0; j->first < j->n; j->first += j->rows) {
        if (cancelled(j->opts))
            return an_fail(AN_ERR_CANCELLED, why, "cancelled after %llu steps", (unsigned long long)j->step);
        j->rows = j->n - j->first < j->opts->batch ? j->n - j->first : j->opts->batch;
        double loss = 0.0;
        an_err err = run_step(j, &loss, why);
        if (err != AN_OK)
            return err;
        sum += loss;
        report(j, epoch, sum / (double)(j->first + j->rows), (size_t)j->step, per_epoch);
    }
    *ret_loss = sum / (double)j->n;
    return AN_OK;
}

static bool moves(const an_train_opts *o, size_t i, const an_tensor *t)
{
    if (o->frozen && o->frozen[i])
        return false;
    return o->scope == AN_TRAIN_ALL || (o->scope == AN_TRAIN_LOCAL) == t->local;
}

/* Cuts the tensors that move into blocks. */
static an_err make_blocks(job *j, an_note *why)
{
    size_t cap = 0;
    for (size_t i = 0; i < j->m->n_tensors; i++) {
        const an_tensor *t = &j->m->tensors[i];
        for (size_t at = 0; moves(j->opts, i, t) && at < t->n;) {
            block *last = j->n_blocks ? &j->blocks[j->n_blocks - 1] : NULL;
            size_t n = t->n - at;
            if (last && last->at + last->n == t->offset + at && last->n < BLOCK_PARAMS) {
                n = n < BLOCK_PARAMS - last->n ? n : BLOCK_PARAMS - last->n;
                last->n += n;
            } else {
                n = n < BLOCK_PARAMS ? n : BLOCK_PARAMS;
                if (!an_grow(&j->blocks, &cap, j->n_blocks + 1, sizeof *j->blocks))
                    return AN_ERR_NOMEM;
                j->blocks[j->n_blocks++] = (block){t->offset + at, n};
            }
            at += n;
        }
    }
    if (j->n_blocks == 0)
        return an_fail(AN_ERR_INVAL, why, "nothing to train: every tensor of \"%s\" stays as it is",
                       j->m->name);
    return AN_OK;
}

static an_err make_desks(job *j)
{
    size_t rows = j->opts->batch < j->n ? j->opts->batch : j->n;
    size_t most = 0;
    /* A smaller last batch may have longer slices than a full one. */
    for (size_t r = 1; r <= rows; r++) {
        size_t s = slices_of(r, j->m->n_params);
        most = most < (r + s - 1) / s ? (r + s - 1) / s : most;
        j->slices_max = j->slices_max < s ? s : j->slices_max;
    }
    j->n_desks = j->opts->n_threads < j->slices_max ? j->opts->n_threads : j->slices_max;
    an_err err = an_workers_new(j->n_desks, &j->workers);
    if (err != AN_OK)
        return err;
    j->desks = an_alloc(j->n_desks, sizeof *j->desks);
    if (!j->desks)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < j->n_desks; i++) {
        desk *d = &j->desks[i];
        err = an_ws_new(j->m, AN_WS_TRAIN, most, &d->ws);
        if (err != AN_OK)
            return err;
        if (!(d->x = an_alloc(most * j->n_in, sizeof *d->x)))
            return AN_ERR_NOMEM;
        if (j->targets && !(d->t = an_alloc(most * j->n_t, sizeof *d->t)))
            return AN_ERR_NOMEM;
    }
    return AN_OK;
}

static an_err job_init(job *j, an_note *why)
{
    size_t n = j->m->n_params;
    an_err err = make_blocks(j, why);
    if (err == AN_OK)
        err = make_desks(j);
    if (err != AN_OK)
        return err;
    if (!(j->order = an_alloc(j->n, sizeof *j->order)) || !(j->params = an_alloc(n, sizeof *j->params)) ||
        !(j->grad = an_alloc(j->slices_max * n, sizeof *j->grad)) ||
        !(j->square = an_alloc(j->n_blocks, sizeof *j->square)))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < j->optimiser->n_state; i++)
        if (!(j->state[i] = an_alloc(n, sizeof *j->state[i])))
            return AN_ERR_NOMEM;
    memcpy(j->params, j->start, n * sizeof *j->params);
    return AN_OK;
}

static void job_done(job *j)
{
    an_workers_free(j->workers);
    for (size_t i = 0; j->desks && i < j->n_desks; i++) {
        an_ws_free(j->desks[i].ws);
        an_free(j->desks[i].x);
        an_free(j->desks[i].t);
    }
    an_free(j->desks);
    an_free(j->order);
    an_free(j->params);
    an_free(j->grad);
    an_free(j->square);
    an_free(j->blocks);
    for (size_t i = 0; i < AN_OPTIMISER_STATE_MAX; i++)
        an_free(j->state[i]);
}

/* One row per numeric option: what it may be. */
static an_err check_bounds(const an_train_opts *o, an_note *why)
{
    const struct {
        const char *name;
        double value, min, max;
    } bounds[] = {
        {"epochs", (double)o->epochs, 1, 100000},
        {"batch", (double)o->batch, 1, 65536},
        {"lr", o->lr, 1e-12, 1e3},
        {"momentum", o->momentum, 0, 0.9999},
        {"weight_decay", o->weight_decay, 0, 1e3},
        {"clip_norm", o->clip_norm, 0, 1e12},
        {"prox_mu", o->prox_mu, 0, 1e6},
        {"l2sp", o->l2sp, 0, 1e6},
        {"n_threads", (double)o->n_threads, 1, AN_WORKERS_MAX},
    };
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (!(bounds[i].value >= bounds[i].min && bounds[i].value <= bounds[i].max))
            return an_fail(AN_ERR_INVAL, why, "%s = %g: must be %g..%g", bounds[i].name, bounds[i].value,
                           bounds[i].min, bounds[i].max);
    return AN_OK;
}

static an_err check_data(const an_model *m, const float *x, const float *targets, size_t n, an_note *why)
{
    if (!x || n == 0)
        return an_fail(AN_ERR_INVAL, why, "no rows to train on");
    if (n > UINT32_MAX)
        return an_fail(AN_ERR_INVAL, why, "%zu rows: at most %u", n, UINT32_MAX);
    if (m->autoencoder)
        return AN_OK;
    if (!targets)
        return an_fail(AN_ERR_INVAL, why, "model \"%s\" learns from labels, and none are given", m->name);
    for (size_t i = 0; m->loss->classes && i < n; i++)
        if (!(targets[i] >= 0.0f && targets[i] < (float)m->n_outputs && targets[i] == floorf(targets[i])))
            return an_fail(AN_ERR_INVAL, why, "row %zu: class %g is none of 0..%zu", i, (double)targets[i],
                           m->n_outputs - 1);
    return AN_OK;
}

static an_err check(const job *j, an_note *why)
{
    if (j->m->n_params == 0)
        return an_fail(AN_ERR_INVAL, why, "model \"%s\" has no parameters", j->m->name);
    if (!j->optimiser)
        return an_fail(AN_ERR_INVAL, why, "unknown optimiser \"%.40s\"",
                       j->opts->optimiser ? j->opts->optimiser : "");
    if (j->opts->l2sp > 0.0 && !j->opts->anchor)
        return an_fail(AN_ERR_INVAL, why, "l2sp needs anchor parameters");
    an_err err = check_bounds(j->opts, why);
    return err == AN_OK ? check_data(j->m, j->x, j->targets, j->n, why) : err;
}

static an_err check_params(const job *j, an_note *why)
{
    for (size_t i = 0; i < j->m->n_params; i++)
        if (!isfinite(j->params[i]))
            return an_fail(AN_ERR_NUMERIC, why, "step %llu: parameter %zu is not finite (lr %g)",
                           (unsigned long long)j->step, i, j->opts->lr);
    return AN_OK;
}

an_err an_train(const an_model *m, float *params, const an_train_opts *opts, const float *x,
                const float *targets, size_t n, an_train_stats *ret_stats, an_note *why)
{
    an_train_stats stats = {0};
    job j = {.m = m, .opts = opts, .start = params, .x = x, .n = n, .n_in = m->n_inputs};
    j.targets = m->autoencoder ? NULL : targets;
    j.n_t = an_model_n_targets(m);
    j.optimiser = opts->optimiser ? an_optimiser_find(opts->optimiser) : NULL;
    an_err err = check(&j, why);
    if (err != AN_OK)
        goto out;
    err = job_init(&j, why);
    if (err == AN_ERR_NOMEM)
        an_note_set(why, "out of memory to train %zu parameters in batches of %zu", m->n_params, opts->batch);
    for (size_t e = 0; err == AN_OK && e < opts->epochs; e++) {
        err = run_epoch(&j, e, &stats.last_loss, why);
        if (e == 0)
            stats.first_loss = stats.last_loss;
        stats.epochs += err == AN_OK;
    }
    if (err == AN_OK)
        err = check_params(&j, why);
    if (err != AN_OK)
        goto out;
    stats.steps = (size_t)j.step;
    stats.clipped = j.clipped;
    memcpy(params, j.params, m->n_params * sizeof *params);
    if (ret_stats)
        *ret_stats = stats;
out:
    job_done(&j);
    return err;
}

an_err an_train_loss(const an_model *m, const float *params, const float *x, const float *targets, size_t n,
                     double *ret_loss, an_note *why)
{
    an_ws *ws = NULL;
    double sum = 0.0;
    an_err err = check_data(m, x, targets, n, why);
    if (err == AN_OK)
        err = an_ws_new(m, AN_WS_FORWARD, n < LOSS_ROWS ? n : LOSS_ROWS, &ws);
    if (err != AN_OK)
        goto out;
    for (size_t at = 0; at < n; at += LOSS_ROWS) {
        size_t rows = n - at < LOSS_ROWS ? n - at : LOSS_ROWS;
        const float *t = m->autoencoder ? NULL : targets + at * an_model_n_targets(m);
        sum += an_model_loss(m, ws, params, rows, x + at * m->n_inputs, t);
    }
    if (!isfinite(sum)) {
        err = an_fail(AN_ERR_NUMERIC, why, "the loss is not finite");
        goto out;
    }
    *ret_loss = sum / (double)n;
out:
    an_ws_free(ws);
    return err;
}
