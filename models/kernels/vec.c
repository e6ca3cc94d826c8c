/* The choice of a table of vector functions, made once. */
#include "models/kernels/vec.h"

#include <string.h>

#include "models/kernels/vec_internal.h"

static const an_vec *const tables[] = {
#ifdef AN_HAVE_AVX
    &an_vec_avx512,
    &an_vec_avx2,
#endif
    &an_vec_plain,
};
#define N_TABLES (sizeof tables / sizeof *tables)

static const an_vec *chosen = &an_vec_plain;

const an_vec *an_vec_get(void)
{
    return chosen;
}

const an_vec *an_vec_at(size_t i)
{
    return i < N_TABLES ? tables[i] : NULL;
}

bool an_vec_choose(const char *name)
{
    const an_vec *best = NULL, *named = NULL;
    for (size_t i = 0; i < N_TABLES; i++) {
        if (!tables[i]->usable())
            continue;
        best = best ? best : tables[i];
        if (name && strcmp(tables[i]->name, name) == 0)
            named = tables[i];
    }
    chosen = named ? named : best;
    return !name || named;
}
