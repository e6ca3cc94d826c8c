/* recurrent_internal.h - what lstm and gru share: x runs through gates (L, B, G H), which at each step
 * take a product of the input and one of what the step before gave.
 *
 *     gates[t, b]  =  x[b, t] w + b  +  h[t - 1, b] u         w (C, G H), u (H, G H), b (G H)
 *
 * x is a sequence (B, L, C), or a vector (B, C) that is read at each of `steps` steps, as the code
 * of an autoencoder is; its product is made once.
 *
 * Inside time comes first: what a step reads and writes lies together.  With the batch first, rows
 * would lie a power of two apart and share the sets of the first cache. */
#ifndef AN_MODELS_LAYERS_RECURRENT_INTERNAL_H
#define AN_MODELS_LAYERS_RECURRENT_INTERNAL_H

#include "models/kernels/mm.h"
#include "models/kernels/vec.h"
#include "models/layer.h"

enum { AN_RECURRENT_UNITS, AN_RECURRENT_RETURN, AN_RECURRENT_STEPS };
extern const an_layer_opt an_recurrent_opts[]; /* units; return: sequence | last; steps */

typedef struct an_recurrent {
    size_t batch, steps, c, h, wide; /* wide: G H */
    bool vector;                     /* x is read whole at every step */
    bool whole;                      /* the output is the whole sequence, else the last step */
    bool bf16;                       /* of the pass */
} an_recurrent;

/* Some columns of u, and where what they make of h lies. */
typedef struct an_recurrent_part {
    size_t first, n; /* columns */
    float *at;       /* (L, B, row), n numbers of each row */
    size_t row;
    const float *bias;   /* (n) the product is written over `at`; NULL: it is added */
    const float *packed; /* the columns, or on the way back the turned ones, for bf16; NULL: they are not */
} an_recurrent_part;

an_recurrent an_recurrent_of(const an_layer *l, size_t batch, size_t gates);
an_recurrent an_recurrent_in(const an_layer *l, const an_pass *p, size_t gates); /* of a pass */
/* Shapes, the weights w, u and b, and both transposed as prepared weights.  Errors: INVAL neither a
 * sequence nor a vector with `steps`. */
an_err an_recurrent_sizes(an_layer *l, size_t gates, an_note *why);
void an_recurrent_prepare(const an_layer *l, size_t gates, const float *w, float *prepared);
double an_recurrent_flops(const an_layer *l); /* every weight at every step, those of a vector once */

/* gates (L, B, G H) at step t = x w + b; steps come in order. */
void an_recurrent_inputs(const an_layer *l, const an_recurrent *r, const float *w, const float *x,
                         float *gates, size_t t);
/* The part at step t, from h (L, B, H) at t - 1. */
void an_recurrent_step(const an_recurrent *r, const an_recurrent_part *part, const float *h, const float *u,
                       size_t t);
/* In bf16, the part's columns of u, or of u^T, are packed once for all steps, where there is room. */
typedef struct an_recurrent_room {
    float *at;
    size_t n;
} an_recurrent_room;

void an_recurrent_pack(const an_recurrent *r, an_recurrent_part *part, const float *u,
                       an_recurrent_room *room);
void an_recurrent_pack_back(const an_recurrent *r, an_recurrent_part *part, const float *turned,
                            an_recurrent_room *room);
/* y from h: (B, L, H), or (B, H) where it is the last step alone. */
void an_recurrent_output(const an_recurrent *r, const float *h, float *y);

/* dh (B, H) += what the output says of step t; of the last step it begins with that. */
void an_recurrent_output_back(const an_recurrent *r, const float *dy, float *dh, size_t t);
/* dh (B, H) = or += the part's gradient at step t times u^T.  turned: u transposed. */
void an_recurrent_step_back(const an_recurrent *r, const an_recurrent_part *part, const float *turned,
                            size_t t, bool add, float *dh);
/* du += h[t - 1]^T part[t] over all t >= 1. */
void an_recurrent_weights_back(const an_recurrent *r, const an_recurrent_part *part, const float *h,
                               float *du);
/* Of a vector: sum (B, G H) += da at step t; of the last step it begins with that. */
void an_recurrent_sum_back(const an_recurrent *r, const float *da, float *sum, size_t t);
/* dw, db and dx of `inputs` from da (L, B, G H), or of a vector from its sum (B, G H).  turned: w
 * transposed. */
void an_recurrent_inputs_back(const an_layer *l, const an_recurrent *r, const float *turned, const float *x,
                              const float *da, float *dx, float *dw);

#endif
