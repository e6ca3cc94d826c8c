#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/opt.h"
#include "doors/yaml_internal.h"

an_yaml_kind an_node_kind(const an_node *node)
{
    return node ? node->kind : AN_YAML_SCALAR;
}

const char *an_node_file(const an_node *node)
{
    return node ? node->doc->name : "?";
}

unsigned an_node_line(const an_node *node)
{
    return node ? node->line : 1;
}

unsigned an_node_column(const an_node *node)
{
    return node ? node->column : 1;
}

static const char *text_of(const an_node *node)
{
    return an_yaml_text_at(node->doc, node->text);
}

bool an_node_is_plain(const an_node *node)
{
    return node && node->kind == AN_YAML_SCALAR && node->plain;
}

bool an_node_is_null(const an_node *node)
{
    if (!node)
        return true;
    if (!an_node_is_plain(node))
        return false;
    const char *t = text_of(node);
    return t[0] == '\0' || strcmp(t, "~") == 0 || strcmp(t, "null") == 0;
}

size_t an_node_count(const an_node *node)
{
    return node ? node->count : 0;
}

static const an_node *entry(const an_node *node, size_t i)
{
    return &node->doc->nodes[node->doc->order[node->first + i]];
}

const an_node *an_node_get(const an_node *map, const char *key)
{
    if (an_node_kind(map) != AN_YAML_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(an_node_key(map, i), key) == 0)
            return entry(map, i);
    }
    return NULL;
}

const an_node *an_node_at(const an_node *list, size_t i)
{
    return an_node_kind(list) == AN_YAML_LIST && i < list->count ? entry(list, i) : NULL;
}

const char *an_node_key(const an_node *map, size_t i)
{
    if (an_node_kind(map) != AN_YAML_MAP || i >= map->count)
        return NULL;
    return an_yaml_text_at(map->doc, entry(map, i)->key);
}

const an_node *an_node_value(const an_node *map, size_t i)
{
    return an_node_kind(map) == AN_YAML_MAP && i < map->count ? entry(map, i) : NULL;
}

an_err an_node_fail(const an_node *node, an_note *why, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return an_fail(AN_ERR_INVAL, why, "%s:%u:%u: %s", an_node_file(node), an_node_line(node),
                   an_node_column(node), text);
}

/* `epochs = 0`, or the part of it there is; control characters would break the line. */
static void describe(const an_node *node, char *out, size_t cap)
{
    const char *key = node->key == AN_YAML_NONE ? "" : an_yaml_text_at(node->doc, node->key);
    if (node->kind == AN_YAML_SCALAR)
        snprintf(out, cap, "%.60s%s%.60s", key, key[0] ? " = " : "", text_of(node));
    else
        snprintf(out, cap, "%.60s", key[0] ? key : (node->kind == AN_YAML_MAP ? "a map" : "a list"));
    for (char *p = out; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    }
}

static an_err wrong(const an_node *node, an_note *why, const char *must)
{
    if (!node)
        return an_fail(AN_ERR_INVAL, why, "a value is missing: must be %s", must);
    char what[160];
    describe(node, what, sizeof what);
    return an_node_fail(node, why, "%s: must be %s", what, must);
}

an_err an_node_text(const an_node *node, const char **ret, an_note *why)
{
    if (!node || node->kind != AN_YAML_SCALAR || an_node_is_null(node))
        return wrong(node, why, "a text");
    *ret = text_of(node);
    return AN_OK;
}

an_err an_node_int(const an_node *node, int64_t min, int64_t max, int64_t *ret, an_note *why)
{
    int64_t v = 0;
    if (an_node_is_plain(node) && an_parse_int(text_of(node), &v) && v >= min && v <= max) {
        *ret = v;
        return AN_OK;
    }
    char must[80];
    snprintf(must, sizeof must, "%lld..%lld", (long long)min, (long long)max);
    return wrong(node, why, must);
}

an_err an_node_num(const an_node *node, double min, double max, double *ret, an_note *why)
{
    double v = 0;
    if (an_node_is_plain(node) && an_parse_num(text_of(node), &v) && v >= min && v <= max) {
        *ret = v;
        return AN_OK;
    }
    char must[80];
    snprintf(must, sizeof must, "a number %.15g..%.15g", min, max);
    return wrong(node, why, must);
}

