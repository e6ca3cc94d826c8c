/* y_j = e^x_j / sum_k e^x_k along the last dimension; dx_j = y_j (dy_j - sum_k dy_k y_k). */
#include "models/kernels/vec.h"
#include "models/layer.h"

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    const size_t n = l->out.d[l->out.n_dims - 1];
    for (size_t at = 0; at < p->batch * l->out_n; at += n)
        (void)an_vec_get()->softmax(n, y + at, x[0] + at);
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
    size_t n = l->out.d[l->out.n_dims - 1];
    for (size_t at = 0; at < p->batch * l->out_n; at += n) {
        const float dot = an_vec_get()->dot(n, dy + at, y + at);
        for (size_t j = 0; j < n; j++)
            dx0[at + j] = y[at + j] * (dy[at + j] - dot);
    }
}

const an_layer_type an_layer_softmax = {.name = "softmax",
                                        .in_place = true,
                                        .reads_y = true,
                                        .sizes = an_layer_same_shape,
                                        .forward = forward,
                                        .backward = backward};
