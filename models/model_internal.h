/* model_internal.h - a model as its own files see it. */
#ifndef AN_MODELS_MODEL_INTERNAL_H
#define AN_MODELS_MODEL_INTERNAL_H

#include "models/layer.h"
#include "models/loss.h"
#include "models/model.h"

struct an_model {
    char name[AN_MODEL_NAME_MAX];
    an_shape in;
    bool image;        /* input is height, width, channels */
    size_t n_features; /* of the data; channels of an image */
    size_t window;
    size_t n_inputs, n_outputs;
    an_layer *layers;
    size_t n_layers;
    an_tensor *tensors;
    size_t n_tensors;
    size_t n_params;
    size_t n_scratch; /* the largest of the layers */
    size_t widest;    /* the largest output of a layer, in floats per row */
    const an_loss *loss;
    bool autoencoder;
    char *text; /* resolved */
};

/* True if layer i writes its output over its input (see an_layer_type.in_place). */
bool an_model_runs_in_place(const an_model *m, size_t i);

/* From layers to everything that follows from them: widths, offsets, tensors.  Errors: LIMIT,
 * NOMEM. */
an_err an_model_finish(an_model *m, an_note *why);

/* The resolved text, owned by the caller.  Errors: NOMEM. */
an_err an_model_write(const an_model *m, char **ret);

#endif
