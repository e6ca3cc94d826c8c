/* prune_internal.h - what both ways of pruning share. */
#ifndef AN_MODELS_PRUNE_INTERNAL_H
#define AN_MODELS_PRUNE_INTERNAL_H

#include "models/prune.h"

an_err an_prune_check(const an_prune_opts *o, an_note *why); /* INVAL */
double an_prune_share(const an_prune_opts *o, size_t step);  /* after step 1 .. steps */

/* How much something weighs, and which it is. */
typedef struct an_prune_item {
    float size;
    size_t index;
} an_prune_item;

void an_prune_sort(an_prune_item *items, size_t n); /* smallest first, equal ones by index */
size_t an_prune_zeros(const float *params, size_t n);

#endif
