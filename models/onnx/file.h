/* file.h - an ONNX file that has been scanned and unpacked, and typed looks into it.
 *
 * Nothing that the file says is believed here but what its scan established; each look bounds what it
 * gives.  Tensors' bytes are read where they lie in the file. */
#ifndef AN_MODELS_ONNX_FILE_H
#define AN_MODELS_ONNX_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "onnx.pb-c.h"

#define AN_ONNX_MEMORY_MAX ((size_t)1 << 28) /* bytes that unpacking may take */
#define AN_ONNX_RANK_MAX 8u
#define AN_ONNX_TENSOR_MAX 100000000u /* values */

typedef struct an_onnx_file {
    const uint8_t *bytes;
    size_t len;
    size_t left;      /* bytes that unpacking may still take */
    bool full, empty; /* unpacking asked for more than that; the machine had no more */
    ProtobufCAllocator allocator;
    Onnx__ModelProto *model;
} an_onnx_file;

/* ret stays where it is while the file is open; bytes are borrowed.  Errors: PROTO, LIMIT, NOMEM. */
an_err an_onnx_file_open(an_onnx_file *ret, const void *bytes, size_t len, an_note *why);
void an_onnx_file_close(an_onnx_file *f);

/* A tensor whose values are in the file. */
typedef struct an_onnx_tensor {
    size_t n_dims, dims[AN_ONNX_RANK_MAX];
    size_t n; /* values */
    int32_t type;
    const uint8_t *raw; /* NULL: in `proto` */
    const Onnx__TensorProto *proto;
    const Onnx__AttributeProto *list; /* instead of raw and proto: the attribute that holds the numbers */
} an_onnx_tensor;

/* what: its name, for errors.  Errors: PROTO sizes that do not fit; UNSUPPORTED another type than float,
 * double, int32, int64, or values in another file; LIMIT. */
an_err an_onnx_tensor_open(const an_onnx_file *f, const Onnx__TensorProto *proto, const char *what,
                           an_onnx_tensor *ret, an_note *why);
/* The numbers of an attribute as a constant.  False: it holds none. */
bool an_onnx_tensor_list(const Onnx__AttributeProto *a, an_onnx_tensor *ret);
float an_onnx_tensor_float(const an_onnx_tensor *t, size_t i);
int64_t an_onnx_tensor_int(const an_onnx_tensor *t, size_t i); /* 0 for tensors of floats */
bool an_onnx_tensor_whole(const an_onnx_tensor *t);            /* of whole numbers */

/* Attributes of a node; absent: dflt. */
const Onnx__AttributeProto *an_onnx_attr(const Onnx__NodeProto *node, const char *name); /* NULL: none */
int64_t an_onnx_attr_int(const Onnx__NodeProto *node, const char *name, int64_t dflt);
double an_onnx_attr_real(const Onnx__NodeProto *node, const char *name, double dflt);
bool an_onnx_attr_is(const Onnx__NodeProto *node, const char *name, const char *text, bool dflt);
/* The i-th of a list; dflt where there is no list.  *ret_n of an_onnx_attr_n: 0 without. */
size_t an_onnx_attr_n(const Onnx__NodeProto *node, const char *name);
int64_t an_onnx_attr_at(const Onnx__NodeProto *node, const char *name, size_t i, int64_t dflt);

#endif
