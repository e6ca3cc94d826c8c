/* From the nodes and constants to the file: what goes in and comes out, the properties, the bytes. */
#include "models/onnx/writer.h"

#include <string.h>

#include "base/mem.h"

static char *plain(const char *text)
{
    char *p;
    memcpy(&p, &text, sizeof p);
    return p;
}

/* The first dimension is called N; the others are fixed. */
static void put_shape(an_onnx_writer *w, const an_shape *shape, Onnx__TypeProto__Tensor *type)
{
    const size_t n = shape->n_dims + 1;
    Onnx__TensorShapeProto *s = an_onnx_room(w, 1, sizeof *s);
    Onnx__TensorShapeProto__Dimension *dims = an_onnx_room(w, n, sizeof *dims);
    Onnx__TensorShapeProto__Dimension **list = an_onnx_room(w, n, sizeof *list);
    if (w->err != AN_OK)
        return;
    onnx__tensor_shape_proto__init(s);
    for (size_t i = 0; i < n; i++) {
        onnx__tensor_shape_proto__dimension__init(&dims[i]);
        list[i] = &dims[i];
        if (i == 0) {
            dims[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dims[i].dim_param = plain("N");
        } else {
            dims[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dims[i].dim_value = (int64_t)shape->d[i - 1];
        }
    }
    s->n_dim = n;
    s->dim = list;
    type->shape = s;
}

static Onnx__ValueInfoProto *value_info(an_onnx_writer *w, const char *name, const an_shape *shape)
{
    Onnx__ValueInfoProto *v = an_onnx_room(w, 1, sizeof *v);
    Onnx__TypeProto *type = an_onnx_room(w, 1, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = an_onnx_room(w, 1, sizeof *tensor);
    if (w->err != AN_OK)
        return NULL;
    onnx__value_info_proto__init(v);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    put_shape(w, shape, tensor);
    tensor->has_elem_type = 1;
    tensor->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    v->name = plain(name);
    v->type = type;
    return v;
}

static void add_prop(an_onnx_writer *w, Onnx__ModelProto *model, const char *key, const char *value)
{
    Onnx__StringStringEntryProto *p = an_onnx_room(w, 1, sizeof *p);
    if (!p)
        return;
    onnx__string_string_entry_proto__init(p);
    p->key = plain(key);
    p->value = plain(value);
    model->metadata_props[model->n_metadata_props++] = p;
}

static void add_props(an_onnx_writer *w, Onnx__ModelProto *model, const an_onnx_prop *props, size_t n_props)
{
    enum { OWN = 4 };
    if (n_props > AN_ONNX_PROPS_MAX) {
        (void)an_onnx_fail(w, AN_ERR_LIMIT, "too many properties for an ONNX file");
        return;
    }
    model->metadata_props = an_onnx_room(w, n_props + OWN, sizeof *model->metadata_props);
    if (!model->metadata_props)
        return;
    add_prop(w, model, "andon.model", w->m->name);
    add_prop(w, model, "andon.loss", w->m->loss->name);
    add_prop(w, model, "andon.target", w->m->autoencoder ? "input" : "labels");
    add_prop(w, model, "andon.preprocessing",
             "not in this file: inputs are values that were smoothed and scaled already");
    for (size_t i = 0; i < n_props; i++)
        add_prop(w, model, props[i].key, props[i].value);
}

static void pack(an_onnx_writer *w, const Onnx__ModelProto *model, an_buf *out)
{
    if (w->err != AN_OK)
        return;
    const size_t len = onnx__model_proto__get_packed_size(model);
    if (len > AN_ONNX_BYTES_MAX || len > out->max - out->len) {
        (void)an_onnx_fail(w, AN_ERR_LIMIT, "the model is larger than an ONNX file may be");
        return;
    }
    an_buf_reserve(out, len);
    if (out->failed) {
        (void)an_onnx_fail(w, AN_ERR_NOMEM, "out of memory for the file");
        return;
    }
    out->len += onnx__model_proto__pack(model, out->data + out->len);
}

/* Constants were filled as this machine holds floats; files are little-endian. */
static void order_bytes(const an_onnx_writer *w)
{
    for (size_t i = 0; i < w->n_tensors; i++) {
        const Onnx__TensorProto *t = w->tensors[i];
        uint8_t *at = t->raw_data.data;
        for (size_t k = 0; t->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT && k < t->raw_data.len;
             k += 4) {
            uint32_t bits;
            memcpy(&bits, at + k, sizeof bits);
            an_put_u32(at + k, bits);
        }
    }
}

/* Not the name of a layer, nor of a node or constant within one, which has a single stroke. */
static const char *end_name(const an_model *m)
{
    for (size_t i = 0; i < m->n_layers; i++)
        if (strcmp(m->layers[i].name, "output") == 0)
            return "output//graph";
    return "output";
}

void an_onnx_finish(an_onnx_writer *w, const an_onnx_prop *props, size_t n_props, an_buf *out)
{
    const an_model *m = w->m;
    const size_t last = m->n_layers - 1;
    Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
    Onnx__GraphProto graph = ONNX__GRAPH_PROTO__INIT;
    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT, *opsets = &opset;
    Onnx__ValueInfoProto *in = value_info(w, "input", &m->in);
    /* A copy under a name of its own, for the last layer's value may be one that others read. */
    Onnx__NodeProto *end =
        an_onnx_node(w, NULL, "", "Identity", an_onnx_value_of(w, last, AN_ONNX_LAST), NULL, NULL);
    Onnx__ValueInfoProto *result = value_info(w, end_name(m), &m->layers[last].out);
    add_props(w, &model, props, n_props);
    if (w->err != AN_OK)
        return;
    end->name = end->output[0] = plain(end_name(m));
    order_bytes(w);
    opset.domain = plain("");
    opset.has_version = 1;
    opset.version = AN_ONNX_OPSET;
    graph.name = plain(m->name);
    graph.n_node = w->n_nodes;
    graph.node = w->nodes;
    graph.n_initializer = w->n_tensors;
    graph.initializer = w->tensors;
    graph.n_input = graph.n_output = 1;
    graph.input = &in;
    graph.output = &result;
    model.has_ir_version = 1;
    model.ir_version = AN_ONNX_IR;
    model.producer_name = plain("andon");
    model.producer_version = plain(AN_VERSION);
    model.n_opset_import = 1;
    model.opset_import = &opsets;
    model.graph = &graph;
    pack(w, &model, out);
}
