/* A chain's description: from YAML, and back to its canonical text
 *
 *     version: 1
 *     steps:
 *       - <name>: {sensors: [0, 2], <key>: <value>, ...}
 *
 * in which `sensors` is absent if it is all of them.  What is read is written, and what is written reads
 * back to the same text. */
#include "models/prep_chain.h"

#include <string.h>

#include "base/mem.h"
#include "models/prep_chain_internal.h"

/* ---- reading ---- */

static an_err find_sensor(const an_node *node, const char *const *names, size_t width, uint32_t *ret,
                          an_note *why)
{
    int64_t number = 0;
    const char *name = "";
    size_t i = 0;
    if (!names) {
        an_err err = an_node_int(node, 0, (int64_t)width - 1, &number, why);
        *ret = (uint32_t)number;
        return err;
    }
    an_err err = an_node_text(node, &name, why);
    while (err == AN_OK && i < width && strcmp(names[i], name) != 0)
        i++;
    if (err == AN_OK && i == width)
        err = an_node_fail(node, why, "there is no sensor \"%.90s\"", name);
    *ret = (uint32_t)i;
    return err;
}

static an_err read_list(an_prep_step *s, const an_node *list, const char *const *names, an_note *why)
{
    const size_t n = an_node_count(list);
    if (an_node_kind(list) != AN_YAML_LIST || n < 1 || n > s->width)
        return an_node_fail(list, why, "sensors: a list of sensors, each once");
    bool *on = an_alloc(s->width, sizeof *on);
    an_err err = on ? AN_OK : AN_ERR_NOMEM;
    for (size_t i = 0; err == AN_OK && i < n; i++) {
        uint32_t k = 0;
        err = find_sensor(an_node_at(list, i), names, s->width, &k, why);
        if (err == AN_OK && on[k])
            err = an_node_fail(an_node_at(list, i), why, "a sensor is named twice");
        if (err == AN_OK)
            on[k] = true;
    }
    for (uint32_t k = 0; err == AN_OK && k < s->width; k++)
        if (on[k])
            s->sensors[s->n_sensors++] = k;
    an_free(on);
    return err;
}

static an_err read_sensors(an_prep_step *s, const an_node *map, const char *const *names, size_t width,
                           an_note *why)
{
    const an_node *one = NULL, *list = an_node_get(map, "sensors");
    an_err err = AN_OK;
    if (!(s->sensors = an_alloc(width, sizeof *s->sensors)))
        return AN_ERR_NOMEM;
    if (s->type->about == AN_PREP_ABOUT_ONE) {
        if ((err = an_node_need(map, "sensor", AN_YAML_SCALAR, &one, why)) == AN_OK)
            err = find_sensor(one, names, width, &s->sensors[0], why);
        s->n_sensors = 1;
        return err;
    }
    if (s->type->about == AN_PREP_ABOUT_SENSORS && list)
        return read_list(s, list, names, why);
    for (uint32_t k = 0; k < width; k++)
        s->sensors[s->n_sensors++] = k;
    return AN_OK;
}

#define KEYS_MAX 16
static an_err check_keys(const an_prep_step_type *type, const an_node *map, an_note *why)
{
    const char *keys[KEYS_MAX] = {NULL};
    size_t n = 0;
    if (type->about != AN_PREP_ABOUT_ROWS)
        keys[n++] = type->about == AN_PREP_ABOUT_ONE ? "sensor" : "sensors";
    for (size_t i = 0; type->keys[i] && n + 1 < KEYS_MAX; i++)
        keys[n++] = type->keys[i];
    return an_node_only_keys(map, keys, why);
}

/* Lags come behind the sensors, where no step would find them, and a regime is one of what is scaled. */
static an_err check_order(const an_prep_chain *c, const an_prep_step *s, const an_node *node, an_note *why)
{
    const an_prep_step_type *before = c->n ? c->steps[c->n - 1].type : NULL;
    if (before && before->regimes)
        return an_node_fail(node, why, "%s must be the last step", before->name);
    if (before && before->sensor_of && !s->type->regimes)
        return an_node_fail(node, why, "after %s only a regime step may come", before->name);
    return AN_OK;
}

/* node: {name: {settings}}.  The step is the chain's, whole or half. */
static an_err read_step(an_prep_chain *c, const an_node *node, const char *const *names, an_note *why)
{
    an_prep_step *s = &c->steps[c->n];
    const char *name = an_node_count(node) == 1 ? an_node_key(node, 0) : NULL;
    if (an_node_kind(node) != AN_YAML_MAP || !name || !(s->type = an_prep_step_find(name)))
        return an_node_fail(node, why, "\"%.40s\" is no step of preprocessing", name ? name : "");
    const an_node *map = an_node_value(node, 0);
    an_err err = check_order(c, s, node, why);
    c->n++;
    s->width = s->features = (uint32_t)c->features;
    s->memory = s->rate = 1;
    if (err == AN_OK)
        err = check_keys(s->type, map, why);
    if (err == AN_OK)
        err = read_sensors(s, map, names, c->width, why);
    if (err == AN_OK && !(s->own = an_alloc(s->type->own, 1)))
        err = AN_ERR_NOMEM;
    if (err == AN_OK)
        err = s->type->read(s, map, why);
    c->features = s->features;
    return err;
}

