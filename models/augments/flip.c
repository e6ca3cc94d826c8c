/* Left for right, top for bottom. */
#include "models/augment.h"

enum { ACROSS, DOWN };

static const an_layer_opt opts[] = {
    {"across", AN_LAYER_OPT_REAL, false, 0, 1, 0.5, NULL},
    {"down", AN_LAYER_OPT_REAL, false, 0, 1, 0.5, NULL},
    {0},
};

static void apply(const double *opt, an_canvas *c, an_rng *r)
{
    const bool across = an_augment_chance(r, opt[ACROSS]), down = an_augment_chance(r, opt[DOWN]);
    const double a[6] = {across ? -1 : 1,
                         0,
                         across ? (double)c->width - 1 : 0,
                         0,
                         down ? -1 : 1,
                         down ? (double)c->height - 1 : 0};
    if (!across && !down)
        return;
    an_canvas_warp(c, a);
    if (c->grid)
        an_canvas_flip_grid(c, across, down);
}

const an_augment_type an_augment_flip = {.name = "flip", .opts = opts, .apply = apply};
