/* image_shape.h - a part of an image, and another size.
 *
 *     err = an_image_crop(&image, 100, 40, 512, 512, &why);
 *     err = an_image_resize(&image, 128, 128);
 *
 * Threads: pure functions. */
#ifndef AN_MODELS_DATA_IMAGE_SHAPE_H
#define AN_MODELS_DATA_IMAGE_SHAPE_H

#include "models/data/image.h"

/* Keeps width x height pixels from column x and row y on.  Errors: INVAL it reaches beyond the image, NOMEM. */
an_err an_image_crop(an_image *image, size_t x, size_t y, size_t width, size_t height, an_note *why);

/* Each new pixel is the mean of the area it covers, so that nothing is left out when an image becomes smaller; one that
 * becomes larger keeps its squares.  Errors: INVAL a size of 0, NOMEM. */
an_err an_image_resize(an_image *image, size_t width, size_t height);

#endif
