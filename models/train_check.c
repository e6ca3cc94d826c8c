/* What is refused before training starts. */
#include "models/train_internal.h"

#include <math.h>
#include <string.h>

#include "models/kernels/bf16.h"

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
        {"ewc", o->ewc, 0, 1e12},
        {"warmup", o->warmup, 0, 100000},
        {"lr_every", o->lr_every, 1e-3, 100000},
        {"lr_factor", o->lr_factor, 1e-6, 1},
        {"lr_floor", o->lr_floor, 0, 1},
        {"validation", o->validation, 0, 0.9},
        {"patience", (double)o->patience, 0, 100000},
        {"min_gain", o->min_gain, 0, 1},
        {"n_threads", (double)o->n_threads, 1, AN_WORKERS_MAX},
    };
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (!(bounds[i].value >= bounds[i].min && bounds[i].value <= bounds[i].max))
            return an_fail(AN_ERR_INVAL, why, "%s = %g: must be %g..%g", bounds[i].name, bounds[i].value,
                           bounds[i].min, bounds[i].max);
    return AN_OK;
}

static an_err check_classes(const an_model *m, const float *targets, size_t n, an_note *why)
{
    for (size_t i = 0; i < n; i++)
        if (!(targets[i] >= 0.0f && targets[i] < (float)m->n_outputs && targets[i] == floorf(targets[i])))
            return an_fail(AN_ERR_INVAL, why, "row %zu: class %g is none of 0..%zu", i, (double)targets[i],
                           m->n_outputs - 1);
    return AN_OK;
}

static an_err check_shares(const an_model *m, const float *targets, size_t n, an_note *why)
{
    for (size_t i = 0; i < n * m->n_outputs; i++)
        if (!(targets[i] >= 0.0f && targets[i] <= 1.0f))
            return an_fail(AN_ERR_INVAL, why, "row %zu: target %g: %s takes 0..1", i / m->n_outputs,
                           (double)targets[i], m->loss->name);
    return AN_OK;
}

an_err an_train_check_data(const an_model *m, const float *x, const float *targets, size_t n, an_note *why)
{
    if (!x || n == 0)
        return an_fail(AN_ERR_INVAL, why, "no rows to train on");
    if (n > UINT32_MAX)
        return an_fail(AN_ERR_INVAL, why, "%zu rows: at most %u", n, UINT32_MAX);
    if (m->autoencoder)
        return AN_OK;
    if (!targets)
        return an_fail(AN_ERR_INVAL, why, "model \"%s\" learns from labels, and none are given", m->name);
    if (m->loss->classes)
        return check_classes(m, targets, n, why);
    return m->loss->shares ? check_shares(m, targets, n, why) : AN_OK;
}

static an_err check_terms(const an_train_opts *o, an_note *why)
{
    if (o->l2sp > 0.0 && !o->anchor)
        return an_fail(AN_ERR_INVAL, why, "l2sp needs anchor parameters");
    if (o->ewc > 0.0 && (!o->anchor || !o->fisher))
        return an_fail(AN_ERR_INVAL, why, "ewc needs anchor parameters and their Fisher information");
    if (o->patience > 0 && !(o->validation > 0.0))
        return an_fail(AN_ERR_INVAL, why, "patience needs a validation part");
    return AN_OK;
}

bool an_train_precision_find(const char *name, an_train_precision *ret)
{
    static const char *const names[] = {[AN_TRAIN_FLOAT] = "float", [AN_TRAIN_BF16] = "bf16"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            *ret = (an_train_precision)i;
            return true;
        }
    return false;
}

an_err an_train_precision_check(an_train_precision p, an_note *why)
{
    if (p != AN_TRAIN_BF16 || an_bf16_ready())
        return AN_OK;
    return an_fail(AN_ERR_UNSUPPORTED, why,
                   "precision bf16: this processor has no products of bfloat16 (AMX-BF16 or AVX-512 BF16); "
                   "train in float, or set ANDON_BF16=plain in the environment, which emulates them slowly");
}

an_err an_trainer_check(an_trainer *t, an_note *why)
{
    const an_train_opts *o = t->opts;
    if (t->m->n_params == 0)
        return an_fail(AN_ERR_INVAL, why, "model \"%s\" has no parameters", t->m->name);
    if (!(t->optimiser = o->optimiser ? an_optimiser_find(o->optimiser) : NULL))
        return an_fail(AN_ERR_INVAL, why, "unknown optimiser \"%.40s\"", o->optimiser ? o->optimiser : "");
    if (!(t->schedule = o->schedule ? an_schedule_find(o->schedule) : NULL))
        return an_fail(AN_ERR_INVAL, why, "unknown schedule \"%.40s\"", o->schedule ? o->schedule : "");
    an_err err = an_train_precision_check(o->precision, why);
    if (err == AN_OK)
        err = check_bounds(o, why);
    if (err == AN_OK)
        err = check_terms(o, why);
    if (err == AN_OK)
        err = an_train_check_data(t->m, t->x, t->targets, t->n, why);
    if (err != AN_OK)
        return err;
    if (an_train_is_private(o) && (err = an_train_private_check(t, why)) != AN_OK)
        return err;
    t->n_valid = (size_t)(o->validation * (double)t->n);
    if (o->validation > 0.0 && t->n_valid == 0)
        return an_fail(AN_ERR_INVAL, why, "%zu rows are too few for a validation part of %g", t->n,
                       o->validation);
    t->n -= t->n_valid;
    return AN_OK;
}
