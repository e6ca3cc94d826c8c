#include "agent/tags_conf.h"

#include <string.h>

#include "doors/yaml.h"

an_err an_tags_conf_read(const an_node *conf, int64_t step_ms, an_tags_conf *ret, an_note *why)
{
    int64_t queue = 0;
    double skew_s = 0;
    an_tags_conf c = {.clock = an_clock_system()};
    an_err err = an_node_get_int(conf, "step_ms", 0, 86400000, step_ms, &c.step_ms, why);
    if (!err)
        err = an_node_get_int(conf, "settle_ms", 0, 86400000, 0, &c.settle_ms, why);
    if (!err)
        err = an_node_get_int(conf, "stale_ms", 0, 604800000, 0, &c.stale_ms, why);
    if (!err)
        err = an_node_get_int(conf, "idle_ms", 1, 86400000, 1000, &c.idle_ms, why);
    if (!err)
        err = an_node_get_int(conf, "queue", 64, AN_TAGS_QUEUE_MAX, 16384, &queue, why);
    if (!err)
        err = an_node_get_num(conf, "skew", 0, 86400, 10, &skew_s, why); /* understood by every source */
    if (err)
        return err;
    c.queue = (size_t)queue;
    c.skew_ms = (int64_t)(skew_s * 1000);
    *ret = c;
    return AN_OK;
}

static an_err read_text(const an_node *map, const char *key, const char *text, char *out, size_t cap,
                        an_note *why)
{
    const size_t len = strlen(text);
    if (len >= cap)
        return an_node_fail(an_node_get(map, key), why, "%s: longer than %zu bytes", key, cap - 1);
    memcpy(out, text, len + 1);
    return AN_OK;
}

an_err an_tag_read(const an_node *map, an_tag *ret, an_tag_name *ret_name, an_note *why)
{
    const char *name = NULL, *unit = NULL;
    an_err err = an_node_need_text(map, "name", &name, why);
    if (!err && !name[0])
        err = an_node_fail(map, why, "name: must not be empty");
    if (!err)
        err = read_text(map, "name", name, ret_name->name, sizeof ret_name->name, why);
    if (!err)
        err = an_node_get_text(map, "unit", "", &unit, why);
    if (!err)
        err = read_text(map, "unit", unit, ret_name->unit, sizeof ret_name->unit, why);
    if (!err)
        err = an_node_get_num(map, "scale", -1e300, 1e300, 1, &ret->scale, why);
    if (!err)
        err = an_node_get_num(map, "offset", -1e300, 1e300, 0, &ret->offset, why);
    if (!err)
        err = an_node_get_num(map, "deadband", 0, 1e300, 0, &ret->deadband, why);
    return err;
}

an_err an_tags_distinct(const an_node *at, const an_tag_name *names, size_t n, an_note *why)
{
    for (size_t i = 1; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(names[i].name, names[j].name) == 0)
                return an_node_fail(at, why, "two tags are called \"%s\"", names[i].name);
    return AN_OK;
}
