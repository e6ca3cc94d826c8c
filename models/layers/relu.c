/* y = max(x, 0).  A value that is not a number stays one, so that training notices it. */
#include "models/layer.h"

static void forward(const an_layer *l, const float *w, size_t batch, const float *x, float *y,
                    float *scratch)
{
    (void)w;
    (void)scratch;
    for (size_t i = 0, n = batch * l->out_n; i < n; i++)
        y[i] = x[i] < 0.0f ? 0.0f : x[i];
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
        dx[i] = y[i] > 0.0f ? dy[i] : 0.0f;
}

const an_layer_type an_layer_relu = {.name = "relu",
                                   .relu_like = true,
                                   .in_place = true,
                                   .reads_y = true,
                                   .sizes = an_layer_same_shape,
                                   .forward = forward,
                                   .backward = backward};
