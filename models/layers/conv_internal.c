/* Convolution without a copy of patches and without zeros around the input: activations are
 * (H, W, C), so what a line of the kernel sees lies side by side, and all positions that see the same
 * part of the kernel, of all images, are one product (implicit im2col):
 *
 *     +--+----------+--+     inside, the whole kernel sees x; on each edge, a part of it.
 *     |  |          |  |     A span is a run of positions along one axis that see the same
 *     +--+----------+--+     taps of the kernel; a span down times a span across is a
 *     |  |  inside  |  |     product:
 *     +--+----------+--+
 *
 *     y[oy, ox, :]  =  b + sum over taps ky of  x[oy s + ky, ox s + kx .., :] * w[ky, kx ..]
 *     dw[ky, kx ..] +=     sum over oy, ox of   x[oy s + ky, ox s + kx .., :]^T * dy[oy, ox, :]
 *     dx[iy, ix, :] =      sum over taps of     dy[(iy - ky) / s, (ix - kx) / s, :] * w[ky, kx]^T
 *
 * For dx the kernel is turned round, so that dy too is read forwards; with a stride s, every s-th
 * position of dx sees the same taps, every s-th of the kernel. */
#include "models/layers/conv_internal.h"

#include "models/kernels/mm.h"
#include "models/kernels/vec.h"
#include "models/layers/conv_tiles_internal.h"

/* Values in a line of the kernel, below which its gradient is not faster in bf16: rows that are turned
 * come from too many places. */
#define BF16_LINE_LEAST 16u

size_t an_conv_positions(size_t n, size_t k, size_t stride, bool same, size_t *ret_before)
{
    *ret_before = 0;
    if (!same)
        return n < k ? 0 : (n - k) / stride + 1;
    size_t out = (n + stride - 1) / stride;
    size_t reach = (out - 1) * stride + k;
    if (reach > n)
        *ret_before = (reach - n) / 2;
    return out;
}

void an_conv_sizes(an_layer *l, const an_conv *c)
{
    const size_t places = c->kh * c->kw, dims[] = {c->kh, c->kw, c->c, c->f};
    l->weights[l->n_weights++] = an_layer_spread("w", places * c->c, places * c->f, 4, dims);
    l->weights[l->n_weights++] = an_layer_constant("b", AN_LAYER_START_ZERO, c->f);
    l->n_prepared = places * c->c * c->f;
    l->n_scratch = l->n_prepared; /* if nobody prepared it */
    if (!c->tiles)
        return;
    const size_t tiles = an_conv_tiles_scratch(c);
    l->n_prepared += an_conv_tiles_prepared(c);
    l->n_scratch = l->n_scratch > tiles ? l->n_scratch : tiles;
}

/* The kernel turned round, inputs and outputs exchanged: (kh, kw, f, c). */
static void turn(const an_conv *c, const float *w, float *turned)
{
    const size_t places = c->kh * c->kw, each = c->c * c->f;
    for (size_t i = 0; i < places; i++)
        an_vec_get()->transpose(c->c, c->f, w + (places - 1 - i) * each, turned + i * each);
}

static const float *tiles_of(const an_conv *c, const float *prepared)
{
    return prepared + c->kh * c->kw * c->c * c->f;
}

void an_conv_prepare(const an_conv *c, const float *w, float *prepared)
{
    turn(c, w, prepared);
    if (c->tiles)
        an_conv_tiles_prepare(c, w, prepared, prepared + c->kh * c->kw * c->c * c->f);
}

/* ------------------------------------------------------------------------------------ spans */

/* One direction of a convolution: x has `inputs` positions, y `outputs`. */
typedef struct axis {
    size_t inputs, outputs, taps, stride, before; /* before: zeros before the first input */
} axis;

static axis down(const an_conv *c)
{
    return (axis){c->h, c->oh, c->kh, c->sh, c->top};
}

static axis across(const an_conv *c)
{
    return (axis){c->w, c->ow, c->kw, c->sw, c->left};
}

/* n positions to write, from `to` on; the first reads from `from` on, each with `taps` taps from the
 * kernel's `tap` on.  taps 0: they see zeros alone. */
typedef struct span {
    size_t to, n, from, tap, taps;
} span;

