/* backbone.h - weights that were learned before: the start of a new version, or a part of it.
 *
 *     err = an_lab_backbone_take(path, &bundle, &taken, &why);
 *     err = an_lab_backbone_freeze(&bundle, "conv1,conv2", &frozen, &why);    for an_train_opts.frozen
 *
 * A tensor is taken if the new architecture has one of the same name and shape; all others keep the values
 * they have.  So a head is replaced by calling its layers something else.
 *
 * Threads: pure functions. */
#ifndef AN_COORDINATOR_LAB_BACKBONE_H
#define AN_COORDINATOR_LAB_BACKBONE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "models/bundle.h"
#include "models/onnx/onnx.h"

typedef struct an_lab_taken {
    size_t tensors, parameters;
} an_lab_taken;

/* path: a version, which becomes the parent, or an ONNX file.  Errors: INVAL nothing fits; as
 * an_bundle_decode, an_onnx_import, an_file_read. */
an_err an_lab_backbone_take(const char *path, an_bundle *b, an_lab_taken *ret, an_note *why);

/* list: names of layers with commas between.  *ret (n_tensors) belongs to the caller (an_free).  Errors:
 * INVAL no layer with weights has such a name, or all are named; NOMEM. */
an_err an_lab_backbone_freeze(const an_bundle *b, const char *list, bool **ret, an_note *why);

/* An ONNX file from disk.  Errors: as an_file_read and an_onnx_import. */
an_err an_lab_onnx_read(const char *path, const an_onnx_import_opts *opts, an_onnx_model *ret, an_note *why);

#endif
