/* scan.h - what an ONNX file must pass before protobuf-c sees it.
 *
 * protobuf-c has no bound on nesting and takes up to fifty times the memory of what it reads.  So the
 * bytes are walked first, along the descriptors of the schema: every length lies within its message,
 * nesting and the number of parts are bounded, a field that may occur once does.  What comes out is a lean
 * copy without comments, without what the schema does not know, and without the raw bytes of tensors: these
 * stay where they are, and the copy tells where. */
#ifndef AN_MODELS_ONNX_SCAN_H
#define AN_MODELS_ONNX_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define AN_ONNX_DEPTH_MAX 32u              /* messages within messages */
#define AN_ONNX_PARTS_MAX 262144u          /* fields and numbers, all in all, but for floats */
#define AN_ONNX_TEXT_MAX 65536u            /* bytes of one text */
#define AN_ONNX_LEAN_MAX ((size_t)1 << 28) /* bytes of the lean copy */
#define AN_ONNX_WHERE_BYTES 16u            /* instead of a tensor's raw bytes: offset and length, u64 each */

/* Appends the lean copy to *lean.  Errors: PROTO, LIMIT, NOMEM. */
an_err an_onnx_scan(const void *bytes, size_t len, an_buf *lean, an_note *why);

#endif
