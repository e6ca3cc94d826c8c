/* detector.h - from a window (and its reconstruction) to a score, and which sensors it came
 * from.
 *
 *     an_detector *d;
 *     an_detector_new("autoencoder", window, features, &d, &why);
 *     an_detector_fit(d, x, y, n, &why);             normal windows, and what the model made of
 * them an_detector_score(d, x, y, 1, &score, contributions, scratch);
 *
 * Shapes: x and y (n, window * features), oldest row first; contributions (n, features).
 * A higher score is less normal.  Detectors that need no model ignore y, which may be NULL.
 *
 * Threads: a fitted detector is immutable; scratch belongs to the caller's thread.
 * Recipe for a new row: docs/recipes/add-a-detector.md. */
#ifndef AN_MODELS_DETECTOR_H
#define AN_MODELS_DETECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AN_DETECTOR_STATE_MAX (1u << 22) /* doubles */

typedef struct an_detector an_detector;

typedef struct an_detector_type {
    const char *name;
    const char *meaning;
    bool needs_model;
    const char *other; /* sees what this one is blind to by design; NULL: it sees all directions */
    size_t (*n_state)(uint32_t window, uint32_t features);   /* doubles; 0: this shape is too large */
    size_t (*n_scratch)(uint32_t window, uint32_t features); /* doubles */
    /* Errors: INVAL too few windows, NUMERIC, NOMEM. */
    an_err (*fit)(an_detector *d, const float *x, const float *y, size_t n, an_note *why);
    /* One window.  contributions: (features), all >= 0; may be NULL. */
    float (*score)(const an_detector *d, const float *x, const float *y, float *contributions,
                   double *scratch);
    /* Of images: how odd each value of one window is, in units of its own, larger where it is less normal.  ret: (window,
     * features).  NULL: this one knows no places. */
    void (*map)(const an_detector *d, const float *x, float *ret, double *scratch);
    bool (*check)(const an_detector *d); /* is this a state that fit could have left? all are finite */
    /* What the other sensors say that this one should be in a window; ret: (window).  NULL: a model is asked
     * (an_scorer_expected).  Who has it: contributions leave each sensor out. */
    void (*expect)(const an_detector *d, const float *x, size_t sensor, float *ret, double *scratch);
    /* A detector that follows from sums over windows can be made by several sites together, as if all windows were
     * in one place.  All three, or none of them. */
    size_t (*n_sums)(uint32_t window, uint32_t features); /* doubles */
    /* Adds n windows, and what the model made of them, to sums (n_sums).  Errors: NOMEM. */
    an_err (*add)(const an_detector *d, const float *x, const float *y, size_t n, double *sums);
    /* n: windows in all.  Errors: INVAL too few windows, NUMERIC, NOMEM. */
    an_err (*from_sums)(an_detector *d, uint64_t n, const double *sums, an_note *why);
    void (*blank)(an_detector *d, uint64_t seed); /* before any fit; NULL: all numbers are 1 */
} an_detector_type;

struct an_detector {
    const an_detector_type *type;
    uint32_t window;
    uint32_t features;
    size_t n_state;
    double *state; /* (n_state): what fit learned; all of it travels in the bundle */
};

const an_detector_type *an_detector_find(const char *name); /* NULL: no such detector */
const an_detector_type *an_detector_at(size_t i);           /* NULL past the end */

/* Errors: INVAL unknown name or a shape that is too large, NOMEM. */
an_err an_detector_new(const char *name, uint32_t window, uint32_t features, an_detector **ret, an_note *why);
/* As it is before any window has been seen.  seed: of what a detector draws; add and fit keep to it. */
void an_detector_blank(an_detector *d, uint64_t seed);
/* Nothing has been learned yet, as far as the state says: of one that draws nothing. */
bool an_detector_is_blank(const an_detector *d);
/* Another with the same state.  Errors: NOMEM. */
an_err an_detector_copy(const an_detector *d, an_detector **ret);
/* From a stored state.  Errors: INVAL, PROTO the state is not one of this detector, NOMEM. */
an_err an_detector_restore(const char *name, uint32_t window, uint32_t features, const double *state,
                           size_t n_state, an_detector **ret, an_note *why);
void an_detector_free(an_detector *d);

/* Errors: INVAL too few windows, NUMERIC, NOMEM. */
an_err an_detector_fit(an_detector *d, const float *x, const float *y, size_t n, an_note *why);

/* In two steps, the first at each site and the second with the sums of all.  Errors: UNSUPPORTED it does not follow
 * from sums; else as an_detector_fit. */
size_t an_detector_n_sums(const an_detector *d); /* 0: it does not follow from sums; d may be NULL */
an_err an_detector_add(const an_detector *d, const float *x, const float *y, size_t n, double *sums,
                       an_note *why);
an_err an_detector_from_sums(an_detector *d, uint64_t n, const double *sums, an_note *why);

size_t an_detector_scratch(const an_detector *d); /* doubles */

/* n windows.  scores: (n).  contributions: (n, features) or NULL.  Never allocates. */
void an_detector_score(const an_detector *d, const float *x, const float *y, size_t n, float *scores,
                       float *contributions, double *scratch);

/* The Mahalanobis detector from moments of windows (window * features = m): mean (m),
 * covariance (m, m), e.g. from a secure sum.  Errors: INVAL, NUMERIC not positive definite,
 * NOMEM. */
an_err an_detector_mahalanobis_set(an_detector *d, const double *mean, const double *covariance,
                                   an_note *why);

#endif
