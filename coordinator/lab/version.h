/* version.h - versions made by hand: an untrained one from an architecture, and training it on
 * windows that lie in one place.
 *
 *     err = an_lab_version_new(&spec, seed, &bundle, &why);
 *     err = an_lab_version_train(&bundle, &opts, x, n, &stats, &why);
 *
 * Threads: pure functions; training starts workers that live for the call. */
#ifndef AN_COORDINATOR_LAB_VERSION_H
#define AN_COORDINATOR_LAB_VERSION_H

#include <stdbool.h>

#include "base/err.h"
#include "models/bundle.h"
#include "models/train.h"

typedef struct an_lab_version_spec {
    const char *name;
    const char *file;     /* what errors call arch; NULL: name */
    const char *arch;     /* NULL: none, for a detector that needs no model */
    const char *detector; /* NULL: autoencoder */
    const char *const *sensors;
    size_t n_sensors;
    bool images; /* the description says their size, and a sensor is a column of pixels */
    an_prep_conf prep;
    const char *threshold;
} an_lab_version_spec;

/* Mean 0 and scale 1 until a scaler is fitted.  Errors: INVAL, PROTO the architecture, NOMEM.
 */
an_err an_lab_version_new(const an_lab_version_spec *spec, uint64_t seed, an_bundle *ret, an_note *why);

/* x: (n, inputs), scaled; labels: (n, targets), or NULL.  Errors: as an_train; UNSUPPORTED the model learns from labels. */
an_err an_lab_version_train(an_bundle *b, const an_train_opts *opts, const float *x, size_t n,
                            const float *labels, an_train_stats *ret_stats, an_note *why);

/* The hash of the bundle as a file.  Errors: as an_bundle_encode. */
an_err an_lab_version_hash(const an_bundle *b, an_hash *ret, an_note *why);

#endif
