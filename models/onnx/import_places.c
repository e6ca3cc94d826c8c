/* Operators that look at places: convolutions, pools, enlargements. */
#include <math.h>
#include <string.h>

#include "models/onnx/import_internal.h"

/* A window over one or two dimensions of places, square with one stride. */
typedef struct window {
    size_t n; /* dimensions of places */
    size_t size, stride;
    size_t before[2], after[2]; /* padding */
    bool same;                  /* it is what `same` pads */
    bool none;
} window;

/* ceil(n / stride) positions, the odd value at the end. */
static void same_pads(size_t n, const window *w, size_t *ret_before, size_t *ret_after)
{
    const size_t reach = ((n + w->stride - 1) / w->stride - 1) * w->stride + w->size;
    const size_t all = reach > n ? reach - n : 0;
    *ret_before = all / 2;
    *ret_after = all - all / 2;
}

static an_err read_pads(const an_onnx_import_run *r, const an_shape *s, window *w)
{
    const bool upper = an_onnx_attr_is(r->node, "auto_pad", "SAME_UPPER", false);
    if (an_onnx_attr_is(r->node, "auto_pad", "SAME_LOWER", false))
        return an_onnx_refuse(r, "auto_pad SAME_LOWER");
    w->same = w->none = true;
    for (size_t i = 0; i < w->n; i++) {
        size_t before, after;
        same_pads(s->d[i], w, &before, &after);
        const int64_t given[2] = {an_onnx_attr_at(r->node, "pads", i, 0),
                                  an_onnx_attr_at(r->node, "pads", w->n + i, 0)};
        if (given[0] < 0 || given[1] < 0 || given[0] > 4096 || given[1] > 4096)
            return an_onnx_refuse(r, "pads of %lld and %lld", (long long)given[0], (long long)given[1]);
        w->before[i] = upper ? before : (size_t)given[0];
        w->after[i] = upper ? after : (size_t)given[1];
        w->same = w->same && w->before[i] == before && w->after[i] == after;
        w->none = w->none && w->before[i] == 0 && w->after[i] == 0;
    }
    return AN_OK;
}

/* sizes: of the kernel if the operator has one, else from kernel_shape. */
static an_err read_window(const an_onnx_import_run *r, const an_onnx_seen *v, const size_t *sizes, window *w)
{
    const an_shape *s = an_onnx_shape(r, v);
    *w = (window){.n = s->n_dims - 1};
    for (size_t i = 0; i < w->n; i++) {
        const int64_t size = an_onnx_attr_at(r->node, "kernel_shape", i, sizes ? (int64_t)sizes[i] : 0);
        const int64_t stride = an_onnx_attr_at(r->node, "strides", i, 1);
        if (size < 1 || size > 4096 || stride < 1 || stride > 4096 || (sizes && (size_t)size != sizes[i]))
            return an_onnx_refuse(r, "a kernel of %lld with a stride of %lld", (long long)size,
                                  (long long)stride);
        if (i > 0 && ((size_t)size != w->size || (size_t)stride != w->stride))
            return an_onnx_refuse(r, "a kernel that is not square");
        if (an_onnx_attr_at(r->node, "dilations", i, 1) != 1)
            return an_onnx_refuse(r, "with dilations");
        w->size = (size_t)size;
        w->stride = (size_t)stride;
    }
    return read_pads(r, s, w);
}

/* What v is in a frame of the value, if the window asks for one. */
static an_err add_frame(an_onnx_import_run *r, const window *w, double value, an_onnx_seen *v)
{
    an_onnx_draft *d = NULL;
    if (w->none)
        return AN_OK;
    an_err err = an_onnx_begin(r, "pad", v->layer, &d);
    const size_t across = w->n - 1; /* the dimension of columns; of a sequence, its only one */
    const bool set = err == AN_OK && an_onnx_set(d, "left", (double)w->before[across]) &&
                     an_onnx_set(d, "right", (double)w->after[across]) &&
                     an_onnx_set(d, "top", w->n == 2 ? (double)w->before[0] : 0) &&
                     an_onnx_set(d, "bottom", w->n == 2 ? (double)w->after[0] : 0) &&
                     an_onnx_set(d, "value", value);
    if (err == AN_OK && !set)
        err = an_onnx_refuse(r, "pads that are too large");
    return err == AN_OK ? an_onnx_end(r, d, &v->layer) : err;
}

