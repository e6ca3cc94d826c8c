/* bundle_form.h - what of a version training does not change: three hashes that a delegation pins.
 *
 *     an_bundle_form form;
 *     err = an_bundle_form_of(&b, &form);
 *
 *   architecture   the canonical text, the layout of its parameters, and the kind of detector
 *   preprocessing  window, stride, smoothing, clamp, what is done with missing values, every sensor's mean
 *                  and scale, and the policy by which sites set their thresholds
 *   schema         as an_schema_hash: names, units, order, rate, window
 *
 * Weights, the default threshold, the detector's state and the bin edges are free.
 *
 * Threads: pure functions. */
#ifndef AN_MODELS_BUNDLE_FORM_H
#define AN_MODELS_BUNDLE_FORM_H

#include "models/bundle.h"

typedef struct an_bundle_form {
    an_hash architecture, preprocessing, schema;
} an_bundle_form;

/* Errors: NOMEM, LIMIT. */
an_err an_bundle_form_of(const an_bundle *b, an_bundle_form *ret);

#endif
