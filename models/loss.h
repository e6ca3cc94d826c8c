/* loss.h - loss functions: how wrong a row of outputs is, and the gradient of that.
 *
 * One file in losses/, one row in losses.def.  For a row of outputs y and its target t:
 *
 *     mse            mean over the outputs of (y - t)^2
 *     mae            mean of |y - t|
 *     huber          mean of d^2 / 2 for d = |y - t| up to delta, delta (d - delta / 2) beyond
 *     ssim           1 - the mean structural similarity of two images
 *     bce            mean of the binary cross-entropy of sigmoid(y) and t in 0..1
 *     dice           1 - the overlap of sigmoid(y) and a mask t of 0 and 1
 *     cross_entropy  -log softmax(y)[t], t the number of the class as a float
 *     focal          the same, less for what is already right, by the factor (1 - softmax(y)[t])^gamma
 *     boxes          faults on a grid: which cells have one, where it ends, its class (models/boxes.h)
 *
 * The divergence of a variational autoencoder is a layer's (layers/gauss.c), which is added to any.
 *
 *     const an_loss *loss = an_loss_find("mse");
 *     an_loss_args args = an_loss_defaults(loss, &shape);
 *     double sum = loss->eval(&args, B, y, t, dy);
 *
 * In a model's text: `loss: huber` or `loss: {huber: {delta: 0.5}}`.
 *
 * Threads: pure; call from anywhere. */
#ifndef AN_MODELS_LOSS_H
#define AN_MODELS_LOSS_H

#include <stdbool.h>
#include <stddef.h>

#include "models/layer.h"

#define AN_LOSS_OPTS_MAX 4u

/* What a loss is used on. */
typedef struct an_loss_args {
    an_shape shape; /* of one row of outputs */
    size_t n;       /* floats in it */
    double opt[AN_LOSS_OPTS_MAX];
} an_loss_args;

typedef struct an_loss {
    const char *name;
    const an_layer_opt *opts; /* ended by a NULL key; NULL: none */

    /* What a target is.  None of them: n floats per row on the scale of the outputs. */
    bool classes; /* one class number per row; the outputs are scores before softmax */
    bool shares;  /* n floats in 0..1 per row; the outputs are scores before the sigmoid */
    bool grid;    /* a place of the output is a cell, its target as an_boxes_encode makes it */

    /* The sum of the rows' losses for y (batch, n) and t (batch, n) or (batch, 1).  Writes the
     * gradient of that sum to dy (batch, n), which overlaps neither y nor t, unless dy is NULL.  A
     * class that is not one counts as class 0: an_train refuses such targets before it starts. */
    double (*eval)(const an_loss_args *a, size_t batch, const float *y, const float *t, float *dy);
} an_loss;

const an_loss *an_loss_find(const char *name); /* NULL: no such loss */
const an_loss *an_loss_at(size_t i);           /* the table in order; NULL past its end */

an_loss_args an_loss_defaults(const an_loss *loss, const an_shape *shape);

#endif
