#include "agent/writeback_conf.h"

#include <stdio.h>
#include <string.h>

#include "agent/sinks/mqtt_link.h"
#include "doors/yaml.h"
#include "msg/msg.h"

const char *const an_wb_type_names[] = {"modbus", "mqtt", NULL};

/* clang-format off */
#define COMMON                                                                                               \
    {"type", AN_OPTION_TEXT, 0, 0, "modbus", "modbus or mqtt: how the controller is reached"},               \
    {"dry_run", AN_OPTION_BOOL, 0, 1, "true", "only say in the journal what would be written"},              \
    {"window", AN_OPTION_REAL, 10, 3600, "600",                                                              \
     "seconds within which a second person must enable it, too"},                                            \
    {"for", AN_OPTION_REAL, 60, 604800, "28800", "seconds for which it is enabled then"},                    \
    {"period", AN_OPTION_REAL, 0.05, 60, "0.5", "seconds between two looks"},                                \
    {"people", AN_OPTION_LIST, 0, 0, NULL, "who may enable it, two at least"}
#define PLACE_COMMON                                                                                         \
    {"name", AN_OPTION_TEXT, 0, 0, NULL, "what people call it"},                                             \
    {"line", AN_OPTION_TEXT, 0, 0, NULL, "the line whose verdict it has"},                                   \
    {"min", AN_OPTION_INT, 0, 65535, "0", "least value that is ever written"},                               \
    {"max", AN_OPTION_INT, 0, 65535, NULL, "largest value that is ever written"},                            \
    {"unknown", AN_OPTION_INT, 0, 65535, NULL, "value of unknown, other than that of good"},                 \
    {"good", AN_OPTION_INT, 0, 65535, NULL, "value of good"},                                                \
    {"bad", AN_OPTION_INT, 0, 65535, NULL, "value of bad"},                                                  \
    {"severity", AN_OPTION_TEXT, 0, 0, "high", "least severity of an alarm that makes it bad"},              \
    {"rate", AN_OPTION_INT, 1, AN_WB_RATE_MAX, "10", "writes in a minute, at most"},                         \
    {"deadline", AN_OPTION_REAL, 2, 3600, "3", "seconds after which what is known is late: unknown"}
#define END {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL}

const an_option an_wb_options[] = {
    COMMON,
    {"device", AN_OPTION_TEXT, 0, 0, NULL, "the controller, HOST:PORT of Modbus TCP"},
    {"unit", AN_OPTION_INT, 1, 255, "1", "its unit"},
    {"heartbeat", AN_OPTION_INT, 0, 65535, NULL,
     "holding register that counts as long as what was written is true; if it stands still, the controller "
     "decides alone"},
    {"sequence", AN_OPTION_INT, 0, 65535, NULL, "holding register that counts the writes"},
    {"timeout", AN_OPTION_REAL, 0.05, 10, "1", "seconds that one exchange may take"},
    {"targets", AN_OPTION_LIST, 0, 0, NULL,
     "the only addresses, beside heartbeat and sequence, that are written"},
    END,
};

const an_option an_wb_mqtt_options[] = {
    COMMON,
    MQTT_LINK_OPTIONS,
    {"heartbeat", AN_OPTION_TEXT, 0, 0, NULL,
     "topic of a message as long as what was written is true; if there is none, the controller decides alone"},
    {"acknowledge", AN_OPTION_TEXT, 0, 0, "",
     "topic on which the controller answers each write within `timeout`; without it the broker's word is enough"},
    {"targets", AN_OPTION_LIST, 0, 0, NULL, "the only topics, beside the heartbeat's, that are written"},
    END,
};

const an_option an_wb_person_options[] = {
    {"name", AN_OPTION_TEXT, 0, 0, NULL, "who"},
    {"key_file", AN_OPTION_TEXT, 0, 0, NULL, "file with the secret of this person alone"},
    END,
};

