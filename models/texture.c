#include "models/texture.h"

#include <math.h>

#define NEAR 2 /* pixels to each side */
#define FAR 6

void an_texture_sums(const float *x, size_t height, size_t width, double *ret)
{
    for (size_t i = 0; i <= width; i++)
        ret[i] = 0;
    for (size_t y = 1; y <= height; y++) {
        double line = 0;
        ret[y * (width + 1)] = 0;
        for (size_t i = 1; i <= width; i++) {
            line += (double)x[(y - 1) * width + i - 1];
            ret[y * (width + 1) + i] = ret[(y - 1) * (width + 1) + i] + line;
        }
    }
}

/* Mean of the pixels up to r away. */
static double around(const double *sums, size_t h, size_t w, size_t y, size_t x, size_t r)
{
    const size_t y0 = y > r ? y - r : 0, y1 = y + r + 1 < h ? y + r + 1 : h;
    const size_t x0 = x > r ? x - r : 0, x1 = x + r + 1 < w ? x + r + 1 : w;
    const double sum =
        sums[y1 * (w + 1) + x1] - sums[y0 * (w + 1) + x1] - sums[y1 * (w + 1) + x0] + sums[y0 * (w + 1) + x0];
    return sum / (double)((y1 - y0) * (x1 - x0));
}

static void add_pixel(const float *image, const double *sums, size_t h, size_t w, size_t y, size_t x,
                      double *to)
{
    const double v = (double)image[y * w + x], near = around(sums, h, w, y, x, NEAR),
                 far = around(sums, h, w, y, x, FAR);
    to[0] += v;
    to[1] += near;
    to[2] += far;
    to[3] += fabs(v - near);
    to[4] += fabs(near - far);
    to[5] += fmax(far - v, 0);
    to[6] += x > 0 ? fabs(v - (double)image[y * w + x - 1]) : 0;
    to[7] += y > 0 ? fabs(v - (double)image[(y - 1) * w + x]) : 0;
}

void an_texture_at(const float *x, const double *sums, size_t height, size_t width, size_t coarse, size_t row,
                   size_t column, float ret[static AN_TEXTURE])
{
    double all[AN_TEXTURE] = {0};
    size_t n = 0;
    for (size_t i = 0; i < coarse * coarse; i++) {
        const size_t v = row * coarse + i / coarse, u = column * coarse + i % coarse;
        if (v >= height || u >= width)
            continue;
        add_pixel(x, sums, height, width, v, u, all);
        n++;
    }
    for (size_t i = 0; i < AN_TEXTURE; i++)
        ret[i] = (float)(all[i] / (double)n);
}

void an_texture(const float *x, size_t height, size_t width, size_t coarse, double *sums, float *ret)
{
    const size_t rows = (height + coarse - 1) / coarse, columns = (width + coarse - 1) / coarse;
    an_texture_sums(x, height, width, sums);
    for (size_t k = 0; k < rows * columns; k++)
        an_texture_at(x, sums, height, width, coarse, k / columns, k % columns, ret + k * AN_TEXTURE);
}
