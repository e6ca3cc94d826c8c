/* Images come from cameras, archives and strangers: what is read is of the size that it says, and no value
 * lies outside 0..1. */
#include <stdint.h>
#include <stdlib.h>

#include "models/data/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    an_image image = {0};
    if (an_image_parse(data, size, "image", &image, NULL) != AN_OK)
        return 0;
    const size_t n = image.height * image.width * image.channels;
    if (n == 0 || image.height > AN_IMAGE_SIDE_MAX || image.width > AN_IMAGE_PIXELS_MAX / image.height ||
        (image.channels != 1 && image.channels != 3))
        abort();
    for (size_t i = 0; i < n; i++)
        if (!(image.values[i] >= 0.0f && image.values[i] <= 1.0f))
            abort();
    if (an_image_recolour(&image, image.channels == 1 ? 3 : 1) != AN_OK)
        abort();
    an_image_done(&image);
    return 0;
}
