/* y = max(x, 0).  A value that is not a number stays one, so that training notices it. */
#include "models/layer.h"

#include <string.h>

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    const float *x0 = x[0];
    size_t n = p->batch * l->out_n;
    if (y != x0)
        memcpy(y, x0, n * sizeof *y);
    for (size_t i = 0; i < n; i++)
        y[i] = y[i] < 0.0f ? 0.0f : y[i];
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
    /* With dx0 in both places the compiler knows that nothing overlaps, and makes vectors of it.
     */
    size_t n = p->batch * l->out_n;
    if (dx0 != dy)
        memcpy(dx0, dy, n * sizeof *dx0);
    for (size_t i = 0; i < n; i++)
        dx0[i] = y[i] > 0.0f ? dx0[i] : 0.0f;
}

const an_layer_type an_layer_relu = {.name = "relu",
                                     .relu_like = true,
                                     .epilogue = AN_EPILOGUE_RELU,
                                     .in_place = true,
                                     .reads_y = true,
                                     .sizes = an_layer_same_shape,
                                     .forward = forward,
                                     .backward = backward};
