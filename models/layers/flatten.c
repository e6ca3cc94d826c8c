/* Any shape becomes one dimension; the values stay as they lie. */
#include "models/layer.h"

#include <string.h>

static an_err sizes(an_layer *l, an_note *why)
{
    (void)why;
    l->out = (an_shape){1, {l->in_n}};
    return AN_OK;
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    const float *x0 = x[0];
    if (y != x0)
        memcpy(y, x0, p->batch * l->out_n * sizeof *y);
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)x;
    (void)y;
    (void)dw;
    float *dx0 = dx[0];
    if (dx0 && dx0 != dy)
        memcpy(dx0, dy, p->batch * l->out_n * sizeof *dx0);
}

const an_layer_type an_layer_flatten = {
    .name = "flatten", .in_place = true, .sizes = sizes, .forward = forward, .backward = backward};
