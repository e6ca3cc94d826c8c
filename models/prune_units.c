/* Pruning of whole units: which layers may lose some, which of theirs are the smallest, and the model
 * without them. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "models/model_internal.h"
#include "models/prune.h"
#include "models/prune_internal.h"

/* Kinds that have units, with the option that says how many; and kinds that treat each channel by
 * itself. */
static const struct {
    const char *kind, *count;
} unit_kinds[] = {{"dense", "units"}, {"conv1d", "filters"}, {"conv2d", "filters"}};

static const char *const channel_kinds[] = {"relu",       "leaky_relu",      "sigmoid",        "tanh",
                                            "gelu",       "dropout",         "max_pool1d",     "max_pool2d",
                                            "avg_pool1d", "avg_pool2d",      "upsample",       "flatten",
                                            "batch_norm", "global_avg_pool", "global_max_pool"};

/* The number of the option that counts its units; SIZE_MAX: it has none, or is no plain layer of its
 * kind (its weights are not (.., inputs, units) and a bias). */
static size_t count_option(const an_layer *l)
{
    const char *key = NULL;
    for (size_t i = 0; i < sizeof unit_kinds / sizeof *unit_kinds; i++)
        if (strcmp(unit_kinds[i].kind, l->type->name) == 0)
            key = unit_kinds[i].count;
    const an_layer_weight *w = l->weights;
    const size_t units = l->out.d[l->out.n_dims - 1], inputs = l->in.d[l->in.n_dims - 1];
    if (!key || l->n_weights != 2 || w[0].n_dims < 2 || w[0].dims[w[0].n_dims - 1] != units ||
        w[0].dims[w[0].n_dims - 2] != inputs || w[1].n_dims != 1 || w[1].dims[0] != units)
        return SIZE_MAX;
    for (size_t i = 0; l->type->opts[i].key; i++)
        if (strcmp(l->type->opts[i].key, key) == 0)
            return i;
    return SIZE_MAX;
}

static bool is_by_channel(const an_layer *l)
{
    for (size_t i = 0; i < sizeof channel_kinds / sizeof *channel_kinds; i++)
        if (strcmp(channel_kinds[i], l->type->name) == 0)
            return true;
    return false;
}

const char *an_prune_refusal(const an_model *m, size_t i)
{
    if (count_option(&m->layers[i]) == SIZE_MAX)
        return "has no units";
    for (;;) {
        const an_model_node *n = &m->nodes[i];
        if (i + 1 == m->n_layers)
            return "its outputs are the model's";
        if (n->n_readers != 1)
            return "several layers read it";
        i = n->last_reader;
        if (count_option(&m->layers[i]) != SIZE_MAX)
            return NULL;
        if (!is_by_channel(&m->layers[i]))
            return "what follows joins channels or keeps their number";
    }
}

/* Which channels of a layer's output stay. */
typedef struct kept {
    const bool *channels; /* (n); NULL: all */
    size_t n;
} kept;

/* One step: the model and parameters that are, and what stays of them. */
typedef struct cut {
    const an_model *m;
    const float *params;
    kept *outputs; /* (n_layers) */
    bool *flags;   /* of all layers with units, one after the other */
} cut;

static float norm_of(const an_layer *l, const float *w, size_t unit, an_prune_norm norm)
{
    const size_t units = l->out.d[l->out.n_dims - 1];
    double sum = 0.0;
    for (size_t k = 0; k < l->weight_at[1] / units; k++) {
        const double v = (double)w[k * units + unit];
        sum += norm == AN_PRUNE_L1 ? fabs(v) : v * v;
    }
    return (float)sum;
}

/* Of layer i its `stay` largest units; flags: all false. */
static an_err choose(const cut *c, size_t i, size_t stay, an_prune_norm norm, bool *flags)
{
    const an_layer *l = &c->m->layers[i];
    const size_t units = l->out.d[l->out.n_dims - 1];
    an_prune_item *items = an_alloc(units, sizeof *items);
    if (!items)
        return AN_ERR_NOMEM;
    for (size_t j = 0; j < units; j++)
        items[j] = (an_prune_item){norm_of(l, c->params + l->param_at, j, norm), j};
    an_prune_sort(items, units);
    for (size_t j = units - stay; j < units; j++)
        flags[items[j].index] = true;
    an_free(items);
    return AN_OK;
}

