/* Rules as a site's file has them: checked whole, with the place of what is wrong. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/rules.h"
#include "base/mem.h"
#include "base/opt.h"
#include "msg/msg.h"

typedef struct reading {
    an_line_rule *rule;
    size_t n_all, n_rates; /* of all rules of the line */
} reading;

void an_line_rules_done(an_line_rules *r)
{
    for (size_t i = 0; i < r->n; i++)
        an_free(r->items[i].conds);
    an_free(r->items);
    *r = (an_line_rules){.items = NULL};
}

bool an_line_rules_fuse(const an_line_rules *r, const char *line)
{
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < r->items[i].n; k++)
            if (r->items[i].conds[k].kind == AN_COND_MEMBER && strcmp(r->items[i].conds[k].name, line) == 0)
                return true;
    return false;
}

/* ---- values ---- */

static an_err get_ms(const an_node *map, const char *key, int64_t min, int64_t dflt, int64_t *ret,
                     an_note *why)
{
    const char *text = NULL;
    const an_node *node = an_node_get(map, key);
    *ret = dflt;
    if (an_node_is_null(node))
        return AN_OK;
    an_err err = an_node_text(node, &text, why);
    if (err == AN_OK && (!an_parse_ms(text, ret) || *ret < min || *ret > AN_RULE_TIME_MAX_MS))
        err =
            an_node_fail(node, why, "%s: a time such as 30s or 10m, from %lldms to 7d", key, (long long)min);
    return err;
}

static an_err get_limit(const an_node *map, const char *key, double *ret, an_note *why)
{
    return an_node_need_num(map, key, -1e30, 1e30, ret, why);
}

static an_err set_text(const an_node *map, const char *key, char *out, size_t size, an_note *why)
{
    const char *text = "";
    an_err err = an_node_get_text(map, key, "", &text, why);
    if (err == AN_OK && strlen(text) >= size)
        err = an_node_fail(an_node_get(map, key), why, "%s: at most %zu characters", key, size - 1);
    if (err == AN_OK)
        an_text_set(out, size, text);
    return err;
}

static an_err read_outside(const an_node *map, an_cond *c, an_note *why)
{
    const an_node *list = NULL;
    an_err err = an_node_need(map, "outside", AN_YAML_LIST, &list, why);
    if (err == AN_OK && an_node_count(list) != 2)
        err = an_node_fail(list, why, "outside: two values, the lower one first");
    if (err == AN_OK)
        err = an_node_num(an_node_at(list, 0), -1e30, 1e30, &c->low, why);
    if (err == AN_OK)
        err = an_node_num(an_node_at(list, 1), -1e30, 1e30, &c->high, why);
    if (err == AN_OK && !(c->low < c->high))
        err = an_node_fail(list, why, "outside: the lower value comes first");
    return err;
}

static an_err read_faults(const an_node *map, an_cond *c, an_note *why)
{
    static const struct {
        const char *name;
        unsigned faults;
    } names[] = {{"missing", 1u << AN_QUALITY_MISSING},
                 {"stuck", 1u << AN_QUALITY_STUCK},
                 {"range", 1u << AN_QUALITY_RANGE},
                 {"bad", (1u << AN_QUALITY_KINDS) - 1}};
    const char *name = NULL;
    an_err err = an_node_need_text(map, "quality", &name, why);
    for (size_t i = 0; err == AN_OK && i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, name) == 0)
            c->faults = names[i].faults;
    if (err == AN_OK && c->faults == 0)
        err = an_node_fail(an_node_get(map, "quality"), why,
                           "quality: missing, stuck, range, or bad for any of them");
    return err;
}

/* ---- conditions ---- */

/* One key says what kind a condition is.  The others depend on it. */
static const struct kind_key {
    const char *key;
    an_cond_kind kind;
    bool of_sensor;
} kind_keys[] = {
    {"all", AN_COND_ALL, false},
    {"any", AN_COND_ANY, false},
    {"not", AN_COND_NOT, false},
    {"above", AN_COND_ABOVE, true},
    {"below", AN_COND_BELOW, true},
    {"outside", AN_COND_OUTSIDE, true},
    {"rate_above", AN_COND_RATE_ABOVE, true},
    {"rate_below", AN_COND_RATE_BELOW, true},
    {"quality", AN_COND_FAULT, true},
    {"score_above", AN_COND_SCORE_ABOVE, false},
    {"alarm", AN_COND_ALARM_OPEN, false},
    {"fused", AN_COND_FUSED, false},
};

