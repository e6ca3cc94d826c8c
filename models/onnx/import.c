/* From an ONNX file to a model: the graph's input, its constants, node after node, the text. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "models/loss.h"
#include "models/onnx/import_internal.h"

#define OPSET_MIN 11
#define OPSET_MAX 20
#define DIM_MAX 1000000

typedef an_err take_fn(an_onnx_import_run *r);

static const struct {
    const char *op;
    take_fn *take;
} rows[] = {
#define AN_ONNX_IMPORT(op, how) {#op, an_onnx_import_##how},
#include "models/onnx/imports.def"
#undef AN_ONNX_IMPORT
};

static an_err check_model(an_onnx_import_run *r, const Onnx__ModelProto *m)
{
    if (!m->graph)
        return an_fail(AN_ERR_PROTO, r->why, "not an ONNX file: there is no graph");
    for (size_t i = 0; i < m->n_opset_import; i++)
        if (!m->opset_import[i]->domain || !m->opset_import[i]->domain[0])
            r->opset = m->opset_import[i]->version;
    if (r->opset < OPSET_MIN || r->opset > OPSET_MAX)
        return an_fail(AN_ERR_UNSUPPORTED, r->why, "operator set %lld: %d to %d are read",
                       (long long)r->opset, OPSET_MIN, OPSET_MAX);
    if (m->graph->n_node > AN_ONNX_NODES_MAX || m->graph->n_initializer > AN_ONNX_NODES_MAX)
        return an_fail(AN_ERR_LIMIT, r->why, "more than %u nodes or constants", AN_ONNX_NODES_MAX);
    if (m->graph->n_output != 1)
        return an_fail(AN_ERR_UNSUPPORTED, r->why, "the graph has %zu outputs, a model has one",
                       m->graph->n_output);
    r->graph = m->graph;
    r->own = m->producer_name && strcmp(m->producer_name, "andon") == 0;
    return AN_OK;
}

static an_err add_constants(an_onnx_import_run *r)
{
    for (size_t i = 0; i < r->graph->n_initializer; i++) {
        const Onnx__TensorProto *t = r->graph->initializer[i];
        an_onnx_tensor tensor;
        if (!t->name || !t->name[0])
            continue;
        an_err err = an_onnx_tensor_open(r->file, t, t->name, &tensor, r->why);
        /* One that nobody reads, as a flag of another type, does no harm. */
        if (err == AN_ERR_UNSUPPORTED)
            continue;
        an_onnx_seen *v = NULL;
        if (err == AN_OK)
            err = an_onnx_add_seen(r, t->name, &v);
        if (err != AN_OK)
            return err;
        v->known = v->constant = true;
        v->tensor = tensor;
    }
    return AN_OK;
}

/* Counts who reads what; what no node has made yet is not known yet. */
static an_err count_readers(an_onnx_import_run *r)
{
    for (size_t i = 0; i < r->graph->n_node; i++)
        for (size_t k = 0; k < r->graph->node[i]->n_input; k++) {
            const char *name = r->graph->node[i]->input[k];
            if (!name[0])
                continue;
            an_onnx_seen *v = an_onnx_find(r, name);
            an_err err = v ? AN_OK : an_onnx_add_seen(r, name, &v);
            if (err != AN_OK)
                return err;
            v->n_readers++;
        }
    an_onnx_seen *out = r->graph->output[0]->name ? an_onnx_find(r, r->graph->output[0]->name) : NULL;
    if (out)
        out->n_readers++;
    return AN_OK;
}

/* --------------------------------------------------------------------------------------- input */

static const Onnx__ValueInfoProto *find_graph_input(an_onnx_import_run *r)
{
    const Onnx__ValueInfoProto *in = NULL;
    for (size_t i = 0; i < r->graph->n_input; i++) {
        const Onnx__ValueInfoProto *v = r->graph->input[i];
        const an_onnx_seen *known = v->name ? an_onnx_find(r, v->name) : NULL;
        if (known && known->known)
            continue; /* older files list constants as inputs */
        if (in)
            return NULL;
        in = v;
    }
    return in;
}

/* Our own files take it last.  Others by who reads it: what turns the channel forward takes it last, and so
 * do flat values; a recurrent layer wants steps first; all else is as most tools have it, with the channel
 * second. */
