/* png.h - the door to libpng (PNG, ISO/IEC 15948): one image in memory -> its pixels, and back.
 *
 *     uint8_t *pixels = NULL;
 *     size_t width, height, channels;
 *     err = an_png_read(bytes, len, &limits, &pixels, &width, &height, &channels, &why);
 *     ...
 *     an_free(pixels);
 *
 * The size that a file tells is held to the limits before anything of that size is made, and texts and
 * the like are left out unread, so a bomb costs no more than they allow (and a copy of the file).
 *
 * Threads: call from anywhere. */
#ifndef AN_DOORS_PNG_H
#define AN_DOORS_PNG_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

typedef struct an_png_limits {
    size_t side;   /* pixels in width and in height */
    size_t pixels; /* width * height */
} an_png_limits;

/* On success *ret_pixels is (height, width, channels), the caller's (an_free): 1 channel for grey, 3 for
 * colours and palettes.  Numbers of fewer than 8 bits fill the range 0..255, of those of 16 the upper
 * half counts, a gamma other than that of sRGB is taken out, and how much shines through (alpha) is
 * left out.
 * Errors: PROTO not a PNG, cut short or damaged, LIMIT, NOMEM. */
an_err an_png_read(const void *bytes, size_t len, const an_png_limits *limits, uint8_t **ret_pixels,
                   size_t *ret_width, size_t *ret_height, size_t *ret_channels, an_note *why);

/* Appends a PNG of pixels (height, width, channels), 1 channel grey or 3 of colour.
 * Errors: INVAL a size of 0 or another number of channels, LIMIT more than ret may hold, NOMEM. */
an_err an_png_write(const uint8_t *pixels, size_t width, size_t height, size_t channels, an_buf *ret);

#endif
