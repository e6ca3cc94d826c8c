#include "models/layers/conv_tiles_internal.h"

#include <string.h>

#include "models/kernels/mm.h"
#include "models/kernels/vec.h"

#define POINTS 36u
#define SIDE 4u            /* of a tile */
#define CHANNELS_LEAST 16u /* fewer do not fill a vector */
#define PLACES_LEAST 64u
#define WEIGHTS_MOST 16384u /* of a tap: beyond it, the kernel's planes do not stay in the second cache */
#define LINE 16u            /* floats in a cache line */
#define BLOCK 32768u        /* floats in the planes of a block: they stay in the second cache */

/* Floats from plane to plane, of n each: an odd number of cache lines, so that the 36 numbers of a tile
 * do not share the sets of the first cache. */
static size_t plane_of(size_t n)
{
    return ((n + LINE - 1) / LINE | 1) * LINE;
}

/* One convolution: an image with zeros around it, cut into lines of tiles. */
typedef struct grid {
    size_t h, w, c, top, left;
    size_t oh, ow, f;
    size_t across, down; /* tiles of a line, lines of tiles of an image */
    size_t lines;        /* lines of tiles that are worked on together */
    size_t places;       /* of the image that a line of tiles sees: six lines of as many */
} grid;

static grid grid_of(size_t h, size_t w, size_t c, size_t top, size_t left, size_t oh, size_t ow, size_t f)
{
    grid g = {.h = h, .w = w, .c = c, .top = top, .left = left, .oh = oh, .ow = ow, .f = f};
    g.across = (ow + SIDE - 1) / SIDE;
    g.down = (oh + SIDE - 1) / SIDE;
    g.places = SIDE * g.across + 2;
    g.lines = BLOCK / (POINTS * g.across * (c + f));
    g.lines = g.lines > 0 ? g.lines : 1;
    return g;
}

static grid forwards(const an_conv *c)
{
    return grid_of(c->h, c->w, c->c, c->top, c->left, c->oh, c->ow, c->f);
}

/* From dy to dx, with the kernel turned round. */
static grid backwards(const an_conv *c)
{
    return grid_of(c->oh, c->ow, c->f, 2 - c->top, 2 - c->left, c->h, c->w, c->c);
}

bool an_conv_tiles_pay(const an_conv *c)
{
    return c->kh == 3 && c->kw == 3 && c->sh == 1 && c->sw == 1 && c->c >= CHANNELS_LEAST &&
           c->f >= CHANNELS_LEAST && c->c * c->f <= WEIGHTS_MOST && c->oh * c->ow >= PLACES_LEAST;
}

size_t an_conv_tiles_prepared(const an_conv *c)
{
    return 2 * POINTS * plane_of(c->c * c->f);
}

/* A line's image, and the planes of what is read and written. */
static size_t scratch_of(const grid *g)
{
    const size_t tiles = g->lines * g->across;
    return 6 * g->places * g->c + POINTS * (plane_of(tiles * g->c) + plane_of(tiles * g->f));
}

size_t an_conv_tiles_scratch(const an_conv *c)
{
    const grid there = forwards(c), back = backwards(c);
    const size_t of_weights =
        scratch_of(&there) + SIDE * SIDE * there.across * c->f + POINTS * plane_of(c->c * c->f);
    const size_t of_inputs = scratch_of(&back);
    return of_weights > of_inputs ? of_weights : of_inputs;
}

void an_conv_tiles_prepare(const an_conv *c, const float *w, const float *turned, float *prepared)
{
    const size_t n = c->c * c->f, plane = plane_of(n);
    an_vec_get()->tiles_kernel(n, w, prepared, plane);
    an_vec_get()->tiles_kernel(n, turned, prepared + POINTS * plane, plane);
}

/* Lines [y0, y0 + n) and places [x0, x0 + places) of an image (h, w, c), 0 outside of it; either may
 * begin before it.  Where all of it is inside, the image itself, else a copy in `room`. */
typedef struct window {
    long y0, x0;
    size_t n, places;
} window;

static const float *look(const float *image, size_t h, size_t w, size_t c, const window *v, float *room,
                         size_t *ret_line)
{
    const long height = (long)h, width = (long)w, end = v->x0 + (long)v->places;
    if (v->y0 >= 0 && v->x0 >= 0 && v->y0 + (long)v->n <= height && end <= width) {
        *ret_line = w * c;
        return image + ((size_t)v->y0 * w + (size_t)v->x0) * c;
    }
    const long from = v->x0 < 0 ? 0 : v->x0, to = end < width ? end : width;
    const size_t before = (size_t)(from - v->x0) * c, inside = (size_t)(to - from) * c, line = v->places * c;
    for (size_t i = 0; i < v->n; i++) {
        const long y = v->y0 + (long)i;
        float *at = room + i * line;
        if (y < 0 || y >= height) {
            memset(at, 0, line * sizeof *at);
            continue;
        }
        memset(at, 0, before * sizeof *at);
        memcpy(at + before, image + ((size_t)y * w + (size_t)from) * c, inside * sizeof *at);
        memset(at + before + inside, 0, (line - before - inside) * sizeof *at);
    }
    *ret_line = line;
    return room;
}

