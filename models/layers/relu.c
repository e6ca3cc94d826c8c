/* y = max(x, 0).  A value that is not a number stays one, so that training notices it. */
#include "models/layer.h"

#include <string.h>

static void forward(const an_layer *l, const float *w, size_t batch, const float *x, float *y, float *scratch)
{
    (void)w;
    (void)scratch;
    size_t n = batch * l->out_n;
    if (y != x)
        memcpy(y, x, n * sizeof *y);
    for (size_t i = 0; i < n; i++)
        y[i] = y[i] < 0.0f ? 0.0f : y[i];
}

static void backward(const an_layer *l, const float *w, size_t batch, const float *x, const float *y,
                     const float *dy, float *dx, float *dw, float *scratch)
{
    (void)w;
    (void)x;
    (void)dw;
    (void)scratch;
    if (!dx)
        return;
    /* With dx in both places the compiler knows that nothing overlaps, and makes vectors of it.
     */
    size_t n = batch * l->out_n;
    if (dx != dy)
        memcpy(dx, dy, n * sizeof *dx);
    for (size_t i = 0; i < n; i++)
        dx[i] = y[i] > 0.0f ? dx[i] : 0.0f;
}

const an_layer_type an_layer_relu = {.name = "relu",
                                     .relu_like = true,
                                     .in_place = true,
                                     .reads_y = true,
                                     .sizes = an_layer_same_shape,
                                     .forward = forward,
                                     .backward = backward};
