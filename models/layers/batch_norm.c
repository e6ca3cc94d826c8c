/* Batch normalisation (Ioffe and Szegedy 2015): in training each channel is brought to mean 0 and
 * variance 1 over the rows and places of the pass, in use by the running mean and variance, which
 * follow those of the passes.  The pass is a slice of the batch, so that the result does not depend
 * on threads (ghost batch norm, Hoffer, Hubara and Soudry 2017).  The running values are weights of
 * the model like others: rounds average them. */
#include "models/layers/norm_internal.h"

#include <math.h>

enum { FOLLOW, EPS };
enum { GAMMA, BETA, MEAN, VARIANCE };

static const an_layer_opt opts[] = {
    {"follow", AN_LAYER_OPT_REAL, false, 1e-4, 1, 0.1, NULL},
    {"eps", AN_LAYER_OPT_REAL, false, 1e-9, 1, 1e-5, NULL},
    {0},
};

static an_err sizes(an_layer *l, an_note *why)
{
    (void)why;
    const size_t c = l->in.d[l->in.n_dims - 1];
    an_norm_weights(l);
    l->weights[l->n_weights++] = an_layer_constant("mean", AN_LAYER_START_ZERO, c);
    l->weights[l->n_weights++] = an_layer_constant("variance", AN_LAYER_START_ONE, c);
    l->weights[MEAN].follow = l->weights[VARIANCE].follow = l->opt[FOLLOW];
    l->n_saved = 2 * c;
    return AN_OK;
}

static an_norm norm_of(const an_layer *l, const an_pass *p, const float *w)
{
    const size_t c = l->in.d[l->in.n_dims - 1];
    return (an_norm){.n = p->batch * an_norm_places(l),
                     .c = c,
                     .groups = c,
                     .eps = (float)l->opt[EPS],
                     .gamma = w + l->weight_at[GAMMA],
                     .beta = w + l->weight_at[BETA],
                     .scratch = p->scratch};
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    const an_norm s = norm_of(l, p, w);
    float *inverse = p->saved + s.c;
    if (p->training) {
        an_norm_forward(&s, x[0], y, p->saved, inverse);
        return;
    }
    /* Noise that protects a round may have made a small variance negative. */
    const float *variance = w + l->weight_at[VARIANCE];
    for (size_t k = 0; k < s.c; k++)
        inverse[k] = 1.0f / sqrtf((variance[k] > 0.0f ? variance[k] : 0.0f) + s.eps);
    an_norm_apply(&s, x[0], y, w + l->weight_at[MEAN], inverse);
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)y;
    const an_norm s = norm_of(l, p, w);
    const float *mean = p->saved, *inverse = p->saved + s.c, rows = (float)p->batch;
    an_norm_backward(&s, x[0], mean, inverse, dy, dx[0], dw + l->weight_at[GAMMA], dw + l->weight_at[BETA]);
    for (size_t k = 0; k < s.c; k++) {
        dw[l->weight_at[MEAN] + k] += rows * mean[k];
        dw[l->weight_at[VARIANCE] + k] += rows * (1.0f / (inverse[k] * inverse[k]) - s.eps);
    }
}

const an_layer_type an_layer_batch_norm = {.name = "batch_norm",
                                           .opts = opts,
                                           .reads_x = true,
                                           .mixes_rows = true,
                                           .sizes = sizes,
                                           .forward = forward,
                                           .backward = backward};
