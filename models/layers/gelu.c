/* y = x P(x) with the normal distribution P(x) = (1 + erf(x / sqrt 2)) / 2 (Hendrycks and Gimpel
 * 2016); y' = P(x) + x p(x) with its density p. */
#include "models/kernels/vec.h"
#include "models/layer.h"

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    an_vec_get()->gelu(p->batch * l->out_n, y, x[0]);
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)y;
    (void)dw;
    if (dx[0])
        an_vec_get()->gelu_back(p->batch * l->out_n, dx[0], x[0], dy);
}

const an_layer_type an_layer_gelu = {.name = "gelu",
                                     .relu_like = true,
                                     .reads_x = true,
                                     .sizes = an_layer_same_shape,
                                     .forward = forward,
                                     .backward = backward};
