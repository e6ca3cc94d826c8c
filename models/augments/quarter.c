/* A quarter turn to the left or to the right, for what has no upper side. */
#include "models/augment.h"

enum { SHARE };

static const an_layer_opt opts[] = {
    {"share", AN_LAYER_OPT_REAL, false, 0, 1, 0.5, NULL},
    {0},
};

static void apply(const double *opt, an_canvas *c, an_rng *r)
{
    const double last = (double)c->width - 1;
    const bool turned = an_augment_chance(r, opt[SHARE]), left = an_augment_chance(r, 0.5);
    const double a[6] = {0, left ? -1 : 1, left ? last : 0, left ? 1 : -1, 0, left ? 0 : last};
    if (turned)
        an_canvas_warp(c, a);
}

const an_augment_type an_augment_quarter = {
    .name = "quarter", .bends = true, .opts = opts, .square = true, .apply = apply};
