/* The table of augmentations, and what its rows share. */
#include "models/augment.h"

#include <math.h>
#include <string.h>

#define AN_AUGMENT(name) extern const an_augment_type an_augment_##name;
#include "models/augments.def"
#undef AN_AUGMENT

static const an_augment_type *const types[] = {
#define AN_AUGMENT(name) &an_augment_##name,
#include "models/augments.def"
#undef AN_AUGMENT
};

const an_augment_type *an_augment_at(size_t i)
{
    return i < sizeof types / sizeof *types ? types[i] : NULL;
}

const an_augment_type *an_augment_find(const char *name)
{
    for (size_t i = 0; an_augment_at(i); i++)
        if (strcmp(types[i]->name, name) == 0)
            return types[i];
    return NULL;
}

/* Each row of the list has a stream of its own, so that one more does not change the others. */
void an_augment_apply(const an_augment *list, size_t n, an_canvas *c, uint64_t seed, uint64_t epoch,
                      uint64_t sample)
{
    const uint64_t which = an_mix64(an_mix64(seed) ^ an_mix64(epoch + 1)) ^ sample;
    for (size_t i = 0; i < n; i++) {
        an_rng r;
        an_rng_init(&r, which, i);
        list[i].type->apply(list[i].opt, c, &r);
    }
}

double an_augment_between(an_rng *r, double low, double high)
{
    return low + (high - low) * an_rng_unit(r);
}

bool an_augment_chance(an_rng *r, double share)
{
    return an_rng_unit(r) < share;
}

bool an_canvas_spoil(an_canvas *c, double label)
{
    if (c->class && *c->class != 0.0f)
        return false;
    if (c->class)
        *c->class = (float)label;
    return true;
}

void an_canvas_mark(an_canvas *c, size_t y, size_t x, double label)
{
    const size_t plane = c->planes > 1 ? (size_t)label - 1 : 0;
    if (c->mask)
        c->mask[(y / c->coarse * (c->width / c->coarse) + x / c->coarse) * c->planes + plane] = 1;
}

/* A place on the mirrored line, [0, n - 1]: ... 2 1 0 1 2 ... n-1 n-2 ... */
static double mirrored(double at, size_t n)
{
    const double last = (double)(n - 1);
    if (at >= 0 && at <= last) /* nearly all, and fmod is slow */
        return at;
    if (n == 1)
        return 0;
    at = fmod(fabs(at), 2 * last);
    return at > last ? 2 * last - at : at;
}

static void warp_light(const an_canvas *c, const double a[6], float *image)
{
    const size_t ch = c->channels, w = c->width, h = c->height;
    memcpy(c->spare, image, h * w * ch * sizeof *image);
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            const double u = mirrored((double)x * a[0] + (double)y * a[1] + a[2], w);
            const double v = mirrored((double)x * a[3] + (double)y * a[4] + a[5], h);
            const size_t u0 = (size_t)u, v0 = (size_t)v;
            const size_t u1 = u0 + 1 < w ? u0 + 1 : u0, v1 = v0 + 1 < h ? v0 + 1 : v0;
            const float fu = (float)(u - (double)u0), fv = (float)(v - (double)v0);
            const float *p = c->spare;
            for (size_t k = 0; k < ch; k++) {
                const float top = p[(v0 * w + u0) * ch + k] * (1 - fu) + p[(v0 * w + u1) * ch + k] * fu;
                const float low = p[(v1 * w + u0) * ch + k] * (1 - fu) + p[(v1 * w + u1) * ch + k] * fu;
                image[(y * w + x) * ch + k] = top * (1 - fv) + low * fv;
            }
        }
}

/* The place of a mask where the middle of another one was. */
static void warp_mask(const an_canvas *c, const double a[6])
{
    const size_t f = c->coarse, w = c->width / f, h = c->height / f, n = c->planes;
    const double half = ((double)f - 1) / 2;
    memcpy(c->spare, c->mask, h * w * n * sizeof *c->mask);
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            const double px = (double)(x * f) + half, py = (double)(y * f) + half;
            const size_t u = (size_t)(mirrored(px * a[0] + py * a[1] + a[2], c->width) + 0.5) / f;
            const size_t v = (size_t)(mirrored(px * a[3] + py * a[4] + a[5], c->height) + 0.5) / f;
            memcpy(c->mask + (y * w + x) * n, c->spare + (v * w + u) * n, n * sizeof *c->mask);
        }
}

void an_canvas_warp(an_canvas *c, const double a[6])
{
    warp_light(c, a, c->x);
    if (c->clean)
        warp_light(c, a, c->clean);
    if (c->mask)
        warp_mask(c, a);
}

/* Where a fault is across and down from its cell turns with it (boxes.h). */
void an_canvas_flip_grid(an_canvas *c, bool across, bool down)
{
    const size_t w = c->width / c->coarse, h = c->height / c->coarse, n = c->planes;
    memcpy(c->spare, c->grid, h * w * n * sizeof *c->grid);
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            const size_t from = (down ? h - 1 - y : y) * w + (across ? w - 1 - x : x);
            float *to = c->grid + (y * w + x) * n;
            memcpy(to, c->spare + from * n, n * sizeof *to);
            to[1] = across ? -to[1] : to[1];
            to[2] = down ? -to[2] : to[2];
        }
}
