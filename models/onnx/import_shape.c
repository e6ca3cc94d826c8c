/* Operators that change how a value is seen, and those of one input without options. */
#include <string.h>

#include "models/onnx/import_internal.h"

#define AXES_MAX 8u

an_err an_onnx_import_identity(an_onnx_import_run *r)
{
    an_onnx_seen v = {0};
    an_onnx_seen *out;
    if (!an_onnx_is_constant(r, 0)) {
        an_err err = an_onnx_layer_in(r, 0, &v);
        return err == AN_OK ? an_onnx_give_seen(r, &v) : err;
    }
    an_onnx_tensor t;
    an_err err = an_onnx_constant_in(r, 0, &t);
    if (err == AN_OK)
        err = an_onnx_give(r, 0, AN_LAYER_INPUT, AN_ONNX_AS_LAST);
    if (err == AN_OK && (out = an_onnx_find(r, r->node->output[0]))) {
        out->constant = true;
        out->tensor = t;
    }
    return err;
}

an_err an_onnx_import_constant(an_onnx_import_run *r)
{
    an_onnx_tensor t = {0};
    an_onnx_seen *out;
    const Onnx__AttributeProto *a = r->node->n_attribute == 1 ? r->node->attribute[0] : NULL;
    an_err err = AN_OK;
    if (a && a->t)
        err = an_onnx_tensor_open(r->file, a->t, r->node->n_output ? r->node->output[0] : "", &t, r->why);
    else if (!a || !an_onnx_tensor_list(a, &t))
        err = an_onnx_refuse(r, "a constant that is not of numbers");
    if (err == AN_OK)
        err = an_onnx_give(r, 0, AN_LAYER_INPUT, AN_ONNX_AS_LAST);
    if (err == AN_OK && (out = an_onnx_find(r, r->node->output[0]))) {
        out->constant = true;
        out->tensor = t;
    }
    return err;
}

an_err an_onnx_import_relu(an_onnx_import_run *r)
{
    return an_onnx_simple(r, "relu");
}

an_err an_onnx_import_sigmoid(an_onnx_import_run *r)
{
    return an_onnx_simple(r, "sigmoid");
}

an_err an_onnx_import_tanh(an_onnx_import_run *r)
{
    return an_onnx_simple(r, "tanh");
}

an_err an_onnx_import_leaky_relu(an_onnx_import_run *r)
{
    an_onnx_seen v = {0};
    an_onnx_draft *d = NULL;
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err == AN_OK && v.form >= AN_ONNX_AS_GROUPED)
        err = an_onnx_refuse(r, "not of a value of this form");
    if (err == AN_OK)
        err = an_onnx_begin(r, "leaky_relu", v.layer, &d);
    if (err == AN_OK && !an_onnx_set(d, "slope", an_onnx_attr_real(r->node, "alpha", 0.01)))
        err = an_onnx_refuse(r, "a slope of %g", an_onnx_attr_real(r->node, "alpha", 0.01));
    if (err == AN_OK)
        err = an_onnx_end(r, d, &v.layer);
    v.fresh = false;
    return err == AN_OK ? an_onnx_give_seen(r, &v) : err;
}

/* Before operator set 13 all dimensions from the axis on were one. */
an_err an_onnx_import_softmax(an_onnx_import_run *r)
{
    an_onnx_seen v = {0};
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err != AN_OK)
        return err;
    const size_t rank = an_onnx_rank(r, &v);
    const size_t axis = an_onnx_axis(an_onnx_attr_int(r->node, "axis", r->opset < 13 ? 1 : -1), rank);
    const bool all = v.form == AN_ONNX_AS_MIXED && axis == 1;
    if (axis == SIZE_MAX || !(all || axis == an_onnx_channel_axis(r, &v)) ||
        (r->opset < 13 && axis + 1 < rank))
        return an_onnx_refuse(r, "only along the channels");
    return an_onnx_simple(r, "softmax");
}

an_err an_onnx_import_flatten(an_onnx_import_run *r)
{
    an_onnx_seen v = {0};
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err == AN_OK && an_onnx_axis(an_onnx_attr_int(r->node, "axis", 1), an_onnx_rank(r, &v)) != 1)
        err = an_onnx_refuse(r, "only with axis 1");
    if (err == AN_OK)
        err = an_onnx_flat(r, &v);
    return err == AN_OK ? an_onnx_give_seen(r, &v) : err;
}

/* ----------------------------------------------------------------------------------- transpose */

/* The dimensions of each form by a letter. */
static const struct {
    an_onnx_form form;
    const char *axes;
} orders[] = {{AN_ONNX_AS_LAST, "NC"},  {AN_ONNX_AS_LAST, "NLC"},  {AN_ONNX_AS_FIRST, "NCL"},
              {AN_ONNX_AS_TIME, "LNC"}, {AN_ONNX_AS_LAST, "NHWC"}, {AN_ONNX_AS_FIRST, "NCHW"}};
