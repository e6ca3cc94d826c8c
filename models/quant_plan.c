/* How each layer of a quantised model runs, and what each of its activations is wanted as. */
#include <string.h>

#include "base/mem.h"
#include "models/kernels/q8.h"
#include "models/quant_internal.h"

static const struct {
    const char *kind;
    an_quant_form form;
} forms[] = {{"dense", AN_QUANT_PRODUCT},   {"conv1d", AN_QUANT_PRODUCT},  {"conv2d", AN_QUANT_PRODUCT},
             {"max_pool1d", AN_QUANT_POOL}, {"max_pool2d", AN_QUANT_POOL}, {"relu", AN_QUANT_RELU},
             {"flatten", AN_QUANT_SAME},    {"dropout", AN_QUANT_SAME}};

static an_quant_form form_of_kind(const char *kind)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcmp(forms[i].kind, kind) == 0)
            return forms[i].form;
    return AN_QUANT_FLOAT;
}

/* The value of an option; otherwise: the kind has none of that name. */
static double option(const an_layer *l, const char *key, double otherwise)
{
    for (size_t i = 0; l->type->opts && l->type->opts[i].key; i++)
        if (strcmp(l->type->opts[i].key, key) == 0)
            return l->opt[i];
    return otherwise;
}

/* Every option is one that geometry() understands, or is not used. */
static bool is_understood(const an_layer *l)
{
    static const char *const known[] = {"units", "filters", "size", "stride", "padding"};
    for (size_t i = 0; l->type->opts && l->type->opts[i].key; i++) {
        bool found = l->opt[i] == l->type->opts[i].fallback;
        for (size_t k = 0; k < sizeof known / sizeof *known && !found; k++)
            found = strcmp(known[k], l->type->opts[i].key) == 0;
        if (!found)
            return false;
    }
    return true;
}

static an_conv geometry(const an_layer *l)
{
    const size_t d = l->in.n_dims, size = (size_t)option(l, "size", 1),
                 stride = (size_t)option(l, "stride", 1);
    const bool same = option(l, "padding", 0) > 0.0;
    an_conv c = {.h = d == 3 ? l->in.d[0] : 1,
                 .w = d == 1 ? 1 : l->in.d[d - 2],
                 .c = l->in.d[d - 1],
                 .kh = d == 3 ? size : 1,
                 .kw = size,
                 .sh = d == 3 ? stride : 1,
                 .sw = stride,
                 .f = l->out.d[l->out.n_dims - 1]};
    c.oh = an_conv_positions(c.h, c.kh, c.sh, same, &c.top);
    c.ow = an_conv_positions(c.w, c.kw, c.sw, same, &c.left);
    return c;
}

/* A kernel and a bias of the sizes that geometry() says, with sums that fit. */
static bool is_product(const an_layer *l)
{
    if (!is_understood(l) || l->n_weights != 2)
        return false;
    const an_conv c = geometry(l);
    const size_t terms = c.kh * c.kw * c.c;
    return c.oh * c.ow * c.f == l->out_n && terms <= AN_Q8_TERMS_MAX && l->weight_at[0] == 0 &&
           l->weight_at[1] == terms * c.f && l->n_params == (terms + 1) * c.f;
}

size_t an_quant_input(const an_quant *q, size_t i, size_t k)
{
    const size_t from = q->m->layers[i].inputs[k].from;
    return from == AN_LAYER_INPUT ? q->m->n_layers : from;
}

/* Its input comes as bytes, so that to go on with them costs nothing. */
static bool follows_bytes(const an_quant *q, size_t i)
{
    const size_t home = q->values[an_quant_input(q, i, 0)].home;
    return home == q->m->n_layers || q->forms[home] != AN_QUANT_FLOAT;
}

static an_quant_form form_of(const an_quant *q, size_t i, bool in_floats)
{
    const an_layer *l = &q->m->layers[i];
    const an_quant_form f = q->m->nodes[i].absorbed ? AN_QUANT_SAME : form_of_kind(l->type->name);
    switch (f) {
    case AN_QUANT_SAME:
        return f;
    case AN_QUANT_PRODUCT:
        return !in_floats && is_product(l) ? f : AN_QUANT_FLOAT;
    default:
        return !in_floats && is_understood(l) && follows_bytes(q, i) ? f : AN_QUANT_FLOAT;
    }
}

