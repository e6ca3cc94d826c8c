/* Convolution without a copy of its patches: activations are (H, W, C), so what a line of the kernel
 * sees lies side by side, and all images are one product (implicit im2col):
 *
 *     y[oy, ox, :]  =  b + sum over ky of  x[oy + ky, ox .. ox + kw, :] * w[ky, ..]
 *     dw[ky, ..]   +=  sum over oy, ox of  x[oy + ky, ox .. , :]^T * dy[oy, ox, :]
 *
 * The way back is the same product with the kernel turned round, over dy with kw - 1 zeros on
 * each side; where these would be many, or with a stride, the gradients of the patches are made and
 * added to where the patches came from.  Zeros around the input are put there by copying it, an image
 * at a time, into a larger frame. */
#include "models/layers/conv_internal.h"

#include <string.h>

#include "models/kernels/mm.h"
#include "models/kernels/vec.h"

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

/* An image in a frame of zeros. */
typedef struct frame {
    size_t h, w, c; /* with the zeros */
    size_t top, left;
} frame;

/* All that the kernel sees. */
static frame frame_of_x(const an_conv *c)
{
    size_t h = (c->oh - 1) * c->sh + c->kh, w = (c->ow - 1) * c->sw + c->kw;
    return (frame){h > c->h + c->top ? h : c->h + c->top, w > c->w + c->left ? w : c->w + c->left, c->c,
                   c->top, c->left};
}

/* For each position of the framed x the outputs that saw it, and as many lines above and below. */
static frame frame_of_dy(const an_conv *c)
{
    frame x = frame_of_x(c);
    return (frame){x.h + c->kh - 1, x.w + c->kw - 1, c->f, c->kh - 1, c->kw - 1};
}

static size_t frame_size(const frame *f)
{
    return f->h * f->w * f->c;
}

static bool framed(const an_conv *c)
{
    frame f = frame_of_x(c);
    return f.h != c->h || f.w != c->w;
}

/* The way back by patches: in place of each of w positions it visits each of ow, so it is worth its
 * additions where a quarter of the others are zeros. */
static bool scatters(const an_conv *c)
{
    return c->sh > 1 || c->sw > 1 || 4 * c->w >= 5 * c->ow;
}

/* Lines of patches that are made at once: enough rows for the product. */
static size_t patch_lines(const an_conv *c)
{
    const size_t lines = (12 + c->ow - 1) / c->ow;
    return lines < c->oh ? lines : c->oh;
}

static void put_in_frame(const frame *f, const float *image, size_t h, size_t w, float *to)
{
    memset(to, 0, frame_size(f) * sizeof *to);
    for (size_t i = 0; i < h; i++)
        memcpy(to + ((i + f->top) * f->w + f->left) * f->c, image + i * w * f->c, w * f->c * sizeof *to);
}

static size_t patch_size(const an_conv *c)
{
    return c->kh * c->kw * c->c;
}

void an_conv_sizes(an_layer *l, const an_conv *c)
{
    const size_t patch = patch_size(c), dims[] = {c->kh, c->kw, c->c, c->f};
    const frame x = frame_of_x(c), dy = frame_of_dy(c);
    l->weights[l->n_weights++] = an_layer_spread("w", patch, c->kh * c->kw * c->f, 4, dims);
    l->weights[l->n_weights++] = an_layer_constant("b", AN_LAYER_START_ZERO, c->f);
    l->n_prepared = patch * c->f;
    /* The framed x, lines of patches or the framed dy, and the turned kernel if nobody prepared it. */
    l->n_scratch = (framed(c) ? frame_size(&x) : 0) +
                   (scatters(c) ? patch_lines(c) * c->ow * patch : frame_size(&dy)) + l->n_prepared;
}

/* For the direct way back the kernel turned round with inputs and outputs exchanged, else transposed:
 * (kh, kw, f, c) or (f, kh, kw, c). */
