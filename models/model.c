/* What a model is once it has been read: its tensors in the flat parameters, its layout hash,
 * its first values. */
#include "models/model.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models/model_internal.h"

_Static_assert(sizeof(size_t) >= 8, "sizes of layers are multiplied within 64 bits");

void an_model_free(an_model *m)
{
    if (!m)
        return;
    an_free(m->layers);
    an_free(m->nodes);
    an_free(m->tensors);
    an_free(m->text);
    an_free(m);
}

static void name_tensor(an_tensor *t, const an_layer *l, const an_layer_weight *w)
{
    snprintf(t->name, sizeof t->name, "%s.%s", l->name, w->name);
    t->n = 1;
    t->n_dims = w->n_dims;
    for (size_t d = 0; d < w->n_dims; d++) {
        t->dims[d] = w->dims[d];
        t->n *= w->dims[d];
    }
    t->local = l->local;
    t->frozen = l->frozen;
    t->follow = w->follow;
}

/* Who reads whom, and which activations need no place, or no pass, of their own. */
static an_err link_layers(an_model *m, an_note *why)
{
    m->nodes = an_alloc(m->n_layers, sizeof *m->nodes);
    if (!m->nodes)
        return an_fail(AN_ERR_NOMEM, why, "out of memory for %zu layers", m->n_layers);
    for (size_t i = 0; i < m->n_layers; i++)
        for (size_t k = 0; k < m->layers[i].n_inputs; k++) {
            size_t from = m->layers[i].inputs[k].from;
            if (from == AN_LAYER_INPUT)
                continue;
            m->nodes[from].n_readers++;
            m->nodes[from].last_reader = i;
        }
    m->late = true;
    for (size_t i = 0; i < m->n_layers; i++) {
        an_layer *l = &m->layers[i];
        size_t from = l->inputs[0].from;
        if (i + 1 < m->n_layers && m->nodes[i].n_readers == 0)
            return an_fail(AN_ERR_INVAL, why, "layer \"%s\" is read by no other", l->name);
        m->mixes_rows = m->mixes_rows || l->type->mixes_rows;
        m->slow_on_few_rows = m->slow_on_few_rows || l->type->slow_on_few_rows;
        m->late = m->late && (l->n_weights == 0 || l->type->weights_back);
        if (from == AN_LAYER_INPUT && l->n_inputs == 1 && l->type->prepares_dx)
            l->n_prepared = 0; /* nobody asks for the gradient of the input */
        if (from == AN_LAYER_INPUT || m->nodes[from].n_readers != 1)
            continue;
        an_layer *before = &m->layers[from];
        m->nodes[i].in_place = l->type->in_place && !before->type->reads_y;
        m->nodes[i].absorbed = m->nodes[i].in_place && before->type->fuses && !before->act &&
                               l->type->epilogue != AN_EPILOGUE_NONE;
        if (m->nodes[i].absorbed)
            before->act = l;
        else if (l->type->masks && m->nodes[from].absorbed)
            l->mask = before;
    }
    return AN_OK;
}

an_err an_model_finish(an_model *m, an_note *why)
{
    an_err err = link_layers(m, why);
    if (err != AN_OK)
        return err;
    size_t values = m->n_inputs;
    for (size_t i = 0; i < m->n_layers; i++) {
        an_layer *l = &m->layers[i];
        l->param_at = m->n_params;
        m->n_params += l->n_params;
        l->prepared_at = m->n_prepared;
        m->n_prepared += an_model_floats(l->n_prepared);
        m->n_tensors += l->n_weights;
        values += l->out_n + l->n_saved + l->n_saved_row;
        values += l->n_scratch + l->n_scratch_row + l->n_scratch_dx_row;
        if (m->n_params > AN_MODEL_PARAMS_MAX)
            return an_fail(AN_ERR_LIMIT, why, "more than %u parameters", AN_MODEL_PARAMS_MAX);
        if (values > AN_MODEL_VALUES_MAX)
            return an_fail(AN_ERR_LIMIT, why, "more than %u values for one row", AN_MODEL_VALUES_MAX);
    }
    m->n_outputs = m->layers[m->n_layers - 1].out_n;
    m->tensors = an_alloc(m->n_tensors, sizeof *m->tensors);
    if (!m->tensors)
        return an_fail(AN_ERR_NOMEM, why, "out of memory for %zu tensors", m->n_tensors);
    an_tensor *t = m->tensors;
    for (size_t i = 0; i < m->n_layers; i++)
        for (size_t w = 0; w < m->layers[i].n_weights; w++, t++) {
            name_tensor(t, &m->layers[i], &m->layers[i].weights[w]);
            t->offset = m->layers[i].param_at + m->layers[i].weight_at[w];
        }
    return AN_OK;
}

