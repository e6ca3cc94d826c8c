/* The table of layers, and what holds for every kind: sizes are bounded before they are
 * believed. */
#include "models/layer.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define AN_LAYER(name) extern const an_layer_type an_layer_##name;
#include "models/layers.def"
#undef AN_LAYER

static const an_layer_type *const types[] = {
#define AN_LAYER(name) &an_layer_##name,
#include "models/layers.def"
#undef AN_LAYER
};

const an_layer_type *an_layer_at(size_t i)
{
    return i < sizeof types / sizeof *types ? types[i] : NULL;
}

const an_layer_type *an_layer_find(const char *name)
{
    for (size_t i = 0; an_layer_at(i); i++)
        if (strcmp(types[i]->name, name) == 0)
            return types[i];
    return NULL;
}

/* SIZE_MAX stands for "too large" and stays so. */
static size_t times(size_t a, size_t b)
{
    return a != 0 && b > SIZE_MAX / a ? SIZE_MAX : a * b;
}

size_t an_shape_size(const an_shape *s)
{
    size_t n = 1;
    for (size_t i = 0; i < s->n_dims; i++)
        n = times(n, s->d[i]);
    return n;
}

void an_shape_text(char out[static AN_SHAPE_TEXT], const an_shape *s)
{
    size_t at = 0;
    out[at++] = '(';
    for (size_t i = 0; i < s->n_dims; i++)
        at += (size_t)snprintf(out + at, AN_SHAPE_TEXT - at, "%s%zu", i ? ", " : "", s->d[i]);
    snprintf(out + at, AN_SHAPE_TEXT - at, ")");
}

an_err an_layer_same_shape(an_layer *l, an_note *why)
{
    (void)why;
    l->out = l->in;
    return AN_OK;
}

an_err an_layer_size(an_layer *l, const an_shape *in, an_note *why)
{
    l->in = *in;
    l->in_n = an_shape_size(in);
    l->n_weights = l->n_params = l->n_scratch = 0;
    an_err err = l->type->sizes(l, why);
    if (err != AN_OK)
        return err;
    l->out_n = an_shape_size(&l->out);
    for (size_t i = 0; i < l->n_weights; i++) {
        size_t n = 1;
        for (size_t d = 0; d < l->weights[i].n_dims; d++)
            n = times(n, l->weights[i].dims[d]);
        if (n > AN_MODEL_PARAMS_MAX - l->n_params)
            return an_fail(AN_ERR_LIMIT, why, "more than %u parameters", AN_MODEL_PARAMS_MAX);
        l->weight_at[i] = l->n_params;
        l->n_params += n;
    }
    if (l->out_n > AN_MODEL_VALUES_MAX || l->n_scratch > AN_MODEL_VALUES_MAX)
        return an_fail(AN_ERR_LIMIT, why, "more than %u values for one row", AN_MODEL_VALUES_MAX);
    return AN_OK;
}
