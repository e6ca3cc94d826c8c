#include "models/onnx/file.h"

#include <string.h>

#include "base/mem.h"
#include "models/onnx/scan.h"

static void *file_alloc(void *arg, size_t size)
{
    an_onnx_file *f = arg;
    if (size > f->left) {
        f->full = true;
        return NULL;
    }
    void *p = an_alloc(size ? size : 1, 1);
    f->empty = f->empty || !p;
    f->left -= p ? size : 0;
    return p;
}

static void file_free(void *arg, void *p)
{
    (void)arg;
    an_free(p);
}

void an_onnx_file_close(an_onnx_file *f)
{
    if (f->model)
        onnx__model_proto__free_unpacked(f->model, &f->allocator);
    f->model = NULL;
}

an_err an_onnx_file_open(an_onnx_file *ret, const void *bytes, size_t len, an_note *why)
{
    an_buf lean;
    an_onnx_file *f = ret;
    an_buf_init(&lean, AN_ONNX_LEAN_MAX);
    *f = (an_onnx_file){.bytes = bytes, .len = len, .left = AN_ONNX_MEMORY_MAX};
    f->allocator = (ProtobufCAllocator){.alloc = file_alloc, .free = file_free, .allocator_data = f};
    an_err err = an_onnx_scan(bytes, len, &lean, why);
    if (err == AN_OK && !(f->model = onnx__model_proto__unpack(&f->allocator, lean.len, lean.data)))
        err = f->empty  ? an_fail(AN_ERR_NOMEM, why, "out of memory for the graph")
              : f->full ? an_fail(AN_ERR_LIMIT, why, "the graph asks for too much memory")
                        : an_fail(AN_ERR_PROTO, why, "not an ONNX file, or damaged");
    an_buf_done(&lean);
    return err;
}

/* ------------------------------------------------------------------------------------- tensors */

static size_t size_of(int32_t type)
{
    switch (type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT32:
        return 4;
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE:
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64:
        return 8;
    default:
        return 0;
    }
}

static an_err read_dims(const Onnx__TensorProto *proto, const char *what, an_onnx_tensor *t, an_note *why)
{
    if (proto->n_dims > AN_ONNX_RANK_MAX)
        return an_fail(AN_ERR_LIMIT, why, "tensor \"%.80s\": more than %u dimensions", what,
                       AN_ONNX_RANK_MAX);
    t->n = 1;
    t->n_dims = proto->n_dims;
    for (size_t i = 0; i < t->n_dims; i++) {
        if (proto->dims[i] < 0 || proto->dims[i] > AN_ONNX_TENSOR_MAX)
            return an_fail(AN_ERR_LIMIT, why, "tensor \"%.80s\": a dimension of %lld", what,
                           (long long)proto->dims[i]);
        t->dims[i] = (size_t)proto->dims[i];
        t->n *= t->dims[i];
        if (t->n > AN_ONNX_TENSOR_MAX)
            return an_fail(AN_ERR_LIMIT, why, "tensor \"%.80s\": more than %u values", what,
                           AN_ONNX_TENSOR_MAX);
    }
    return AN_OK;
}

/* How many values there are beside raw bytes. */
static size_t n_listed(const Onnx__TensorProto *proto)
{
    switch (proto->data_type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
        return proto->n_float_data;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT32:
        return proto->n_int32_data;
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE:
        return proto->n_double_data;
    default:
        return proto->n_int64_data;
    }
}

