/* Source `mqtt`: what a broker passes on, as plain values, JSON or Sparkplug B.
 *
 *     broker -> device's thread: connect, subscribe, turn ... -> message -> tags (port 0) -> flush -> row
 *
 * With QoS 1 and a session the broker keeps what comes while this agent is away, and sends anew what it does not know to
 * have arrived: such a message is known again by its number and content, and is no second row. */
#include <stdio.h>
#include <string.h>

#include "agent/sources/mqtt_internal.h"
#include "doors/yaml.h"

#define RETRY_MIN_MS 500
#define TURN_MS 100 /* how long the end of the thread may take */

static const char *const counter_names[MQTT_COUNTERS] = {"messages",  "retained", "duplicates",
                                                         "unmatched", "bad",      "too_large"};

/* ---- messages ---- */

static uint64_t hash_of(const an_mqtt_message *m)
{
    uint64_t h = UINT64_C(14695981039346656037);
    const unsigned char *payload = m->payload;
    for (const char *p = m->topic; *p; p++)
        h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
    h = h * 31 + 1;
    for (size_t i = 0; i < m->len; i++)
        h = (h ^ payload[i]) * UINT64_C(1099511628211);
    return h;
}

/* Was it here before the connection was lost?  The broker sends such ones first. */
static bool came_before(mqtt_state *s, const an_mqtt_message *m)
{
    const uint64_t hash = hash_of(m);
    if (m->qos == 0)
        return false;
    for (size_t i = 0; s->suspects && i < MQTT_RECENT && i < s->n_recent; i++)
        if (s->recent[i].id == m->id && s->recent[i].hash == hash)
            return true;
    s->suspects = false;
    s->recent[s->n_recent % MQTT_RECENT].id = m->id;
    s->recent[s->n_recent++ % MQTT_RECENT].hash = hash;
    return false;
}

static void on_message(void *ctx, const an_mqtt_message *m)
{
    mqtt_state *s = ctx;
    const char *bad = NULL;
    mqtt_count(s, MQTT_MESSAGES);
    if (came_before(s, m)) {
        mqtt_count(s, MQTT_DUPLICATES);
        return;
    }
    if (m->retained)
        mqtt_count(s, MQTT_RETAINED);
    if (s->format != MQTT_SPARKPLUG) {
        if (!m->retained || s->retained != MQTT_RETAINED_IGNORE)
            mqtt_take_payload(s, m);
        return;
    }
    if (!spb_host_message(s->sparkplug, m->topic, m->payload, m->len, &bad))
        mqtt_count(s, MQTT_UNMATCHED);
    if (bad)
        mqtt_bad(s, bad);
}

/* ---- the broker is a device ---- */

static void ask_rebirth(void *ctx, const char *topic, const void *payload, size_t len)
{
    mqtt_state *s = ctx;
    /* If it cannot be sent, the connection is lost and all are asked anew. */
    const an_err err = an_mqtt_publish(s->link, topic, payload, len, 0, false, NULL, NULL);
    (void)err;
}

static void state_text(const mqtt_state *s, bool online, char topic[static 96], char text[static 96])
{
    snprintf(topic, 96, "spBv1.0/STATE/%s", s->host_id);
    snprintf(text, 96, "{\"online\":%s,\"timestamp\":%lld}", online ? "true" : "false",
             (long long)s->state_ms);
}

static an_err broker_connect(void *ctx, an_note *why)
{
    mqtt_state *s = ctx;
    char topic[96], text[96];
    bool session = false;
    an_err err = AN_OK;
    s->state_ms = s->conf.clock->wall_ms(s->conf.clock);
    if (s->host_id[0]) {
        state_text(s, false, topic, text);
        err = an_mqtt_will(s->link, topic, text, strlen(text), 1, true, why);
    }
    s->suspects = true; /* from the first message on, which may come at once */
    if (!err)
        err = an_mqtt_connect(s->link, s->timeout_ms, &session, why);
    if (err)
        return err;
    if (!session) { /* the broker knows nothing of before: its numbers begin anew */
        s->suspects = false;
        s->n_recent = 0;
    }
    s->connected = true;
    for (size_t i = 0; i < s->n_topics && !err && !(session && s->subscribed); i++)
        err = an_mqtt_subscribe(s->link, s->topics[i], (int)s->qos, why);
    s->subscribed = err == AN_OK;
    if (!err && s->host_id[0]) {
        state_text(s, true, topic, text);
        err = an_mqtt_publish(s->link, topic, text, strlen(text), 1, true, NULL, why);
    }
    if (!err && s->sparkplug)
        spb_host_connected(s->sparkplug);
    return err;
}