static an_err find_kind(const an_node *map, const struct kind_key **ret, an_note *why)
{
    *ret = NULL;
    if (an_node_kind(map) != AN_YAML_MAP)
        return an_node_fail(map, why, "a condition is a map, such as {sensor: flow, below: 3}");
    for (size_t i = 0; i < sizeof kind_keys / sizeof *kind_keys; i++) {
        if (!an_node_get(map, kind_keys[i].key))
            continue;
        if (*ret)
            return an_node_fail(map, why,
                                "a condition has one of \"%s\" and \"%s\", not both; `all` joins two",
                                (*ret)->key, kind_keys[i].key);
        *ret = &kind_keys[i];
    }
    if (!*ret)
        return an_node_fail(map, why,
                            "a condition needs one of all, any, not, above, below, outside, rate_above, "
                            "rate_below, quality, score_above, alarm and fused");
    return AN_OK;
}

static an_err check_keys(const an_node *map, const struct kind_key *k, an_note *why)
{
    const bool value = k->of_sensor && k->kind != AN_COND_FAULT;
    const bool rate = k->kind == AN_COND_RATE_ABOVE || k->kind == AN_COND_RATE_BELOW;
    const char *keys[8] = {k->key, "for"};
    size_t n = 2;
    if (k->of_sensor)
        keys[n++] = "sensor";
    if (value) {
        keys[n++] = "hysteresis";
        keys[n++] = "unit";
    }
    if (rate)
        keys[n++] = "over";
    if (k->kind == AN_COND_SCORE_ABOVE) {
        keys[n++] = "line";
        keys[n++] = "hysteresis";
    }
    if (k->kind == AN_COND_ALARM_OPEN)
        keys[n++] = "line";
    if (k->kind == AN_COND_FUSED) {
        keys[n++] = "by";
        keys[n++] = "far";
        keys[n++] = "hysteresis";
    }
    keys[n] = NULL;
    return an_node_only_keys(map, keys, why);
}

static an_err read_leaf(const an_node *map, const struct kind_key *k, an_cond *c, an_note *why)
{
    const char *text = NULL;
    an_err err = k->of_sensor ? an_node_need_text(map, "sensor", &text, why) : AN_OK;
    if (err == AN_OK)
        err = set_text(map, k->of_sensor ? "sensor" : "line", c->name, sizeof c->name, why);
    if (err == AN_OK)
        err = set_text(map, "unit", c->unit, sizeof c->unit, why);
    if (err == AN_OK)
        err = an_node_get_num(map, "hysteresis", 0, 1e30, 0, &c->hysteresis, why);
    if (err == AN_OK)
        err = get_ms(map, "over", 10, 0, &c->over_ms, why);
    if (err != AN_OK)
        return err;
    const char *alarm = NULL;
    switch (k->kind) {
    case AN_COND_ABOVE:
    case AN_COND_SCORE_ABOVE:
    case AN_COND_RATE_ABOVE:
        err = get_limit(map, k->key, &c->high, why);
        break;
    case AN_COND_BELOW:
    case AN_COND_RATE_BELOW:
        err = get_limit(map, k->key, &c->low, why);
        break;
    case AN_COND_OUTSIDE:
        err = read_outside(map, c, why);
        break;
    case AN_COND_FAULT:
        err = read_faults(map, c, why);
        break;
    default:
        err = an_node_need_text(map, "alarm", &alarm, why);
        if (err == AN_OK && strcmp(alarm, "open") != 0)
            err = an_node_fail(an_node_get(map, "alarm"), why, "alarm: open");
        break;
    }
    if (err == AN_OK && (k->kind == AN_COND_RATE_ABOVE || k->kind == AN_COND_RATE_BELOW) && c->over_ms == 0)
        err =
            an_node_fail(map, why, "\"over\" is missing: the time over which the rate is taken, such as 30s");
    return err;
}

static an_err add_cond(reading *r, const an_node *map, unsigned depth, an_note *why);

