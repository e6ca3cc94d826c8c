/* The arithmetic of a quantised model: bytes where a layer takes them, floats where it does not, and
 * a conversion wherever a value is wanted as both. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "models/kernels/q8.h"
#include "models/layers/pool_internal.h"
#include "models/quant_internal.h"

#define LINE 64u /* bytes of a cache line, and more than AN_Q8_SLACK */

static size_t whole_lines(size_t bytes)
{
    return (bytes + LINE - 1) / LINE * LINE;
}

/* Height and width of what a kernel sees, with the zeros around. */
static void framed_size(const an_conv *c, size_t *ret_h, size_t *ret_w)
{
    const size_t h = (c->oh - 1) * c->sh + c->kh, w = (c->ow - 1) * c->sw + c->kw;
    *ret_h = h > c->h + c->top ? h : c->h + c->top;
    *ret_w = w > c->w + c->left ? w : c->w + c->left;
}

void an_quant_ws_free(an_quant_ws *ws)
{
    if (!ws)
        return;
    an_free(ws->bytes);
    an_free(ws->floats);
    an_free(ws->bytes_at);
    an_free(ws->floats_at);
    an_free(ws->frame);
    an_free(ws->scratch);
    an_free(ws->saved);
    an_free(ws);
}

/* Sums up what all layers need; each value has a place of its own. */
static an_err make_memory(an_quant_ws *ws)
{
    const an_quant *q = ws->q;
    const size_t n = q->m->n_layers, b = ws->max_batch;
    size_t bytes = 0, floats = 0, frame = 0, scratch = 0, saved = 0;
    for (size_t i = 0; i <= n; i++) {
        const an_quant_value *v = &q->values[i];
        ws->bytes_at[i] = bytes;
        ws->floats_at[i] = floats;
        bytes += v->home == i && v->bytes ? whole_lines(b * v->n + AN_Q8_SLACK) : 0;
        floats += v->home == i && v->floats && i < n ? an_model_floats(b * v->n) : 0;
    }
    for (size_t i = 0; i < n; i++) {
        const an_layer *l = &q->m->layers[i];
        if (q->forms[i] == AN_QUANT_PRODUCT) {
            size_t h, w;
            framed_size(&q->products[i].at, &h, &w);
            frame = frame > h * w * q->products[i].at.c ? frame : h * w * q->products[i].at.c;
        } else if (q->forms[i] == AN_QUANT_POOL) {
            frame = frame > l->in_n ? frame : l->in_n;
        } else if (q->forms[i] == AN_QUANT_FLOAT) {
            const size_t s = l->n_scratch + b * l->n_scratch_row, k = l->n_saved + b * l->n_saved_row;
            scratch = scratch > s ? scratch : s;
            saved = saved > k ? saved : k;
        }
    }
    ws->bytes = an_alloc(bytes, 1);
    ws->floats = an_alloc(floats, sizeof *ws->floats);
    ws->frame = an_alloc(frame + AN_Q8_SLACK, 1);
    ws->scratch = an_alloc(scratch, sizeof *ws->scratch);
    ws->saved = an_alloc(saved, sizeof *ws->saved);
    return ws->bytes && ws->floats && ws->frame && ws->scratch && ws->saved ? AN_OK : AN_ERR_NOMEM;
}

an_err an_quant_ws_new(const an_quant *q, size_t max_batch, an_quant_ws **ret)
{
    if (max_batch == 0)
        return AN_ERR_INVAL;
    if (max_batch > SIZE_MAX >> 40) /* as an_ws_new: with this bound no sum overflows */
        return AN_ERR_NOMEM;
    an_quant_ws *ws = an_alloc(1, sizeof *ws);
    if (!ws)
        return AN_ERR_NOMEM;
    ws->q = q;
    ws->max_batch = max_batch;
    ws->bytes_at = an_alloc(q->m->n_layers + 1, sizeof *ws->bytes_at);
    ws->floats_at = an_alloc(q->m->n_layers + 1, sizeof *ws->floats_at);
    an_err err = ws->bytes_at && ws->floats_at ? make_memory(ws) : AN_ERR_NOMEM;
    if (err == AN_OK)
        *ret = ws;
    else
        an_quant_ws_free(ws);
    return err;
}