an_err an_onnx_tensor_open(const an_onnx_file *f, const Onnx__TensorProto *proto, const char *what,
                           an_onnx_tensor *ret, an_note *why)
{
    an_onnx_tensor t = {.type = proto->data_type, .proto = proto};
    const size_t size = size_of(proto->data_type);
    if (proto->n_external_data > 0 || proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return an_fail(AN_ERR_UNSUPPORTED, why, "tensor \"%.80s\": its values are in another file", what);
    if (size == 0)
        return an_fail(AN_ERR_UNSUPPORTED, why, "tensor \"%.80s\": neither float, double, int32 nor int64",
                       what);
    an_err err = read_dims(proto, what, &t, why);
    if (err != AN_OK)
        return err;
    bool fits = n_listed(proto) == t.n;
    if (proto->has_raw_data) {
        an_reader r = an_reader_of(proto->raw_data.data, proto->raw_data.len);
        const uint64_t at = an_read_u64(&r), len = an_read_u64(&r);
        fits = !r.failed && at <= f->len && len <= f->len - at && len == t.n * size;
        t.raw = f->bytes + (fits ? at : 0);
    }
    if (!fits)
        return an_fail(AN_ERR_PROTO, why, "tensor \"%.80s\": its values do not fill its dimensions", what);
    *ret = t;
    return AN_OK;
}

bool an_onnx_tensor_whole(const an_onnx_tensor *t)
{
    return t->type == ONNX__TENSOR_PROTO__DATA_TYPE__INT32 || t->type == ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
}

bool an_onnx_tensor_list(const Onnx__AttributeProto *a, an_onnx_tensor *ret)
{
    const bool list = a->n_floats > 0 || a->n_ints > 0;
    const bool whole = list ? a->n_ints > 0 : a->has_i;
    const size_t n = !list ? 1 : whole ? a->n_ints : a->n_floats;
    if (!list && !a->has_i && !a->has_f)
        return false;
    *ret = (an_onnx_tensor){.n_dims = list,
                            .dims = {n},
                            .n = n,
                            .type = whole ? ONNX__TENSOR_PROTO__DATA_TYPE__INT64
                                          : ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT,
                            .list = a};
    return true;
}

static uint64_t raw_at(const an_onnx_tensor *t, size_t i, size_t size)
{
    uint64_t v = 0;
    for (size_t k = 0; k < size; k++)
        v |= (uint64_t)t->raw[i * size + k] << (8 * k);
    return v;
}

int64_t an_onnx_tensor_int(const an_onnx_tensor *t, size_t i)
{
    if (t->list)
        return !an_onnx_tensor_whole(t) ? 0 : t->n_dims ? t->list->ints[i] : t->list->i;
    if (t->type == ONNX__TENSOR_PROTO__DATA_TYPE__INT32)
        return t->raw ? (int32_t)(uint32_t)raw_at(t, i, 4) : t->proto->int32_data[i];
    if (t->type == ONNX__TENSOR_PROTO__DATA_TYPE__INT64)
        return t->raw ? (int64_t)raw_at(t, i, 8) : t->proto->int64_data[i];
    return 0;
}

float an_onnx_tensor_float(const an_onnx_tensor *t, size_t i)
{
    float f = 0.0f;
    double d = 0.0;
    if (t->list && !an_onnx_tensor_whole(t))
        return t->n_dims ? t->list->floats[i] : t->list->f;
    if (t->type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT) {
        if (!t->raw)
            return t->proto->float_data[i];
        const uint32_t bits = an_get_u32(t->raw + 4 * i);
        memcpy(&f, &bits, sizeof f);
        return f;
    }
    if (t->type == ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE) {
        if (!t->raw)
            return (float)t->proto->double_data[i];
        const uint64_t bits = raw_at(t, i, 8);
        memcpy(&d, &bits, sizeof d);
        return (float)d;
    }
    return (float)an_onnx_tensor_int(t, i);
}

/* ---------------------------------------------------------------------------------- attributes */

const Onnx__AttributeProto *an_onnx_attr(const Onnx__NodeProto *node, const char *name)
{
    for (size_t i = 0; i < node->n_attribute; i++)
        if (node->attribute[i]->name && strcmp(node->attribute[i]->name, name) == 0)
            return node->attribute[i];
    return NULL;
}

int64_t an_onnx_attr_int(const Onnx__NodeProto *node, const char *name, int64_t dflt)
{
    const Onnx__AttributeProto *a = an_onnx_attr(node, name);
    return a && a->has_i ? a->i : dflt;
}

double an_onnx_attr_real(const Onnx__NodeProto *node, const char *name, double dflt)
{
    const Onnx__AttributeProto *a = an_onnx_attr(node, name);
    return a && a->has_f ? (double)a->f : dflt;
}

bool an_onnx_attr_is(const Onnx__NodeProto *node, const char *name, const char *text, bool dflt)
{
    const Onnx__AttributeProto *a = an_onnx_attr(node, name);
    if (!a || !a->has_s)
        return dflt;
    return a->s.len == strlen(text) && (a->s.len == 0 || memcmp(a->s.data, text, a->s.len) == 0);
}

size_t an_onnx_attr_n(const Onnx__NodeProto *node, const char *name)
{
    const Onnx__AttributeProto *a = an_onnx_attr(node, name);
    return a ? a->n_ints : 0;
}

int64_t an_onnx_attr_at(const Onnx__NodeProto *node, const char *name, size_t i, int64_t dflt)
{
    const Onnx__AttributeProto *a = an_onnx_attr(node, name);
    return a && i < a->n_ints ? a->ints[i] : dflt;
}
