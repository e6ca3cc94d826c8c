#include "agent/sink_conf.h"

#include <stdio.h>
#include <string.h>

#include "agent/sink.h"
#include "base/mem.h"
#include "doors/yaml.h"
#include "msg/msg.h"

static const an_option common[] = {
    {"name", AN_OPTION_TEXT, 0, 0, NULL, "what people call it; its place in the log of alarms goes by it"},
    {"type", AN_OPTION_TEXT, 0, 0, NULL, "kind of sink"},
    {"lines", AN_OPTION_LIST, 0, 0, "", "names of lines; all if not given"},
    {"kinds", AN_OPTION_LIST, 0, 0, "",
     "what it is sent: raised, updated, cleared, suppressed, released, acknowledged, shelved, unshelved, "
     "removed from "
     "service, restored to service, commented, verdict, quality, missed; all if not given"},
    {"severity", AN_OPTION_TEXT, 0, 0, "low", "least severity of an alarm: low, medium, high or critical"},
    {"hidden", AN_OPTION_BOOL, 0, 1, "false",
     "also what alarms do while they are shelved, suppressed or out of service"},
    {"from", AN_OPTION_TEXT, 0, 0, "now",
     "where it begins at its first start: now, or begin (all that the log holds)"},
    {"retry_min", AN_OPTION_REAL, 0.01, 3600, "0.5", "seconds until the first further attempt"},
    {"retry_max", AN_OPTION_REAL, 0.01, 86400, "60", "... and between the later ones, at most"},
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

const an_option *an_sink_common_get(void)
{
    return common;
}

static an_err read_name(const an_node *node, an_sink_conf *c, an_note *why)
{
    const char *name = NULL;
    an_err err = an_node_need_text(node, "name", &name, why);
    if (err == AN_OK && (!an_name_ok(name) || strlen(name) >= sizeof c->name))
        err = an_node_fail(an_node_get(node, "name"), why,
                           "name: at most %zu letters, digits, '.', '_' and '-', not beginning with '.'",
                           sizeof c->name - 1);
    if (err == AN_OK)
        snprintf(c->name, sizeof c->name, "%s", name);
    return err;
}

static an_err read_kinds(const an_node *list, an_sink_conf *c, an_note *why)
{
    const char *name = NULL;
    an_logged_kind kind;
    c->kinds = list ? 0 : UINT32_MAX;
    for (size_t i = 0; i < an_node_count(list); i++) {
        const an_node *item = an_node_at(list, i);
        an_err err = an_node_text(item, &name, why);
        if (err == AN_OK && !an_logged_find(name, &kind))
            err = an_node_fail(item, why, "kinds: the log has no records of kind \"%.60s\"", name);
        if (err != AN_OK)
            return err;
        c->kinds |= 1u << kind;
    }
    return AN_OK;
}

static an_err read_lines(const an_node *list, an_sink_conf *c,
                         bool (*is_line)(const void *ctx, const char *name), const void *ctx, an_note *why)
{
    const char *name = NULL;
    c->lines = list;
    for (size_t i = 0; i < an_node_count(list); i++) {
        const an_node *item = an_node_at(list, i);
        an_err err = an_node_text(item, &name, why);
        if (err == AN_OK && is_line && !is_line(ctx, name))
            err = an_node_fail(item, why, "lines: there is no line \"%.60s\"", name);
        if (err != AN_OK)
            return err;
    }
    return AN_OK;
}

static an_err read_filter(const an_node *node, an_sink_conf *c, an_note *why)
{
    const char *severity = NULL, *from = NULL;
    an_err err;
    if ((err = an_option_text(common, node, "severity", &severity, why)) != AN_OK ||
        (err = an_option_text(common, node, "from", &from, why)) != AN_OK ||
        (err = an_option_bool(common, node, "hidden", &c->hidden, why)) != AN_OK ||
        (err = an_option_ms(common, node, "retry_min", &c->retry_min_ms, why)) != AN_OK ||
        (err = an_option_ms(common, node, "retry_max", &c->retry_max_ms, why)) != AN_OK)
        return err;
    if (!an_severity_find(severity, &c->severity))
        return an_node_fail(an_node_get(node, "severity"), why, "severity: low, medium, high or critical");
    c->from_now = strcmp(from, "now") == 0;
    if (!c->from_now && strcmp(from, "begin") != 0)
        return an_node_fail(an_node_get(node, "from"), why, "from: now or begin");
    if (c->retry_max_ms < c->retry_min_ms)
        return an_node_fail(an_node_get(node, "retry_max"), why, "retry_max must not be below retry_min");
    return AN_OK;
}

/* Opens the variant, which reaches for nothing, and closes it again. */
static an_err try_open(const an_sink_type *type, const an_node *node, an_note *why)
{
    static const an_sink_site nowhere = {.site = "site", .data = ".", .alarms = ""};
    void *state = an_alloc(1, type->state_size);
    an_err err = state ? type->open(state, &nowhere, node, why) : AN_ERR_NOMEM;
    if (state && type->close)
        type->close(state);
    an_free(state);
    return err;
}

an_err an_sink_conf_read(const an_node *node, an_sink_conf *ret,
                         bool (*is_line)(const void *ctx, const char *name), const void *ctx, an_note *why)
{
    char what[96];
    an_sink_conf c = {.node = node};
    an_err err;
    if (an_node_kind(node) != AN_YAML_MAP)
        return an_node_fail(node, why, "sinks: each is a mapping with name and type");
    if ((err = read_name(node, &c, why)) != AN_OK ||
        (err = an_node_need_text(node, "type", &c.type, why)) != AN_OK)
        return err;
    const an_sink_type *type = an_sink_type_find(c.type);
    if (!type)
        return an_node_fail(an_node_get(node, "type"), why, "no sink of type \"%.60s\" in this build",
                            c.type);
    snprintf(what, sizeof what, "sink \"%s\"", type->name);
    if ((err = an_options_check(what, type->options, common, node, why)) != AN_OK ||
        (err = read_kinds(an_node_get(node, "kinds"), &c, why)) != AN_OK ||
        (err = read_lines(an_node_get(node, "lines"), &c, is_line, ctx, why)) != AN_OK ||
        (err = read_filter(node, &c, why)) != AN_OK)
        return err;
    an_note inner = {{0}};
    if ((err = try_open(type, node, &inner)) != AN_OK)
        return an_fail(err, why, "sink %s: %.250s", c.name, inner.text[0] ? inner.text : an_err_text(err));
    *ret = c;
    return AN_OK;
}

an_err an_sinks_conf_read(const an_node *node, an_sink_conf ret[static AN_SINKS_MAX], size_t *ret_n,
                          bool (*is_line)(const void *ctx, const char *name), const void *ctx, an_note *why)
{
    const size_t n = an_node_count(node);
    *ret_n = 0;
    if (an_node_is_null(node))
        return AN_OK;
    if (an_node_kind(node) != AN_YAML_LIST || n > AN_SINKS_MAX)
        return an_node_fail(node, why, "sinks: a list of at most %d", AN_SINKS_MAX);
    for (size_t i = 0; i < n; i++) {
        an_err err = an_sink_conf_read(an_node_at(node, i), &ret[i], is_line, ctx, why);
        if (err != AN_OK)
            return err;
        for (size_t j = 0; j < i; j++)
            if (strcmp(ret[j].name, ret[i].name) == 0)
                return an_node_fail(an_node_at(node, i), why, "there is a sink \"%s\" already", ret[i].name);
    }
    *ret_n = n;
    return AN_OK;
}

static bool named(const an_node *lines, const char *line)
{
    const char *name = NULL;
    for (size_t i = 0; i < an_node_count(lines); i++)
        if (an_node_text(an_node_at(lines, i), &name, NULL) == AN_OK && strcmp(name, line) == 0)
            return true;
    return false;
}

/* What the machine says of an alarm that people are not to see; what people do themselves is never hidden, nor
 * the end of an alarm that was sent. */
static bool is_hidden(const an_alarm_record *r)
{
    if (r->kind == AN_LOGGED_CLEARED)
        return !r->ever_shown;
    return (r->kind == AN_LOGGED_RAISED || r->kind == AN_LOGGED_UPDATED) && !an_standing_shown(r->standing);
}

bool an_sink_wants(const an_sink_conf *c, const an_alarm_record *r)
{
    if (!(c->kinds & 1u << r->kind) || (c->lines && !named(c->lines, r->line)))
        return false;
    return (r->alarm == 0 || r->severity >= c->severity) && (c->hidden || !is_hidden(r));
}
