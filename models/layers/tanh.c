/* y = tanh x; y' = 1 - y^2. */
#include "models/layer.h"

#include <math.h>

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    const float *x0 = x[0];
    for (size_t i = 0, n = p->batch * l->out_n; i < n; i++)
        y[i] = tanhf(x0[i]);
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
        dx0[i] = dy[i] * (1.0f - y[i] * y[i]);
}

const an_layer_type an_layer_tanh = {.name = "tanh",
                                     .in_place = true,
                                     .reads_y = true,
                                     .sizes = an_layer_same_shape,
                                     .forward = forward,
                                     .backward = backward};
