/* pixels.h - a camera's frame as it lies in memory -> numbers in 0..1, as a model takes them.
 *
 *     const an_pixels p = {.format = 0x01080001, .width = 640, .height = 480};
 *     err = an_pixels_image(&p, bytes, len, &image, &why);
 *
 * Formats are told by their codes of the GenICam PFNC (Pixel Format Naming Convention 2.4), which GigE Vision and USB3 Vision send
 * as they are: grey and Bayer of 8 to 16 bits, unpacked and packed, RGB8, BGR8, YCbCr 4:2:2.  JPEG has a code of
 * its own here.  A pixel of a Bayer pattern takes the colours it does not have from its neighbours, as their mean.
 *
 * Threads: pure functions. */
#ifndef AN_MODELS_DATA_PIXELS_H
#define AN_MODELS_DATA_PIXELS_H

#include "models/data/image.h"

#define AN_PIXELS_JPEG 0x4745504Au /* a frame is a JPEG image of its own, which may lack the usual tables */
#define AN_PIXELS_GREY8 0x01080001u
#define AN_PIXELS_GREY16 0x01100007u
#define AN_PIXELS_RGB8 0x02180014u
#define AN_PIXELS_BGR8 0x02180015u
#define AN_PIXELS_YUYV 0x0210003Eu /* of limited range */
#define AN_PIXELS_UYVY 0x02100044u
#define AN_PIXELS_BAYER_GR8 0x01080008u
#define AN_PIXELS_BAYER_RG8 0x01080009u
#define AN_PIXELS_BAYER_GB8 0x0108000Au
#define AN_PIXELS_BAYER_BG8 0x0108000Bu

typedef struct an_pixels {
    uint32_t format;
    size_t width, height;
    size_t stride; /* bytes from one row to the next; 0: rows follow upon each other without a gap */
} an_pixels;

const char *an_pixels_name(uint32_t format);          /* "Mono8"; NULL: not one of these */
bool an_pixels_find(const char *name, uint32_t *ret); /* by that name */
bool an_pixels_code(size_t i, uint32_t *ret);         /* the table in order; false past its end */
size_t
an_pixels_bytes(const an_pixels *p); /* that a frame has at least; 0: no such format, no size, or JPEG */

/* *ret: 1 channel of grey, else 3; height and width of a JPEG are those that it says.  On failure *ret is untouched.
 * Errors: PROTO another format, cut short, a damaged JPEG; LIMIT; NOMEM. */
an_err an_pixels_image(const an_pixels *p, const void *bytes, size_t len, an_image *ret, an_note *why);

#endif
