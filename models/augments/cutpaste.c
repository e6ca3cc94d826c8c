/* CutPaste (Li, Sohn, Yoon, Pfister 2021): a rectangle of the image is laid elsewhere on it, turned; with `long` above 1 it may be a
 * scar.  `by`: brighter or darker by up to so much, or it would often not be seen. */
#include "models/augment.h"

#include <math.h>
#include <string.h>

enum { SHARE, LEAST, MOST, LONG, BY, LABEL };

static const an_layer_opt opts[] = {
    {"share", AN_LAYER_OPT_REAL, false, 0, 1, 0.5, NULL},
    {"least", AN_LAYER_OPT_REAL, false, 1e-5, 0.5, 0.002, NULL}, /* of the area of the image */
    {"most", AN_LAYER_OPT_REAL, false, 1e-5, 0.5, 0.05, NULL},
    {"long", AN_LAYER_OPT_REAL, false, 1, 100, 10, NULL}, /* side to side, at most */
    {"by", AN_LAYER_OPT_REAL, false, 0, 100, 0.2, NULL},
    {"label", AN_LAYER_OPT_COUNT, false, 0, 1000, 1, NULL}, /* the class that it makes of class 0 */
    {0},
};

typedef struct patch {
    double x, y, k, s, half_w, half_h; /* middle, direction, half sides */
    size_t from_x, from_y;             /* how far away what fills it lies */
    float by;
} patch;

static patch draw(const double *opt, const an_canvas *c, an_rng *r)
{
    const double w = (double)c->width, h = (double)c->height;
    const double most = fmax(opt[LEAST], opt[MOST]);
    const double area = w * h * exp(an_augment_between(r, log(opt[LEAST]), log(most)));
    const double aspect = exp(an_augment_between(r, 0, log(opt[LONG])));
    const double angle = an_augment_between(r, 0, acos(-1.0));
    patch p = {
        .x = an_augment_between(r, 0, w), .y = an_augment_between(r, 0, h), .k = cos(angle), .s = sin(angle)};
    p.half_w = fmax(0.5, sqrt(area * aspect) / 2);
    p.half_h = fmax(0.5, sqrt(area / aspect) / 2);
    p.from_x = (size_t)an_rng_below(r, c->width);
    p.from_y = (size_t)an_rng_below(r, c->height);
    p.by = (float)an_augment_between(r, -opt[BY], opt[BY]);
    return p;
}

static bool covers(const patch *p, size_t x, size_t y)
{
    const double dx = (double)x - p->x, dy = (double)y - p->y;
    return fabs(dx * p->k + dy * p->s) <= p->half_w && fabs(dy * p->k - dx * p->s) <= p->half_h;
}

static void apply(const double *opt, an_canvas *c, an_rng *r)
{
    const size_t ch = c->channels, w = c->width, h = c->height;
    const bool here = an_augment_chance(r, opt[SHARE]);
    const patch p = draw(opt, c, r);
    if (!here || !an_canvas_spoil(c, opt[LABEL]))
        return;
    memcpy(c->spare, c->x, h * w * ch * sizeof *c->x);
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            const size_t from = (y + p.from_y) % h * w + (x + p.from_x) % w;
            if (!covers(&p, x, y))
                continue;
            for (size_t i = 0; i < ch; i++)
                c->x[(y * w + x) * ch + i] = c->spare[from * ch + i] + p.by;
            an_canvas_mark(c, y, x, opt[LABEL]);
        }
}

const an_augment_type an_augment_cutpaste = {
    .name = "cutpaste", .opts = opts, .paints = true, .apply = apply};