static an_onnx_form input_form(const an_onnx_import_run *r, const char *name, size_t rank)
{
    an_onnx_form form = rank == 2 || r->own ? AN_ONNX_AS_LAST : AN_ONNX_AS_FIRST;
    for (size_t i = 0; i < r->graph->n_node && form != AN_ONNX_AS_LAST; i++) {
        const Onnx__NodeProto *node = r->graph->node[i];
        const char *op = node->op_type ? node->op_type : "";
        if (node->n_input == 0 || strcmp(node->input[0], name) != 0)
            continue;
        an_onnx_form to;
        if (strcmp(op, "Transpose") == 0 && an_onnx_transposed(AN_ONNX_AS_LAST, rank, node, &to))
            return AN_ONNX_AS_LAST;
        if (strcmp(op, "MatMul") == 0 || strcmp(op, "LayerNormalization") == 0)
            return AN_ONNX_AS_LAST;
        if (rank == 3 && (strcmp(op, "LSTM") == 0 || strcmp(op, "GRU") == 0))
            form = AN_ONNX_AS_TIME;
    }
    return form;
}

/* The i-th dimension of ours is number at[form][rank - 2][i] of the file's. */
static an_err read_input_dims(an_onnx_import_run *r, const Onnx__TensorShapeProto *shape, an_onnx_form form)
{
    static const size_t last[] = {1, 2, 3}, first3[] = {2, 1}, first4[] = {2, 3, 1}, time[] = {0, 2};
    const size_t *at = form == AN_ONNX_AS_LAST   ? last
                       : form == AN_ONNX_AS_TIME ? time
                       : shape->n_dim == 3       ? first3
                                                 : first4;
    r->in.n_dims = shape->n_dim - 1;
    for (size_t i = 0; i < r->in.n_dims; i++) {
        const Onnx__TensorShapeProto__Dimension *d = shape->dim[at[i]];
        if (d->value_case != ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE || d->dim_value < 1 ||
            d->dim_value > DIM_MAX)
            return an_fail(
                AN_ERR_UNSUPPORTED, r->why,
                "dimension %zu of the input is not a fixed number of 1..%d: export with fixed sizes",
                at[i] + 1, DIM_MAX);
        r->in.d[i] = (size_t)d->dim_value;
    }
    if (an_shape_size(&r->in) > AN_MODEL_VALUES_MAX)
        return an_fail(AN_ERR_LIMIT, r->why, "an input of more than %u values", AN_MODEL_VALUES_MAX);
    if (r->in.n_dims == 2 && r->in.d[0] == 1)
        return an_fail(AN_ERR_UNSUPPORTED, r->why, "the input is a sequence of one step");
    return AN_OK;
}

static an_err add_input(an_onnx_import_run *r)
{
    const Onnx__ValueInfoProto *in = find_graph_input(r);
    const Onnx__TypeProto *type = in ? in->type : NULL;
    const Onnx__TypeProto__Tensor *tensor =
        type && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ? type->tensor_type : NULL;
    if (!in || !in->name || !tensor || !tensor->shape ||
        tensor->elem_type != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT)
        return an_fail(AN_ERR_UNSUPPORTED, r->why,
                       "the graph does not have one input of floats of known shape");
    const size_t rank = tensor->shape->n_dim;
    if (rank < 2 || rank > 4)
        return an_fail(AN_ERR_UNSUPPORTED, r->why, "the input has %zu dimensions: 2 to 4 are read", rank);
    const an_onnx_form form = input_form(r, in->name, rank);
    an_err err = read_input_dims(r, tensor->shape, form);
    if (err != AN_OK)
        return err;
    an_onnx_seen *v = an_onnx_find(r, in->name);
    if (!v && (err = an_onnx_add_seen(r, in->name, &v)) != AN_OK)
        return err;
    v->known = true;
    v->layer = AN_LAYER_INPUT;
    v->form = form;
    return AN_OK;
}

/* --------------------------------------------------------------------------------------- nodes */

static an_err take_node(an_onnx_import_run *r, const Onnx__NodeProto *node)
{
    r->node = node;
    const char *op = node->op_type ? node->op_type : "";
    const bool standard = !node->domain || !node->domain[0] || strcmp(node->domain, "ai.onnx") == 0;
    for (size_t i = 0; standard && i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].op, op) == 0)
            return rows[i].take(r);
    return an_onnx_refuse(r, "this operator is not supported");
}

