/* Out of focus: passes of a mean over neighbours, which come near to a Gaussian, of a standard deviation drawn up to
 * `sigma` pixels.  What an autoencoder is to give back is sharp. */
#include "models/augment.h"

#include <math.h>

enum { SIGMA, SHARE };

static const an_layer_opt opts[] = {
    {"sigma", AN_LAYER_OPT_REAL, false, 0, 8, 1, NULL},
    {"share", AN_LAYER_OPT_REAL, false, 0, 1, 0.5, NULL},
    {0},
};

/* to[i] = from[i] (1 - 2k) + k (both neighbours); variance 2k.  The edge is its own neighbour. */
static void soften(float *to, const float *from, size_t lines, size_t line, size_t n, size_t step, float k)
{
    for (size_t j = 0; j < lines; j++)
        for (size_t i = 0; i < n; i++) {
            const size_t at = j * line + i * step, before = i > 0 ? at - step : at,
                         after = i + 1 < n ? at + step : at;
            to[at] = from[at] * (1 - 2 * k) + k * (from[before] + from[after]);
        }
}

static void apply(const double *opt, an_canvas *c, an_rng *r)
{
    const size_t ch = c->channels, w = c->width, h = c->height;
    const double sigma = an_augment_between(r, 0, opt[SIGMA]), variance = sigma * sigma;
    if (!an_augment_chance(r, opt[SHARE]))
        return;
    const size_t passes = (size_t)fmax(1, ceil(variance / 0.5));
    const float k = (float)(variance / (double)passes / 2);
    for (size_t p = 0; p < passes; p++)
        for (size_t i = 0; i < ch; i++) {
            soften(c->spare + i, c->x + i, h, w * ch, w, ch, k);
            soften(c->x + i, c->spare + i, w, ch, h, w * ch, k);
        }
}

const an_augment_type an_augment_blur = {.name = "blur", .opts = opts, .apply = apply};
