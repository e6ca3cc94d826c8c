/* Moved by whole pixels, up to the share `by` of each side. */
#include "models/augment.h"

#include <math.h>

enum { BY, SHARE };

static const an_layer_opt opts[] = {
    {"by", AN_LAYER_OPT_REAL, false, 0, 0.5, 0.1, NULL},
    {"share", AN_LAYER_OPT_REAL, false, 0, 1, 1, NULL},
    {0},
};

static void apply(const double *opt, an_canvas *c, an_rng *r)
{
    const double across = round(an_augment_between(r, -opt[BY], opt[BY]) * (double)c->width);
    const double down = round(an_augment_between(r, -opt[BY], opt[BY]) * (double)c->height);
    const double a[6] = {1, 0, across, 0, 1, down};
    if (an_augment_chance(r, opt[SHARE]))
        an_canvas_warp(c, a);
}

const an_augment_type an_augment_shift = {.name = "shift", .bends = true, .opts = opts, .apply = apply};
