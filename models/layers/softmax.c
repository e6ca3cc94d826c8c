/* y_j = e^x_j / sum_k e^x_k along the last dimension; dx_j = y_j (dy_j - sum_k dy_k y_k). */
#include "models/layer.h"

#include <math.h>

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    const float *x0 = x[0];
    size_t n = l->out.d[l->out.n_dims - 1];
    for (size_t at = 0; at < p->batch * l->out_n; at += n) {
        float top = x0[at], sum = 0.0f;
        for (size_t j = 1; j < n; j++)
            top = x0[at + j] > top ? x0[at + j] : top;
        for (size_t j = 0; j < n; j++)
            sum += y[at + j] = expf(x0[at + j] - top); /* never overflows */
        for (size_t j = 0; j < n; j++)
            y[at + j] /= sum;
    }
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
        float dot = 0.0f;
        for (size_t j = 0; j < n; j++)
            dot += dy[at + j] * y[at + j];
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
