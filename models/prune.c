/* Pruning of single weights: the smallest become 0 and are held there while the others are tuned. */
#include "models/prune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "models/prune_internal.h"

an_prune_opts an_prune_defaults(void)
{
    return (an_prune_opts){.share = 0.5, .steps = 3};
}

an_err an_prune_check(const an_prune_opts *o, an_note *why)
{
    if (!(o->share >= 0.0 && o->share <= 0.99))
        return an_fail(AN_ERR_INVAL, why, "share = %g: must be 0..0.99", o->share);
    if (o->steps < 1 || o->steps > 100)
        return an_fail(AN_ERR_INVAL, why, "steps = %zu: must be 1..100", o->steps);
    return AN_OK;
}

double an_prune_share(const an_prune_opts *o, size_t step)
{
    const double left = 1.0 - (double)step / (double)o->steps;
    return o->share * (1.0 - left * left * left);
}

static int ascending(const void *a, const void *b)
{
    const an_prune_item *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

void an_prune_sort(an_prune_item *items, size_t n)
{
    qsort(items, n, sizeof *items, ascending);
}

size_t an_prune_zeros(const float *params, size_t n)
{
    size_t zeros = 0;
    for (size_t i = 0; i < n; i++)
        zeros += params[i] == 0.0f;
    return zeros;
}

/* A weight is what multiplies: matrices and kernels. */
static bool is_candidate(const an_tensor *t, size_t i, const an_train_opts *tune)
{
    return t->n_dims >= 2 && !(t->follow > 0.0) && !(tune && tune->frozen && tune->frozen[i]);
}

static void collect(const an_tensor *t, const float *params, an_prune_item *items, size_t *n)
{
    for (size_t k = 0; k < t->n; k++)
        items[(*n)++] = (an_prune_item){fabsf(params[t->offset + k]), t->offset + k};
}

/* The smallest `share` of n items become 0, and are held. */
static void clear_smallest(an_prune_item *items, size_t n, double share, float *params, bool *held)
{
    const size_t n_gone = (size_t)(share * (double)n);
    an_prune_sort(items, n);
    for (size_t k = 0; k < n_gone; k++) {
        params[items[k].index] = 0.0f;
        held[items[k].index] = true;
    }
}

static void prune(const an_model *m, float *params, const an_prune_opts *o, double share,
                  const an_train_opts *tune, an_prune_item *items, bool *held)
{
    const an_tensor *t;
    size_t n = 0;
    for (size_t i = 0; (t = an_model_tensor_at(m, i)); i++) {
        if (!is_candidate(t, i, tune))
            continue;
        collect(t, params, items, &n);
        if (!o->per_tensor)
            continue;
        clear_smallest(items, n, share, params, held);
        n = 0;
    }
    clear_smallest(items, n, share, params, held);
}

static an_err run_steps(const an_model *m, float *params, const an_prune_opts *o, const an_train_opts *tune,
                        const float *x, const float *targets, size_t n, an_prune_item *items, bool *held,
                        an_note *why)
{
    an_err err = AN_OK;
    for (size_t s = 1; s <= o->steps && err == AN_OK; s++) {
        prune(m, params, o, an_prune_share(o, s), tune, items, held);
        if (!tune)
            continue;
        an_train_opts t = *tune;
        t.held = held;
        err = an_train(m, params, &t, x, targets, n, NULL, why);
    }
    return err;
}

static void report(const an_model *m, const float *params, const an_train_opts *tune, const bool *held,
                   an_prune_report *ret)
{
    const an_tensor *t;
    *ret = (an_prune_report){.n_params = an_model_n_params(m)};
    for (size_t i = 0; (t = an_model_tensor_at(m, i)); i++)
        ret->n_candidates += is_candidate(t, i, tune) ? t->n : 0;
    for (size_t i = 0; i < ret->n_params; i++)
        ret->n_gone += held[i];
    ret->n_zero = an_prune_zeros(params, ret->n_params);
}

an_err an_prune_weights(const an_model *m, float *params, const an_prune_opts *opts,
                        const an_train_opts *tune, const float *x, const float *targets, size_t n,
                        an_prune_report *ret_report, an_note *why)
{
    const size_t n_params = an_model_n_params(m);
    float *pruned = NULL;
    bool *held = NULL;
    an_prune_item *items = NULL;
    an_err err = an_prune_check(opts, why);
    if (err != AN_OK)
        goto out;
    err = AN_ERR_NOMEM;
    if (!(pruned = an_alloc(n_params, sizeof *pruned)) || !(held = an_alloc(n_params, sizeof *held)) ||
        !(items = an_alloc(n_params, sizeof *items)))
        goto out;
    memcpy(pruned, params, n_params * sizeof *params);
    if (tune && tune->held)
        memcpy(held, tune->held, n_params * sizeof *held);
    err = run_steps(m, pruned, opts, tune, x, targets, n, items, held, why);
    if (err != AN_OK)
        goto out;
    memcpy(params, pruned, n_params * sizeof *params);
    if (ret_report)
        report(m, params, tune, held, ret_report);
out:
    an_free(pruned);
    an_free(held);
    an_free(items);
    return err;
}
