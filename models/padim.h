/* padim.h - what is usual at each place of an image: a Gaussian of features there, made together exactly (Defard, Setkov, Loesch,
 * Audigier 2021).
 *
 *     const size_t each = an_padim_values(AN_TEXTURE);
 *     an_padim_add(sums + k * each, AN_TEXTURE, features);              each place k of each normal image
 *     err = an_padim_fit(sums, n, places, AN_TEXTURE, 0.01, state, &why);
 *     an_padim_square(state + k * each, AN_TEXTURE, features)           squared Mahalanobis distance at place k
 *
 * All that is kept of images is their number and sums of features and of their products at each place.  Sums of sites, added value by value,
 * come to what all images in one place do, to the last rounding, in one round and under a secure sum.
 *
 * Features may be those of a network, or fixed ones (texture.h).
 *
 * Sums of one place: (features) of values, then the lower triangle of their products, row by row.  A state of one place: the mean, then L
 * with covariance = L L', likewise.
 *
 * Threads: pure functions; nothing allocates. */
#ifndef AN_MODELS_PADIM_H
#define AN_MODELS_PADIM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define AN_PADIM_FEATURES_MAX 64u

/* Of one place, in sums and in a state alike.  features: 1 .. AN_PADIM_FEATURES_MAX. */
size_t an_padim_values(size_t features);

void an_padim_add(double *sums, size_t features, const float *x);

/* sums, ret: of all places.  n: images.  ridge: added to each variance, as a share of the feature's mean variance over all places.
 * Errors: INVAL fewer than two images; NUMERIC these are no sums of such. */
an_err an_padim_fit(const double *sums, double n, size_t places, size_t features, double ridge, double *ret,
                    an_note *why);

/* Is this what a fit could have left at one place? */
bool an_padim_check(const double *state, size_t features);

/* NAN if one of x is. */
double an_padim_square(const double *state, size_t features, const float *x);
/* The same of the first feature alone, whatever the others are. */
double an_padim_first(const double *state, size_t features, const float *x);

#endif
