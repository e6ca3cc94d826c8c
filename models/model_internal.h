/* model_internal.h - a model as its own files see it. */
#ifndef AN_MODELS_MODEL_INTERNAL_H
#define AN_MODELS_MODEL_INTERNAL_H

#include "doors/yaml.h"
#include "models/augment.h"
#include "models/layer.h"
#include "models/loss.h"
#include "models/model.h"

/* What a layer is to the others. */
typedef struct an_model_node {
    size_t n_readers, last_reader;
    /* Its output lies where its input lay: it writes over it, or the layer before has applied it
     * (absorbed) and it is not run at all. */
    bool in_place, absorbed;
} an_model_node;

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
    size_t n_params, n_prepared;
    an_model_node *nodes;              /* (n_layers) */
    bool mixes_rows, slow_on_few_rows; /* some layer is so */
    /* Every layer with weights can tell their gradient after the pass (weights_back): what it needs for
     * that stays in the workspace until the next pass. */
    bool late;
    const an_loss *loss;
    an_loss_args loss_args;
    bool autoencoder;
    an_augment augments[AN_AUGMENTS_MAX];
    size_t n_augments;
    char *text; /* resolved */
};

/* From layers to everything that follows from them: readers, offsets, tensors.  Errors: INVAL a
 * layer is read by nobody, LIMIT, NOMEM. */
an_err an_model_finish(an_model *m, an_note *why);

/* The layers of the list, each with the shapes of what it reads.  Errors: as an_model_new. */
an_err an_model_read_layers(an_model *m, const an_node *list, an_note *why);

/* A whole number, or one of the words `input` and `features`, for which the two stand (0: nothing
 * here). */
an_err an_model_read_count(const an_node *node, size_t input, size_t features, double min, double max,
                           double *ret, an_note *why);
/* An option of a layer or a loss; map NULL, or without it: its fallback. */
an_err an_model_read_option(const an_node *map, const an_layer_opt *o, const an_model *m, double *ret,
                            an_note *why);
/* A name, or {name: {options}}; map NULL: no options. */
an_err an_model_read_named(const an_node *node, const char **ret_name, const an_node **ret_map, an_note *why);
/* All of opts (NULL: none), and no others, into ret. */
an_err an_model_read_options(const an_node *map, const an_layer_opt *opts, const an_model *m, double *ret,
                             an_note *why);
/* Names go into tensor names, tables and file names: letters, digits, and _ - . inside. */
an_err an_model_read_name(const an_node *node, char out[static AN_MODEL_NAME_MAX], an_note *why);

/* After the loss and an_model_finish: `augment`, if the text has it. */
an_err an_model_read_augments(an_model *m, const an_node *root, an_note *why);
/* Floats that a row needs for it; 0: there are no augmentations. */
size_t an_model_augment_spare(const an_model *m);
/* Is a row changed by what is in others? */
bool an_model_augment_borrows(const an_model *m);
/* Changes x (n_inputs) and what it is to be answered with: target (n_targets), of an autoencoder a copy of x. */
void an_model_augment_row(const an_model *m, float *x, float *target, const an_canvas_others *others,
                          float *spare, uint64_t seed, uint64_t epoch, uint64_t sample);

/* A list of names for an error: "dense, conv1d, ...". */
typedef struct an_name_list {
    char text[400];
    size_t len;
} an_name_list;
void an_name_list_add(an_name_list *l, const char *name);

/* Where everything of a layer lies in a workspace, in floats from its start. */
typedef struct an_place {
    size_t y, dy;                 /* its output, the gradient of that */
    size_t scratch, scratch_back; /* on the way there, on the way back */
    size_t saved;
    size_t extra; /* one after the other, gradients of inputs that are added to others */
} an_place;

/* places (n_layers).  *ret_size: floats of the whole.  Errors: NOMEM. */
an_err an_model_place(const an_model *m, an_ws_kind kind, size_t max_batch, an_place *places,
                      size_t *ret_size);
size_t an_model_floats(size_t n); /* n rounded up to whole cache lines, as buffers are */
/* On the way back layer i is not the first to say what the gradient of its input k is. */
bool an_model_adds_gradient(const an_model *m, size_t i, size_t k);

/* The gradient of parameters of a layer from the last an_model_grad with ws, which had no grad: of the
 * rows x (batch, n_inputs), the layer's parameters [from, from + n) (an_layer_type.weights_back).
 * m->late. */
void an_model_weights_back(const an_model *m, const an_ws *ws, size_t layer, const an_pass *p, const float *x,
                           size_t from, size_t n, bool add, float *grad);

/* After the same pass: the square of the norm of each row's own gradient, to ret (batch); and each row's part
 * in what an_model_weights_back will give multiplied by share (batch).  m->late, and every layer with
 * weights has row_squares. */
void an_model_row_squares(const an_model *m, const an_ws *ws, const an_pass *p, const float *x, double *ret);
void an_model_row_shares(const an_model *m, an_ws *ws, size_t batch, const float *share);

/* The resolved text, owned by the caller.  Errors: NOMEM. */
an_err an_model_write(const an_model *m, char **ret);

#endif
