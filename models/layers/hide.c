/* A pretext for data without labels: in training a part of the input is hidden, set to 0, which is the mean of what was scaled,
 * and the model, whose target is the whole input, has to make it from the rest (denoising: Vincent et al. 2008; by blocks and
 * patches: Pathak et al. 2016, Zavrtanik et al. 2021).  In use nothing is hidden.
 *
 *     (C)        values by themselves, each with the probability `share`
 *     (L, C)     `sensors`: whole sensors, each with that probability; `time`: a block of share * L rows; `both`: the one or
 *                the other in each window
 *     (H, W, C)  patches of `side` pixels, each with that probability, on a grid that begins anywhere
 *
 * Of the share `whole` of the training rows nothing is hidden, so that the model knows what it will be shown in use.  What
 * falls is drawn from the row's own stream, again on the way back, as in dropout.c, but nothing is made larger for it. */
#include "models/layer.h"

#include <string.h>

enum { SHARE, WHAT, SIDE, WHOLE };
enum { BOTH, SENSORS, TIME };

static const an_layer_opt opts[] = {
    {"share", AN_LAYER_OPT_REAL, false, 0, 0.9, 0.25, NULL},
    {"what", AN_LAYER_OPT_CHOICE, false, 0, 0, BOTH, "both sensors time"},
    {"side", AN_LAYER_OPT_COUNT, false, 1, 4096, 8, NULL},
    {"whole", AN_LAYER_OPT_REAL, false, 0, 1, 0.25, NULL},
    {0},
};

static bool falls(an_rng *r, double share)
{
    return (double)(an_rng_u64(r) >> 48) < share * 65536.0;
}

static void clear(float *y, size_t n)
{
    memset(y, 0, n * sizeof *y);
}

static void hide_values(const an_layer *l, an_rng *r, float *y)
{
    for (size_t i = 0; i < l->in_n; i++)
        if (falls(r, l->opt[SHARE]))
            y[i] = 0.0f;
}

static void hide_sensors(const an_layer *l, an_rng *r, float *y)
{
    const size_t rows = l->in.d[0], width = l->in.d[1];
    for (size_t j = 0; j < width; j++) {
        if (!falls(r, l->opt[SHARE]))
            continue;
        for (size_t i = 0; i < rows; i++)
            y[i * width + j] = 0.0f;
    }
}

static void hide_time(const an_layer *l, an_rng *r, float *y)
{
    const size_t rows = l->in.d[0], width = l->in.d[1];
    const size_t n = (size_t)(l->opt[SHARE] * (double)rows + 0.5);
    const size_t at = (size_t)an_rng_below(r, rows - n + 1);
    clear(y + at * width, n * width);
}

static void hide_patches(const an_layer *l, an_rng *r, float *y)
{
    const size_t high = l->in.d[0], wide = l->in.d[1], deep = l->in.d[2], side = (size_t)l->opt[SIDE];
    const size_t up = (size_t)an_rng_below(r, side), left = (size_t)an_rng_below(r, side);
    for (size_t top = 0; top < high + up; top += side) {
        const size_t from_y = top > up ? top - up : 0, to_y = top + side - up < high ? top + side - up : high;
        for (size_t at = 0; at < wide + left; at += side) {
            const size_t from_x = at > left ? at - left : 0;
            const size_t to_x = at + side - left < wide ? at + side - left : wide;
            if (!falls(r, l->opt[SHARE]))
                continue;
            for (size_t i = from_y; i < to_y && from_x < to_x; i++)
                clear(y + (i * wide + from_x) * deep, (to_x - from_x) * deep);
        }
    }
}

static void hide_row(const an_layer *l, an_rng *r, float *y)
{
    const int what = (int)l->opt[WHAT];
    if (falls(r, l->opt[WHOLE]))
        return;
    if (l->in.n_dims == 1)
        hide_values(l, r, y);
    else if (l->in.n_dims == 3)
        hide_patches(l, r, y);
    else if (what == SENSORS || (what == BOTH && falls(r, 0.5)))
        hide_sensors(l, r, y);
    else
        hide_time(l, r, y);
}

static void hide(const an_layer *l, const an_pass *p, const float *x, float *y)
{
    if (y != x)
        memcpy(y, x, p->batch * l->in_n * sizeof *y);
    for (size_t i = 0; i < p->batch && p->training; i++) {
        an_rng r;
        an_pass_rng(p, l, i, &r);
        hide_row(l, &r, y + i * l->in_n);
    }
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    hide(l, p, x[0], y);
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)x;
    (void)y;
    (void)dw;
    if (dx[0])
        hide(l, p, dy, dx[0]);
}

const an_layer_type an_layer_hide = {.name = "hide",
                                     .opts = opts,
                                     .in_place = true,
                                     .sizes = an_layer_same_shape,
                                     .forward = forward,
                                     .backward = backward};
