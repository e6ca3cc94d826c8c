/* bank.h - a memory of what is usual: features of normal images, and how far those of another image are from the nearest of them
 * (PatchCore; Roth, Pemula, Zepeda, Schoelkopf, Brox, Gehler 2022).
 *
 *     an_bank *b = NULL;
 *     err = an_bank_new(x, n, 24, 500, seed, &b);       n vectors of 24 features, of which 500 stay
 *     an_bank_map(b, features, places, map);            distance of each place to the nearest
 *     score = an_bank_score(b, features, places);       of the image
 *     an_bank_free(b);
 *
 * What stays is a coreset by greedy k-centre: after a first one by lot, always that which is farthest from all that stay, so that
 * rare kinds of normal are kept, too.  It holds pieces of images as they are: it stays where it was made, and is never sent.
 *
 * The score is that of the worst place: its distance, less the nearer its neighbour's neighbours are to it, for a place between
 * usual ones is less strange than one beyond them.
 *
 * Features may be those of a network, or the fixed ones here: values, contrasts and steps (texture.h), and filters with
 * weights by lot, rectified; means over a place and those around it.
 *
 * Threads: a bank is immutable; making one belongs to one thread. */
#ifndef AN_MODELS_BANK_H
#define AN_MODELS_BANK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "models/texture.h"

#define AN_BANK_KEEP_MAX 100000u
#define AN_BANK_FEATURES_MAX 4096u

typedef struct an_bank an_bank;

/* x: (n, features), finite, copied from.  Features count in units of their standard deviation in x.  keep: at most so many stay.
 * Errors: INVAL nothing to learn from, a size of 0; LIMIT; NOMEM. */
an_err an_bank_new(const float *x, size_t n, size_t features, size_t keep, uint64_t seed, an_bank **ret);
void an_bank_free(an_bank *b);

size_t an_bank_size(const an_bank *b); /* vectors that stayed */
/* Which of x they were, in the order in which they were chosen. */
const size_t *an_bank_chosen(const an_bank *b);

void an_bank_map(const an_bank *b, const float *x, size_t n, float *map);
double an_bank_score(const an_bank *b, const float *x, size_t n);

#define AN_BANK_FILTERS 16u
#define AN_BANK_FIXED (AN_TEXTURE + AN_BANK_FILTERS)
/* The fixed features of a grey image x (height * coarse, width * coarse): ret (height, width, AN_BANK_FIXED).
 * scratch: (height * coarse + 1) * (width * coarse + 1); spare: height * width * AN_BANK_FIXED. */
void an_bank_fixed(const float *x, size_t height, size_t width, size_t coarse, double *scratch, float *spare,
                   float *ret);

#endif