static void plan_layer(an_quant *q, size_t i, bool in_floats)
{
    const an_layer *l = &q->m->layers[i];
    const size_t x = an_quant_input(q, i, 0);
    q->forms[i] = form_of(q, i, in_floats);
    const bool same = q->forms[i] == AN_QUANT_SAME,
               keeps = same || q->forms[i] == AN_QUANT_POOL || q->forms[i] == AN_QUANT_RELU;
    q->values[i] = (an_quant_value){
        .home = same ? q->values[x].home : i, .scale_of = keeps ? q->values[x].scale_of : i, .n = l->out_n};
    if (q->forms[i] == AN_QUANT_PRODUCT) {
        q->products[i].at = geometry(l);
        q->products[i].run = q->products[i].at.kw * q->products[i].at.c;
    }
    q->rest_at[i] = q->n_rest;
    q->n_rest += q->forms[i] == AN_QUANT_FLOAT ? l->n_params : 0;
    if (q->forms[i] == AN_QUANT_FLOAT)
        q->values[i].floats = true;
    else if (keeps && !same)
        q->values[i].bytes = true;
    for (size_t k = 0; k < l->n_inputs && !same; k++) {
        an_quant_value *v = &q->values[q->values[an_quant_input(q, i, k)].home];
        *(q->forms[i] == AN_QUANT_FLOAT ? &v->floats : &v->bytes) = true;
    }
}

static an_err take_product(an_quant_product *p)
{
    const size_t f = p->at.f, width = an_q8_width(f);
    p->w_scale = an_alloc(f, sizeof *p->w_scale);
    p->bias = an_alloc(f, sizeof *p->bias);
    p->packed = an_alloc(an_q8_packed(p->at.kh, p->run, f), 1);
    p->start = an_alloc(width, sizeof *p->start);
    p->scale = an_alloc(width, sizeof *p->scale);
    return p->w_scale && p->bias && p->packed && p->start && p->scale ? AN_OK : AN_ERR_NOMEM;
}

static an_err plan(an_quant *q, bool in_floats)
{
    const size_t n = q->m->n_layers;
    q->forms = an_alloc(n, sizeof *q->forms);
    q->values = an_alloc(n + 1, sizeof *q->values);
    q->products = an_alloc(n, sizeof *q->products);
    q->rest_at = an_alloc(n, sizeof *q->rest_at);
    if (!q->forms || !q->values || !q->products || !q->rest_at)
        return AN_ERR_NOMEM;
    q->values[n] = (an_quant_value){.home = n, .scale_of = n, .n = q->m->n_inputs};
    for (size_t i = 0; i < n; i++)
        plan_layer(q, i, in_floats);
    q->values[q->values[n - 1].home].floats = true;
    return AN_OK;
}

an_err an_quant_take(an_quant *q)
{
    an_err err = AN_OK;
    for (size_t i = 0; i < q->m->n_layers && err == AN_OK; i++)
        if (q->forms[i] == AN_QUANT_PRODUCT)
            err = take_product(&q->products[i]);
    if (err == AN_OK && !(q->rest = an_alloc(q->n_rest, sizeof *q->rest)))
        err = AN_ERR_NOMEM;
    return err;
}

an_err an_quant_plan(const char *text, bool in_floats, an_quant **ret, an_note *why)
{
    an_quant *q = an_alloc(1, sizeof *q);
    if (!q)
        return AN_ERR_NOMEM;
    an_err err = an_model_new(text, strlen(text), "architecture", 0, &q->m, why);
    if (err == AN_OK)
        err = plan(q, in_floats);
    if (err == AN_OK)
        *ret = q;
    else
        an_quant_free(q);
    return err;
}

void an_quant_free(an_quant *q)
{
    if (!q)
        return;
    for (size_t i = 0; q->products && i < q->m->n_layers; i++) {
        an_free(q->products[i].w_scale);
        an_free(q->products[i].bias);
        an_free(q->products[i].packed);
        an_free(q->products[i].start);
        an_free(q->products[i].scale);
    }
    an_free(q->products);
    an_free(q->forms);
    an_free(q->values);
    an_free(q->rest);
    an_free(q->rest_at);
    an_model_free(q->m);
    an_free(q);
}

const an_model *an_quant_model(const an_quant *q)
{
    return q->m;
}

const an_hash *an_quant_version(const an_quant *q)
{
    return &q->version;
}

size_t an_quant_n_layers(const an_quant *q)
{
    size_t n = 0;
    for (size_t i = 0; i < q->m->n_layers; i++)
        n += q->forms[i] == AN_QUANT_PRODUCT;
    return n;
}

size_t an_quant_n_bytes(const an_quant *q)
{
    size_t n = q->n_rest * sizeof *q->rest;
    for (size_t i = 0; i < q->m->n_layers; i++) {
        const an_quant_product *p = &q->products[i];
        if (q->forms[i] == AN_QUANT_PRODUCT)
            n += p->at.f * (an_quant_terms(p) + sizeof *p->w_scale + sizeof *p->bias);
    }
    return n;
}

const char *an_quant_layer_form(const an_quant *q, size_t i)
{
    switch (q->forms[i]) {
    case AN_QUANT_FLOAT:
        return "float32";
    case AN_QUANT_SAME:
        return "with the one before";
    default:
        return "bytes";
    }
}
