/* What a training run needs, found and allocated before the first step. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "models/train_internal.h"

#define SLICE_ROWS 16u           /* fewer rows make the products too small to be fast, */
#define SLICE_WORK_LARGE 4e7     /* unless a row alone is large: products of a slice */
#define SLICE_ROWS_DENSE 32u     /* where a gradient is soon worked out, adding slices up costs more */
#define REUSE 4.0                /* uses of a parameter in a row, below which it is so */
#define SLICE_ROWS_MIXED 32u     /* fewer rows make their statistics too rough (ghost batch norm) */
#define SLICE_WORK 2e6           /* less is done before another thread has begun */
#define SLICE_FLOATS (32u << 20) /* all slices' gradients together: 128 MiB */
#define BLOCK_PARAMS 8192u       /* a block's gradient, state and weights fit the second cache */
#define LATE_LINES 13u           /* of a wide layer, whose gradient is a product of as many rows */

/* What a group of rows may keep between forward and backward: about two thirds of the second cache
 * of common processors.  A constant, and not this machine's, because the order of additions follows
 * from it. */
#define GROUP_BYTES ((size_t)1400 * 1024)

/* How often a row uses a parameter, in the mean: once in a dense layer, at every place in a
 * convolution, at every step in a recurrent layer. */
static double reuse_of(const an_model *m)
{
    double uses = 0.0;
    for (size_t i = 0; i < m->n_layers; i++) {
        const an_layer *l = &m->layers[i];
        const size_t in = l->in_n / l->in.d[l->in.n_dims - 1], out = l->out_n / l->out.d[l->out.n_dims - 1];
        uses += (double)l->n_params * (double)(in > out ? in : out);
    }
    return uses / (double)m->n_params;
}

size_t an_train_slice_rows(const an_model *m)
{
    const double reuse = reuse_of(m), each = reuse * (double)m->n_params;
    if (m->mixes_rows)
        return SLICE_ROWS_MIXED;
    if (reuse >= REUSE && !m->slow_on_few_rows && each * SLICE_ROWS > SLICE_WORK_LARGE)
        return each < SLICE_WORK_LARGE ? (size_t)(SLICE_WORK_LARGE / each) : 1;
    const size_t least = reuse < REUSE ? SLICE_ROWS_DENSE : SLICE_ROWS;
    return each > 1.0 && SLICE_WORK / each > (double)least ? (size_t)(SLICE_WORK / each) : least;
}

size_t an_train_slices(const an_model *m, size_t slice_rows, size_t rows)
{
    size_t n = rows / slice_rows;
    size_t fit = m->late ? n : SLICE_FLOATS / m->n_params;
    n = n > AN_TRAIN_SLICES_MAX ? AN_TRAIN_SLICES_MAX : n;
    n = n > fit ? fit : n;
    return n > 0 ? n : 1;
}

static bool moves(const an_train_opts *o, size_t i, const an_tensor *t)
{
    if (t->frozen || (o->frozen && o->frozen[i]))
        return false;
    return o->scope == AN_TRAIN_ALL || (o->scope == AN_TRAIN_LOCAL) == t->local;
}

static size_t layer_at(const an_model *m, size_t param)
{
    size_t i = 0;
    while (param >= m->layers[i].param_at + m->layers[i].n_params)
        i++;
    return i;
}

/* n parameters from `at`: into the last block if they continue it, else into a new one.  Returns how
 * many were taken, 0 without memory. */
static size_t take_block(an_trainer *t, size_t *cap, size_t at, size_t n, double follow)
{
    an_train_block *last = t->n_blocks ? &t->blocks[t->n_blocks - 1] : NULL;
    const size_t layer = t->late ? layer_at(t->m, at) : 0, whole = t->late ? t->m->layers[layer].out_n : 1;
    const size_t lines = BLOCK_PARAMS / whole > LATE_LINES || !t->late ? BLOCK_PARAMS / whole : LATE_LINES;
    const size_t most = lines * whole;
    if (last && last->at + last->n == at && last->follow == follow && last->layer == layer &&
        last->n < most) {
        n = n < most - last->n ? n : most - last->n;
        last->n += n;
        return n;
    }
    n = n < most ? n : most;
    if (!an_grow(&t->blocks, cap, t->n_blocks + 1, sizeof *t->blocks))
        return 0;
    t->blocks[t->n_blocks++] = (an_train_block){at, n, follow, layer};
    return n;
}

/* Cuts the tensors that move into blocks. */
static an_err make_blocks(an_trainer *t, an_note *why)
{
    size_t cap = 0;
    bool learns = false;
    for (size_t i = 0; i < t->m->n_tensors; i++) {
        const an_tensor *w = &t->m->tensors[i];
        if (!moves(t->opts, i, w))
            continue;
        learns = learns || !(w->follow > 0.0);
        for (size_t at = 0, n = 0; at < w->n; at += n)
            if ((n = take_block(t, &cap, w->offset + at, w->n - at, w->follow)) == 0)
                return AN_ERR_NOMEM;
    }
    if (!learns)
        return an_fail(AN_ERR_INVAL, why, "nothing to train: every tensor of \"%s\" stays as it is",
                       t->m->name);
    return AN_OK;
}

