/* The table of server optimisers. */
#include "coordinator/server_optimiser.h"

#include <math.h>
#include <string.h>

#define AN_SERVER_OPTIMISER(name) extern const an_server_optimiser an_server_optimiser_##name;
#include "coordinator/server_optimisers.def"
#undef AN_SERVER_OPTIMISER

static const an_server_optimiser *const optimisers[] = {
#define AN_SERVER_OPTIMISER(name) &an_server_optimiser_##name,
#include "coordinator/server_optimisers.def"
#undef AN_SERVER_OPTIMISER
};

const an_server_optimiser *an_server_optimiser_at(size_t i)
{
    return i < sizeof optimisers / sizeof *optimisers ? optimisers[i] : NULL;
}

const an_server_optimiser *an_server_optimiser_find(const char *name)
{
    for (size_t i = 0; i < sizeof optimisers / sizeof *optimisers; i++)
        if (strcmp(optimisers[i]->name, name) == 0)
            return optimisers[i];
    return NULL;
}

float an_server_optimiser_start(const an_server_optimiser *o, const an_server_args *a, size_t k)
{
    return o->start ? o->start(a, k) : 0.0f;
}

static bool is_share(double x)
{
    return x >= 0.0 && x < 1.0;
}

an_err an_server_args_check(const an_server_args *a, an_note *why)
{
    if (!(a->lr > 0.0) || !isfinite(a->lr) || !(a->tau > 0.0) || !isfinite(a->tau))
        return an_fail(AN_ERR_INVAL, why, "the server's rate and tau are positive numbers");
    if (!is_share(a->momentum) || !is_share(a->beta1) || !is_share(a->beta2))
        return an_fail(AN_ERR_INVAL, why, "the server's momentum, beta1 and beta2 are 0 to below 1");
    return AN_OK;
}
