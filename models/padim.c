/* Sums about 0 would lose digits where a mean is large; features are of the order of 1, and sums are doubles. */
#include "models/padim.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define NEAR 2 /* pixels to each side */
#define FAR 6

struct an_padim {
    size_t height, width, places, f;
    double n;
    double *sums;     /* (places, f) */
    double *products; /* (places, f, f), lower triangles */
    /* Of the last fit: */
    double *mean;   /* (places, f) */
    double *factor; /* (places, f, f): L of cov = L L' */
};

an_err an_padim_new(size_t height, size_t width, size_t features, an_padim **ret)
{
    if (height == 0 || width == 0 || features == 0)
        return AN_ERR_INVAL;
    if (features > AN_PADIM_FEATURES_MAX || height > AN_PADIM_VALUES_MAX / width ||
        height * width > AN_PADIM_VALUES_MAX / (features * features))
        return AN_ERR_LIMIT;
    an_padim *p = an_alloc(1, sizeof *p);
    if (!p)
        return AN_ERR_NOMEM;
    *p = (an_padim){.height = height, .width = width, .places = height * width, .f = features};
    p->sums = an_alloc(p->places, features * sizeof *p->sums);
    p->mean = an_alloc(p->places, features * sizeof *p->mean);
    p->products = an_alloc(p->places * features, features * sizeof *p->products);
    p->factor = an_alloc(p->places * features, features * sizeof *p->factor);
    if (!p->sums || !p->mean || !p->products || !p->factor) {
        an_padim_free(p);
        return AN_ERR_NOMEM;
    }
    *ret = p;
    return AN_OK;
}

void an_padim_free(an_padim *p)
{
    if (!p)
        return;
    an_free(p->sums);
    an_free(p->mean);
    an_free(p->products);
    an_free(p->factor);
    an_free(p);
}

void an_padim_add(an_padim *p, const float *features)
{
    const size_t f = p->f;
    for (size_t k = 0; k < p->places; k++) {
        const float *x = features + k * f;
        double *products = p->products + k * f * f;
        for (size_t i = 0; i < f; i++) {
            p->sums[k * f + i] += (double)x[i];
            for (size_t j = 0; j <= i; j++)
                products[i * f + j] += (double)x[i] * (double)x[j];
        }
    }
    p->n++;
}

void an_padim_merge(an_padim *p, const an_padim *other)
{
    for (size_t i = 0; i < p->places * p->f; i++)
        p->sums[i] += other->sums[i];
    for (size_t i = 0; i < p->places * p->f * p->f; i++)
        p->products[i] += other->products[i];
    p->n += other->n;
}

size_t an_padim_count(const an_padim *p)
{
    return (size_t)p->n;
}

static double covariance(const an_padim *p, size_t k, size_t i, size_t j)
{
    const size_t f = p->f;
    return (p->products[(k * f + i) * f + j] - p->n * p->mean[k * f + i] * p->mean[k * f + j]) / (p->n - 1);
}

/* The lower factor of one place's covariance.  False: not positive definite. */
static bool factorise(an_padim *p, size_t k, const double *ridge)
{
    const size_t f = p->f;
    double *l = p->factor + k * f * f;
    for (size_t i = 0; i < f; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = covariance(p, k, i, j) + (i == j ? ridge[i] : 0);
            for (size_t m = 0; m < j; m++)
                sum -= l[i * f + m] * l[j * f + m];
            if (i == j && !(sum > 0))
                return false;
            l[i * f + j] = i == j ? sqrt(sum) : sum / l[j * f + j];
        }
    return true;
}

an_err an_padim_fit(an_padim *p, double ridge, an_note *why)
{
    double add[AN_PADIM_FEATURES_MAX] = {0};
    if (p->n < 2)
        return an_fail(AN_ERR_INVAL, why, "a map of what is usual needs two images at least");
    for (size_t i = 0; i < p->places * p->f; i++)
        p->mean[i] = p->sums[i] / p->n;
    for (size_t k = 0; k < p->places; k++)
        for (size_t i = 0; i < p->f; i++)
            add[i] += ridge * fmax(covariance(p, k, i, i), 0) / (double)p->places;
    for (size_t i = 0; i < p->f; i++)
        add[i] = fmax(add[i], 1e-12);
    for (size_t k = 0; k < p->places; k++)
        if (!factorise(p, k, add))
            return an_fail(AN_ERR_NUMERIC, why, "features at place %zu are not finite", k);
    return AN_OK;
}

void an_padim_map(const an_padim *p, const float *features, float *map)
{
    const size_t f = p->f;
    double z[AN_PADIM_FEATURES_MAX];
    for (size_t k = 0; k < p->places; k++) {
        const double *l = p->factor + k * f * f, *mean = p->mean + k * f;
        double square = 0;
        for (size_t i = 0; i < f; i++) { /* L z = x - mean */
            z[i] = (double)features[k * f + i] - mean[i];
            for (size_t j = 0; j < i; j++)
                z[i] -= l[i * f + j] * z[j];
            z[i] /= l[i * f + i];
            square += z[i] * z[i];
        }
        map[k] = (float)sqrt(square);
    }
}

/* ---- texture ---- */

/* Mean of the pixels up to r away, by sums (h + 1, w + 1) of all above and to the left. */
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

void an_padim_texture(const float *x, size_t height, size_t width, size_t coarse, double *scratch, float *ret)
{
    const size_t h = height * coarse, w = width * coarse;
    for (size_t i = 0; i <= w; i++)
        scratch[i] = 0;
    for (size_t y = 1; y <= h; y++) {
        double line = 0;
        scratch[y * (w + 1)] = 0;
        for (size_t i = 1; i <= w; i++) {
            line += (double)x[(y - 1) * w + i - 1];
            scratch[y * (w + 1) + i] = scratch[(y - 1) * (w + 1) + i] + line;
        }
    }
    for (size_t k = 0; k < height * width; k++) {
        double sums[AN_TEXTURE] = {0};
        for (size_t i = 0; i < coarse * coarse; i++)
            add_pixel(x, scratch, h, w, k / width * coarse + i / coarse, k % width * coarse + i % coarse,
                      sums);
        for (size_t i = 0; i < AN_TEXTURE; i++)
            ret[k * AN_TEXTURE + i] = (float)(sums[i] / (double)(coarse * coarse));
    }
}
