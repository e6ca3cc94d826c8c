/* conv_groups_internal.h - convolutions whose channels fall into groups that do not see each other:
 * filter j reads the c / g channels of group j / (f / g).  w (kh, kw, c / g, f), b (f). */
#ifndef AN_MODELS_LAYERS_CONV_GROUPS_INTERNAL_H
#define AN_MODELS_LAYERS_CONV_GROUPS_INTERNAL_H

#include "models/layers/conv_internal.h"

/* Weights and memory.  Errors: INVAL c->g does not divide channels and filters. */
an_err an_conv_groups_sizes(an_layer *l, const an_conv *c, an_note *why);
void an_conv_groups_forward(const an_layer *l, const an_pass *p, const an_conv *c, const float *w,
                            const float *x, float *y);
void an_conv_groups_backward(const an_layer *l, const an_pass *p, const an_conv *c, const float *w,
                             const float *x, const float *dy, float *dx, float *dw);

/* One filter for each channel, for one image: y (oh, ow, c) from x (h, w, c). */
void an_conv_depth_forward(const an_conv *c, const float *w, const float *bias, const float *x, float *y);
void an_conv_depth_inputs(const an_conv *c, const float *w, const float *dy, float *dx);
void an_conv_depth_weights(const an_conv *c, const float *x, const float *dy, float *dw); /* adds */

#endif
