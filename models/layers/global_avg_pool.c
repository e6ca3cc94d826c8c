/* The mean of each channel over all places (Lin, Chen, Yan 2014): (L, C) or (H, W, C) becomes (C). */
#include "models/layers/global_internal.h"

#include <string.h>

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    const size_t c = l->out_n, places = l->in_n / c;
    const float *from = x[0], share = 1.0f / (float)places;
    for (size_t i = 0; i < p->batch; i++, y += c) {
        memset(y, 0, c * sizeof *y);
        for (size_t j = 0; j < places; j++, from += c)
            for (size_t k = 0; k < c; k++)
                y[k] += from[k];
        for (size_t k = 0; k < c; k++)
            y[k] *= share;
    }
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)x;
    (void)y;
    (void)dw;
    const size_t c = l->out_n, places = l->in_n / c;
    const float share = 1.0f / (float)places;
    float *to = dx[0];
    for (size_t i = 0; to && i < p->batch; i++, dy += c)
        for (size_t j = 0; j < places; j++, to += c)
            for (size_t k = 0; k < c; k++)
                to[k] = share * dy[k];
}

const an_layer_type an_layer_global_avg_pool = {
    .name = "global_avg_pool", .sizes = an_global_sizes, .forward = forward, .backward = backward};
