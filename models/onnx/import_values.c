/* Values and layers of a model that is being imported. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "models/onnx/import_internal.h"

/* A text from the file within an error: no control characters. */
static void clean(char *to, size_t size, const char *from)
{
    size_t i = 0;
    for (; from && from[i] && i + 1 < size; i++)
        to[i] = (unsigned char)from[i] < 0x20 || from[i] == 0x7f ? '?' : from[i];
    to[i] = '\0';
}

an_err an_onnx_refuse(const an_onnx_import_run *r, const char *fmt, ...)
{
    char text[160], name[64], op[40];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    clean(name, sizeof name,
          r->node->name && r->node->name[0] ? r->node->name
          : r->node->n_output               ? r->node->output[0]
                                            : "");
    clean(op, sizeof op, r->node->op_type);
    return an_fail(AN_ERR_UNSUPPORTED, r->why, "node \"%s\" (%s): %s", name, op, text);
}

an_onnx_seen *an_onnx_find(an_onnx_import_run *r, const char *name)
{
    for (size_t i = r->n_seen; i-- > 0;)
        if (strcmp(r->seen[i].name, name) == 0)
            return &r->seen[i];
    return NULL;
}

an_err an_onnx_add_seen(an_onnx_import_run *r, const char *name, an_onnx_seen **ret)
{
    if (r->n_seen == AN_ONNX_SEEN_MAX)
        return an_fail(AN_ERR_LIMIT, r->why, "more than %u names of values", AN_ONNX_SEEN_MAX);
    if (!an_grow(&r->seen, &r->cap_seen, r->n_seen + 1, sizeof *r->seen))
        return AN_ERR_NOMEM;
    *ret = &r->seen[r->n_seen++];
    **ret = (an_onnx_seen){.name = name};
    return AN_OK;
}

size_t an_onnx_n_inputs(const an_onnx_import_run *r)
{
    size_t n = r->node->n_input;
    while (n > 0 && !r->node->input[n - 1][0])
        n--;
    return n;
}

bool an_onnx_has_input(const an_onnx_import_run *r, size_t i)
{
    return i < r->node->n_input && r->node->input[i][0];
}

static an_err find_input(an_onnx_import_run *r, size_t i, const an_onnx_seen **ret)
{
    if (!an_onnx_has_input(r, i))
        return an_onnx_refuse(r, "input %zu is missing", i + 1);
    const an_onnx_seen *v = an_onnx_find(r, r->node->input[i]);
    if (!v || !v->known)
        return an_onnx_refuse(r, "its input \"%.60s\" is made by no node before it", r->node->input[i]);
    *ret = v;
    return AN_OK;
}

an_err an_onnx_layer_in(an_onnx_import_run *r, size_t i, an_onnx_seen *ret)
{
    const an_onnx_seen *v = NULL;
    an_err err = find_input(r, i, &v);
    if (err == AN_OK && v->constant)
        err = an_onnx_refuse(r, "input %zu is a constant", i + 1);
    if (err == AN_OK)
        *ret = *v;
    return err;
}

an_err an_onnx_constant_in(an_onnx_import_run *r, size_t i, an_onnx_tensor *ret)
{
    const an_onnx_seen *v = NULL;
    an_err err = find_input(r, i, &v);
    if (err == AN_OK && !v->constant)
        err = an_onnx_refuse(r, "input %zu is not a constant", i + 1);
    if (err == AN_OK)
        *ret = v->tensor;
    return err;
}

bool an_onnx_is_constant(an_onnx_import_run *r, size_t i)
{
    const an_onnx_seen *v = an_onnx_has_input(r, i) ? an_onnx_find(r, r->node->input[i]) : NULL;
    return v && v->known && v->constant;
}

an_err an_onnx_ints_in(an_onnx_import_run *r, size_t i, const char *attr, size_t max, int64_t ret[],
                       size_t *ret_n)
{
    an_onnx_tensor t;
    if (!an_onnx_has_input(r, i)) {
        *ret_n = an_onnx_attr_n(r->node, attr);
        for (size_t k = 0; k < *ret_n && k < max; k++)
            ret[k] = an_onnx_attr_at(r->node, attr, k, 0);
        return *ret_n <= max ? AN_OK : an_onnx_refuse(r, "%zu values in %s", *ret_n, attr);
    }
    an_err err = an_onnx_constant_in(r, i, &t);
    if (err != AN_OK)
        return err;
    if (!an_onnx_tensor_whole(&t) || t.n > max)
        return an_onnx_refuse(r, "input %zu is not a list of at most %zu whole numbers", i + 1, max);
    for (size_t k = 0; k < t.n; k++)
        ret[k] = an_onnx_tensor_int(&t, k);
    *ret_n = t.n;
    return AN_OK;
}

static const an_shape *shape_of(const an_onnx_import_run *r, size_t layer)
{
    return layer == AN_LAYER_INPUT ? &r->in : &r->drafts[layer].l.out;
}

