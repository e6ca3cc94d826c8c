/* Transposed convolution over an image (Zeiler, Krishnan, Taylor and Fergus 2010; Dumoulin and Visin
 * 2016): what a convolution does on its way back, so that a stride makes images larger.  x (B, H, W, C),
 * w (C, size, size, F), y (B, H', W', F):
 *
 *     y[i s + p, j s + q, :]  +=  x[i, j, :] w[:, p, q, :]        and b
 *
 * valid: all that is written, H' = (H - 1) stride + size.  same: H' = H stride, as much cut off before
 * as after, the odd one after (nothing is written where size < stride; there y is b).
 *
 * A line of x times w is a line of patches, which are added to where they belong.  With size = stride
 * they lie side by side and the product writes y itself.  The way back is a convolution with a stride
 * over dy. */
#include <string.h>

#include "models/kernels/mm.h"
#include "models/kernels/vec.h"
#include "models/layer.h"

enum { FILTERS, SIZE, STRIDE, PADDING };

static const an_layer_opt opts[] = {
    {"filters", AN_LAYER_OPT_COUNT, true, 1, 65536, 0, NULL},
    {"size", AN_LAYER_OPT_COUNT, true, 1, 255, 0, NULL},
    {"stride", AN_LAYER_OPT_COUNT, false, 1, 255, 1, NULL},
    {"padding", AN_LAYER_OPT_CHOICE, false, 0, 0, 0, "valid same"},
    {0},
};

typedef struct grid {
    size_t h, w, c; /* input */
    size_t k, s;    /* size and stride */
    size_t cut;     /* lines and columns that are cut off before the first of y */
    size_t oh, ow, f;
    size_t fh, fw; /* y with what is cut off: where patches fall */
    size_t patch;  /* k k f */
    bool bf16;
} grid;

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static grid grid_of(const an_layer *l)
{
    grid g = {.h = l->in.d[0],
              .w = l->in.d[1],
              .c = l->in.d[2],
              .k = (size_t)l->opt[SIZE],
              .s = (size_t)l->opt[STRIDE],
              .f = (size_t)l->opt[FILTERS]};
    const bool same = l->opt[PADDING] > 0.0;
    const size_t h = (g.h - 1) * g.s + g.k, w = (g.w - 1) * g.s + g.k;
    g.cut = same && g.k > g.s ? (g.k - g.s) / 2 : 0;
    g.oh = same ? g.h * g.s : h;
    g.ow = same ? g.w * g.s : w;
    g.fh = larger(h, g.oh + g.cut);
    g.fw = larger(w, g.ow + g.cut);
    g.patch = g.k * g.k * g.f;
    return g;
}

static bool side_by_side(const grid *g)
{
    return g->k == g->s;
}

static bool framed(const grid *g)
{
    return g->fh != g->oh || g->fw != g->ow;
}

static an_err sizes(an_layer *l, an_note *why)
{
    if (l->in.n_dims != 3) {
        char text[AN_SHAPE_TEXT];
        an_shape_text(text, &l->in);
        return an_fail(AN_ERR_INVAL, why, "conv_transpose2d takes (height, width, channels), not %s", text);
    }
    const grid g = grid_of(l);
    /* A value of y is a sum over about (size / stride)^2 places of x. */
    const size_t seen = larger(1, g.k * g.k / (g.s * g.s)), dims[] = {g.c, g.k, g.k, g.f};
    l->out = (an_shape){3, {g.oh, g.ow, g.f}};
    l->weights[l->n_weights++] = an_layer_spread("w", seen * g.c, g.patch, 4, dims);
    l->weights[l->n_weights++] = an_layer_constant("b", AN_LAYER_START_ZERO, g.f);
    l->n_prepared = g.patch * g.c;
    /* Forward: the bias k times, or a line of patches.  Backward: the framed dy, and w transposed if
     * nobody prepared it. */
    const size_t there = side_by_side(&g) ? g.k * g.f : g.w * g.patch;
    const size_t back = (framed(&g) ? g.fh * g.fw * g.f : 0) + l->n_prepared;
    l->n_scratch = larger(there, back);
    return AN_OK;
}

/* (k, k, f, c) */
static void prepare(const an_layer *l, const float *w, float *prepared)
{
    const grid g = grid_of(l);
    an_vec_get()->transpose(g.c, g.patch, w, prepared);
}

static an_mm product_of_line(const grid *g, const float *w)
{
    return (an_mm){.m = g->w,
                   .n = g->patch,
                   .nk = g->c,
                   .a_i = g->c,
                   .a_k = 1,
                   .b = w,
                   .b_k = g->patch,
                   .bf16 = g->bf16};
}

/* wide: the bias for k places. */
static void write_side_by_side(const an_layer *l, const grid *g, const float *w, const float *wide,
                               const float *x, float *y)
{
    an_mm mm = product_of_line(g, w);
    mm.n = g->k * g->f;
    mm.c_i = mm.n;
    mm.bias = wide;
    mm.act = an_layer_epilogue(l->act, &mm.slope);
    for (size_t oy = 0; oy < g->oh; oy++) {
        mm.a = x + oy / g->s * g->w * g->c;
        mm.b = w + oy % g->s * mm.n;
        mm.c = y + oy * g->ow * g->f;
        an_mm_run(&mm);
    }
}

