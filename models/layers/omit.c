/* A part of the input that the model is not to see, in training and in use: it is set to 0, which is the mean of what was
 * scaled.  With `insert` a model answers for sensors from the others (a soft sensor: Kadlec, Gabrys, Strandt 2009), or for
 * the last rows of a window from those before them:
 *
 *     layers:
 *       - omit: {column: 10}                           the quality is not looked at
 *       - dense: {units: 32}
 *       - relu
 *       - dense: {units: 1, name: quality}
 *       - insert: {column: 10, from: [input, quality]}
 *     loss: mse
 *     target: input
 *
 * What such a model leaves over is the answer's error alone, so whatever scores windows scores that. */
#include "models/layers/part_internal.h"

#include <string.h>

static const an_layer_opt opts[] = {AN_PART_OPTIONS, {0}};

an_part an_part_of(const an_layer *l)
{
    const size_t rows = l->in.n_dims == 2 ? l->in.d[0] : 1;
    an_part p = {.at = (size_t)l->opt[AN_PART_COLUMN], .all = l->in.d[l->in.n_dims - 1]};
    p.rows = l->opt[AN_PART_ROWS] > 0 ? (size_t)l->opt[AN_PART_ROWS] : rows;
    p.row = rows - p.rows;
    p.wide = l->opt[AN_PART_COLUMNS] > 0 ? (size_t)l->opt[AN_PART_COLUMNS] : p.all - p.at;
    return p;
}

an_err an_part_check(const an_layer *l, an_note *why)
{
    char text[AN_SHAPE_TEXT];
    an_shape_text(text, &l->in);
    if (l->in.n_dims > 2)
        return an_fail(AN_ERR_INVAL, why, "%s takes a row or a window of sensors, not %s", l->type->name,
                       text);
    const double rows = l->in.n_dims == 2 ? (double)l->in.d[0] : 1, wide = (double)l->in.d[l->in.n_dims - 1];
    const double column = l->opt[AN_PART_COLUMN], columns = l->opt[AN_PART_COLUMNS];
    if (l->opt[AN_PART_ROWS] > rows)
        return an_fail(AN_ERR_INVAL, why, "%s: rows: %.0f, and the input is %s", l->type->name,
                       l->opt[AN_PART_ROWS], text);
    if (column >= wide || column + columns > wide)
        return an_fail(AN_ERR_INVAL, why, "%s: columns %.0f to %.0f, counted from 0, and the input is %s",
                       l->type->name, column, column + (columns > 0 ? columns : 1) - 1, text);
    return AN_OK;
}

static an_err sizes(an_layer *l, an_note *why)
{
    l->out = l->in;
    return an_part_check(l, why);
}

static void omit(const an_layer *l, size_t batch, const float *x, float *y)
{
    const an_part p = an_part_of(l);
    if (y != x)
        memcpy(y, x, batch * l->in_n * sizeof *y);
    for (size_t b = 0; b < batch; b++)
        for (size_t i = p.row; i < p.row + p.rows; i++)
            memset(y + b * l->in_n + i * p.all + p.at, 0, p.wide * sizeof *y);
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    omit(l, p->batch, x[0], y);
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)x;
    (void)y;
    (void)dw;
    if (dx[0])
        omit(l, p->batch, dy, dx[0]);
}

const an_layer_type an_layer_omit = {
    .name = "omit", .opts = opts, .in_place = true, .sizes = sizes, .forward = forward, .backward = backward};
