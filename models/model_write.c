/* The resolved text of a model: what an_model_new reads back to the same model. */
#include "base/buf.h"
#include "base/mem.h"
#include "models/model_internal.h"

#include <string.h>

/* The i-th word of "valid same", as (start, length). */
static const char *word_at(const char *words, size_t i, size_t *ret_len)
{
    for (; i > 0; i--)
        words = strchr(words, ' ') + 1;
    const char *end = strchr(words, ' ');
    *ret_len = end ? (size_t)(end - words) : strlen(words);
    return words;
}

static void put_option(an_buf *b, const char *before, const an_layer_opt *o, double value)
{
    an_buf_printf(b, "%s%s: ", before, o->key);
    if (o->kind == AN_LAYER_OPT_CHOICE) {
        size_t len;
        const char *word = word_at(o->choices, (size_t)value, &len);
        an_buf_put(b, word, len);
    } else {
        an_buf_printf(b, "%.17g", value);
    }
}

static void put_from(an_buf *b, const an_model *m, const an_layer *l)
{
    const size_t before = l == m->layers ? AN_LAYER_INPUT : (size_t)(l - m->layers) - 1;
    if (l->n_inputs == 1 && l->inputs[0].from == before)
        return;
    an_buf_text(b, l->n_inputs > 1 ? ", from: [" : ", from: ");
    for (size_t k = 0; k < l->n_inputs; k++) {
        size_t from = l->inputs[k].from;
        an_buf_printf(b, "%s%s", k ? ", " : "", from == AN_LAYER_INPUT ? "input" : m->layers[from].name);
    }
    an_buf_text(b, l->n_inputs > 1 ? "]" : "");
}

static void put_layer(an_buf *b, const an_model *m, const an_layer *l)
{
    an_buf_printf(b, "  - %s: {name: %s", l->type->name, l->name);
    put_from(b, m, l);
    for (size_t i = 0; l->type->opts && l->type->opts[i].key; i++)
        put_option(b, ", ", &l->type->opts[i], l->opt[i]);
    an_buf_text(b, l->local ? ", local: true}\n" : l->frozen ? ", frozen: true}\n" : "}\n");
}

static void put_loss(an_buf *b, const an_model *m)
{
    const an_layer_opt *opts = m->loss->opts;
    if (!opts) {
        an_buf_printf(b, "loss: %s\n", m->loss->name);
        return;
    }
    an_buf_printf(b, "loss: {%s: {", m->loss->name);
    for (size_t i = 0; opts[i].key; i++)
        put_option(b, i ? ", " : "", &opts[i], m->loss_args.opt[i]);
    an_buf_text(b, "}}\n");
}

static void put_augments(an_buf *b, const an_model *m)
{
    if (m->n_augments > 0)
        an_buf_text(b, "augment:\n");
    for (size_t i = 0; i < m->n_augments; i++) {
        const an_augment *a = &m->augments[i];
        an_buf_printf(b, "  - %s: {", a->type->name);
        for (size_t k = 0; a->type->opts && a->type->opts[k].key; k++)
            put_option(b, k ? ", " : "", &a->type->opts[k], a->opt[k]);
        an_buf_text(b, "}\n");
    }
}

an_err an_model_write(const an_model *m, char **ret)
{
    an_buf b;
    an_buf_init(&b, AN_MODEL_TEXT_MAX);
    an_buf_printf(&b, "model: %s\n", m->name);
    if (m->image)
        an_buf_printf(&b, "input: {height: %zu, width: %zu, channels: %zu}\n", m->in.d[0], m->in.d[1],
                      m->in.d[2]);
    else
        an_buf_printf(&b, "input: {features: %zu, window: %zu}\n", m->n_features, m->window);
    an_buf_text(&b, "layers:\n");
    for (size_t i = 0; i < m->n_layers; i++)
        put_layer(&b, m, &m->layers[i]);
    put_loss(&b, m);
    an_buf_printf(&b, "target: %s\n", m->autoencoder ? "input" : "labels");
    put_augments(&b, m);
    an_buf_u8(&b, 0);
    an_err err = an_buf_err(&b);
    char *text = err == AN_OK ? an_strdup((const char *)b.data) : NULL;
    if (err == AN_OK && !text)
        err = AN_ERR_NOMEM;
    an_buf_done(&b);
    if (err == AN_OK)
        *ret = text;
    return err;
}
