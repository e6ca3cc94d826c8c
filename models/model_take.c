/* Transfer: what another model has learnt, where both have the same layer. */
#include <string.h>

#include "models/model.h"

static bool same_shape(const an_tensor *a, const an_tensor *b)
{
    return a->n_dims == b->n_dims && memcmp(a->dims, b->dims, a->n_dims * sizeof *a->dims) == 0;
}

size_t an_model_take(const an_model *to, float *params, const an_model *from, const float *from_params,
                     size_t *ret_params)
{
    const an_tensor *t;
    size_t taken = 0;
    *ret_params = 0;
    for (size_t i = 0; (t = an_model_tensor_at(to, i)); i++) {
        const an_tensor *its = an_model_tensor_find(from, t->name);
        if (!its || !same_shape(its, t))
            continue;
        memcpy(params + t->offset, from_params + its->offset, t->n * sizeof *params);
        taken++;
        *ret_params += t->n;
    }
    return taken;
}
