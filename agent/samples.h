/* samples.h - raw windows and what a model is given of them.
 *
 * A raw window is (context, width) sensor values in their own units, oldest row first, without
 * missing values.  context = prep.window + prep.smooth - 1 rows, so that the smoothing of the
 * oldest row of the model input has all its rows.  A raw window gives the same model input as
 * the live stream gives at its last row.
 *
 *     size_t context = an_samples_context(&bundle.prep);
 *     err = an_samples_cut(rows, n_rows, width, context, context, &raw, &n, &why);
 *     err = an_samples_inputs(&bundle.prep, raw, n, context, &x, &why);
 *     ... x is (n, prep.window * width) ...
 *
 * Threads: pure functions. */
#ifndef AN_AGENT_SAMPLES_H
#define AN_AGENT_SAMPLES_H

#include <stddef.h>

#include "base/err.h"
#include "models/prep.h"

size_t an_samples_context(const an_prep *prep); /* rows in a raw window */

/* raw: (n, context, prep->features); context may be larger than needed, the last rows count.
 * On success *ret is (n, an_prep_input(prep)), the caller's (an_free).
 * Errors: INVAL context too small or a missing value, NOMEM. */
an_err an_samples_inputs(const an_prep *prep, const float *raw, size_t n, size_t context, float **ret,
                         an_note *why);

/* Cuts a table (n_rows, width) into raw windows, one every stride rows; those with a missing
 * value are left out.  On success *ret is (*ret_n, context, width), the caller's (an_free).
 * Errors: INVAL a size of 0, NOMEM. */
an_err an_samples_cut(const float *rows, size_t n_rows, size_t width, size_t context, size_t stride,
                      float **ret, size_t *ret_n, an_note *why);

#endif
