#include "models/onnx/writer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Memory is taken piece by piece and given back at once. */
struct an_onnx_block {
    an_onnx_block *next;
    void *memory;
};

an_err an_onnx_fail(an_onnx_writer *w, an_err err, const char *text)
{
    if (w->err == AN_OK)
        w->err = an_fail(err, w->why, "%s", text);
    return w->err;
}

void *an_onnx_room(an_onnx_writer *w, size_t n, size_t size)
{
    if (w->err != AN_OK)
        return NULL;
    an_onnx_block *b = an_alloc(1, sizeof *b);
    if (b)
        b->memory = an_alloc(n, size);
    if (!b || !b->memory) {
        an_free(b);
        (void)an_onnx_fail(w, AN_ERR_NOMEM, "out of memory for the graph");
        return NULL;
    }
    b->next = w->blocks;
    w->blocks = b;
    return b->memory;
}

an_err an_onnx_writer_init(an_onnx_writer *w, const an_model *m, const float *params, an_note *why)
{
    *w = (an_onnx_writer){.m = m, .params = params, .why = why};
    w->values = an_onnx_room(w, m->n_layers + 1, sizeof *w->values);
    return w->err;
}

void an_onnx_writer_done(an_onnx_writer *w)
{
    while (w->blocks) {
        an_onnx_block *b = w->blocks;
        w->blocks = b->next;
        an_free(b->memory);
        an_free(b);
    }
    an_free(w->nodes);
    an_free(w->tensors);
}

const char *an_onnx_text(an_onnx_writer *w, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    const int len = vsnprintf(NULL, 0, fmt, args);
    char *text = len < 0 ? NULL : an_onnx_room(w, (size_t)len + 1, 1);
    if (text)
        vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    va_end(args);
    return text;
}

/* The generated structs are not const, but packing only reads. */
static char *plain(const char *text)
{
    char *p;
    memcpy(&p, &text, sizeof p);
    return p;
}

/* --------------------------------------------------------------------------------------- nodes */

void an_onnx_reads(an_onnx_writer *w, Onnx__NodeProto *node, const char *value)
{
    if (!node || w->err != AN_OK)
        return;
    char **list = an_onnx_room(w, node->n_input + 1, sizeof *list);
    if (!list)
        return;
    if (node->n_input)
        memcpy(list, node->input, node->n_input * sizeof *list);
    list[node->n_input++] = plain(value ? value : "");
    node->input = list;
}

Onnx__NodeProto *an_onnx_node(an_onnx_writer *w, const an_layer *l, const char *suffix, const char *op,
                              const char *a, const char *b, const char *c)
{
    Onnx__NodeProto *node = an_onnx_room(w, 1, sizeof *node);
    const char *name = an_onnx_text(w, "%s%s", l ? l->name : "input", suffix);
    char **output = an_onnx_room(w, 1, sizeof *output);
    if (w->err != AN_OK)
        return NULL;
    if (!an_grow(&w->nodes, &w->cap_nodes, w->n_nodes + 1, sizeof(Onnx__NodeProto *))) {
        (void)an_onnx_fail(w, AN_ERR_NOMEM, "out of memory for the graph");
        return NULL;
    }
    onnx__node_proto__init(node);
    node->name = output[0] = plain(name);
    node->op_type = plain(op);
    node->n_output = 1;
    node->output = output;
    w->nodes[w->n_nodes++] = node;
    const char *const reads[] = {a, b, c};
    for (size_t i = 0; i < 3 && reads[i]; i++)
        an_onnx_reads(w, node, reads[i]);
    return node;
}

const char *an_onnx_value(const Onnx__NodeProto *node)
{
    return node ? node->output[node->n_output - 1] : NULL;
}

void an_onnx_second(an_onnx_writer *w, Onnx__NodeProto *node)
{
    char **output = node ? an_onnx_room(w, 2, sizeof *output) : NULL;
    if (!output)
        return;
    output[0] = plain("");
    output[1] = node->output[0];
    node->n_output = 2;
    node->output = output;
}