static span seen_by_output(const axis *a, size_t o)
{
    const size_t at = o * a->stride, tap = at < a->before ? a->before - at : 0;
    const size_t left = a->inputs + a->before - at; /* taps before the end of x */
    const size_t end = left < a->taps ? left : a->taps;
    return (span){o, 1, at + tap - a->before, tap, end > tap ? end - tap : 0};
}

/* Of the kernel turned round: output u - t has tap first + t * stride on input i. */
static span seen_by_input(const axis *a, size_t i)
{
    const size_t at = i + a->before, first = at % a->stride, u = at / a->stride;
    const size_t all = first < a->taps ? (a->taps - first - 1) / a->stride + 1 : 0;
    const size_t low = u >= a->outputs ? u - a->outputs + 1 : 0, end = u + 1 < all ? u + 1 : all;
    if (end <= low)
        return (span){.to = i, .n = 1};
    return (span){i, 1, u + 1 - end, a->taps - 1 - first - (end - 1) * a->stride, end - low};
}

/* The span that begins at `to`: with every step-th position after it that sees the same taps. */
static span span_from(const axis *a, size_t to, size_t end, size_t step, span (*see)(const axis *, size_t))
{
    span s = see(a, to);
    for (; to + s.n * step < end; s.n++) {
        const span next = see(a, to + s.n * step);
        if (next.tap != s.tap || next.taps != s.taps)
            break;
    }
    return s;
}

typedef struct work {
    const an_layer *l;
    const an_conv *c;
    size_t batch;
    bool bf16;
    const float *w, *x, *dy;
    float *y, *dx, *dw;
    const float *turned;
} work;

typedef void visit_fn(const work *k, const span *v, const span *h);

static void visit_outputs(const work *k, visit_fn *visit)
{
    const axis rows = down(k->c), cols = across(k->c);
    for (span v = {0}; v.to < rows.outputs; v.to += v.n) {
        v = span_from(&rows, v.to, rows.outputs, 1, seen_by_output);
        for (span h = {0}; h.to < cols.outputs; h.to += h.n) {
            h = span_from(&cols, h.to, cols.outputs, 1, seen_by_output);
            visit(k, &v, &h);
        }
    }
}

static void visit_line_of_inputs(const work *k, const span *v, visit_fn *visit)
{
    const axis cols = across(k->c);
    for (size_t phase = 0; phase < cols.stride; phase++)
        for (span h = {.to = phase}; h.to < cols.inputs; h.to += h.n * cols.stride) {
            h = span_from(&cols, h.to, cols.inputs, cols.stride, seen_by_input);
            visit(k, v, &h);
        }
}

static void visit_inputs(const work *k, visit_fn *visit)
{
    const axis rows = down(k->c);
    for (size_t phase = 0; phase < rows.stride; phase++)
        for (span v = {.to = phase}; v.to < rows.inputs; v.to += v.n * rows.stride) {
            v = span_from(&rows, v.to, rows.inputs, rows.stride, seen_by_input);
            visit_line_of_inputs(k, &v, visit);
        }
}

/* --------------------------------------------------------------------------------- products */

static void write_outputs(const work *k, const span *v, const span *h)
{
    const an_conv *c = k->c;
    an_mm mm = {.m = k->batch * v->n * h->n, .n = c->f, .line = h->n, .lines = v->n};
    mm.nr = v->taps;
    mm.nk = v->taps ? h->taps * c->c : 0;
    mm.a = k->x + (v->from * c->w + h->from) * c->c;
    mm.a_i = c->sw * c->c;
    mm.a_line = c->sh * c->w * c->c;
    mm.a_image = k->l->in_n;
    mm.a_r = c->w * c->c;
    mm.a_k = 1;
    mm.b = k->w + (v->tap * c->kw + h->tap) * c->c * c->f;
    mm.b_r = c->kw * c->c * c->f;
    mm.b_k = c->f;
    mm.c = k->y + (v->to * c->ow + h->to) * c->f;
    mm.c_i = c->f;
    mm.c_line = c->ow * c->f;
    mm.c_image = k->l->out_n;
    mm.bias = k->w + k->l->weight_at[1];
    mm.act = an_layer_epilogue(k->l->act, &mm.slope);
    mm.bf16 = k->bf16;
    an_mm_run(&mm);
}

