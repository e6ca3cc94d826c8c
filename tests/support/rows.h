/* rows.h - rows made by a rule that a model can learn.
 *
 * A rule writes one input x and its target t (NULL where the target is the input), of the sizes that the
 * model has.  odd: the row is one that an autoencoder of the others is not to know; it is as large as they
 * are, so that who has learnt nothing cannot tell. */
#ifndef AN_TESTS_SUPPORT_ROWS_H
#define AN_TESTS_SUPPORT_ROWS_H

#include <stdbool.h>

#include "base/rng.h"
#include "models/model.h"

typedef void an_rows_rule(an_rng *r, const an_model *m, bool odd, float *x, float *t);

/* Sensors that hang on three causes; in an odd row two of them have values of another time. */
an_rows_rule an_rows_sensors;
/* Windows of an oscillation that begins anywhere; an odd one is half as fast again. */
an_rows_rule an_rows_swing;
/* Square images of stripes; those of an odd one run across. */
an_rows_rule an_rows_surface;
/* Square images of stripes in one of ten directions, which are the classes. */
an_rows_rule an_rows_directions;
/* Windows of an oscillation; how fast it is, is the class, of four. */
an_rows_rule an_rows_paces;
/* Windows whose first sensor is the sum of two oscillations, and its next value; the others are noise. */
an_rows_rule an_rows_forecast;
/* At least four numbers between -1 and 1, and a value computed from them. */
an_rows_rule an_rows_formula;
/* Square images with a bright disc in noise, and the mask of the disc. */
an_rows_rule an_rows_disc;

#endif
