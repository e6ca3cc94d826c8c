/* One row of values at every step of a sequence: (C) becomes (times, C), between the encoder and the
 * decoder of a recurrent autoencoder (Malhotra et al. 2016). */
#include "models/layer.h"

#include <string.h>

enum { TIMES };

static const an_layer_opt opts[] = {
    {"times", AN_LAYER_OPT_COUNT, true, 1, 1e6, 0, NULL},
    {0},
};

static an_err sizes(an_layer *l, an_note *why)
{
    if (l->in.n_dims != 1) {
        char text[AN_SHAPE_TEXT];
        an_shape_text(text, &l->in);
        return an_fail(AN_ERR_INVAL, why, "repeat takes a flat input, not %s", text);
    }
    l->out = (an_shape){2, {(size_t)l->opt[TIMES], l->in_n}};
    return AN_OK;
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    for (size_t i = 0; i < p->batch; i++)
        for (size_t t = 0; t < l->out.d[0]; t++)
            memcpy(y + (i * l->out.d[0] + t) * l->in_n, x[0] + i * l->in_n, l->in_n * sizeof *y);
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)x;
    (void)y;
    (void)dw;
    if (!dx[0])
        return;
    for (size_t i = 0; i < p->batch; i++) {
        float *to = dx[0] + i * l->in_n;
        memset(to, 0, l->in_n * sizeof *to);
        for (size_t t = 0; t < l->out.d[0]; t++)
            for (size_t j = 0; j < l->in_n; j++)
                to[j] += dy[(i * l->out.d[0] + t) * l->in_n + j];
    }
}

const an_layer_type an_layer_repeat = {
    .name = "repeat", .opts = opts, .sizes = sizes, .forward = forward, .backward = backward};
