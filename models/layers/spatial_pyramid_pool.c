/* Spatial pyramid pooling (He, Zhang, Ren and Sun 2014): the largest value in each of 1, 2 x 2, 4 x 4,
 * .. bins, level by level, so that images of any size give as many values: (H, W, C) becomes
 * (C (1 + 4 + 16 + ..)), a sequence (L, C) becomes (C (1 + 2 + 4 + ..)).  Bin i of n over a side of h
 * places reaches from floor(i h / n) to ceil((i + 1) h / n); so bins overlap where n does not divide h,
 * and none is empty. */
#include "models/layers/pool_internal.h"

#include <string.h>

enum { LEVELS };

static const an_layer_opt opts[] = {
    {"levels", AN_LAYER_OPT_COUNT, false, 1, 8, 3, NULL},
    {0},
};

/* A sequence is an image of height 1. */
typedef struct side {
    size_t n, bins;
} side;

static side side_of(const an_layer *l, size_t level, bool lines)
{
    const size_t d = l->in.n_dims;
    if (lines && d == 2)
        return (side){1, 1};
    return (side){l->in.d[lines ? 0 : d - 2], (size_t)1 << level};
}

static an_err sizes(an_layer *l, an_note *why)
{
    if (l->in.n_dims < 2) {
        char text[AN_SHAPE_TEXT];
        an_shape_text(text, &l->in);
        return an_fail(AN_ERR_INVAL, why, "spatial_pyramid_pool takes a sequence or an image, not %s", text);
    }
    const size_t c = l->in.d[l->in.n_dims - 1];
    size_t bins = 0;
    for (size_t level = 0; level < (size_t)l->opt[LEVELS]; level++)
        bins += side_of(l, level, true).bins * side_of(l, level, false).bins;
    l->out = (an_shape){1, {bins * c}};
    l->n_scratch = c;
    return AN_OK;
}

static size_t bin_start(const side *s, size_t i)
{
    return i * s->n / s->bins;
}

static size_t bin_length(const side *s, size_t i)
{
    return ((i + 1) * s->n + s->bins - 1) / s->bins - bin_start(s, i);
}

/* One bin as a pool with one place, and where in the image it begins.  Its own height is 0, as none of
 * the image is its own: gradients of bins are added to each other. */
typedef struct bin {
    an_pool pool;
    size_t at;
} bin;

static bin bin_of(const an_layer *l, const side *h, const side *w, size_t i, size_t j)
{
    const size_t c = l->in.d[l->in.n_dims - 1];
    bin b = {.pool = {.w = w->n, .c = c, .sh = 1, .sw = 1, .oh = 1, .ow = 1}};
    b.pool.kh = bin_length(h, i);
    b.pool.kw = bin_length(w, j);
    b.at = (bin_start(h, i) * w->n + bin_start(w, j)) * c;
    return b;
}

static float *forward_row(const an_layer *l, const float *x, float *y)
{
    for (size_t level = 0; level < (size_t)l->opt[LEVELS]; level++) {
        const side h = side_of(l, level, true), w = side_of(l, level, false);
        for (size_t k = 0; k < h.bins * w.bins; k++) {
            const bin b = bin_of(l, &h, &w, k / w.bins, k % w.bins);
            an_pool_max(&b.pool, x + b.at, y);
            y += b.pool.c;
        }
    }
    return y;
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    for (size_t i = 0; i < p->batch; i++)
        y = forward_row(l, x[0] + i * l->in_n, y);
}

static void backward_row(const an_layer *l, float *scratch, const float *x, const float *y, const float *dy,
                         float *dx)
{
    memset(dx, 0, l->in_n * sizeof *dx);
    for (size_t level = 0; level < (size_t)l->opt[LEVELS]; level++) {
        const side h = side_of(l, level, true), w = side_of(l, level, false);
        for (size_t k = 0; k < h.bins * w.bins; k++) {
            const bin b = bin_of(l, &h, &w, k / w.bins, k % w.bins);
            an_pool_max_back(&b.pool, x + b.at, y, dy, 1.0f, dx + b.at, scratch);
            y += b.pool.c;
            dy += b.pool.c;
        }
    }
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)dw;
    for (size_t i = 0; dx[0] && i < p->batch; i++)
        backward_row(l, p->scratch, x[0] + i * l->in_n, y + i * l->out_n, dy + i * l->out_n,
                     dx[0] + i * l->in_n);
}

const an_layer_type an_layer_spatial_pyramid_pool = {
    .name = "spatial_pyramid_pool",
    .opts = opts,
    .reads_x = true,
    .reads_y = true,
    .sizes = sizes,
    .forward = forward,
    .backward = backward,
};
