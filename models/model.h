/* model.h - a network described in YAML: its shapes, its flat parameters, its arithmetic.
 *
 *     model: dense-ae
 *     input: {features: input, window: 1}
 *     layers:
 *       - dense: {units: 32}
 *       - relu
 *       - dense: {units: input, name: out, local: true}
 *     loss: mse
 *     target: input
 *
 * All parameters are one array of floats; a tensor is a range of it.  A round, a checkpoint, an
 * optimiser and a copy are each one loop over that array.  The model itself is immutable and
 * holds no parameters.
 *
 *     an_model *m = NULL;
 *     err = an_model_new(text, len, "dense-ae.yaml", n_columns, &m, &why);
 *     float *params = an_alloc(an_model_n_params(m), sizeof *params);
 *     an_model_init(m, seed, params);
 *     err = an_ws_new(m, 64, &ws);
 *     const float *y = an_model_forward(m, ws, params, 10, x);      (10, n_outputs)
 *
 * The text.  `input` is {features: N, window: W} for sequences (activations (W, N); (N) when W
 * is 1) or {height: H, width: W, channels: C} for images (activations (H, W, C)).  The word
 * `features` wherever a number is expected is the width of the data; the word `input` is the
 * number of values in one whole input (window x features), except in `input.features`, where
 * both are the width of the data.  A layer is a name or {name: {options}}; layers.def is the
 * list.  It reads the layer before it, or what `from` names: `from: input`, `from: conv1`, and for
 * kinds that join `from: [conv1, up1]`.  Every layer takes `name` (for its tensors) and, if it has
 * tensors, `local: true` (they stay in the site's overlay) or `frozen: true` (they stay as the first version has
 * them, wherever it is trained, and no round carries them).  `loss` is a row of losses.def, with its
 * options as a layer's; `target` is `input` (autoencoder) or `labels`.  `augment` lists how images are changed
 * while they are learnt from (augment.h).
 *
 * Threads: a model may be used by many threads at once; a workspace by one at a time. */
#ifndef AN_MODELS_MODEL_H
#define AN_MODELS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "doors/crypto.h"

#define AN_MODEL_PARAMS_MAX 100000000u /* floats */
#define AN_MODEL_VALUES_MAX 100000000u /* activations of one row, all layers, and scratch */
#define AN_MODEL_LAYERS_MAX 256u
#define AN_MODEL_TEXT_MAX ((size_t)256 * 1024) /* bytes of architecture text */
#define AN_MODEL_NAME_MAX 64u                  /* bytes with terminator: models, layers */
#define AN_TENSOR_NAME_MAX 72u                 /* "<layer>.<weight>" with terminator */
#define AN_DIMS_MAX 4u

/* A named range of the parameters. */
typedef struct an_tensor {
    char name[AN_TENSOR_NAME_MAX];
    size_t offset; /* first float */
    size_t n;      /* floats: the product of dims */
    size_t n_dims;
    size_t dims[AN_DIMS_MAX];
    bool local;    /* stays at the site, in its overlay; never in a round */
    bool frozen;   /* stays as it is: never trained, never in a round */
    double follow; /* > 0: a running mean, not learned from a gradient; see an_layer_weight */
} an_tensor;

typedef struct an_model an_model;
typedef struct an_ws an_ws;

/* Reads an architecture.  `name` is what errors call the text (a file name).  n_features is the
 * width of the data, 0 when there is none (then the text may not say `input` or `features`, as
 * a resolved text never does).  On success *ret belongs to the caller (an_model_free); on
 * failure it is untouched.  Errors: PROTO not YAML, INVAL not a valid architecture (with file
 * and line, and the shapes that do not fit), LIMIT larger than the bounds above, NOMEM. */
an_err an_model_new(const char *text, size_t len, const char *name, size_t n_features, an_model **ret,
                    an_note *why);
void an_model_free(an_model *m); /* NULL is fine */

/* The resolved architecture: every width a number, every layer named, defaults written out.
 * Reading it again gives the same text and the same layout hash. */
const char *an_model_text(const an_model *m);
const char *an_model_name(const an_model *m);

size_t an_model_n_params(const an_model *m);
size_t an_model_n_features(const an_model *m); /* columns of the data; channels of an image */
size_t an_model_window(const an_model *m);     /* rows of data in one input; 1 without window */
size_t an_model_n_inputs(const an_model *m);   /* floats in one input */
size_t an_model_n_outputs(const an_model *m);  /* floats in one output */
/* Floats in one target: 1 (the number of the class) for cross_entropy and focal, else n_outputs. */
size_t an_model_n_targets(const an_model *m);
bool an_model_is_autoencoder(const an_model *m); /* target: input */
const char *an_model_loss_name(const an_model *m);