#define N_ORDERS (sizeof orders / sizeof *orders)

bool an_onnx_transposed(an_onnx_form from, size_t rank, const Onnx__NodeProto *node, an_onnx_form *ret)
{
    char axes[8] = "";
    size_t i = 0;
    while (i < N_ORDERS && !(orders[i].form == from && strlen(orders[i].axes) == rank))
        i++;
    if (i == N_ORDERS)
        return false;
    for (size_t k = 0; k < rank; k++) {
        const size_t at = an_onnx_axis(an_onnx_attr_at(node, "perm", k, (int64_t)(rank - 1 - k)), rank);
        if (at == SIZE_MAX)
            return false;
        axes[k] = orders[i].axes[at];
    }
    for (i = 0; i < N_ORDERS; i++)
        if (strcmp(orders[i].axes, axes) == 0) {
            *ret = orders[i].form;
            return true;
        }
    return false;
}

an_err an_onnx_import_transpose(an_onnx_import_run *r)
{
    an_onnx_seen v = {0};
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err == AN_OK && !an_onnx_transposed(v.form, an_onnx_rank(r, &v), r->node, &v.form))
        err = an_onnx_refuse(r, "only between the channel last, the channel second and the steps first");
    return err == AN_OK ? an_onnx_give_seen(r, &v) : err;
}

/* ------------------------------------------------------------------------ squeeze, reshape, ... */

static bool has_axis(const int64_t axes[], size_t n, size_t rank, size_t axis)
{
    for (size_t i = 0; i < n; i++)
        if (an_onnx_axis(axes[i], rank) == axis)
            return true;
    return false;
}

an_err an_onnx_import_squeeze(an_onnx_import_run *r)
{
    an_onnx_seen v = {0};
    int64_t axes[AXES_MAX];
    size_t n = 0;
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err == AN_OK)
        err = an_onnx_ints_in(r, 1, "axes", AXES_MAX, axes, &n);
    if (err != AN_OK)
        return err;
    const size_t rank = an_onnx_rank(r, &v);
    if (v.form == AN_ONNX_AS_WAYS && n == 1 && has_axis(axes, n, rank, 1)) {
        v.form = AN_ONNX_AS_TIME;
    } else if (v.form == AN_ONNX_AS_STATE && n == 1 && has_axis(axes, n, rank, 0)) {
        v.form = AN_ONNX_AS_LAST;
    } else if (v.form == AN_ONNX_AS_STEP && n == 1 && has_axis(axes, n, rank, 1)) {
        v.form = AN_ONNX_AS_LAST;
    } else if (v.form == AN_ONNX_AS_POINT && n >= 1) {
        for (size_t i = 0; i < n; i++)
            if (an_onnx_axis(axes[i], rank) == SIZE_MAX || an_onnx_axis(axes[i], rank) < 2)
                return an_onnx_refuse(r, "only of dimensions of places");
        if (n > v.n_points)
            return an_onnx_refuse(r, "more dimensions than there are");
        v.n_points -= n;
        v.form = v.n_points ? AN_ONNX_AS_POINT : AN_ONNX_AS_LAST;
    } else {
        return an_onnx_refuse(r, "not of this value along these dimensions");
    }
    return an_onnx_give_seen(r, &v);
}

/* Of a flat value: one step, or one place. */
an_err an_onnx_import_unsqueeze(an_onnx_import_run *r)
{
    an_onnx_seen v = {0};
    int64_t axes[AXES_MAX];
    size_t n = 0;
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err == AN_OK)
        err = an_onnx_ints_in(r, 1, "axes", AXES_MAX, axes, &n);
    if (err != AN_OK)
        return err;
    const bool flat = v.form == AN_ONNX_AS_LAST && an_onnx_rank(r, &v) == 2;
    if (flat && n == 1 && has_axis(axes, n, 3, 1)) {
        v.form = AN_ONNX_AS_STEP;
    } else if (flat && n >= 1 && n <= 2 && has_axis(axes, n, 2 + n, 2) && has_axis(axes, n, 2 + n, 1 + n)) {
        v.form = AN_ONNX_AS_POINT;
        v.n_points = n;
    } else {
        return an_onnx_refuse(r, "only of a flat value, to one step or one place");
    }
    return an_onnx_give_seen(r, &v);
}

