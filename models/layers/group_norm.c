/* Group normalisation (Wu and He 2018): the channels in groups, each group of each row brought to
 * mean 0 and variance 1 over its places.  As many groups as channels is instance normalisation
 * (Ulyanov, Vedaldi and Lempitsky 2016).  A row does not depend on its neighbours, so that small and
 * uneven batches, as sites have them, do no harm. */
#include "models/layers/norm_internal.h"

enum { GROUPS, EPS };

static const an_layer_opt opts[] = {
    {"groups", AN_LAYER_OPT_COUNT, false, 1, 1e6, 1, NULL},
    {"eps", AN_LAYER_OPT_REAL, false, 1e-9, 1, 1e-5, NULL},
    {0},
};

static an_err sizes(an_layer *l, an_note *why)
{
    const size_t c = l->in.d[l->in.n_dims - 1], groups = (size_t)l->opt[GROUPS];
    if (c % groups != 0) {
        char text[AN_SHAPE_TEXT];
        an_shape_text(text, &l->in);
        return an_fail(AN_ERR_INVAL, why, "the channels of %s do not divide into %zu groups", text, groups);
    }
    an_norm_weights(l);
    l->n_saved_row = 2 * groups;
    return AN_OK;
}

/* The set of one row. */
static an_norm norm_of(const an_layer *l, const an_pass *p, const float *w)
{
    return (an_norm){.n = an_norm_places(l),
                     .c = l->in.d[l->in.n_dims - 1],
                     .groups = (size_t)l->opt[GROUPS],
                     .eps = (float)l->opt[EPS],
                     .gamma = w + l->weight_at[0],
                     .beta = w + l->weight_at[1],
                     .scratch = p->scratch};
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    const an_norm s = norm_of(l, p, w);
    for (size_t i = 0; i < p->batch; i++) {
        float *saved = p->saved + i * l->n_saved_row;
        an_norm_forward(&s, x[0] + i * l->in_n, y + i * l->in_n, saved, saved + s.groups);
    }
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)y;
    const an_norm s = norm_of(l, p, w);
    for (size_t i = 0; i < p->batch; i++) {
        const float *saved = p->saved + i * l->n_saved_row;
        an_norm_backward(&s, x[0] + i * l->in_n, saved, saved + s.groups, dy + i * l->in_n,
                         dx[0] ? dx[0] + i * l->in_n : NULL, dw + l->weight_at[0], dw + l->weight_at[1]);
    }
}

const an_layer_type an_layer_group_norm = {.name = "group_norm",
                                           .opts = opts,
                                           .reads_x = true,
                                           .sizes = sizes,
                                           .forward = forward,
                                           .backward = backward};
