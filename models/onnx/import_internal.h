/* import_internal.h - a model that is made from the nodes of an ONNX graph, one after the other.
 *
 * A value of the graph is a constant, or the output of one of our layers seen in some form: with the
 * channel last or second, with the steps first, as a point of no extent.  An operator (a row of
 * imports.def) looks at its values, adds layers, and says what its output is.  What only changes the form
 * adds none.
 *
 * Threads: one at a time. */
#ifndef AN_MODELS_ONNX_IMPORT_INTERNAL_H
#define AN_MODELS_ONNX_IMPORT_INTERNAL_H

#include "models/layer.h"
#include "models/onnx/file.h"
#include "models/onnx/onnx.h"

#define AN_ONNX_NODES_MAX 4096u
#define AN_ONNX_SEEN_MAX (4 * AN_ONNX_NODES_MAX) /* names of values; each is looked for among all */

/* How ONNX sees a layer's output.  N rows, L or H x W places, C channels. */
typedef enum an_onnx_form {
    AN_ONNX_AS_LAST,    /* (N, C), (N, L, C), (N, H, W, C): as we do */
    AN_ONNX_AS_FIRST,   /* (N, C, L), (N, C, H, W) */
    AN_ONNX_AS_TIME,    /* (L, N, C) */
    AN_ONNX_AS_WAYS,    /* (L, 1, N, C): what LSTM gives for all steps */
    AN_ONNX_AS_STATE,   /* (1, N, C): what it gives for the last */
    AN_ONNX_AS_STEP,    /* (N, 1, C): of a flat (C) */
    AN_ONNX_AS_POINT,   /* (N, C, 1), (N, C, 1, 1): of a flat (C) */
    AN_ONNX_AS_MIXED,   /* (N, C * places): of a flat one whose values lie as (places, C); see `was` */
    AN_ONNX_AS_GROUPED, /* (N, groups, the rest) of what has the channel second */
    /* On the way to gelu, of x: x / sqrt 2, erf of it, 1 + that, x times that; half of the third. */
    AN_ONNX_AS_SCALED,
    AN_ONNX_AS_ERF,
    AN_ONNX_AS_ONE_ERF,
    AN_ONNX_AS_X_ERF,
    AN_ONNX_AS_HALF_ERF
} an_onnx_form;

typedef struct an_onnx_seen {
    const char *name;
    size_t n_readers;
    bool known;    /* an operator or the file said what it is */
    bool constant; /* `tensor` is it; else `layer` */
    an_onnx_tensor tensor;
    size_t layer;             /* number, or AN_LAYER_INPUT */
    an_onnx_form form, inner; /* inner: the form of x, on the way to gelu */
    an_shape was;             /* MIXED: before it was flat */
    size_t n_points;          /* POINT: how many 1s follow; GROUPED: the groups */
    bool fresh;               /* the direct output of its layer: what follows may be put into the layer */
} an_onnx_seen;

typedef struct an_onnx_draft {
    an_layer l;
    float *weights; /* (l.n_params) */
} an_onnx_draft;

typedef struct an_onnx_import_run {
    const an_onnx_file *file;
    const Onnx__GraphProto *graph;
    int64_t opset;
    bool own; /* written by an_onnx_export */
    an_onnx_seen *seen;
    size_t n_seen, cap_seen;
    an_shape in;           /* of the model */
    an_onnx_draft *drafts; /* (AN_MODEL_LAYERS_MAX) */
    size_t n_drafts;
    const Onnx__NodeProto *node; /* at hand */
    an_note *why;
} an_onnx_import_run;

/* Each operator: the node at hand has its type.  Errors: as an_onnx_import. */
#define AN_ONNX_IMPORT(op, how) an_err an_onnx_import_##how(an_onnx_import_run *r);
#include "models/onnx/imports.def"
#undef AN_ONNX_IMPORT

/* UNSUPPORTED, with the node and its operator before the text. */
an_err an_onnx_refuse(const an_onnx_import_run *r, const char *fmt, ...) AN_PRINTF(2, 3);

/* ------------------------------------------------------------------------------------- values */