const an_shape *an_onnx_shape(const an_onnx_import_run *r, const an_onnx_seen *v)
{
    return shape_of(r, v->layer);
}

static an_onnx_form plain_form(const an_onnx_seen *v)
{
    return v->form >= AN_ONNX_AS_SCALED ? v->inner : v->form;
}

size_t an_onnx_rank(const an_onnx_import_run *r, const an_onnx_seen *v)
{
    const size_t n = an_onnx_shape(r, v)->n_dims + 1;
    switch (plain_form(v)) {
    case AN_ONNX_AS_WAYS:
        return 4;
    case AN_ONNX_AS_STATE:
    case AN_ONNX_AS_STEP:
    case AN_ONNX_AS_GROUPED:
        return 3;
    case AN_ONNX_AS_POINT:
        return 2 + v->n_points;
    default:
        return n;
    }
}

size_t an_onnx_channel_axis(const an_onnx_import_run *r, const an_onnx_seen *v)
{
    switch (plain_form(v)) {
    case AN_ONNX_AS_FIRST:
    case AN_ONNX_AS_POINT:
        return 1;
    case AN_ONNX_AS_MIXED:
    case AN_ONNX_AS_GROUPED:
        return SIZE_MAX;
    default:
        return an_onnx_rank(r, v) - 1;
    }
}

size_t an_onnx_channels(const an_onnx_import_run *r, const an_onnx_seen *v)
{
    const an_shape *s = an_onnx_shape(r, v);
    return s->d[s->n_dims - 1];
}

size_t an_onnx_axis(int64_t axis, size_t rank)
{
    const int64_t n = (int64_t)rank;
    return axis < -n || axis >= n ? SIZE_MAX : (size_t)(axis < 0 ? axis + n : axis);
}

static an_err give(an_onnx_import_run *r, size_t k, const an_onnx_seen *what)
{
    const char *name = k < r->node->n_output ? r->node->output[k] : "";
    if (!name[0])
        return an_onnx_refuse(r, "output %zu is missing", k + 1);
    an_onnx_seen *v = an_onnx_find(r, name);
    if (v && v->known)
        return an_onnx_refuse(r, "its output \"%.60s\" is there already", name);
    an_err err = v ? AN_OK : an_onnx_add_seen(r, name, &v);
    if (err != AN_OK)
        return err;
    const size_t n_readers = v->n_readers;
    *v = *what;
    v->name = name;
    v->n_readers = n_readers;
    v->known = true;
    return AN_OK;
}

an_err an_onnx_give(an_onnx_import_run *r, size_t k, size_t layer, an_onnx_form form)
{
    return give(r, k, &(an_onnx_seen){.layer = layer, .form = form, .fresh = true});
}

an_err an_onnx_give_seen(an_onnx_import_run *r, const an_onnx_seen *v)
{
    an_onnx_seen same = *v;
    same.fresh = same.fresh && v->n_readers == 1;
    return give(r, 0, &same);
}

/* ------------------------------------------------------------------------------------- layers */

static bool taken(const an_onnx_import_run *r, const char *name)
{
    for (size_t i = 0; i < r->n_drafts; i++)
        if (strcmp(r->drafts[i].l.name, name) == 0)
            return true;
    return strcmp(name, "input") == 0;
}

/* The node's name where it can be one of ours, else the kind and a number.  Of our own files the part
 * before the slash is the layer's name. */
static void name_draft(const an_onnx_import_run *r, an_layer *l)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    const char *from = r->node->name ? r->node->name : "";
    size_t n = 0;
    from += from[0] == '/';
    for (; from[n] && n + 1 < sizeof l->name && !(r->own && from[n] == '/'); n++)
        l->name[n] = strchr(allowed, from[n]) ? from[n] : from[n] == '/' ? '.' : '_';
    l->name[n] = '\0';
    const bool cut = from[n] && !r->own, empty = l->name[strspn(l->name, "-.")] == '\0';
    for (size_t i = 1; empty || cut || taken(r, l->name); i++) {
        snprintf(l->name, sizeof l->name, "%s%zu", l->type->name, i);
        if (!taken(r, l->name))
            break;
    }
}

an_err an_onnx_begin(an_onnx_import_run *r, const char *kind, size_t from, an_onnx_draft **ret)
{
    if (r->n_drafts == AN_MODEL_LAYERS_MAX)
        return an_fail(AN_ERR_LIMIT, r->why, "the graph needs more than %u layers", AN_MODEL_LAYERS_MAX);
    an_onnx_draft *d = &r->drafts[r->n_drafts];
    memset(d, 0, sizeof *d);
    d->l.type = an_layer_find(kind);
    if (!d->l.type)
        return an_onnx_refuse(r, "there is no layer of the kind %s", kind);
    for (size_t i = 0; d->l.type->opts && d->l.type->opts[i].key; i++)
        d->l.opt[i] = d->l.type->opts[i].fallback;
    name_draft(r, &d->l);
    *ret = d;
    return an_onnx_read(r, d, from);
}