/* ----------------------------------------------------------------------------------------- conv */

/* (F, C, kh, kw) becomes (kh, kw, C, F). */
static void turn_kernel(const an_onnx_tensor *t, float *to)
{
    const size_t f = t->dims[0], c = t->dims[1], places = t->n / (f * c);
    for (size_t p = 0; p < places; p++)
        for (size_t i = 0; i < c; i++)
            for (size_t j = 0; j < f; j++)
                to[(p * c + i) * f + j] = an_onnx_tensor_float(t, (j * c + i) * places + p);
}

static an_err fill_conv(an_onnx_import_run *r, an_onnx_draft *d, const an_onnx_tensor *t)
{
    an_onnx_tensor b;
    an_err err = AN_OK;
    if (d->l.weight_at[1] != t->n)
        return an_onnx_refuse(r, "its kernel does not fit");
    turn_kernel(t, an_onnx_own(d, "w"));
    if (an_onnx_has_input(r, 2) && (err = an_onnx_constant_in(r, 2, &b)) == AN_OK)
        err = an_onnx_fill(r, an_onnx_own(d, "b"), t->dims[0], &b);
    return err;
}

/* Of a point: a dense layer. */
static an_err conv_point(an_onnx_import_run *r, an_onnx_seen *v, const an_onnx_tensor *t)
{
    an_onnx_draft *d = NULL;
    if (t->n != t->dims[0] * t->dims[1] || t->dims[1] != an_onnx_channels(r, v) ||
        an_onnx_attr_int(r->node, "group", 1) != 1)
        return an_onnx_refuse(r, "of one place, only with a kernel of one place");
    an_err err = an_onnx_begin(r, "dense", v->layer, &d);
    if (err == AN_OK && !an_onnx_set(d, "units", (double)t->dims[0]))
        err = an_onnx_refuse(r, "%zu filters", t->dims[0]);
    if (err == AN_OK)
        err = an_onnx_end(r, d, &v->layer);
    if (err == AN_OK)
        err = fill_conv(r, d, t);
    v->fresh = true;
    v->n_readers = 1;
    return err == AN_OK ? an_onnx_give_seen(r, v) : err;
}

an_err an_onnx_import_conv(an_onnx_import_run *r)
{
    an_onnx_seen v = {0};
    an_onnx_tensor t;
    an_onnx_draft *d = NULL;
    window w;
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err == AN_OK)
        err = an_onnx_constant_in(r, 1, &t);
    if (err != AN_OK)
        return err;
    if ((v.form != AN_ONNX_AS_FIRST && v.form != AN_ONNX_AS_POINT) || t.n_dims != an_onnx_rank(r, &v) ||
        t.n == 0)
        return an_onnx_refuse(r, "its input does not have the channel second, or its kernel does not fit");
    if (v.form == AN_ONNX_AS_POINT)
        return conv_point(r, &v, &t);
    const int64_t groups = an_onnx_attr_int(r->node, "group", 1);
    if (groups < 1 || (uint64_t)groups * t.dims[1] != an_onnx_channels(r, &v))
        return an_onnx_refuse(r, "its kernel does not fit %zu channels", an_onnx_channels(r, &v));
    if ((err = read_window(r, &v, t.dims + 2, &w)) != AN_OK)
        return err;
    const bool same = w.same && !w.none;
    if (!same && (err = add_frame(r, &w, 0.0, &v)) != AN_OK)
        return err;
    err = an_onnx_begin(r, w.n == 1 ? "conv1d" : "conv2d", v.layer, &d);
    if (err == AN_OK &&
        !(an_onnx_set(d, "filters", (double)t.dims[0]) && an_onnx_set(d, "size", (double)w.size) &&
          an_onnx_set(d, "stride", (double)w.stride) && an_onnx_set(d, "padding", same)))
        err = an_onnx_refuse(r, "%zu filters of size %zu", t.dims[0], w.size);
    if (err == AN_OK && !an_onnx_set(d, "groups", (double)groups) && groups != 1)
        err = an_onnx_refuse(r, "%lld groups", (long long)groups);
    if (err == AN_OK)
        err = an_onnx_end(r, d, &v.layer);
    if (err == AN_OK)
        err = fill_conv(r, d, &t);
    return err == AN_OK ? an_onnx_give(r, 0, v.layer, AN_ONNX_AS_FIRST) : err;
}

