/* One filter for each channel (Sifre and Mallat 2013): every place of the output, and on the way back
 * every place of the input, is a sum over the places that it touches, channels side by side in blocks
 * that stay in registers.  Nothing is copied: places outside the image are left out. */
#include "models/layers/conv_groups_internal.h"

#define BLOCK 16u /* channels */

/* Along one dimension: which places of the kernel meet a place of the output (or of the input, on the
 * way back), and what they meet there. */
typedef struct taps {
    size_t n, k, k_step; /* of the kernel */
    size_t at;           /* of the image: the first */
    bool down;           /* the next ones lie before it, else after */
} taps;

static taps taps_of_output(size_t o, size_t n, size_t k, size_t stride, size_t before)
{
    const size_t start = o * stride, end = n + before;
    taps t = {.k = start < before ? before - start : 0, .k_step = 1};
    const size_t to = start + k <= end ? k : end > start ? end - start : 0;
    t.n = to > t.k ? to - t.k : 0;
    t.at = start + t.k - before;
    return t;
}

/* n: of the outputs.  Those that saw place i saw it under every stride-th place of the kernel. */
static taps taps_of_input(size_t i, size_t n, size_t k, size_t stride, size_t before)
{
    taps t = {.k = (i + before) % stride, .k_step = stride, .at = (i + before) / stride, .down = true};
    const size_t past = t.at < n ? 0 : t.at - n + 1;
    t.k += past * stride;
    t.at -= past;
    const size_t fit = k > t.k ? (k - t.k - 1) / stride + 1 : 0;
    t.n = fit < t.at + 1 ? fit : t.at + 1;
    return t;
}

/* Where a sum takes its terms from. */
typedef struct source {
    taps y, x;
    const float *image;
    size_t line, c; /* floats in a line and in a place */
    const float *kernel;
    size_t kernel_line;
} source;

/* Channels at .. at + n; n <= BLOCK is a constant wherever it matters. */
static inline void sum_block(const source *s, size_t at, size_t n, const float *bias, float *to)
{
    float sum[BLOCK];
    for (size_t i = 0; i < n; i++)
        sum[i] = bias ? bias[at + i] : 0.0f;
    for (size_t ky = 0; ky < s->y.n; ky++) {
        const size_t y = s->y.down ? s->y.at - ky : s->y.at + ky;
        for (size_t kx = 0; kx < s->x.n; kx++) {
            const size_t x = s->x.down ? s->x.at - kx : s->x.at + kx;
            const float *a = s->image + y * s->line + x * s->c + at;
            const float *b = s->kernel + (s->y.k + ky * s->y.k_step) * s->kernel_line +
                             (s->x.k + kx * s->x.k_step) * s->c + at;
            for (size_t i = 0; i < n; i++)
                sum[i] += a[i] * b[i];
        }
    }
    for (size_t i = 0; i < n; i++)
        to[at + i] = sum[i];
}

static void sum_place(const source *s, const float *bias, float *to)
{
    size_t at = 0;
    for (; at + BLOCK <= s->c; at += BLOCK)
        sum_block(s, at, BLOCK, bias, to);
    if (at < s->c)
        sum_block(s, at, s->c - at, bias, to);
}

void an_conv_depth_forward(const an_conv *c, const float *w, const float *bias, const float *x, float *y)
{
    source s = {.image = x, .line = c->w * c->c, .c = c->c, .kernel = w, .kernel_line = c->kw * c->c};
    for (size_t oy = 0; oy < c->oh; oy++) {
        s.y = taps_of_output(oy, c->h, c->kh, c->sh, c->top);
        for (size_t ox = 0; ox < c->ow; ox++, y += c->c) {
            s.x = taps_of_output(ox, c->w, c->kw, c->sw, c->left);
            sum_place(&s, bias, y);
        }
    }
}

void an_conv_depth_inputs(const an_conv *c, const float *w, const float *dy, float *dx)
{
    source s = {.image = dy, .line = c->ow * c->c, .c = c->c, .kernel = w, .kernel_line = c->kw * c->c};
    for (size_t iy = 0; iy < c->h; iy++) {
        s.y = taps_of_input(iy, c->oh, c->kh, c->sh, c->top);
        for (size_t ix = 0; ix < c->w; ix++, dx += c->c) {
            s.x = taps_of_input(ix, c->ow, c->kw, c->sw, c->left);
            sum_place(&s, NULL, dx);
        }
    }
}

/* dw (c) += the sum over n places of x * dy, which lie x_step and c apart. */
static inline void weigh_block(size_t n, size_t width, const float *x, size_t x_step, const float *dy,
                               size_t c, float *dw)
{
    float sum[BLOCK] = {0.0f};
    for (size_t o = 0; o < n; o++, x += x_step, dy += c)
        for (size_t i = 0; i < width; i++)
            sum[i] += x[i] * dy[i];
    for (size_t i = 0; i < width; i++)
        dw[i] += sum[i];
}

static void weigh_line(size_t n, const float *x, size_t x_step, const float *dy, size_t c, float *dw)
{
    size_t at = 0;
    for (; at + BLOCK <= c; at += BLOCK)
        weigh_block(n, BLOCK, x + at, x_step, dy + at, c, dw + at);
    if (at < c)
        weigh_block(n, c - at, x + at, x_step, dy + at, c, dw + at);
}

void an_conv_depth_weights(const an_conv *c, const float *x, const float *dy, float *dw)
{
    for (size_t oy = 0; oy < c->oh; oy++) {
        const taps t = taps_of_output(oy, c->h, c->kh, c->sh, c->top);
        for (size_t ky = 0; ky < t.n; ky++)
            for (size_t kx = 0; kx < c->kw; kx++) {
                /* The outputs whose place under kx lies within the line. */
                const size_t from = kx < c->left ? (c->left - kx + c->sw - 1) / c->sw : 0;
                const size_t end = c->w + c->left > kx ? (c->w + c->left - kx - 1) / c->sw + 1 : 0;
                const size_t to = end < c->ow ? end : c->ow;
                if (from < to)
                    weigh_line(to - from, x + ((t.at + ky) * c->w + from * c->sw + kx - c->left) * c->c,
                               c->sw * c->c, dy + (oy * c->ow + from) * c->c, c->c,
                               dw + ((t.k + ky) * c->kw + kx) * c->c);
            }
    }
}
