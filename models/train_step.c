/* One step:
 *
 *     workers: each layer -> its weights in the order in which fast routes want them
 *     workers: each slice of the batch, a group of rows after the other -> its own gradient
 *              (forward, loss, backward)
 *     workers: each block of parameters -> sum of the slices' gradients in slice order, mean; its
 *              square; optimiser, or a step towards the mean
 *
 * With terms of the objective or clipping, these come between the gradient and the optimiser:
 *
 *     workers: each block -> mean of the slices, terms; its square
 *     caller:  squares in block order -> norm -> is it to be clipped
 *     workers: each block -> optimiser, or a step towards the mean
 *
 * Slices, groups and blocks depend on the sizes of batch and model alone, so the number of threads
 * changes who computes, never what. */
#include <math.h>
#include <string.h>

#include "models/kernels/vec.h"
#include "models/train_internal.h"

/* Where part k of n begins. */
static size_t part(size_t rows, size_t k, size_t n)
{
    return rows * k / n;
}

static double run_group(const an_trainer *t, an_train_desk *d, size_t from, size_t rows, float *grad)
{
    const uint32_t *order = t->order + t->first + from;
    const an_canvas_others others = {t->x, t->targets, t->targets ? t->n : 0, t->n_in, t->n_t};
    for (size_t i = 0; i < rows; i++) {
        memcpy(d->x + i * t->n_in, t->x + order[i] * t->n_in, t->n_in * sizeof *d->x);
        if (d->t)
            memcpy(d->t + i * t->n_t, t->targets ? t->targets + order[i] * t->n_t : d->x + i * t->n_in,
                   t->n_t * sizeof *d->t);
        if (d->spare)
            an_model_augment_row(t->m, d->x + i * t->n_in, d->t + i * t->n_t, &others, d->spare,
                                 t->opts->seed, (t->step - 1) / t->per_epoch, order[i]);
    }
    const an_step step = {.draw = {t->opts->seed, t->step, from},
                          .prepared = t->prepared,
                          .bf16 = t->opts->precision == AN_TRAIN_BF16};
    return an_train_is_private(t->opts)
               ? an_train_private_group(t, d, rows, &step, grad)
               : an_model_grad(t->m, d->ws, t->params, rows, d->x, d->t, &step, grad);
}

static void prepare_layer(void *ctx, size_t i, size_t worker)
{
    (void)worker;
    an_trainer *t = ctx;
    an_model_prepare(t->m, t->params, i, t->prepared);
}

static void run_slice(void *ctx, size_t s, size_t worker)
{
    an_trainer *t = ctx;
    const size_t from = part(t->rows, s, t->n_slices);
    const size_t rows = part(t->rows, s + 1, t->n_slices) - from;
    const size_t n_groups = (rows + t->group_max - 1) / t->group_max;
    an_train_desk *d = &t->desks[t->late ? s : worker];
    float *grad = t->late ? NULL : t->grad + s * t->m->n_params;
    double loss = 0.0;
    for (size_t g = 0; g < n_groups; g++) {
        const size_t at = part(rows, g, n_groups);
        loss += run_group(t, d, from + at, part(rows, g + 1, n_groups) - at, grad);
    }
    t->slice_loss[s] = loss;
}

static bool add_terms(const an_train_opts *o, const an_trainer *t, const an_train_block *k, float *restrict g)
{
    const float mu = (float)o->prox_mu, lambda = (float)o->l2sp, ewc = (float)o->ewc;
    const float *w = t->params + k->at;
    if (mu > 0.0f)
        for (size_t i = 0; i < k->n; i++)
            g[i] += mu * (w[i] - t->start[k->at + i]);
    if (lambda > 0.0f)
        for (size_t i = 0; i < k->n; i++)
            g[i] += lambda * (w[i] - o->anchor[k->at + i]);
    if (ewc > 0.0f)
        for (size_t i = 0; i < k->n; i++)
            g[i] += ewc * o->fisher[k->at + i] * (w[i] - o->anchor[k->at + i]);
    for (size_t i = 0; o->shift && i < k->n; i++)
        g[i] += o->shift[k->at + i];
    return mu > 0.0f || lambda > 0.0f || ewc > 0.0f || o->shift;
}

static an_vec_grad mean_of_slices(const an_trainer *t, const an_train_block *k, size_t worker)
{
    const float share = t->noise ? 1.0f : (float)(1.0 / (double)t->rows);
    if (!t->late)
        return (an_vec_grad){t->grad + k->at, t->m->n_params, t->n_slices, share};
    float *g = t->grad + (t->straight ? worker * t->block_max : k->at);
    const size_t from = k->at - t->m->layers[k->layer].param_at;
    for (size_t s = 0; s < t->n_slices; s++) {
        const an_pass pass = {.batch = part(t->rows, s + 1, t->n_slices) - part(t->rows, s, t->n_slices),
                              .bf16 = t->opts->precision == AN_TRAIN_BF16};
        const an_train_desk *d = &t->desks[s];
        an_model_weights_back(t->m, d->ws, k->layer, &pass, d->x, from, k->n, s > 0, g);
    }
    return (an_vec_grad){g, 0, 1, share};
}

/* The gradient of the whole objective for one block, into the first slice's place. */
static void reduce_block(void *ctx, size_t b, size_t worker)
{
    an_trainer *t = ctx;
    const an_train_block *k = &t->blocks[b];
    float *g = t->grad + k->at;
    const an_vec_grad slices = mean_of_slices(t, k, worker);
    t->square[b] = an_vec_get()->gather(k->n, g, &slices);
    if (t->noise) {
        an_train_private_block(t, k, g);
        t->square[b] = (double)an_vec_get()->dot(k->n, g, g);
    }
    if (k->follow > 0.0) /* a mean has no part in the norm, but must be one */
        t->square[b] = isfinite(t->square[b]) ? 0.0 : INFINITY;
    else if (add_terms(t->opts, t, k, g))
        t->square[b] = (double)an_vec_get()->dot(k->n, g, g);
}

