/* pool_internal.h - what the pools share: a sequence is an image of height 1. */
#ifndef AN_MODELS_LAYERS_POOL_INTERNAL_H
#define AN_MODELS_LAYERS_POOL_INTERNAL_H

#include "models/layer.h"

typedef struct an_pool {
    size_t h, w, c; /* input */
    size_t kh, kw;  /* window */
    size_t sh, sw;  /* stride */
    size_t oh, ow;  /* output */
} an_pool;

extern const an_layer_opt an_pool_opts[]; /* size; stride: 0 for as size */

an_pool an_pool_of(const an_layer *l);
/* Shapes of a pool over inputs of n_dims dimensions, and scratch for one place.  Errors: INVAL. */
an_err an_pool_sizes(an_layer *l, size_t n_dims, an_note *why);

void an_max_pool_forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                         float *y);
void an_max_pool_backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                          const float *y, const float *dy, float *const dx[], float *dw);
void an_avg_pool_forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                         float *y);
void an_avg_pool_backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                          const float *y, const float *dy, float *const dx[], float *dw);
/* x (h, w, c) and y, dy (oh, ow, c) for one row; scratch (c).  slope: of the activation that made x and
 * whose derivative is multiplied in, 1 for none. */
void an_pool_max(const an_pool *p, const float *x, float *y);
void an_pool_max_back(const an_pool *p, const float *x, const float *y, const float *dy, float slope,
                      float *dx, float *scratch);

#endif
