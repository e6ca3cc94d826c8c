#include "models/data/image.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/jpeg.h"
#include "doors/png.h"
#include "models/data/pnm.h"

bool an_image_named(const char *name)
{
    static const char *const ends[] = {".png", ".pgm", ".ppm", ".pnm", ".jpg", ".jpeg"};
    const char *dot = strrchr(name, '.');
    for (size_t k = 0; dot && k < sizeof ends / sizeof *ends; k++) {
        size_t i = 0;
        while (dot[i] && tolower((unsigned char)dot[i]) == ends[k][i])
            i++;
        if (!dot[i] && !ends[k][i])
            return true;
    }
    return false;
}

/* Takes pixels; image tells their shape. */
static an_err take_pixels(uint8_t *pixels, an_image *image, an_image *ret)
{
    const size_t n = image->width * image->height * image->channels;
    image->values = an_alloc(n, sizeof *image->values);
    for (size_t i = 0; i < n && image->values; i++)
        image->values[i] = (float)pixels[i] / 255.0f;
    an_free(pixels);
    if (!image->values)
        return AN_ERR_NOMEM;
    *ret = *image;
    return AN_OK;
}

static an_err parse_png(const void *bytes, size_t len, an_image *ret, an_note *why)
{
    static const an_png_limits limits = {AN_IMAGE_SIDE_MAX, AN_IMAGE_PIXELS_MAX};
    uint8_t *pixels = NULL;
    an_image image = {0};
    an_err err = an_png_read(bytes, len, &limits, &pixels, &image.width, &image.height, &image.channels, why);
    return err ? err : take_pixels(pixels, &image, ret);
}

#ifdef AN_HAVE_JPEG
static an_err parse_jpeg(const void *bytes, size_t len, an_image *ret, an_note *why)
{
    static const an_jpeg_limits limits = {AN_IMAGE_SIDE_MAX, AN_IMAGE_PIXELS_MAX};
    uint8_t *pixels = NULL;
    an_image image = {0};
    an_err err =
        an_jpeg_read(bytes, len, &limits, &pixels, &image.width, &image.height, &image.channels, why);
    return err ? err : take_pixels(pixels, &image, ret);
}
#else
static an_err parse_jpeg(const void *bytes, size_t len, an_image *ret, an_note *why)
{
    (void)bytes;
    (void)len;
    (void)ret;
    return an_fail(AN_ERR_PROTO, why, "a JPEG image, which this build does not read (AN_JPEG)");
}
#endif

an_err an_image_parse(const void *bytes, size_t len, const char *name, an_image *ret, an_note *why)
{
    static const unsigned char png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    an_note inner = {{0}};
    const unsigned char *b = bytes;
    an_err err;
    if (len >= sizeof png && memcmp(b, png, sizeof png) == 0)
        err = parse_png(bytes, len, ret, &inner);
    else if (len >= 3 && b[0] == 0xff && b[1] == 0xd8 && b[2] == 0xff)
        err = parse_jpeg(bytes, len, ret, &inner);
    else if (len >= 2 && b[0] == 'P' && isdigit(b[1]))
        err = an_pnm_parse(bytes, len, ret, &inner);
    else
        err = an_fail(AN_ERR_PROTO, &inner, "neither a PNG, a JPEG nor a PGM or PPM image");
    if (err == AN_OK || err == AN_ERR_NOMEM)
        return err;
    return an_fail(err, why, "%.150s: %.150s", name, inner.text);
}

an_err an_image_read(const char *path, an_image *ret, an_note *why)
{
    an_buf bytes;
    an_buf_init(&bytes, AN_IMAGE_BYTES_MAX);
    an_err err = an_file_read(&bytes, path, why);
    if (err == AN_OK)
        err = an_image_parse(bytes.data, bytes.len, path, ret, why);
    an_buf_done(&bytes);
    return err;
}

void an_image_done(an_image *image)
{
    an_free(image->values);
    *image = (an_image){0};
}

an_err an_image_recolour(an_image *image, size_t channels)
{
    const size_t n = image->width * image->height;
    if (channels == image->channels)
        return AN_OK;
    float *values = an_alloc(n, channels * sizeof *values);
    if (!values)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const float *from = image->values + i * image->channels;
        const float grey =
            image->channels == 1 ? from[0] : 0.299f * from[0] + 0.587f * from[1] + 0.114f * from[2];
        for (size_t c = 0; c < channels; c++)
            values[i * channels + c] = grey;
    }
    an_free(image->values);
    image->values = values;
    image->channels = channels;
    return AN_OK;
}
