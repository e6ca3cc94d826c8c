/* Max-pooling.  The way back looks for the largest value again instead of remembering where it
 * was: the first of equals, as on the way there. */
#include "models/layers/pool_internal.h"

#include <string.h>

size_t an_pool_positions(size_t n, size_t k, size_t stride)
{
    return n < k ? 0 : (n - k) / stride + 1;
}

/* Offset in one row's x of the largest value of channel ch under the window at (oy, ox).  What
 * is not a number wins, so that training notices it. */
static size_t largest(const an_pool *p, const float *x, size_t oy, size_t ox, size_t ch)
{
    size_t best = (oy * p->sh * p->w + ox * p->sw) * p->c + ch;
    for (size_t ky = 0; ky < p->kh; ky++)
        for (size_t kx = 0; kx < p->kw; kx++) {
            size_t at = ((oy * p->sh + ky) * p->w + ox * p->sw + kx) * p->c + ch;
            if (!(x[at] <= x[best]))
                best = at;
        }
    return best;
}

void an_pool_forward(const an_pool *p, size_t batch, const float *x, float *y)
{
    size_t row = p->h * p->w * p->c;
    for (size_t i = 0; i < batch; i++)
        for (size_t oy = 0; oy < p->oh; oy++)
            for (size_t ox = 0; ox < p->ow; ox++)
                for (size_t ch = 0; ch < p->c; ch++)
                    *y++ = x[i * row + largest(p, x + i * row, oy, ox, ch)];
}

void an_pool_backward(const an_pool *p, size_t batch, const float *x, const float *dy, float *dx)
{
    size_t row = p->h * p->w * p->c;
    memset(dx, 0, batch * row * sizeof *dx);
    for (size_t i = 0; i < batch; i++)
        for (size_t oy = 0; oy < p->oh; oy++)
            for (size_t ox = 0; ox < p->ow; ox++)
                for (size_t ch = 0; ch < p->c; ch++)
                    dx[i * row + largest(p, x + i * row, oy, ox, ch)] += *dy++;
}
