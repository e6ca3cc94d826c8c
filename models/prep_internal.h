/* prep_internal.h - what the files of preprocessing share.  See prep.h. */
#ifndef AN_MODELS_PREP_INTERNAL_H
#define AN_MODELS_PREP_INTERNAL_H

#include "models/prep.h"

#define AN_PREP_NEVER 2 /* of `constant`: nothing of the regime was seen */

/* With a copy of the chain and room for the scales, which are zero.  Errors: NOMEM. */
an_err an_prep_alloc(an_prep *p, const an_prep_conf *conf, size_t width);

#endif
