/* One walk from the highest score down: a pixel of a region adds its part of that region, a normal one its part of all
 * normal ones. */
#include "models/metrics_region.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

typedef struct pixel {
    float score;
    uint32_t region; /* its size; 0: a normal pixel */
} pixel;

/* Of one mask, in which places are found by a search from each that has no region yet. */
typedef struct search {
    const uint8_t *mask;
    size_t height, width;
    pixel *pixels;  /* (height, width) */
    size_t *places; /* (height * width) of the region, in the order in which they were found */
    size_t n;
} search;

static void find(search *s, size_t x, size_t y)
{
    const size_t at = y * s->width + x;
    if (!s->mask[at] || s->pixels[at].region)
        return;
    s->pixels[at].region = 1; /* until its size is known */
    s->places[s->n++] = at;
}

static void grow(search *s, size_t x, size_t y)
{
    s->n = 0;
    find(s, x, y);
    for (size_t i = 0; i < s->n; i++) {
        const size_t px = s->places[i] % s->width, py = s->places[i] / s->width;
        for (size_t ny = py > 0 ? py - 1 : 0; ny <= py + 1 && ny < s->height; ny++)
            for (size_t nx = px > 0 ? px - 1 : 0; nx <= px + 1 && nx < s->width; nx++)
                find(s, nx, ny);
    }
    for (size_t i = 0; i < s->n; i++)
        s->pixels[s->places[i]].region = (uint32_t)s->n;
}

static size_t find_regions(search *s)
{
    size_t regions = 0;
    for (size_t y = 0; y < s->height; y++)
        for (size_t x = 0; x < s->width; x++) {
            const size_t at = y * s->width + x;
            if (!s->mask[at] || s->pixels[at].region)
                continue;
            grow(s, x, y);
            regions++;
        }
    return regions;
}

static int highest_first(const void *a, const void *b)
{
    const float x = ((const pixel *)a)->score, y = ((const pixel *)b)->score;
    return (x < y) - (x > y);
}

/* Straight lines between the points; the last is cut at max_far. */
static double area(const pixel *p, size_t n, double regions, double normal, double max_far)
{
    double far = 0, overlap = 0, sum = 0;
    for (size_t i = 0; i < n && far < max_far;) {
        const double far_before = far, before = overlap, at = (double)p[i].score;
        size_t fp = 0;
        for (; i < n && (double)p[i].score == at; i++) {
            if (p[i].region)
                overlap += 1 / ((double)p[i].region * regions);
            else
                fp++;
        }
        far += (double)fp / normal;
        const double share = far > max_far ? (max_far - far_before) / (far - far_before) : 1;
        sum += (far - far_before) * share * (before + (overlap - before) * share / 2);
    }
    return sum / max_far;
}

an_err an_aupro(const float *scores, const uint8_t *masks, size_t n, size_t height, size_t width,
                double max_far, double *ret)
{
    const size_t each = height * width, all = n * each;
    size_t regions = 0, normal = 0;
    *ret = (double)NAN;
    if (!(max_far > 0 && max_far <= 1) || each > UINT32_MAX)
        return AN_ERR_INVAL;
    pixel *pixels = an_alloc(all, sizeof *pixels);
    size_t *places = an_alloc(each, sizeof *places);
    an_err err = pixels && places ? AN_OK : AN_ERR_NOMEM;
    for (size_t i = 0; i < n && err == AN_OK; i++) {
        search s = {masks + i * each, height, width, pixels + i * each, places, 0};
        regions += find_regions(&s);
    }
    for (size_t i = 0; i < all && err == AN_OK; i++) {
        pixels[i].score = scores[i];
        normal += !pixels[i].region;
        if (isnan(scores[i]))
            err = AN_ERR_NUMERIC;
    }
    if (err == AN_OK && regions > 0 && normal > 0) {
        qsort(pixels, all, sizeof *pixels, highest_first);
        *ret = area(pixels, all, (double)regions, (double)normal, max_far);
    }
    an_free(pixels);
    an_free(places);
    return err;
}
