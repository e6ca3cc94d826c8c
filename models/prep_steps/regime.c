/* Operating regimes: the edges of one sensor split rows into regimes with names, each of which has a scale
 * of its own.  In those that are ignored, as while a machine stands, nothing is learned and nothing scored. */
#include <string.h>

#include "models/prep_step.h"

#define EDGES_MAX (AN_CHAIN_REGIMES_MAX - 1)

typedef struct settings {
    double edges[EDGES_MAX]; /* (n - 1) ascending: regime i holds edges[i - 1] <= x < edges[i] */
    size_t n;                /* regimes */
    char names[AN_CHAIN_REGIMES_MAX][AN_CHAIN_NAME_MAX + 1];
    bool ignored[AN_CHAIN_REGIMES_MAX];
} settings;

static an_err read_edges(settings *o, const an_node *map, an_note *why)
{
    const an_node *list = NULL;
    an_err err = an_node_need(map, "edges", AN_YAML_LIST, &list, why);
    const size_t n = an_node_count(list);
    if (err == AN_OK && (n < 1 || n > EDGES_MAX))
        err = an_node_fail(list, why, "edges: a list of 1..%d numbers", EDGES_MAX);
    for (size_t i = 0; err == AN_OK && i < n; i++) {
        err = an_node_num(an_node_at(list, i), -1e30, 1e30, &o->edges[i], why);
        if (err == AN_OK && i > 0 && !(o->edges[i] > o->edges[i - 1]))
            err = an_node_fail(an_node_at(list, i), why, "edges must ascend");
    }
    o->n = n + 1;
    return err;
}

static size_t find(const settings *o, size_t n, const char *name)
{
    size_t i = 0;
    while (i < n && strcmp(o->names[i], name) != 0)
        i++;
    return i;
}

static an_err read_names(settings *o, const an_node *map, an_note *why)
{
    const an_node *list = NULL;
    an_err err = an_node_need(map, "names", AN_YAML_LIST, &list, why);
    if (err == AN_OK && an_node_count(list) != o->n)
        err = an_node_fail(list, why, "names: %zu edges make %zu regimes", o->n - 1, o->n);
    for (size_t i = 0; err == AN_OK && i < o->n; i++) {
        err = an_prep_take_word(an_node_at(list, i), o->names[i], AN_CHAIN_NAME_MAX, why);
        if (err == AN_OK && find(o, i, o->names[i]) < i)
            err = an_node_fail(an_node_at(list, i), why, "two regimes are named %s", o->names[i]);
    }
    return err;
}

static an_err read_ignored(settings *o, const an_node *map, an_note *why)
{
    const an_node *list = an_node_get(map, "ignore");
    const size_t n = an_node_count(list);
    if (!list)
        return AN_OK;
    if (an_node_kind(list) != AN_YAML_LIST || n < 1 || n >= o->n)
        return an_node_fail(list, why, "ignore: a list of regimes, not all of them");
    for (size_t i = 0; i < n; i++) {
        const char *name = "";
        an_err err = an_node_text(an_node_at(list, i), &name, why);
        if (err != AN_OK)
            return err;
        const size_t k = find(o, o->n, name);
        if (k == o->n || o->ignored[k])
            return an_node_fail(an_node_at(list, i), why, "ignore: \"%.40s\" is no regime, or named twice",
                                name);
        o->ignored[k] = true;
    }
    return AN_OK;
}

static an_err read(an_prep_step *s, const an_node *map, an_note *why)
{
    an_err err = read_edges(s->own, map, why);
    if (err == AN_OK)
        err = read_names(s->own, map, why);
    return err == AN_OK ? read_ignored(s->own, map, why) : err;
}

static void text(const an_prep_step *s, an_buf *out)
{
    const settings *o = s->own;
    size_t ignored = 0;
    an_prep_put_numbers(out, "edges", o->edges, o->n - 1);
    for (size_t i = 0; i < o->n; i++)
        an_buf_printf(out, "%s\"%s\"", i ? ", " : ", names: [", o->names[i]);
    an_buf_text(out, "]");
    for (size_t i = 0; i < o->n; i++)
        if (o->ignored[i])
            an_buf_printf(out, "%s\"%s\"", ignored++ ? ", " : ", ignore: [", o->names[i]);
    an_buf_text(out, ignored ? "]" : "");
}

static void apply(const an_prep_step *s, const an_prep_past *past, float *out)
{
    (void)s, (void)past, (void)out;
}

static size_t regimes(const an_prep_step *s)
{
    return ((const settings *)s->own)->n;
}

static size_t regime_of(const an_prep_step *s, const float *row)
{
    const settings *o = s->own;
    const float x = row[s->sensors[0]];
    size_t i = 0;
    if (isnan(x))
        return o->n;
    while (i + 1 < o->n && (double)x >= o->edges[i])
        i++;
    return o->ignored[i] ? o->n : i;
}

static const char *regime_name(const an_prep_step *s, size_t regime)
{
    return ((const settings *)s->own)->names[regime];
}

static const char *const keys[] = {"edges", "names", "ignore", NULL};
static const char *const examples[] = {"sensor: 0, edges: [0], names: [low, high]",
                                       "sensor: 1, edges: [-0.5, 0.5], names: [stopped, slow, fast], "
                                       "ignore: [stopped]",
                                       NULL};

const an_prep_step_type an_prep_step_regime = {
    .name = "regime",
    .meaning = "one sensor's edges split rows into regimes, each with its own scale; some are ignored",
    .about = AN_PREP_ABOUT_ONE,
    .keys = keys,
    .examples = examples,
    .own = sizeof(settings),
    .read = read,
    .text = text,
    .apply = apply,
    .regimes = regimes,
    .regime_of = regime_of,
    .regime_name = regime_name,
};
