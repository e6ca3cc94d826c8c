/* Products, and sums and products with constants or other layers. */
#include <math.h>
#include <string.h>

#include "models/onnx/import_internal.h"

/* Where ours number i of a flat value lies in what ONNX has. */
static size_t mixed_index(const an_onnx_seen *x, size_t i)
{
    if (x->form != AN_ONNX_AS_MIXED)
        return i;
    const size_t c = x->was.d[x->was.n_dims - 1], places = an_shape_size(&x->was) / c;
    return i % c * places + i / c;
}

static an_err add_bias(an_onnx_import_run *r, float *b, size_t n, const an_onnx_tensor *bias, float factor)
{
    if (bias->n != n && bias->n != 1)
        return an_onnx_refuse(r, "a bias of %zu values for %zu outputs", bias->n, n);
    for (size_t i = 0; i < n; i++)
        b[i] += factor * an_onnx_tensor_float(bias, bias->n == 1 ? 0 : i);
    return AN_OK;
}

/* x flat; b (I, O), or (O, I) if it is turned. */
static an_err add_dense(an_onnx_import_run *r, const an_onnx_seen *x, const an_onnx_tensor *b, bool turned,
                        float factor, size_t *ret)
{
    const size_t in = an_onnx_shape(r, x)->d[0];
    an_onnx_draft *d = NULL;
    if (b->n_dims != 2 || b->dims[turned] != in)
        return an_onnx_refuse(r, "its constant does not fit %zu inputs", in);
    const size_t out = b->dims[!turned];
    an_err err = an_onnx_begin(r, "dense", x->layer, &d);
    if (err == AN_OK && !an_onnx_set(d, "units", (double)out))
        err = an_onnx_refuse(r, "%zu outputs", out);
    if (err == AN_OK)
        err = an_onnx_end(r, d, ret);
    for (size_t i = 0; i < in && err == AN_OK; i++)
        for (size_t j = 0, at = mixed_index(x, i); j < out; j++)
            d->weights[i * out + j] = factor * an_onnx_tensor_float(b, turned ? j * in + at : at * out + j);
    return err;
}

an_err an_onnx_import_gemm(an_onnx_import_run *r)
{
    an_onnx_seen x = {0};
    an_onnx_tensor b, bias;
    size_t layer = 0;
    an_err err = an_onnx_layer_in(r, 0, &x);
    if (err == AN_OK)
        err = an_onnx_constant_in(r, 1, &b);
    if (err != AN_OK)
        return err;
    if (an_onnx_attr_int(r->node, "transA", 0) != 0 || an_onnx_rank(r, &x) != 2 ||
        (x.form != AN_ONNX_AS_LAST && x.form != AN_ONNX_AS_MIXED))
        return an_onnx_refuse(r, "its first input is not a flat value");
    err = add_dense(r, &x, &b, an_onnx_attr_int(r->node, "transB", 0) != 0,
                    (float)an_onnx_attr_real(r->node, "alpha", 1), &layer);
    if (err == AN_OK && an_onnx_has_input(r, 2)) {
        an_onnx_draft *d = &r->drafts[layer];
        if ((err = an_onnx_constant_in(r, 2, &bias)) == AN_OK)
            err = add_bias(r, an_onnx_own(d, "b"), d->l.out_n, &bias,
                           (float)an_onnx_attr_real(r->node, "beta", 1));
    }
    return err == AN_OK ? an_onnx_give(r, 0, layer, AN_ONNX_AS_LAST) : err;
}

/* At every place the same product: a convolution of size 1. */
static an_err add_at_places(an_onnx_import_run *r, const an_onnx_seen *x, const an_onnx_tensor *b,
                            size_t *ret)
{
    const an_shape *s = an_onnx_shape(r, x);
    an_onnx_draft *d = NULL;
    if (b->n_dims != 2 || b->dims[0] != an_onnx_channels(r, x))
        return an_onnx_refuse(r, "its constant does not fit %zu channels", an_onnx_channels(r, x));
    an_err err = an_onnx_begin(r, s->n_dims == 2 ? "conv1d" : "conv2d", x->layer, &d);
    if (err == AN_OK && !(an_onnx_set(d, "filters", (double)b->dims[1]) && an_onnx_set(d, "size", 1)))
        err = an_onnx_refuse(r, "%zu outputs", b->dims[1]);
    if (err == AN_OK)
        err = an_onnx_end(r, d, ret);
    return err == AN_OK ? an_onnx_fill(r, an_onnx_own(d, "w"), b->n, b) : err;
}

