#include "coordinator/lab/tasks.h"

#include <math.h>
#include <string.h>

#include "agent/calibrate.h"
#include "agent/samples.h"
#include "base/mem.h"
#include "models/model.h"

#define BATCH_VALUES 262144 /* inputs of a batch: large images go in fewer at a time */
#define BATCH 64

#define AN_LAB_TASK(name) extern const an_lab_task an_lab_task_##name;
#include "coordinator/lab/tasks.def"
#undef AN_LAB_TASK

static const an_lab_task *const tasks[] = {
#define AN_LAB_TASK(name) &an_lab_task_##name,
#include "coordinator/lab/tasks.def"
#undef AN_LAB_TASK
};

const an_lab_task *an_lab_task_find(const char *name)
{
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
        if (strcmp(tasks[i]->name, name) == 0)
            return tasks[i];
    return NULL;
}

const char *an_lab_task_names(void)
{
    return ""
#define AN_LAB_TASK(name) #name " "
#include "coordinator/lab/tasks.def"
#undef AN_LAB_TASK
        ;
}

an_err an_lab_task_prep(const an_experiment *e, const an_lab_data *d, an_prep_conf *ret,
                        an_prep_chain **ret_chain, an_note *why)
{
    an_prep_conf conf;
    an_prep_chain *chain = NULL;
    an_prep_conf_init(&conf);
    conf.window = e->window;
    conf.stride = e->stride;
    conf.smooth = e->smooth;
    an_err err = an_chain_read(e->prep, (const char *const *)d->names, d->width, &chain, why);
    an_prep_conf_chain(&conf, chain);
    if (err == AN_OK && e->missing)
        err = an_prep_conf_set(&conf, "missing", e->missing, why);
    if (err != AN_OK) {
        an_chain_free(chain);
        return err;
    }
    *ret = conf;
    *ret_chain = chain;
    return AN_OK;
}

an_err an_lab_task_context(const an_experiment *e, const an_lab_data *d, size_t *ret, an_note *why)
{
    an_prep_conf conf;
    an_prep_chain *chain = NULL;
    an_err err = an_lab_task_prep(e, d, &conf, &chain, why);
    if (err == AN_OK)
        *ret = an_prep_rows(&conf);
    an_chain_free(chain);
    return err;
}

/* ---- what a model says ---- */

typedef struct speaker {
    const an_lab_data *data;
    const an_prep *prep;
    const an_model *model;
    const float *params;
    an_ws *ws;
    size_t batch;
    an_lab_change *change; /* NULL: none */
    void *arg;
} speaker;

static an_err say(const speaker *s, const an_lab_items *items, float *ret, an_note *why)
{
    const size_t input = an_model_n_inputs(s->model), out = an_model_n_outputs(s->model);
    float *x = NULL;
    size_t n = 0;
    if (items->n == 0)
        return AN_OK;
    an_err err = an_samples_inputs(s->prep, items->raw, items->n, s->data->context, &x, &n, NULL, why);
    if (err == AN_OK && n != items->n)
        err = an_fail(AN_ERR_INVAL, why, "%zu of %zu windows are passed over by the steps before the model",
                      items->n - n, items->n);
    if (err == AN_OK && s->change)
        s->change(s->arg, x, n);
    for (size_t i = 0; i < n && err == AN_OK; i += s->batch) {
        const size_t m = n - i < s->batch ? n - i : s->batch;
        memcpy(ret + i * out, an_model_forward(s->model, s->ws, s->params, m, x + i * input),
               m * out * sizeof *ret);
        for (size_t k = i * out; k < (i + m) * out && err == AN_OK; k++)
            if (!isfinite(ret[k]))
                err = an_fail(AN_ERR_NUMERIC, why, "an output for item %zu is not finite", k / out);
    }
    an_free(x);
    return err;
}

an_err an_lab_task_outputs(const an_lab_data *d, size_t site, const an_bundle *b, const an_overlay *o,
                           float *ret, an_note *why)
{
    return an_lab_task_outputs_of(d, site, b, o, NULL, NULL, ret, why);
}

an_err an_lab_task_outputs_of(const an_lab_data *d, size_t site, const an_bundle *b, const an_overlay *o,
                              an_lab_change *change, void *arg, float *ret, an_note *why)
{
    const an_lab_site *s = &d->sites[site];
    an_model *m = NULL;
    float *params = NULL;
    speaker who = {.data = d, .prep = o->has_prep ? &o->prep : &b->prep, .change = change, .arg = arg};
    an_err err = an_bundle_model(b, &m, why);
    if (err != AN_OK)
        return err;
    if (!(params = an_alloc(b->n_weights, sizeof *params))) {
        an_model_free(m);
        return AN_ERR_NOMEM;
    }
    memcpy(params, b->weights, b->n_weights * sizeof *params);
    if (o->n_local == b->n_weights)
        memcpy(params, o->local, o->n_local * sizeof *params);
    else if (o->n_local > 0)
        an_local_put(m, params, o->local);
    who.model = m;
    who.params = params;
    who.batch = BATCH_VALUES / an_model_n_inputs(m);
    who.batch = who.batch > BATCH ? BATCH : who.batch ? who.batch : 1;
    err = an_ws_new(m, AN_WS_FORWARD, who.batch, &who.ws);
    if (err == AN_OK)
        err = say(&who, &s->hold, ret, why);
    if (err == AN_OK)
        err = say(&who, &s->test, ret + s->hold.n * an_model_n_outputs(m), why);
    an_ws_free(who.ws);
    an_free(params);
    an_model_free(m);
    return err;
}
