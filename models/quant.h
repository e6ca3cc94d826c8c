/* quant.h - a model in whole numbers: signed 8-bit weights, unsigned 8-bit activations, about a
 * quarter of the memory and a fraction of the time.  For use only, never for training.
 *
 *     an_quant *q = NULL;
 *     err = an_quant_new(model, params, rows, n, NULL, &q, &why);      rows of normal operation
 *     err = an_quant_write(q, "pump.q8", &why);
 *     ...
 *     an_quant_ws *ws = NULL;
 *     err = an_quant_ws_new(q, 1, &ws);
 *     const float *y = an_quant_forward(q, ws, 1, x);
 *
 * A real value v stands as the byte q with v = scale (q - zero): one scale and zero for each
 * activation, from the range that it had over the rows of calibration; weights have one scale for each
 * output of a layer and no zero (Jacob et al. 2018).  dense, conv1d and conv2d run in bytes, as do
 * max-pools, relu, flatten and dropout between them; an activation that follows is applied as the
 * product is written.  Every other kind runs in float32 between, with a conversion on each side.
 *
 * The same bits on every processor: sums are exact, and the kernels of all instruction sets agree
 * (kernels/q8.h).  Layers that run in float32 are as equal as those are.
 *
 * A value beyond the range of calibration is cut off at its end.  What is not a number counts as the
 * smallest value: whoever scores checks his rows first.
 *
 * As a file it stands beside the version that it was made from and names it; the version's bytes, and
 * so its hash and its signatures, stay as they are.
 *
 * Threads: immutable once made; each thread has its own workspace. */
#ifndef AN_MODELS_QUANT_H
#define AN_MODELS_QUANT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "doors/crypto.h"
#include "models/model.h"

#define AN_QUANT_BYTES_MAX ((size_t)1 << 29) /* of a file */

typedef struct an_quant an_quant;
typedef struct an_quant_ws an_quant_ws;

typedef struct an_quant_opts {
    /* The share of an activation's values that its range holds, in [0.9, 1]: the rest, half at each
     * end, is cut off, which makes the steps between the others finer.  1: the whole range, which is
     * the default, as rare values are what a detector of anomalies is there for. */
    double share;
    an_hash version; /* the version that the parameters are of; zero: none */
} an_quant_opts;

an_quant_opts an_quant_defaults(void);

/* Quantises params (n_params) of m with ranges from rows (n, n_inputs).  opts NULL: the defaults.
 * Copies what it needs.  Errors: INVAL no rows, options; UNSUPPORTED no layer would run in bytes;
 * NUMERIC a value is not finite; NOMEM. */
an_err an_quant_new(const an_model *m, const float *params, const float *rows, size_t n,
                    const an_quant_opts *opts, an_quant **ret, an_note *why);
void an_quant_free(an_quant *q); /* NULL is fine */

const an_model *an_quant_model(const an_quant *q); /* borrowed */
const an_hash *an_quant_version(const an_quant *q);
size_t an_quant_n_bytes(const an_quant *q);  /* what weights, scales and the float32 rest take */
size_t an_quant_n_layers(const an_quant *q); /* layers with weights in bytes */

/* How layer i of the model runs: "bytes", "float32", or "with the one before". */
const char *an_quant_layer_form(const an_quant *q, size_t i);

/* Memory for up to max_batch rows.  Errors: INVAL max_batch 0, NOMEM. */
an_err an_quant_ws_new(const an_quant *q, size_t max_batch, an_quant_ws **ret);
void an_quant_ws_free(an_quant_ws *ws);

/* The outputs (batch, n_outputs) of x (batch, n_inputs), borrowed from the workspace until its next
 * use.  A row gives the same bits alone as in a batch, if all layers run in bytes.  Never allocates. */
const float *an_quant_forward(const an_quant *q, an_quant_ws *ws, size_t batch, const float *x);

/* The sum of the rows' losses, as an_model_loss. */
double an_quant_loss(const an_quant *q, an_quant_ws *ws, size_t batch, const float *x, const float *target);

/* Appends the file.  Errors: LIMIT, NOMEM. */
an_err an_quant_encode(const an_quant *q, an_buf *out);
/* Accepts exactly what the encoder writes; every count is bounded before it is used.  Errors: PROTO,
 * NUMERIC a number is not finite, UNSUPPORTED a later format, NOMEM. */
an_err an_quant_decode(const void *bytes, size_t len, an_quant **ret, an_note *why);

/* A file on disk.  Errors: as above, and NOTFOUND, IO. */
an_err an_quant_read(const char *path, an_quant **ret, an_note *why);
an_err an_quant_write(const an_quant *q, const char *path, an_note *why);

#endif