static an_err check_size(const an_prep_chain *c, const an_node *steps, an_note *why)
{
    size_t floats = 0;
    for (size_t i = 0; i < c->n; i++)
        floats += (size_t)c->steps[i].memory * c->steps[i].width + c->steps[i].features;
    if (floats > AN_CHAIN_FLOATS_MAX)
        return an_node_fail(steps, why, "the steps would remember %zu values, at most %zu", floats,
                            AN_CHAIN_FLOATS_MAX);
    if (an_chain_rows(c, 1) > AN_CHAIN_ROWS_MAX)
        return an_node_fail(steps, why, "a row would be made of more than %d", AN_CHAIN_ROWS_MAX);
    return AN_OK;
}

static an_err set_text(an_prep_chain *c, an_note *why)
{
    an_buf b;
    an_buf_init(&b, AN_CHAIN_TEXT_MAX + 1);
    an_chain_text(c, NULL, &b);
    an_buf_u8(&b, 0);
    an_err err = an_buf_err(&b);
    if (err == AN_OK && !(c->text = an_strdup((const char *)b.data)))
        err = AN_ERR_NOMEM;
    an_buf_done(&b);
    return err == AN_ERR_LIMIT
               ? an_fail(err, why, "the steps' text is longer than %zu bytes", AN_CHAIN_TEXT_MAX)
               : err;
}

an_err an_chain_read(const an_node *prep, const char *const *names, size_t width, an_prep_chain **ret,
                     an_note *why)
{
    const an_node *steps = an_node_get(prep, "steps");
    int64_t version = AN_CHAIN_VERSION;
    an_err err = an_node_get_int(prep, "version", 1, INT32_MAX, AN_CHAIN_VERSION, &version, why);
    if (err != AN_OK)
        return err;
    if (version > AN_CHAIN_VERSION)
        return an_fail(AN_ERR_UNSUPPORTED, why, "preprocessing of version %lld is later than %d",
                       (long long)version, AN_CHAIN_VERSION);
    if (!steps) {
        *ret = NULL;
        return AN_OK;
    }
    const size_t n = an_node_count(steps);
    if (an_node_kind(steps) != AN_YAML_LIST || n < 1 || n > AN_CHAIN_STEPS_MAX)
        return an_node_fail(steps, why, "steps: a list of 1..%d steps", AN_CHAIN_STEPS_MAX);
    an_prep_chain *c = an_alloc(1, sizeof *c);
    if (!c)
        return AN_ERR_NOMEM;
    c->width = c->features = width;
    for (size_t i = 0; err == AN_OK && i < n; i++)
        err = read_step(c, an_node_at(steps, i), names, why);
    if (err == AN_OK)
        err = check_size(c, steps, why);
    if (err == AN_OK)
        err = set_text(c, why);
    if (err == AN_OK)
        *ret = c;
    else
        an_chain_free(c);
    return err;
}

an_err an_chain_parse(const char *text, size_t len, const char *const *names, size_t width,
                      an_prep_chain **ret, an_note *why)
{
    static const char *const keys[] = {"version", "steps", NULL};
    an_yaml *doc = NULL;
    if (len > AN_CHAIN_TEXT_MAX)
        return an_fail(AN_ERR_LIMIT, why, "the steps' text is longer than %zu bytes", AN_CHAIN_TEXT_MAX);
    an_err err = an_yaml_parse(text, len, "prep", &doc, why);
    if (err == AN_OK)
        err = an_node_only_keys(an_yaml_root(doc), keys, why);
    if (err == AN_OK)
        err = an_chain_read(an_yaml_root(doc), names, width, ret, why);
    an_yaml_free(doc);
    return err;
}

an_err an_chain_restore(const char *text, size_t len, size_t width, an_prep_chain **ret, an_note *why)
{
    an_prep_chain *c = NULL;
    an_err err = an_chain_parse(text, len, NULL, width, &c, why);
    const char *again = an_chain_canonical(c);
    if (err == AN_OK && (!c || strlen(again) != len || memcmp(again, text, len) != 0))
        err = an_fail(AN_ERR_PROTO, why, "the steps' text is not canonical");
    if (err == AN_OK)
        *ret = c;
    else
        an_chain_free(c);
    return err == AN_ERR_INVAL || err == AN_ERR_LIMIT ? AN_ERR_PROTO : err;
}

an_err an_chain_copy(const an_prep_chain *from, an_prep_chain **ret)
{
    an_prep_chain *c = NULL;
    an_err err = AN_OK;
    if (from && (err = an_chain_restore(from->text, strlen(from->text), from->width, &c, NULL)) != AN_OK)
        return AN_ERR_NOMEM; /* what was read once can be read again */
    *ret = c;
    return AN_OK;
}

