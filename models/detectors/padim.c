/* What is usual at each place of an image, without a network (padim.h): windows are grey images, a row of the window a row of
 * pixels.  Fixed features (texture.h) of each place are held against their Gaussian at that place.
 *
 * An image has at most PLACES_MOST places, each as many pixels along a side as that takes.  A place's surprise is its squared distance
 * per feature, 1 on average over what it was made from; the score is the highest mean of 3 x 3 neighbouring places, so that a single
 * odd pixel says little.  A sensor is a column of pixels: its part is how far the light of its oddest place is from usual, squared, which
 * names columns alone; parts do not add up to the score.  Where the fault is, the map says.
 *
 * State and sums: padim.h, of all places. */
#include <math.h>

#include "base/mem.h"
#include "models/detector.h"
#include "models/padim.h"
#include "models/texture.h"

#define PLACES_MOST 1024
#define RIDGE 0.01

typedef struct grid {
    size_t height, width, coarse, rows, columns; /* pixels; of a place; places */
} grid;

static grid grid_of(uint32_t window, uint32_t features)
{
    grid g = {window, features, 0, PLACES_MOST, PLACES_MOST};
    while (g.rows * g.columns > PLACES_MOST) {
        g.coarse++;
        g.rows = (window + g.coarse - 1) / g.coarse;
        g.columns = (features + g.coarse - 1) / g.coarse;
    }
    return g;
}

static size_t n_state(uint32_t window, uint32_t features)
{
    const grid g = grid_of(window, features);
    return g.rows * g.columns * an_padim_values(AN_TEXTURE);
}

static size_t n_scratch(uint32_t window, uint32_t features)
{
    const grid g = grid_of(window, features);
    return (g.height + 1) * (g.width + 1) + 2 * g.rows * g.columns;
}

static an_err add(const an_detector *d, const float *x, const float *y, size_t n, double *sums)
{
    const grid g = grid_of(d->window, d->features);
    const size_t each = an_padim_values(AN_TEXTURE);
    float seen[AN_TEXTURE];
    double *scratch = an_alloc((g.height + 1) * (g.width + 1), sizeof *scratch);
    (void)y;
    if (!scratch)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++, x += g.height * g.width) {
        an_texture_sums(x, g.height, g.width, scratch);
        for (size_t k = 0; k < g.rows * g.columns; k++) {
            an_texture_at(x, scratch, g.height, g.width, g.coarse, k / g.columns, k % g.columns, seen);
            an_padim_add(sums + k * each, AN_TEXTURE, seen);
        }
    }
    an_free(scratch);
    return AN_OK;
}

static an_err from_sums(an_detector *d, uint64_t n, const double *sums, an_note *why)
{
    return an_padim_fit(sums, (double)n, d->n_state / an_padim_values(AN_TEXTURE), AN_TEXTURE, RIDGE,
                        d->state, why);
}

static an_err fit(an_detector *d, const float *x, const float *y, size_t n, an_note *why)
{
    double *sums = an_alloc(d->n_state, sizeof *sums);
    an_err err = sums ? add(d, x, y, n, sums) : AN_ERR_NOMEM;
    if (err == AN_OK)
        err = from_sums(d, n, sums, why);
    an_free(sums);
    return err;
}

/* Behind the sums of the image in scratch: how odd each place is, and how odd its light. */
typedef struct places {
    double *odd, *light; /* (places) each */
} places;

static places look(const an_detector *d, const grid *g, const float *x, double *scratch)
{
    const size_t each = an_padim_values(AN_TEXTURE), n = g->rows * g->columns;
    const places p = {scratch + (g->height + 1) * (g->width + 1),
                      scratch + (g->height + 1) * (g->width + 1) + n};
    float seen[AN_TEXTURE];
    an_texture_sums(x, g->height, g->width, scratch);
    for (size_t k = 0; k < n; k++) {
        an_texture_at(x, scratch, g->height, g->width, g->coarse, k / g->columns, k % g->columns, seen);
        p.odd[k] = an_padim_square(d->state + k * each, AN_TEXTURE, seen) / AN_TEXTURE;
        p.light[k] = an_padim_first(d->state + k * each, AN_TEXTURE, seen);
    }
    return p;
}

static double around(const grid *g, const double *odd, size_t row, size_t column)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = row ? row - 1 : 0; i < row + 2 && i < g->rows; i++)
        for (size_t k = column ? column - 1 : 0; k < column + 2 && k < g->columns; k++, n++)
            sum += odd[i * g->columns + k];
    return sum / (double)n;
}

static float score(const an_detector *d, const float *x, const float *y, float *contributions,
                   double *scratch)
{
    const grid g = grid_of(d->window, d->features);
    const places p = look(d, &g, x, scratch);
    double highest = 0;
    (void)y;
    for (size_t j = 0; contributions && j < d->features; j++) {
        contributions[j] = 0;
        for (size_t i = 0; i < g.rows; i++)
            contributions[j] = fmaxf(contributions[j], (float)p.light[i * g.columns + j / g.coarse]);
    }
    for (size_t k = 0; k < g.rows * g.columns; k++) {
        const double v = around(&g, p.odd, k / g.columns, k % g.columns);
        if (isnan(v))
            return NAN;
        highest = fmax(highest, v);
    }
    return (float)highest;
}

static void map(const an_detector *d, const float *x, float *ret, double *scratch)
{
    const grid g = grid_of(d->window, d->features);
    const places p = look(d, &g, x, scratch);
    for (size_t i = 0; i < g.height * g.width; i++)
        ret[i] = (float)p.odd[i / g.width / g.coarse * g.columns + i % g.width / g.coarse];
}

static bool check(const an_detector *d)
{
    const size_t each = an_padim_values(AN_TEXTURE);
    for (size_t k = 0; k < d->n_state; k += each)
        if (!an_padim_check(d->state + k, AN_TEXTURE))
            return false;
    return true;
}

const an_detector_type an_detector_padim = {
    .name = "padim",
    .meaning = "the oddest place of a grey image, by what is usual there",
    .n_state = n_state,
    .n_scratch = n_scratch,
    .fit = fit,
    .score = score,
    .check = check,
    .map = map,
    .n_sums = n_state,
    .add = add,
    .from_sums = from_sums,
};
