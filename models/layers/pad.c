/* A frame of one value around an image or a sequence, for convolutions and pools whose padding is neither
 * `valid` nor `same`: (H, W, C) becomes (top + H + bottom, left + W + right, C); a sequence (L, C) has left
 * and right alone. */
#include "models/layer.h"

#include <string.h>

enum { TOP, BOTTOM, LEFT, RIGHT, VALUE };

static const an_layer_opt opts[] = {
    {"top", AN_LAYER_OPT_COUNT, false, 0, 4096, 0, NULL},
    {"bottom", AN_LAYER_OPT_COUNT, false, 0, 4096, 0, NULL},
    {"left", AN_LAYER_OPT_COUNT, false, 0, 4096, 0, NULL},
    {"right", AN_LAYER_OPT_COUNT, false, 0, 4096, 0, NULL},
    {"value", AN_LAYER_OPT_REAL, false, -1e30, 1e30, 0, NULL},
    {0},
};

static an_err sizes(an_layer *l, an_note *why)
{
    const size_t n = l->in.n_dims;
    if (n < 2 || (n == 2 && (l->opt[TOP] > 0.0 || l->opt[BOTTOM] > 0.0))) {
        char text[AN_SHAPE_TEXT];
        an_shape_text(text, &l->in);
        return an_fail(AN_ERR_INVAL, why,
                       "pad takes an image, or a sequence with left and right alone, not %s", text);
    }
    l->out = l->in;
    l->out.d[n - 2] += (size_t)l->opt[LEFT] + (size_t)l->opt[RIGHT];
    if (n == 3)
        l->out.d[0] += (size_t)l->opt[TOP] + (size_t)l->opt[BOTTOM];
    return AN_OK;
}

/* A sequence is an image of height 1. */
typedef struct grid {
    size_t h, line, wide; /* lines; floats in one of the input, and of the output */
    size_t at;            /* where the first line of the input lies in the output */
} grid;

static grid grid_of(const an_layer *l)
{
    const size_t n = l->in.n_dims, c = l->in.d[n - 1];
    grid g = {.h = n == 3 ? l->in.d[0] : 1, .line = l->in.d[n - 2] * c, .wide = l->out.d[n - 2] * c};
    g.at = (n == 3 ? (size_t)l->opt[TOP] : 0) * g.wide + (size_t)l->opt[LEFT] * c;
    return g;
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    const grid g = grid_of(l);
    const float value = (float)l->opt[VALUE];
    for (size_t i = 0; i < p->batch * l->out_n; i++)
        y[i] = value;
    for (size_t b = 0; b < p->batch; b++)
        for (size_t i = 0; i < g.h; i++)
            memcpy(y + b * l->out_n + g.at + i * g.wide, x[0] + b * l->in_n + i * g.line, g.line * sizeof *y);
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)x;
    (void)y;
    (void)dw;
    const grid g = grid_of(l);
    for (size_t b = 0; dx[0] && b < p->batch; b++)
        for (size_t i = 0; i < g.h; i++)
            memcpy(dx[0] + b * l->in_n + i * g.line, dy + b * l->out_n + g.at + i * g.wide,
                   g.line * sizeof *dy);
}

const an_layer_type an_layer_pad = {
    .name = "pad", .opts = opts, .sizes = sizes, .forward = forward, .backward = backward};