static kept input_of(const cut *c, size_t i)
{
    const size_t from = c->m->layers[i].inputs[0].from;
    return from == AN_LAYER_INPUT ? (kept){NULL, 1} : c->outputs[from];
}

/* stay (n_layers): units that are to be left, 0 where none goes. */
static an_err choose_all(cut *c, const size_t *stay, an_prune_norm norm)
{
    size_t at = 0;
    an_err err = AN_OK;
    for (size_t i = 0; i < c->m->n_layers && err == AN_OK; i++) {
        const an_layer *l = &c->m->layers[i];
        const size_t units = l->out.d[l->out.n_dims - 1];
        c->outputs[i] = (kept){NULL, units};
        if (is_by_channel(l))
            c->outputs[i] = input_of(c, i);
        if (stay[i] == 0)
            continue;
        c->outputs[i].channels = c->flags + at;
        err = choose(c, i, stay[i], norm, c->flags + at);
        at += units;
    }
    return err;
}

static bool stays(kept k, size_t index)
{
    return !k.channels || k.channels[index % k.n];
}

/* The parameters that stay, in their order.  A matrix or kernel has lines of inputs and columns of
 * outputs; in a flattened input the channel changes fastest, as it does in a kernel. */
static void copy_params(const cut *c, float *to)
{
    for (size_t i = 0; i < c->m->n_layers; i++) {
        const an_layer *l = &c->m->layers[i];
        const kept in = input_of(c, i), out = c->outputs[i];
        const bool has_units = count_option(l) != SIZE_MAX;
        for (size_t t = 0; t < l->n_weights; t++) {
            const an_layer_weight *w = &l->weights[t];
            const float *from = c->params + l->param_at + l->weight_at[t];
            size_t n = 1;
            for (size_t d = 0; d < w->n_dims; d++)
                n *= w->dims[d];
            const size_t columns = w->dims[w->n_dims - 1];
            for (size_t k = 0; k < n; k++)
                if (stays(out, k % columns) && (!has_units || w->n_dims < 2 || stays(in, k / columns)))
                    *to++ = from[k];
        }
    }
}

/* The description with other numbers of units. */
static an_err describe(const an_model *m, const size_t *stay, an_model **ret, an_note *why)
{
    an_model changed = *m;
    char *text = NULL;
    changed.layers = an_alloc(m->n_layers, sizeof *m->layers);
    if (!changed.layers)
        return AN_ERR_NOMEM;
    memcpy(changed.layers, m->layers, m->n_layers * sizeof *m->layers);
    for (size_t i = 0; i < m->n_layers; i++)
        if (stay[i] > 0)
            changed.layers[i].opt[count_option(&m->layers[i])] = (double)stay[i];
    an_err err = an_model_write(&changed, &text);
    if (err == AN_OK)
        err = an_model_new(text, strlen(text), m->name, 0, ret, why);
    an_free(text);
    an_free(changed.layers);
    return err;
}

static an_err cut_model(const an_model *m, const float *params, const size_t *stay, an_prune_norm norm,
                        an_model **ret, float **ret_params, an_note *why)
{
    cut c = {.m = m, .params = params};
    an_model *small = NULL;
    float *smaller = NULL;
    size_t flags = 0;
    for (size_t i = 0; i < m->n_layers; i++)
        flags += stay[i] > 0 ? m->layers[i].out.d[m->layers[i].out.n_dims - 1] : 0;
    an_err err = AN_ERR_NOMEM;
    if ((c.outputs = an_alloc(m->n_layers, sizeof *c.outputs)) &&
        (c.flags = an_alloc(flags, sizeof *c.flags)))
        err = choose_all(&c, stay, norm);
    if (err == AN_OK)
        err = describe(m, stay, &small, why);
    if (err == AN_OK && !(smaller = an_alloc(small->n_params, sizeof *smaller)))
        err = AN_ERR_NOMEM;
    if (err == AN_OK) {
        copy_params(&c, smaller);
        *ret = small;
        *ret_params = smaller;
        small = NULL;
    }
    an_model_free(small);
    an_free(c.outputs);
    an_free(c.flags);
    return err;
}

