/* conv_internal.h - what conv1d and conv2d share: a sequence is an image of height 1. */
#ifndef AN_MODELS_LAYERS_CONV_INTERNAL_H
#define AN_MODELS_LAYERS_CONV_INTERNAL_H

#include "models/layer.h"

typedef struct an_conv {
    size_t h, w, c;   /* input */
    size_t kh, kw;    /* kernel */
    size_t sh, sw;    /* stride */
    size_t top, left; /* zeros around the input */
    size_t oh, ow, f; /* output */
    size_t g;         /* groups of channels; above 1: conv_groups_internal.h */
    bool tiles;       /* passes with prepared weights go by conv_tiles_internal.h */
} an_conv;

/* Positions of a kernel of k over n values.  same: ceil(n / stride), zeros added, the odd one
 * at the end; valid: none added; 0 when the kernel does not fit.  *ret_before: zeros before the
 * first value. */
size_t an_conv_positions(size_t n, size_t k, size_t stride, bool same, size_t *ret_before);

void an_conv_sizes(an_layer *l, const an_conv *c); /* w (kh, kw, c, f), b (f), memory */
void an_conv_prepare(const an_conv *c, const float *w, float *prepared);
void an_conv_forward(const an_layer *l, const an_pass *p, const an_conv *c, const float *w, const float *x,
                     float *y);
void an_conv_backward(const an_layer *l, const an_pass *p, const an_conv *c, const float *w, const float *x,
                      const float *dy, float *dx, float *dw);

#endif
