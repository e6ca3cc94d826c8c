/* Soft Dice loss (Milletari, Navab, Ahmadi 2016) for masks whose ones are few: with p = sigmoid(y)
 *
 *     1 - (2 sum p t + 1) / (sum p^2 + sum t^2 + 1)
 *
 * over one row; the ones keep an empty mask from dividing by 0. */
#include "models/loss.h"

#include <math.h>

static double sigmoid(float y)
{
    return 1.0 / (1.0 + exp(-(double)y));
}

static double eval_row(size_t n, const float *y, const float *t, float *dy)
{
    double both = 1.0, all = 1.0;
    for (size_t k = 0; k < n; k++) {
        const double p = sigmoid(y[k]), target = (double)t[k];
        both += 2.0 * p * target;
        all += p * p + target * target;
    }
    for (size_t k = 0; dy && k < n; k++) {
        const double p = sigmoid(y[k]);
        const double slope = 2.0 * ((double)t[k] * all - both * p) / (all * all); /* of the overlap in p */
        dy[k] = (float)(-slope * p * (1.0 - p));
    }
    return 1.0 - both / all;
}

static double eval(const an_loss_args *a, size_t batch, const float *y, const float *t, float *dy)
{
    double sum = 0.0;
    for (size_t i = 0; i < batch; i++)
        sum += eval_row(a->n, y + i * a->n, t + i * a->n, dy ? dy + i * a->n : NULL);
    return sum;
}

const an_loss an_loss_dice = {.name = "dice", .shares = true, .eval = eval};
