/* The first input with a part of it replaced by the second, row by row: what `omit` took out, as the model answers for it. */
#include "models/layers/part_internal.h"

#include <string.h>

static const an_layer_opt opts[] = {AN_PART_OPTIONS, {0}};

static an_err sizes(an_layer *l, an_note *why)
{
    an_err err = an_part_check(l, why);
    if (err != AN_OK)
        return err;
    const an_part p = an_part_of(l);
    if (l->n_inputs != 2 || l->inputs[1].n != p.rows * p.wide) {
        char text[AN_SHAPE_TEXT];
        an_shape_text(text, &l->inputs[l->n_inputs - 1].shape);
        return an_fail(AN_ERR_INVAL, why, "insert puts one layer of %zu values into another, not %s",
                       p.rows * p.wide, text);
    }
    l->out = l->in;
    return AN_OK;
}

static void forward(const an_layer *l, const an_pass *pass, const float *w, const float *const x[], float *y)
{
    (void)w;
    const an_part p = an_part_of(l);
    memcpy(y, x[0], pass->batch * l->out_n * sizeof *y);
    for (size_t b = 0; b < pass->batch; b++)
        for (size_t i = 0; i < p.rows; i++)
            memcpy(y + b * l->out_n + (p.row + i) * p.all + p.at, x[1] + (b * p.rows + i) * p.wide,
                   p.wide * sizeof *y);
}

static void backward(const an_layer *l, const an_pass *pass, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)x;
    (void)y;
    (void)dw;
    const an_part p = an_part_of(l);
    if (dx[0])
        memcpy(dx[0], dy, pass->batch * l->out_n * sizeof *dy);
    for (size_t b = 0; b < pass->batch; b++)
        for (size_t i = 0; i < p.rows; i++) {
            const size_t at = b * l->out_n + (p.row + i) * p.all + p.at;
            if (dx[1])
                memcpy(dx[1] + (b * p.rows + i) * p.wide, dy + at, p.wide * sizeof *dy);
            if (dx[0])
                memset(dx[0] + at, 0, p.wide * sizeof *dy);
        }
}

const an_layer_type an_layer_insert = {
    .name = "insert", .opts = opts, .joins = true, .sizes = sizes, .forward = forward, .backward = backward};