an_err an_onnx_import_matmul(an_onnx_import_run *r)
{
    an_onnx_seen x = {0};
    an_onnx_tensor b;
    size_t layer = 0;
    an_err err = an_onnx_layer_in(r, 0, &x);
    if (err == AN_OK)
        err = an_onnx_constant_in(r, 1, &b);
    if (err != AN_OK)
        return err;
    if (x.form == AN_ONNX_AS_MIXED || (x.form == AN_ONNX_AS_LAST && an_onnx_rank(r, &x) == 2))
        err = add_dense(r, &x, &b, false, 1.0f, &layer);
    else if (x.form == AN_ONNX_AS_LAST)
        err = add_at_places(r, &x, &b, &layer);
    else
        err = an_onnx_refuse(r, "its first input does not have the channel last");
    return err == AN_OK ? an_onnx_give(r, 0, layer, AN_ONNX_AS_LAST) : err;
}

/* ----------------------------------------------------------------------------------- constants */

/* A constant that goes by channel: its value for channel k. */
typedef struct by_channel {
    const an_onnx_tensor *t;
    bool inverse, negative;
} by_channel;

static float channel_value(const by_channel *c, size_t k)
{
    const float v = an_onnx_tensor_float(c->t, c->t->n == 1 ? 0 : k);
    return c->inverse ? 1.0f / v : c->negative ? -v : v;
}

static bool goes_by_channel(const an_onnx_import_run *r, const an_onnx_seen *v, const an_onnx_tensor *t)
{
    const size_t rank = an_onnx_rank(r, v), axis = an_onnx_channel_axis(r, v);
    if (t->n == 1)
        return true;
    if (t->n_dims > rank || axis == SIZE_MAX || t->n != an_onnx_channels(r, v))
        return false;
    const size_t off = rank - t->n_dims;
    return axis >= off && t->dims[axis - off] == t->n; /* the others are then 1 */
}

/* What of a layer is added to, and multiplied with, its output by channel. */
static bool is_linear(const an_layer *l)
{
    static const char *const kinds[] = {"dense", "conv1d", "conv2d"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(l->type->name, kinds[i]) == 0)
            return true;
    return false;
}

static bool is_norm(const an_layer *l)
{
    return strstr(l->type->name, "_norm") != NULL;
}

/* x scaled and shifted by channel, as batch norm does it with mean 0 and variance 1. */
static an_err add_affine(an_onnx_import_run *r, an_onnx_seen *v)
{
    an_onnx_draft *d = NULL;
    an_err err = an_onnx_begin(r, "batch_norm", v->layer, &d);
    if (err == AN_OK && !an_onnx_set(d, "eps", 1e-9))
        err = an_onnx_refuse(r, "batch_norm has no such eps");
    return err == AN_OK ? an_onnx_end(r, d, &v->layer) : err;
}

static void scale_last(float *w, size_t n, size_t c, const by_channel *by)
{
    for (size_t i = 0; i < n; i++)
        w[i] *= channel_value(by, i % c);
}

/* Into the layer itself if nothing stands between, else into one of its own. */
static an_err take_constant(an_onnx_import_run *r, an_onnx_seen *v, const by_channel *by, bool multiply)
{
    an_err err = AN_OK;
    if (v->form >= AN_ONNX_AS_MIXED)
        return an_onnx_refuse(r, "a constant with a value of this form");
    if (!goes_by_channel(r, v, by->t))
        return an_onnx_refuse(r, "its constant does not go by channel");
    const bool here = v->fresh && v->n_readers == 1 && v->layer != AN_LAYER_INPUT;
    if (!(here && (is_linear(&r->drafts[v->layer].l) || is_norm(&r->drafts[v->layer].l))))
        err = add_affine(r, v);
    if (err != AN_OK)
        return err;
    an_onnx_draft *d = &r->drafts[v->layer];
    const bool linear = is_linear(&d->l);
    const size_t c = an_onnx_channels(r, v);
    float *shift = an_onnx_own(d, linear ? "b" : "beta");
    float *scale = an_onnx_own(d, linear ? "w" : "gamma");
    if (multiply) {
        scale_last(scale, linear ? d->l.weight_at[1] - d->l.weight_at[0] : c, c, by);
        scale_last(shift, c, c, by);
    }
    for (size_t k = 0; !multiply && k < c; k++)
        shift[k] += channel_value(by, k);
    v->fresh = true;
    v->n_readers = 1; /* of what it was; the new name has its own */
    return an_onnx_give_seen(r, v);
}

