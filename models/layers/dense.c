/* Dense: y = x w + b.  x (B, I), w (I, O), b (O), y (B, O). */
#include "models/kernels/kernels.h"
#include "models/layer.h"

#include <string.h>

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
    return AN_OK;
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    const float *b = w + l->weight_at[1];
    size_t in = l->in_n, out = l->out_n;
    for (size_t i = 0; i < p->batch; i++)
        memcpy(y + i * out, b, out * sizeof *y);
    an_gemm(false, false, p->batch, out, in, 1.0f, x[0], w, 1.0f, y); /* y += x w */
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)y;
    float *db = dw + l->weight_at[1];
    size_t in = l->in_n, out = l->out_n;
    an_gemm(true, false, in, out, p->batch, 1.0f, x[0], dy, 1.0f, dw); /* dw += x^T dy */
    for (size_t i = 0; i < p->batch; i++)
        for (size_t j = 0; j < out; j++)
            db[j] += dy[i * out + j];
    if (dx[0])
        an_gemm(false, true, p->batch, in, out, 1.0f, dy, w, 0.0f, dx[0]); /* dx = dy w^T */
}

const an_layer_type an_layer_dense = {
    .name = "dense", .opts = opts, .reads_x = true, .sizes = sizes, .forward = forward, .backward = backward};
