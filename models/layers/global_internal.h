/* global_internal.h - pools over all places at once. */
#ifndef AN_MODELS_LAYERS_GLOBAL_INTERNAL_H
#define AN_MODELS_LAYERS_GLOBAL_INTERNAL_H

#include "models/layer.h"

/* (L, C) or (H, W, C) becomes (C).  Errors: INVAL a flat input. */
an_err an_global_sizes(an_layer *l, an_note *why);

#endif