/* ---------------------------------------------------------------------------------------- pools */

/* Whole windows fill it, so that it does not matter how the rest would be rounded. */
static bool is_filled(const an_shape *s, const window *w)
{
    for (size_t i = 0; i < w->n; i++)
        if ((s->d[i] + w->before[i] + w->after[i] - w->size) % w->stride != 0)
            return false;
    return true;
}

an_err an_onnx_import_pool(an_onnx_import_run *r)
{
    static const char *const kinds[2][2] = {{"avg_pool1d", "avg_pool2d"}, {"max_pool1d", "max_pool2d"}};
    const bool largest = r->node->op_type[0] == 'M';
    an_onnx_seen v = {0};
    an_onnx_draft *d = NULL;
    window w;
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err == AN_OK && v.form != AN_ONNX_AS_FIRST)
        err = an_onnx_refuse(r, "its input does not have the channel second");
    if (err == AN_OK)
        err = read_window(r, &v, NULL, &w);
    if (err != AN_OK)
        return err;
    if (r->node->n_output > 1)
        return an_onnx_refuse(r, "with the places of the largest values");
    if (an_onnx_attr_int(r->node, "ceil_mode", 0) != 0 && !is_filled(an_onnx_shape(r, &v), &w))
        return an_onnx_refuse(r, "with windows that are not whole");
    if (!w.none && !largest && an_onnx_attr_int(r->node, "count_include_pad", 0) == 0)
        return an_onnx_refuse(r, "with pads that do not count");
    /* A frame of values below all that occur; every window holds a true value too. */
    if ((err = add_frame(r, &w, largest ? -1e30 : 0.0, &v)) != AN_OK)
        return err;
    err = an_onnx_begin(r, kinds[largest][w.n - 1], v.layer, &d);
    if (err == AN_OK &&
        !(an_onnx_set(d, "size", (double)w.size) && an_onnx_set(d, "stride", (double)w.stride)))
        err = an_onnx_refuse(r, "a window of %zu", w.size);
    if (err == AN_OK)
        err = an_onnx_end(r, d, &v.layer);
    return err == AN_OK ? an_onnx_give(r, 0, v.layer, AN_ONNX_AS_FIRST) : err;
}

static an_err add_global(an_onnx_import_run *r, const char *kind, an_onnx_seen *v, bool keep)
{
    const size_t places = an_onnx_shape(r, v)->n_dims - 1;
    an_onnx_draft *d = NULL;
    an_err err = an_onnx_begin(r, kind, v->layer, &d);
    if (err == AN_OK)
        err = an_onnx_end(r, d, &v->layer);
    v->form = keep ? AN_ONNX_AS_POINT : AN_ONNX_AS_LAST;
    v->n_points = places;
    v->fresh = false;
    return err == AN_OK ? an_onnx_give_seen(r, v) : err;
}

an_err an_onnx_import_global_pool(an_onnx_import_run *r)
{
    const bool largest = strcmp(r->node->op_type, "GlobalMaxPool") == 0;
    an_onnx_seen v = {0};
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err != AN_OK || v.form == AN_ONNX_AS_POINT)
        return err == AN_OK ? an_onnx_give_seen(r, &v) : err;
    if (v.form != AN_ONNX_AS_FIRST)
        return an_onnx_refuse(r, "its input does not have the channel second");
    return add_global(r, largest ? "global_max_pool" : "global_avg_pool", &v, true);
}

