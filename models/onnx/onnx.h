/* onnx.h - models to and from ONNX files, the form in which other tools read and write networks.
 *
 *     an_buf file;
 *     an_buf_init(&file, AN_ONNX_BYTES_MAX);
 *     err = an_onnx_export(model, params, props, n_props, &file, &why);
 *
 *     an_onnx_model got;
 *     err = an_onnx_import(bytes, len, &(an_onnx_import_opts){.name = "backbone"}, &got, &why);
 *     ... got.text (as an_model_new reads it), got.params (n_params) ...
 *     an_onnx_model_done(&got);
 *
 * Layouts.  Our activations have the channel last, most operators of ONNX have it second.  An exported
 * file takes and gives values as we do, (N, L, C) or (N, H, W, C), and transposes inside.  A file of
 * another tool may take (N, C, H, W); the imported model then takes the same values as (N, H, W, C).
 * The first dimension is the number of rows and may be any.
 *
 * Outputs are those of an_model_forward: where the loss is cross_entropy, focal or bce, the scores before
 * softmax or sigmoid.  What only training needs (dropout, the noise of gauss) is not in the file.
 * Preprocessing is not in the file either: its inputs are scaled values.
 *
 * Files of operator sets 11 to 20 are read; imports.def lists the operators.  What cannot be expressed
 * is an error that names the node and its operator.
 *
 * A build without the schema of ONNX (option AN_ONNX) has these functions too; they say UNSUPPORTED.
 *
 * Threads: pure functions; call from anywhere. */
#ifndef AN_MODELS_ONNX_ONNX_H
#define AN_MODELS_ONNX_ONNX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "models/model.h"

#define AN_ONNX_BYTES_MAX (((size_t)1 << 31) - 1) /* as protobuf has it */
#define AN_ONNX_PROPS_MAX 32u                     /* properties of an exported file */

bool an_onnx_available(void); /* does this build know ONNX? */

/* What a file says of itself beside the graph, for people and catalogues. */
typedef struct an_onnx_prop {
    const char *key, *value;
} an_onnx_prop;

/* Appends the file to *out.  params (n_params of m).  The model's name and loss, and that there is no
 * preprocessing, are properties anyway.  Errors: UNSUPPORTED a layer has no counterpart (with its name),
 * LIMIT, NOMEM. */
an_err an_onnx_export(const an_model *m, const float *params, const an_onnx_prop *props, size_t n_props,
                      an_buf *out, an_note *why);

typedef struct an_onnx_import_opts {
    const char *name;   /* of the model; NULL: what the file says */
    const char *loss;   /* a row of losses.def; NULL: what the file says, else mse */
    const char *target; /* "input" or "labels"; NULL: what the file says, else by the shapes */
} an_onnx_import_opts;

typedef struct an_onnx_model {
    char *text; /* the description, resolved */
    float *params;
    size_t n_params;
    an_onnx_prop *props; /* (n_props) what the file says of itself */
    size_t n_props;
} an_onnx_model;

/* bytes need live only for the call.  Errors: PROTO not an ONNX file, or damaged; LIMIT nested or sized
 * beyond all use; UNSUPPORTED an operator or a form of it, with the node; INVAL the options, or a model
 * that does not fit together; NUMERIC a weight is not finite; NOMEM.  On failure *ret is untouched. */
an_err an_onnx_import(const void *bytes, size_t len, const an_onnx_import_opts *opts, an_onnx_model *ret,
                      an_note *why);
void an_onnx_model_done(an_onnx_model *m);
const char *an_onnx_model_prop(const an_onnx_model *m, const char *key); /* NULL: none */

#endif
