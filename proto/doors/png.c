/* libpng's simplified interface: it knows no callbacks and no jumps, and an error is a text. */
#include "doors/png.h"

#include <png.h>
#include <string.h>

#include "base/mem.h"

/* Both with alpha, so that nothing is laid over a background; it is dropped afterwards. */
static size_t drop_alpha(uint8_t *pixels, size_t n, size_t channels)
{
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < channels; c++)
            pixels[i * channels + c] = pixels[i * (channels + 1) + c];
    return channels;
}

static an_err check_size(const png_image *image, const an_png_limits *limits, an_note *why)
{
    const size_t width = image->width, height = image->height;
    if (width == 0 || height == 0 || width > limits->side || height > limits->side ||
        width > limits->pixels / height)
        return an_fail(AN_ERR_LIMIT, why,
                       "it has %zu x %zu pixels; at most %zu a side and %zu in all are read", width, height,
                       limits->side, limits->pixels);
    return AN_OK;
}

an_err an_png_read(const void *bytes, size_t len, const an_png_limits *limits, uint8_t **ret_pixels,
                   size_t *ret_width, size_t *ret_height, size_t *ret_channels, an_note *why)
{
    uint8_t *pixels = NULL;
    png_image image;
    memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
    an_err err = AN_OK;
    if (!png_image_begin_read_from_memory(&image, bytes, len)) {
        err = an_fail(AN_ERR_PROTO, why, "not a PNG image, or a damaged one: %s", image.message);
        goto out;
    }
    if ((err = check_size(&image, limits, why)) != AN_OK)
        goto out;
    const size_t n = (size_t)image.width * image.height, width = image.width, height = image.height;
    const bool colour = (image.format & PNG_FORMAT_FLAG_COLOR) != 0;
    const size_t channels = colour ? 3 : 1;
    image.format = colour ? PNG_FORMAT_RGBA : PNG_FORMAT_GA;
    image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB; /* else 16 bits are taken for linear light */
    if (!(pixels = an_alloc(n, channels + 1))) {
        err = AN_ERR_NOMEM;
        goto out;
    }
    if (!png_image_finish_read(&image, NULL, pixels, 0, NULL)) {
        err = an_fail(AN_ERR_PROTO, why, "a damaged PNG image: %s", image.message);
        goto out;
    }
    *ret_channels = drop_alpha(pixels, n, channels);
    *ret_width = width;
    *ret_height = height;
    *ret_pixels = pixels;
    pixels = NULL;
out:
    png_image_free(&image);
    an_free(pixels);
    return err;
}
