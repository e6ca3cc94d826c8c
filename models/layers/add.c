/* The sum of layers of one shape: the shortcut of a residual block (He et al. 2016). */
#include "models/layers/join_internal.h"

#include <string.h>

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    const size_t n = p->batch * l->out_n;
    memcpy(y, x[0], n * sizeof *y);
    for (size_t k = 1; k < l->n_inputs; k++)
        for (size_t i = 0; i < n; i++)
            y[i] += x[k][i];
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)x;
    (void)y;
    (void)dw;
    for (size_t k = 0; k < l->n_inputs; k++)
        if (dx[k])
            memcpy(dx[k], dy, p->batch * l->out_n * sizeof *dy);
}

const an_layer_type an_layer_add = {
    .name = "add", .joins = true, .sizes = an_join_same_shape, .forward = forward, .backward = backward};