static Onnx__AttributeProto *add_attr(an_onnx_writer *w, Onnx__NodeProto *node, const char *name,
                                      Onnx__AttributeProto__AttributeType type)
{
    if (!node)
        return NULL;
    Onnx__AttributeProto *a = an_onnx_room(w, 1, sizeof *a);
    Onnx__AttributeProto **list = an_onnx_room(w, node->n_attribute + 1, sizeof *list);
    if (w->err != AN_OK)
        return NULL;
    onnx__attribute_proto__init(a);
    a->name = plain(name);
    a->has_type = 1;
    a->type = type;
    if (node->n_attribute)
        memcpy(list, node->attribute, node->n_attribute * sizeof *list);
    list[node->n_attribute++] = a;
    node->attribute = list;
    return a;
}

void an_onnx_put_int(an_onnx_writer *w, Onnx__NodeProto *node, const char *name, int64_t v)
{
    Onnx__AttributeProto *a = add_attr(w, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    if (a) {
        a->has_i = 1;
        a->i = v;
    }
}

void an_onnx_put_real(an_onnx_writer *w, Onnx__NodeProto *node, const char *name, double v)
{
    Onnx__AttributeProto *a = add_attr(w, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    if (a) {
        a->has_f = 1;
        a->f = (float)v;
    }
}

void an_onnx_put_word(an_onnx_writer *w, Onnx__NodeProto *node, const char *name, const char *v)
{
    Onnx__AttributeProto *a = add_attr(w, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    if (a) {
        a->has_s = 1;
        a->s.len = strlen(v);
        a->s.data = (uint8_t *)plain(v);
    }
}

void an_onnx_put_ints(an_onnx_writer *w, Onnx__NodeProto *node, const char *name, size_t n, const int64_t v[])
{
    Onnx__AttributeProto *a = add_attr(w, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    int64_t *list = an_onnx_room(w, n, sizeof *list);
    if (!a || !list)
        return;
    memcpy(list, v, n * sizeof *list);
    a->n_ints = n;
    a->ints = list;
}

/* ----------------------------------------------------------------------------------- constants */

static Onnx__TensorProto *add_tensor(an_onnx_writer *w, const an_layer *l, const char *suffix, size_t n_dims,
                                     const size_t dims[], size_t size)
{
    Onnx__TensorProto *t = an_onnx_room(w, 1, sizeof *t);
    const char *name = an_onnx_text(w, "%s/%s", l ? l->name : "input", suffix);
    int64_t *own = an_onnx_room(w, n_dims, sizeof *own);
    size_t n = 1;
    for (size_t i = 0; own && i < n_dims; i++) {
        own[i] = (int64_t)dims[i];
        n *= dims[i];
    }
    uint8_t *data = an_onnx_room(w, n, size);
    if (w->err == AN_OK &&
        !an_grow(&w->tensors, &w->cap_tensors, w->n_tensors + 1, sizeof(Onnx__TensorProto *)))
        (void)an_onnx_fail(w, AN_ERR_NOMEM, "out of memory for the graph");
    if (w->err != AN_OK)
        return NULL;
    onnx__tensor_proto__init(t);
    t->name = plain(name);
    t->n_dims = n_dims;
    t->dims = own;
    t->has_data_type = t->has_raw_data = 1;
    t->raw_data = (ProtobufCBinaryData){n * size, data};
    w->tensors[w->n_tensors++] = t;
    return t;
}

float *an_onnx_floats(an_onnx_writer *w, const an_layer *l, const char *suffix, size_t n_dims,
                      const size_t dims[], const char **ret_name)
{
    Onnx__TensorProto *t = add_tensor(w, l, suffix, n_dims, dims, sizeof(float));
    *ret_name = t ? t->name : NULL;
    if (!t)
        return NULL;
    t->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    return (float *)(void *)t->raw_data.data;
}

const char *an_onnx_copy(an_onnx_writer *w, const an_layer *l, const char *suffix, size_t n,
                         const float *from)
{
    const char *name;
    float *to = an_onnx_floats(w, l, suffix, 1, &n, &name);
    if (to)
        memcpy(to, from, n * sizeof *to);
    return name;
}

const char *an_onnx_number(an_onnx_writer *w, const an_layer *l, const char *suffix, float v)
{
    const char *name;
    float *to = an_onnx_floats(w, l, suffix, 0, NULL, &name);
    if (to)
        *to = v;
    return name;
}

const char *an_onnx_ints(an_onnx_writer *w, const an_layer *l, const char *suffix, size_t n,
                         const int64_t v[])
{
    Onnx__TensorProto *t = add_tensor(w, l, suffix, 1, &n, sizeof *v);
    if (!t)
        return NULL;
    t->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < 8; k++)
            t->raw_data.data[8 * i + k] = (uint8_t)((uint64_t)v[i] >> (8 * k));
    return t->name;
}

/* -------------------------------------------------------------------------------------- orders */

static const an_shape *shape_of(const an_onnx_writer *w, size_t layer)
{
    return layer == AN_LAYER_INPUT ? &w->m->in : &w->m->layers[layer].out;
}

static const char **values_of(const an_onnx_writer *w, size_t layer)
{
    return w->values[layer == AN_LAYER_INPUT ? 0 : layer + 1];
}

const char *an_onnx_value_of(an_onnx_writer *w, size_t layer, an_onnx_order order)
{
    static const int64_t to_first[2][4] = {{0, 2, 1}, {0, 3, 1, 2}},
                         to_last[2][4] = {{0, 2, 1}, {0, 2, 3, 1}};
    if (w->err != AN_OK)
        return NULL;
    const char **there = values_of(w, layer);
    const size_t n_dims = shape_of(w, layer)->n_dims;
    if (!there[order] && n_dims > 1) {
        const bool first = order == AN_ONNX_FIRST;
        const an_layer *l = layer == AN_LAYER_INPUT ? NULL : &w->m->layers[layer];
        Onnx__NodeProto *t =
            an_onnx_node(w, l, first ? "/first" : "/last", "Transpose", there[1 - (int)order], NULL, NULL);
        an_onnx_put_ints(w, t, "perm", n_dims + 1, first ? to_first[n_dims - 2] : to_last[n_dims - 2]);
        there[order] = an_onnx_value(t);
    }
    return there[order];
}

const char *an_onnx_input(an_onnx_writer *w, const an_layer *l, size_t k, an_onnx_order order)
{
    return an_onnx_value_of(w, l->inputs[k].from, order);
}

an_onnx_order an_onnx_input_order(const an_onnx_writer *w, const an_layer *l)
{
    return values_of(w, l->inputs[0].from)[AN_ONNX_FIRST] ? AN_ONNX_FIRST : AN_ONNX_LAST;
}

void an_onnx_gives(an_onnx_writer *w, const an_layer *l, an_onnx_order order, const char *value)
{
    if (w->err != AN_OK)
        return;
    const char **there = values_of(w, (size_t)(l - w->m->layers));
    there[order] = value;
    if (l->out.n_dims == 1)
        there[AN_ONNX_LAST] = there[AN_ONNX_FIRST] = value;
}

double an_onnx_opt(const an_layer *l, const char *key, double dflt)
{
    for (size_t i = 0; l->type->opts && l->type->opts[i].key; i++)
        if (strcmp(l->type->opts[i].key, key) == 0)
            return l->opt[i];
    return dflt;
}

const float *an_onnx_weight(const an_onnx_writer *w, const an_layer *l, const char *name)
{
    for (size_t i = 0; i < l->n_weights; i++)
        if (strcmp(l->weights[i].name, name) == 0)
            return w->params + l->param_at + l->weight_at[i];
    return NULL;
}
