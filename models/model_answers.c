/* Which columns a model answers for instead of looking at them: what its `insert` puts into its input. */
#include "models/layers/part_internal.h"
#include "models/model_internal.h"

extern const an_layer_type an_layer_insert;

bool an_model_answers(const an_model *m, size_t column)
{
    const an_layer *last = &m->layers[m->n_layers - 1];
    if (last->type != &an_layer_insert)
        return false;
    const an_part p = an_part_of(last);
    return column >= p.at && column - p.at < p.wide;
}
