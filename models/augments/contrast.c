/* Further from the image's own mean or nearer to it, by a factor of 1 - by to 1 + by. */
#include "models/augment.h"

enum { BY, SHARE };

static const an_layer_opt opts[] = {
    {"by", AN_LAYER_OPT_REAL, false, 0, 1, 0.2, NULL},
    {"share", AN_LAYER_OPT_REAL, false, 0, 1, 1, NULL},
    {0},
};

static void stretch(float *x, size_t n, float mean, float by)
{
    for (size_t i = 0; i < n; i++)
        x[i] = mean + (x[i] - mean) * by;
}

static void apply(const double *opt, an_canvas *c, an_rng *r)
{
    const size_t n = c->height * c->width * c->channels;
    const float by = (float)an_augment_between(r, 1 - opt[BY], 1 + opt[BY]);
    double sum = 0;
    if (!an_augment_chance(r, opt[SHARE]))
        return;
    for (size_t i = 0; i < n; i++)
        sum += (double)c->x[i];
    stretch(c->x, n, (float)(sum / (double)n), by);
    if (c->clean)
        stretch(c->clean, n, (float)(sum / (double)n), by);
}

const an_augment_type an_augment_contrast = {.name = "contrast", .opts = opts, .apply = apply};