static an_err add_members(reading *r, const an_node *map, const struct kind_key *k, unsigned depth,
                          an_note *why)
{
    const an_node *members = an_node_get(map, k->key);
    an_err err = AN_OK;
    if (depth >= AN_RULE_DEPTH_MAX)
        return an_node_fail(map, why, "groups in groups: at most %d deep", AN_RULE_DEPTH_MAX);
    if (k->kind == AN_COND_NOT)
        return add_cond(r, members, depth + 1, why);
    if (an_node_kind(members) != AN_YAML_LIST || an_node_count(members) == 0)
        return an_node_fail(members, why, "%s: a list of conditions", k->key);
    for (size_t i = 0; i < an_node_count(members) && err == AN_OK; i++)
        err = add_cond(r, an_node_at(members, i), depth + 1, why);
    return err;
}

static an_err new_cond(reading *r, const an_node *node, an_cond_kind kind, an_cond **ret, an_note *why)
{
    r->n_rates += kind == AN_COND_RATE_ABOVE || kind == AN_COND_RATE_BELOW;
    if (r->rule->n == AN_RULE_CONDS_MAX || r->n_all == AN_RULES_CONDS_MAX || r->n_rates > AN_RULES_RATES_MAX)
        return an_node_fail(node, why,
                            "too many: a rule has %d conditions, a line %d, %d of rates among them",
                            AN_RULE_CONDS_MAX, AN_RULES_CONDS_MAX, AN_RULES_RATES_MAX);
    *ret = &r->rule->conds[r->rule->n++];
    **ret = (an_cond){.kind = kind, .low = -INFINITY, .high = INFINITY, .end = r->rule->n, .node = node};
    r->n_all++;
    return AN_OK;
}

static an_err add_fused(reading *r, const an_node *map, an_cond *c, an_note *why)
{
    const an_node *lines = an_node_get(map, "fused");
    const size_t first = r->rule->n;
    const char *text = NULL;
    an_err err = an_node_get_text(map, "by", an_fuse_at(0)->name, &text, why);
    if (err == AN_OK && !(c->fuse = an_fuse_find(text)))
        err = an_node_fail(an_node_get(map, "by"), why, "by: fisher, mean or max");
    if (err == AN_OK)
        err = an_node_get_num(map, "far", 1e-9, 0.5, 0.001, &c->far, why);
    if (err == AN_OK)
        err = an_node_get_num(map, "hysteresis", 0, 1, 0, &c->hysteresis, why);
    if (err == AN_OK && (an_node_kind(lines) != AN_YAML_LIST || an_node_count(lines) < 2 ||
                         an_node_count(lines) > AN_FUSE_MOST))
        err = an_node_fail(map, why, "fused: a list of 2 to %d lines", AN_FUSE_MOST);
    c->high = 1;
    for (size_t i = 0; err == AN_OK && i < an_node_count(lines); i++) {
        const an_node *node = an_node_at(lines, i);
        an_cond *member = NULL;
        if ((err = an_node_text(node, &text, why)) != AN_OK ||
            (err = new_cond(r, node, AN_COND_MEMBER, &member, why)) != AN_OK)
            return err;
        an_text_set(member->name, sizeof member->name, text);
        for (size_t k = first; k < r->rule->n - 1; k++)
            if (strcmp(r->rule->conds[k].name, member->name) == 0)
                err = an_node_fail(node, why, "fused: line \"%.60s\" stands there twice", text);
    }
    return err;
}

static an_err read_cond(reading *r, const an_node *map, const struct kind_key *k, unsigned depth, an_cond *c,
                        an_note *why)
{
    if (k->kind == AN_COND_FUSED)
        return add_fused(r, map, c, why);
    return k->kind <= AN_COND_NOT ? add_members(r, map, k, depth, why) : read_leaf(map, k, c, why);
}

static an_err add_cond(reading *r, const an_node *map, unsigned depth, an_note *why)
{
    const struct kind_key *k = NULL;
    an_err err = find_kind(map, &k, why);
    if (err == AN_OK)
        err = check_keys(map, k, why);
    if (err != AN_OK)
        return err;
    an_cond *c = NULL;
    err = new_cond(r, map, k->kind, &c, why);
    if (err == AN_OK)
        err = get_ms(map, "for", 0, 0, &c->for_ms, why);
    if (err == AN_OK)
        err = read_cond(r, map, k, depth, c, why);
    if (err == AN_OK)
        c->end = r->rule->n;
    return err;
}

