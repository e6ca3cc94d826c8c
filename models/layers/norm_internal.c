/* Sums run along the channels, which lie side by side, so that the compiler makes vectors of them.
 * They are taken in parts of some places each, and the parts added, which keeps float32 exact enough
 * for tens of thousands of places. */
#include "models/layers/norm_internal.h"

#include <math.h>
#include <string.h>

#define PART 64u

size_t an_norm_places(const an_layer *l)
{
    return l->in_n / l->in.d[l->in.n_dims - 1];
}

void an_norm_weights(an_layer *l)
{
    const size_t c = l->in.d[l->in.n_dims - 1];
    l->out = l->in;
    l->weights[l->n_weights++] = an_layer_constant("gamma", AN_LAYER_START_ONE, c);
    l->weights[l->n_weights++] = an_layer_constant("beta", AN_LAYER_START_ZERO, c);
    l->n_scratch = AN_NORM_SCRATCH * c;
}

static void add_and_clear(size_t c, float *restrict sum, float *restrict part)
{
    for (size_t k = 0; k < c; k++) {
        sum[k] += part[k];
        part[k] = 0.0f;
    }
}

/* By channel: the sum of x - m, or of its square. */
static void sum_of(size_t n, size_t c, const float *x, const float *restrict m, bool square,
                   float *restrict sum, float *restrict part)
{
    memset(sum, 0, c * sizeof *sum);
    memset(part, 0, c * sizeof *part);
    for (size_t i = 0; i < n; i++, x += c) {
        if (square)
            for (size_t k = 0; k < c; k++)
                part[k] += (x[k] - m[k]) * (x[k] - m[k]);
        else
            for (size_t k = 0; k < c; k++)
                part[k] += x[k] - m[k];
        if (i % PART == PART - 1)
            add_and_clear(c, sum, part);
    }
    add_and_clear(c, sum, part);
}

/* Of the channels of group g. */
static double sum_group(const an_norm *s, size_t g, const float *of)
{
    const size_t each = s->c / s->groups;
    double sum = 0.0;
    for (size_t k = g * each; k < (g + 1) * each; k++)
        sum += (double)of[k];
    return sum;
}

static void spread(const an_norm *s, const float *of_groups, float *of_channels)
{
    const size_t each = s->c / s->groups;
    for (size_t k = 0; k < s->c; k++)
        of_channels[k] = of_groups[k / each];
}

void an_norm_apply(const an_norm *s, const float *x, float *y, const float *mean, const float *inverse)
{
    float *restrict scale = s->scratch;
    for (size_t k = 0; k < s->c; k++)
        scale[k] = inverse[k] * s->gamma[k];
    const float *restrict m = mean, *restrict b = s->beta;
    for (size_t i = 0; i < s->n; i++, x += s->c, y += s->c)
        for (size_t k = 0; k < s->c; k++)
            y[k] = (x[k] - m[k]) * scale[k] + b[k];
}

void an_norm_forward(const an_norm *s, const float *x, float *y, float *mean, float *inverse)
{
    const size_t c = s->c;
    const double n = (double)(s->n * (c / s->groups));
    float *m = s->scratch + c, *inv = m + c, *sum = inv + c, *part = sum + c;
    memset(m, 0, c * sizeof *m);
    sum_of(s->n, c, x, m, false, sum, part);
    for (size_t g = 0; g < s->groups; g++)
        mean[g] = (float)(sum_group(s, g, sum) / n);
    spread(s, mean, m);
    sum_of(s->n, c, x, m, true, sum, part);
    for (size_t g = 0; g < s->groups; g++)
        inverse[g] = (float)(1.0 / sqrt(sum_group(s, g, sum) / n + (double)s->eps));
    spread(s, inverse, inv);
    an_norm_apply(s, x, y, m, inv);
}

/* dbeta = sum of dy, dgamma = sum of dy (x - mean) inverse, by channel. */
static void sum_gradients(const an_norm *s, const float *x, const float *restrict m,
                          const float *restrict inv, const float *dy, float *restrict da, float *restrict db)
{
    memset(da, 0, s->c * sizeof *da);
    memset(db, 0, s->c * sizeof *db);
    for (size_t i = 0; i < s->n; i++, x += s->c, dy += s->c)
        for (size_t k = 0; k < s->c; k++) {
            da[k] += dy[k] * (x[k] - m[k]) * inv[k];
            db[k] += dy[k];
        }
}

/* With xh = (x - mean) inverse and N values in a group:
 * dx = inverse (gamma dy - sum(gamma dy) / N - xh sum(gamma dy xh) / N). */
void an_norm_backward(const an_norm *s, const float *x, const float *mean, const float *inverse,
                      const float *dy, float *dx, float *dgamma, float *dbeta)
{
    const size_t c = s->c, each = c / s->groups;
    const double n = (double)(s->n * each);
    float *restrict m = s->scratch, *restrict inv = m + c, *restrict da = inv + c, *restrict db = da + c;
    float *restrict along = db + c, *restrict even = along + c;
    spread(s, mean, m);
    spread(s, inverse, inv);
    sum_gradients(s, x, m, inv, dy, da, db);
    for (size_t k = 0; k < c; k++) {
        dgamma[k] += da[k];
        dbeta[k] += db[k];
    }
    if (!dx)
        return;
    for (size_t g = 0; g < s->groups; g++) {
        double sum_along = 0.0, sum_even = 0.0;
        for (size_t k = g * each; k < (g + 1) * each; k++) {
            sum_along += (double)s->gamma[k] * (double)da[k];
            sum_even += (double)s->gamma[k] * (double)db[k];
        }
        for (size_t k = g * each; k < (g + 1) * each; k++) {
            along[k] = (float)(sum_along / n);
            even[k] = (float)(sum_even / n);
        }
    }
    for (size_t i = 0; i < s->n; i++, x += c, dy += c, dx += c)
        for (size_t k = 0; k < c; k++)
            dx[k] = inv[k] * (s->gamma[k] * dy[k] - even[k] - (x[k] - m[k]) * inv[k] * along[k]);
}
