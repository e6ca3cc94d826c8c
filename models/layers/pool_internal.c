/* Max-pooling, all channels of a place at a time.  The way back gives a gradient to the first of the
 * places under the window that hold the largest value; y tells which value that was. */
#include "models/layers/pool_internal.h"

#include <string.h>

size_t an_pool_positions(size_t n, size_t k, size_t stride)
{
    return n < k ? 0 : (n - k) / stride + 1;
}

/* Offset in one row's x of the place (ky, kx) under the window at (oy, ox). */
static size_t place(const an_pool *p, size_t oy, size_t ox, size_t ky, size_t kx)
{
    return ((oy * p->sh + ky) * p->w + ox * p->sw + kx) * p->c;
}

/* What is not a number wins, so that training notices it. */
static void take_larger(size_t n, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] <= y[i] ? y[i] : x[i];
}

static void forward_row(const an_pool *p, const float *x, float *y)
{
    for (size_t oy = 0; oy < p->oh; oy++)
        for (size_t ox = 0; ox < p->ow; ox++, y += p->c) {
            memcpy(y, x + place(p, oy, ox, 0, 0), p->c * sizeof *y);
            for (size_t k = 1; k < p->kh * p->kw; k++)
                take_larger(p->c, x + place(p, oy, ox, k / p->kw, k % p->kw), y);
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

static void backward_row(const an_pool *p, const float *x, const float *y, const float *dy, float *dx,
                         float *left)
{
    memset(dx, 0, p->h * p->w * p->c * sizeof *dx);
    for (size_t oy = 0; oy < p->oh; oy++)
        for (size_t ox = 0; ox < p->ow; ox++, y += p->c, dy += p->c) {
            memcpy(left, dy, p->c * sizeof *left);
            for (size_t k = 0; k < p->kh * p->kw; k++) {
                const size_t at = place(p, oy, ox, k / p->kw, k % p->kw);
                give(p->c, x + at, y, left, dx + at);
            }
        }
}

void an_pool_forward(const an_pool *p, size_t batch, const float *x, float *y)
{
    for (size_t i = 0; i < batch; i++)
        forward_row(p, x + i * p->h * p->w * p->c, y + i * p->oh * p->ow * p->c);
}

void an_pool_backward(const an_pool *p, size_t batch, const float *x, const float *y, const float *dy,
                      float *dx, float *scratch)
{
    const size_t in = p->h * p->w * p->c, out = p->oh * p->ow * p->c;
    for (size_t i = 0; i < batch; i++)
        backward_row(p, x + i * in, y + i * out, dy + i * out, dx + i * in, scratch);
}
