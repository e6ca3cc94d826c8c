/* Turned about the middle by an angle up to `degrees` either way. */
#include "models/augment.h"

#include <math.h>

enum { DEGREES, SHARE };

static const an_layer_opt opts[] = {
    {"degrees", AN_LAYER_OPT_REAL, false, 0, 180, 10, NULL},
    {"share", AN_LAYER_OPT_REAL, false, 0, 1, 1, NULL},
    {0},
};

static void apply(const double *opt, an_canvas *c, an_rng *r)
{
    const double degrees = an_augment_between(r, -opt[DEGREES], opt[DEGREES]);
    const double by = degrees * acos(-1.0) / 180, x = ((double)c->width - 1) / 2,
                 y = ((double)c->height - 1) / 2, k = cos(by), s = sin(by);
    const double a[6] = {k, -s, x - k * x + s * y, s, k, y - s * x - k * y};
    if (an_augment_chance(r, opt[SHARE]))
        an_canvas_warp(c, a);
}

const an_augment_type an_augment_rotate = {.name = "rotate", .bends = true, .opts = opts, .apply = apply};
