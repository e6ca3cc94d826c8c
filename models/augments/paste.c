/* Copy-paste (Ghiasi et al. 2021): the fault of another image, one of those that are learnt from, is laid on this one, flipped, turned and moved
 * by whole places of the mask. What surrounds it fades out, and it is made as light as what it comes to lie on, so that no edge tells that it was
 * pasted. Without a mask nothing says where a fault is. Where places are coarser than pixels all of a marked place is taken along. */
#include "models/augment.h"

#include <math.h>

#define DRAWS 32     /* for an image with a fault; then this one stays as it is */
#define FADE_LEAST 2 /* pixels around a marked place */

enum { SHARE, BY };

static const an_layer_opt opts[] = {
    {"share", AN_LAYER_OPT_REAL, false, 0, 1, 0.5, NULL},
    {"by", AN_LAYER_OPT_REAL, false, 0, 100, 0, NULL}, /* brighter or darker by up to so much */
    {0},
};

/* Where something is: columns and rows, the last ones included. */
typedef struct box {
    ptrdiff_t left, right, top, bottom;
} box;

/* A fault of another image, flipped, then turned about the diagonal, then moved. */
typedef struct fault {
    const float *x, *mask;
    bool across, down, turned;
    ptrdiff_t dx, dy; /* pixels: a multiple of a place */
} fault;

static bool marked(const an_canvas *c, const float *mask, size_t x, size_t y)
{
    const float *place = mask + (y / c->coarse * (c->width / c->coarse) + x / c->coarse) * c->planes;
    for (size_t i = 0; i < c->planes; i++)
        if (place[i] >= 0.5f) /* less: somewhere, nobody said where */
            return true;
    return false;
}

static bool find(const an_canvas *c, const float *mask, box *ret)
{
    const ptrdiff_t f = (ptrdiff_t)c->coarse, w = (ptrdiff_t)c->width, h = (ptrdiff_t)c->height;
    *ret = (box){w, -1, h, -1};
    for (ptrdiff_t y = 0; y < h; y += f)
        for (ptrdiff_t x = 0; x < w; x += f) {
            if (!marked(c, mask, (size_t)x, (size_t)y))
                continue;
            ret->left = x < ret->left ? x : ret->left;
            ret->right = x + f - 1 > ret->right ? x + f - 1 : ret->right;
            ret->top = y < ret->top ? y : ret->top;
            ret->bottom = y + f - 1;
        }
    return ret->right >= 0;
}

static box laid(const an_canvas *c, const fault *p, box b)
{
    const ptrdiff_t w = (ptrdiff_t)c->width - 1, h = (ptrdiff_t)c->height - 1;
    if (p->across)
        b = (box){w - b.right, w - b.left, b.top, b.bottom};
    if (p->down)
        b = (box){b.left, b.right, h - b.bottom, h - b.top};
    return p->turned ? (box){b.top, b.bottom, b.left, b.right} : b;
}

/* The pixel of the fault's image that comes to (x, y) of this one.  False: it has none there. */
static bool origin(const an_canvas *c, const fault *p, ptrdiff_t x, ptrdiff_t y, size_t *ret_x, size_t *ret_y)
{
    const ptrdiff_t w = (ptrdiff_t)c->width, h = (ptrdiff_t)c->height;
    ptrdiff_t u = x - p->dx, v = y - p->dy;
    if (p->turned) {
        const ptrdiff_t t = u;
        u = v;
        v = t;
    }
    u = p->across ? w - 1 - u : u;
    v = p->down ? h - 1 - v : v;
    *ret_x = (size_t)u;
    *ret_y = (size_t)v;
    return u >= 0 && u < w && v >= 0 && v < h;
}

/* How much of the fault's image is seen at (x, y) of this one: all on a marked place, less beside it. */
static float cover(const an_canvas *c, const fault *p, ptrdiff_t x, ptrdiff_t y, ptrdiff_t fade)
{
    size_t u, v, n = 0;
    if (!origin(c, p, x, y, &u, &v))
        return 0;
    if (marked(c, p->mask, u, v))
        return 1;
    for (ptrdiff_t i = -fade; i <= fade; i++)
        for (ptrdiff_t k = -fade; k <= fade; k++)
            n += origin(c, p, x + k, y + i, &u, &v) && marked(c, p->mask, u, v);
    const float side = (float)(2 * fade + 1);
    return (float)n / (side * side);
}