/* ---- rules ---- */

static an_err get_choice(const an_node *map, const char *key, const char *const *names, size_t n, size_t dflt,
                         size_t *ret, an_note *why)
{
    const char *text = names[dflt];
    an_err err = an_node_get_text(map, key, names[dflt], &text, why);
    for (*ret = 0; err == AN_OK && *ret < n; (*ret)++)
        if (strcmp(names[*ret], text) == 0)
            return AN_OK;
    return err != AN_OK
               ? err
               : an_node_fail(an_node_get(map, key), why, "%s: \"%.60s\" is none of %s, %s, %s%s%s", key,
                              text, names[0], names[1], names[2], n > 3 ? ", " : "", n > 3 ? names[3] : "");
}

static an_err read_head(const an_node *map, an_line_rule *rule, an_note *why)
{
    static const char *const effects[] = {"raise", "veto", "escalate"};
    const char *name = NULL;
    size_t effect = 0, severity = 0;
    an_err err = an_node_need_text(map, "name", &name, why);
    if (err == AN_OK && (!an_name_ok(name) || strlen(name) >= sizeof rule->name))
        err = an_node_fail(an_node_get(map, "name"), why,
                           "name: at most %d letters, digits, '.', '_' and '-', not beginning with '.'",
                           AN_RULE_NAME_MAX - 1);
    if (err == AN_OK)
        err = get_choice(map, "effect", effects, AN_RULE_EFFECTS, AN_RULE_RAISE, &effect, why);
    if (err == AN_OK)
        err = get_choice(map, "severity", an_severity_names, AN_SEVERITIES, AN_SEVERITY_HIGH, &severity, why);
    if (err != AN_OK)
        return err;
    if (effect == AN_RULE_VETO && an_node_get(map, "severity"))
        return an_node_fail(an_node_get(map, "severity"), why, "severity: a veto has none");
    snprintf(rule->name, sizeof rule->name, "%s", name);
    rule->effect = (an_rule_effect)effect;
    rule->severity = (an_severity)severity;
    err = get_ms(map, "for", 0, 0, &rule->for_ms, why);
    if (err == AN_OK)
        err = get_ms(map, "clear_for", 0, 0, &rule->clear_ms, why);
    return err == AN_OK ? set_text(map, "message", rule->message, sizeof rule->message, why) : err;
}

static an_err read_rule(const an_node *map, reading *r, an_note *why)
{
    static const char *const keys[] = {"name", "when",      "effect",  "severity",
                                       "for",  "clear_for", "message", NULL};
    const an_node *when = NULL;
    an_err err = an_node_only_keys(map, keys, why);
    if (err == AN_OK)
        err = read_head(map, r->rule, why);
    if (err == AN_OK)
        err = an_node_need(map, "when", AN_YAML_MAP, &when, why);
    if (err == AN_OK && !(r->rule->conds = an_alloc(AN_RULE_CONDS_MAX, sizeof *r->rule->conds)))
        err = AN_ERR_NOMEM;
    return err == AN_OK ? add_cond(r, when, 0, why) : err;
}

an_err an_line_rules_read(const an_node *list, an_line_rules *ret, an_note *why)
{
    an_line_rules rules = {.items = NULL};
    reading r = {.rule = NULL};
    an_err err = AN_OK;
    if (an_node_is_null(list)) {
        *ret = rules;
        return AN_OK;
    }
    if (an_node_kind(list) != AN_YAML_LIST || an_node_count(list) > AN_RULES_MAX)
        return an_node_fail(list, why, "rules: a list of at most %d", AN_RULES_MAX);
    if (!(rules.items = an_alloc(an_node_count(list) + 1, sizeof *rules.items)))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < an_node_count(list) && err == AN_OK; i++) {
        r.rule = &rules.items[rules.n++];
        err = read_rule(an_node_at(list, i), &r, why);
        for (size_t k = 0; k < i && err == AN_OK; k++)
            if (strcmp(rules.items[k].name, r.rule->name) == 0)
                err = an_node_fail(an_node_get(an_node_at(list, i), "name"), why,
                                   "there is a rule \"%s\" already", r.rule->name);
    }
    if (err == AN_OK)
        *ret = rules;
    else
        an_line_rules_done(&rules);
    return err;
}
