/* Normal noise on each value, its standard deviation drawn up to `sd`.  What an autoencoder is to give back has none. */
#include "models/augment.h"

enum { SD, SHARE };

static const an_layer_opt opts[] = {
    {"sd", AN_LAYER_OPT_REAL, false, 0, 100, 0.05, NULL},
    {"share", AN_LAYER_OPT_REAL, false, 0, 1, 1, NULL},
    {0},
};

static void apply(const double *opt, an_canvas *c, an_rng *r)
{
    const size_t n = c->height * c->width * c->channels;
    const double sd = an_augment_between(r, 0, opt[SD]);
    if (!an_augment_chance(r, opt[SHARE]))
        return;
    for (size_t i = 0; i < n; i++)
        c->x[i] += (float)(sd * an_rng_normal(r));
}

const an_augment_type an_augment_noise = {.name = "noise", .opts = opts, .apply = apply};
