/* quant_internal.h - a quantised model as its own files see it: how each layer runs (quant_plan.c),
 * ranges and weights (quant_make.c), the arithmetic (quant_run.c), the file (quant_file.c). */
#ifndef AN_MODELS_QUANT_INTERNAL_H
#define AN_MODELS_QUANT_INTERNAL_H

#include "models/layers/conv_internal.h"
#include "models/model_internal.h"
#include "models/quant.h"

#define AN_QUANT_SCALE_MIN 1e-30f
#define AN_QUANT_SCALE_MAX 1e20f

typedef enum an_quant_form {
    AN_QUANT_FLOAT,   /* as ever */
    AN_QUANT_PRODUCT, /* dense and convolutions: bytes times bytes */
    AN_QUANT_POOL,    /* the largest of bytes */
    AN_QUANT_RELU,
    AN_QUANT_SAME /* nothing to do: its output is its input, or the layer before has applied it */
} an_quant_form;

/* An activation.  Those of SAME are those of their home; pools and relu change no scale. */
typedef struct an_quant_value {
    size_t home;        /* the value whose memory it has */
    size_t scale_of;    /* the value whose scale and zero it has */
    size_t n;           /* values in a row */
    bool bytes, floats; /* is wanted as */
    float scale;
    uint8_t zero;
} an_quant_value;

/* A product's weights.  Dense: a convolution over one place. */
typedef struct an_quant_product {
    an_conv at;
    size_t run;     /* bytes of a line of the kernel: kw * c */
    float *w_scale; /* (f) */
    int32_t *bias;  /* (f) in units of x's scale times w_scale */
    int8_t *packed; /* as kernels/q8.h packs them */
    int32_t *start; /* (width) bias less what x's zero adds */
    float *scale;   /* (width) from sums to the output */
} an_quant_product;

struct an_quant {
    an_model *m; /* its own */
    an_hash version;
    an_quant_form *forms;       /* (n_layers) */
    an_quant_value *values;     /* (n_layers + 1): of each layer, and of the model's input */
    an_quant_product *products; /* (n_layers) those of other forms are empty */
    float *rest;                /* (n_rest) parameters of layers in float32 */
    size_t *rest_at;            /* (n_layers) */
    size_t n_rest;
};

struct an_quant_ws {
    const an_quant *q;
    size_t max_batch;
    uint8_t *bytes;
    float *floats;
    size_t *bytes_at, *floats_at; /* (n_layers + 1) of homes */
    uint8_t *frame;               /* one image with what stands around it, or a line of one */
    float *scratch, *saved;       /* of layers in float32 */
};

/* An empty quantised model of that architecture: forms, values, sizes; no memory for weights yet.
 * in_floats: all layers in float32.  Errors: as an_model_new, NOMEM. */
an_err an_quant_plan(const char *text, bool in_floats, an_quant **ret, an_note *why);
/* Memory for the weights.  Errors: NOMEM. */
an_err an_quant_take(an_quant *q);

/* Value i comes as bytes with a scale and a zero of its own. */
static inline bool an_quant_owns_scale(const an_quant *q, size_t i)
{
    return q->values[i].bytes && q->values[i].home == i && q->values[i].scale_of == i;
}

/* The number of the value that layer i reads k-th. */
size_t an_quant_input(const an_quant *q, size_t i, size_t k);

/* From the stored to what a product runs with; x: scale and zero of its input, y: of its output as
 * bytes, NULL as floats.  Errors: NUMERIC a scale is out of bounds. */
an_err an_quant_finish(an_quant *q, size_t i, an_note *why);

/* A value as floats, after a forward of a model planned in_floats; x: its input. */
const float *an_quant_floats(const an_quant_ws *ws, size_t value, const float *x);

/* Weights of a product: terms of one output. */
static inline size_t an_quant_terms(const an_quant_product *p)
{
    return p->at.kh * p->run;
}

#endif
