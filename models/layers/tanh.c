/* y = tanh x; y' = 1 - y^2. */
#include "models/layer.h"

#include <math.h>

static void forward(const an_layer *l, const float *w, size_t batch, const float *x, float *y, float *scratch)
{
    (void)w;
    (void)scratch;
    for (size_t i = 0, n = batch * l->out_n; i < n; i++)
        y[i] = tanhf(x[i]);
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
    for (size_t i = 0, n = batch * l->out_n; i < n; i++)
        dx[i] = dy[i] * (1.0f - y[i] * y[i]);
}

const an_layer_type an_layer_tanh = {.name = "tanh",
                                     .in_place = true,
                                     .reads_y = true,
                                     .sizes = an_layer_same_shape,
                                     .forward = forward,
                                     .backward = backward};
