/* A camera's frame and what it says of it: the first byte picks the format, the next six are width, height and stride, the rest
 * is the frame.  What comes out is of that size and within 0..1; as many bytes as are said to be needed are enough. */
#include <stdint.h>
#include <stdlib.h>

#include "models/data/pixels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    an_pixels p = {0};
    an_image image = {0};
    size_t n = 0;
    while (an_pixels_code(n, &p.format))
        n++;
    if (size < 7)
        return 0;
    (void)an_pixels_code(data[0] % n, &p.format);
    p.width = (size_t)data[1] | (size_t)data[2] << 8;
    p.height = (size_t)data[3] | (size_t)data[4] << 8;
    p.stride = (size_t)data[5] | (size_t)data[6] << 8;
    const size_t need = an_pixels_bytes(&p);
    const an_err err = an_pixels_image(&p, data + 7, size - 7, &image, NULL);
    if (err == AN_OK && (need > size - 7 || image.width == 0 || image.height == 0))
        abort();
    if (err != AN_OK && need > 0 && need <= size - 7 && p.stride == 0)
        abort();
    for (size_t i = 0; err == AN_OK && i < image.width * image.height * image.channels; i++)
        if (!(image.values[i] >= 0.0f && image.values[i] <= 1.0f))
            abort();
    an_image_done(&image);
    return 0;
}
