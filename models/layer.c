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

an_layer_weight an_layer_spread(const char *name, size_t fan_in, size_t fan_out, size_t n_dims,
                                const size_t dims[])
{
    an_layer_weight w = {
        .name = name, .n_dims = n_dims, .start = AN_LAYER_START_SPREAD, .fan_in = fan_in, .fan_out = fan_out};
    memcpy(w.dims, dims, n_dims * sizeof *dims);
    return w;
}

an_layer_weight an_layer_constant(const char *name, an_layer_start start, size_t n)
{
    return (an_layer_weight){.name = name, .n_dims = 1, .dims = {n}, .start = start};
}

an_err an_layer_same_shape(an_layer *l, an_note *why)
{
    (void)why;
    l->out = l->in;
    return AN_OK;
}

void an_pass_rng(const an_pass *p, const an_layer *l, size_t row, an_rng *ret)
{
    uint64_t step = an_mix64(p->draw.seed ^ an_mix64(p->draw.step));
    an_rng_init(ret, step ^ an_mix64(l->number + 1), p->draw.row + row);
}

an_epilogue an_layer_epilogue(const an_layer *activation, float *ret_slope)
{
    *ret_slope = 0.0f;
    if (!activation)
        return AN_EPILOGUE_NONE;
    if (activation->type->epilogue == AN_EPILOGUE_LEAKY)
        *ret_slope = (float)activation->opt[0];
    return activation->type->epilogue;
}

void an_layer_mask(const an_layer *l, size_t n, const float *x, float *dx)
{
    float slope;
    if (an_layer_epilogue(l->mask, &slope) == AN_EPILOGUE_NONE)
        return;
    for (size_t i = 0; i < n; i++)
        dx[i] = x[i] > 0.0f ? dx[i] : slope * dx[i];
}

static an_err check_memory(const an_layer *l, an_note *why)
{
    const size_t all[] = {l->out_n,       l->n_scratch,        l->n_scratch_row, l->n_saved,
                          l->n_saved_row, l->n_scratch_dx_row, l->n_prepared};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] > AN_MODEL_VALUES_MAX)
            return an_fail(AN_ERR_LIMIT, why, "more than %u values for one row", AN_MODEL_VALUES_MAX);
    return AN_OK;
}

an_err an_layer_size(an_layer *l, an_note *why)
{
    if (l->type->joins ? l->n_inputs < 2 : l->n_inputs != 1)
        return an_fail(AN_ERR_INVAL, why, "%s reads %s, not %zu: see `from`", l->type->name,
                       l->type->joins ? "2 to 8 layers" : "one layer", l->n_inputs);
    for (size_t i = 0; i < l->n_inputs; i++)
        l->inputs[i].n = an_shape_size(&l->inputs[i].shape);
    l->in = l->inputs[0].shape;
    l->in_n = l->inputs[0].n;
    l->n_weights = l->n_params = 0;
    l->n_scratch = l->n_scratch_row = l->n_scratch_dx_row = l->n_saved = l->n_saved_row = l->n_prepared = 0;
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
    return check_memory(l, why);
}
