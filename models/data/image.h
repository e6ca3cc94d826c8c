/* image.h - one image file -> numbers in 0..1, as a model takes them.
 *
 *     an_image image = {0};
 *     err = an_image_read("good/0001.png", &image, &why);
 *     ... image.values[(y * image.width + x) * image.channels + c] ...
 *     an_image_done(&image);
 *
 * PNG, JPEG (where the build has it), and the plain formats that every camera's tool writes: PGM and PPM (netpbm, P2 P3 P5 P6), with
 * whole values up to 65535.  What a file is, its first bytes say, not its name.  Values are divided by
 * the largest that the format allows, so black is 0 and white is 1.
 *
 * Threads: pure functions. */
#ifndef AN_MODELS_DATA_IMAGE_H
#define AN_MODELS_DATA_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AN_IMAGE_BYTES_MAX ((size_t)64 << 20) /* of a file */
#define AN_IMAGE_SIDE_MAX 16384u
#define AN_IMAGE_PIXELS_MAX ((size_t)1 << 24)

typedef struct an_image {
    size_t height, width, channels; /* 1: grey, 3: red, green, blue */
    float *values;                  /* (height, width, channels), 0..1 */
} an_image;

/* Does the name end like that of an image (.png .pgm .ppm .pnm .jpg .jpeg, in any case)? */
bool an_image_named(const char *name);

/* Errors: NOTFOUND, IO, LIMIT, PROTO not such an image, cut short or damaged; NOMEM.  The note names the
 * file. */
an_err an_image_read(const char *path, an_image *ret, an_note *why);
/* name: what errors call it. */
an_err an_image_parse(const void *bytes, size_t len, const char *name, an_image *ret, an_note *why);
void an_image_done(an_image *image);

/* Grey from colours by their brightness (0.299, 0.587, 0.114 of ITU-R BT.601), colours from grey by
 * saying it three times.  channels: 1 or 3.  Errors: NOMEM. */
an_err an_image_recolour(an_image *image, size_t channels);

#endif