/* The square of the gradient. */
static double step_block(an_trainer *t, const an_train_block *k, const an_vec_grad *grad)
{
    float *g = t->grad + k->at, *w = t->params + k->at, *state[AN_OPTIMISER_STATE_MAX] = {NULL};
    if (k->follow > 0.0) {
        const double square = an_vec_get()->gather(k->n, g, grad);
        for (size_t i = 0; i < k->n; i++)
            w[i] += (float)k->follow * (g[i] - w[i]);
        return square;
    }
    for (size_t i = 0; i < t->optimiser->n_state; i++)
        state[i] = t->state[i] + k->at;
    const an_optimiser_args args = {t->lr, t->opts->momentum, t->opts->weight_decay, t->step};
    return t->optimiser->step(&args, k->n, w, state, grad);
}

/* The gradients are cleared for the next step while they are still near the processor.  Those of
 * parameters that do not move are in no block: they are never read. */
static void clear_block(const an_trainer *t, const an_train_block *k)
{
    for (size_t s = 0; !t->late && s < t->n_slices; s++)
        memset(t->grad + s * t->m->n_params + k->at, 0, k->n * sizeof *t->grad);
}

/* After reduce_block. */
static void finish_block(void *ctx, size_t b, size_t worker)
{
    (void)worker;
    an_trainer *t = ctx;
    const an_train_block *k = &t->blocks[b];
    const float factor = k->follow > 0.0 ? 1.0f : (float)t->factor;
    const an_vec_grad whole = {t->grad + k->at, 0, 1, factor};
    (void)step_block(t, k, &whole);
    clear_block(t, k);
}

/* All in one pass over memory, where nothing stands between the gradient and the step. */
static void reduce_and_finish_block(void *ctx, size_t b, size_t worker)
{
    an_trainer *t = ctx;
    const an_train_block *k = &t->blocks[b];
    const an_vec_grad slices = mean_of_slices(t, k, worker);
    t->square[b] = step_block(t, k, &slices);
    clear_block(t, k);
}

static double square_of_blocks(const an_trainer *t)
{
    double square = 0.0;
    for (size_t b = 0; b < t->n_blocks; b++)
        square += t->square[b];
    return square;
}

static void move_params(an_trainer *t)
{
    const an_train_opts *o = t->opts;
    if (t->straight) {
        an_workers_run(t->workers, t->n_blocks, reduce_and_finish_block, t);
        return;
    }
    if (t->noise)
        an_train_private_noise(t);
    an_workers_run(t->workers, t->n_blocks, reduce_block, t);
    const double norm = sqrt(square_of_blocks(t));
    if (!isfinite(norm))
        return;
    t->factor = o->clip_norm > 0.0 && norm > o->clip_norm ? o->clip_norm / norm : 1.0;
    t->clipped += t->factor < 1.0;
    an_workers_run(t->workers, t->n_blocks, finish_block, t);
}

an_err an_trainer_step(an_trainer *t, double *ret_loss, an_note *why)
{
    t->lr = t->opts->lr * an_schedule_share(t->schedule, &t->rate, t->step);
    t->step++;
    t->n_slices = an_train_slices(t->m, t->slice_rows, t->rows);
    if (t->noise && t->n_slices > t->slices_max) /* more rows than expected */
        t->n_slices = t->slices_max;
    if (t->prepared)
        an_workers_run(t->workers, t->m->n_layers, prepare_layer, t);
    an_workers_run(t->workers, t->n_slices, run_slice, t);
    double loss = 0.0;
    for (size_t s = 0; s < t->n_slices; s++)
        loss += t->slice_loss[s];
    if (!isfinite(loss))
        return an_fail(AN_ERR_NUMERIC, why,
                       "step %llu: the loss is not finite (lr %g; are the data finite and scaled?)",
                       (unsigned long long)t->step, t->lr);
    move_params(t);
    if (!isfinite(square_of_blocks(t)))
        return an_fail(AN_ERR_NUMERIC, why, "step %llu: the gradient is not finite (lr %g)",
                       (unsigned long long)t->step, t->lr);
    *ret_loss = loss;
    return AN_OK;
}

static void validate_group(void *ctx, size_t g, size_t worker)
{
    an_trainer *t = ctx;
    const size_t from = t->n + g * t->group_max, end = t->n + t->n_valid;
    const size_t rows = end - from < t->group_max ? end - from : t->group_max;
    const float *targets = t->targets ? t->targets + from * t->n_t : NULL;
    t->valid_loss[g] =
        an_model_loss(t->m, t->desks[worker].ws, t->params, rows, t->x + from * t->n_in, targets);
}

an_err an_trainer_validate(an_trainer *t, double *ret_loss, an_note *why)
{
    const size_t n_groups = (t->n_valid + t->group_max - 1) / t->group_max;
    double sum = 0.0;
    an_workers_run(t->workers, n_groups, validate_group, t);
    for (size_t g = 0; g < n_groups; g++)
        sum += t->valid_loss[g];
    if (!isfinite(sum))
        return an_fail(AN_ERR_NUMERIC, why, "step %llu: the validation loss is not finite (lr %g)",
                       (unsigned long long)t->step, t->lr);
    *ret_loss = sum / (double)t->n_valid;
    return AN_OK;
}
