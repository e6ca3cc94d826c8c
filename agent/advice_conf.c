#include "agent/advice_conf.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "doors/conf.h"
#include "msg/bounds.h"

#define FAR 1e30

static const char *const reaches[] = {"less", "more", "below", "above", NULL};

#define CONF an_advice_conf
const an_opt an_advice_rows[] = {
    AN_OPT_CHOICE(CONF, reach, "reach", reaches, "less",
                  "what is wished of the prediction: less, more, or below or above `limit`, and then no "
                  "farther than that takes"),
    AN_OPT_NUM(CONF, limit, "limit", -FAR, FAR, "0", "... in the unit of what is predicted"),
    AN_OPT_TEXT(CONF, version, "version", 1, AN_PATH_MAX - 1, NULL,
                "file of the version that predicts: one number of one row, of sensors of this line"),
    AN_OPT_TEXT(CONF, known, "known", 1, AN_PATH_MAX - 1, NULL,
                "table of rows that it learnt from, with a header: nothing is advised away from them"),
    AN_OPT_MS(CONF, every_ms, "every", 1000, 86400000, "10s",
              "at most one advice in so long; so often, too, it is seen whether the limit is kept"),
};
const size_t an_advice_n_rows = sizeof an_advice_rows / sizeof *an_advice_rows;
#undef CONF

static an_err read_input(an_advice_conf *c, const char *name, const an_node *node, an_note *why)
{
    static const char *const keys[] = {"low", "high", "step", NULL};
    const size_t i = c->n_inputs++;
    c->inputs[i].sensor = name;
    c->inputs[i].node = node;
    if (!name[0] || strlen(name) >= AN_SENSOR_MAX)
        return an_node_fail(node, why, "inputs: a sensor's name has 1 to %d bytes", AN_SENSOR_MAX - 1);
    an_err err = an_node_only_keys(node, keys, why);
    if (err == AN_OK)
        err = an_node_need_num(node, "low", -FAR, FAR, &c->inputs[i].low, why);
    if (err == AN_OK)
        err = an_node_need_num(node, "high", c->inputs[i].low, FAR, &c->inputs[i].high, why);
    if (err == AN_OK)
        err = an_node_need_num(node, "step", 0, FAR, &c->inputs[i].step, why);
    if (err == AN_OK && !(c->inputs[i].step > 0))
        err = an_node_fail(an_node_get(node, "step"), why, "step: must be above 0");
    return err;
}

static an_err read_cap(an_advice_conf *c, const an_node *node, an_note *why)
{
    static const char *const keys[] = {"version", "most", NULL};
    const size_t k = c->n_caps++;
    an_err err = an_node_only_keys(node, keys, why);
    if (err == AN_OK)
        err = an_node_need_text(node, "version", &c->caps[k].version, why);
    if (err == AN_OK && !c->caps[k].version[0])
        err = an_node_fail(node, why, "version: must be a path");
    return err == AN_OK ? an_node_need_num(node, "most", -FAR, FAR, &c->caps[k].most, why) : err;
}

static an_err read_lists(const an_node *map, an_advice_conf *c, an_note *why)
{
    const an_node *inputs = NULL, *caps = an_node_get(map, "caps");
    an_err err = an_node_need(map, "inputs", AN_YAML_MAP, &inputs, why);
    if (err == AN_OK && (an_node_count(inputs) == 0 || an_node_count(inputs) > AN_ADVICE_INPUTS_MAX))
        err = an_node_fail(inputs, why, "inputs: must be 1..%d", AN_ADVICE_INPUTS_MAX);
    if (err == AN_OK && !an_node_is_null(caps) &&
        (an_node_kind(caps) != AN_YAML_LIST || an_node_count(caps) > AN_ADVICE_CAPS_MAX))
        err = an_node_fail(caps, why, "caps: must be a list of at most %d", AN_ADVICE_CAPS_MAX);
    for (size_t i = 0; i < an_node_count(inputs) && err == AN_OK; i++)
        err = read_input(c, an_node_key(inputs, i), an_node_value(inputs, i), why);
    for (size_t i = 0; i < an_node_count(caps) && err == AN_OK; i++)
        err = read_cap(c, an_node_at(caps, i), why);
    return err;
}

static an_err check(const an_node *map, bool whole, const an_advice_conf *c, an_note *why)
{
    const bool said = !an_node_is_null(an_node_get(map, "limit"));
    if (said != an_advice_has_limit(c))
        return an_node_fail(said ? an_node_get(map, "limit") : map, why,
                            said ? "limit: belongs to `reach: below` or `above`"
                                 : "limit: is missing, which `reach: below` and `above` need");
    if (whole && (!c->version || !c->known))
        return an_node_fail(map, why, "\"%s\" is missing", c->version ? "known" : "version");
    return AN_OK;
}

an_err an_advice_conf_read(const an_node *map, bool whole, an_advice_conf **ret, an_note *why)
{
    static const char *const others[] = {"inputs", "caps", NULL};
    *ret = NULL;
    if (an_node_is_null(map))
        return AN_OK;
    if (an_node_kind(map) != AN_YAML_MAP)
        return an_node_fail(map, why, "advice: must be a mapping");
    an_advice_conf *c = an_alloc(1, sizeof *c);
    if (!c)
        return AN_ERR_NOMEM;
    an_err err = an_opt_defaults(an_advice_rows, an_advice_n_rows, c);
    if (err == AN_OK)
        err = an_conf_from_node_but(an_advice_rows, whole ? an_advice_n_rows : AN_ADVICE_ASK_ROWS, c, map,
                                    others, why);
    if (err == AN_OK)
        err = read_lists(map, c, why);
    if (err == AN_OK)
        err = check(map, whole, c, why);
    if (err == AN_OK)
        *ret = c;
    else
        an_advice_conf_free(c);
    return err;
}

void an_advice_conf_free(an_advice_conf *c)
{
    if (!c)
        return;
    an_opt_done(an_advice_rows, an_advice_n_rows, c);
    an_free(c);
}
