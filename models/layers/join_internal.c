#include "models/layers/join_internal.h"

bool an_join_equal(const an_shape *a, const an_shape *b)
{
    bool equal = a->n_dims == b->n_dims;
    for (size_t i = 0; equal && i < a->n_dims; i++)
        equal = a->d[i] == b->d[i];
    return equal;
}

an_err an_join_misfit(const an_layer *l, size_t k, an_note *why)
{
    char first[AN_SHAPE_TEXT], other[AN_SHAPE_TEXT];
    an_shape_text(first, &l->in);
    an_shape_text(other, &l->inputs[k].shape);
    return an_fail(AN_ERR_INVAL, why, "%s: input %zu has the shape %s, which does not fit %s of the first",
                   l->type->name, k + 1, other, first);
}

an_err an_join_same_shape(an_layer *l, an_note *why)
{
    for (size_t k = 1; k < l->n_inputs; k++)
        if (!an_join_equal(&l->in, &l->inputs[k].shape))
            return an_join_misfit(l, k, why);
    l->out = l->in;
    return AN_OK;
}
