/* cost.h - what a model is made of and what it costs: shapes, parameters, operations, memory.
 *
 *     an_layer_cost c;
 *     for (size_t i = 0; an_layer_cost_at(model, i, &c); i++)
 *         printf("%s %zu %.0f\n", c.name, c.n_params, c.flops);
 *     err = an_model_cost_of(model, 64, &cost);
 *
 * Operations count a multiplication and an addition as two.  Those of a training step are those of the
 * forward pass, of the gradient of the weights and of the gradient of the inputs where a layer has
 * learnt something before it; the optimiser is left out.
 *
 * Threads: pure functions. */
#ifndef AN_MODELS_COST_H
#define AN_MODELS_COST_H

#include <stdbool.h>
#include <stddef.h>

#include "models/layer.h"
#include "models/model.h"

/* Of one row. */
typedef struct an_layer_cost {
    const char *name, *kind;
    size_t from[AN_LAYER_INPUTS_MAX]; /* numbers of the layers it reads, AN_LAYER_INPUT: the model's input */
    size_t n_from;
    an_shape in, out;
    size_t n_params;
    bool local, frozen;
    double flops, train_flops;
} an_layer_cost;

/* Texts are borrowed from m.  False: past the end. */
bool an_layer_cost_at(const an_model *m, size_t i, an_layer_cost *ret);
an_shape an_model_in(const an_model *m); /* of one input */

typedef struct an_model_cost {
    size_t n_params;
    double flops, train_flops; /* of one row */
    size_t param_bytes;
    size_t one_bytes;   /* activations of one row in use */
    size_t train_bytes; /* activations and gradients of them for a pass of `batch` rows in training */
} an_model_cost;

/* Errors: INVAL batch 0, NOMEM. */
an_err an_model_cost_of(const an_model *m, size_t batch, an_model_cost *ret);

#endif
