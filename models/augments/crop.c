/* A part of the image, at least the share `least` of its sides, made as large as the whole. */
#include "models/augment.h"

enum { LEAST, SHARE };

static const an_layer_opt opts[] = {
    {"least", AN_LAYER_OPT_REAL, false, 0.1, 1, 0.8, NULL},
    {"share", AN_LAYER_OPT_REAL, false, 0, 1, 1, NULL},
    {0},
};

static void apply(const double *opt, an_canvas *c, an_rng *r)
{
    const double k = an_augment_between(r, opt[LEAST], 1);
    const double x = an_augment_between(r, 0, (1 - k) * ((double)c->width - 1));
    const double y = an_augment_between(r, 0, (1 - k) * ((double)c->height - 1));
    const double a[6] = {k, 0, x, 0, k, y};
    if (an_augment_chance(r, opt[SHARE]))
        an_canvas_warp(c, a);
}

const an_augment_type an_augment_crop = {.name = "crop", .bends = true, .opts = opts, .apply = apply};
