/* From a YAML text to a model.  Every number is bounded where it is read, every name is
 * checked, and what does not fit is said with its line and both shapes. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "doors/yaml.h"
#include "models/boxes.h"
#include "models/model_internal.h"

#define DIM_MAX 1000000 /* features, window, height, width, channels */

static an_err read_dim(const an_node *map, const char *key, size_t fallback, size_t n_features, size_t *ret,
                       an_note *why)
{
    const an_node *node = an_node_get(map, key);
    double v = (double)fallback;
    an_err err = AN_OK;
    if (node)
        err = an_model_read_count(node, n_features, n_features, 1, DIM_MAX, &v, why);
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
    /* An image in each row of the data, or a window of its rows (docs/adr/0037). */
    if (n_features != 0 && n_features != an_shape_size(&m->in) && n_features != m->in.d[1] * m->in.d[2])
        return an_node_fail(
            in, why, "an image of %zu x %zu x %zu has %zu values, %zu in a row, but the data has %zu",
            m->in.d[0], m->in.d[1], m->in.d[2], an_shape_size(&m->in), m->in.d[1] * m->in.d[2], n_features);
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
    if (m->autoencoder && (m->loss->classes || m->loss->shares || m->loss->grid))
        return an_node_fail(at, why, "%s needs labels; an autoencoder's loss is mse, mae, huber or ssim",
                            m->loss->name);
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
    if (m->loss->grid && (last->out.n_dims != 3 || last->out.d[2] < AN_BOX_PLANES))
        return an_node_fail(at, why, "%s needs an output of height, width and at least %u planes",
                            m->loss->name, AN_BOX_PLANES);
    if (m->loss->shares && last->type == an_layer_find("sigmoid"))
        return an_node_fail(at, why, "%s applies the sigmoid itself: remove the last layer", m->loss->name);
    return AN_OK;
}

an_err an_model_read_named(const an_node *node, const char **ret_name, const an_node **ret_map, an_note *why)
{
    *ret_map = NULL;
    if (an_node_kind(node) != AN_YAML_MAP || an_node_count(node) != 1)
        return an_node_text(node, ret_name, why);
    const an_node *map = an_node_value(node, 0);
    *ret_name = an_node_key(node, 0);
    *ret_map = an_node_kind(map) == AN_YAML_SCALAR && an_node_is_null(map) ? NULL : map;
    return AN_OK;
}

an_err an_model_read_options(const an_node *map, const an_layer_opt *opts, const an_model *m, double *ret,
                             an_note *why)
{
    const char *keys[AN_LAYER_OPTS_MAX + 1] = {NULL};
    for (size_t i = 0; opts && opts[i].key; i++)
        keys[i] = opts[i].key;
    an_err err = map ? an_node_only_keys(map, keys, why) : AN_OK;
    for (size_t i = 0; keys[i] && err == AN_OK; i++)
        err = an_model_read_option(map, &opts[i], m, &ret[i], why);
    return err;
}

static an_err read_loss_kind(an_model *m, const an_node *node, an_note *why)
{
    const char *name = NULL;
    const an_node *map = NULL;
    an_err err = an_model_read_named(node, &name, &map, why);
    if (err != AN_OK)
        return err;
    if (!(m->loss = an_loss_find(name))) {
        an_name_list known = {.len = 0};
        for (size_t i = 0; an_loss_at(i); i++)
            an_name_list_add(&known, an_loss_at(i)->name);
        return an_node_fail(node, why, "unknown loss \"%.40s\"; known: %s", name, known.text);
    }
    return an_model_read_options(map, m->loss->opts, m, m->loss_args.opt, why);
}

static an_err read_loss(an_model *m, const an_node *root, an_note *why)
{
    const char *target;
    const an_node *loss = an_node_get(root, "loss");
    an_err err = loss ? read_loss_kind(m, loss, why) : an_node_fail(root, why, "\"loss\" is missing");
    if (err == AN_OK)
        err = an_node_need_text(root, "target", &target, why);
    if (err != AN_OK)
        return err;
    m->autoencoder = strcmp(target, "input") == 0;
    if (!m->autoencoder && strcmp(target, "labels") != 0)
        return an_node_fail(an_node_get(root, "target"), why, "\"%.40s\" is none of: input labels", target);
    m->loss_args.shape = m->autoencoder ? m->in : m->layers[m->n_layers - 1].out;
    m->loss_args.n = an_shape_size(&m->loss_args.shape);
    return check_target(m, an_node_get(root, "target"), why);
}

static an_err read_model(an_model *m, const an_node *root, size_t n_features, an_note *why)
{
    static const char *const keys[] = {"model", "input", "layers", "loss", "target", "augment", NULL};
    const an_node *name = NULL;
    an_err err = an_node_only_keys(root, keys, why);
    if (err == AN_OK)
        err = an_node_need(root, "model", AN_YAML_SCALAR, &name, why);
    if (err == AN_OK)
        err = an_model_read_name(name, m->name, why);
    if (err == AN_OK)
        err = read_input(m, root, n_features, why);
    const an_node *list = NULL;
    if (err == AN_OK)
        err = an_node_need(root, "layers", AN_YAML_LIST, &list, why);
    if (err == AN_OK)
        err = an_model_read_layers(m, list, why);
    if (err == AN_OK)
        err = read_loss(m, root, why);
    if (err == AN_OK)
        err = an_model_finish(m, why);
    if (err == AN_OK)
        err = an_model_read_augments(m, root, why);
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
