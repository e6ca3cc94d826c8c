/* y = 1 / (1 + e^-x); y' = y (1 - y). */
#include "models/kernels/vec.h"
#include "models/layer.h"

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    an_vec_get()->sigmoid(p->batch * l->out_n, y, x[0]);
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)x;
    (void)dw;
    if (dx[0])
        an_vec_get()->sigmoid_back(p->batch * l->out_n, dx[0], y, dy);
}

const an_layer_type an_layer_sigmoid = {.name = "sigmoid",
                                        .in_place = true,
                                        .reads_y = true,
                                        .sizes = an_layer_same_shape,
                                        .forward = forward,
                                        .backward = backward};
