#include "models/bank.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

#define NEIGHBOURS 9   /* of the nearest, that say how usual it is itself */
#define FILTER_SEED 17 /* the same filters everywhere */
#define SIDE 5         /* of a filter */

struct an_bank {
    size_t n, f;
    float *x;       /* (n, f), in units of scale */
    float *scale;   /* (f) 1 / standard deviation */
    size_t *chosen; /* (n) */
};

void an_bank_free(an_bank *b)
{
    if (!b)
        return;
    an_free(b->x);
    an_free(b->scale);
    an_free(b->chosen);
    an_free(b);
}

size_t an_bank_size(const an_bank *b)
{
    return b->n;
}

const size_t *an_bank_chosen(const an_bank *b)
{
    return b->chosen;
}

/* A feature that never differs says nothing. */
static void find_scale(const float *x, size_t n, size_t f, float *ret)
{
    for (size_t j = 0; j < f; j++) {
        double mean = 0, square = 0;
        for (size_t i = 0; i < n; i++)
            mean += (double)x[i * f + j] / (double)n;
        for (size_t i = 0; i < n; i++) {
            const double d = (double)x[i * f + j] - mean;
            square += d * d / (double)n;
        }
        ret[j] = square > 1e-12 ? (float)(1 / sqrt(square)) : 0;
    }
}

/* row: in units of scale already; x: not. */
static float apart(const an_bank *b, const float *row, const float *x)
{
    float sum = 0;
    for (size_t j = 0; j < b->f; j++) {
        const float d = row[j] - x[j] * b->scale[j];
        sum += d * d;
    }
    return sum;
}

static void keep(an_bank *b, const float *x, size_t i)
{
    for (size_t j = 0; j < b->f; j++)
        b->x[b->n * b->f + j] = x[i * b->f + j] * b->scale[j];
    b->chosen[b->n++] = i;
}

/* least (n): how far each is from all that stay.  Ties go to the first; what is there already is not kept twice. */
static void choose(an_bank *b, const float *x, size_t n, size_t most, uint64_t seed, float *least)
{
    an_rng r;
    an_rng_init(&r, seed, 0);
    for (size_t i = 0; i < n; i++)
        least[i] = FLT_MAX;
    for (size_t next = an_rng_below(&r, n); b->n < most;) {
        keep(b, x, next);
        const float *row = b->x + (b->n - 1) * b->f;
        size_t far = 0;
        for (size_t i = 0; i < n; i++) {
            const float d = apart(b, row, x + i * b->f);
            least[i] = d < least[i] ? d : least[i];
            far = least[i] > least[far] ? i : far;
        }
        if (!(least[far] > 0))
            return;
        next = far;
    }
}

an_err an_bank_new(const float *x, size_t n, size_t features, size_t most, uint64_t seed, an_bank **ret)
{
    if (n == 0 || features == 0 || most == 0)
        return AN_ERR_INVAL;
    if (features > AN_BANK_FEATURES_MAX || most > AN_BANK_KEEP_MAX)
        return AN_ERR_LIMIT;
    an_bank *b = an_alloc(1, sizeof *b);
    float *least = an_alloc(n, sizeof *least);
    most = most < n ? most : n;
    if (b) {
        b->f = features;
        b->x = an_alloc(most * features, sizeof *b->x);
        b->scale = an_alloc(features, sizeof *b->scale);
        b->chosen = an_alloc(most, sizeof *b->chosen);
    }
    if (!b || !least || !b->x || !b->scale || !b->chosen) {
        an_bank_free(b);
        an_free(least);
        return AN_ERR_NOMEM;
    }
    find_scale(x, n, features, b->scale);
    choose(b, x, n, most, seed, least);
    an_free(least);
    *ret = b;
    return AN_OK;
}

static size_t nearest(const an_bank *b, const float *x, float *ret)
{
    size_t best = 0;
    *ret = FLT_MAX;
    for (size_t i = 0; i < b->n; i++) {
        const float d = apart(b, b->x + i * b->f, x);
        if (d < *ret) {
            *ret = d;
            best = i;
        }
    }
    return best;
}

void an_bank_map(const an_bank *b, const float *x, size_t n, float *map)
{
    for (size_t i = 0; i < n; i++) {
        (void)nearest(b, x + i * b->f, &map[i]);
        map[i] = sqrtf(map[i]);
    }
}

static double between(const an_bank *b, size_t i, size_t k)
{
    double sum = 0;
    for (size_t j = 0; j < b->f; j++) {
        const double d = (double)b->x[i * b->f + j] - (double)b->x[k * b->f + j];
        sum += d * d;
    }
    return sum;
}

/* 1 - softmax of the distances of x to the nearest and its neighbours, at the nearest: rows `near` (m), itself the first. */
static double weight_of(const an_bank *b, const float *x, const size_t *near, size_t m)
{
    double sum = 0, first = 0;
    for (size_t k = 0; k < m; k++) {
        const double d = sqrt((double)apart(b, b->x + near[k] * b->f, x));
        first = k == 0 ? d : first;
        sum += exp(d - first); /* none is nearer than the first */
    }
    return 1 - 1 / sum;
}

