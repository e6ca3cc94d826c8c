/* Convolution as a matrix product, one row of the batch at a time so that its columns stay in
 * the cache: the patch under each position of the kernel becomes a line of a matrix P (oh ow,
 * kh kw c), and then
 *
 *     y = P w + b         dw += P^T dy         dP = dy w^T
 *
 * and dP is added back to where the patches came from (im2col; Chellapilla, Puri, Simard 2006).
 * Activations are (H, W, C), so a line of a patch is contiguous. */
#include "models/layers/conv_internal.h"

#include <string.h>

#include "models/kernels/kernels.h"

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

static size_t patch_size(const an_conv *c)
{
    return c->kh * c->kw * c->c;
}

void an_conv_weights(an_layer *l, const an_conv *c)
{
    size_t patch = patch_size(c);
    const size_t dims[] = {c->kh, c->kw, c->c, c->f};
    l->weights[l->n_weights++] = an_layer_spread("w", patch, c->kh * c->kw * c->f, 4, dims);
    l->weights[l->n_weights++] = an_layer_constant("b", AN_LAYER_START_ZERO, c->f);
    l->n_scratch = c->oh * c->ow * patch;
}

/* One line of the kernel at one position: which part of it lies inside the input, and where. */
typedef struct line {
    size_t patch_at; /* offset of the kernel row in P */
    size_t in_at;    /* offset of its first value in x */
    size_t skip, n;  /* floats outside on the left, floats inside */
} line;

static line line_of(const an_conv *c, size_t oy, size_t ox, size_t ky)
{
    line r = {(oy * c->ow + ox) * patch_size(c) + ky * c->kw * c->c, 0, 0, 0};
    size_t y = oy * c->sh + ky, x = ox * c->sw; /* in padded coordinates */
    if (y < c->top || y - c->top >= c->h)
        return r;
    size_t from = x < c->left ? c->left - x : 0; /* first kernel column inside */
    size_t end = c->left + c->w;                 /* first padded column past the input */
    size_t to = x + c->kw > end ? (x < end ? end - x : 0) : c->kw;
    if (from >= to)
        return r;
    r.skip = from * c->c;
    r.n = (to - from) * c->c;
    r.in_at = ((y - c->top) * c->w + (x + from - c->left)) * c->c;
    return r;
}

static void patches_of(const an_conv *c, const float *x, float *p)
{
    size_t row = c->kw * c->c;
    for (size_t oy = 0; oy < c->oh; oy++)
        for (size_t ox = 0; ox < c->ow; ox++)
            for (size_t ky = 0; ky < c->kh; ky++) {
                line at = line_of(c, oy, ox, ky);
                float *to = p + at.patch_at;
                if (at.n < row)
                    memset(to, 0, row * sizeof *to);
                memcpy(to + at.skip, x + at.in_at, at.n * sizeof *to);
            }
}

static void add_patches(const an_conv *c, const float *p, float *dx)
{
    for (size_t oy = 0; oy < c->oh; oy++)
        for (size_t ox = 0; ox < c->ow; ox++)
            for (size_t ky = 0; ky < c->kh; ky++) {
                line at = line_of(c, oy, ox, ky);
                const float *from = p + at.patch_at + at.skip;
                float *to = dx + at.in_at;
                for (size_t i = 0; i < at.n; i++)
                    to[i] += from[i];
            }
}

void an_conv_forward(const an_layer *l, const an_conv *c, const float *w, size_t batch, const float *x,
                     float *y, float *scratch)
{
    const float *b = w + l->weight_at[1];
    size_t positions = c->oh * c->ow;
    for (size_t i = 0; i < batch; i++) {
        float *yi = y + i * l->out_n;
        patches_of(c, x + i * l->in_n, scratch);
        for (size_t j = 0; j < positions; j++)
            memcpy(yi + j * c->f, b, c->f * sizeof *yi);
        an_gemm(false, false, positions, c->f, patch_size(c), 1.0f, scratch, w, 1.0f, yi);
    }
}

void an_conv_backward(const an_layer *l, const an_conv *c, const float *w, size_t batch, const float *x,
                      const float *dy, float *dx, float *dw, float *scratch)
{
    float *db = dw + l->weight_at[1];
    size_t positions = c->oh * c->ow, patch = patch_size(c);
    for (size_t i = 0; i < batch; i++) {
        const float *dyi = dy + i * l->out_n;
        patches_of(c, x + i * l->in_n, scratch);
        an_gemm(true, false, patch, c->f, positions, 1.0f, scratch, dyi, 1.0f, dw); /* dw += P^T dy */
        for (size_t j = 0; j < positions; j++)
            for (size_t k = 0; k < c->f; k++)
                db[k] += dyi[j * c->f + k];
        if (!dx)
            continue;
        an_gemm(false, true, positions, patch, c->f, 1.0f, dyi, w, 0.0f, scratch); /* dP = dy w^T */
        memset(dx + i * l->in_n, 0, l->in_n * sizeof *dx);
        add_patches(c, scratch, dx + i * l->in_n);
    }
}
