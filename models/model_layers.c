/* The layers of a model's text: what each is, what it is called, what it reads. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "doors/yaml.h"
#include "models/model_internal.h"

void an_name_list_add(an_name_list *l, const char *name)
{
    if (l->len >= sizeof l->text)
        return;
    int n = snprintf(l->text + l->len, sizeof l->text - l->len, "%s%s", l->len ? ", " : "", name);
    l->len += n > 0 ? (size_t)n : 0;
}

an_err an_model_read_name(const an_node *node, char out[static AN_MODEL_NAME_MAX], an_note *why)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    const char *text;
    an_err err = an_node_text(node, &text, why);
    if (err != AN_OK)
        return err;
    size_t len = strlen(text);
    if (len == 0 || len >= AN_MODEL_NAME_MAX || strspn(text, allowed) != len)
        return an_node_fail(node, why, "a name has 1..%u letters, digits, '_', '-' or '.'",
                            AN_MODEL_NAME_MAX - 1);
    if (text[strspn(text, "-.")] == '\0') /* "-" without quotes would begin a list */
        return an_node_fail(node, why, "a name has a letter, a digit or '_' among its '-' and '.'");
    memcpy(out, text, len + 1);
    return AN_OK;
}

an_err an_model_read_count(const an_node *node, size_t input, size_t features, double min, double max,
                           double *ret, an_note *why)
{
    const char *text = NULL;
    an_err err = an_node_text(node, &text, why);
    if (err != AN_OK)
        return err;
    bool whole = strcmp(text, "input") == 0;
    if (whole || strcmp(text, "features") == 0) {
        size_t n = whole ? input : features;
        if (n == 0)
            return an_node_fail(node, why, "`%s` needs data, and none is given here: write a number", text);
        if ((double)n < min || (double)n > max)
            return an_node_fail(node, why, "`%s` is %zu here: must be %.0f..%.0f", text, n, min, max);
        *ret = (double)n;
        return AN_OK;
    }
    int64_t n;
    err = an_node_int(node, (int64_t)min, (int64_t)max, &n, why);
    if (err == AN_OK)
        *ret = (double)n;
    return err;
}

static an_err read_choice(const an_node *node, const char *choices, double *ret, an_note *why)
{
    const char *text;
    an_err err = an_node_text(node, &text, why);
    if (err != AN_OK)
        return err;
    size_t len = strlen(text), i = 0;
    for (const char *c = choices; c; i++) {
        if (len > 0 && strncmp(c, text, len) == 0 && (c[len] == ' ' || c[len] == '\0') &&
            !strchr(text, ' ')) {
            *ret = (double)i;
            return AN_OK;
        }
        c = strchr(c, ' ');
        c = c ? c + 1 : NULL;
    }
    return an_node_fail(node, why, "\"%.40s\" is none of: %s", text, choices);
}

an_err an_model_read_option(const an_node *map, const an_layer_opt *o, const an_model *m, double *ret,
                            an_note *why)
{
    const an_node *node = an_node_get(map, o->key);
    if (!node) {
        *ret = o->fallback;
        return AN_OK;
    }
    switch (o->kind) {
    case AN_LAYER_OPT_COUNT:
        return an_model_read_count(node, m->n_inputs, m->n_features, o->min, o->max, ret, why);
    case AN_LAYER_OPT_REAL:
        return an_node_num(node, o->min, o->max, ret, why);
    case AN_LAYER_OPT_CHOICE:
        return read_choice(node, o->choices, ret, why);
    }
    return AN_ERR_INVAL;
}

/* `map` NULL: the layer was written as a bare word. */
static an_err read_options(const an_node *at, const an_node *map, an_layer *l, const an_model *m,
                           an_note *why)
{
    const an_layer_opt *opts = l->type->opts;
    const char *keys[AN_LAYER_OPTS_MAX + 5] = {"name", "local", "frozen", "from"};
    size_t n = 0;
    for (; opts && opts[n].key; n++)
        keys[4 + n] = opts[n].key;
    an_err err = map ? an_node_only_keys(map, keys, why) : AN_OK;
    for (size_t i = 0; i < n && err == AN_OK; i++) {
        if (opts[i].required && !an_node_get(map, opts[i].key))
            return an_node_fail(at, why, "%s needs `%s`", l->type->name, opts[i].key);
        err = an_model_read_option(map, &opts[i], m, &l->opt[i], why);
    }
    if (map && err == AN_OK)
        err = an_node_get_bool(map, "local", false, &l->local, why);
    if (map && err == AN_OK)
        err = an_node_get_bool(map, "frozen", false, &l->frozen, why);
    return err;
}

static an_err unknown_layer(const an_node *node, const char *name, an_note *why)
{
    an_name_list known = {.len = 0};
    for (size_t i = 0; an_layer_at(i); i++)
        an_name_list_add(&known, an_layer_at(i)->name);
    return an_node_fail(node, why, "unknown layer \"%.40s\"; known: %s", name, known.text);
}

/* Its number; n_layers: none is called so. */
static size_t find_layer(const an_model *m, const char *name)
{
    size_t i = 0;
    while (i < m->n_layers && strcmp(m->layers[i].name, name) != 0)
        i++;
    return i;
}