an_err an_node_bool(const an_node *node, bool *ret, an_note *why)
{
    bool yes = an_node_is_plain(node) && strcmp(text_of(node), "true") == 0;
    bool no = an_node_is_plain(node) && strcmp(text_of(node), "false") == 0;
    if (!yes && !no)
        return wrong(node, why, "true or false");
    *ret = yes;
    return AN_OK;
}

an_err an_node_get_text(const an_node *map, const char *key, const char *dflt, const char **ret, an_note *why)
{
    const an_node *node = an_node_get(map, key);
    if (!an_node_is_null(node))
        return an_node_text(node, ret, why);
    *ret = dflt;
    return AN_OK;
}

an_err an_node_get_int(const an_node *map, const char *key, int64_t min, int64_t max, int64_t dflt,
                       int64_t *ret, an_note *why)
{
    const an_node *node = an_node_get(map, key);
    if (!an_node_is_null(node))
        return an_node_int(node, min, max, ret, why);
    *ret = dflt;
    return AN_OK;
}

an_err an_node_get_num(const an_node *map, const char *key, double min, double max, double dflt, double *ret,
                       an_note *why)
{
    const an_node *node = an_node_get(map, key);
    if (!an_node_is_null(node))
        return an_node_num(node, min, max, ret, why);
    *ret = dflt;
    return AN_OK;
}

an_err an_node_get_bool(const an_node *map, const char *key, bool dflt, bool *ret, an_note *why)
{
    const an_node *node = an_node_get(map, key);
    if (!an_node_is_null(node))
        return an_node_bool(node, ret, why);
    *ret = dflt;
    return AN_OK;
}

static an_err find_needed(const an_node *map, const char *key, const an_node **ret, an_note *why)
{
    if (an_node_kind(map) != AN_YAML_MAP)
        return wrong(map, why, "a map");
    const an_node *node = an_node_get(map, key);
    if (!node)
        return an_node_fail(map, why, "\"%s\" is missing", key);
    *ret = node;
    return AN_OK;
}

an_err an_node_need(const an_node *map, const char *key, an_yaml_kind kind, const an_node **ret, an_note *why)
{
    static const char *const names[] = {
        [AN_YAML_SCALAR] = "a single value", [AN_YAML_LIST] = "a list", [AN_YAML_MAP] = "a map"};
    const an_node *node = NULL;
    an_err err = find_needed(map, key, &node, why);
    if (err != AN_OK)
        return err;
    if (node->kind != kind)
        return wrong(node, why, names[kind]);
    *ret = node;
    return AN_OK;
}

an_err an_node_need_text(const an_node *map, const char *key, const char **ret, an_note *why)
{
    const an_node *node = NULL;
    an_err err = find_needed(map, key, &node, why);
    return err != AN_OK ? err : an_node_text(node, ret, why);
}

an_err an_node_need_int(const an_node *map, const char *key, int64_t min, int64_t max, int64_t *ret,
                        an_note *why)
{
    const an_node *node = NULL;
    an_err err = find_needed(map, key, &node, why);
    return err != AN_OK ? err : an_node_int(node, min, max, ret, why);
}

an_err an_node_need_num(const an_node *map, const char *key, double min, double max, double *ret,
                        an_note *why)
{
    const an_node *node = NULL;
    an_err err = find_needed(map, key, &node, why);
    return err != AN_OK ? err : an_node_num(node, min, max, ret, why);
}

an_err an_node_only_keys(const an_node *map, const char *const *keys, an_note *why)
{
    if (an_node_kind(map) != AN_YAML_MAP)
        return wrong(map, why, "a map");
    for (size_t i = 0; i < map->count; i++) {
        const an_node *n = entry(map, i);
        size_t k = 0;
        while (keys[k] && strcmp(keys[k], an_node_key(map, i)) != 0)
            k++;
        if (!keys[k])
            return an_fail(AN_ERR_INVAL, why, "%s:%u:%u: unknown key \"%.60s\"", map->doc->name, n->key_line,
                           n->key_column, an_node_key(map, i));
    }
    return AN_OK;
}