/* The rows of a group, at most `most`.  What does not grow with the rows takes its part of the room, but
 * never more than half. */
static an_err fit_group(const an_model *m, size_t most, size_t *ret)
{
    const bool whole = m->mixes_rows || m->slow_on_few_rows || m->late;
    size_t one = 0, all = 0;
    an_err err = an_ws_plan(m, AN_WS_TRAIN, 1, &one);
    if (err == AN_OK)
        err = an_ws_plan(m, AN_WS_TRAIN, most, &all);
    if (err != AN_OK)
        return err;
    *ret = most;
    if (whole || most == 1 || all <= GROUP_BYTES)
        return AN_OK;
    const size_t each = (all - one) / (most - 1), fixed = one > each ? one - each : 0;
    const size_t room = fixed < GROUP_BYTES / 2 ? GROUP_BYTES - fixed : GROUP_BYTES / 2;
    const size_t rows = each > 0 ? room / each : most;
    *ret = rows == 0 ? 1 : rows < most ? rows : most;
    return AN_OK;
}

static an_err size_desks(an_trainer *t)
{
    const size_t rows = t->batch < t->n ? t->batch : t->n;
    size_t most = 0;
    t->slice_rows = an_train_slice_rows(t->m);
    /* A smaller last batch may have longer slices than a full one. */
    for (size_t r = 1; r <= rows; r++) {
        size_t s = an_train_slices(t->m, t->slice_rows, r);
        most = most < (r + s - 1) / s ? (r + s - 1) / s : most;
        t->slices_max = t->slices_max < s ? s : t->slices_max;
    }
    const size_t fit = SLICE_FLOATS / t->m->n_params;
    if (an_train_is_private(t->opts) && t->slices_max > fit) /* their gradients are all made, late or not */
        t->slices_max = fit > 0 ? fit : 1;
    const size_t useful = t->late || t->n_valid ? AN_TRAIN_SLICES_MAX : t->slices_max;
    t->n_workers = t->opts->n_threads < useful ? t->opts->n_threads : useful;
    t->n_desks = t->late && t->slices_max > t->n_workers ? t->slices_max : t->n_workers;
    return fit_group(t->m, most, &t->group_max);
}

static an_err make_desks(an_trainer *t)
{
    t->desks = an_alloc(t->n_desks, sizeof *t->desks);
    if (!t->desks)
        return AN_ERR_NOMEM;
    an_err err = an_workers_new(t->n_workers, &t->workers);
    for (size_t i = 0; i < t->n_desks && err == AN_OK; i++) {
        an_train_desk *d = &t->desks[i];
        err = an_ws_new(t->m, AN_WS_TRAIN, t->group_max, &d->ws);
        if (err == AN_OK && !(d->x = an_alloc(t->group_max * t->n_in, sizeof *d->x)))
            err = AN_ERR_NOMEM;
        const size_t spare = an_model_augment_spare(t->m);
        if (err == AN_OK && spare > 0 && !(d->spare = an_alloc(spare, sizeof *d->spare)))
            err = AN_ERR_NOMEM;
        if (err == AN_OK && (t->targets || spare > 0) &&
            !(d->t = an_alloc(t->group_max * t->n_t, sizeof *d->t)))
            err = AN_ERR_NOMEM;
    }
    return err;
}

static void size_arrays(an_trainer *t)
{
    const size_t n = t->m->n_params;
    for (size_t b = 0; b < t->n_blocks; b++)
        t->block_max = t->block_max > t->blocks[b].n ? t->block_max : t->blocks[b].n;
    t->n_grad = !t->late ? t->slices_max * n : t->straight ? t->n_workers * t->block_max : n;
}

static bool keeps_best(const an_trainer *t)
{
    return t->n_valid > 0 && (t->opts->patience > 0 || t->opts->keep);
}

static an_err make_arrays(an_trainer *t)
{
    const size_t n = t->m->n_params;
    if (!(t->order = an_alloc(t->n, sizeof *t->order)) || !(t->params = an_alloc(n, sizeof *t->params)) ||
        !(t->grad = an_alloc(t->n_grad, sizeof *t->grad)) ||
        !(t->square = an_alloc(t->n_blocks, sizeof *t->square)))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < t->optimiser->n_state; i++)
        if (!(t->state[i] = an_alloc(n, sizeof *t->state[i])))
            return AN_ERR_NOMEM;
    if (t->m->n_prepared > 0 && !(t->prepared = an_alloc(t->m->n_prepared, sizeof *t->prepared)))
        return AN_ERR_NOMEM;
    if (keeps_best(t) && !(t->best = an_alloc(n, sizeof *t->best)))
        return AN_ERR_NOMEM;
    const size_t groups = (t->n_valid + t->group_max - 1) / t->group_max;
    if (groups > 0 && !(t->valid_loss = an_alloc(groups, sizeof *t->valid_loss)))
        return AN_ERR_NOMEM;
    memcpy(t->params, t->start, n * sizeof *t->params);
    return AN_OK;
}