an_onnx_seen *an_onnx_find(an_onnx_import_run *r, const char *name); /* NULL: no such value */
/* Earlier pointers may move.  Errors: LIMIT more than AN_ONNX_SEEN_MAX, NOMEM. */
an_err an_onnx_add_seen(an_onnx_import_run *r, const char *name, an_onnx_seen **ret);
size_t an_onnx_n_inputs(const an_onnx_import_run *r); /* of the node, without those left out at its end */
bool an_onnx_has_input(const an_onnx_import_run *r, size_t i);
/* The value that the node reads, which a layer gives.  Errors: UNSUPPORTED it is a constant; PROTO there is
 * none. */
an_err an_onnx_layer_in(an_onnx_import_run *r, size_t i, an_onnx_seen *ret);
/* ... which is a constant. */
an_err an_onnx_constant_in(an_onnx_import_run *r, size_t i, an_onnx_tensor *ret);
bool an_onnx_is_constant(an_onnx_import_run *r, size_t i);
/* A list of whole numbers from input i, or from the attribute where there is no such input (older operator
 * sets).  *ret_n: at most `max`, 0: neither.  Errors: UNSUPPORTED not a constant, too long. */
an_err an_onnx_ints_in(an_onnx_import_run *r, size_t i, const char *attr, size_t max, int64_t ret[],
                       size_t *ret_n);
const an_shape *an_onnx_shape(const an_onnx_import_run *r, const an_onnx_seen *v); /* of the layer's output */
size_t an_onnx_rank(const an_onnx_import_run *r, const an_onnx_seen *v);
/* Which dimension of the value is the channel's; SIZE_MAX: none is. */
size_t an_onnx_channel_axis(const an_onnx_import_run *r, const an_onnx_seen *v);
size_t an_onnx_channels(const an_onnx_import_run *r, const an_onnx_seen *v);
/* What a Transpose node makes of a value in this form.  False: none of the forms. */
bool an_onnx_transposed(an_onnx_form from, size_t rank, const Onnx__NodeProto *node, an_onnx_form *ret);
/* -1 counts from the end.  SIZE_MAX: not within the rank. */
size_t an_onnx_axis(int64_t axis, size_t rank);

/* Output k of the node is the layer's in the form; fresh. */
an_err an_onnx_give(an_onnx_import_run *r, size_t k, size_t layer, an_onnx_form form);
/* Output 0 is v, which was changed in form alone. */
an_err an_onnx_give_seen(an_onnx_import_run *r, const an_onnx_seen *v);

/* ------------------------------------------------------------------------------------- layers */

/* A layer of the kind that reads the layer `from`; options and more inputs follow, then an_onnx_end.
 * Errors: LIMIT. */
an_err an_onnx_begin(an_onnx_import_run *r, const char *kind, size_t from, an_onnx_draft **ret);
bool an_onnx_set(an_onnx_draft *d, const char *option,
                 double v); /* false: it has none, or not of this size */
an_err an_onnx_read(an_onnx_import_run *r, an_onnx_draft *d, size_t from);
/* Sizes it and takes its weights, at their first values.  *ret: its number. */
an_err an_onnx_end(an_onnx_import_run *r, an_onnx_draft *d, size_t *ret);
float *an_onnx_own(an_onnx_draft *d, const char *weight); /* NULL: it has none */
/* Copies n values of the constant.  Errors: INVAL it has another size. */
an_err an_onnx_fill(an_onnx_import_run *r, float *to, size_t n, const an_onnx_tensor *from);
/* A layer of one input and no option or weight, in the form of what it reads. */
an_err an_onnx_simple(an_onnx_import_run *r, const char *kind);
bool an_onnx_same_form(const an_onnx_seen *a, const an_onnx_seen *b);
/* x times a gate of one value for each channel: squeeze_excite, if the gate was made as that does it. */
an_err an_onnx_take_gate(an_onnx_import_run *r, const an_onnx_seen *x, const an_onnx_seen *gate);
/* A flat value, as ONNX has it, made of one of any form: a flatten layer if need be. */
an_err an_onnx_flat(an_onnx_import_run *r, an_onnx_seen *v);

#endif