/* Adds the patches (w, k, k, f) of line iy of x to y. */
static void add_patches(const grid *g, size_t iy, const float *patches, float *y)
{
    for (size_t ix = 0; ix < g->w; ix++)
        for (size_t p = 0; p < g->k; p++) {
            const size_t fy = iy * g->s + p, fx = ix * g->s, end = g->cut + g->ow;
            if (fy < g->cut || fy - g->cut >= g->oh)
                continue;
            const size_t from = fx < g->cut ? g->cut - fx : 0;
            const size_t to = fx + g->k <= end ? g->k : end > fx ? end - fx : 0;
            if (from >= to)
                continue;
            const float *restrict add = patches + (ix * g->k + p) * g->k * g->f + from * g->f;
            float *restrict at = y + ((fy - g->cut) * g->ow + fx + from - g->cut) * g->f;
            for (size_t i = 0; i < (to - from) * g->f; i++)
                at[i] += add[i];
        }
}

static void write_patches(const an_layer *l, const grid *g, const float *w, const float *bias, float *patches,
                          const float *x, float *y)
{
    an_mm mm = product_of_line(g, w);
    mm.c = patches;
    mm.c_i = g->patch;
    for (size_t i = 0; i < g->oh * g->ow; i++)
        memcpy(y + i * g->f, bias, g->f * sizeof *y);
    for (size_t iy = 0; iy < g->h; iy++) {
        mm.a = x + iy * g->w * g->c;
        an_mm_run(&mm);
        add_patches(g, iy, patches, y);
    }
    float slope;
    if (an_layer_epilogue(l->act, &slope) == AN_EPILOGUE_NONE)
        return;
    for (size_t i = 0; i < l->out_n; i++)
        y[i] = y[i] > 0.0f ? y[i] : slope * y[i];
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    grid g = grid_of(l);
    g.bf16 = p->bf16;
    const float *bias = w + l->weight_at[1];
    for (size_t i = 0; side_by_side(&g) && i < g.k; i++)
        memcpy(p->scratch + i * g.f, bias, g.f * sizeof *bias);
    for (size_t i = 0; i < p->batch; i++) {
        const float *xi = x[0] + i * l->in_n;
        if (side_by_side(&g))
            write_side_by_side(l, &g, w, p->scratch, xi, y + i * l->out_n);
        else
            write_patches(l, &g, w, bias, p->scratch, xi, y + i * l->out_n);
    }
}

/* dy itself, or its copy with zeros where something was cut off. */
static const float *framed_gradient(const grid *g, const float *dy, float *to)
{
    if (!framed(g))
        return dy;
    memset(to, 0, g->fh * g->fw * g->f * sizeof *to);
    for (size_t i = 0; i < g->oh; i++)
        memcpy(to + ((i + g->cut) * g->fw + g->cut) * g->f, dy + i * g->ow * g->f, g->ow * g->f * sizeof *to);
    return to;
}

static void back_to_weights(const grid *g, const float *x, const float *dy, float *dw)
{
    an_mm mm = {.m = g->c, .n = g->k * g->f, .nr = g->h, .nk = g->w, .add = true, .bf16 = g->bf16};
    mm.a = x;
    mm.a_i = 1;
    mm.a_r = g->w * g->c;
    mm.a_k = g->c;
    mm.b_r = g->s * g->fw * g->f;
    mm.b_k = g->s * g->f;
    mm.c_i = g->patch;
    for (size_t p = 0; p < g->k; p++) {
        mm.b = dy + p * g->fw * g->f;
        mm.c = dw + p * mm.n;
        an_mm_run(&mm);
    }
}

static void back_to_inputs(const an_layer *l, const grid *g, const float *turned, const float *x,
                           const float *dy, float *dx)
{
    an_mm mm = {.m = g->w, .n = g->c, .nr = g->k, .nk = g->k * g->f, .bf16 = g->bf16};
    mm.a_i = g->s * g->f;
    mm.a_r = g->fw * g->f;
    mm.a_k = 1;
    mm.b = turned;
    mm.b_r = mm.nk * g->c;
    mm.b_k = g->c;
    mm.c_i = g->c;
    mm.mask_act = an_layer_epilogue(l->mask, &mm.mask_slope);
    for (size_t iy = 0; iy < g->h; iy++) {
        mm.a = dy + iy * g->s * mm.a_r;
        mm.c = dx + iy * g->w * g->c;
        mm.mask = l->mask ? x + iy * g->w * g->c : NULL;
        an_mm_run(&mm);
    }
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)y;
    grid g = grid_of(l);
    g.bf16 = p->bf16;
    float *frame = p->scratch + (p->prepared ? 0 : l->n_prepared);
    if (!p->prepared && dx[0])
        prepare(l, w, p->scratch);
    const float *turned = p->prepared ? p->prepared : p->scratch;
    for (size_t i = 0; i < p->batch; i++) {
        const float *xi = x[0] + i * l->in_n, *dyi = dy + i * l->out_n;
        const float *all = framed_gradient(&g, dyi, frame);
        back_to_weights(&g, xi, all, dw);
        an_vec_get()->add_rows(g.oh * g.ow, g.f, dw + l->weight_at[1], dyi, g.f);
        if (dx[0])
            back_to_inputs(l, &g, turned, xi, all, dx[0] + i * l->in_n);
    }
}

const an_layer_type an_layer_conv_transpose2d = {.name = "conv_transpose2d",
                                                 .opts = opts,
                                                 .reads_x = true,
                                                 .fuses = true,
                                                 .sizes = sizes,
                                                 .prepare = prepare,
                                                 .prepares_dx = true,
                                                 .forward = forward,
                                                 .backward = backward};