/* Over all dimensions of places. */
an_err an_onnx_import_reduce_mean(an_onnx_import_run *r)
{
    an_onnx_seen v = {0};
    int64_t axes[4];
    size_t n = 0, found = 0;
    const bool keep = an_onnx_attr_int(r->node, "keepdims", 1) != 0;
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err == AN_OK)
        err = an_onnx_ints_in(r, 1, "axes", 4, axes, &n);
    if (err != AN_OK)
        return err;
    const size_t places = an_onnx_shape(r, &v)->n_dims - 1, first = v.form == AN_ONNX_AS_FIRST ? 2 : 1;
    for (size_t i = 0; i < n; i++) {
        const size_t axis = an_onnx_axis(axes[i], an_onnx_rank(r, &v));
        found |= axis >= first && axis < first + places ? (size_t)1 << axis : 0;
    }
    if ((v.form != AN_ONNX_AS_FIRST && v.form != AN_ONNX_AS_LAST) || places == 0 || n != places ||
        found != (((size_t)1 << places) - 1) << first || (keep && v.form == AN_ONNX_AS_LAST))
        return an_onnx_refuse(r, "only over all places");
    return add_global(r, "global_avg_pool", &v, keep);
}

/* -------------------------------------------------------------------------------------- resize */

/* The factor of each dimension of places; they are equal and whole.  0: not so. */
static size_t factor_of(const an_onnx_tensor *t, const an_shape *s, bool sizes)
{
    double factor = 0;
    if (t->n != s->n_dims + 1)
        return 0;
    for (size_t i = 0; i < t->n; i++) {
        double f = (double)an_onnx_tensor_float(t, i);
        if (sizes)
            f = i == 0 ? 1.0 : i == 1 ? f / (double)s->d[s->n_dims - 1] : f / (double)s->d[i - 2];
        if (i < 2 ? f != 1.0 : !(f >= 1.0 && f <= 64.0 && f == floor(f) && (i == 2 || f == factor)))
            return 0;
        factor = f;
    }
    return (size_t)factor;
}

/* These take the same neighbours where the factor is whole. */
static bool is_nearest(const Onnx__NodeProto *node)
{
    const char *turn = "coordinate_transformation_mode";
    if (!an_onnx_attr_is(node, "mode", "nearest", true))
        return false;
    if (an_onnx_attr_is(node, turn, "asymmetric", false))
        return an_onnx_attr_is(node, "nearest_mode", "floor", false);
    return (an_onnx_attr_is(node, turn, "half_pixel", true) ||
            an_onnx_attr_is(node, turn, "pytorch_half_pixel", false)) &&
           (an_onnx_attr_is(node, "nearest_mode", "round_prefer_floor", true) ||
            an_onnx_attr_is(node, "nearest_mode", "round_prefer_ceil", false));
}

an_err an_onnx_import_resize(an_onnx_import_run *r)
{
    const bool old = r->node->op_type[0] == 'U';
    const size_t at = old ? 1 : an_onnx_has_input(r, 3) ? 3 : 2;
    an_onnx_seen v = {0};
    an_onnx_tensor t = {0};
    an_onnx_draft *d = NULL;
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err == AN_OK && v.form != AN_ONNX_AS_FIRST)
        err = an_onnx_refuse(r, "its input does not have the channel second");
    if (err == AN_OK && !(old ? an_onnx_attr_is(r->node, "mode", "nearest", true) : is_nearest(r->node)))
        err = an_onnx_refuse(r, "only to the nearest value");
    if (err == AN_OK)
        err = an_onnx_constant_in(r, at, &t);
    if (err != AN_OK)
        return err;
    const size_t factor = factor_of(&t, an_onnx_shape(r, &v), at == 3);
    if (factor == 0)
        return an_onnx_refuse(r, "only by one whole factor in all dimensions of places");
    err = an_onnx_begin(r, "upsample", v.layer, &d);
    if (err == AN_OK && !an_onnx_set(d, "size", (double)factor))
        err = an_onnx_refuse(r, "a factor of %zu", factor);
    if (err == AN_OK)
        err = an_onnx_end(r, d, &v.layer);
    return err == AN_OK ? an_onnx_give(r, 0, v.layer, AN_ONNX_AS_FIRST) : err;
}