/* The planes of n lines of tiles, from line `first` of the whole batch on. */
static void read_lines(const grid *g, const float *x, size_t first, size_t n, float *room, float *planes)
{
    an_vec_tiles t = {.n = g->across, .c = g->c, .plane = plane_of(n * g->across * g->c)};
    for (size_t k = 0; k < n; k++) {
        const size_t image = (first + k) / g->down, y = (first + k) % g->down * SIDE;
        const window v = {(long)y - (long)g->top, -(long)g->left, 6, g->places};
        const float *at = look(x + image * g->h * g->w * g->c, g->h, g->w, g->c, &v, room, &t.line);
        an_vec_get()->tiles_in(&t, at, planes + k * g->across * g->c);
    }
}

static void write_lines(const grid *g, const an_vec_tiles_end *how, const float *planes, size_t first,
                        size_t n, float *y)
{
    const an_vec_tiles t = {
        .n = g->across, .c = g->f, .line = g->ow * g->f, .plane = plane_of(n * g->across * g->f)};
    an_vec_tiles_end e = *how;
    e.cols = g->ow - SIDE * (g->across - 1);
    for (size_t k = 0; k < n; k++) {
        const size_t image = (first + k) / g->down, line = (first + k) % g->down * SIDE;
        const size_t at = (image * g->oh + line) * g->ow * g->f;
        e.lines = g->oh - line < SIDE ? g->oh - line : SIDE;
        e.mask = how->mask ? how->mask + at : NULL;
        an_vec_get()->tiles_out(&t, &e, planes + k * g->across * g->f, y + at);
    }
}

static void convolve(const grid *g, size_t batch, const float *x, const float *kernel,
                     const an_vec_tiles_end *how, float *y, float *scratch)
{
    float *in = scratch + 6 * g->places * g->c, *out = in + POINTS * plane_of(g->lines * g->across * g->c);
    for (size_t first = 0, all = batch * g->down, n = 0; first < all; first += n) {
        n = all - first < g->lines ? all - first : g->lines;
        const size_t tiles = n * g->across;
        read_lines(g, x, first, n, scratch, in);
        an_mm mm = {.m = tiles, .n = g->f, .nk = g->c, .a_i = g->c, .a_k = 1, .b_k = g->f, .c_i = g->f};
        for (size_t p = 0; p < POINTS; p++) {
            mm.a = in + p * plane_of(tiles * g->c);
            mm.b = kernel + p * plane_of(g->c * g->f);
            mm.c = out + p * plane_of(tiles * g->f);
            an_mm_run(&mm);
        }
        write_lines(g, how, out, first, n, y);
    }
}

void an_conv_tiles_forward(const an_layer *l, const an_pass *p, const an_conv *c, const float *prepared,
                           const float *bias, const float *x, float *y)
{
    const grid g = forwards(c);
    an_vec_tiles_end how = {.bias = bias, .slope = 1.0f};
    float slope = 0.0f;
    if (an_layer_epilogue(l->act, &slope) != AN_EPILOGUE_NONE)
        how.slope = slope;
    convolve(&g, p->batch, x, prepared, &how, y, p->scratch);
}

void an_conv_tiles_inputs(const an_layer *l, const an_pass *p, const an_conv *c, const float *prepared,
                          const float *x, const float *dy, float *dx)
{
    const grid g = backwards(c);
    an_vec_tiles_end how = {.slope = 1.0f, .mask = l->mask ? x : NULL};
    (void)an_layer_epilogue(l->mask, &how.mask_slope);
    convolve(&g, p->batch, dy, prepared + POINTS * plane_of(c->c * c->f), &how, dx, p->scratch);
}

/* The planes of dy's tiles: what lies outside of dy is 0. */
static void read_gradients(const grid *g, const float *dy, size_t first, size_t n, float *room, float *planes)
{
    an_vec_tiles t = {.n = g->across, .c = g->f, .plane = plane_of(n * g->across * g->f)};
    for (size_t k = 0; k < n; k++) {
        const size_t image = (first + k) / g->down, y = (first + k) % g->down * SIDE;
        const window v = {(long)y, 0, SIDE, SIDE * g->across};
        const float *at = look(dy + image * g->oh * g->ow * g->f, g->oh, g->ow, g->f, &v, room, &t.line);
        an_vec_get()->tiles_gradient(&t, at, planes + k * g->across * g->f);
    }
}

void an_conv_tiles_weights(const an_layer *l, const an_pass *p, const an_conv *c, const float *x,
                           const float *dy, float *dw)
{
    (void)l;
    const grid g = forwards(c);
    float *room = p->scratch, *gradient_room = room + 6 * g.places * g.c;
    float *in = gradient_room + SIDE * SIDE * g.across * g.f,
          *out = in + POINTS * plane_of(g.lines * g.across * g.c);
    float *sum = out + POINTS * plane_of(g.lines * g.across * g.f);
    for (size_t first = 0, all = p->batch * g.down, n = 0; first < all; first += n) {
        n = all - first < g.lines ? all - first : g.lines;
        const size_t tiles = n * g.across;
        read_lines(&g, x, first, n, room, in);
        read_gradients(&g, dy, first, n, gradient_room, out);
        an_mm mm = {.m = g.c, .n = g.f, .nk = tiles, .a_i = 1, .a_k = g.c, .b_k = g.f, .c_i = g.f};
        mm.add = first > 0;
        for (size_t k = 0; k < POINTS; k++) {
            mm.a = in + k * plane_of(tiles * g.c);
            mm.b = out + k * plane_of(tiles * g.f);
            mm.c = sum + k * plane_of(g.c * g.f);
            an_mm_run(&mm);
        }
    }
    an_vec_get()->tiles_taps(g.c * g.f, sum, plane_of(g.c * g.f), dw);
}