static an_err check_output(an_onnx_import_run *r)
{
    const char *name = r->graph->output[0]->name;
    const an_onnx_seen *v = name ? an_onnx_find(r, name) : NULL;
    if (!v || !v->known || v->constant || v->layer == AN_LAYER_INPUT)
        return an_fail(AN_ERR_UNSUPPORTED, r->why, "no layer gives the output of the graph");
    if (v->layer != r->n_drafts - 1)
        return an_fail(AN_ERR_UNSUPPORTED, r->why, "nodes after the one that gives the output");
    const size_t c = v->was.n_dims ? v->was.d[v->was.n_dims - 1] : 1;
    const bool same_order = v->form != AN_ONNX_AS_MIXED || c == 1 || c == an_shape_size(&v->was);
    if (v->form >= AN_ONNX_AS_GROUPED || !same_order)
        return an_fail(AN_ERR_UNSUPPORTED, r->why, "the output's values are in an order that is not ours");
    return AN_OK;
}

/* ---------------------------------------------------------------------------------------- text */

static void put_options(an_buf *b, const an_layer *l)
{
    for (size_t i = 0; l->type->opts && l->type->opts[i].key; i++) {
        const an_layer_opt *o = &l->type->opts[i];
        an_buf_printf(b, ", %s: ", o->key);
        if (o->kind != AN_LAYER_OPT_CHOICE) {
            an_buf_printf(b, "%.17g", l->opt[i]);
            continue;
        }
        const char *word = o->choices;
        for (size_t k = (size_t)l->opt[i]; k > 0; k--)
            word = strchr(word, ' ') + 1;
        an_buf_put(b, word, strcspn(word, " "));
    }
}

static const char *name_of(const an_onnx_import_run *r, size_t layer)
{
    return layer == AN_LAYER_INPUT ? "input" : r->drafts[layer].l.name;
}

static void put_layers(an_buf *b, const an_onnx_import_run *r)
{
    for (size_t i = 0; i < r->n_drafts; i++) {
        const an_layer *l = &r->drafts[i].l;
        an_buf_printf(b, "  - %s: {name: \"%s\", from: [", l->type->name, l->name);
        for (size_t k = 0; k < l->n_inputs; k++)
            an_buf_printf(b, "%s\"%s\"", k ? ", " : "", name_of(r, l->inputs[k].from));
        an_buf_text(b, "]");
        put_options(b, l);
        an_buf_text(b, "}\n");
    }
}

/* A name as ours are; falls back to "model". */
static void put_name(an_buf *b, const char *name)
{
    char ours[AN_MODEL_NAME_MAX];
    size_t n = 0;
    for (const char *c = name; c && *c && n + 1 < sizeof ours; c++, n++)
        ours[n] = isalnum((unsigned char)*c) || strchr("_-.", *c) ? *c : '-';
    ours[n] = '\0';
    an_buf_text(b, ours[strspn(ours, "-.")] ? ours : "model");
}

static const char *prop_of(const an_onnx_import_run *r, const char *key)
{
    const Onnx__ModelProto *m = r->file->model;
    for (size_t i = 0; i < m->n_metadata_props; i++)
        if (m->metadata_props[i]->key && strcmp(m->metadata_props[i]->key, key) == 0)
            return m->metadata_props[i]->value;
    return NULL;
}

static void put_text(an_buf *b, const an_onnx_import_run *r, const an_onnx_import_opts *opts)
{
    const an_shape *in = &r->in;
    const char *loss = opts->loss ? opts->loss : prop_of(r, "andon.loss");
    const char *target = opts->target ? opts->target : prop_of(r, "andon.target");
    const char *name = opts->name ? opts->name : prop_of(r, "andon.model");
    const bool whole = r->drafts[r->n_drafts - 1].l.out_n == an_shape_size(in);
    if (!loss || (!opts->loss && !an_loss_find(loss)))
        loss = "mse";
    if (!target || (!opts->target && strcmp(target, "input") != 0 && strcmp(target, "labels") != 0))
        target = whole ? "input" : "labels";
    an_buf_text(b, "model: \"");
    put_name(b, name ? name : r->graph->name);
    if (in->n_dims == 3)
        an_buf_printf(b, "\"\ninput: {height: %zu, width: %zu, channels: %zu}\n", in->d[0], in->d[1],
                      in->d[2]);
    else
        an_buf_printf(b, "\"\ninput: {features: %zu, window: %zu}\n", in->d[in->n_dims - 1],
                      in->n_dims == 2 ? in->d[0] : 1);
    an_buf_text(b, "layers:\n");
    put_layers(b, r);
    an_buf_printf(b, "loss: %s\ntarget: %s\n", loss, target);
}

/* -------------------------------------------------------------------------------------- result */

