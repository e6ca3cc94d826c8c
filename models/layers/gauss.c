/* The code of a variational autoencoder (Kingma and Welling 2014).  The channels it reads are the
 * means m and the logarithms v of the variances of normal distributions; in training it gives a draw
 * from them, m + e^(v / 2) noise, in use m.  Its own loss is `beta` (Higgins et al. 2017) times their
 * divergence from the standard normal distribution,
 *
 *     sum (m^2 + e^v - 1 - v) / 2,
 *
 * a sum over the code, while mse is a mean over the outputs: a beta of 2 / outputs weighs the two as
 * the paper does for outputs of variance 1. */
#include "models/layer.h"

#include <math.h>

enum { BETA };

static const an_layer_opt opts[] = {
    {"beta", AN_LAYER_OPT_REAL, false, 0, 1e6, 1, NULL},
    {0},
};

static an_err sizes(an_layer *l, an_note *why)
{
    size_t *c = &l->out.d[l->in.n_dims - 1];
    l->out = l->in;
    if (*c % 2 != 0) {
        char text[AN_SHAPE_TEXT];
        an_shape_text(text, &l->in);
        return an_fail(AN_ERR_INVAL, why,
                       "gauss reads means and variances, an even number of channels, not %s", text);
    }
    *c /= 2;
    return AN_OK;
}

static double forward_row(const an_layer *l, an_rng *r, const float *x, float *y)
{
    const size_t k = l->out.d[l->out.n_dims - 1];
    double divergence = 0.0;
    for (size_t i = 0; i < l->out_n; i++) {
        const float *at = x + i / k * 2 * k + i % k;
        const float m = at[0], v = at[k];
        divergence += 0.5 * ((double)m * (double)m + expm1((double)v) - (double)v);
        y[i] = r ? m + expf(0.5f * v) * (float)an_rng_normal(r) : m;
    }
    return divergence;
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    double sum = 0.0;
    for (size_t i = 0; i < p->batch; i++) {
        an_rng r;
        an_pass_rng(p, l, i, &r);
        sum += forward_row(l, p->training ? &r : NULL, x[0] + i * l->in_n, y + i * l->out_n);
    }
    *p->loss += l->opt[BETA] * sum;
}

static void backward_row(const an_layer *l, an_rng *r, const float *x, const float *dy, float *dx)
{
    const size_t k = l->out.d[l->out.n_dims - 1];
    const float beta = (float)l->opt[BETA];
    for (size_t i = 0; i < l->out_n; i++) {
        const size_t at = i / k * 2 * k + i % k;
        const float v = x[at + k];
        const float noise = r ? expf(0.5f * v) * (float)an_rng_normal(r) : 0.0f;
        dx[at] = dy[i] + beta * x[at];
        dx[at + k] = 0.5f * (dy[i] * noise + beta * expm1f(v));
    }
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)y;
    (void)dw;
    for (size_t i = 0; dx[0] && i < p->batch; i++) {
        an_rng r;
        an_pass_rng(p, l, i, &r);
        backward_row(l, p->training ? &r : NULL, x[0] + i * l->in_n, dy + i * l->out_n, dx[0] + i * l->in_n);
    }
}

const an_layer_type an_layer_gauss = {
    .name = "gauss", .opts = opts, .reads_x = true, .sizes = sizes, .forward = forward, .backward = backward};
