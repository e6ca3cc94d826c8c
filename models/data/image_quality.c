#include "models/data/image_quality.h"

#include <math.h>

#include "base/mem.h"

#define FADE                                                                                                 \
    0.98f /* what a brightest value keeps of itself with each frame: it is forgotten within a hundred */
#define DARK 0.7

static float light(const an_image *image, size_t i)
{
    const float *v = image->values + i * image->channels;
    return image->channels == 1 ? v[0] : 0.299f * v[0] + 0.587f * v[1] + 0.114f * v[2];
}

double an_image_focus(const an_image *image)
{
    const size_t w = image->width, h = image->height;
    double sum = 0, squares = 0, mean = 0;
    if (w < 3 || h < 3)
        return 0;
    for (size_t y = 1; y + 1 < h; y++)
        for (size_t x = 1; x + 1 < w; x++) {
            const size_t i = y * w + x;
            const double own = (double)light(image, i);
            const double l = (double)light(image, i - 1) + (double)light(image, i + 1) +
                             (double)light(image, i - w) + (double)light(image, i + w) - 4 * own;
            sum += l;
            squares += l * l;
            mean += own;
        }
    const double n = (double)((w - 2) * (h - 2));
    mean /= n;
    return mean > 0 ? (squares / n - sum / n * (sum / n)) / (mean * mean) : 0;
}

double an_image_clipped(const an_image *image)
{
    const size_t n = image->width * image->height;
    size_t clipped = 0;
    for (size_t i = 0; i < n; i++) {
        const float *v = image->values + i * image->channels;
        float low = v[0], high = v[0];
        for (size_t c = 1; c < image->channels; c++) {
            low = fmaxf(low, v[c]);
            high = fmaxf(high, v[c]);
        }
        clipped += low <= 1.0f / 255 || high >= 254.0f / 255;
    }
    return n > 0 ? (double)clipped / (double)n : 0;
}

struct an_image_dirt {
    size_t height, width, frames;
    float *brightest; /* (height, width) of the last frames, fading */
    double *sums;     /* (height + 1, width + 1) of brightest, from the corner: work */
};

an_err an_image_dirt_new(size_t height, size_t width, an_image_dirt **ret)
{
    if (height == 0 || width == 0 || width > AN_IMAGE_PIXELS_MAX / height)
        return AN_ERR_INVAL;
    an_image_dirt *d = an_alloc(1, sizeof *d);
    if (!d)
        return AN_ERR_NOMEM;
    d->height = height;
    d->width = width;
    d->brightest = an_alloc(height * width, sizeof *d->brightest);
    d->sums = an_alloc((height + 1) * (width + 1), sizeof *d->sums);
    if (!d->brightest || !d->sums) {
        an_image_dirt_free(d);
        return AN_ERR_NOMEM;
    }
    *ret = d;
    return AN_OK;
}

void an_image_dirt_free(an_image_dirt *d)
{
    if (!d)
        return;
    an_free(d->brightest);
    an_free(d->sums);
    an_free(d);
}

an_err an_image_dirt_step(an_image_dirt *d, const an_image *image)
{
    if (image->height != d->height || image->width != d->width)
        return AN_ERR_INVAL;
    for (size_t i = 0; i < d->height * d->width; i++) {
        const float v = light(image, i), kept = d->brightest[i] * FADE;
        d->brightest[i] = v > kept ? v : kept;
    }
    d->frames++;
    return AN_OK;
}

double an_image_dirt_share(const an_image_dirt *d)
{
    const size_t w = d->width, h = d->height, side = w + 1;
    const size_t reach = (w < h ? w : h) / 8 + 1;
    size_t dark = 0;
    if (d->frames < AN_IMAGE_DIRT_FRAMES)
        return 0;
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++)
            d->sums[(y + 1) * side + x + 1] = (double)d->brightest[y * w + x] + d->sums[y * side + x + 1] +
                                              d->sums[(y + 1) * side + x] - d->sums[y * side + x];
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            const size_t y0 = y > reach ? y - reach : 0, y1 = y + reach + 1 < h ? y + reach + 1 : h;
            const size_t x0 = x > reach ? x - reach : 0, x1 = x + reach + 1 < w ? x + reach + 1 : w;
            const double sum = d->sums[y1 * side + x1] - d->sums[y0 * side + x1] - d->sums[y1 * side + x0] +
                               d->sums[y0 * side + x0];
            dark += (double)d->brightest[y * w + x] < DARK * sum / (double)((y1 - y0) * (x1 - x0));
        }
    return (double)dark / (double)(w * h);
}
