/* Mini-batch training: epochs of steps (train_step.c), and when to stop.  Training works on a copy;
 * the caller's parameters are overwritten at the very end. */
#include "models/train.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models/train_internal.h"

#define LOSS_ROWS 256u

an_train_opts an_train_defaults(void)
{
    return (an_train_opts){.epochs = 10,
                           .batch = 64,
                           .optimiser = "adam",
                           .lr = 1e-3,
                           .momentum = 0.9,
                           .schedule = "constant",
                           .lr_every = 10,
                           .lr_factor = 0.1,
                           .scope = AN_TRAIN_ALL,
                           .n_threads = 1};
}

static bool cancelled(const an_train_opts *o)
{
    return o->cancel && atomic_load(o->cancel);
}

/* Reports at most about a hundred times in all, and after each epoch. */
static void report(const an_trainer *t, size_t epoch, double loss, size_t steps, size_t per_epoch)
{
    const an_train_opts *o = t->opts;
    size_t total = per_epoch * o->epochs, each = total / 100 > 0 ? total / 100 : 1;
    if (o->progress && (steps % each == 0 || steps % per_epoch == 0))
        o->progress(o->progress_arg, epoch, loss, (double)steps / (double)total);
}

/* Their gradients counted for the norm that clipping looks at; that is all they do. */
static void put_back_held(const an_trainer *t)
{
    for (size_t i = 0; i < t->m->n_params; i++)
        t->params[i] = t->opts->held[i] ? t->start[i] : t->params[i];
}

static void shuffle(an_trainer *t, size_t epoch)
{
    an_rng r;
    an_rng_init(&r, t->opts->seed, epoch);
    for (size_t i = 0; i < t->n; i++)
        t->order[i] = (uint32_t)i;
    an_rng_shuffle(&r, t->order, t->n);
}

static void choose_rows(an_trainer *t, size_t step)
{
    if (an_train_is_private(t->opts)) {
        an_train_private_draw(t);
        return;
    }
    t->first = step * t->batch;
    t->rows = t->n - t->first < t->batch ? t->n - t->first : t->batch;
}

static an_err run_steps(an_trainer *t, size_t epoch, double *ret_loss, an_note *why)
{
    double sum = 0.0, rows = 0.0;
    if (!an_train_is_private(t->opts))
        shuffle(t, epoch);
    for (size_t i = 0; i < t->per_epoch; i++) {
        if (cancelled(t->opts))
            return an_fail(AN_ERR_CANCELLED, why, "cancelled after %llu steps", (unsigned long long)t->step);
        an_pace_wait(t->opts->pace);
        double loss = 0.0;
        choose_rows(t, i);
        an_err err = an_trainer_step(t, &loss, why);
        if (err != AN_OK)
            return err;
        if (t->opts->held)
            put_back_held(t);
        sum += loss;
        rows += (double)t->rows;
        report(t, epoch, rows > 0.0 ? sum / rows : 0.0, (size_t)t->step, t->per_epoch);
    }
    *ret_loss = rows > 0.0 ? sum / rows : 0.0;
    return AN_OK;
}

/* Whether the validation loss is the lowest so far; its parameters are kept where they may be wanted. */
static bool keep_if_best(an_trainer *t, const an_train_epoch *e, an_train_stats *s)
{
    const bool best = e->epoch == 0 || e->valid_loss < t->lowest - t->opts->min_gain * fabs(t->lowest);
    if (best) {
        t->lowest = e->valid_loss;
        t->lowest_epoch = e->epoch;
    }
    if (best && t->best)
        memcpy(t->best, t->params, t->m->n_params * sizeof *t->best);
    if (best || t->opts->patience == 0) {
        s->valid_loss = e->valid_loss;
        s->best_epoch = e->epoch;
    }
    return best;
}

static an_err run_epoch(an_trainer *t, size_t epoch, an_train_stats *s, an_note *why)
{
    const an_train_opts *o = t->opts;
    an_train_epoch e = {.epoch = epoch};
    an_err err = run_steps(t, epoch, &e.loss, why);
    if (err == AN_OK && t->n_valid > 0)
        err = an_trainer_validate(t, &e.valid_loss, why);
    if (err != AN_OK)
        return err;
    e.lr = t->lr;
    s->first_loss = epoch == 0 ? e.loss : s->first_loss;
    s->last_loss = e.loss;
    s->epochs = epoch + 1;
    e.best = keep_if_best(t, &e, s);
    if (o->epoch_end)
        o->epoch_end(o->progress_arg, &e);
    s->stopped = o->patience > 0 && epoch + 1 < o->epochs && epoch - s->best_epoch >= o->patience;
    if (s->stopped && o->progress)
        o->progress(o->progress_arg, epoch, e.loss, 1.0);
    return AN_OK;
}

static an_err run_epochs(an_trainer *t, an_train_stats *s, an_note *why)
{
    an_err err = AN_OK;
    for (size_t e = 0; err == AN_OK && e < t->opts->epochs && !s->stopped; e++)
        err = run_epoch(t, e, s, why);
    if (err != AN_ERR_CANCELLED || !t->opts->keep || s->epochs == 0)
        return err;
    s->cancelled = true;
    s->valid_loss = t->n_valid > 0 ? t->lowest : 0;
    s->best_epoch = t->n_valid > 0 ? t->lowest_epoch : s->epochs - 1;
    if (why)
        why->text[0] = '\0';
    return AN_OK;
}

static an_err check_params(const an_trainer *t, const float *params, an_note *why)
{
    for (size_t i = 0; i < t->m->n_params; i++)
        if (!isfinite(params[i]))
            return an_fail(AN_ERR_NUMERIC, why, "step %llu: parameter %zu is not finite (lr %g)",
                           (unsigned long long)t->step, i, t->lr);
    return AN_OK;
}

an_err an_train(const an_model *m, float *params, const an_train_opts *opts, const float *x,
                const float *targets, size_t n, an_train_stats *ret_stats, an_note *why)
{
    an_train_stats stats = {0};
    an_trainer t = {.m = m, .opts = opts, .start = params, .x = x, .n = n, .n_in = m->n_inputs};
    t.targets = m->autoencoder ? NULL : targets;
    t.n_t = an_model_n_targets(m);
    an_err err = an_trainer_check(&t, why);
    if (err != AN_OK)
        goto out;
    err = an_trainer_init(&t, why);
    if (err == AN_ERR_NOMEM)
        an_note_set(why, "out of memory to train %zu parameters in batches of %zu", m->n_params, t.batch);
    else if (err == AN_OK)
        err = run_epochs(&t, &stats, why);
    if (err != AN_OK)
        goto out;
    const bool best = t.best && (opts->patience > 0 || stats.cancelled);
    const float *result = best ? t.best : t.params;
    err = check_params(&t, result, why);
    if (err != AN_OK)
        goto out;
    stats.steps = (size_t)t.step;
    stats.clipped = t.clipped;
    for (size_t i = 0; i < t.n_desks && t.seen > 0.0; i++)
        stats.rows_clipped += (double)t.desks[i].cut / t.seen;
    memcpy(params, result, m->n_params * sizeof *params);
    if (ret_stats)
        *ret_stats = stats;
out:
    an_trainer_done(&t);
    return err;
}

an_err an_train_loss(const an_model *m, const float *params, const float *x, const float *targets, size_t n,
                     double *ret_loss, an_note *why)
{
    an_ws *ws = NULL;
    double sum = 0.0;
    an_err err = an_train_check_data(m, x, targets, n, why);
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