static an_err take_params(const an_onnx_import_run *r, const an_model *m, an_onnx_model *out)
{
    out->n_params = an_model_n_params(m);
    out->params = an_alloc(out->n_params, sizeof *out->params);
    out->text = an_strdup(an_model_text(m));
    if (!out->params || !out->text)
        return an_fail(AN_ERR_NOMEM, r->why, "out of memory for %zu parameters", out->n_params);
    float *to = out->params;
    for (size_t i = 0; i < r->n_drafts; i++) {
        const an_onnx_draft *d = &r->drafts[i];
        for (size_t k = 0; k < d->l.n_params; k++)
            if (!isfinite(d->weights[k]))
                return an_fail(AN_ERR_NUMERIC, r->why, "layer \"%s\": a weight is not finite", d->l.name);
        if (d->l.n_params)
            memcpy(to, d->weights, d->l.n_params * sizeof *to);
        to += d->l.n_params;
    }
    return AN_OK;
}

static an_err take_props(const an_onnx_import_run *r, an_onnx_model *out)
{
    const Onnx__ModelProto *m = r->file->model;
    const size_t n = m->n_metadata_props < AN_ONNX_PROPS_MAX ? m->n_metadata_props : AN_ONNX_PROPS_MAX;
    out->props = an_alloc(n, sizeof *out->props);
    for (size_t i = 0; out->props && i < n; i++) {
        const Onnx__StringStringEntryProto *p = m->metadata_props[i];
        out->props[i].key = an_strdup(p->key ? p->key : "");
        out->props[i].value = an_strdup(p->value ? p->value : "");
        out->n_props = i + 1;
        if (!out->props[i].key || !out->props[i].value)
            return AN_ERR_NOMEM;
    }
    return out->props ? AN_OK : AN_ERR_NOMEM;
}

static an_err make_model(const an_onnx_import_run *r, const an_onnx_import_opts *opts, an_onnx_model *out)
{
    an_buf text;
    an_model *m = NULL;
    an_buf_init(&text, AN_MODEL_TEXT_MAX);
    put_text(&text, r, opts);
    an_err err = an_buf_err(&text);
    if (err == AN_OK)
        err = an_model_new((const char *)text.data, text.len, "imported model", 0, &m, r->why);
    if (err == AN_OK)
        err = take_params(r, m, out);
    if (err == AN_OK)
        err = take_props(r, out);
    an_model_free(m);
    an_buf_done(&text);
    return err;
}

static an_err run(an_onnx_import_run *r, const an_onnx_import_opts *opts, an_onnx_model *out)
{
    an_err err = check_model(r, r->file->model);
    if (err != AN_OK)
        return err;
    if (!(r->drafts = an_alloc(AN_MODEL_LAYERS_MAX, sizeof *r->drafts)))
        return AN_ERR_NOMEM;
    err = add_constants(r);
    if (err == AN_OK)
        err = count_readers(r);
    if (err == AN_OK)
        err = add_input(r);
    for (size_t i = 0; i < r->graph->n_node && err == AN_OK; i++)
        err = take_node(r, r->graph->node[i]);
    if (err == AN_OK)
        err = check_output(r);
    return err == AN_OK ? make_model(r, opts, out) : err;
}

an_err an_onnx_import(const void *bytes, size_t len, const an_onnx_import_opts *opts, an_onnx_model *ret,
                      an_note *why)
{
    an_onnx_file file;
    an_onnx_model out = {0};
    an_onnx_import_run r = {.file = &file, .why = why};
    if (len > AN_ONNX_BYTES_MAX)
        return an_fail(AN_ERR_LIMIT, why, "an ONNX file of %zu bytes: at most %zu", len, AN_ONNX_BYTES_MAX);
    an_err err = an_onnx_file_open(&file, bytes, len, why);
    if (err == AN_OK)
        err = run(&r, opts, &out);
    for (size_t i = 0; r.drafts && i < r.n_drafts; i++)
        an_free(r.drafts[i].weights);
    an_free(r.drafts);
    an_free(r.seen);
    an_onnx_file_close(&file);
    if (err == AN_OK)
        *ret = out;
    else
        an_onnx_model_done(&out);
    return err;
}

void an_onnx_model_done(an_onnx_model *m)
{
    for (size_t i = 0; i < m->n_props; i++) {
        char *texts[2];
        memcpy(&texts[0], &m->props[i].key, sizeof *texts);
        memcpy(&texts[1], &m->props[i].value, sizeof *texts);
        an_free(texts[0]);
        an_free(texts[1]);
    }
    an_free(m->props);
    an_free(m->text);
    an_free(m->params);
    *m = (an_onnx_model){0};
}

const char *an_onnx_model_prop(const an_onnx_model *m, const char *key)
{
    for (size_t i = 0; i < m->n_props; i++)
        if (strcmp(m->props[i].key, key) == 0)
            return m->props[i].value;
    return NULL;
}
