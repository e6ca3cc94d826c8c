/* chance.h - how rarely a normal score is as high as this one: what makes scores of several models and senses comparable.
 *
 *     err = an_chance_new(scores, n, &chance, &why);       scores of normal data that nothing was fitted on
 *     double ln_p = an_chance_ln(chance, score);           0: usual; ln 0.01: one normal score in a hundred is as high
 *
 * Within what was seen it is the p-value of conformal prediction, (1 + #{scores >= s}) / (n + 1) (Vovk, Gammerman, Shafer
 * 2005).  Above the highest one a generalised Pareto tail goes on (tail.h), with a shape of 0 at least, so that it ends
 * nowhere, and never above the p-value.
 *
 * Threads: an an_chance does not change. */
#ifndef AN_MODELS_CHANCE_H
#define AN_MODELS_CHANCE_H

#include <stddef.h>

#include "base/err.h"

#define AN_CHANCE_LEAST 100 /* fewer scores say too little of what is rare */

typedef struct an_chance an_chance;

/* scores: (n), in any order; those that are not finite are left out.  Errors: INVAL fewer than AN_CHANCE_LEAST, NOMEM. */
an_err an_chance_new(const double *scores, size_t n, an_chance **ret, an_note *why);
void an_chance_free(an_chance *c);

double an_chance_ln(const an_chance *c, double score); /* <= 0; NAN of a score that is not finite */
size_t an_chance_n(const an_chance *c);                /* scores that it was made of */

#endif
