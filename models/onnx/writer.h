/* writer.h - an ONNX graph under construction: nodes, constants, and in which layout each value is there.
 *
 * After a failure every call is without effect and gives NULL, so that only the end need look.
 *
 * Threads: one at a time. */
#ifndef AN_MODELS_ONNX_WRITER_H
#define AN_MODELS_ONNX_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/model_internal.h"
#include "models/onnx/onnx.h"
#include "onnx.pb-c.h"

#define AN_ONNX_OPSET 17 /* of files written here */
#define AN_ONNX_IR 8

/* Where the channel is.  Values of one dimension beside the batch are in both. */
typedef enum an_onnx_order { AN_ONNX_LAST, AN_ONNX_FIRST, AN_ONNX_ORDERS } an_onnx_order;

typedef struct an_onnx_block an_onnx_block;

typedef struct an_onnx_writer {
    const an_model *m;
    const float *params;
    an_onnx_block *blocks; /* all memory */
    an_err err;
    an_note *why;

    Onnx__NodeProto **nodes;
    Onnx__TensorProto **tensors;
    size_t n_nodes, n_tensors, cap_nodes, cap_tensors;

    /* The value of the input (0) and of each layer (1 + its number) in each order; NULL: not yet. */
    const char *(*values)[AN_ONNX_ORDERS];
} an_onnx_writer;

an_err an_onnx_writer_init(an_onnx_writer *w, const an_model *m, const float *params, an_note *why);
void an_onnx_writer_done(an_onnx_writer *w);

void *an_onnx_room(an_onnx_writer *w, size_t n, size_t size); /* zeroed; lives as long as w */
const char *an_onnx_text(an_onnx_writer *w, const char *fmt, ...) AN_PRINTF(2, 3);
an_err an_onnx_fail(an_onnx_writer *w, an_err err, const char *text); /* the first failure stays */

/* A node "<layer><suffix>" (suffix: "" or "/word") that reads up to three values (NULL: no more; "": left out) and whose one value
 * has the node's name. */
Onnx__NodeProto *an_onnx_node(an_onnx_writer *w, const an_layer *l, const char *suffix, const char *op,
                              const char *a, const char *b, const char *c);
void an_onnx_reads(an_onnx_writer *w, Onnx__NodeProto *node, const char *value);
const char *an_onnx_value(const Onnx__NodeProto *node); /* of the node; NULL for NULL */
void an_onnx_put_int(an_onnx_writer *w, Onnx__NodeProto *node, const char *name, int64_t v);
void an_onnx_put_real(an_onnx_writer *w, Onnx__NodeProto *node, const char *name, double v);
void an_onnx_put_word(an_onnx_writer *w, Onnx__NodeProto *node, const char *name, const char *v);
void an_onnx_put_ints(an_onnx_writer *w, Onnx__NodeProto *node, const char *name, size_t n,
                      const int64_t v[]);

/* Its value is the second that the operator gives; the first is left out. */
void an_onnx_second(an_onnx_writer *w, Onnx__NodeProto *node);

/* A constant "<layer>/<suffix>" of floats; *ret_name: what nodes call it.  The caller fills what is
 * given.  NULL: failed. */
float *an_onnx_floats(an_onnx_writer *w, const an_layer *l, const char *suffix, size_t n_dims,
                      const size_t dims[], const char **ret_name);
const char *an_onnx_copy(an_onnx_writer *w, const an_layer *l, const char *suffix, size_t n,
                         const float *from);
const char *an_onnx_number(an_onnx_writer *w, const an_layer *l, const char *suffix, float v);
const char *an_onnx_ints(an_onnx_writer *w, const an_layer *l, const char *suffix, size_t n,
                         const int64_t v[]);

/* What the layer reads, transposed if need be; k: which of its inputs. */
const char *an_onnx_input(an_onnx_writer *w, const an_layer *l, size_t k, an_onnx_order order);
/* The order in which the first input is there already: for what does not care. */
an_onnx_order an_onnx_input_order(const an_onnx_writer *w, const an_layer *l);
/* A value of another layer (or AN_LAYER_INPUT). */
const char *an_onnx_value_of(an_onnx_writer *w, size_t layer, an_onnx_order order);
/* Says what the layer's value is.  For shapes of one dimension it counts as both orders. */
void an_onnx_gives(an_onnx_writer *w, const an_layer *l, an_onnx_order order, const char *value);

/* The whole file. */
void an_onnx_finish(an_onnx_writer *w, const an_onnx_prop *props, size_t n_props, an_buf *out);

/* Options and weights by name; the layer has them. */
double an_onnx_opt(const an_layer *l, const char *key, double dflt);
const float *an_onnx_weight(const an_onnx_writer *w, const an_layer *l, const char *name); /* NULL: none */

#endif
