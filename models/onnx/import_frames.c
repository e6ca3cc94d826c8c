/* Frames and transposed convolutions. */
#include "models/onnx/import_internal.h"

/* Along the dimensions of places alone. */
static bool read_pads(const an_onnx_import_run *r, const an_onnx_seen *v, const int64_t pads[], size_t n,
                      double before[2], double after[2])
{
    const size_t rank = an_onnx_rank(r, v), first = v->form == AN_ONNX_AS_FIRST ? 2 : 1;
    if (n != 2 * rank || rank < 3)
        return false;
    for (size_t i = 0; i < rank; i++) {
        const bool place = i >= first && i < first + rank - 2;
        if (pads[i] < 0 || pads[rank + i] < 0 || (!place && (pads[i] || pads[rank + i])))
            return false;
        if (place) {
            before[i - first] = (double)pads[i];
            after[i - first] = (double)pads[rank + i];
        }
    }
    return true;
}

an_err an_onnx_import_pad(an_onnx_import_run *r)
{
    an_onnx_seen v = {0};
    an_onnx_draft *d = NULL;
    an_onnx_tensor value = {0};
    int64_t pads[8];
    size_t n = 0;
    double before[2] = {0}, after[2] = {0};
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err == AN_OK)
        err = an_onnx_ints_in(r, 1, "pads", 8, pads, &n);
    if (err == AN_OK && an_onnx_has_input(r, 2))
        err = an_onnx_constant_in(r, 2, &value);
    if (err != AN_OK)
        return err;
    if ((v.form != AN_ONNX_AS_FIRST && v.form != AN_ONNX_AS_LAST) ||
        !an_onnx_attr_is(r->node, "mode", "constant", true) || an_onnx_has_input(r, 3) || value.n > 1 ||
        !read_pads(r, &v, pads, n, before, after))
        return an_onnx_refuse(r, "only a frame of one value around places");
    const bool image = an_onnx_shape(r, &v)->n_dims == 3;
    err = an_onnx_begin(r, "pad", v.layer, &d);
    if (err == AN_OK &&
        !(an_onnx_set(d, "top", image ? before[0] : 0) && an_onnx_set(d, "bottom", image ? after[0] : 0) &&
          an_onnx_set(d, "left", before[image]) && an_onnx_set(d, "right", after[image]) &&
          an_onnx_set(d, "value", value.n ? (double)an_onnx_tensor_float(&value, 0) : 0)))
        err = an_onnx_refuse(r, "a frame that is too large");
    if (err == AN_OK)
        err = an_onnx_end(r, d, &v.layer);
    v.fresh = false;
    return err == AN_OK ? an_onnx_give_seen(r, &v) : err;
}

/* ------------------------------------------------------------------------- transposed convolution */

/* Ours are square, and cut off nothing (`valid`) or what exceeds the stride, the odd line after (`same`). */
static an_err read_turned(const an_onnx_import_run *r, const an_onnx_tensor *t, int64_t *ret_stride,
                          bool *ret_same)
{
    const Onnx__NodeProto *node = r->node;
    const int64_t k = (int64_t)t->dims[2], s = an_onnx_attr_at(node, "strides", 0, 1);
    const int64_t all = k > s ? k - s : 0, more = k < s ? s - k : 0;
    bool valid = true, same = true;
    if (an_onnx_attr_int(node, "group", 1) != 1 || an_onnx_attr_n(node, "output_shape") > 0 ||
        !an_onnx_attr_is(node, "auto_pad", "NOTSET", true))
        return an_onnx_refuse(r, "with groups, output_shape or auto_pad");
    for (size_t i = 0; i < 2; i++) {
        const int64_t before = an_onnx_attr_at(node, "pads", i, 0),
                      after = an_onnx_attr_at(node, "pads", 2 + i, 0);
        const int64_t added = an_onnx_attr_at(node, "output_padding", i, 0);
        if ((int64_t)t->dims[2 + i] != k || an_onnx_attr_at(node, "strides", i, 1) != s ||
            an_onnx_attr_at(node, "dilations", i, 1) != 1)
            return an_onnx_refuse(r, "a kernel that is not square, or with dilations");
        valid = valid && before == 0 && after == 0 && added == 0;
        same = same && before == all / 2 && after == all - all / 2 && added == more;
    }
    if (!valid && !same)
        return an_onnx_refuse(r, "pads that cut off neither nothing nor what exceeds the stride");
    *ret_stride = s;
    *ret_same = !valid;
    return AN_OK;
}

/* (C, F, kh, kw) becomes (C, kh, kw, F). */
static void turn_kernel(const an_onnx_tensor *t, float *to)
{
    const size_t c = t->dims[0], f = t->dims[1], places = t->dims[2] * t->dims[3];
    for (size_t i = 0; i < c; i++)
        for (size_t p = 0; p < places; p++)
            for (size_t j = 0; j < f; j++)
                to[(i * places + p) * f + j] = an_onnx_tensor_float(t, (i * f + j) * places + p);
}

an_err an_onnx_import_conv_transpose(an_onnx_import_run *r)
{
    an_onnx_seen v = {0};
    an_onnx_tensor t, b;
    an_onnx_draft *d = NULL;
    int64_t stride = 1;
    bool same = false;
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err == AN_OK)
        err = an_onnx_constant_in(r, 1, &t);
    if (err != AN_OK)
        return err;
    if (v.form != AN_ONNX_AS_FIRST || an_onnx_rank(r, &v) != 4 || t.n_dims != 4 || t.n == 0 ||
        t.dims[0] != an_onnx_channels(r, &v))
        return an_onnx_refuse(r, "only of images with the channel second, with a kernel that fits");
    if ((err = read_turned(r, &t, &stride, &same)) == AN_OK)
        err = an_onnx_begin(r, "conv_transpose2d", v.layer, &d);
    if (err == AN_OK &&
        !(an_onnx_set(d, "filters", (double)t.dims[1]) && an_onnx_set(d, "size", (double)t.dims[2]) &&
          an_onnx_set(d, "stride", (double)stride) && an_onnx_set(d, "padding", same)))
        err = an_onnx_refuse(r, "%zu filters of size %zu", t.dims[1], t.dims[2]);
    if (err == AN_OK)
        err = an_onnx_end(r, d, &v.layer);
    if (err != AN_OK)
        return err;
    if (d->l.weight_at[1] != t.n)
        return an_onnx_refuse(r, "its kernel does not fit");
    turn_kernel(&t, an_onnx_own(d, "w"));
    if (an_onnx_has_input(r, 2) && (err = an_onnx_constant_in(r, 2, &b)) == AN_OK)
        err = an_onnx_fill(r, an_onnx_own(d, "b"), t.dims[1], &b);
    return err == AN_OK ? an_onnx_give(r, 0, v.layer, AN_ONNX_AS_FIRST) : err;
}
