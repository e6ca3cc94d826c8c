/* Spots where gradient noise (Perlin 1985, 2002) is high, filled half and half from elsewhere in the image, brighter or darker, as
 * DRAEM makes them (Zavrtanik, Kristan, Skocaj 2021).  Beyond its distance from a point drawn anywhere the noise counts less, so
 * that spots lie together, as defects do, and most of the image stays as it is. */
#include "models/augment.h"

#include <math.h>
#include <string.h>

enum { SHARE, CELLS, ABOVE, REACH, BY, LABEL };

static const an_layer_opt opts[] = {
    {"share", AN_LAYER_OPT_REAL, false, 0, 1, 0.5, NULL},
    {"cells", AN_LAYER_OPT_COUNT, false, 2, 64, 8, NULL}, /* of the noise along a side, at most */
    {"above", AN_LAYER_OPT_REAL, false, 0, 0.9, 0.25, NULL},
    {"reach", AN_LAYER_OPT_REAL, false, 0.01, 2, 0.25, NULL}, /* of the sides, at most */
    {"by", AN_LAYER_OPT_REAL, false, 0, 100, 0.5, NULL},
    {"label", AN_LAYER_OPT_COUNT, false, 0, 1000, 1, NULL}, /* the class that it makes of class 0 */
    {0},
};

static double fade(double t)
{
    return t * t * t * (t * (t * 6 - 15) + 10);
}

/* The slope at a corner of the lattice, along the way (dx, dy) from it. */
static double corner(uint64_t seed, size_t x, size_t y, double dx, double dy)
{
    const double angle = (double)(an_mix64(seed ^ (y * 131072 + x)) >> 11) * 0x1p-53 * 2 * acos(-1.0);
    return cos(angle) * dx + sin(angle) * dy;
}

/* About -0.7 to 0.7. */
static double noise(uint64_t seed, double x, double y)
{
    const size_t x0 = (size_t)x, y0 = (size_t)y;
    const double dx = x - (double)x0, dy = y - (double)y0, fx = fade(dx), fy = fade(dy);
    const double top = corner(seed, x0, y0, dx, dy) * (1 - fx) + corner(seed, x0 + 1, y0, dx - 1, dy) * fx;
    const double low =
        corner(seed, x0, y0 + 1, dx, dy - 1) * (1 - fx) + corner(seed, x0 + 1, y0 + 1, dx - 1, dy - 1) * fx;
    return top * (1 - fy) + low * fy;
}

static void apply(const double *opt, an_canvas *c, an_rng *r)
{
    const size_t ch = c->channels, w = c->width, h = c->height;
    const bool here = an_augment_chance(r, opt[SHARE]);
    const uint64_t seed = an_rng_u64(r);
    const double cells = an_augment_between(r, 2, opt[CELLS]),
                 reach = opt[REACH] * an_augment_between(r, 0.2, 1);
    const double mid_x = an_rng_unit(r), mid_y = an_rng_unit(r);
    const size_t from_x = (size_t)an_rng_below(r, w), from_y = (size_t)an_rng_below(r, h);
    const float by = (float)an_augment_between(r, -opt[BY], opt[BY]);
    if (!here || !an_canvas_spoil(c, opt[LABEL]))
        return;
    memcpy(c->spare, c->x, h * w * ch * sizeof *c->x);
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            const double u = (double)x / (double)w, v = (double)y / (double)h;
            const double far = hypot(u - mid_x, v - mid_y) / reach;
            const size_t from = (y + from_y) % h * w + (x + from_x) % w;
            if (far >= 1 || noise(seed, u * cells, v * cells) + 0.5 * (1 - far) <= opt[ABOVE])
                continue;
            for (size_t i = 0; i < ch; i++)
                c->x[(y * w + x) * ch + i] =
                    0.5f * (c->spare[(y * w + x) * ch + i] + c->spare[from * ch + i]) + by;
            an_canvas_mark(c, y, x, opt[LABEL]);
        }
}

const an_augment_type an_augment_perlin = {.name = "perlin", .opts = opts, .paints = true, .apply = apply};
