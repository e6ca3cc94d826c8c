/* Any shape becomes one dimension; the values stay as they lie. */
#include "models/layer.h"

#include <string.h>

static an_err sizes(an_layer *l, an_note *why)
{
    (void)why;
    l->out = (an_shape){1, {l->in_n}};
    return AN_OK;
}

static void forward(const an_layer *l, const float *w, size_t batch, const float *x, float *y, float *scratch)
{
    (void)w;
    (void)scratch;
    if (y != x)
        memcpy(y, x, batch * l->out_n * sizeof *y);
}

static void backward(const an_layer *l, const float *w, size_t batch, const float *x, const float *y,
                     const float *dy, float *dx, float *dw, float *scratch)
{
    (void)w;
    (void)x;
    (void)y;
    (void)dw;
    (void)scratch;
    if (dx && dx != dy)
        memcpy(dx, dy, batch * l->out_n * sizeof *dx);
}

const an_layer_type an_layer_flatten = {
    .name = "flatten", .in_place = true, .sizes = sizes, .forward = forward, .backward = backward};
