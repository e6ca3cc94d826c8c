/* From a YAML text to a model.  Every number is bounded where it is read, every name is
 * checked, and what does not fit is said with its line and both shapes. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "doors/yaml.h"
#include "models/model_internal.h"

#define DIM_MAX 1000000 /* features, window, height, width, channels */

/* What the words `input` and `features` stand for; 0: nothing yet. */
typedef struct words {
    size_t input, features;
} words;

/* A list of names for an error: "dense, conv1d, ...". */
typedef struct name_list {
    char text[200];
    size_t len;
} name_list;

static void name_list_add(name_list *l, const char *name)
{
    if (l->len >= sizeof l->text)
        return;
    int n = snprintf(l->text + l->len, sizeof l->text - l->len, "%s%s", l->len ? ", " : "", name);
    l->len += n > 0 ? (size_t)n : 0;
}

/* Names go into tensor names, tables and file names: letters, digits, and _ - . inside. */
static an_err read_name(const an_node *node, char out[static AN_MODEL_NAME_MAX], an_note *why)
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
    memcpy(out, text, len + 1);
    return AN_OK;
}

/* A whole number, or one of the two words. */
static an_err read_count(const an_node *node, const words *w, double min, double max, double *ret,
                         an_note *why)
{
    const char *text = NULL;
    an_err err = an_node_text(node, &text, why);
    if (err != AN_OK)
        return err;
    bool input = strcmp(text, "input") == 0;
    if (input || strcmp(text, "features") == 0) {
        size_t n = input ? w->input : w->features;
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

static an_err read_option(const an_node *map, const an_layer_opt *o, const words *w, double *ret,
                          an_note *why)
{
    const an_node *node = an_node_get(map, o->key);
    if (!node) {
        *ret = o->fallback;
        return AN_OK;
    }
    switch (o->kind) {
    case AN_LAYER_OPT_COUNT:
        return read_count(node, w, o->min, o->max, ret, why);
    case AN_LAYER_OPT_REAL:
        return an_node_num(node, o->min, o->max, ret, why);
    case AN_LAYER_OPT_CHOICE:
        return read_choice(node, o->choices, ret, why);
    }
    return AN_ERR_INVAL;
}

/* `map` NULL: the layer was written as a bare word. */
static an_err read_options(const an_node *at, const an_node *map, an_layer *l, const words *w, an_note *why)
{
    const an_layer_opt *opts = l->type->opts;
    const char *keys[AN_LAYER_OPTS_MAX + 3] = {"name", "local"};
    size_t n = 0;
    for (; opts && opts[n].key; n++)
        keys[2 + n] = opts[n].key;
    an_err err = map ? an_node_only_keys(map, keys, why) : AN_OK;
    for (size_t i = 0; i < n && err == AN_OK; i++) {
        if (opts[i].required && !an_node_get(map, opts[i].key))
            return an_node_fail(at, why, "%s needs `%s`", l->type->name, opts[i].key);
        err = read_option(map, &opts[i], w, &l->opt[i], why);
    }
    if (map && err == AN_OK)
        err = an_node_get_bool(map, "local", false, &l->local, why);
    return err;
}

static an_err unknown_layer(const an_node *node, const char *name, an_note *why)
{
    name_list known = {0};
    for (size_t i = 0; an_layer_at(i); i++)
        name_list_add(&known, an_layer_at(i)->name);
    return an_node_fail(node, why, "unknown layer \"%.40s\"; known: %s", name, known.text);
}

/* A given name, or the kind and its number among its kind: dense1, dense2. */
static an_err name_layer(const an_model *m, const an_node *at, const an_node *map, an_layer *l, an_note *why)
{
    const an_node *given = an_node_get(map, "name");
    if (given) {
        an_err err = read_name(given, l->name, why);
        if (err != AN_OK)
            return err;
    } else {
        size_t nth = 1;
        for (size_t i = 0; i < m->n_layers; i++)
            nth += m->layers[i].type == l->type;
        snprintf(l->name, sizeof l->name, "%s%zu", l->type->name, nth);
    }
    for (size_t i = 0; i < m->n_layers; i++)
        if (strcmp(m->layers[i].name, l->name) == 0)
            return an_node_fail(given ? given : at, why, "two layers are called \"%s\"", l->name);
    return AN_OK;
}

static an_err read_layer(an_model *m, const an_node *node, const words *w, an_note *why)
{
    an_layer *l = &m->layers[m->n_layers];
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
    l->type = an_layer_find(kind);
    if (!l->type)
        return unknown_layer(node, kind, why);
    err = read_options(node, map, l, w, why);
    if (err == AN_OK)
        err = name_layer(m, node, map, l, why);
    if (err != AN_OK)
        return err;
    an_note reason = {0};
    err = an_layer_size(l, m->n_layers ? &m->layers[m->n_layers - 1].out : &m->in, &reason);
    if (err != AN_OK) {
        an_err say = an_node_fail(node, why, "layer \"%s\": %.200s", l->name, reason.text);
        return say == AN_ERR_INVAL ? err : say;
    }
    if (l->local && l->n_weights == 0)
        return an_node_fail(node, why, "layer \"%s\" has no parameters that could be local", l->name);
    m->n_layers++;
    return AN_OK;
}

static an_err read_layers(an_model *m, const an_node *root, const words *w, an_note *why)
{
    const an_node *list;
    an_err err = an_node_need(root, "layers", AN_YAML_LIST, &list, why);
    if (err != AN_OK)
        return err;
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
    for (size_t i = 0; i < n && err == AN_OK; i++)
        err = read_layer(m, an_node_at(list, i), w, why);
    return err;
}

static an_err read_dim(const an_node *map, const char *key, size_t fallback, size_t n_features, size_t *ret,
                       an_note *why)
{
    const an_node *node = an_node_get(map, key);
    words w = {n_features, n_features};
    double v = (double)fallback;
    an_err err = AN_OK;
    if (node)
        err = read_count(node, &w, 1, DIM_MAX, &v, why);
    else if (fallback == 0)
        err = an_node_fail(map, why, "\"%s\" is missing", key);
    if (err == AN_OK)
        *ret = (size_t)v;
    return err;
}

static an_err read_image(an_model *m, const an_node *in, size_t n_features, an_note *why)
{
    static const char *const keys[] = {"height", "width", "channels", NULL};
    an_err err = an_node_only_keys(in, keys, why);
    m->image = true;
    m->window = 1;
    m->in.n_dims = 3;
    for (size_t i = 0; i < 3 && err == AN_OK; i++)
        err = read_dim(in, keys[i], 0, 0, &m->in.d[i], why);
    if (err != AN_OK)
        return err;
    m->n_features = m->in.d[2];
    if (n_features != 0 && n_features != an_shape_size(&m->in))
        return an_node_fail(in, why, "an image of %zu x %zu x %zu has %zu values, but the data has %zu",
                            m->in.d[0], m->in.d[1], m->in.d[2], an_shape_size(&m->in), n_features);
    return AN_OK;
}

static an_err read_sequence(an_model *m, const an_node *in, size_t n_features, an_note *why)
{
    static const char *const keys[] = {"features", "window", NULL};
    an_err err = an_node_only_keys(in, keys, why);
    if (err == AN_OK)
        err = read_dim(in, "features", 0, n_features, &m->n_features, why);
    if (err == AN_OK)
        err = read_dim(in, "window", 1, 0, &m->window, why);
    if (err != AN_OK)
        return err;
    if (n_features != 0 && n_features != m->n_features)
        return an_node_fail(in, why, "the model takes %zu features, but the data has %zu columns",
                            m->n_features, n_features);
    if (m->window == 1)
        m->in = (an_shape){1, {m->n_features}};
    else
        m->in = (an_shape){2, {m->window, m->n_features}};
    return AN_OK;
}

static an_err read_input(an_model *m, const an_node *root, size_t n_features, an_note *why)
{
    const an_node *in;
    an_err err = an_node_need(root, "input", AN_YAML_MAP, &in, why);
    if (err == AN_OK)
        err = an_node_get(in, "height") ? read_image(m, in, n_features, why)
                                        : read_sequence(m, in, n_features, why);
    if (err != AN_OK)
        return err;
    m->n_inputs = an_shape_size(&m->in);
    if (m->n_inputs > AN_MODEL_VALUES_MAX) {
        (void)an_node_fail(in, why, "an input of more than %u values", AN_MODEL_VALUES_MAX);
        return AN_ERR_LIMIT;
    }
    return AN_OK;
}

static an_err check_target(const an_model *m, const an_node *at, an_note *why)
{
    const an_layer *last = &m->layers[m->n_layers - 1];
    if (m->autoencoder && m->loss->classes)
        return an_node_fail(at, why, "%s needs labels; an autoencoder's loss is mse", m->loss->name);
    if (m->autoencoder && last->out_n != m->n_inputs) {
        char in[AN_SHAPE_TEXT], out[AN_SHAPE_TEXT];
        an_shape_text(in, &m->in);
        an_shape_text(out, &last->out);
        return an_node_fail(at, why, "the output %s of layer \"%s\" does not fit the input %s", out,
                            last->name, in);
    }
    if (m->loss->classes && last->out_n < 2)
        return an_node_fail(at, why, "%s needs at least 2 outputs, one per class", m->loss->name);
    if (m->loss->classes && last->type == an_layer_find("softmax"))
        return an_node_fail(at, why, "%s applies softmax itself: remove the last layer", m->loss->name);
    return AN_OK;
}

static an_err read_loss(an_model *m, const an_node *root, an_note *why)
{
    const char *loss, *target;
    an_err err = an_node_need_text(root, "loss", &loss, why);
    if (err == AN_OK)
        err = an_node_need_text(root, "target", &target, why);
    if (err != AN_OK)
        return err;
    m->loss = an_loss_find(loss);
    if (!m->loss) {
        name_list known = {0};
        for (size_t i = 0; an_loss_at(i); i++)
            name_list_add(&known, an_loss_at(i)->name);
        return an_node_fail(an_node_get(root, "loss"), why, "unknown loss \"%.40s\"; known: %s", loss,
                            known.text);
    }
    m->autoencoder = strcmp(target, "input") == 0;
    if (!m->autoencoder && strcmp(target, "labels") != 0)
        return an_node_fail(an_node_get(root, "target"), why, "\"%.40s\" is none of: input labels", target);
    return check_target(m, an_node_get(root, "target"), why);
}

static an_err read_model(an_model *m, const an_node *root, size_t n_features, an_note *why)
{
    static const char *const keys[] = {"model", "input", "layers", "loss", "target", NULL};
    const an_node *name = NULL;
    an_err err = an_node_only_keys(root, keys, why);
    if (err == AN_OK)
        err = an_node_need(root, "model", AN_YAML_SCALAR, &name, why);
    if (err == AN_OK)
        err = read_name(name, m->name, why);
    if (err == AN_OK)
        err = read_input(m, root, n_features, why);
    words w = {m->n_inputs, m->n_features};
    if (err == AN_OK)
        err = read_layers(m, root, &w, why);
    if (err == AN_OK)
        err = read_loss(m, root, why);
    if (err == AN_OK)
        err = an_model_finish(m, why);
    return err;
}

an_err an_model_new(const char *text, size_t len, const char *name, size_t n_features, an_model **ret,
                    an_note *why)
{
    an_yaml *doc = NULL;
    an_model *m = NULL;
    an_err err = AN_ERR_LIMIT;
    if (len > AN_MODEL_TEXT_MAX) {
        an_note_set(why, "%s: an architecture of %zu bytes: at most %zu", name, len, AN_MODEL_TEXT_MAX);
        goto out;
    }
    if (n_features > DIM_MAX) {
        an_note_set(why, "%s: %zu columns of data: at most %d", name, n_features, DIM_MAX);
        goto out;
    }
    err = an_yaml_parse(text, len, name, &doc, why);
    if (err != AN_OK)
        goto out;
    err = AN_ERR_NOMEM;
    m = an_alloc(1, sizeof *m);
    if (!m)
        goto out;
    err = read_model(m, an_yaml_root(doc), n_features, why);
    if (err != AN_OK)
        goto out;
    err = an_model_write(m, &m->text);
    if (err != AN_OK)
        goto out;
    *ret = m;
    m = NULL;
out:
    an_model_free(m);
    an_yaml_free(doc);
    return err;
}
