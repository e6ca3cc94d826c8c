/* The product of layers, value by value; all of one shape. */
#include "models/layers/join_internal.h"

#include <string.h>

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    const size_t n = p->batch * l->out_n;
    memcpy(y, x[0], n * sizeof *y);
    for (size_t k = 1; k < l->n_inputs; k++)
        for (size_t i = 0; i < n; i++)
            y[i] *= x[k][i];
}

/* dx_k is dy times all the others: no division, so zeros are no trouble. */
static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)y;
    (void)dw;
    const size_t n = p->batch * l->out_n;
    for (size_t k = 0; k < l->n_inputs; k++) {
        if (!dx[k])
            continue;
        memcpy(dx[k], dy, n * sizeof *dy);
        for (size_t j = 0; j < l->n_inputs; j++)
            for (size_t i = 0; j != k && i < n; i++)
                dx[k][i] *= x[j][i];
    }
}

const an_layer_type an_layer_multiply = {.name = "multiply",
                                         .joins = true,
                                         .reads_x = true,
                                         .sizes = an_join_same_shape,
                                         .forward = forward,
                                         .backward = backward};
