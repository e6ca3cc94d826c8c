/* mqtt: CloudEvents 1.0 in JSON, each published with QoS 1 to a topic that may hold the site, the line and the kind. */
#include <string.h>

#include "agent/sink_event.h"
#include "agent/sinks/mqtt_link.h"
#include "agent/template.h"
#include "base/mem.h"

typedef struct mqtt_sink {
    mqtt_link link;
    const char *topic;
    bool retain;
} mqtt_sink;

static const an_option options[] = {
    MQTT_LINK_OPTIONS,
    {"topic", AN_OPTION_TEXT, 0, 0, "andon/{{site}}/{{line}}/alarms",
     "where to publish; the fields are site, line, kind and severity"},
    {"retain", AN_OPTION_BOOL, 0, 1, "false",
     "the broker keeps the last event of each topic for those that come later"},
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

static const char *value_of(void *ctx, const char *name, bool *ret_raw)
{
    const an_alarm_record *r = ctx;
    const struct {
        const char *name, *value;
    } fields[] = {{"site", r->site},
                  {"line", r->line},
                  {"kind", an_logged_name(r->kind)},
                  {"severity", an_severity_names[r->severity]}};
    *ret_raw = true;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcmp(fields[i].name, name) == 0)
            return fields[i].value;
    return NULL;
}

static an_err topic_of(const mqtt_sink *s, const an_alarm_record *r, an_buf *ret, an_note *why)
{
    an_err err = an_template_fill(ret, s->topic, AN_ESCAPE_LINE, value_of, (void *)(uintptr_t)r, why);
    an_buf_u8(ret, 0);
    if (err == AN_OK)
        err = an_buf_err(ret);
    if (err == AN_OK && !an_mqtt_topic_ok((const char *)ret->data))
        err = an_fail(AN_ERR_INVAL, why, "topic: \"%.100s\" is none to publish to", (const char *)ret->data);
    return err;
}

static an_err mqtt_open(void *state, const an_sink_site *site, const an_node *conf, an_note *why)
{
    mqtt_sink *s = state;
    static const an_alarm_record r = {.site = "site", .line = "line"};
    an_buf topic;
    an_err err;
    (void)site;
    if ((err = mqtt_link_open(&s->link, options, conf, why)) != AN_OK ||
        (err = an_option_text(options, conf, "topic", &s->topic, why)) != AN_OK ||
        (err = an_option_bool(options, conf, "retain", &s->retain, why)) != AN_OK)
        return err;
    an_buf_init(&topic, AN_MQTT_TOPIC_MAX);
    err = topic_of(s, &r, &topic, why);
    an_buf_done(&topic);
    return err == AN_ERR_LIMIT ? an_fail(AN_ERR_INVAL, why, "topic: too long") : err;
}

static an_err mqtt_connect(void *state, an_note *why)
{
    return mqtt_link_connect(&((mqtt_sink *)state)->link, NULL, NULL, 0, why);
}

static void mqtt_disconnect(void *state)
{
    mqtt_link_disconnect(&((mqtt_sink *)state)->link);
}

static an_err publish(mqtt_sink *s, const an_sink_event *e, an_note *why)
{
    an_buf topic;
    an_buf_init(&topic, AN_MQTT_TOPIC_MAX);
    char *body = an_sink_cloudevent(e);
    an_err err = body ? topic_of(s, e->record, &topic, why) : AN_ERR_NOMEM;
    if (err == AN_OK)
        err = mqtt_link_publish(&s->link, (const char *)topic.data, body, strlen(body), s->retain, why);
    an_buf_done(&topic);
    an_free(body);
    return err == AN_ERR_LIMIT || err == AN_ERR_INVAL ? AN_ERR_REFUSED : err;
}

static an_err mqtt_send(void *state, const an_sink_event *events, size_t n, size_t *ret_taken, an_note *why)
{
    mqtt_sink *s = state;
    size_t published = 0;
    an_note note = {{0}};
    an_err err = AN_OK;
    for (; published < n && err == AN_OK; published += err == AN_OK)
        err = publish(s, &events[published], why);
    an_err settled = mqtt_link_settle(&s->link, ret_taken, &note);
    if (settled == AN_OK)
        return err;
    if (why)
        *why = note;
    return settled;
}

static an_err mqtt_idle(void *state, int64_t *ret_wait_ms, an_note *why)
{
    (void)ret_wait_ms;
    an_err err = an_mqtt_turn(((mqtt_sink *)state)->link.m, 0, why);
    return err == AN_ERR_REFUSED ? AN_ERR_IO : err;
}

const an_sink_type an_sink_type_mqtt = {
    .name = "mqtt",
    .meaning = "MQTT 5 or 3.1.1, CloudEvents 1.0 (structured JSON), QoS 1; at least once, `id` tells repeats",
    .options = options,
    .state_size = sizeof(mqtt_sink),
    .open = mqtt_open,
    .connect = mqtt_connect,
    .disconnect = mqtt_disconnect,
    .send = mqtt_send,
    .idle = mqtt_idle,
};
