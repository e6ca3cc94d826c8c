#include "agent/options.h"

#include <assert.h>
#include <string.h>

#include "base/opt.h"
#include "doors/yaml.h"

static const an_option *option_find(const an_option *rows, const char *key)
{
    for (; rows->key; rows++)
        if (strcmp(rows->key, key) == 0)
            return rows;
    return NULL;
}

static an_err check_value(const an_option *o, const an_node *map, const an_node *value, an_note *why)
{
    int64_t whole;
    double number;
    bool flag;
    const char *text;
    switch (o->kind) {
    case AN_OPTION_INT:
        return an_node_get_int(map, o->key, (int64_t)o->min, (int64_t)o->max, 0, &whole, why);
    case AN_OPTION_REAL:
        return an_node_get_num(map, o->key, o->min, o->max, 0, &number, why);
    case AN_OPTION_BOOL:
        return an_node_get_bool(map, o->key, false, &flag, why);
    case AN_OPTION_TEXT:
        return an_node_get_text(map, o->key, "", &text, why);
    case AN_OPTION_LIST:
        if (an_node_kind(value) != AN_YAML_LIST)
            return an_node_fail(value, why, "%s: must be a list", o->key);
        return AN_OK;
    case AN_OPTION_MAP:
        if (an_node_kind(value) != AN_YAML_MAP)
            return an_node_fail(value, why, "%s: must be a mapping", o->key);
        return AN_OK;
    }
    return AN_OK;
}

an_err an_options_check(const char *what, const an_option *rows, const an_option *common, const an_node *conf,
                        an_note *why)
{
    if (conf && an_node_kind(conf) != AN_YAML_MAP)
        return an_node_fail(conf, why, "%s: must be a mapping", what);
    for (size_t i = 0; i < an_node_count(conf); i++) {
        const char *key = an_node_key(conf, i);
        const an_option *o = option_find(rows, key);
        if (!o)
            o = option_find(common, key);
        if (!o)
            return an_node_fail(an_node_value(conf, i), why, "%s: %s has no such option", key, what);
        an_err err = check_value(o, conf, an_node_value(conf, i), why);
        if (err)
            return err;
    }
    for (const an_option *o = rows; o->key; o++)
        if (!o->initial && !an_node_get(conf, o->key))
            return an_node_fail(conf, why, "%s needs \"%s\" (%s)", what, o->key, o->meaning);
    return AN_OK;
}

static const an_option *row_of(const an_option *rows, const char *key)
{
    const an_option *o = option_find(rows, key);
    assert(o != NULL);
    return o;
}

an_err an_option_text(const an_option *rows, const an_node *conf, const char *key, const char **ret,
                      an_note *why)
{
    const an_option *o = row_of(rows, key);
    return an_node_get_text(conf, key, o->initial ? o->initial : "", ret, why);
}

an_err an_option_int(const an_option *rows, const an_node *conf, const char *key, int64_t *ret, an_note *why)
{
    const an_option *o = row_of(rows, key);
    int64_t initial = 0;
    const bool ok = !o->initial || !o->initial[0] || an_parse_int(o->initial, &initial);
    assert(ok);
    (void)ok;
    return an_node_get_int(conf, key, (int64_t)o->min, (int64_t)o->max, initial, ret, why);
}

an_err an_option_real(const an_option *rows, const an_node *conf, const char *key, double *ret, an_note *why)
{
    const an_option *o = row_of(rows, key);
    double initial = 0;
    const bool ok = !o->initial || !o->initial[0] || an_parse_num(o->initial, &initial);
    assert(ok);
    (void)ok;
    return an_node_get_num(conf, key, o->min, o->max, initial, ret, why);
}

an_err an_option_bool(const an_option *rows, const an_node *conf, const char *key, bool *ret, an_note *why)
{
    const an_option *o = row_of(rows, key);
    return an_node_get_bool(conf, key, o->initial && strcmp(o->initial, "true") == 0, ret, why);
}

an_err an_option_ms(const an_option *rows, const an_node *conf, const char *key, int64_t *ret, an_note *why)
{
    double seconds = 0;
    an_err err = an_option_real(rows, conf, key, &seconds, why);
    if (err == AN_OK)
        *ret = (int64_t)(seconds * 1000);
    return err;
}
