/* Every value `size` times along each dimension of place (nearest neighbour): (L, C) becomes
 * (size L, C), (H, W, C) becomes (size H, size W, C). */
#include "models/layer.h"

#include <string.h>

enum { SIZE };

static const an_layer_opt opts[] = {
    {"size", AN_LAYER_OPT_COUNT, false, 1, 64, 2, NULL},
    {0},
};

static an_err sizes(an_layer *l, an_note *why)
{
    const size_t times = (size_t)l->opt[SIZE];
    if (l->in.n_dims < 2) {
        char text[AN_SHAPE_TEXT];
        an_shape_text(text, &l->in);
        return an_fail(AN_ERR_INVAL, why, "upsample takes a sequence or an image, not %s", text);
    }
    l->out = l->in;
    for (size_t i = 0; i + 1 < l->in.n_dims; i++)
        l->out.d[i] *= times;
    return AN_OK;
}

/* A sequence is an image of width 1 whose lines alone are repeated. */
typedef struct grid {
    size_t h, w, c, times_h, times_w;
} grid;

static grid grid_of(const an_layer *l)
{
    const size_t times = (size_t)l->opt[SIZE];
    if (l->in.n_dims == 2)
        return (grid){l->in.d[0], 1, l->in.d[1], times, 1};
    return (grid){l->in.d[0], l->in.d[1], l->in.d[2], times, times};
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    const grid g = grid_of(l);
    const float *from = x[0];
    for (size_t i = 0; i < p->batch * g.h; i++, from += g.w * g.c)
        for (size_t t = 0; t < g.times_h; t++)
            for (size_t j = 0; j < g.w * g.times_w; j++, y += g.c)
                memcpy(y, from + j / g.times_w * g.c, g.c * sizeof *y);
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)x;
    (void)y;
    (void)dw;
    const grid g = grid_of(l);
    float *to = dx[0];
    if (!to)
        return;
    memset(to, 0, p->batch * l->in_n * sizeof *to);
    for (size_t i = 0; i < p->batch * g.h; i++, to += g.w * g.c)
        for (size_t t = 0; t < g.times_h; t++)
            for (size_t j = 0; j < g.w * g.times_w; j++, dy += g.c)
                for (size_t k = 0; k < g.c; k++)
                    to[j / g.times_w * g.c + k] += dy[k];
}

const an_layer_type an_layer_upsample = {
    .name = "upsample", .opts = opts, .sizes = sizes, .forward = forward, .backward = backward};
