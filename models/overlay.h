/* overlay.h - what a site makes for itself beside a version: its own values of the parameters
 * marked local, its scaler, its thresholds, and its reference counts in the version's bins.
 *
 * What runs is version + overlay, named by (base hash, overlay hash).  An overlay never leaves
 * the site.
 *
 *     an_overlay o = {.base = version_hash, .created_ms = now};
 *     ... fill in what the site has; what is absent is taken from the version ...
 *     an_overlay_encode(&o, &buf, &why);
 *
 * Threads: pure functions. */
#ifndef AN_MODELS_OVERLAY_H
#define AN_MODELS_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "doors/crypto.h"
#include "models/bundle.h"

typedef struct an_overlay {
    an_hash base;       /* the bundle it belongs to */
    int64_t created_ms; /* since 1970 */
    float *local;       /* (n_local) values of the local tensors, in model order; NULL: none */
    size_t n_local;     /* ... or, if it is the version's n_weights, of all parameters */
    bool has_prep;
    an_prep prep;          /* the site's scaler */
    an_detector *detector; /* calibrated at the site; NULL: the version's */
    bool has_threshold;
    char policy[AN_THRESHOLD_TEXT];
    double threshold;
    uint32_t features;      /* sensors of the counts; 0: none */
    uint32_t n_bins;        /* n_edges + 1 */
    uint64_t *counts;       /* (features, n_bins) reference counts */
    uint64_t *score_counts; /* (n_bins) */
} an_overlay;

/* Errors: INVAL, NUMERIC, LIMIT, NOMEM. */
an_err an_overlay_encode(const an_overlay *o, an_buf *out, an_note *why);
/* Strict, as an_bundle_decode.  Errors: PROTO, NUMERIC, UNSUPPORTED, NOMEM. */
an_err an_overlay_decode(an_overlay *ret, const void *bytes, size_t len, an_note *why);
void an_overlay_done(an_overlay *o);
void an_overlay_hash(an_hash *ret, const void *bytes, size_t len);

/* Do they belong together: base hash, shapes, number of local parameters?  Errors: INVAL. */
an_err an_overlay_fits(const an_overlay *o, const an_bundle *b, const an_hash *bundle_hash, an_note *why);

#endif