const char *an_model_text(const an_model *m)
{
    return m->text;
}

const char *an_model_name(const an_model *m)
{
    return m->name;
}

size_t an_model_n_params(const an_model *m)
{
    return m->n_params;
}

size_t an_model_n_prepared(const an_model *m)
{
    return m->n_prepared;
}

size_t an_model_n_layers(const an_model *m)
{
    return m->n_layers;
}

void an_model_prepare(const an_model *m, const float *params, size_t layer, float *prepared)
{
    const an_layer *l = &m->layers[layer];
    if (l->n_prepared > 0)
        l->type->prepare(l, params + l->param_at, prepared + l->prepared_at);
}

size_t an_model_n_features(const an_model *m)
{
    return m->n_features;
}

size_t an_model_window(const an_model *m)
{
    return m->window;
}

size_t an_model_n_inputs(const an_model *m)
{
    return m->n_inputs;
}

size_t an_model_n_outputs(const an_model *m)
{
    return m->n_outputs;
}

size_t an_model_n_targets(const an_model *m)
{
    return m->loss->classes ? 1 : m->n_outputs;
}

bool an_model_is_autoencoder(const an_model *m)
{
    return m->autoencoder;
}

const char *an_model_loss_name(const an_model *m)
{
    return m->loss->name;
}

size_t an_model_n_tensors(const an_model *m)
{
    return m->n_tensors;
}

const an_tensor *an_model_tensor_at(const an_model *m, size_t i)
{
    return i < m->n_tensors ? &m->tensors[i] : NULL;
}

const an_tensor *an_model_tensor_find(const an_model *m, const char *name)
{
    for (size_t i = 0; i < m->n_tensors; i++)
        if (strcmp(m->tensors[i].name, name) == 0)
            return &m->tensors[i];
    return NULL;
}

size_t an_model_n_shared(const an_model *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n_tensors; i++)
        n += m->tensors[i].local ? 0 : m->tensors[i].n;
    return n;
}

static void hash_number(an_hasher *s, uint64_t v)
{
    uint8_t b[8];
    for (unsigned i = 0; i < 8; i++)
        b[i] = (uint8_t)(v >> (8 * i));
    an_hasher_add(s, b, sizeof b);
}

void an_model_layout_hash(const an_model *m, an_hash *ret)
{
    static const char context[] = "andon layout 1";
    an_hasher s;
    an_hasher_init(&s);
    an_hasher_add(&s, context, sizeof context);
    hash_number(&s, m->n_tensors);
    for (size_t i = 0; i < m->n_tensors; i++) {
        const an_tensor *t = &m->tensors[i];
        hash_number(&s, strlen(t->name));
        an_hasher_add(&s, t->name, strlen(t->name));
        hash_number(&s, t->n_dims);
        for (size_t d = 0; d < t->n_dims; d++)
            hash_number(&s, t->dims[d]);
        hash_number(&s, t->frozen ? 2 : t->local);
    }
    an_hasher_end(&s, ret);
}

static void start_weight(const an_layer_weight *w, bool before_relu, an_rng *r, size_t n, float *p)
{
    if (w->start != AN_LAYER_START_SPREAD) {
        for (size_t i = 0; i < n; i++)
            p[i] = w->start == AN_LAYER_START_ONE ? 1.0f : 0.0f;
    } else if (before_relu) { /* He: variance 2 / fan_in */
        double deviation = sqrt(2.0 / (double)w->fan_in);
        for (size_t i = 0; i < n; i++)
            p[i] = (float)(deviation * an_rng_normal(r));
    } else { /* Glorot: uniform within sqrt(6 / (fan_in + fan_out)) */
        double bound = sqrt(6.0 / (double)(w->fan_in + w->fan_out));
        for (size_t i = 0; i < n; i++)
            p[i] = (float)(bound * (2.0 * an_rng_unit(r) - 1.0));
    }
}

void an_model_init(const an_model *m, uint64_t seed, float *params)
{
    const an_tensor *t = m->tensors;
    for (size_t i = 0; i < m->n_layers; i++) {
        const an_layer *l = &m->layers[i];
        bool before_relu = m->nodes[i].n_readers == 1 && m->layers[m->nodes[i].last_reader].type->relu_like;
        for (size_t w = 0; w < l->n_weights; w++, t++) {
            an_rng r;
            an_rng_init(&r, seed, (uint64_t)(t - m->tensors));
            start_weight(&l->weights[w], before_relu, &r, t->n, params + t->offset);
        }
    }
}
