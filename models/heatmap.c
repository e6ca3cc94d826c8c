#include "models/heatmap.h"

#include <math.h>
#include <string.h>

#define REACH (4 * AN_HEATMAP_SIGMA_MAX + 1)
#define USUAL_FLOOR 1e-4 /* of values in 0..1: a pixel that never differs must not rule */

static double square_at(const float *x, const float *y, size_t pixel, size_t channels)
{
    double sum = 0.0;
    for (size_t c = 0; c < channels; c++) {
        const double r = (double)x[pixel * channels + c] - (double)y[pixel * channels + c];
        sum += r * r;
    }
    return sum / (double)channels;
}

void an_heatmap_residual(const float *x, const float *y, const float *usual, size_t height, size_t width,
                         size_t channels, float *map)
{
    for (size_t i = 0; i < height * width; i++) {
        const double unit = usual ? fmax((double)usual[i], USUAL_FLOOR) : 1.0;
        map[i] = (float)(square_at(x, y, i, channels) / unit);
    }
}

void an_heatmap_learn(const float *x, const float *y, size_t height, size_t width, size_t channels,
                      double *sum)
{
    for (size_t i = 0; i < height * width; i++)
        sum[i] += square_at(x, y, i, channels);
}

/* One line of n values, `step` apart, with weights (reach + 1) to either side. */
static void smooth_line(const float *from, float *to, size_t n, size_t step, const double *weights,
                        size_t reach)
{
    for (size_t i = 0; i < n; i++) {
        const size_t first = i > reach ? i - reach : 0, last = i + reach < n ? i + reach : n - 1;
        double sum = 0.0, total = 0.0;
        for (size_t k = first; k <= last; k++) {
            const double w = weights[k > i ? k - i : i - k];
            sum += w * (double)from[k * step];
            total += w;
        }
        to[i * step] = (float)(sum / total);
    }
}

void an_heatmap_smooth(float *map, size_t height, size_t width, double sigma, float *scratch)
{
    double weights[REACH + 1];
    const double s = fmin(sigma, (double)AN_HEATMAP_SIGMA_MAX);
    if (!(s > 0))
        return;
    const size_t reach = (size_t)(4 * s + 0.5);
    for (size_t k = 0; k <= reach; k++)
        weights[k] = exp(-0.5 * (double)k * (double)k / (s * s));
    for (size_t y = 0; y < height; y++)
        smooth_line(map + y * width, scratch + y * width, width, 1, weights, reach);
    for (size_t x = 0; x < width; x++)
        smooth_line(scratch + x, map + x, height, width, weights, reach);
}

float an_heatmap_peak(const float *map, size_t height, size_t width)
{
    float peak = -INFINITY;
    for (size_t i = 0; i < height * width; i++) {
        if (!isfinite(map[i]))
            return NAN;
        peak = map[i] > peak ? map[i] : peak;
    }
    return peak;
}

/* ---- boxes ---- */

typedef struct search {
    const float *map;
    size_t height, width;
    double threshold;
    uint32_t *seen;  /* (height, width) */
    uint32_t *stack; /* (height, width): each pixel is on it once */
    size_t n_stack;
} search;

static void visit(search *s, size_t x, size_t y)
{
    const size_t at = y * s->width + x;
    if (s->seen[at] || !((double)s->map[at] > s->threshold))
        return;
    s->seen[at] = 1;
    s->stack[s->n_stack++] = (uint32_t)at;
}

static void take_pixel(an_heatmap_box *b, size_t x, size_t y, double value)
{
    b->x0 = x < b->x0 ? x : b->x0;
    b->y0 = y < b->y0 ? y : b->y0;
    b->x1 = x > b->x1 ? x : b->x1;
    b->y1 = y > b->y1 ? y : b->y1;
    b->area++;
    b->mean += value;
    /* The first of equal ones, from the top left, whatever the order of the search. */
    const int before = y < b->peak_y || (y == b->peak_y && x < b->peak_x);
    if (value > b->peak || (value >= b->peak && before)) {
        b->peak = value;
        b->peak_x = x;
        b->peak_y = y;
    }
}

static an_heatmap_box flood(search *s, size_t x, size_t y)
{
    an_heatmap_box b = {.x0 = x, .y0 = y, .x1 = x, .y1 = y, .peak = -(double)INFINITY};
    visit(s, x, y);
    while (s->n_stack > 0) {
        const size_t at = s->stack[--s->n_stack], px = at % s->width, py = at / s->width;
        take_pixel(&b, px, py, (double)s->map[at]);
        for (size_t ny = py > 0 ? py - 1 : 0; ny <= py + 1 && ny < s->height; ny++)
            for (size_t nx = px > 0 ? px - 1 : 0; nx <= px + 1 && nx < s->width; nx++)
                visit(s, nx, ny);
    }
    b.mean /= (double)b.area;
    return b;
}

/* Into the list, the highest peak first; they come from the top left, so that equal ones stay in that order. */
static void keep(an_heatmap_box *boxes, size_t *n, size_t most, const an_heatmap_box *b)
{
    size_t at = *n;
    while (at > 0 && boxes[at - 1].peak < b->peak)
        at--;
    if (at == most)
        return;
    *n += *n < most;
    for (size_t k = *n - 1; k > at; k--)
        boxes[k] = boxes[k - 1];
    boxes[at] = *b;
}

size_t an_heatmap_boxes(const float *map, size_t height, size_t width, double threshold, size_t least,
                        an_heatmap_box *boxes, size_t most, uint32_t *labels)
{
    search s = {.map = map,
                .height = height,
                .width = width,
                .threshold = threshold,
                .seen = labels,
                .stack = labels + height * width};
    size_t all = 0, n = 0;
    memset(s.seen, 0, height * width * sizeof *s.seen);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            const size_t at = y * width + x;
            if (s.seen[at] || !((double)map[at] > threshold))
                continue;
            const an_heatmap_box b = flood(&s, x, y);
            if (b.area < least)
                continue;
            all++;
            keep(boxes, &n, most, &b);
        }
    return all;
}
