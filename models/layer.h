/* layer.h - what a kind of layer is: sizes first, memory second, arithmetic last.
 *
 * A kind is one file in layers/ and one row in layers.def.  It states its options, the shape of
 * its output and its weights (shape), and has two pure functions that neither allocate nor fail
 * (forward, backward).  Everything else (reading the text, names, initial values, memory,
 * saving, federating, the check of the gradient) follows from the row.
 * docs/recipes/add-a-layer.md tells how to add one.
 *
 * Activations are row-major with the batch first and the channel last: (B, C), (B, L, C) or
 * (B, H, W, C).  Shapes here leave out B.
 *
 * Threads: all of this is immutable after the model is made. */
#ifndef AN_MODELS_LAYER_H
#define AN_MODELS_LAYER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "models/model.h"

#define AN_LAYER_OPTS_MAX 6u
#define AN_LAYER_WEIGHTS_MAX 4u

typedef struct an_shape {
    size_t n_dims; /* 1 .. 3 */
    size_t d[3];
} an_shape;

size_t an_shape_size(const an_shape *s); /* product of d; SIZE_MAX: it overflows */

/* How an option is written. */
typedef enum an_layer_opt_kind {
    AN_LAYER_OPT_COUNT, /* a whole number, or the words `input`, `features` */
    AN_LAYER_OPT_REAL,
    AN_LAYER_OPT_CHOICE /* one of the words in `choices`; its value is the index */
} an_layer_opt_kind;

typedef struct an_layer_opt {
    const char *key;
    an_layer_opt_kind kind;
    bool required;
    double min, max, fallback; /* fallback: the value if it is not given and not required */
    const char *choices;       /* "valid same" */
} an_layer_opt;

/* How a tensor starts. */
typedef enum an_layer_start {
    AN_LAYER_START_ZERO,
    AN_LAYER_START_SPREAD /* He before a relu kind, Glorot otherwise, from fan_in and fan_out */
} an_layer_start;

typedef struct an_layer_weight {
    const char *name; /* "w", "b" */
    size_t n_dims;
    size_t dims[AN_DIMS_MAX];
    an_layer_start start;
    size_t fan_in, fan_out; /* for SPREAD */
} an_layer_weight;

struct an_layer_type;

/* One layer of one model. */
typedef struct an_layer {
    const struct an_layer_type *type;
    char name[AN_MODEL_NAME_MAX];
    bool local;
    double opt[AN_LAYER_OPTS_MAX]; /* in the order of type->opts; whole numbers are exact */
    an_shape in, out;
    size_t in_n, out_n; /* floats in one row */
    an_layer_weight weights[AN_LAYER_WEIGHTS_MAX];
    size_t weight_at[AN_LAYER_WEIGHTS_MAX]; /* offset of each within the layer's parameters */
    size_t n_weights;
    size_t n_params;
    size_t param_at;  /* offset within the model's parameters */
    size_t n_scratch; /* floats that forward and backward may use freely */
} an_layer;

typedef struct an_layer_type {
    const char *name;         /* as written in the text */
    const an_layer_opt *opts; /* ended by a NULL key; NULL: none */
    bool relu_like;           /* layers before it start with He */

    /* May run with y == x and dy == dx; then backward must read y only, never x. */
    bool in_place;
    /* Backward reads y, so that no other layer may write over it. */
    bool reads_y;

    /* From l->in and l->opt: sets l->out, and weights, n_weights, n_scratch where there are any
     * (they are 0).  Options are within their bounds and l->in holds at most
     * AN_MODEL_VALUES_MAX values; the bounds of the options keep every product of sizes below
     * 2^63, and an_layer_size refuses what is too large.  Errors: INVAL the shape does not fit,
     * with the reason in why. */
    an_err (*sizes)(an_layer *l, an_note *why);

    /* y (batch, out) from x (batch, in) and the layer's parameters w.  scratch (n_scratch). */
    void (*forward)(const an_layer *l, const float *w, size_t batch, const float *x, float *y,
                    float *scratch);

    /* From dy = dL/dy: adds dL/dw to dw, writes dL/dx to dx.  dx may be NULL: not needed. */
    void (*backward)(const an_layer *l, const float *w, size_t batch, const float *x, const float *y,
                     const float *dy, float *dx, float *dw, float *scratch);
} an_layer_type;

/* The `sizes` of layers whose output has the shape of their input. */
an_err an_layer_same_shape(an_layer *l, an_note *why);

const an_layer_type *an_layer_find(const char *name); /* NULL: no such kind */
const an_layer_type *an_layer_at(size_t i);           /* the table in order; NULL past its end */

/* Sets in, out, weights, offsets and sizes of a layer whose type and opt are set.  Errors:
 * INVAL it does not fit, LIMIT too large. */
an_err an_layer_size(an_layer *l, const an_shape *in, an_note *why);

/* "(32, 19)" into out. */
#define AN_SHAPE_TEXT 80u
void an_shape_text(char out[static AN_SHAPE_TEXT], const an_shape *s);

#endif
