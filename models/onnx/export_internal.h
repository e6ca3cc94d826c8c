/* export_internal.h - the functions of exports.def: each writes the nodes of one layer and says what its
 * value is (an_onnx_gives). */
#ifndef AN_MODELS_ONNX_EXPORT_INTERNAL_H
#define AN_MODELS_ONNX_EXPORT_INTERNAL_H

#include "models/onnx/writer.h"

#define AN_ONNX_EXPORT(kind, how) void an_onnx_export_##how(an_onnx_writer *w, const an_layer *l);
#include "models/onnx/exports.def"
#undef AN_ONNX_EXPORT

/* A vector v n times: (B, C) becomes (B, n, C). */
const char *an_onnx_again(an_onnx_writer *w, const an_layer *l, size_t n, const char *suffix, const char *v);

#endif