static bool near(float a, double b)
{
    return fabs((double)a - b) < 1e-4;
}

/* The one node that reads the output of the node at hand has this type. */
static bool next_is(an_onnx_import_run *r, const char *op)
{
    const char *out = r->node->n_output ? r->node->output[0] : "";
    const an_onnx_seen *v = an_onnx_find(r, out);
    if (!v || v->n_readers != 1)
        return false;
    for (size_t i = 0; i < r->graph->n_node; i++)
        for (size_t k = 0; k < r->graph->node[i]->n_input; k++)
            if (strcmp(r->graph->node[i]->input[k], out) == 0)
                return r->graph->node[i]->op_type && strcmp(r->graph->node[i]->op_type, op) == 0;
    return false;
}

/* ---------------------------------------------------------------------------------------- gelu */

static an_err add_gelu(an_onnx_import_run *r, an_onnx_seen v)
{
    an_onnx_draft *d = NULL;
    an_err err = an_onnx_begin(r, "gelu", v.layer, &d);
    if (err == AN_OK)
        err = an_onnx_end(r, d, &v.layer);
    v.form = v.inner;
    v.fresh = false;
    return err == AN_OK ? an_onnx_give_seen(r, &v) : err;
}

/* A step on the way.  *ret_taken: it was one. */
static an_err gelu_step(an_onnx_import_run *r, an_onnx_seen *v, const an_onnx_tensor *t, bool multiply,
                        bool divide, bool *ret_taken)
{
    const float c = t->n == 1 ? an_onnx_tensor_float(t, 0) : 0.0f;
    const bool plain = v->form <= AN_ONNX_AS_MIXED;
    *ret_taken = true;
    if (plain && ((divide && near(c, sqrt(2.0))) || (multiply && near(c, sqrt(0.5)))) && next_is(r, "Erf")) {
        v->inner = v->form;
        v->form = AN_ONNX_AS_SCALED;
    } else if (v->form == AN_ONNX_AS_ERF && !multiply && !divide && near(c, 1.0)) {
        v->form = AN_ONNX_AS_ONE_ERF;
    } else if (v->form == AN_ONNX_AS_ONE_ERF && ((multiply && near(c, 0.5)) || (divide && near(c, 2.0)))) {
        v->form = AN_ONNX_AS_HALF_ERF;
    } else if (v->form == AN_ONNX_AS_X_ERF && ((multiply && near(c, 0.5)) || (divide && near(c, 2.0)))) {
        return add_gelu(r, *v);
    } else {
        *ret_taken = false;
        return AN_OK;
    }
    return an_onnx_give_seen(r, v);
}

an_err an_onnx_import_erf(an_onnx_import_run *r)
{
    an_onnx_seen v = {0};
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err != AN_OK)
        return err;
    if (v.form != AN_ONNX_AS_SCALED)
        return an_onnx_refuse(r, "only as a part of GELU, x (1 + erf(x / sqrt 2)) / 2");
    v.form = AN_ONNX_AS_ERF;
    return an_onnx_give_seen(r, &v);
}

an_err an_onnx_import_gelu(an_onnx_import_run *r)
{
    if (an_onnx_attr_is(r->node, "approximate", "tanh", false))
        return an_onnx_refuse(r, "the approximation by tanh");
    return an_onnx_simple(r, "gelu");
}

/* --------------------------------------------------------------------------------------- joins */

bool an_onnx_same_form(const an_onnx_seen *a, const an_onnx_seen *b)
{
    return a->form == b->form &&
           (a->form != AN_ONNX_AS_MIXED || memcmp(&a->was, &b->was, sizeof a->was) == 0);
}

static an_err join(an_onnx_import_run *r, const char *kind, an_onnx_seen *a, const an_onnx_seen *b)
{
    an_onnx_draft *d = NULL;
    if (!an_onnx_same_form(a, b) || a->form >= AN_ONNX_AS_GROUPED)
        return an_onnx_refuse(r, "its inputs are of different forms");
    an_err err = an_onnx_begin(r, kind, a->layer, &d);
    if (err == AN_OK)
        err = an_onnx_read(r, d, b->layer);
    if (err == AN_OK)
        err = an_onnx_end(r, d, &a->layer);
    a->fresh = false;
    return err == AN_OK ? an_onnx_give_seen(r, a) : err;
}