void an_chain_free(an_prep_chain *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++) {
        an_free(c->steps[i].sensors);
        an_free(c->steps[i].own);
    }
    an_free(c->text);
    an_free(c);
}

/* ---- writing ---- */

static void put_sensor(an_buf *out, const char *const *names, uint32_t k)
{
    if (!names) {
        an_buf_printf(out, "%u", k);
        return;
    }
    an_buf_text(out, "\"");
    for (const char *c = names[k]; *c; c++)
        an_buf_printf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    an_buf_text(out, "\"");
}

/* ", sensors: [...]", or nothing for all of them. */
static void put_sensors(an_buf *out, const an_prep_chain *c, const an_prep_step *s, const char *const *names)
{
    if (s->type->about == AN_PREP_ABOUT_ONE) {
        an_buf_text(out, ", sensor: ");
        put_sensor(out, names, s->sensors[0]);
    } else if (s->type->about == AN_PREP_ABOUT_SENSORS && s->n_sensors < c->width) {
        for (uint32_t i = 0; i < s->n_sensors; i++) {
            an_buf_text(out, i ? ", " : ", sensors: [");
            put_sensor(out, names, s->sensors[i]);
        }
        an_buf_text(out, "]");
    }
}

void an_chain_text(const an_prep_chain *c, const char *const *names, an_buf *out)
{
    if (!c)
        return;
    an_buf_printf(out, "version: %d\nsteps:\n", AN_CHAIN_VERSION);
    for (size_t i = 0; i < c->n; i++) {
        an_buf settings;
        an_buf_init(&settings, AN_CHAIN_TEXT_MAX);
        put_sensors(&settings, c, &c->steps[i], names);
        c->steps[i].type->text(&c->steps[i], &settings);
        an_buf_printf(out, "  - %s: {", c->steps[i].type->name);
        if (an_buf_err(&settings) != AN_OK)
            out->failed = true;
        else if (settings.len > 2) /* each begins with ", " */
            an_buf_put(out, settings.data + 2, settings.len - 2);
        out->over_max = out->over_max || settings.over_max;
        an_buf_text(out, "}\n");
        an_buf_done(&settings);
    }
}

const char *an_chain_canonical(const an_prep_chain *c)
{
    return c ? c->text : "";
}

bool an_chain_equal(const an_prep_chain *a, const an_prep_chain *b)
{
    return (a ? a->width : 0) == (b ? b->width : 0) &&
           strcmp(an_chain_canonical(a), an_chain_canonical(b)) == 0;
}

/* ---- what comes out ---- */

size_t an_chain_features(const an_prep_chain *c, size_t width)
{
    return c ? c->features : width;
}

size_t an_chain_sensor(const an_prep_chain *c, size_t feature)
{
    for (size_t i = c && feature >= c->width ? c->n : 0; i-- > 0;)
        if (c->steps[i].type->sensor_of)
            return c->steps[i].type->sensor_of(&c->steps[i], feature);
    return feature;
}

const an_prep_step *an_chain_split(const an_prep_chain *c)
{
    return c && c->steps[c->n - 1].type->regimes ? &c->steps[c->n - 1] : NULL;
}

size_t an_chain_regimes(const an_prep_chain *c)
{
    const an_prep_step *s = an_chain_split(c);
    return s ? s->type->regimes(s) : 1;
}

const char *an_chain_regime_name(const an_prep_chain *c, size_t regime)
{
    const an_prep_step *s = an_chain_split(c);
    return s ? s->type->regime_name(s, regime) : "";
}

size_t an_chain_rows(const an_prep_chain *c, size_t rows)
{
    for (size_t i = c ? c->n : 0; i-- > 0 && rows <= AN_CHAIN_ROWS_MAX;)
        rows = c->steps[i].memory + (rows - 1) * c->steps[i].rate;
    return rows <= AN_CHAIN_ROWS_MAX ? rows : AN_CHAIN_ROWS_MAX + 1;
}

size_t an_chain_rate(const an_prep_chain *c)
{
    size_t rate = 1;
    for (size_t i = 0; c && i < c->n; i++)
        rate *= c->steps[i].rate;
    return rate;
}

size_t an_chain_delay(const an_prep_chain *c)
{
    size_t delay = 0, rate = 1;
    for (size_t i = 0; c && i < c->n; i++) {
        delay += c->steps[i].delay * rate;
        rate *= c->steps[i].rate;
    }
    return delay;
}

void an_chain_conversion(const an_prep_chain *c, size_t sensor, double *ret_gain, double *ret_offset)
{
    double gain = 1, offset = 0;
    for (size_t i = 0; c && i < c->n; i++) {
        const an_prep_step *s = &c->steps[i];
        double by = 1, plus = 0;
        for (uint32_t k = 0; s->type->conversion && k < s->n_sensors; k++)
            if (s->sensors[k] == sensor)
                s->type->conversion(s, &by, &plus);
        gain *= by;
        offset = offset * by + plus;
    }
    *ret_gain = gain;
    *ret_offset = offset;
}
