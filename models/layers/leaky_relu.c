/* y = x where x > 0, else slope x.  The sign of y is the sign of x, so y is enough to go back. */
#include "models/layer.h"

enum { SLOPE };

static const an_layer_opt opts[] = {
    {"slope", AN_LAYER_OPT_REAL, false, 1e-6, 1, 0.01, NULL},
    {0},
};

static void forward(const an_layer *l, const float *w, size_t batch, const float *x, float *y,
                    float *scratch)
{
    (void)w;
    (void)scratch;
    float slope = (float)l->opt[SLOPE];
    for (size_t i = 0, n = batch * l->out_n; i < n; i++)
        y[i] = x[i] < 0.0f ? slope * x[i] : x[i];
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
    for (size_t i = 0, n = batch * l->out_n; i < n; i++)
        dx[i] = y[i] > 0.0f ? dy[i] : slope * dy[i];
}

const an_layer_type an_layer_leaky_relu = {.name = "leaky_relu",
                                   .relu_like = true,
                                   .opts = opts,
                                   .in_place = true,
                                   .reads_y = true,
                                   .sizes = an_layer_same_shape,
                                   .forward = forward,
                                   .backward = backward};
