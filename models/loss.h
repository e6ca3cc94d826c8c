/* loss.h - loss functions: how wrong a row of outputs is, and the gradient of that.
 *
 * One file in losses/, one row in losses.def.  A row's loss is
 *     mse            mean over the outputs of (y - t)^2
 *     cross_entropy  -log softmax(y)[t], t the number of the class as a float
 *
 *     const an_loss *loss = an_loss_find("mse");
 *     double sum = loss->eval(B, n, y, t, dy);
 *
 * Threads: pure; call from anywhere. */
#ifndef AN_MODELS_LOSS_H
#define AN_MODELS_LOSS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct an_loss {
    const char *name;
    bool classes; /* the target is one class number per row; else n_outputs floats per row */

    /* The sum of the rows' losses for y (batch, n) and t (batch, n) or (batch, 1).  Writes the
     * gradient of that sum to dy (batch, n) unless dy is NULL; dy may be y.  A class that
     * is not one counts as class 0: an_train refuses such targets before it starts. */
    double (*eval)(size_t batch, size_t n, const float *y, const float *t, float *dy);
} an_loss;

const an_loss *an_loss_find(const char *name); /* NULL: no such loss */
const an_loss *an_loss_at(size_t i);           /* the table in order; NULL past its end */

#endif
