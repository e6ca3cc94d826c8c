/* y = x where x > 0, else slope x.  y has the sign of x, so y is enough to go back. */
#include "models/layer.h"

#include <string.h>

enum { SLOPE };

static const an_layer_opt opts[] = {
    {"slope", AN_LAYER_OPT_REAL, false, 1e-6, 1, 0.01, NULL},
    {0},
};

static void forward(const an_layer *l, const float *w, size_t batch, const float *x, float *y, float *scratch)
{
    (void)w;
    (void)scratch;
    float slope = (float)l->opt[SLOPE];
    size_t n = batch * l->out_n;
    if (y != x)
        memcpy(y, x, n * sizeof *y);
    for (size_t i = 0; i < n; i++)
        y[i] = y[i] < 0.0f ? slope * y[i] : y[i];
}

static void backward(const an_layer *l, const float *w, size_t batch, const float *x, const float *y,
                     const float *dy, float *dx, float *dw, float *scratch)
{
    (void)w;
    (void)x;
    (void)dw;
    (void)scratch;
    float slope = (float)l->opt[SLOPE];
    if (!dx)
        return;
    /* With dx in both places the compiler knows that nothing overlaps, and makes vectors of it.
     */
    size_t n = batch * l->out_n;
    if (dx != dy)
        memcpy(dx, dy, n * sizeof *dx);
    for (size_t i = 0; i < n; i++)
        dx[i] = y[i] > 0.0f ? dx[i] : slope * dx[i];
}

const an_layer_type an_layer_leaky_relu = {.name = "leaky_relu",
                                           .relu_like = true,
                                           .opts = opts,
                                           .in_place = true,
                                           .reads_y = true,
                                           .sizes = an_layer_same_shape,
                                           .forward = forward,
                                           .backward = backward};
