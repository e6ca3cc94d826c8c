/* y = 1 / (1 + e^-x); y' = y (1 - y). */
#include "models/layer.h"

#include <math.h>

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    const float *x0 = x[0];
    for (size_t i = 0, n = p->batch * l->out_n; i < n; i++)
        y[i] = 1.0f / (1.0f + expf(-x0[i]));
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)x;
    (void)dw;
    float *dx0 = dx[0];
    if (!dx0)
        return;
    for (size_t i = 0, n = p->batch * l->out_n; i < n; i++)
        dx0[i] = dy[i] * y[i] * (1.0f - y[i]);
}

const an_layer_type an_layer_sigmoid = {.name = "sigmoid",
                                        .in_place = true,
                                        .reads_y = true,
                                        .sizes = an_layer_same_shape,
                                        .forward = forward,
                                        .backward = backward};
