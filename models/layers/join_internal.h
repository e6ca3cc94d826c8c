/* join_internal.h - what the kinds that read several layers share. */
#ifndef AN_MODELS_LAYERS_JOIN_INTERNAL_H
#define AN_MODELS_LAYERS_JOIN_INTERNAL_H

#include "models/layer.h"

bool an_join_equal(const an_shape *a, const an_shape *b);
/* INVAL, naming both shapes: input k does not fit the first. */
an_err an_join_misfit(const an_layer *l, size_t k, an_note *why);
/* `sizes` of those whose inputs and output have one shape. */
an_err an_join_same_shape(an_layer *l, an_note *why);

#endif