an_err an_onnx_import_expand(an_onnx_import_run *r)
{
    an_onnx_seen v = {0};
    an_onnx_draft *d = NULL;
    int64_t shape[AXES_MAX];
    size_t n = 0, layer = 0;
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err == AN_OK)
        err = an_onnx_ints_in(r, 1, "shape", AXES_MAX, shape, &n);
    if (err != AN_OK)
        return err;
    const int64_t c = (int64_t)an_onnx_channels(r, &v);
    if (v.form != AN_ONNX_AS_STEP || n != 3 || shape[0] != 1 || shape[1] < 1 ||
        (shape[2] != 1 && shape[2] != c))
        return an_onnx_refuse(r, "only of one step to several");
    err = an_onnx_begin(r, "repeat", v.layer, &d);
    if (err == AN_OK && !an_onnx_set(d, "times", (double)shape[1]))
        err = an_onnx_refuse(r, "%lld steps", (long long)shape[1]);
    if (err == AN_OK)
        err = an_onnx_end(r, d, &layer);
    return err == AN_OK ? an_onnx_give(r, 0, layer, AN_ONNX_AS_LAST) : err;
}

/* The first half of the channels: the means of a gauss layer. */
an_err an_onnx_import_slice(an_onnx_import_run *r)
{
    an_onnx_seen v = {0};
    an_onnx_draft *d = NULL;
    int64_t from[1] = {-1}, to[1] = {-1}, axes[1] = {0}, steps[1] = {1};
    size_t n[4] = {0};
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err == AN_OK)
        err = an_onnx_ints_in(r, 1, "starts", 1, from, &n[0]);
    if (err == AN_OK)
        err = an_onnx_ints_in(r, 2, "ends", 1, to, &n[1]);
    if (err == AN_OK)
        err = an_onnx_ints_in(r, 3, "axes", 1, axes, &n[2]);
    if (err == AN_OK)
        err = an_onnx_ints_in(r, 4, "steps", 1, steps, &n[3]);
    if (err != AN_OK)
        return err;
    const size_t c = an_onnx_channels(r, &v), axis = an_onnx_axis(axes[0], an_onnx_rank(r, &v));
    if (v.form >= AN_ONNX_AS_MIXED || axis == SIZE_MAX || axis != an_onnx_channel_axis(r, &v) ||
        from[0] != 0 || to[0] < 1 || 2 * (uint64_t)to[0] != c || steps[0] != 1)
        return an_onnx_refuse(r, "only the first half of the channels, as a gauss layer gives it");
    err = an_onnx_begin(r, "gauss", v.layer, &d);
    if (err == AN_OK)
        err = an_onnx_end(r, d, &v.layer);
    v.fresh = false;
    return err == AN_OK ? an_onnx_give_seen(r, &v) : err;
}

/* Is `to` what the value is, in rows, channels and places?  0 and -1 stand for what they must. */
static bool is_first(const an_shape *s, const int64_t to[], size_t n)
{
    if (n != s->n_dims + 1)
        return false;
    for (size_t i = 1; i < n; i++) {
        const size_t want = i == 1 ? s->d[s->n_dims - 1] : s->d[i - 2];
        if (to[i] != (int64_t)want && to[i] != -1)
            return false;
    }
    return true;
}

static bool next_is_norm(an_onnx_import_run *r)
{
    for (size_t i = 0; i < r->graph->n_node; i++) {
        const Onnx__NodeProto *node = r->graph->node[i];
        if (node->op_type && strcmp(node->op_type, "InstanceNormalization") == 0 && node->n_input > 0 &&
            r->node->n_output > 0 && strcmp(node->input[0], r->node->output[0]) == 0)
            return true;
    }
    return false;
}

static bool is_point(const int64_t to[], size_t n, size_t c)
{
    for (size_t i = 2; i < n; i++)
        if (to[i] != 1)
            return false;
    return n >= 3 && (to[1] == (int64_t)c || to[1] == -1);
}

an_err an_onnx_import_reshape(an_onnx_import_run *r)
{
    an_onnx_seen v = {0};
    int64_t to[AXES_MAX];
    size_t n = 0;
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err == AN_OK)
        err = an_onnx_ints_in(r, 1, "shape", AXES_MAX, to, &n);
    if (err != AN_OK)
        return err;
    const an_shape *s = an_onnx_shape(r, &v);
    const size_t all = an_shape_size(s);
    const bool flat = v.form == AN_ONNX_AS_LAST && s->n_dims == 1;
    if (v.form == AN_ONNX_AS_GROUPED && is_first(s, to, n)) {
        v.form = s->n_dims > 1 ? AN_ONNX_AS_FIRST : AN_ONNX_AS_LAST;
    } else if (n == 2 && (to[1] == -1 || to[1] == (int64_t)all)) {
        err = an_onnx_flat(r, &v);
    } else if ((flat || v.form == AN_ONNX_AS_FIRST) && n == 3 && to[1] > 0 && next_is_norm(r)) {
        v.form = AN_ONNX_AS_GROUPED;
        v.n_points = (size_t)to[1];
    } else if (flat && n <= 4 && is_point(to, n, all)) {
        v.form = AN_ONNX_AS_POINT;
        v.n_points = n - 2;
    } else {
        return an_onnx_refuse(r, "only to a flat value");
    }
    return err == AN_OK ? an_onnx_give_seen(r, &v) : err;
}
