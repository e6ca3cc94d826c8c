/* The largest value under a square window over an image: x (B, H, W, C), y (B, H', W', C). */
#include "models/layers/pool_internal.h"

enum { SIZE, STRIDE };

static const an_layer_opt opts[] = {
    {"size", AN_LAYER_OPT_COUNT, true, 1, 4096, 0, NULL},
    {"stride", AN_LAYER_OPT_COUNT, false, 0, 4096, 0, NULL}, /* 0: as size */
    {0},
};

static an_pool geometry(const an_layer *l)
{
    size_t k = (size_t)l->opt[SIZE], stride = l->opt[STRIDE] > 0.0 ? (size_t)l->opt[STRIDE] : k;
    return (an_pool){.h = l->in.d[0],
                     .w = l->in.d[1],
                     .c = l->in.d[2],
                     .kh = k,
                     .kw = k,
                     .sh = stride,
                     .sw = stride,
                     .oh = an_pool_positions(l->in.d[0], k, stride),
                     .ow = an_pool_positions(l->in.d[1], k, stride)};
}

static an_err sizes(an_layer *l, an_note *why)
{
    char text[AN_SHAPE_TEXT];
    an_shape_text(text, &l->in);
    if (l->in.n_dims != 3)
        return an_fail(AN_ERR_INVAL, why, "max_pool2d takes (height, width, channels), not %s", text);
    an_pool p = geometry(l);
    if (p.oh == 0 || p.ow == 0)
        return an_fail(AN_ERR_INVAL, why, "a pool of size %zu does not fit into %s", p.kw, text);
    l->out = (an_shape){3, {p.oh, p.ow, p.c}};
    l->n_scratch = p.c;
    return AN_OK;
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    an_pool pool = geometry(l);
    an_pool_forward(&pool, p->batch, x[0], y);
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)dw;
    an_pool pool = geometry(l);
    if (dx[0])
        an_pool_backward(&pool, p->batch, x[0], y, dy, dx[0], p->scratch);
}

const an_layer_type an_layer_max_pool2d = {.name = "max_pool2d",
                                           .opts = opts,
                                           .reads_x = true,
                                           .reads_y = true,
                                           .sizes = sizes,
                                           .forward = forward,
                                           .backward = backward};
