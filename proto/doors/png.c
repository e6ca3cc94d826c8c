/* libpng's simplified interface: it knows no callbacks and no jumps, and an error is a text. */
#include "doors/png.h"

#include <png.h>
#include <string.h>

#include "base/mem.h"

#define SIGNATURE 8u
#define AROUND 12u /* a chunk's length, type and sum */

/* Without the chunks that say nothing of pixels: libpng unpacks and keeps each of a thousand texts, up to
 * 8 MB of each, before it tells how large the image is.  to: len bytes.  Returns those written. */
static size_t copy_needed(const uint8_t *bytes, size_t len, uint8_t *to)
{
    static const char *const wanted[] = {"tRNS", "gAMA", "cHRM", "sRGB", "iCCP", "sBIT"};
    size_t at = len < SIGNATURE ? len : SIGNATURE, n = at;
    memcpy(to, bytes, n);
    while (len - at >= AROUND) {
        const uint8_t *b = bytes + at;
        const size_t body = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
        bool keep = (b[4] & 0x20) == 0; /* critical: without it nobody can read the image */
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            keep = keep || strncmp((const char *)b + 4, wanted[i], 4) == 0;
        if (body > len - at - AROUND)
            break; /* cut short, as libpng will say */
        if (keep)
            memcpy(to + n, b, body + AROUND);
        n += keep ? body + AROUND : 0;
        at += body + AROUND;
    }
    memcpy(to + n, bytes + at, len - at);
    return n + len - at;
}

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
    uint8_t *pixels = NULL, *needed = an_alloc_raw(len, 1);
    png_image image;
    memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
    an_err err = AN_OK;
    if (!needed) {
        err = AN_ERR_NOMEM;
        goto out;
    }
    if (!png_image_begin_read_from_memory(&image, needed, copy_needed(bytes, len, needed))) {
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
    an_free(needed);
    an_free(pixels);
    return err;
}

an_err an_png_write(const uint8_t *pixels, size_t width, size_t height, size_t channels, an_buf *ret)
{
    png_image image;
    if (width == 0 || height == 0 || width > UINT16_MAX || height > UINT16_MAX ||
        (channels != 1 && channels != 3))
        return AN_ERR_INVAL;
    memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
    image.width = (png_uint_32)width;
    image.height = (png_uint_32)height;
    image.format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    png_alloc_size_t len = PNG_IMAGE_PNG_SIZE_MAX(image);
    uint8_t *bytes = an_alloc_raw(len, 1);
    an_err err = AN_ERR_NOMEM;
    if (bytes && png_image_write_to_memory(&image, bytes, &len, 0, pixels, 0, NULL)) {
        an_buf_put(ret, bytes, len);
        err = an_buf_err(ret);
    }
    png_image_free(&image);
    an_free(bytes);
    return err;
}