/* Units that are to be left of each layer; 0: all of them stay. */
static void count_stay(const an_model *m, const an_model *now, double share, size_t *stay)
{
    for (size_t i = 0; i < m->n_layers; i++) {
        const size_t units = m->layers[i].out.d[m->layers[i].out.n_dims - 1];
        const size_t left = units - (size_t)(share * (double)units);
        stay[i] = an_prune_refusal(m, i) ? 0 : left > 0 ? left : 1;
        if (stay[i] == now->layers[i].out.d[now->layers[i].out.n_dims - 1])
            stay[i] = 0;
    }
}

static an_err check(const an_model *m, const an_prune_opts *o, const an_train_opts *tune, an_note *why)
{
    const char *first = NULL;
    an_err err = an_prune_check(o, why);
    if (err != AN_OK)
        return err;
    if (tune && (tune->frozen || tune->held || tune->anchor || tune->fisher))
        return an_fail(AN_ERR_INVAL, why, "a model that loses units cannot be tuned with frozen parameters");
    size_t at = 0;
    for (size_t i = 0; i < m->n_layers; i++) {
        const char *refusal = an_prune_refusal(m, i);
        if (!refusal)
            return AN_OK;
        if (!first && count_option(&m->layers[i]) != SIZE_MAX) {
            first = refusal;
            at = i;
        }
    }
    return first ? an_fail(AN_ERR_UNSUPPORTED, why, "no layer of \"%s\" can lose units; \"%s\": %s", m->name,
                           m->layers[at].name, first)
                 : an_fail(AN_ERR_UNSUPPORTED, why, "no layer of \"%s\" has units", m->name);
}

/* The model and parameters at hand, which a step replaces by smaller ones. */
typedef struct hand {
    an_model *m;
    float *params;
} hand;

static void hand_done(hand *h)
{
    an_model_free(h->m);
    an_free(h->params);
}

static an_err run_step(const an_model *m, hand *h, double share, size_t *stay, const an_prune_opts *o,
                       an_note *why)
{
    hand next = {NULL, NULL};
    count_stay(m, h->m, share, stay);
    an_err err = cut_model(h->m, h->params, stay, o->norm, &next.m, &next.params, why);
    if (err != AN_OK)
        return err;
    hand_done(h);
    *h = next;
    return AN_OK;
}

static void report(const an_model *m, const hand *h, an_prune_report *ret)
{
    *ret = (an_prune_report){.n_params = h->m->n_params};
    for (size_t i = 0; i < m->n_layers; i++) {
        if (an_prune_refusal(m, i))
            continue;
        const size_t units = m->layers[i].out.d[m->layers[i].out.n_dims - 1];
        ret->n_candidates += units;
        ret->n_gone += units - h->m->layers[i].out.d[h->m->layers[i].out.n_dims - 1];
    }
    ret->n_zero = an_prune_zeros(h->params, h->m->n_params);
}

an_err an_prune_units(const an_model *m, const float *params, const an_prune_opts *opts,
                      const an_train_opts *tune, const float *x, const float *targets, size_t n,
                      an_model **ret_model, float **ret_params, an_prune_report *ret_report, an_note *why)
{
    hand h = {NULL, NULL};
    size_t *stay = NULL;
    an_err err = check(m, opts, tune, why);
    if (err != AN_OK)
        return err;
    err = an_model_new(m->text, strlen(m->text), m->name, 0, &h.m, why);
    if (err == AN_OK && (!(h.params = an_alloc(m->n_params, sizeof *h.params)) ||
                         !(stay = an_alloc(m->n_layers, sizeof *stay))))
        err = AN_ERR_NOMEM;
    if (err == AN_OK)
        memcpy(h.params, params, m->n_params * sizeof *h.params);
    for (size_t s = 1; s <= opts->steps && err == AN_OK; s++) {
        err = run_step(m, &h, an_prune_share(opts, s), stay, opts, why);
        if (err == AN_OK && tune)
            err = an_train(h.m, h.params, tune, x, targets, n, NULL, why);
    }
    if (err == AN_OK) {
        if (ret_report)
            report(m, &h, ret_report);
        *ret_model = h.m;
        *ret_params = h.params;
        h = (hand){NULL, NULL};
    }
    hand_done(&h);
    an_free(stay);
    return err;
}
