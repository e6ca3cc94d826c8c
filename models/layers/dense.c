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
    l->n_scratch_dx_row = in + out;
    return AN_OK;
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
    mm.bf16 = p->bf16;
    an_mm_run(&mm);
}

/* dx = dy w^T, computed as dx^T = w dy^T: rows of a batch are fewer than those of w, and sooner turned. */
static void go_back(const an_layer *l, const an_pass *p, const float *w, const float *x, const float *dy,
                    float *dx)
{
    const size_t in = l->in_n, out = l->out_n;
    float *turned_dy = p->scratch, *turned_dx = turned_dy + p->batch * out;
    an_vec_get()->transpose(p->batch, out, dy, turned_dy);
    an_mm mm = {.m = in, .n = p->batch, .nk = out, .a = w, .a_i = out, .a_k = 1};
    mm.b = turned_dy;
    mm.b_k = p->batch;
    mm.c = turned_dx;
    mm.c_i = p->batch;
    mm.bf16 = p->bf16;
    an_mm_run(&mm);
    an_vec_get()->transpose(in, p->batch, turned_dx, dx);
    an_layer_mask(l, p->batch * in, x, dx);
}

/* dw = x^T dy; the bias is a last row of w, for inputs that are always 1. */
static void weights_back(const an_layer *l, const an_pass *p, const float *x, const float *dy, size_t from,
                         size_t n, bool add, float *dw)
{
    const size_t batch = p->batch, in = l->in_n, out = l->out_n, first = from / out, end = (from + n) / out;
    an_mm mm = {.m = (end < in ? end : in) - first, .n = out, .nk = batch, .a_i = 1, .a_k = in, .add = add};
    mm.a = x + first;
    mm.b = dy;
    mm.b_k = out;
    mm.c = dw;
    mm.c_i = out;
    mm.bf16 = p->bf16;
    if (first < in)
        an_mm_run(&mm);
    if (end <= in)
        return;
    float *db = dw + (in - first) * out;
    if (!add)
        memset(db, 0, out * sizeof *db);
    an_vec_get()->add_rows(batch, out, db, dy, out);
}

/* A row's gradient is the outer product of (x, 1) and dy (Goodfellow 2015, arXiv:1510.01799). */
static void row_squares(const an_layer *l, const an_pass *p, const float *x, const float *dy, double *ret)
{
    for (size_t i = 0; i < p->batch; i++) {
        double xs = 1.0, ds = 0.0;
        for (size_t k = 0; k < l->in_n; k++)
            xs += (double)x[i * l->in_n + k] * (double)x[i * l->in_n + k];
        for (size_t k = 0; k < l->out_n; k++)
            ds += (double)dy[i * l->out_n + k] * (double)dy[i * l->out_n + k];
        ret[i] += xs * ds;
    }
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)y;
    if (dw)
        weights_back(l, p, x[0], dy, 0, l->n_params, true, dw);
    if (dx[0])
        go_back(l, p, w, x[0], dy, dx[0]);
}

const an_layer_type an_layer_dense = {.name = "dense",
                                      .opts = opts,
                                      .reads_x = true,
                                      .fuses = true,
                                      .masks = true,
                                      .sizes = sizes,
                                      .forward = forward,
                                      .backward = backward,
                                      .weights_back = weights_back,
                                      .row_squares = row_squares};