/* One pass. */
typedef struct run {
    const an_quant *q;
    an_quant_ws *ws;
    size_t batch;
    const float *x;
    double own_loss;
} run;

static uint8_t *bytes_of(const run *r, size_t value)
{
    return r->ws->bytes + r->ws->bytes_at[r->q->values[value].home];
}

const float *an_quant_floats(const an_quant_ws *ws, size_t value, const float *x)
{
    const size_t home = ws->q->values[value].home;
    return home == ws->q->m->n_layers ? x : ws->floats + ws->floats_at[home];
}

static const an_quant_value *scale_of(const an_quant *q, size_t value)
{
    return &q->values[q->values[value].scale_of];
}

/* The image itself, or its copy with zeros around; *ret_line: bytes of one of its lines. */
static const uint8_t *framed(const an_conv *c, const uint8_t *x, uint8_t zero, uint8_t *frame,
                             size_t *ret_line)
{
    size_t h, w;
    framed_size(c, &h, &w);
    *ret_line = w * c->c;
    if (h == c->h && w == c->w)
        return x;
    memset(frame, zero, h * w * c->c);
    for (size_t i = 0; i < c->h; i++)
        memcpy(frame + ((i + c->top) * w + c->left) * c->c, x + i * c->w * c->c, c->w * c->c);
    return frame;
}

static void run_conv(const run *r, size_t i, an_q8 p)
{
    const an_quant_product *k = &r->q->products[i];
    const an_conv *c = &k->at;
    const size_t value = an_quant_input(r->q, i, 0), n_in = c->h * c->w * c->c, n_line = c->ow * c->f;
    const uint8_t *x = bytes_of(r, value), zero = scale_of(r->q, value)->zero;
    p.m = c->ow;
    p.a_i = c->sw * c->c;
    for (size_t b = 0; b < r->batch; b++) {
        size_t line;
        const uint8_t *image = framed(c, x + b * n_in, zero, r->ws->frame, &line);
        p.a_r = line;
        for (size_t oy = 0; oy < c->oh; oy++) {
            p.a = image + oy * c->sh * line;
            an_q8_run(&p);
            p.q = p.q ? p.q + n_line : NULL;
            p.f = p.f ? p.f + n_line : NULL;
        }
    }
}

static void run_product(const run *r, size_t i)
{
    const an_layer *l = &r->q->m->layers[i];
    const an_quant_product *k = &r->q->products[i];
    const an_quant_value *y = &r->q->values[i];
    an_q8 p = {.m = r->batch, .n = k->at.f, .nr = k->at.kh, .nk = an_q8_fours(k->run)};
    p.a = bytes_of(r, an_quant_input(r->q, i, 0));
    p.a_i = k->run;
    p.b = k->packed;
    p.start = k->start;
    p.scale = k->scale;
    p.act = an_layer_epilogue(l->act, &p.slope);
    p.y_i = k->at.f;
    if (y->bytes)
        p.q = bytes_of(r, i);
    else
        p.f = r->ws->floats + r->ws->floats_at[i];
    p.zero = (float)y->zero;
    if (l->in.n_dims == 1)
        an_q8_run(&p);
    else
        run_conv(r, i, p);
}

static void take_larger(size_t n, const uint8_t *restrict x, uint8_t *restrict y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] > y[i] ? x[i] : y[i];
}

static void larger_of(size_t n, const uint8_t *restrict a, const uint8_t *restrict b, uint8_t *restrict y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i] > b[i] ? a[i] : b[i];
}

/* One line of outputs: first down the lines under the window, whole lines at a time, into `line`. */
static void pool_line(const an_pool *p, const uint8_t *x, uint8_t *line, uint8_t *y)
{
    const size_t n = p->w * p->c;
    memcpy(line, x, n);
    for (size_t k = 1; k < p->kh; k++)
        take_larger(n, x + k * n, line);
    for (size_t o = 0; o < p->ow; o++, y += p->c) {
        const uint8_t *from = line + o * p->sw * p->c;
        larger_of(p->c, from, from + (p->kw > 1) * p->c, y);
        for (size_t k = 2; k < p->kw; k++)
            take_larger(p->c, from + k * p->c, y);
    }
}

