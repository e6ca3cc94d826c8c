/* A header of numbers in text with comments from # to the end of the line, one white character, and
 * the values: a byte each, two (the higher first) where the largest is above 255, or text again. */
#include "models/data/pnm.h"

#include <string.h>

#include "base/mem.h"

typedef struct cursor {
    const unsigned char *at, *end;
} cursor;

static bool is_blank(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_blanks(cursor *in)
{
    for (bool comment = false; in->at < in->end; in->at++) {
        if (*in->at == '#')
            comment = true;
        else if (*in->at == '\n' || *in->at == '\r')
            comment = false;
        else if (!comment && !is_blank(*in->at))
            return;
    }
}

/* A number up to max, which is below a tenth of SIZE_MAX. */
static bool take_number(cursor *in, size_t max, size_t *ret)
{
    size_t n = 0;
    skip_blanks(in);
    const unsigned char *from = in->at;
    for (; in->at < in->end && *in->at >= '0' && *in->at <= '9'; in->at++)
        if ((n = 10 * n + (size_t)(*in->at - '0')) > max)
            return false;
    *ret = n;
    return in->at > from;
}

static an_err take_text(cursor *in, size_t n, size_t largest, float *to, an_note *why)
{
    for (size_t i = 0, v = 0; i < n; i++) {
        if (!take_number(in, largest, &v))
            return an_fail(AN_ERR_PROTO, why, "value %zu of %zu is missing or above %zu", i + 1, n, largest);
        to[i] = (float)v / (float)largest;
    }
    return AN_OK;
}

static an_err take_bytes(const cursor *in, size_t n, size_t largest, float *to, an_note *why)
{
    const size_t each = largest > 255 ? 2 : 1;
    for (size_t i = 0; i < n; i++) {
        const unsigned char *b = in->at + each * i;
        const size_t v = each == 2 ? (size_t)b[0] << 8 | b[1] : b[0];
        if (v > largest)
            return an_fail(AN_ERR_PROTO, why, "value %zu is %zu, above the largest, %zu", i + 1, v, largest);
        to[i] = (float)v / (float)largest;
    }
    return AN_OK;
}

static an_err take_values(cursor *in, bool text, size_t largest, an_image *image, an_note *why)
{
    const size_t n = image->width * image->height * image->channels, each = largest > 255 ? 2 : 1;
    const size_t left = (size_t)(in->end - in->at);
    /* A value of text has a digit and, but for the last, a blank. */
    if (left < (text ? 2 * n - 1 : each * n))
        return an_fail(AN_ERR_PROTO, why, "cut short: %zu bytes are too few for %zu values", left, n);
    if (!(image->values = an_alloc(n, sizeof *image->values)))
        return AN_ERR_NOMEM;
    return text ? take_text(in, n, largest, image->values, why)
                : take_bytes(in, n, largest, image->values, why);
}

an_err an_pnm_parse(const void *bytes, size_t len, an_image *ret, an_note *why)
{
    const unsigned char *b = bytes;
    const char *kinds = "2356", *kind = len >= 2 && b[0] == 'P' && b[1] ? strchr(kinds, b[1]) : NULL;
    an_image image = {0};
    size_t largest = 0;
    if (!kind)
        return an_fail(AN_ERR_PROTO, why, "not one of P2, P3, P5 and P6");
    const bool text = b[1] < '5';
    cursor in = {b + 2, b + len};
    image.channels = (kind - kinds) % 2 == 0 ? 1 : 3;
    if (!take_number(&in, AN_IMAGE_SIDE_MAX, &image.width) ||
        !take_number(&in, AN_IMAGE_SIDE_MAX, &image.height) || image.width == 0 || image.height == 0)
        return an_fail(AN_ERR_PROTO, why, "its width and height are not two numbers of 1..%u",
                       AN_IMAGE_SIDE_MAX);
    if (image.width > AN_IMAGE_PIXELS_MAX / image.height)
        return an_fail(AN_ERR_LIMIT, why, "%zu x %zu pixels are more than %zu", image.width, image.height,
                       AN_IMAGE_PIXELS_MAX);
    if (!take_number(&in, 65535, &largest) || largest == 0)
        return an_fail(AN_ERR_PROTO, why, "its largest value is not a number of 1..65535");
    if (in.at == in.end || !is_blank(*in.at++))
        return an_fail(AN_ERR_PROTO, why, "no blank after the largest value");
    an_err err = take_values(&in, text, largest, &image, why);
    if (err == AN_OK)
        *ret = image;
    else
        an_image_done(&image);
    return err;
}
