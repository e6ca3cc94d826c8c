/* jpeg.h - the door to libjpeg: one JPEG image in memory -> its pixels.
 *
 *     err = an_jpeg_read(bytes, len, &limits, &pixels, &width, &height, &channels, &why);
 *     ...
 *     an_free(pixels);
 *
 * The size that a file tells is held to the limits before it is decoded, scans are counted (a progressive file can ask for
 * thousands of passes), and the library may take no more memory than the limits allow.
 *
 * Threads: call from anywhere. */
#ifndef AN_DOORS_JPEG_H
#define AN_DOORS_JPEG_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct an_jpeg_limits {
    size_t side;   /* pixels in width and in height */
    size_t pixels; /* width * height */
} an_jpeg_limits;

/* On success *ret_pixels is (height, width, channels), the caller's (an_free): 1 channel for grey, 3 for colours.  A
 * file that is cut short or damaged is refused, though the library could make something up for the rest.
 * Errors: PROTO not a JPEG, cut short or damaged, of other colours (CMYK); LIMIT, NOMEM. */
an_err an_jpeg_read(const void *bytes, size_t len, const an_jpeg_limits *limits, uint8_t **ret_pixels,
                    size_t *ret_width, size_t *ret_height, size_t *ret_channels, an_note *why);

#endif
