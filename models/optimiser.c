/* The table of optimisers. */
#include "models/optimiser.h"

#include <string.h>

#define AN_OPTIMISER(name) extern const an_optimiser an_optimiser_##name;
#include "models/optimisers.def"
#undef AN_OPTIMISER

static const an_optimiser *const optimisers[] = {
#define AN_OPTIMISER(name) &an_optimiser_##name,
#include "models/optimisers.def"
#undef AN_OPTIMISER
};

const an_optimiser *an_optimiser_at(size_t i)
{
    return i < sizeof optimisers / sizeof *optimisers ? optimisers[i] : NULL;
}

const an_optimiser *an_optimiser_find(const char *name)
{
    for (size_t i = 0; an_optimiser_at(i); i++)
        if (strcmp(optimisers[i]->name, name) == 0)
            return optimisers[i];
    return NULL;
}