size_t an_model_n_tensors(const an_model *m);
/* In the order of offsets; NULL past the end. */
const an_tensor *an_model_tensor_at(const an_model *m, size_t i);
const an_tensor *an_model_tensor_find(const an_model *m, const char *name);
size_t an_model_n_shared(const an_model *m); /* parameters that are not local */

/* Does its output hold an answer of its own for this column of the last row, which it has not looked at (layers/insert.c)?  No: it
 * rebuilds the column, or is no such model at all. */
bool an_model_answers(const an_model *m, size_t column);

/* Takes over each tensor of `from` that has the name and the shape of one of to's; all others keep what they have.  So a head is
 * replaced by calling its layer something else.  Returns the number of tensors; *ret_params: that of parameters. */
size_t an_model_take(const an_model *to, float *params, const an_model *from, const float *from_params,
                     size_t *ret_params);

/* BLAKE2b-256 over every tensor's name, dims, and whether it is local or frozen, in order.  Two models with the same
 * hash can exchange parameters. */
void an_model_layout_hash(const an_model *m, an_hash *ret);

/* Fills params (n_params): He (2015) normal where an activation of the relu kind follows, else
 * Glorot (2010) uniform; biases 0.  Each tensor draws from its own stream of the seed. */
void an_model_init(const an_model *m, uint64_t seed, float *params);

/* What a workspace is for: outputs and losses only, or gradients too. */
typedef enum an_ws_kind { AN_WS_FORWARD, AN_WS_TRAIN } an_ws_kind;

/* One thread's memory for up to max_batch rows.  What is never needed at the same time lies in the
 * same place.  Errors: INVAL max_batch 0, NOMEM. */
an_err an_ws_new(const an_model *m, an_ws_kind kind, size_t max_batch, an_ws **ret);
void an_ws_free(an_ws *ws);
/* an_ws_bytes of such a workspace without making it.  Errors: INVAL max_batch 0, NOMEM. */
an_err an_ws_plan(const an_model *m, an_ws_kind kind, size_t max_batch, size_t *ret_bytes);
size_t an_ws_max_batch(const an_ws *ws);
size_t an_ws_bytes(const an_ws *ws); /* of all that it keeps for activations and their gradients */

/* The outputs (batch, n_outputs) of x (batch, n_inputs), as in use, not as in training (nothing is
 * dropped, no noise is drawn); borrowed from the workspace until its next use.  For cross_entropy these are the raw scores before softmax.  1 <= batch <=
 * max_batch. */
const float *an_model_forward(const an_model *m, an_ws *ws, const float *params, size_t batch,
                              const float *x);

/* The sum of the rows' losses (losses.def says what a row's loss is), as in use.  target (batch,
 * n_targets); NULL for an autoencoder, whose target is x. */
double an_model_loss(const an_model *m, an_ws *ws, const float *params, size_t batch, const float *x,
                     const float *target);

/* Which random draws a training pass makes: the same for the same row of the same step, whatever
 * slice or thread it runs in. */
typedef struct an_draw {
    uint64_t seed, step, row; /* row: of the pass's first row within the step's batch */
} an_draw;

/* Weights in the order in which fast routes want them: made once for all passes with the same
 * parameters, by any threads, layer by layer. */
size_t an_model_n_prepared(const an_model *m); /* floats; 0: no layer has any */
size_t an_model_n_layers(const an_model *m);
void an_model_prepare(const an_model *m, const float *params, size_t layer, float *prepared);

/* What a step of training hands to its passes. */
typedef struct an_step {
    an_draw draw;
    const float *prepared; /* (n_prepared) of the same params; NULL: plain routes */
    bool bf16;             /* products of layers take operands in bfloat16 (kernels/bf16.h) */
} an_step;

/* The same sum as in training, plus what layers have for a loss of their own; adds its gradient to
 * grad (n_params).  target: as above; of an autoencoder also what it is to give back in place of x.  For tensors that follow (an_tensor.follow) it adds the sum over the rows of
 * what is averaged.  step NULL: all zero.  grad NULL: only for models whose gradient can follow
 * (model_internal.h, late).  ws: of AN_WS_TRAIN. */
double an_model_grad(const an_model *m, an_ws *ws, const float *params, size_t batch, const float *x,
                     const float *target, const an_step *step, float *grad);

#endif
