/* The arithmetic of a whole model: layer after layer, and back.  Where everything lies is
 * model_place.c's. */
#include <assert.h>
#include <stdint.h>

#include "base/mem.h"
#include "models/model_internal.h"

struct an_ws {
    an_ws_kind kind;
    size_t max_batch, size; /* size: floats of memory */
    an_place *places;       /* (n_layers) */
    float *memory;
};

void an_ws_free(an_ws *ws)
{
    if (!ws)
        return;
    an_free(ws->places);
    an_free(ws->memory);
    an_free(ws);
}

size_t an_ws_max_batch(const an_ws *ws)
{
    return ws->max_batch;
}

size_t an_ws_bytes(const an_ws *ws)
{
    return ws->size * sizeof *ws->memory;
}

/* *ret_places (n_layers) belongs to the caller, *ret_size is in floats. */
static an_err place(const an_model *m, an_ws_kind kind, size_t max_batch, an_place **ret_places,
                    size_t *ret_size)
{
    if (max_batch == 0)
        return AN_ERR_INVAL;
    /* A row has at most 2^27 values of each kind in 2^8 layers: with this bound no sum overflows. */
    if (max_batch > SIZE_MAX >> 40)
        return AN_ERR_NOMEM;
    an_place *places = an_alloc(m->n_layers, sizeof *places);
    if (!places)
        return AN_ERR_NOMEM;
    an_err err = an_model_place(m, kind, max_batch, places, ret_size);
    if (err != AN_OK) {
        an_free(places);
        return err;
    }
    *ret_places = places;
    return AN_OK;
}

an_err an_ws_plan(const an_model *m, an_ws_kind kind, size_t max_batch, size_t *ret_bytes)
{
    an_place *places = NULL;
    size_t size = 0;
    an_err err = place(m, kind, max_batch, &places, &size);
    an_free(places);
    if (err == AN_OK)
        *ret_bytes = size * sizeof(float);
    return err;
}

an_err an_ws_new(const an_model *m, an_ws_kind kind, size_t max_batch, an_ws **ret)
{
    an_err err = AN_ERR_NOMEM;
    an_ws *ws = an_alloc(1, sizeof *ws);
    if (!ws || (err = place(m, kind, max_batch, &ws->places, &ws->size)) != AN_OK)
        goto out;
    err = AN_ERR_NOMEM;
    if (!(ws->memory = an_alloc_raw(ws->size, sizeof *ws->memory)))
        goto out;
    ws->kind = kind;
    ws->max_batch = max_batch;
    *ret = ws;
    ws = NULL;
    err = AN_OK;
out:
    an_ws_free(ws);
    return err;
}

/* One pass: what its steps share. */
typedef struct run {
    const an_model *m;
    an_ws *ws;
    const float *params, *prepared, *x; /* prepared: NULL if there is none */
    an_pass pass;
    double own_loss; /* of layers that have one */
} run;

static void read_inputs(const run *r, const an_layer *l, const float *ret[static AN_LAYER_INPUTS_MAX])
{
    for (size_t k = 0; k < l->n_inputs; k++) {
        size_t from = l->inputs[k].from;
        ret[k] = from == AN_LAYER_INPUT ? r->x : r->ws->memory + r->ws->places[from].y;
    }
}

static const float *prepared_of(const run *r, const an_layer *l)
{
    return r->prepared && l->n_prepared ? r->prepared + l->prepared_at : NULL;
}

static const float *forward(run *r)
{
    const float *x[AN_LAYER_INPUTS_MAX];
    float *y = NULL;
    for (size_t i = 0; i < r->m->n_layers; i++) {
        const an_layer *l = &r->m->layers[i];
        const an_place *at = &r->ws->places[i];
        y = r->ws->memory + at->y;
        if (r->m->nodes[i].absorbed)
            continue;
        read_inputs(r, l, x);
        r->pass.scratch = r->ws->memory + at->scratch;
        r->pass.saved = r->ws->memory + at->saved;
        r->pass.prepared = prepared_of(r, l);
        l->type->forward(l, &r->pass, r->params + l->param_at, x, y);
    }
    return y;
}

/* Where each gradient goes; what has one already gets this one added afterwards (add_extras). */
static void place_gradients(const run *r, size_t i, float *ret[static AN_LAYER_INPUTS_MAX])
{
    const an_layer *l = &r->m->layers[i];
    float *extra = r->ws->memory + r->ws->places[i].extra;
    for (size_t k = 0; k < l->n_inputs; k++) {
        size_t from = l->inputs[k].from;
        if (from == AN_LAYER_INPUT) {
            ret[k] = NULL;
        } else if (an_model_adds_gradient(r->m, i, k)) {
            ret[k] = extra;
            extra += an_model_floats(r->ws->max_batch * l->inputs[k].n);
        } else {
            ret[k] = r->ws->memory + r->ws->places[from].dy;
        }
    }
}