static void run_pool(const run *r, size_t i)
{
    const an_layer *l = &r->q->m->layers[i];
    const an_pool p = an_pool_of(l);
    const uint8_t *x = bytes_of(r, an_quant_input(r->q, i, 0));
    uint8_t *y = bytes_of(r, i);
    for (size_t b = 0; b < r->batch; b++, x += l->in_n)
        for (size_t o = 0; o < p.oh; o++, y += p.ow * p.c)
            pool_line(&p, x + o * p.sh * p.w * p.c, r->ws->frame, y);
}

static void run_relu(const run *r, size_t i)
{
    const uint8_t *restrict x = bytes_of(r, an_quant_input(r->q, i, 0));
    uint8_t *restrict y = bytes_of(r, i);
    const uint8_t zero = scale_of(r->q, i)->zero;
    for (size_t k = 0, n = r->batch * r->q->values[i].n; k < n; k++)
        y[k] = x[k] > zero ? x[k] : zero;
}

static void run_floats(run *r, size_t i)
{
    const an_layer *l = &r->q->m->layers[i];
    const float *x[AN_LAYER_INPUTS_MAX];
    for (size_t k = 0; k < l->n_inputs; k++)
        x[k] = an_quant_floats(r->ws, an_quant_input(r->q, i, k), r->x);
    const an_pass pass = {
        .batch = r->batch, .scratch = r->ws->scratch, .saved = r->ws->saved, .loss = &r->own_loss};
    l->type->forward(l, &pass, r->q->rest + r->q->rest_at[i], x, r->ws->floats + r->ws->floats_at[i]);
}

/* The form that was not made, if it is wanted. */
static void convert(const run *r, size_t value, bool from_floats)
{
    const an_quant_value *v = &r->q->values[value], *s = scale_of(r->q, value);
    const size_t n = r->batch * v->n;
    if (from_floats && v->bytes)
        an_q8_from_floats(n, bytes_of(r, value), an_quant_floats(r->ws, value, r->x), s->scale, s->zero);
    else if (!from_floats && v->bytes && v->floats)
        an_q8_to_floats(n, r->ws->floats + r->ws->floats_at[value], bytes_of(r, value), s->scale, s->zero);
}

static void run_layer(run *r, size_t i)
{
    switch (r->q->forms[i]) {
    case AN_QUANT_SAME:
        return;
    case AN_QUANT_FLOAT:
        run_floats(r, i);
        break;
    case AN_QUANT_PRODUCT:
        run_product(r, i);
        break;
    case AN_QUANT_POOL:
        run_pool(r, i);
        break;
    case AN_QUANT_RELU:
        run_relu(r, i);
        break;
    }
    convert(r, i, r->q->forms[i] == AN_QUANT_FLOAT);
}

static const float *forward(run *r)
{
    const size_t n = r->q->m->n_layers;
    convert(r, n, true);
    for (size_t i = 0; i < n; i++)
        run_layer(r, i);
    return an_quant_floats(r->ws, n - 1, r->x);
}

const float *an_quant_forward(const an_quant *q, an_quant_ws *ws, size_t batch, const float *x)
{
    assert(ws->q == q && batch >= 1 && batch <= ws->max_batch);
    run r = {.q = q, .ws = ws, .batch = batch, .x = x};
    return forward(&r);
}

double an_quant_loss(const an_quant *q, an_quant_ws *ws, size_t batch, const float *x, const float *target)
{
    assert(ws->q == q && batch >= 1 && batch <= ws->max_batch);
    run r = {.q = q, .ws = ws, .batch = batch, .x = x};
    const float *y = forward(&r);
    const an_model *m = q->m;
    return m->loss->eval(&m->loss_args, batch, y, m->autoencoder ? x : target, NULL) + r.own_loss;
}
