/* Pools, all channels of a place at a time.  The way back from the largest gives the gradient to the
 * first of the places under the window that hold it; y tells which value that was. */
#include "models/layers/pool_internal.h"

#include <string.h>

#include "models/kernels/vec.h"

enum { SIZE, STRIDE };

const an_layer_opt an_pool_opts[] = {
    {"size", AN_LAYER_OPT_COUNT, true, 1, 4096, 0, NULL},
    {"stride", AN_LAYER_OPT_COUNT, false, 0, 4096, 0, NULL}, /* 0: as size */
    {0},
};

/* Whole windows; 0: none fits. */
static size_t positions(size_t n, size_t k, size_t stride)
{
    return n < k ? 0 : (n - k) / stride + 1;
}

an_pool an_pool_of(const an_layer *l)
{
    const size_t k = (size_t)l->opt[SIZE], stride = l->opt[STRIDE] > 0.0 ? (size_t)l->opt[STRIDE] : k;
    const bool image = l->in.n_dims == 3;
    an_pool p = {.h = image ? l->in.d[0] : 1,
                 .w = l->in.d[l->in.n_dims - 2],
                 .c = l->in.d[l->in.n_dims - 1],
                 .kh = image ? k : 1,
                 .kw = k,
                 .sh = image ? stride : 1,
                 .sw = stride};
    p.oh = positions(p.h, p.kh, p.sh);
    p.ow = positions(p.w, p.kw, p.sw);
    return p;
}

an_err an_pool_sizes(an_layer *l, size_t n_dims, an_note *why)
{
    char text[AN_SHAPE_TEXT];
    an_shape_text(text, &l->in);
    if (l->in.n_dims != n_dims)
        return an_fail(AN_ERR_INVAL, why, "%s takes (%s), not %s", l->type->name,
                       n_dims == 3 ? "height, width, channels" : "length, channels", text);
    const an_pool p = an_pool_of(l);
    if (p.oh == 0 || p.ow == 0)
        return an_fail(AN_ERR_INVAL, why, "a pool of size %zu does not fit into %s", p.kw, text);
    l->out = n_dims == 3 ? (an_shape){3, {p.oh, p.ow, p.c}} : (an_shape){2, {p.ow, p.c}};
    l->n_scratch = p.c;
    return AN_OK;
}

/* Offset in one row's x of the place (ky, kx) under the window at (oy, ox). */
static size_t place(const an_pool *p, size_t oy, size_t ox, size_t ky, size_t kx)
{
    return ((oy * p->sh + ky) * p->w + ox * p->sw + kx) * p->c;
}

static void take_larger(size_t n, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] > y[i] ? x[i] : y[i];
}

/* The usual pool goes by whole lines. */
static bool two_by_two(const an_pool *p)
{
    return p->kh == 2 && p->kw == 2 && p->sh == 2 && p->sw == 2;
}

static an_vec_pool line_of(const an_pool *p, size_t oy, const float *x, const float *y)
{
    const size_t line = p->w * p->c;
    return (an_vec_pool){
        .n = p->ow, .c = p->c, .x = x + 2 * oy * line, .line = line, .y = y + oy * p->ow * p->c};
}

void an_pool_max(const an_pool *p, const float *x, float *y)
{
    for (size_t oy = 0; oy < p->oh; oy++) {
        if (two_by_two(p)) {
            const an_vec_pool line = line_of(p, oy, x, y);
            an_vec_get()->max_pool(&line, y + oy * p->ow * p->c);
            continue;
        }
        for (size_t ox = 0; ox < p->ow; ox++) {
            float *to = y + (oy * p->ow + ox) * p->c;
            memcpy(to, x + place(p, oy, ox, 0, 0), p->c * sizeof *to);
            for (size_t k = 1; k < p->kh * p->kw; k++)
                take_larger(p->c, x + place(p, oy, ox, k / p->kw, k % p->kw), to);
        }
    }
}

