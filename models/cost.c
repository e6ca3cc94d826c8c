#include "models/cost.h"

#include "models/model_internal.h"

static double layer_flops(const an_layer *l)
{
    double matrices = 0, places = 1;
    if (l->type->flops)
        return l->type->flops(l);
    for (size_t i = 0; i < l->n_weights; i++) {
        double n = l->weights[i].n_dims > 1 ? 1 : 0;
        for (size_t d = 0; d < l->weights[i].n_dims; d++)
            n *= (double)l->weights[i].dims[d];
        matrices += n;
    }
    for (size_t d = 0; d + 1 < l->out.n_dims; d++)
        places *= (double)l->out.d[d];
    return 2 * matrices * places + (double)l->out_n;
}

/* Does something before the layer learn, so that it has to hand its gradient on? */
static bool hands_on(const an_model *m, size_t layer)
{
    bool on[AN_MODEL_LAYERS_MAX] = {false};
    for (size_t i = 0; i <= layer; i++)
        for (size_t k = 0; k < m->layers[i].n_inputs; k++) {
            const size_t from = m->layers[i].inputs[k].from;
            on[i] = on[i] || (from != AN_LAYER_INPUT && (m->layers[from].n_params > 0 || on[from]));
        }
    return on[layer];
}

bool an_layer_cost_at(const an_model *m, size_t i, an_layer_cost *ret)
{
    if (i >= m->n_layers)
        return false;
    const an_layer *l = &m->layers[i];
    const double flops = layer_flops(l);
    *ret = (an_layer_cost){.name = l->name,
                           .kind = l->type->name,
                           .n_from = l->n_inputs,
                           .in = l->in,
                           .out = l->out,
                           .n_params = l->n_params,
                           .local = l->local,
                           .frozen = l->frozen,
                           .flops = flops};
    for (size_t k = 0; k < l->n_inputs; k++)
        ret->from[k] = l->inputs[k].from;
    ret->train_flops = flops * (1 + (l->n_params > 0) + hands_on(m, i));
    return true;
}

an_shape an_model_in(const an_model *m)
{
    return m->in;
}

an_err an_model_cost_of(const an_model *m, size_t batch, an_model_cost *ret)
{
    an_layer_cost c;
    an_model_cost sum = {.n_params = m->n_params, .param_bytes = m->n_params * sizeof(float)};
    for (size_t i = 0; an_layer_cost_at(m, i, &c); i++) {
        sum.flops += c.flops;
        sum.train_flops += c.train_flops;
    }
    an_err err = an_ws_plan(m, AN_WS_FORWARD, 1, &sum.one_bytes);
    if (err == AN_OK)
        err = an_ws_plan(m, AN_WS_TRAIN, batch, &sum.train_bytes);
    if (err == AN_OK)
        *ret = sum;
    return err;
}
