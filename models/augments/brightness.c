/* Brighter or darker by up to `by`. */
#include "models/augment.h"

enum { BY, SHARE };

static const an_layer_opt opts[] = {
    {"by", AN_LAYER_OPT_REAL, false, 0, 100, 0.1, NULL},
    {"share", AN_LAYER_OPT_REAL, false, 0, 1, 1, NULL},
    {0},
};

static void apply(const double *opt, an_canvas *c, an_rng *r)
{
    const size_t n = c->height * c->width * c->channels;
    const float by = (float)an_augment_between(r, -opt[BY], opt[BY]);
    if (!an_augment_chance(r, opt[SHARE]))
        return;
    for (size_t i = 0; i < n; i++)
        c->x[i] += by;
    for (size_t i = 0; c->clean && i < n; i++)
        c->clean[i] += by;
}

const an_augment_type an_augment_brightness = {.name = "brightness", .opts = opts, .apply = apply};
