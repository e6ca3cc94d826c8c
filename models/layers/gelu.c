/* y = x P(x) with the normal distribution P(x) = (1 + erf(x / sqrt 2)) / 2 (Hendrycks and Gimpel
 * 2016); y' = P(x) + x p(x) with its density p. */
#include "models/layer.h"

#include <math.h>

#define ROOT_HALF 0.70710678f       /* 1 / sqrt 2 */
#define DENSITY_OF_ZERO 0.39894228f /* 1 / sqrt(2 pi) */

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    for (size_t i = 0, n = p->batch * l->out_n; i < n; i++)
        y[i] = 0.5f * x[0][i] * (1.0f + erff(ROOT_HALF * x[0][i]));
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)y;
    (void)dw;
    if (!dx[0])
        return;
    for (size_t i = 0, n = p->batch * l->out_n; i < n; i++) {
        const float v = x[0][i], below = 0.5f * (1.0f + erff(ROOT_HALF * v));
        dx[0][i] = dy[i] * (below + v * DENSITY_OF_ZERO * expf(-0.5f * v * v));
    }
}

const an_layer_type an_layer_gelu = {.name = "gelu",
                                     .relu_like = true,
                                     .reads_x = true,
                                     .sizes = an_layer_same_shape,
                                     .forward = forward,
                                     .backward = backward};
