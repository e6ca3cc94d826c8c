/* prep_chain_internal.h - a chain from within: what reads it and what runs it share this. */
#ifndef AN_MODELS_PREP_CHAIN_INTERNAL_H
#define AN_MODELS_PREP_CHAIN_INTERNAL_H

#include "models/prep_step.h"

struct an_prep_chain {
    size_t width, features;
    size_t n;
    an_prep_step steps[AN_CHAIN_STEPS_MAX];
    char *text; /* canonical */
};

/* The step that splits rows into regimes; NULL: none. */
const an_prep_step *an_chain_split(const an_prep_chain *c);

#endif
