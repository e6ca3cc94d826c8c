/* Layer normalisation (Ba, Kiros and Hinton 2016): the channels of each place brought to mean 0 and
 * variance 1. */
#include "models/layers/norm_internal.h"

enum { EPS };

static const an_layer_opt opts[] = {
    {"eps", AN_LAYER_OPT_REAL, false, 1e-9, 1, 1e-5, NULL},
    {0},
};

static an_err sizes(an_layer *l, an_note *why)
{
    (void)why;
    an_norm_weights(l);
    l->n_saved_row = 2 * an_norm_places(l);
    return AN_OK;
}

/* The set of one place. */
static an_norm norm_of(const an_layer *l, const an_pass *p, const float *w)
{
    return (an_norm){.n = 1,
                     .c = l->in.d[l->in.n_dims - 1],
                     .groups = 1,
                     .eps = (float)l->opt[EPS],
                     .gamma = w + l->weight_at[0],
                     .beta = w + l->weight_at[1],
                     .scratch = p->scratch};
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    const an_norm s = norm_of(l, p, w);
    for (size_t i = 0, n = p->batch * an_norm_places(l); i < n; i++)
        an_norm_forward(&s, x[0] + i * s.c, y + i * s.c, p->saved + 2 * i, p->saved + 2 * i + 1);
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)y;
    const an_norm s = norm_of(l, p, w);
    for (size_t i = 0, n = p->batch * an_norm_places(l); i < n; i++)
        an_norm_backward(&s, x[0] + i * s.c, p->saved + 2 * i, p->saved + 2 * i + 1, dy + i * s.c,
                         dx[0] ? dx[0] + i * s.c : NULL, dw + l->weight_at[0], dw + l->weight_at[1]);
}

const an_layer_type an_layer_layer_norm = {.name = "layer_norm",
                                           .opts = opts,
                                           .reads_x = true,
                                           .sizes = sizes,
                                           .forward = forward,
                                           .backward = backward};