/* A number that the file has as a float: at a bound it may be beyond it by what a float rounds. */
static double within(const an_layer_opt *o, double v)
{
    if (v < o->min && v >= (double)(float)o->min)
        return o->min;
    return v > o->max && v <= (double)(float)o->max ? o->max : v;
}

/* A choice is set by the number of its word. */
bool an_onnx_set(an_onnx_draft *d, const char *option, double v)
{
    const an_layer_opt *opts = d->l.type->opts;
    for (size_t i = 0; opts && opts[i].key; i++)
        if (strcmp(opts[i].key, option) == 0) {
            d->l.opt[i] = opts[i].kind == AN_LAYER_OPT_REAL ? within(&opts[i], v) : v;
            return opts[i].kind == AN_LAYER_OPT_CHOICE ||
                   (d->l.opt[i] >= opts[i].min && d->l.opt[i] <= opts[i].max);
        }
    return false;
}

an_err an_onnx_read(an_onnx_import_run *r, an_onnx_draft *d, size_t from)
{
    if (d->l.n_inputs == AN_LAYER_INPUTS_MAX)
        return an_onnx_refuse(r, "more than %u inputs", AN_LAYER_INPUTS_MAX);
    d->l.inputs[d->l.n_inputs++] = (an_layer_input){.from = from, .shape = *shape_of(r, from)};
    return AN_OK;
}

an_err an_onnx_end(an_onnx_import_run *r, an_onnx_draft *d, size_t *ret)
{
    an_note reason = {0};
    an_err err = an_layer_size(&d->l, &reason);
    if (err != AN_OK) {
        const an_err say = an_onnx_refuse(r, "%.140s", reason.text);
        return say == AN_ERR_UNSUPPORTED ? err : say;
    }
    size_t all = d->l.n_params;
    for (size_t i = 0; i < r->n_drafts; i++)
        all += r->drafts[i].l.n_params;
    if (all > AN_MODEL_PARAMS_MAX)
        return an_fail(AN_ERR_LIMIT, r->why, "more than %u parameters", AN_MODEL_PARAMS_MAX);
    if (d->l.n_params && !(d->weights = an_alloc(d->l.n_params, sizeof *d->weights)))
        return an_fail(AN_ERR_NOMEM, r->why, "out of memory for %zu weights", d->l.n_params);
    for (size_t i = 0; i < d->l.n_weights; i++)
        for (size_t k = 0; d->l.weights[i].start == AN_LAYER_START_ONE && k < d->l.weights[i].dims[0]; k++)
            d->weights[d->l.weight_at[i] + k] = 1.0f;
    *ret = r->n_drafts++;
    return AN_OK;
}

float *an_onnx_own(an_onnx_draft *d, const char *weight)
{
    for (size_t i = 0; i < d->l.n_weights; i++)
        if (strcmp(d->l.weights[i].name, weight) == 0)
            return d->weights + d->l.weight_at[i];
    return NULL;
}

an_err an_onnx_fill(an_onnx_import_run *r, float *to, size_t n, const an_onnx_tensor *from)
{
    if (!to || from->n != n)
        return an_onnx_refuse(r, "a constant of %zu values where %zu fit", from->n, n);
    for (size_t i = 0; i < n; i++)
        to[i] = an_onnx_tensor_float(from, i);
    return AN_OK;
}

an_err an_onnx_simple(an_onnx_import_run *r, const char *kind)
{
    an_onnx_seen v = {0};
    an_onnx_draft *d = NULL;
    size_t layer = 0;
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err == AN_OK && v.form >= AN_ONNX_AS_GROUPED)
        err = an_onnx_refuse(r, "not of a value of this form");
    if (err == AN_OK)
        err = an_onnx_begin(r, kind, v.layer, &d);
    if (err == AN_OK)
        err = an_onnx_end(r, d, &layer);
    v.layer = layer;
    v.fresh = false;
    return err == AN_OK ? an_onnx_give_seen(r, &v) : err;
}

an_err an_onnx_flat(an_onnx_import_run *r, an_onnx_seen *v)
{
    const an_shape s = *an_onnx_shape(r, v);
    an_onnx_draft *d = NULL;
    an_err err = AN_OK;
    if (v->form == AN_ONNX_AS_POINT || v->form == AN_ONNX_AS_STEP) {
        v->form = AN_ONNX_AS_LAST;
        return AN_OK;
    }
    if (v->form == AN_ONNX_AS_MIXED || (v->form == AN_ONNX_AS_LAST && s.n_dims == 1))
        return AN_OK;
    if (v->form != AN_ONNX_AS_LAST && v->form != AN_ONNX_AS_FIRST)
        return an_onnx_refuse(r, "not of a value of this form");
    if ((err = an_onnx_begin(r, "flatten", v->layer, &d)) == AN_OK)
        err = an_onnx_end(r, d, &v->layer);
    v->fresh = false;
    v->was = s;
    v->form = v->form == AN_ONNX_AS_FIRST ? AN_ONNX_AS_MIXED : AN_ONNX_AS_LAST;
    return err;
}
