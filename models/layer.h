/* layer.h - what a kind of layer is: sizes first, memory second, arithmetic last.
 *
 * A kind is one file in layers/ and one row in layers.def.  It states its options, the shape of
 * its output, its weights and the memory it needs (sizes), and has two pure functions that
 * neither allocate nor fail (forward, backward).  Everything else (reading the text, names,
 * initial values, memory, saving, federating, the check of the gradient) follows from the row.
 * docs/recipes/add-a-layer.md tells how to add one.
 *
 * Activations are row-major with the batch first and the channel last: (B, C), (B, L, C) or
 * (B, H, W, C).  Shapes here leave out B.
 *
 * A model is a directed graph without cycles, its layers in an order in which every layer comes
 * after those it reads.  Most kinds read one; kinds that join read several (`joins`).
 *
 * Threads: all of this is immutable after the model is made. */
#ifndef AN_MODELS_LAYER_H
#define AN_MODELS_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rng.h"
#include "models/kernels/mm.h"
#include "models/model.h"

#define AN_LAYER_OPTS_MAX 8u
#define AN_LAYER_WEIGHTS_MAX 8u
#define AN_LAYER_INPUTS_MAX 8u
#define AN_LAYER_INPUT SIZE_MAX /* the model's own input, where the number of a layer is expected */

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
    AN_LAYER_START_ONE,
    AN_LAYER_START_SPREAD /* He before a relu kind, Glorot otherwise, from fan_in and fan_out */
} an_layer_start;

typedef struct an_layer_weight {
    const char *name; /* "w", "b" */
    size_t n_dims;
    size_t dims[AN_DIMS_MAX];
    an_layer_start start;
    size_t fan_in, fan_out; /* for SPREAD */
    /* Not learned from a gradient but kept as a running mean, as batch norm's statistics: backward
     * adds to dw the sum over the rows of what is to be averaged, and training moves the weight
     * towards its mean by the share `follow` in (0, 1] at each step.  0: learned. */
    double follow;
} an_layer_weight;

struct an_layer_type;

/* What a layer reads. */
typedef struct an_layer_input {
    size_t from; /* number of a layer before it, or AN_LAYER_INPUT */
    an_shape shape;
    size_t n; /* floats in one row */
} an_layer_input;

/* One layer of one model. */
typedef struct an_layer {
    const struct an_layer_type *type;
    char name[AN_MODEL_NAME_MAX];
    bool local, frozen;
    double opt[AN_LAYER_OPTS_MAX]; /* in the order of type->opts; whole numbers are exact */
    an_layer_input inputs[AN_LAYER_INPUTS_MAX];
    size_t n_inputs;
    an_shape in, out;   /* in: of the first input */
    size_t in_n, out_n; /* floats in one row */
    an_layer_weight weights[AN_LAYER_WEIGHTS_MAX];
    size_t weight_at[AN_LAYER_WEIGHTS_MAX]; /* offset of each within the layer's parameters */
    size_t n_weights;
    size_t n_params;
    size_t param_at; /* offset within the model's parameters */

    /* Memory in floats: for a pass of B rows, fixed + B * each.  Scratch is the layer's own during
     * a call; saved is kept from forward to backward of a training pass. */
    size_t n_scratch, n_scratch_row, n_saved, n_saved_row;
    size_t n_scratch_dx_row; /* more scratch for backward where dx is asked for, with each row */
    size_t n_prepared;       /* floats that `prepare` makes of the weights */
    size_t prepared_at;      /* offset within the model's prepared weights */

    /* Set by the model for kinds that say so in their row (see an_layer_epilogue).
     * act: the activation after it, applied in forward.  mask: the activation before it, whose
     * derivative (seen from the layer's x, which is its output) is multiplied into dx. */
    const struct an_layer *act, *mask;
    uint64_t number; /* within the model: separates the layers' random draws */
} an_layer;

/* What a pass runs on. */
typedef struct an_pass {
    bool training; /* dropout drops, batch norm looks at its batch, noise is drawn */
    bool bf16;     /* products take rounded operands (an_mm.bf16) */
    size_t batch;  /* rows, >= 1 */
    an_draw draw;
    float *scratch, *saved; /* of the layer that is called */
    /* Its weights in the order in which a fast route wants them; NULL: there are none, take the plain
     * route. */
    const float *prepared;
    double *loss; /* a layer with a loss of its own adds the sum over the rows; forward only */
} an_pass;