/* left: what of dy is still to be given. */
static void give(size_t n, const float *restrict x, const float *restrict y, float *restrict left,
                 float *restrict dx)
{
    for (size_t i = 0; i < n; i++) {
        const float here = x[i] == y[i] ? left[i] : 0.0f;
        dx[i] += here;
        left[i] -= here;
    }
}

/* dy, times the derivative of the activation that made x: where it is not above 0, slope. */
static void masked(size_t n, const float *restrict dy, const float *restrict y, float slope,
                   float *restrict left)
{
    for (size_t i = 0; i < n; i++)
        left[i] = y[i] > 0.0f ? dy[i] : slope * dy[i];
}

void an_pool_max_back(const an_pool *p, const float *x, const float *y, const float *dy, float slope,
                      float *dx, float *left)
{
    if (!two_by_two(p) || p->h % 2 || p->w % 2)
        memset(dx, 0, p->h * p->w * p->c * sizeof *dx);
    for (size_t oy = 0; oy < p->oh; oy++) {
        if (two_by_two(p)) {
            const an_vec_pool line = line_of(p, oy, x, y);
            an_vec_get()->max_pool_back(&line, dy + oy * p->ow * p->c, slope, dx + 2 * oy * line.line);
            continue;
        }
        for (size_t ox = 0; ox < p->ow; ox++) {
            const size_t o = (oy * p->ow + ox) * p->c;
            masked(p->c, dy + o, y + o, slope, left);
            for (size_t k = 0; k < p->kh * p->kw; k++) {
                const size_t at = place(p, oy, ox, k / p->kw, k % p->kw);
                give(p->c, x + at, y + o, left, dx + at);
            }
        }
    }
}

void an_max_pool_forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                         float *y)
{
    (void)w;
    const an_pool pool = an_pool_of(l);
    for (size_t i = 0; i < p->batch; i++)
        an_pool_max(&pool, x[0] + i * l->in_n, y + i * l->out_n);
}

void an_max_pool_backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                          const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)dw;
    const an_pool pool = an_pool_of(l);
    float slope;
    if (an_layer_epilogue(l->mask, &slope) == AN_EPILOGUE_NONE)
        slope = 1.0f;
    for (size_t i = 0; dx[0] && i < p->batch; i++)
        an_pool_max_back(&pool, x[0] + i * l->in_n, y + i * l->out_n, dy + i * l->out_n, slope,
                         dx[0] + i * l->in_n, p->scratch);
}

static void add(size_t n, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

static void scale(size_t n, float share, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] *= share;
}

void an_avg_pool_forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                         float *y)
{
    (void)w;
    const an_pool q = an_pool_of(l);
    memset(y, 0, p->batch * l->out_n * sizeof *y);
    for (size_t i = 0; i < p->batch; i++)
        for (size_t o = 0; o < q.oh * q.ow; o++, y += q.c) {
            for (size_t k = 0; k < q.kh * q.kw; k++)
                add(q.c, x[0] + i * l->in_n + place(&q, o / q.ow, o % q.ow, k / q.kw, k % q.kw), y);
            scale(q.c, 1.0f / (float)(q.kh * q.kw), y);
        }
}

void an_avg_pool_backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                          const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)x;
    (void)y;
    (void)dw;
    const an_pool q = an_pool_of(l);
    if (!dx[0])
        return;
    memset(dx[0], 0, p->batch * l->in_n * sizeof *dy);
    for (size_t i = 0; i < p->batch; i++)
        for (size_t o = 0; o < q.oh * q.ow; o++, dy += q.c) {
            memcpy(p->scratch, dy, q.c * sizeof *dy);
            scale(q.c, 1.0f / (float)(q.kh * q.kw), p->scratch);
            for (size_t k = 0; k < q.kh * q.kw; k++)
                add(q.c, p->scratch, dx[0] + i * l->in_n + place(&q, o / q.ow, o % q.ow, k / q.kw, k % q.kw));
        }
}