/* A given name, or the kind and its number among its kind: dense1, dense2. */
static an_err name_layer(const an_model *m, const an_node *at, const an_node *map, an_layer *l, an_note *why)
{
    const an_node *given = an_node_get(map, "name");
    if (given) {
        an_err err = an_model_read_name(given, l->name, why);
        if (err != AN_OK)
            return err;
    } else {
        size_t nth = 1;
        for (size_t i = 0; i < m->n_layers; i++)
            nth += m->layers[i].type == l->type;
        snprintf(l->name, sizeof l->name, "%s%zu", l->type->name, nth);
    }
    if (strcmp(l->name, "input") == 0)
        return an_node_fail(given, why, "\"input\" is the model's own input: call the layer something else");
    if (find_layer(m, l->name) < m->n_layers)
        return an_node_fail(given ? given : at, why, "two layers are called \"%s\"", l->name);
    return AN_OK;
}

static an_err read_from(const an_model *m, const an_node *node, an_layer *l, an_note *why)
{
    an_layer_input *in = &l->inputs[l->n_inputs];
    const char *name;
    an_err err = an_node_text(node, &name, why);
    if (err != AN_OK)
        return err;
    in->from = strcmp(name, "input") == 0 ? AN_LAYER_INPUT : find_layer(m, name);
    if (in->from == m->n_layers)
        return an_node_fail(node, why, "no layer above is called \"%.60s\"", name);
    in->shape = in->from == AN_LAYER_INPUT ? m->in : m->layers[in->from].out;
    l->n_inputs++;
    return AN_OK;
}

/* What `from` names, one or a list, else the layer before. */
static an_err read_inputs(const an_model *m, const an_node *map, an_layer *l, an_note *why)
{
    const an_node *from = an_node_get(map, "from");
    if (!from) {
        const bool first = m->n_layers == 0;
        l->inputs[0].from = first ? AN_LAYER_INPUT : m->n_layers - 1;
        l->inputs[0].shape = first ? m->in : m->layers[m->n_layers - 1].out;
        l->n_inputs = 1;
        return AN_OK;
    }
    if (an_node_kind(from) != AN_YAML_LIST)
        return read_from(m, from, l, why);
    const size_t n = an_node_count(from);
    if (n > AN_LAYER_INPUTS_MAX)
        return an_node_fail(from, why, "%zu layers to read: at most %u", n, AN_LAYER_INPUTS_MAX);
    an_err err = AN_OK;
    for (size_t i = 0; i < n && err == AN_OK; i++)
        err = read_from(m, an_node_at(from, i), l, why);
    return err;
}

/* The kind of a layer; *ret_map: its options, NULL for a bare word. */
static an_err read_kind(const an_node *node, const an_layer_type **ret, const an_node **ret_map, an_note *why)
{
    const char *kind = NULL;
    const an_node *map = NULL;
    an_err err = AN_OK;
    if (an_node_kind(node) == AN_YAML_SCALAR) {
        err = an_node_text(node, &kind, why);
    } else if (an_node_kind(node) == AN_YAML_MAP && an_node_count(node) == 1) {
        kind = an_node_key(node, 0);
        map = an_node_value(node, 0);
        if (an_node_kind(map) == AN_YAML_SCALAR && an_node_is_null(map))
            map = NULL;
    } else {
        return an_node_fail(node, why, "a layer is a name or {name: {options}}");
    }
    if (err != AN_OK)
        return err;
    if (!(*ret = an_layer_find(kind)))
        return unknown_layer(node, kind, why);
    *ret_map = map;
    return AN_OK;
}

static an_err read_layer(an_model *m, const an_node *node, an_note *why)
{
    an_layer *l = &m->layers[m->n_layers];
    const an_node *map = NULL;
    an_err err = read_kind(node, &l->type, &map, why);
    if (err == AN_OK)
        err = read_options(node, map, l, m, why);
    if (err == AN_OK)
        err = name_layer(m, node, map, l, why);
    if (err == AN_OK)
        err = read_inputs(m, map, l, why);
    if (err != AN_OK)
        return err;
    an_note reason = {0};
    l->number = m->n_layers;
    err = an_layer_size(l, &reason);
    if (err != AN_OK) {
        an_err say = an_node_fail(node, why, "layer \"%s\": %.200s", l->name, reason.text);
        return say == AN_ERR_INVAL ? err : say;
    }
    if (l->local && l->n_weights == 0)
        return an_node_fail(node, why, "layer \"%s\" has no parameters that could be local", l->name);
    if (l->frozen && l->n_weights == 0)
        return an_node_fail(node, why, "layer \"%s\" has no parameters that could be frozen", l->name);
    if (l->frozen && l->local)
        return an_node_fail(node, why, "layer \"%s\": what is local is trained, so that it is not frozen",
                            l->name);
    m->n_layers++;
    return AN_OK;
}

an_err an_model_read_layers(an_model *m, const an_node *list, an_note *why)
{
    size_t n = an_node_count(list);
    if (n == 0)
        return an_node_fail(list, why, "a model has at least one layer");
    if (n > AN_MODEL_LAYERS_MAX) {
        (void)an_node_fail(list, why, "%zu layers: at most %u", n, AN_MODEL_LAYERS_MAX);
        return AN_ERR_LIMIT;
    }
    m->layers = an_alloc(n, sizeof *m->layers);
    if (!m->layers)
        return an_fail(AN_ERR_NOMEM, why, "out of memory for %zu layers", n);
    an_err err = AN_OK;
    for (size_t i = 0; i < n && err == AN_OK; i++)
        err = read_layer(m, an_node_at(list, i), why);
    return err;
}
