#include "models/data/image_shape.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

an_err an_image_crop(an_image *image, size_t x, size_t y, size_t width, size_t height, an_note *why)
{
    const size_t c = image->channels;
    if (width == 0 || height == 0 || width > image->width || height > image->height ||
        x > image->width - width || y > image->height - height)
        return an_fail(AN_ERR_INVAL, why,
                       "the part %zu x %zu at %zu, %zu reaches beyond an image of %zu x %zu", width, height,
                       x, y, image->width, image->height);
    float *values = an_alloc(width * height, c * sizeof *values);
    if (!values)
        return AN_ERR_NOMEM;
    for (size_t row = 0; row < height; row++)
        memcpy(values + row * width * c, image->values + ((y + row) * image->width + x) * c,
               width * c * sizeof *values);
    an_free(image->values);
    image->values = values;
    image->width = width;
    image->height = height;
    return AN_OK;
}

/* out[i * step_out] = mean of in over [i n / m, (i + 1) n / m), for each of `channels` neighbours. */
static void shrink_line(float *out, size_t m, size_t step_out, const float *in, size_t n, size_t step_in,
                        size_t channels)
{
    const double ratio = (double)n / (double)m;
    for (size_t i = 0; i < m; i++) {
        const double from = (double)i * ratio, to = fmin((double)(i + 1) * ratio, (double)n);
        const size_t first = (size_t)from,
                     end = (size_t)to; /* from first + 1 to end - 1 all of a value counts */
        for (size_t c = 0; c < channels; c++) {
            double sum = (fmin((double)(first + 1), to) - from) * (double)in[first * step_in + c];
            for (size_t k = first + 1; k < end; k++)
                sum += (double)in[k * step_in + c];
            if (end > first && end < n && (double)end < to)
                sum += (to - (double)end) * (double)in[end * step_in + c];
            out[i * step_out + c] = (float)(sum / (to - from));
        }
    }
}

an_err an_image_resize(an_image *image, size_t width, size_t height)
{
    const size_t c = image->channels;
    if (width == 0 || height == 0)
        return AN_ERR_INVAL;
    if (width == image->width && height == image->height)
        return AN_OK;
    float *wide = an_alloc(image->height * width, c * sizeof *wide);
    float *values = an_alloc(height * width, c * sizeof *values);
    if (!wide || !values) {
        an_free(wide);
        an_free(values);
        return AN_ERR_NOMEM;
    }
    for (size_t y = 0; y < image->height; y++)
        shrink_line(wide + y * width * c, width, c, image->values + y * image->width * c, image->width, c, c);
    for (size_t x = 0; x < width; x++)
        shrink_line(values + x * c, height, width * c, wide + x * c, image->height, width * c, c);
    an_free(wide);
    an_free(image->values);
    image->values = values;
    image->width = width;
    image->height = height;
    return AN_OK;
}