static an_err broker_turn(void *ctx, int64_t *ret_wait_ms, an_note *why)
{
    mqtt_state *s = ctx;
    *ret_wait_ms = 0;
    const an_err err = an_mqtt_turn(s->link, TURN_MS, why);
    if (err == AN_OK && s->sparkplug)
        spb_host_tick(s->sparkplug);
    atomic_store_explicit(&s->counters[MQTT_TOO_LARGE], an_mqtt_too_large(s->link), memory_order_relaxed);
    return err;
}

static void broker_disconnect(void *ctx)
{
    mqtt_state *s = ctx;
    if (s->connected && s->host_id[0]) { /* a good-bye keeps the will from being sent */
        char topic[96], text[96];
        state_text(s, false, topic, text);
        const an_err err = an_mqtt_publish(s->link, topic, text, strlen(text), 0, true, NULL, NULL);
        (void)err; /* lost: then the will is sent */
    }
    an_mqtt_disconnect(s->link);
    if (s->connected)
        an_tags_lost(s->tags, 0, s->conf.clock->wall_ms(s->conf.clock));
    s->connected = false;
}

static const an_device_type broker_type = {
    .connect = broker_connect, .turn = broker_turn, .disconnect = broker_disconnect};

/* ---- the source ---- */

static const an_source_option options[] = {
    {"broker", AN_OPTION_TEXT, 0, 0, NULL, "mqtts://HOST[:PORT], or mqtt://HOST[:PORT] without TLS"},
    {"client", AN_OPTION_TEXT, 0, 0, NULL, "id at the broker: no other client's, and always the same"},
    {"protocol", AN_OPTION_TEXT, 0, 0, "5", "5 or 3.1.1, in quotes"},
    {"ca", AN_OPTION_TEXT, 0, 0, "",
     "file of certificates that the broker's must go back to; else the system's"},
    {"cert", AN_OPTION_TEXT, 0, 0, "", "file of this client's certificate"},
    {"key", AN_OPTION_TEXT, 0, 0, "", "file of its key"},
    AN_LOGIN_OPTIONS,
    {"qos", AN_OPTION_INT, 0, 1, "1", "0: what is lost is lost; 1: the broker sends it again"},
    {"session", AN_OPTION_INT, 0, 604800, "3600",
     "seconds that the broker keeps what comes while this agent is away; 0 and with sparkplug: nothing"},
    {"in_flight", AN_OPTION_INT, 1, 65535, "20", "messages that the broker may send ahead (protocol 5)"},
    {"max_bytes", AN_OPTION_INT, 256, 1048576, "262144",
     "of a message; larger ones are left out and counted"},
    {"keepalive", AN_OPTION_INT, 5, 3600, "30",
     "seconds of silence after which the broker is asked for a sign"},
    {"timeout_ms", AN_OPTION_INT, 100, 60000, "5000", "how long a connection may take"},
    {"retry_max_ms", AN_OPTION_INT, 100, 3600000, "5000",
     "the longest pause before the broker is tried again"},
    {"topics", AN_OPTION_LIST, 0, 0, "", "filters to subscribe to, with + and #; else those of the tags"},
    {"format", AN_OPTION_TEXT, 0, 0, "value", "of payloads: value (a number), json or sparkplug"},
    {"time", AN_OPTION_TEXT, 0, 0, "", "JSON pointer to a message's time; else the time at which it comes"},
    {"quality", AN_OPTION_TEXT, 0, 0, "",
     "JSON pointer to what its values are worth; a tag may have its own"},
    {"part", AN_OPTION_TEXT, 0, 0, "", "JSON pointer to a part's id, or name of a Sparkplug metric"},
    {"retained", AN_OPTION_TEXT, 0, 0, "uncertain",
     "retained messages without a time of their own: uncertain, use or ignore"},
    {"rebirth", AN_OPTION_BOOL, 0, 1, "true",
     "Sparkplug nodes are asked to be born again when something is missing"},
    {"host", AN_OPTION_TEXT, 0, 0, "", "id of this Sparkplug host, whose STATE is told; else none is"},
    {"tags", AN_OPTION_LIST, 0, 0, NULL,
     "name, unit, scale, offset, deadband; and topic; or topic, path, quality (json); or node, device, "
     "metric (sparkplug)"},
    AN_TAGS_OPTIONS("0"),
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

static an_err mqtt_check(const an_node *conf, an_note *why)
{
    mqtt_state s = {.n = 0};
    const an_err err = mqtt_conf_read(&s, conf, false, why);
    mqtt_conf_done(&s);
    return err;
}

static an_err mqtt_open(void *state, const an_node *conf, an_note *why)
{
    mqtt_state *s = state;
    static const an_mqtt_events events = {.message = on_message};
    atomic_store(&s->bad_last, "");
    char other[MQTT_CLIENT_MAX];
    an_err err = mqtt_conf_read(s, conf, false, why);
    if (!err && an_source_looks_only()) {
        s->session_s = 0;
        s->host_id[0] = '\0';
        mqtt_client_make(other);
        s->client = other;
    }
    if (!err)
        err = mqtt_link_new(s, s->client, &events, s, why);
    s->client = NULL; /* of the configuration, which goes */
    if (!err)
        err = an_tags_new(&s->conf, &s->tags);
    const spb_conf sparkplug = {.tags = s->tags,
                                .items = s->spb,
                                .n = s->n,
                                .part = s->part_path,
                                .clock = s->conf.clock,
                                .ask = s->rebirth ? ask_rebirth : NULL,
                                .ctx = s};
    if (!err && s->format == MQTT_SPARKPLUG)
        err = spb_host_new(&sparkplug, &s->sparkplug);
    char name[AN_DEVICE_NAME_MAX];
    snprintf(name, sizeof name, "%.100s:%d", s->at.host, s->at.port);
    const an_device_conf device = {.type = &broker_type,
                                   .ctx = s,
                                   .name = name,
                                   .retry_min_ms = RETRY_MIN_MS,
                                   .retry_max_ms = s->retry_max_ms};
    if (!err)
        err = an_device_start(&device, &s->device);
    return err;
}

static void mqtt_close(void *state)
{
    mqtt_state *s = state;
    if (s->tags)
        an_tags_stop(s->tags);
    an_device_stop(s->device);
    spb_host_free(s->sparkplug);
    an_tags_free(s->tags);
    mqtt_conf_done(s);
}

static size_t mqtt_width(const void *state)
{
    return ((const mqtt_state *)state)->n;
}

static const char *mqtt_sensor(const void *state, size_t i)
{
    return ((const mqtt_state *)state)->names[i].name;
}

static const char *mqtt_unit(const void *state, size_t i)
{
    return ((const mqtt_state *)state)->names[i].unit;
}

static an_err mqtt_next(void *state, an_batch *ret, int64_t *ret_wait_ms, an_note *why)
{
    (void)why;
    return an_tags_next(((mqtt_state *)state)->tags, ret, ret_wait_ms);
}

static an_err mqtt_save(const void *state, an_buf *ret)
{
    an_tags_save(((const mqtt_state *)state)->tags, ret);
    return AN_OK;
}

static an_err mqtt_restore(void *state, an_reader *in, an_note *why)
{
    const an_err err = an_tags_restore(((mqtt_state *)state)->tags, in);
    return err ? an_fail(err, why, "not a position of a source \"mqtt\"") : AN_OK;
}

static uint64_t mqtt_bad_records(const void *state, const char **ret_last)
{
    const mqtt_state *s = state;
    *ret_last = atomic_load(&s->bad_last);
    return atomic_load_explicit(&s->counters[MQTT_BAD], memory_order_relaxed);
}

static size_t mqtt_counters(const void *state, an_source_counter *ret)
{
    const mqtt_state *s = state;
    const an_device_stats st = an_device_stats_get(s->device);
    size_t n = an_tags_counters(s->tags, ret);
    for (size_t i = 0; i < MQTT_COUNTERS; i++)
        if (i != MQTT_BAD)
            ret[n++] = (an_source_counter){counter_names[i],
                                           atomic_load_explicit(&s->counters[i], memory_order_relaxed)};
    if (s->sparkplug)
        n += spb_host_counters(s->sparkplug, ret + n);
    ret[n++] = (an_source_counter){"connects", st.connects};
    ret[n++] = (an_source_counter){"failures", st.failures};
    return n;
}

static size_t mqtt_devices(const void *state, an_source_device *ret)
{
    const mqtt_state *s = state;
    const an_device_stats st = an_device_stats_get(s->device);
    ret[0] = (an_source_device){.reached = st.reached};
    snprintf(ret[0].name, sizeof ret[0].name, "%.100s:%d", s->at.host, s->at.port);
    snprintf(ret[0].error, sizeof ret[0].error, "%s", st.error);
    return 1;
}

static int mqtt_fd(const void *state)
{
    return an_tags_fd(((const mqtt_state *)state)->tags);
}

const an_source_type an_source_type_mqtt = {
    .name = "mqtt",
    .meaning = "what an MQTT broker passes on: plain values, JSON, Sparkplug B",
    .options = options,
    .state_size = sizeof(mqtt_state),
    .check = mqtt_check,
    .open = mqtt_open,
    .width = mqtt_width,
    .sensor = mqtt_sensor,
    .unit = mqtt_unit,
    .next = mqtt_next,
    .save = mqtt_save,
    .restore = mqtt_restore,
    .bad = mqtt_bad_records,
    .counters = mqtt_counters,
    .devices = mqtt_devices,
    .fd = mqtt_fd,
    .live = true,
    .browse = mqtt_browse,
    .close = mqtt_close,
};