/* An image with a fault, and where it goes: in any of the ways in which all of it stays within this one. */
static bool choose(const an_canvas *c, an_rng *r, fault *ret, box *ret_box)
{
    const ptrdiff_t f = (ptrdiff_t)c->coarse, w = (ptrdiff_t)c->width, h = (ptrdiff_t)c->height;
    bool found = false;
    for (int i = 0; i < DRAWS && !found; i++) {
        const size_t row = (size_t)an_rng_below(r, c->others.n);
        ret->x = c->others.x + row * c->others.n_x;
        ret->mask = c->others.target + row * c->others.n_target;
        found = find(c, ret->mask, ret_box);
    }
    if (!found)
        return false;
    ret->across = an_augment_chance(r, 0.5);
    ret->down = an_augment_chance(r, 0.5);
    ret->turned = w == h && an_augment_chance(r, 0.5);
    const box b = laid(c, ret, *ret_box);
    ret->dx = (ptrdiff_t)an_rng_below(r, (uint64_t)((w - 1 - (b.right - b.left)) / f + 1)) * f - b.left;
    ret->dy = (ptrdiff_t)an_rng_below(r, (uint64_t)((h - 1 - (b.bottom - b.top)) / f + 1)) * f - b.top;
    *ret_box = (box){b.left + ret->dx, b.right + ret->dx, b.top + ret->dy, b.bottom + ret->dy};
    return true;
}

/* b, and as much around it as fades; within the image. */
static box around(const an_canvas *c, box b, ptrdiff_t fade)
{
    const ptrdiff_t w = (ptrdiff_t)c->width - 1, h = (ptrdiff_t)c->height - 1;
    return (box){b.left > fade ? b.left - fade : 0, b.right + fade < w ? b.right + fade : w,
                 b.top > fade ? b.top - fade : 0, b.bottom + fade < h ? b.bottom + fade : h};
}

/* What is seen of the fault's image goes to spare; how much lighter this image is where it fades, in the mean. */
static float compare(an_canvas *c, const fault *p, box b, ptrdiff_t fade)
{
    double sum = 0, all = 0;
    for (ptrdiff_t y = b.top; y <= b.bottom; y++)
        for (ptrdiff_t x = b.left; x <= b.right; x++) {
            const size_t at = (size_t)y * c->width + (size_t)x;
            const float seen = c->spare[at] = cover(c, p, x, y, fade);
            size_t u, v;
            if (seen == 0 || seen == 1 || !origin(c, p, x, y, &u, &v))
                continue;
            for (size_t i = 0; i < c->channels; i++)
                sum += (double)(c->x[at * c->channels + i] - p->x[(v * c->width + u) * c->channels + i]);
            all += (double)c->channels;
        }
    return all > 0 ? (float)(sum / all) : 0;
}

static void lay(an_canvas *c, const fault *p, box b, float light)
{
    const size_t side = c->width / c->coarse, n = c->channels;
    for (ptrdiff_t y = b.top; y <= b.bottom; y++)
        for (ptrdiff_t x = b.left; x <= b.right; x++) {
            const size_t at = (size_t)y * c->width + (size_t)x;
            const float seen = c->spare[at];
            size_t u, v;
            if (seen == 0 || !origin(c, p, x, y, &u, &v))
                continue;
            const float *from = p->x + (v * c->width + u) * n;
            for (size_t i = 0; i < n; i++)
                c->x[at * n + i] += seen * (from[i] + light - c->x[at * n + i]);
            float *place = c->mask + ((size_t)y / c->coarse * side + (size_t)x / c->coarse) * c->planes;
            const float *its = p->mask + (v / c->coarse * side + u / c->coarse) * c->planes;
            for (size_t i = 0; seen == 1 && i < c->planes; i++)
                place[i] = fmaxf(place[i], its[i]);
        }
}

static void apply(const double *opt, an_canvas *c, an_rng *r)
{
    const ptrdiff_t fade = (ptrdiff_t)c->coarse / 2 > FADE_LEAST ? (ptrdiff_t)c->coarse / 2 : FADE_LEAST;
    const bool here = an_augment_chance(r, opt[SHARE]);
    const float by = (float)an_augment_between(r, -opt[BY], opt[BY]);
    fault p;
    box b;
    if (!here || !c->mask || c->others.n == 0 || !choose(c, r, &p, &b))
        return;
    b = around(c, b, fade);
    const float light = compare(c, &p, b, fade) + by;
    lay(c, &p, b, light);
}

const an_augment_type an_augment_paste = {
    .name = "paste", .opts = opts, .paints = true, .borrows = true, .apply = apply};