/* x times 1 + erf. */
static bool is_gelu_product(const an_onnx_seen *x, const an_onnx_seen *e)
{
    return (e->form == AN_ONNX_AS_ONE_ERF || e->form == AN_ONNX_AS_HALF_ERF) && x->layer == e->layer &&
           x->form == e->inner;
}

static an_err multiply_layers(an_onnx_import_run *r, an_onnx_seen *a, an_onnx_seen *b)
{
    if (is_gelu_product(b, a)) {
        const an_onnx_seen swap = *a;
        *a = *b;
        *b = swap;
    }
    if (is_gelu_product(a, b)) {
        const bool half = b->form == AN_ONNX_AS_HALF_ERF;
        b->form = AN_ONNX_AS_X_ERF;
        return half ? add_gelu(r, *b) : an_onnx_give_seen(r, b);
    }
    if (a->form == AN_ONNX_AS_POINT && b->form == AN_ONNX_AS_FIRST)
        return an_onnx_take_gate(r, b, a);
    if (b->form == AN_ONNX_AS_POINT && a->form == AN_ONNX_AS_FIRST)
        return an_onnx_take_gate(r, a, b);
    return join(r, "multiply", a, b);
}

/* Two values, of which one may be a constant.  *ret_first: the layer is the first. */
static an_err read_pair(an_onnx_import_run *r, an_onnx_seen *v, an_onnx_tensor *t, bool *ret_constant,
                        bool *ret_first)
{
    const bool first = !an_onnx_is_constant(r, 0);
    *ret_first = first;
    *ret_constant = !first || an_onnx_is_constant(r, 1);
    an_err err = an_onnx_layer_in(r, first ? 0 : 1, v);
    return err == AN_OK && *ret_constant ? an_onnx_constant_in(r, first ? 1 : 0, t) : err;
}

static an_err arithmetic(an_onnx_import_run *r, bool multiply, bool back)
{
    an_onnx_seen v = {0}, other = {0};
    an_onnx_tensor t = {0};
    bool constant, first, taken = false;
    an_err err = read_pair(r, &v, &t, &constant, &first);
    if (err != AN_OK)
        return err;
    if (back && !(constant && first))
        return an_onnx_refuse(r, "only with a constant as second input");
    if (!constant) {
        if ((err = an_onnx_layer_in(r, 1, &other)) != AN_OK)
            return err;
        return multiply ? multiply_layers(r, &v, &other) : join(r, "add", &v, &other);
    }
    if (t.n == 0)
        return an_onnx_refuse(r, "an empty constant");
    if (multiply || !back)
        err = gelu_step(r, &v, &t, multiply && !back, multiply && back, &taken);
    if (err != AN_OK || taken)
        return err;
    const by_channel by = {.t = &t, .inverse = multiply && back, .negative = !multiply && back};
    return take_constant(r, &v, &by, multiply);
}

an_err an_onnx_import_add(an_onnx_import_run *r)
{
    return arithmetic(r, false, false);
}

an_err an_onnx_import_sub(an_onnx_import_run *r)
{
    return arithmetic(r, false, true);
}

an_err an_onnx_import_mul(an_onnx_import_run *r)
{
    return arithmetic(r, true, false);
}

an_err an_onnx_import_div(an_onnx_import_run *r)
{
    return arithmetic(r, true, true);
}

an_err an_onnx_import_concat(an_onnx_import_run *r)
{
    an_onnx_seen v = {0}, next = {0};
    an_onnx_draft *d = NULL;
    size_t layer = 0;
    const size_t n = an_onnx_n_inputs(r);
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err != AN_OK)
        return err;
    const size_t axis = an_onnx_axis(an_onnx_attr_int(r->node, "axis", 1), an_onnx_rank(r, &v));
    if (v.form >= AN_ONNX_AS_MIXED || axis == SIZE_MAX || axis != an_onnx_channel_axis(r, &v))
        return an_onnx_refuse(r, "only along the channels");
    if (n == 1)
        return an_onnx_give_seen(r, &v);
    err = an_onnx_begin(r, "concat", v.layer, &d);
    for (size_t i = 1; i < n && err == AN_OK; i++) {
        err = an_onnx_layer_in(r, i, &next);
        if (err == AN_OK && next.form != v.form)
            err = an_onnx_refuse(r, "its inputs are of different forms");
        if (err == AN_OK)
            err = an_onnx_read(r, d, next.layer);
    }
    if (err == AN_OK)
        err = an_onnx_end(r, d, &layer);
    v.layer = layer;
    v.fresh = false;
    return err == AN_OK ? an_onnx_give_seen(r, &v) : err;
}
