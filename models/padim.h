/* padim.h - what is usual at each place of an image: a Gaussian of features there, made together exactly (Defard, Setkov, Loesch,
 * Audigier 2021).
 *
 *     an_padim *p = NULL;
 *     err = an_padim_new(64, 64, AN_TEXTURE, &p);
 *     an_padim_add(p, features);                     each normal image
 *     an_padim_merge(p, of_another_site);            sums, so: as if its images had been added here
 *     err = an_padim_fit(p, 0.01);
 *     an_padim_map(p, features, map);                Mahalanobis distance at each place
 *     an_padim_free(p);
 *
 * All that is kept of images are a count and sums of features and of their products at each place.  Sums of sites add up to
 * what all images in one place come to, to the last rounding, in one round and under a secure sum.
 *
 * Features may be those of a network, or the fixed ones here, which nobody has to train: the value, means around it at
 * two widths, how far it is from them, how much darker, and steps across and down; means over a place of the map.
 *
 * Threads: an object belongs to one thread at a time. */
#ifndef AN_MODELS_PADIM_H
#define AN_MODELS_PADIM_H

#include <stddef.h>

#include "base/err.h"

#define AN_PADIM_FEATURES_MAX 64u
#define AN_PADIM_VALUES_MAX ((size_t)1 << 26) /* places * features * features */

typedef struct an_padim an_padim;

/* Errors: INVAL a size of 0, LIMIT, NOMEM. */
an_err an_padim_new(size_t height, size_t width, size_t features, an_padim **ret);
void an_padim_free(an_padim *p);

/* features: (height, width, features) of one normal image. */
void an_padim_add(an_padim *p, const float *features);
/* other: of the same sizes. */
void an_padim_merge(an_padim *p, const an_padim *other);
size_t an_padim_count(const an_padim *p); /* images */

/* From the sums, which stay: more may be added, and it be fitted again.  ridge: added to each variance, as a share of the
 * feature's mean variance over all places.  Errors: INVAL fewer than two images; NUMERIC. */
an_err an_padim_fit(an_padim *p, double ridge, an_note *why);
/* map: (height, width). */
void an_padim_map(const an_padim *p, const float *features, float *map);

#define AN_TEXTURE 8u
/* The fixed features of a grey image x (height * coarse, width * coarse): ret (height, width, AN_TEXTURE).
 * scratch: (height * coarse + 1) * (width * coarse + 1). */
void an_padim_texture(const float *x, size_t height, size_t width, size_t coarse, double *scratch,
                      float *ret);

#endif