void an_conv_prepare(const an_conv *c, const float *w, float *prepared)
{
    const size_t places = c->kh * c->kw;
    if (scatters(c)) {
        an_transpose(patch_size(c), c->f, w, prepared);
        return;
    }
    for (size_t i = 0; i < places; i++)
        an_transpose(c->c, c->f, w + (places - 1 - i) * c->c * c->f, prepared + i * c->c * c->f);
}

/* The image itself, or its copy in a frame. */
static const float *framed_image(const an_conv *c, const float *x, float *scratch)
{
    if (!framed(c))
        return x;
    const frame f = frame_of_x(c);
    put_in_frame(&f, x, c->h, c->w, scratch);
    return scratch;
}

void an_conv_forward(const an_layer *l, const an_pass *p, const an_conv *c, const float *w, const float *x,
                     float *y)
{
    const size_t x_line = frame_of_x(c).w * c->c, at_once = framed(c) ? 1 : p->batch;
    an_mm mm = {.m = at_once * c->oh * c->ow, .n = c->f, .nr = c->kh, .nk = c->kw * c->c};
    mm.line = c->ow;
    mm.lines = c->oh;
    mm.a_i = c->sw * c->c;
    mm.a_line = c->sh * x_line;
    mm.a_image = l->in_n;
    mm.a_r = x_line;
    mm.a_k = 1;
    mm.b = w;
    mm.b_r = mm.nk * c->f;
    mm.b_k = c->f;
    mm.c_i = c->f;
    mm.bias = w + l->weight_at[1];
    mm.act = an_layer_epilogue(l->act, &mm.slope);
    for (size_t i = 0; i < p->batch; i += at_once) {
        mm.a = framed_image(c, x + i * l->in_n, p->scratch);
        mm.c = y + i * l->out_n;
        an_mm_run(&mm);
    }
}

static void weights_back(const an_layer *l, const an_pass *p, const an_conv *c, const float *x,
                         const float *dy, float *dw)
{
    const size_t x_line = frame_of_x(c).w * c->c, at_once = framed(c) ? 1 : p->batch;
    an_mm mm = {.n = c->f, .nq = at_once, .nr = c->oh, .nk = c->ow, .add = true};
    mm.line = c->kw * c->c;
    mm.m = c->kh * mm.line;
    mm.a_i = 1;
    mm.a_line = x_line;
    mm.a_q = l->in_n;
    mm.a_r = c->sh * x_line;
    mm.a_k = c->sw * c->c;
    mm.b_q = l->out_n;
    mm.b_r = c->ow * c->f;
    mm.b_k = c->f;
    mm.c = dw;
    mm.c_i = c->f;
    for (size_t i = 0; i < p->batch; i += at_once) {
        mm.a = framed_image(c, x + i * l->in_n, p->scratch);
        mm.b = dy + i * l->out_n;
        an_mm_run(&mm);
    }
}

/* The lines of the kernel that see dy, and not only zeros, from line iy of the frame's inside. */
static size_t seen_from(const an_conv *c, size_t iy, size_t *ret_n)
{
    const size_t at = iy + c->top, end = c->kh - 1 + c->oh;
    const size_t from = at < c->kh - 1 ? c->kh - 1 - at : 0;
    const size_t to = at + c->kh > end ? (end > at ? end - at : 0) : c->kh;
    *ret_n = to > from ? to - from : 0;
    return from;
}

