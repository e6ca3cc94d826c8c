/* recurrent_internal.h - what lstm and gru share: x (B, L, C) runs through gates (B, L, G H), which
 * the product of all inputs fills at once and each step completes with what the step before gave.
 *
 *     gates[b, t]  =  x[b, t] w + b  +  h[b, t - 1] u         w (C, G H), u (H, G H), b (G H)
 */
#ifndef AN_MODELS_LAYERS_RECURRENT_INTERNAL_H
#define AN_MODELS_LAYERS_RECURRENT_INTERNAL_H

#include "models/kernels/mm.h"
#include "models/kernels/vec.h"
#include "models/layer.h"

enum { AN_RECURRENT_UNITS, AN_RECURRENT_RETURN };
extern const an_layer_opt an_recurrent_opts[]; /* units, return: sequence | last */

typedef struct an_recurrent {
    size_t batch, steps, c, h, wide; /* wide: G H */
    bool whole;                      /* the output is the whole sequence, else the last step */
} an_recurrent;

an_recurrent an_recurrent_of(const an_layer *l, size_t batch, size_t gates);
/* Shapes, the weights w, u and b, and both transposed as prepared weights.  Errors: INVAL not a
 * sequence. */
an_err an_recurrent_sizes(an_layer *l, size_t gates, an_note *why);
void an_recurrent_prepare(const an_layer *l, size_t gates, const float *w, float *prepared);
double an_recurrent_flops(const an_layer *l); /* every weight at every step */

/* gates (B, L, G H) = x w + b */
void an_recurrent_inputs(const an_layer *l, const an_recurrent *r, const float *w, const float *x,
                         float *gates);
/* to (B, n of them) at step t += the h of the step before (at t - 1) times u; to is (B, L, to_wide). */
void an_recurrent_step(const an_recurrent *r, const float *h, const float *u, float *to, size_t to_wide,
                       size_t t);
/* y from h (B, L, H), where it is the last step alone; else h is y. */
void an_recurrent_output(const an_recurrent *r, const float *h, float *y);
/* dh (B, H) += what the output says of step t. */
void an_recurrent_output_back(const an_recurrent *r, const float *dy, float *dh, size_t t);
/* dw, db and dx of `inputs` from da (B, L, G H).  turned: w transposed. */
void an_recurrent_inputs_back(const an_layer *l, const an_recurrent *r, const float *turned, const float *x,
                              const float *da, float *dx, float *dw);
/* du += h[t - 1]^T da[t] over all t >= 1. */
void an_recurrent_weights_back(const an_recurrent *r, const float *h, const float *da, float *du);
/* dh (B, H) += da[t] u^T */
void an_recurrent_step_back(const an_recurrent *r, const float *turned, const float *da, float *dh, size_t t);

#endif
