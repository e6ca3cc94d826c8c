/* pool_internal.h - what max_pool1d and max_pool2d share: a sequence is an image of height 1.
 */
#ifndef AN_MODELS_LAYERS_POOL_INTERNAL_H
#define AN_MODELS_LAYERS_POOL_INTERNAL_H

#include "models/layer.h"

typedef struct an_pool {
    size_t h, w, c; /* input */
    size_t kh, kw;  /* window */
    size_t sh, sw;  /* stride */
    size_t oh, ow;  /* output */
} an_pool;

size_t an_pool_positions(size_t n, size_t k, size_t stride); /* whole windows; 0: does not fit */
void an_pool_forward(const an_pool *p, size_t batch, const float *x, float *y);
/* scratch (c) */
void an_pool_backward(const an_pool *p, size_t batch, const float *x, const float *y, const float *dy,
                      float *dx, float *scratch);

#endif