/* Stride 1: dx[iy, ix, :] = sum over ky, kx of framed dy * the turned kernel. */
static void back_direct(const an_layer *l, const an_conv *c, const float *turned, const float *x,
                        const float *dy, float *dx, float *scratch)
{
    const frame f = frame_of_dy(c);
    put_in_frame(&f, dy, c->oh, c->ow, scratch);
    an_mm mm = {.n = c->c, .line = c->w, .nk = c->kw * c->f};
    mm.a_i = c->f;
    mm.a_line = mm.a_r = f.w * c->f;
    mm.a_k = 1;
    mm.b_r = mm.nk * c->c;
    mm.b_k = c->c;
    mm.c_i = c->c;
    mm.mask_i = c->c;
    mm.mask_act = an_layer_epilogue(l->mask, &mm.mask_slope);
    for (size_t iy = 0, lines; iy < c->h; iy += lines) {
        size_t n;
        const size_t from = seen_from(c, iy, &mm.nr);
        for (lines = 1; iy + lines < c->h && seen_from(c, iy + lines, &n) == from && n == mm.nr;)
            lines++; /* that see the same */
        mm.m = lines * c->w;
        mm.a = scratch + ((iy + c->top + from) * f.w + c->left) * c->f;
        mm.b = turned + from * mm.b_r;
        mm.c = dx + iy * c->w * c->c;
        mm.mask = l->mask ? x + iy * c->w * c->c : NULL;
        if (mm.nr)
            an_mm_run(&mm);
        else
            memset(mm.c, 0, mm.m * c->c * sizeof *dx);
    }
}

/* Adds the gradients of one line of patches (ow, kh, kw, c) to where the patches came from. */
static void add_patches(const an_conv *c, size_t oy, const float *patches, float *dx)
{
    for (size_t ox = 0; ox < c->ow; ox++)
        for (size_t ky = 0; ky < c->kh; ky++) {
            const size_t y = oy * c->sh + ky, x0 = ox * c->sw, end = c->left + c->w;
            if (y < c->top || y - c->top >= c->h)
                continue;
            const size_t from = x0 < c->left ? c->left - x0 : 0;
            const size_t to = x0 + c->kw > end ? (x0 < end ? end - x0 : 0) : c->kw;
            const float *p = patches + ((ox * c->kh + ky) * c->kw + from) * c->c;
            for (size_t i = 0; from < to && i < (to - from) * c->c; i++)
                dx[((y - c->top) * c->w + x0 + from - c->left) * c->c + i] += p[i];
        }
}

static void back_by_patches(const an_layer *l, const an_conv *c, const float *transposed, const float *x,
                            const float *dy, float *dx, float *scratch)
{
    const size_t at_once = patch_lines(c);
    an_mm mm = {.n = patch_size(c), .nk = c->f};
    mm.a_i = c->f;
    mm.a_k = 1;
    mm.b = transposed;
    mm.b_k = mm.n;
    mm.c = scratch;
    mm.c_i = mm.n;
    memset(dx, 0, l->in_n * sizeof *dx);
    for (size_t oy = 0, lines; oy < c->oh; oy += lines) {
        lines = c->oh - oy < at_once ? c->oh - oy : at_once;
        mm.m = lines * c->ow;
        mm.a = dy + oy * c->ow * c->f;
        an_mm_run(&mm);
        for (size_t i = 0; i < lines; i++)
            add_patches(c, oy + i, scratch + i * c->ow * mm.n, dx);
    }
    an_layer_mask(l, l->in_n, x, dx);
}

void an_conv_backward(const an_layer *l, const an_pass *p, const an_conv *c, const float *w, const float *x,
                      const float *dy, float *dx, float *dw)
{
    const frame f = frame_of_x(c);
    float *scratch = p->scratch + (framed(c) ? frame_size(&f) : 0);
    const float *turned = p->prepared;
    weights_back(l, p, c, x, dy, dw);
    an_vec_get()->add_rows(p->batch * c->oh * c->ow, c->f, dw + l->weight_at[1], dy, c->f);
    if (!dx)
        return;
    if (!turned) {
        float *own = p->scratch + l->n_scratch - l->n_prepared;
        an_conv_prepare(c, w, own);
        turned = own;
    }
    for (size_t i = 0; i < p->batch; i++)
        (scatters(c) ? back_by_patches : back_direct)(l, c, turned, x + i * l->in_n, dy + i * l->out_n,
                                                      dx + i * l->in_n, scratch);
}