/* The stream of one row's draws in one layer. */
void an_pass_rng(const an_pass *p, const an_layer *l, size_t row, an_rng *ret);

typedef struct an_layer_type {
    const char *name;         /* as written in the text */
    const an_layer_opt *opts; /* ended by a NULL key; NULL: none */
    bool relu_like;           /* layers before it start with He */
    bool joins;               /* reads 2 .. AN_LAYER_INPUTS_MAX layers; else exactly one */

    /* May run with y == x and dy == dx; then backward must read y only, never x. */
    bool in_place;
    /* What backward looks at: nothing else of it is kept until then. */
    bool reads_x, reads_y;
    bool mixes_rows;       /* in training a row's output depends on the rows beside it */
    bool slow_on_few_rows; /* as recurrent kinds are: training does not cut its slices into groups */
    bool fuses;            /* obeys act */
    bool masks;            /* obeys mask */
    an_epilogue epilogue;  /* of an activation */

    /* From l->inputs and l->opt: sets l->out, and weights, n_weights and memory where there are
     * any (they are 0).  Options are within their bounds and every input holds at most
     * AN_MODEL_VALUES_MAX values; the bounds of the options keep every product of sizes below
     * 2^63, and an_layer_size refuses what is too large.  Errors: INVAL the shape does not fit,
     * with the reason in why. */
    an_err (*sizes)(an_layer *l, an_note *why);

    /* Floating-point operations of a forward pass of one row, a multiplication and an addition being
     * two.  NULL: two for each number of weights of two or more dimensions at each place of the output,
     * and one for each value of the output. */
    double (*flops)(const an_layer *l);

    /* Weights in another order (transposed, flipped), made once for all passes with the same weights.
     * NULL: the kind has none.  prepares_dx: backward needs them for dx alone. */
    void (*prepare)(const an_layer *l, const float *w, float *prepared);
    bool prepares_dx;

    /* y (batch, out) from x[i] (batch, inputs[i].n) and the layer's parameters w. */
    void (*forward)(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y);

    /* From dy = dL/dy: adds dL/dw to dw, writes dL/dx[i] to dx[i].  dx[i] may be NULL: not needed.
     * After a forward of the same rows in training, which p->saved comes from. */
    void (*backward)(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw);

    /* For kinds whose gradient is a product of x and dy alone, and is as large as the weights are used
     * seldom: that of the parameters [from, from + n), both multiples of out_n, to dw (n), where it is
     * added or written.  It may come after the whole pass, block by block; backward is then called with
     * dw NULL.  NULL: backward always makes all of it. */
    void (*weights_back)(const an_layer *l, const an_pass *p, const float *x, const float *dy, size_t from,
                         size_t n, bool add, float *dw);

    /* Where there is weights_back: adds to ret (batch) the square of the norm of each row's own
     * gradient of all parameters, without making it.  NULL: there is no way that is shorter. */
    void (*row_squares)(const an_layer *l, const an_pass *p, const float *x, const float *dy, double *ret);
} an_layer_type;

/* Weights, for `sizes`: n_dims <= AN_DIMS_MAX. */
an_layer_weight an_layer_spread(const char *name, size_t fan_in, size_t fan_out, size_t n_dims,
                                const size_t dims[]);
an_layer_weight an_layer_constant(const char *name, an_layer_start start, size_t n); /* of one dimension */

/* The `sizes` of layers whose output has the shape of their input. */
an_err an_layer_same_shape(an_layer *l, an_note *why);

const an_layer_type *an_layer_find(const char *name); /* NULL: no such kind */
const an_layer_type *an_layer_at(size_t i);           /* the table in order; NULL past its end */

/* Sets out, weights, offsets and sizes of a layer whose type, opt, and the shapes of whose inputs are
 * set.  Errors: INVAL it does not fit, LIMIT too large. */
an_err an_layer_size(an_layer *l, an_note *why);

/* The activation that forward is to apply as it writes y, and that dx is to be masked by; slope: of
 * a leaky one, else 0.  NULL gives NONE. */
an_epilogue an_layer_epilogue(const an_layer *activation, float *ret_slope);
/* For routes that do not mask as they write: multiplies l->mask's derivative, if there is one, into
 * dx (n) from x. */
void an_layer_mask(const an_layer *l, size_t n, const float *x, float *dx);

/* "(32, 19)" into out. */
#define AN_SHAPE_TEXT 80u
void an_shape_text(char out[static AN_SHAPE_TEXT], const an_shape *s);

#endif
