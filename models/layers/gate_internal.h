/* gate_internal.h - gates by channel, which squeeze_excite and channel_attention share: each channel is
 * multiplied by a number in 0..1 that two small dense layers work out from the means (and maxima) of
 * all channels.
 *
 *     s (C) -> relu(s w1 + b1) (R) -> w2 + b2 (C) -> sum over mean and maximum -> sigmoid = gate */
#ifndef AN_MODELS_LAYERS_GATE_INTERNAL_H
#define AN_MODELS_LAYERS_GATE_INTERNAL_H

#include "models/layer.h"

typedef struct an_gate {
    size_t places, c, hidden;
    size_t looks; /* 1: the mean; 2: the maximum too, through the same weights */
} an_gate;

/* ratio: C / R. */
an_gate an_gate_of(const an_layer *l, size_t ratio, size_t looks);
/* Shape, weights, memory.  Errors: INVAL a flat input. */
an_err an_gate_sizes(an_layer *l, size_t ratio, size_t looks, an_note *why);
double an_gate_flops(const an_layer *l, size_t looks);
void an_gate_forward(const an_gate *g, const an_layer *l, const an_pass *p, const float *w, const float *x,
                     float *y);
void an_gate_backward(const an_gate *g, const an_layer *l, const an_pass *p, const float *w, const float *x,
                      const float *dy, float *dx, float *dw);

#endif
