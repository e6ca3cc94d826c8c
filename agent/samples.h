/* samples.h - raw windows and what a model is given of them.
 *
 * A raw window is (context, width) sensor values in their own units, oldest row first, without
 * missing values unless they are wanted (for steps that fill them).  context = an_prep_rows, so that the oldest
 * row of the model input has all the rows that it is made of.  A raw window gives the same model input as
 * the live stream gives at its last row.
 *
 *     size_t context = an_samples_context(&bundle.prep);
 *     err = an_samples_cut(rows, n_rows, width, context, context, false, &raw, &n, &why);
 *     err = an_samples_inputs(&bundle.prep, raw, n, context, &x, &n_x, NULL, &why);
 *     ... x is (n_x, prep.window * features) ...
 *
 * Threads: pure functions. */
#ifndef AN_AGENT_SAMPLES_H
#define AN_AGENT_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/data.h"
#include "base/err.h"
#include "models/prep.h"

size_t an_samples_context(const an_prep *prep); /* rows in a raw window */

/* raw: (n, context, prep->width); context may be larger than needed, the last rows count.  A window that
 * gives no input, as one of a machine that stands, is passed over: which (n), which may be NULL, says of
 * each input what window it is of; there may be none at all.
 * On success *ret is (*ret_n, an_prep_input(prep)), the caller's (an_free).
 * Errors: INVAL context too small, NOMEM. */
an_err an_samples_inputs(const an_prep *prep, const float *raw, size_t n, size_t context, float **ret,
                         size_t *ret_n, size_t *which, an_note *why);

/* The same of windows with labels: *ret_labels is (*ret_n, n_labels), those of the windows that gave an input; NULL
 * where the part has none.  Both are the caller's (an_free).  Errors: as above. */
an_err an_samples_labelled(const an_prep *prep, const an_data_part *part, size_t context, size_t n_labels,
                           float **ret, float **ret_labels, size_t *ret_n, an_note *why);

/* Cuts a table (n_rows, width) into raw windows, one every stride rows; those with a missing
 * value are left out, unless `gaps`.  On success *ret is (*ret_n, context, width), the caller's (an_free).
 * Errors: INVAL a size of 0, NOMEM. */
an_err an_samples_cut(const float *rows, size_t n_rows, size_t width, size_t context, size_t stride,
                      bool gaps, float **ret, size_t *ret_n, an_note *why);

#endif
