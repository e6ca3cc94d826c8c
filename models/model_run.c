/* The arithmetic of a whole model: layer after layer, and back.
 *
 * Every output has its place in the workspace, except that an activation writes over its input
 * where the layer before it does not need that any more.  On the way back two buffers take
 * turns as dy and dx. */
#include <assert.h>
#include <stdint.h>

#include "base/mem.h"
#include "models/model_internal.h"

#define LINE 16u /* floats in a cache line: every buffer starts on one */

struct an_ws {
    size_t max_batch;
    float **out;    /* (n_layers) the output of each layer */
    float *turn[2]; /* dy and dx */
    float *scratch;
    float *memory;
};

void an_ws_free(an_ws *ws)
{
    if (!ws)
        return;
    an_free(ws->out);
    an_free(ws->memory);
    an_free(ws);
}

size_t an_ws_max_batch(const an_ws *ws)
{
    return ws->max_batch;
}

static size_t rounded(size_t n)
{
    return (n + LINE - 1) / LINE * LINE;
}

an_err an_ws_new(const an_model *m, size_t max_batch, an_ws **ret)
{
    an_err err = AN_ERR_INVAL;
    an_ws *ws = NULL;
    if (max_batch == 0)
        goto out;
    err = AN_ERR_NOMEM;
    /* A row has at most 2^27 values in 2^8 layers: with this bound no sum below overflows. */
    if (max_batch > SIZE_MAX >> 38)
        goto out;
    size_t n = 2 * rounded(max_batch * m->widest) + rounded(m->n_scratch);
    for (size_t i = 0; i < m->n_layers; i++)
        if (!an_model_runs_in_place(m, i))
            n += rounded(max_batch * m->layers[i].out_n);
    ws = an_alloc(1, sizeof *ws);
    if (!ws || !(ws->out = an_alloc(m->n_layers, sizeof *ws->out)) ||
        !(ws->memory = an_alloc(n, sizeof *ws->memory)))
        goto out;
    ws->max_batch = max_batch;
    float *at = ws->memory;
    for (size_t i = 0; i < m->n_layers; i++) {
        if (an_model_runs_in_place(m, i)) {
            ws->out[i] = ws->out[i - 1];
            continue;
        }
        ws->out[i] = at;
        at += rounded(max_batch * m->layers[i].out_n);
    }
    for (size_t i = 0; i < 2; i++, at += rounded(max_batch * m->widest))
        ws->turn[i] = at;
    ws->scratch = at;
    *ret = ws;
    ws = NULL;
    err = AN_OK;
out:
    an_ws_free(ws);
    return err;
}

const float *an_model_forward(const an_model *m, an_ws *ws, const float *params, size_t batch, const float *x)
{
    assert(batch >= 1 && batch <= ws->max_batch);
    for (size_t i = 0; i < m->n_layers; i++) {
        const an_layer *l = &m->layers[i];
        l->type->forward(l, params + l->param_at, batch, x, ws->out[i], ws->scratch);
        x = ws->out[i];
    }
    return x;
}

double an_model_loss(const an_model *m, an_ws *ws, const float *params, size_t batch, const float *x,
                     const float *target)
{
    const float *y = an_model_forward(m, ws, params, batch, x);
    return m->loss->eval(batch, m->n_outputs, y, m->autoencoder ? x : target, NULL);
}

double an_model_grad(const an_model *m, an_ws *ws, const float *params, size_t batch, const float *x,
                     const float *target, float *grad)
{
    const float *y = an_model_forward(m, ws, params, batch, x);
    float *dy = ws->turn[0], *other = ws->turn[1];
    double loss = m->loss->eval(batch, m->n_outputs, y, m->autoencoder ? x : target, dy);
    for (size_t i = m->n_layers; i-- > 0;) {
        const an_layer *l = &m->layers[i];
        const float *in = i > 0 ? ws->out[i - 1] : x;
        float *dx = i == 0 ? NULL : an_model_runs_in_place(m, i) ? dy : other;
        l->type->backward(l, params + l->param_at, batch, in, ws->out[i], dy, dx, grad + l->param_at,
                          ws->scratch);
        if (dx == other) {
            other = dy;
            dy = dx;
        }
    }
    return loss;
}