static void add_weights(const work *k, const span *v, const span *h)
{
    const an_conv *c = k->c;
    an_mm mm = {.m = v->taps * h->taps * c->c, .n = c->f, .line = h->taps * c->c, .add = true};
    mm.nq = k->batch;
    mm.nr = v->n;
    mm.nk = h->n;
    mm.a = k->x + (v->from * c->w + h->from) * c->c;
    mm.a_i = 1;
    mm.a_line = c->w * c->c;
    mm.a_q = k->l->in_n;
    mm.a_r = c->sh * c->w * c->c;
    mm.a_k = c->sw * c->c;
    mm.b = k->dy + (v->to * c->ow + h->to) * c->f;
    mm.b_q = k->l->out_n;
    mm.b_r = c->ow * c->f;
    mm.b_k = c->f;
    mm.c = k->dw + (v->tap * c->kw + h->tap) * c->c * c->f;
    mm.c_i = c->f;
    mm.c_line = c->kw * c->c * c->f;
    mm.bf16 = k->bf16 && c->kw * c->c >= BF16_LINE_LEAST;
    an_mm_run(&mm);
}

static void write_inputs(const work *k, const span *v, const span *h)
{
    const an_conv *c = k->c;
    const size_t each = c->f * c->c, at = (v->to * c->w + h->to) * c->c;
    const bool together = c->sw == 1; /* taps that lie side by side are one term's */
    an_mm mm = {.m = k->batch * v->n * h->n, .n = c->c, .line = h->n, .lines = v->n};
    mm.nq = v->taps;
    mm.nr = together ? 1 : h->taps;
    mm.nk = v->taps == 0 || h->taps == 0 ? 0 : together ? h->taps * c->f : c->f;
    mm.a = k->dy + (v->from * c->ow + h->from) * c->f;
    mm.a_i = c->f;
    mm.a_line = c->ow * c->f;
    mm.a_image = k->l->out_n;
    mm.a_q = c->ow * c->f;
    mm.a_r = c->f;
    mm.a_k = 1;
    mm.b = k->turned + (v->tap * c->kw + h->tap) * each;
    mm.b_q = c->sh * c->kw * each;
    mm.b_r = c->sw * each;
    mm.b_k = c->c;
    mm.c = k->dx + at;
    mm.c_i = c->sw * c->c;
    mm.c_line = c->sh * c->w * c->c;
    mm.c_image = k->l->in_n;
    mm.mask = k->l->mask ? k->x + at : NULL;
    mm.mask_act = an_layer_epilogue(k->l->mask, &mm.mask_slope);
    mm.bf16 = k->bf16;
    an_mm_run(&mm);
}

void an_conv_forward(const an_layer *l, const an_pass *p, const an_conv *c, const float *w, const float *x,
                     float *y)
{
    if (c->tiles && p->prepared && !p->bf16) {
        an_conv_tiles_forward(l, p, c, tiles_of(c, p->prepared), w + l->weight_at[1], x, y);
        return;
    }
    const work k = {.l = l, .c = c, .batch = p->batch, .bf16 = p->bf16, .w = w, .x = x, .y = y};
    visit_outputs(&k, write_outputs);
}

void an_conv_backward(const an_layer *l, const an_pass *p, const an_conv *c, const float *w, const float *x,
                      const float *dy, float *dx, float *dw)
{
    work k = {.l = l, .c = c, .batch = p->batch, .x = x, .dy = dy, .dx = dx, .dw = dw, .turned = p->prepared};
    k.bf16 = p->bf16;
    const bool tiles = c->tiles && p->prepared && !p->bf16;
    if (tiles)
        an_conv_tiles_weights(l, p, c, x, dy, dw);
    else
        visit_outputs(&k, add_weights);
    an_vec_get()->add_rows(p->batch * c->oh * c->ow, c->f, dw + l->weight_at[1], dy, c->f);
    if (!dx)
        return;
    if (tiles) {
        an_conv_tiles_inputs(l, p, c, tiles_of(c, p->prepared), x, dy, dx);
        return;
    }
    if (!k.turned) {
        turn(c, w, p->scratch);
        k.turned = p->scratch;
    }
    visit_inputs(&k, write_inputs);
}