/* Everything but the memory itself. */
static an_err size_all(an_trainer *t, an_note *why)
{
    const an_train_opts *o = t->opts;
    const bool private = an_train_is_private(o);
    t->batch = private ? (size_t)ceil(o->private.rate * (double)t->n) : o->batch;
    t->per_epoch = private ? (size_t)ceil(1.0 / o->private.rate) : (t->n + o->batch - 1) / o->batch;
    const double each = (double)t->per_epoch;
    t->rate = (an_schedule_opts){.total = each * (double)o->epochs,
                                 .warmup = each * o->warmup,
                                 .every = each * o->lr_every,
                                 .factor = o->lr_factor,
                                 .floor = o->lr_floor};
    t->late = t->m->late && !private;
    t->straight =
        !private && !o->shift && o->clip_norm <= 0.0 && o->prox_mu <= 0.0 && o->l2sp <= 0.0 && o->ewc <= 0.0;
    an_err err = make_blocks(t, why);
    if (err == AN_OK)
        err = size_desks(t);
    if (err == AN_OK)
        size_arrays(t);
    return err;
}

an_err an_trainer_init(an_trainer *t, an_note *why)
{
    an_err err = size_all(t, why);
    if (err == AN_OK)
        err = make_desks(t);
    if (err == AN_OK)
        err = make_arrays(t);
    return err == AN_OK && an_train_is_private(t->opts) ? an_train_private_init(t) : err;
}

/* As mem.c takes it: whole lines of the cache. */
static size_t taken(size_t n, size_t size)
{
    const size_t bytes = (n * size + 63) / 64 * 64;
    return bytes > 0 ? bytes : 64;
}

static size_t desk_bytes(const an_trainer *t, size_t ws)
{
    const bool private = an_train_is_private(t->opts);
    size_t bytes = ws + taken(1, sizeof(void *)) + taken(t->m->n_layers, 64) +
                   taken(t->group_max * t->n_in, sizeof(float));
    const size_t spare = an_model_augment_spare(t->m);
    if (!t->m->autoencoder || spare > 0)
        bytes += taken(t->group_max * t->n_t, sizeof(float));
    if (spare > 0)
        bytes += taken(spare, sizeof(float));
    if (private)
        bytes += taken(t->group_max, sizeof(double)) + taken(t->group_max, sizeof(float)) +
                 (an_train_private_short(t->m) ? 0 : taken(t->m->n_params, sizeof(float)));
    return bytes;
}

an_err an_train_plan(const an_model *m, const an_train_opts *opts, size_t n, size_t *ret_bytes, an_note *why)
{
    an_trainer t = {.m = m, .opts = opts, .n_in = m->n_inputs, .n_t = an_model_n_targets(m)};
    size_t ws = 0;
    t.n_valid = (size_t)(opts->validation * (double)n);
    t.n = n - t.n_valid;
    if (n == 0 || m->n_params == 0 || !(t.optimiser = an_optimiser_find(opts->optimiser)))
        return an_fail(AN_ERR_INVAL, why, "no rows, no parameters, or no optimiser \"%.40s\"",
                       opts->optimiser);
    an_err err = size_all(&t, why);
    if (err == AN_OK)
        err = an_ws_plan(m, AN_WS_TRAIN, t.group_max, &ws);
    if (err == AN_OK) {
        const size_t params = taken(m->n_params, sizeof(float));
        const size_t groups = (t.n_valid + t.group_max - 1) / t.group_max;
        *ret_bytes = taken(t.n_desks, sizeof *t.desks) + t.n_desks * desk_bytes(&t, ws) + t.n_workers * 1024 +
                     taken(t.n, sizeof *t.order) + params + taken(t.n_grad, sizeof(float)) +
                     taken(t.n_blocks, sizeof *t.square) + taken(2 * t.n_blocks + 8, sizeof *t.blocks) +
                     t.optimiser->n_state * params + (keeps_best(&t) ? params : 0) +
                     taken(m->n_prepared, sizeof(float)) + taken(groups, sizeof *t.valid_loss) +
                     (an_train_is_private(opts) ? taken(m->n_params, sizeof *t.noise) : 0);
    }
    an_trainer_done(&t);
    return err;
}

void an_trainer_done(an_trainer *t)
{
    an_workers_free(t->workers);
    for (size_t i = 0; t->desks && i < t->n_desks; i++) {
        an_ws_free(t->desks[i].ws);
        an_free(t->desks[i].x);
        an_free(t->desks[i].t);
        an_free(t->desks[i].spare);
    }
    an_train_private_done(t);
    an_free(t->desks);
    an_free(t->order);
    an_free(t->params);
    an_free(t->best);
    an_free(t->prepared);
    an_free(t->grad);
    an_free(t->square);
    an_free(t->blocks);
    an_free(t->valid_loss);
    for (size_t i = 0; i < AN_OPTIMISER_STATE_MAX; i++)
        an_free(t->state[i]);
}
