/* Dropout (Srivastava et al. 2014): in training each value is set to 0 with the probability `rate`
 * and the others are divided by 1 - rate, so that nothing need be done in use.  Which values fall is
 * drawn from the row's own stream, again on the way back, and so neither kept nor dependent on
 * threads. */
#include "models/layer.h"

#include <string.h>

enum { RATE };

static const an_layer_opt opts[] = {
    {"rate", AN_LAYER_OPT_REAL, false, 0, 0.95, 0.5, NULL},
    {0},
};

/* A draw is 16 bits: four of them in a number. */
static void drop_row(const an_layer *l, an_rng *r, const float *x, float *y)
{
    const uint64_t below = (uint64_t)(l->opt[RATE] * 65536.0);
    const float scale = (float)(65536.0 / (65536.0 - (double)below));
    uint64_t bits = 0;
    for (size_t i = 0; i < l->in_n; i++, bits >>= 16) {
        if (i % 4 == 0)
            bits = an_rng_u64(r);
        y[i] = (bits & 0xffff) < below ? 0.0f : scale * x[i];
    }
}

static void drop(const an_layer *l, const an_pass *p, const float *x, float *y)
{
    for (size_t i = 0; i < p->batch; i++) {
        an_rng r;
        an_pass_rng(p, l, i, &r);
        drop_row(l, &r, x + i * l->in_n, y + i * l->in_n);
    }
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    if (p->training)
        drop(l, p, x[0], y);
    else if (y != x[0])
        memcpy(y, x[0], p->batch * l->in_n * sizeof *y);
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)x;
    (void)y;
    (void)dw;
    if (dx[0])
        drop(l, p, dy, dx[0]);
}

const an_layer_type an_layer_dropout = {.name = "dropout",
                                        .opts = opts,
                                        .in_place = true,
                                        .sizes = an_layer_same_shape,
                                        .forward = forward,
                                        .backward = backward};
