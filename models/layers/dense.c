/* Dense: y = x w + b.  x (B, I), w (I, O), b (O), y (B, O). */
#include <string.h>

#include "models/kernels/kernels.h"
#include "models/kernels/vec.h"
#include "models/layer.h"

enum { UNITS };

static const an_layer_opt opts[] = {
    {"units", AN_LAYER_OPT_COUNT, true, 1, 1e7, 0, NULL},
    {0},
};

static an_err sizes(an_layer *l, an_note *why)
{
    if (l->in.n_dims != 1) {
        char text[AN_SHAPE_TEXT];
        an_shape_text(text, &l->in);
        return an_fail(AN_ERR_INVAL, why, "dense takes a flat input, not %s; put `- flatten` before it",
                       text);
    }
    size_t in = l->in.d[0], out = (size_t)l->opt[UNITS];
    l->out = (an_shape){1, {out}};
    l->weights[l->n_weights++] = an_layer_spread("w", in, out, 2, (const size_t[]){in, out});
    l->weights[l->n_weights++] = an_layer_constant("b", AN_LAYER_START_ZERO, out);
    l->n_prepared = in * out;
    return AN_OK;
}

static void prepare(const an_layer *l, const float *w, float *prepared)
{
    an_vec_get()->transpose(l->in_n, l->out_n, w, prepared);
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    const size_t in = l->in_n, out = l->out_n;
    an_mm mm = {.m = p->batch, .n = out, .nk = in, .a = x[0], .a_i = in, .a_k = 1};
    mm.b = w;
    mm.b_k = out;
    mm.bias = w + l->weight_at[1];
    mm.c = y;
    mm.c_i = out;
    mm.act = an_layer_epilogue(l->act, &mm.slope);
    an_mm_run(&mm);
}

/* dx = dy w^T */
static void go_back(const an_layer *l, const an_pass *p, const float *w, const float *x, const float *dy,
                    float *dx)
{
    const size_t in = l->in_n, out = l->out_n;
    if (!p->prepared) {
        an_gemm(false, true, p->batch, in, out, 1.0f, dy, w, 0.0f, dx);
        an_layer_mask(l, p->batch * in, x, dx);
        return;
    }
    an_mm mm = {.m = p->batch, .n = in, .nk = out, .a = dy, .a_i = out, .a_k = 1};
    mm.b = p->prepared;
    mm.b_k = in;
    mm.c = dx;
    mm.c_i = in;
    mm.mask = l->mask ? x : NULL;
    mm.mask_act = an_layer_epilogue(l->mask, &mm.mask_slope);
    an_mm_run(&mm);
}

/* dw = x^T dy; the bias is a last row of w, for inputs that are always 1. */
static void weights_back(const an_layer *l, size_t batch, const float *x, const float *dy, size_t from,
                         size_t n, bool add, float *dw)
{
    const size_t in = l->in_n, out = l->out_n, first = from / out, end = (from + n) / out;
    an_mm mm = {.m = (end < in ? end : in) - first, .n = out, .nk = batch, .a_i = 1, .a_k = in, .add = add};
    mm.a = x + first;
    mm.b = dy;
    mm.b_k = out;
    mm.c = dw;
    mm.c_i = out;
    if (first < in)
        an_mm_run(&mm);
    if (end <= in)
        return;
    float *db = dw + (in - first) * out;
    if (!add)
        memset(db, 0, out * sizeof *db);
    an_vec_get()->add_rows(batch, out, db, dy, out);
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)y;
    if (dw)
        weights_back(l, p->batch, x[0], dy, 0, l->n_params, true, dw);
    if (dx[0])
        go_back(l, p, w, x[0], dy, dx[0]);
}

const an_layer_type an_layer_dense = {.name = "dense",
                                      .opts = opts,
                                      .reads_x = true,
                                      .fuses = true,
                                      .masks = true,
                                      .sizes = sizes,
                                      .prepare = prepare,
                                      .prepares_dx = true,
                                      .forward = forward,
                                      .backward = backward,
                                      .weights_back = weights_back};
