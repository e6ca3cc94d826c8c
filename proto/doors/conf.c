#include "doors/conf.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"

#define KEY_MAX 128
#define LIST_MAX ((size_t)64 << 10)

static void where_of(const an_node *node, char *out, size_t cap)
{
    snprintf(out, cap, "%s:%u:%u", an_node_file(node), an_node_line(node), an_node_column(node));
}

static an_err set_one(const an_opt *rows, size_t n, void *conf, const char *key, const char *value,
                      const an_node *node, an_note *why)
{
    char where[200];
    where_of(node, where, sizeof where);
    return an_opt_set(rows, n, conf, key, value, where, why);
}

static an_err set_list(const an_opt *rows, size_t n, void *conf, const char *key, const an_node *list,
                       an_note *why)
{
    const an_opt *row = an_opt_find(rows, n, key);
    if (row && row->type != AN_OPT_TYPE_TEXT && row->type != AN_OPT_TYPE_LINE)
        return an_node_fail(list, why, "%s: must be a single value", key);
    an_buf joined;
    an_buf_init(&joined, LIST_MAX);
    an_err err = AN_OK;
    for (size_t i = 0; err == AN_OK && i < an_node_count(list); i++) {
        const char *text = NULL;
        err = an_node_text(an_node_at(list, i), &text, why);
        /* A comma inside an item would make two items of it. */
        for (const char *p = text; err == AN_OK && *p; p++) {
            if (*p == ',')
                err = an_node_fail(an_node_at(list, i), why, "%s: an item may not hold a comma", key);
        }
        if (err != AN_OK)
            break;
        if (i > 0)
            an_buf_text(&joined, ",");
        an_buf_text(&joined, text);
    }
    an_buf_u8(&joined, 0);
    if (err == AN_OK && (err = an_buf_err(&joined)) != AN_OK)
        an_note_set(why, "%s:%u: %s: %s", an_node_file(list), an_node_line(list), key, an_err_text(err));
    if (err == AN_OK)
        err = set_one(rows, n, conf, key, (const char *)joined.data, list, why);
    an_buf_done(&joined);
    return err;
}

static bool is_other(const char *const *others, const char *key)
{
    for (; others && *others; others++)
        if (strcmp(*others, key) == 0)
            return true;
    return false;
}

/* Recursion is bounded by AN_YAML_MAX_DEPTH. */
static an_err set_map(const an_opt *rows, size_t n, void *conf, const char *prefix, const an_node *map,
                      const char *const *others, an_note *why)
{
    for (size_t i = 0; i < an_node_count(map); i++) {
        if (is_other(others, an_node_key(map, i)))
            continue;
        const an_node *node = an_node_value(map, i);
        char key[KEY_MAX];
        int len = snprintf(key, sizeof key, "%s%s%s", prefix, prefix[0] ? "." : "", an_node_key(map, i));
        if (len < 0 || (size_t)len >= sizeof key)
            return an_node_fail(node, why, "unknown option %.60s", an_node_key(map, i));
        an_err err = AN_OK;
        const char *text = NULL;
        if (an_node_kind(node) == AN_YAML_MAP)
            err = set_map(rows, n, conf, key, node, NULL, why);
        else if (an_node_kind(node) == AN_YAML_LIST)
            err = set_list(rows, n, conf, key, node, why);
        else if ((err = an_node_text(node, &text, why)) == AN_OK)
            err = set_one(rows, n, conf, key, text, node, why);
        if (err != AN_OK)
            return err;
    }
    return AN_OK;
}

an_err an_conf_from_node_but(const an_opt *rows, size_t n, void *conf, const an_node *map,
                             const char *const *others, an_note *why)
{
    if (an_node_kind(map) != AN_YAML_MAP)
        return an_node_fail(map, why, "must be a map of options");
    return set_map(rows, n, conf, "", map, others, why);
}

an_err an_conf_from_node(const an_opt *rows, size_t n, void *conf, const an_node *map, an_note *why)
{
    return an_conf_from_node_but(rows, n, conf, map, NULL, why);
}

an_err an_conf_load_yaml(const an_opt *rows, size_t n, void *conf, const char *path, an_note *why)
{
    an_yaml *doc = NULL;
    an_err err = an_yaml_load(path, &doc, why);
    if (err == AN_OK)
        err = an_conf_from_node(rows, n, conf, an_yaml_root(doc), why);
    an_yaml_free(doc);
    return err;
}
