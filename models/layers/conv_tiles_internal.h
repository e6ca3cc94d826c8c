/* conv_tiles_internal.h - convolutions of 3 x 3 with stride 1 by tiles of 4 x 4 outputs, with a quarter
 * to a half of the direct route's multiplications (vec.h, an_vec_tiles).
 *
 * Only for passes with prepared weights, which hold the kernel's planes: to make them takes about as
 * long as the tiles of one image save. */
#ifndef AN_MODELS_LAYERS_CONV_TILES_INTERNAL_H
#define AN_MODELS_LAYERS_CONV_TILES_INTERNAL_H

#include "models/layers/conv_internal.h"

bool an_conv_tiles_pay(const an_conv *c);        /* whether to go this way at all */
size_t an_conv_tiles_prepared(const an_conv *c); /* floats */
size_t an_conv_tiles_scratch(const an_conv *c);  /* floats, for any number of rows */

/* turned: the kernel turned round (conv_internal.c). */
void an_conv_tiles_prepare(const an_conv *c, const float *w, const float *turned, float *prepared);
void an_conv_tiles_forward(const an_layer *l, const an_pass *p, const an_conv *c, const float *prepared,
                           const float *bias, const float *x, float *y);
void an_conv_tiles_inputs(const an_layer *l, const an_pass *p, const an_conv *c, const float *prepared,
                          const float *x, const float *dy, float *dx);
void an_conv_tiles_weights(const an_layer *l, const an_pass *p, const an_conv *c, const float *x,
                           const float *dy, float *dw);

#endif