const an_option an_wb_place_options[] = {
    PLACE_COMMON,
    {"table", AN_OPTION_TEXT, 0, 0, NULL, "coil or holding"},
    {"address", AN_OPTION_INT, 0, 65535, NULL, "from 0"},
    END,
};

const an_option an_wb_mqtt_place_options[] = {
    PLACE_COMMON,
    {"topic", AN_OPTION_TEXT, 0, 0, NULL, "where it is published"},
    END,
};
/* clang-format on */

static const an_option no_common[] = {{NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL}};

static an_err read_name(const an_node *node, const char *key, char out[static AN_NAME_MAX], an_note *why)
{
    const char *name = NULL;
    an_err err = an_node_need_text(node, key, &name, why);
    if (err == AN_OK && !an_name_ok(name))
        err = an_node_fail(an_node_get(node, key), why, "%s: letters, digits, '.', '_' and '-' only", key);
    if (err == AN_OK)
        snprintf(out, AN_NAME_MAX, "%s", name);
    return err;
}

static an_err read_device(const an_node *node, an_wb_conf *c, an_note *why)
{
    const char *text = NULL, *colon;
    an_err err = an_node_need_text(node, "device", &text, why);
    if (err != AN_OK)
        return err;
    colon = strrchr(text, ':');
    if (!colon || colon == text || (size_t)(colon - text) >= sizeof c->host || !colon[1] ||
        strlen(colon + 1) > 5 || strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return an_node_fail(an_node_get(node, "device"), why, "device: HOST:PORT");
    snprintf(c->host, sizeof c->host, "%.*s", (int)(colon - text), text);
    snprintf(c->port, sizeof c->port, "%.5s", colon + 1);
    return AN_OK;
}

static an_err read_type(const an_node *node, an_wb_conf *c, an_note *why)
{
    const char *type = NULL;
    an_err err = an_node_get_text(node, "type", "modbus", &type, why);
    if (err != AN_OK)
        return err;
    c->type = strcmp(type, "mqtt") == 0 ? AN_WB_MQTT : AN_WB_MODBUS;
    return strcmp(type, an_wb_type_names[c->type]) == 0
               ? AN_OK
               : an_node_fail(an_node_get(node, "type"), why, "type: modbus or mqtt");
}

static an_err read_topic(const an_option *rows, const an_node *node, const char *key,
                         char out[static AN_WB_TOPIC_MAX], an_note *why)
{
    const char *text = NULL;
    an_err err = an_option_text(rows, node, key, &text, why);
    if (err == AN_OK && (strlen(text) >= AN_WB_TOPIC_MAX || strpbrk(text, "+#")))
        err = an_node_fail(an_node_get(node, key), why, "%s: a topic without + and #", key);
    if (err == AN_OK)
        memcpy(out, text, strlen(text) + 1);
    return err;
}

static an_err read_modbus(const an_node *node, an_wb_conf *c, an_note *why)
{
    int64_t unit = 0, heartbeat = 0, sequence = 0;
    an_err err;
    if ((err = read_device(node, c, why)) != AN_OK ||
        (err = an_option_int(an_wb_options, node, "unit", &unit, why)) != AN_OK ||
        (err = an_option_int(an_wb_options, node, "heartbeat", &heartbeat, why)) != AN_OK ||
        (err = an_option_int(an_wb_options, node, "sequence", &sequence, why)) != AN_OK)
        return err;
    c->unit = (int)unit;
    c->heartbeat = (int)heartbeat;
    c->sequence = (int)sequence;
    return heartbeat == sequence ? an_node_fail(node, why, "heartbeat and sequence: two registers") : AN_OK;
}

static an_err read_mqtt(const an_node *node, an_wb_conf *c, an_note *why)
{
    an_err err = read_topic(an_wb_mqtt_options, node, "heartbeat", c->heartbeat_topic, why);
    if (err == AN_OK)
        err = read_topic(an_wb_mqtt_options, node, "acknowledge", c->acknowledge, why);
    if (err == AN_OK && (!c->heartbeat_topic[0] || strcmp(c->heartbeat_topic, c->acknowledge) == 0))
        err = an_node_fail(node, why, "heartbeat and acknowledge: two topics");
    return err;
}

static an_err read_top(const an_node *node, an_wb_conf *c, an_note *why)
{
    an_err err = read_type(node, c, why);
    const an_option *rows = c->type == AN_WB_MQTT ? an_wb_mqtt_options : an_wb_options;
    c->node = node;
    if (err != AN_OK || (err = an_options_check("writeback", rows, no_common, node, why)) != AN_OK ||
        (err = an_option_bool(rows, node, "dry_run", &c->dry_run, why)) != AN_OK ||
        (err = an_option_ms(rows, node, "window", &c->people.window_ms, why)) != AN_OK ||
        (err = an_option_ms(rows, node, "for", &c->people.for_ms, why)) != AN_OK ||
        (err = an_option_ms(rows, node, "period", &c->period_ms, why)) != AN_OK ||
        (err = an_option_ms(rows, node, "timeout", &c->timeout_ms, why)) != AN_OK)
        return err;
    return c->type == AN_WB_MQTT ? read_mqtt(node, c, why) : read_modbus(node, c, why);
}

static an_err read_person(const an_node *node, an_wb_conf *c, an_note *why)
{
    const size_t i = c->n_persons;
    an_err err = an_options_check("people", an_wb_person_options, no_common, node, why);
    if (err == AN_OK)
        err = read_name(node, "name", c->persons[i].name, why);
    if (err == AN_OK)
        err = an_node_need_text(node, "key_file", &c->persons[i].key_file, why);
    /* One key in two names would be one person. */
    for (size_t j = 0; j < i && err == AN_OK; j++)
        if (strcmp(c->persons[j].name, c->persons[i].name) == 0 ||
            strcmp(c->persons[j].key_file, c->persons[i].key_file) == 0)
            err = an_node_fail(node, why, "people: each has a name and a key_file of its own");
    c->n_persons += err == AN_OK;
    return err;
}

static an_err read_target(const an_node *node, an_wb_place *p, an_note *why)
{
    static const char *const keys[] = {"unknown", "good", "bad"};
    int64_t min = 0, max = 0, rate = 0, value = 0;
    an_err err;
    if ((err = an_option_int(an_wb_place_options, node, "min", &min, why)) != AN_OK ||
        (err = an_option_int(an_wb_place_options, node, "max", &max, why)) != AN_OK ||
        (err = an_option_int(an_wb_place_options, node, "rate", &rate, why)) != AN_OK)
        return err;
    p->target = (an_wb_target){.min = (uint16_t)min, .max = (uint16_t)max, .rate_minute = (unsigned)rate};
    for (size_t i = 0; i < 3 && err == AN_OK; i++) {
        err = an_option_int(an_wb_place_options, node, keys[i], &value, why);
        p->target.values[i] = (uint16_t)value;
    }
    if (err == AN_OK && (!an_wb_target_ok(&p->target) || (p->coil && max > 1)))
        err = an_node_fail(node, why,
                           "%s: unknown, good and bad must be between min and max (of a coil: 0 and 1), and "
                           "unknown must not look like good",
                           p->name);
    return err;
}

/* Where it is written, which has no other purpose. */
static an_err read_address(const an_node *node, const an_wb_conf *c, an_wb_place *p, an_note *why)
{
    const char *table = NULL;
    int64_t address = 0;
    an_err err = an_node_need_text(node, "table", &table, why);
    if (err == AN_OK)
        err = an_option_int(an_wb_place_options, node, "address", &address, why);
    if (err != AN_OK)
        return err;
    p->coil = strcmp(table, "coil") == 0;
    p->address = (int)address;
    if (!p->coil && strcmp(table, "holding") != 0)
        return an_node_fail(an_node_get(node, "table"), why, "table: coil or holding");
    bool taken = !p->coil && (p->address == c->heartbeat || p->address == c->sequence);
    for (size_t i = 0; i < c->n; i++)
        taken = taken || (c->places[i].coil == p->coil && c->places[i].address == p->address);
    return taken ? an_node_fail(an_node_get(node, "address"), why, "address: %d has another purpose already",
                                p->address)
                 : AN_OK;
}

static an_err read_place_topic(const an_node *node, const an_wb_conf *c, an_wb_place *p, an_note *why)
{
    an_err err = read_topic(an_wb_mqtt_place_options, node, "topic", p->topic, why);
    if (err != AN_OK)
        return err;
    bool taken =
        !p->topic[0] || strcmp(p->topic, c->heartbeat_topic) == 0 || strcmp(p->topic, c->acknowledge) == 0;
    for (size_t i = 0; i < c->n; i++)
        taken = taken || strcmp(c->places[i].topic, p->topic) == 0;
    return taken ? an_node_fail(an_node_get(node, "topic"), why,
                                "topic: \"%.60s\" has another purpose already", p->topic)
                 : AN_OK;
}

static an_err read_place(const an_node *node, an_wb_conf *c,
                         bool (*is_line)(const void *ctx, const char *name), const void *ctx, an_note *why)
{
    an_wb_place *p = &c->places[c->n];
    const bool mqtt = c->type == AN_WB_MQTT;
    const an_option *rows = mqtt ? an_wb_mqtt_place_options : an_wb_place_options;
    const char *severity = NULL;
    an_err err;
    if ((err = an_options_check("targets", rows, no_common, node, why)) != AN_OK ||
        (err = read_name(node, "name", p->name, why)) != AN_OK ||
        (err = read_name(node, "line", p->line, why)) != AN_OK ||
        (err = an_option_text(rows, node, "severity", &severity, why)) != AN_OK ||
        (err = an_option_ms(rows, node, "deadline", &p->deadline_ms, why)) != AN_OK)
        return err;
    if (!an_severity_find(severity, &p->severity))
        return an_node_fail(an_node_get(node, "severity"), why, "severity: low, medium, high or critical");
    if (is_line && !is_line(ctx, p->line))
        return an_node_fail(an_node_get(node, "line"), why, "there is no line \"%s\"", p->line);
    err = mqtt ? read_place_topic(node, c, p, why) : read_address(node, c, p, why);
    if (err == AN_OK)
        err = read_target(node, p, why);
    c->n += err == AN_OK;
    return err;
}

an_err an_wb_conf_read(const an_node *node, an_wb_conf *ret,
                       bool (*is_line)(const void *ctx, const char *name), const void *ctx, an_note *why)
{
    an_wb_conf c = {.there = true};
    *ret = (an_wb_conf){.there = false};
    if (an_node_is_null(node))
        return AN_OK;
    an_err err = read_top(node, &c, why);
    const an_node *people = an_node_get(node, "people"), *targets = an_node_get(node, "targets");
    if (err == AN_OK && (an_node_count(people) < 2 || an_node_count(people) > AN_WB_PEOPLE_MAX ||
                         an_node_count(targets) < 1 || an_node_count(targets) > AN_WB_TARGETS_MAX))
        err = an_node_fail(node, why, "writeback: 2 to %d people, 1 to %d targets", AN_WB_PEOPLE_MAX,
                           AN_WB_TARGETS_MAX);
    for (size_t i = 0; err == AN_OK && i < an_node_count(people); i++)
        err = read_person(an_node_at(people, i), &c, why);
    for (size_t i = 0; err == AN_OK && i < an_node_count(targets); i++)
        err = read_place(an_node_at(targets, i), &c, is_line, ctx, why);
    if (err == AN_OK)
        *ret = c;
    return err;
}