static double reweigh(const an_bank *b, const float *x, size_t at)
{
    size_t near[NEIGHBOURS], m = 0;
    double far[NEIGHBOURS];
    for (size_t i = 0; i < b->n; i++) {
        const double d = i == at ? -1 : between(b, at, i); /* itself the first */
        size_t k = m < NEIGHBOURS ? m++ : NEIGHBOURS;
        if (k == NEIGHBOURS && d >= far[NEIGHBOURS - 1])
            continue;
        for (k = k < NEIGHBOURS ? k : NEIGHBOURS - 1; k > 0 && far[k - 1] > d; k--) {
            far[k] = far[k - 1];
            near[k] = near[k - 1];
        }
        far[k] = d;
        near[k] = i;
    }
    return m > 1 ? weight_of(b, x, near, m) : 1;
}

double an_bank_score(const an_bank *b, const float *x, size_t n)
{
    size_t worst = 0, at = 0;
    float most = -1;
    for (size_t i = 0; i < n; i++) {
        float d = 0;
        const size_t k = nearest(b, x + i * b->f, &d);
        if (d > most) {
            most = d;
            worst = i;
            at = k;
        }
    }
    return n > 0 ? sqrt((double)most) * reweigh(b, x + worst * b->f, at) : 0;
}

/* ---- fixed features ---- */

/* Weights of sum 0: light alone does not move them. */
static void make_filters(float ret[AN_BANK_FILTERS][SIDE * SIDE])
{
    an_rng r;
    an_rng_init(&r, FILTER_SEED, 0);
    for (size_t k = 0; k < AN_BANK_FILTERS; k++) {
        double mean = 0;
        for (size_t i = 0; i < SIDE * SIDE; i++) {
            ret[k][i] = (float)(an_rng_normal(&r) / SIDE);
            mean += (double)ret[k][i] / (SIDE * SIDE);
        }
        for (size_t i = 0; i < SIDE * SIDE; i++)
            ret[k][i] -= (float)mean;
    }
}

static size_t clamp(ptrdiff_t at, size_t n)
{
    return at < 0 ? 0 : at >= (ptrdiff_t)n ? n - 1 : (size_t)at;
}

/* One pixel's rectified answers, added to ret. */
static void filter(const float *x, size_t h, size_t w, size_t y, size_t u,
                   float filters[AN_BANK_FILTERS][SIDE * SIDE], float share, float *ret)
{
    float part[SIDE * SIDE];
    for (size_t i = 0; i < SIDE * SIDE; i++)
        part[i] = x[clamp((ptrdiff_t)(y + i / SIDE) - SIDE / 2, h) * w +
                    clamp((ptrdiff_t)(u + i % SIDE) - SIDE / 2, w)];
    for (size_t k = 0; k < AN_BANK_FILTERS; k++) {
        float sum = 0;
        for (size_t i = 0; i < SIDE * SIDE; i++)
            sum += part[i] * filters[k][i];
        ret[k] += sum > 0 ? share * sum : 0;
    }
}

/* Means over a place and those around it, as far as there are any. */
static void around(const float *from, size_t height, size_t width, float *ret)
{
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            float *to = ret + (y * width + x) * AN_BANK_FIXED;
            const size_t y0 = y ? y - 1 : 0, x0 = x ? x - 1 : 0;
            float n = 0;
            memset(to, 0, AN_BANK_FIXED * sizeof *to);
            for (size_t v = y0; v <= y + 1 && v < height; v++)
                for (size_t u = x0; u <= x + 1 && u < width; u++, n++)
                    for (size_t k = 0; k < AN_BANK_FIXED; k++)
                        to[k] += from[(v * width + u) * AN_BANK_FIXED + k];
            for (size_t k = 0; k < AN_BANK_FIXED; k++)
                to[k] /= n;
        }
}

void an_bank_fixed(const float *x, size_t height, size_t width, size_t coarse, double *scratch, float *spare,
                   float *ret)
{
    float filters[AN_BANK_FILTERS][SIDE * SIDE];
    const size_t h = height * coarse, w = width * coarse;
    const float share = 1 / (float)(coarse * coarse);
    make_filters(filters);
    an_texture(x, height * coarse, width * coarse, coarse, scratch, ret); /* ret has room for it */
    for (size_t i = 0; i < height * width; i++) {
        memcpy(spare + i * AN_BANK_FIXED, ret + i * AN_TEXTURE, AN_TEXTURE * sizeof *ret);
        memset(spare + i * AN_BANK_FIXED + AN_TEXTURE, 0, AN_BANK_FILTERS * sizeof *ret);
    }
    for (size_t y = 0; y < h; y++)
        for (size_t u = 0; u < w; u++)
            filter(x, h, w, y, u, filters, share,
                   spare + (y / coarse * width + u / coarse) * AN_BANK_FIXED + AN_TEXTURE);
    around(spare, height, width, ret);
}
