/* A fixed number of slices of the rows, each with its own sum, added in their order. */
#include "models/fisher.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/workers.h"
#include "models/train_internal.h"

#define SLICES 4u

typedef struct slice {
    an_ws *ws;
    float *grad; /* (n_params) of one row */
    float *sum;  /* (n_params) of squares */
} slice;

typedef struct job {
    const an_model *m;
    const float *params, *x, *targets;
    size_t n, n_t;
    slice slices[SLICES];
} job;

static void run_slice(void *ctx, size_t s, size_t worker)
{
    (void)worker;
    job *j = ctx;
    slice *w = &j->slices[s];
    const size_t n_params = j->m->n_params;
    for (size_t i = j->n * s / SLICES; i < j->n * (s + 1) / SLICES; i++) {
        const float *t = j->targets ? j->targets + i * j->n_t : NULL;
        const an_step step = {.draw = {.row = i}};
        memset(w->grad, 0, n_params * sizeof *w->grad);
        (void)an_model_grad(j->m, w->ws, j->params, 1, j->x + i * j->m->n_inputs, t, &step, w->grad);
        for (size_t k = 0; k < n_params; k++)
            w->sum[k] += w->grad[k] * w->grad[k];
    }
}

static an_err job_init(job *j)
{
    for (size_t s = 0; s < SLICES; s++) {
        slice *w = &j->slices[s];
        an_err err = an_ws_new(j->m, AN_WS_TRAIN, 1, &w->ws);
        if (err != AN_OK)
            return err;
        if (!(w->grad = an_alloc(j->m->n_params, sizeof *w->grad)) ||
            !(w->sum = an_alloc(j->m->n_params, sizeof *w->sum)))
            return AN_ERR_NOMEM;
    }
    return AN_OK;
}

static void job_done(job *j)
{
    for (size_t s = 0; s < SLICES; s++) {
        an_ws_free(j->slices[s].ws);
        an_free(j->slices[s].grad);
        an_free(j->slices[s].sum);
    }
}

/* Into the first slice's sum. */
static an_err add_slices(job *j, an_note *why)
{
    float *f = j->slices[0].sum;
    const double mean = 1.0 / (double)j->n;
    for (size_t i = 0; i < j->m->n_tensors; i++) {
        const an_tensor *t = &j->m->tensors[i];
        for (size_t k = t->offset; k < t->offset + t->n; k++) {
            double sum = 0.0;
            for (size_t s = 0; s < SLICES; s++)
                sum += (double)j->slices[s].sum[k];
            if (!isfinite(sum))
                return an_fail(AN_ERR_NUMERIC, why, "the gradient of \"%s\" is not finite", t->name);
            f[k] = t->follow > 0.0 ? 0.0f : (float)(sum * mean);
        }
    }
    return AN_OK;
}

an_err an_fisher_diagonal(const an_model *m, const float *params, const float *x, const float *targets,
                          size_t n, size_t n_threads, float *ret_fisher, an_note *why)
{
    an_workers *workers = NULL;
    job j = {.m = m, .params = params, .x = x, .n = n, .n_t = an_model_n_targets(m)};
    j.targets = m->autoencoder ? NULL : targets;
    an_err err = an_train_check_data(m, x, targets, n, why);
    if (err == AN_OK && m->mixes_rows)
        err = an_fail(AN_ERR_UNSUPPORTED, why,
                      "model \"%s\" mixes the rows of a batch: no row has its own gradient", m->name);
    if (err == AN_OK)
        err = an_workers_new(n_threads < SLICES ? n_threads : SLICES, &workers);
    if (err == AN_OK)
        err = job_init(&j);
    if (err != AN_OK)
        goto out;
    an_workers_run(workers, SLICES, run_slice, &j);
    err = add_slices(&j, why);
    if (err == AN_OK)
        memcpy(ret_fisher, j.slices[0].sum, m->n_params * sizeof *ret_fisher);
out:
    an_workers_free(workers);
    job_done(&j);
    return err;
}