static void add_extras(const run *r, size_t i, float *const dx[])
{
    const an_layer *l = &r->m->layers[i];
    for (size_t k = 0; k < l->n_inputs; k++) {
        if (l->inputs[k].from == AN_LAYER_INPUT || !an_model_adds_gradient(r->m, i, k))
            continue;
        float *restrict sum = r->ws->memory + r->ws->places[l->inputs[k].from].dy;
        const float *restrict more = dx[k];
        for (size_t j = 0, n = r->pass.batch * l->inputs[k].n; j < n; j++)
            sum[j] += more[j];
    }
}

static void backward_one(run *r, size_t i, float *grad)
{
    const an_layer *l = &r->m->layers[i];
    const an_place *at = &r->ws->places[i];
    const float *x[AN_LAYER_INPUTS_MAX];
    float *dx[AN_LAYER_INPUTS_MAX];
    const float *y = r->ws->memory + at->y, *dy = r->ws->memory + at->dy;
    /* An absorbed activation's reader has masked the gradient, if it can. */
    if (r->m->nodes[i].absorbed && r->m->nodes[i].n_readers == 1 &&
        r->m->layers[r->m->nodes[i].last_reader].mask == l)
        return;
    read_inputs(r, l, x);
    place_gradients(r, i, dx);
    r->pass.scratch = r->ws->memory + at->scratch_back;
    r->pass.saved = r->ws->memory + at->saved;
    r->pass.prepared = prepared_of(r, l);
    l->type->backward(l, &r->pass, r->params + l->param_at, x, y, dy, dx, grad ? grad + l->param_at : NULL);
    add_extras(r, i, dx);
}

void an_model_weights_back(const an_model *m, const an_ws *ws, size_t layer, const an_pass *p, const float *x,
                           size_t from, size_t n, bool add, float *grad)
{
    const an_layer *l = &m->layers[layer];
    const size_t before = l->inputs[0].from;
    const float *in = before == AN_LAYER_INPUT ? x : ws->memory + ws->places[before].y;
    l->type->weights_back(l, p, in, ws->memory + ws->places[layer].dy, from, n, add, grad);
}

void an_model_row_squares(const an_model *m, const an_ws *ws, const an_pass *p, const float *x, double *ret)
{
    for (size_t i = 0; i < p->batch; i++)
        ret[i] = 0.0;
    for (size_t i = 0; i < m->n_layers; i++) {
        const an_layer *l = &m->layers[i];
        if (l->n_weights == 0)
            continue;
        const size_t before = l->inputs[0].from;
        const float *in = before == AN_LAYER_INPUT ? x : ws->memory + ws->places[before].y;
        l->type->row_squares(l, p, in, ws->memory + ws->places[i].dy, ret);
    }
}

void an_model_row_shares(const an_model *m, an_ws *ws, size_t batch, const float *share)
{
    for (size_t i = 0; i < m->n_layers; i++) {
        const size_t n = m->layers[i].out_n;
        float *dy = ws->memory + ws->places[i].dy;
        if (m->layers[i].n_weights == 0)
            continue;
        for (size_t b = 0; b < batch; b++)
            for (size_t k = 0; k < n; k++)
                dy[b * n + k] *= share[b];
    }
}

const float *an_model_forward(const an_model *m, an_ws *ws, const float *params, size_t batch, const float *x)
{
    assert(batch >= 1 && batch <= ws->max_batch);
    run r = {.m = m, .ws = ws, .params = params, .x = x, .pass = {.batch = batch}};
    r.pass.loss = &r.own_loss;
    return forward(&r);
}

double an_model_loss(const an_model *m, an_ws *ws, const float *params, size_t batch, const float *x,
                     const float *target)
{
    assert(batch >= 1 && batch <= ws->max_batch);
    run r = {.m = m, .ws = ws, .params = params, .x = x, .pass = {.batch = batch}};
    r.pass.loss = &r.own_loss;
    const float *y = forward(&r);
    return m->loss->eval(&m->loss_args, batch, y, m->autoencoder ? x : target, NULL) + r.own_loss;
}

double an_model_grad(const an_model *m, an_ws *ws, const float *params, size_t batch, const float *x,
                     const float *target, const an_step *step, float *grad)
{
    assert(ws->kind == AN_WS_TRAIN && batch >= 1 && batch <= ws->max_batch);
    run r = {.m = m, .ws = ws, .params = params, .x = x, .pass = {.training = true, .batch = batch}};
    r.pass.loss = &r.own_loss;
    if (step) {
        r.pass.draw = step->draw;
        r.prepared = step->prepared;
        r.pass.bf16 = step->bf16;
    }
    const float *y = forward(&r);
    float *dy = ws->memory + ws->places[m->n_layers - 1].dy;
    double loss = m->loss->eval(&m->loss_args, batch, y, target ? target : x, dy);
    for (size_t i = m->n_layers; i-- > 0;)
        backward_one(&r, i, grad);
    return loss + r.own_loss;
}
