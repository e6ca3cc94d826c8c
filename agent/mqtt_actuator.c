/* A controller that is written over MQTT: a message with QoS 1 for each write, its own topic for each target, and none
 * of them retained, so that nobody hears an old one as true.
 *
 *     target     {"site":"plant-a","target":"press-1","value":1,"verdict":"good","sequence":1783000000017,
 *                 "time_ms":1783000000000,"until_ms":1783000003000}
 *     answer     {"target":"press-1","sequence":1783000000017}    on the topic `acknowledge`, from the controller
 *     heartbeat  {"site":"plant-a","heartbeat":17,"sequence":1783000000017,"time_ms":...,"until_ms":...}
 *     will       {"site":"plant-a","heartbeat":0,"sequence":0}    on the heartbeat's topic, from the broker
 *
 * A write is done when the controller has answered with its sequence, or, without `acknowledge`, when the broker has it, within
 * the time.  Else the connection is given up with all that was on its way: what a later connection says is new.  A broker
 * that was only slow may pass on what was given up; for that the controller has sequence and until_ms. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/actuator.h"
#include "agent/sinks/mqtt_link.h"
#include "base/clock.h"
#include "base/mem.h"
#include "doors/json.h"

#define PAYLOAD_MAX 512
#define ANSWER_MAX 1024 /* a longer one is none */
#define BEATS_VALID 4   /* a heartbeat holds for so many periods */

typedef struct mqtt_actuator {
    const an_wb_conf *conf;
    const char *site;
    mqtt_link link;
    bool connected;
    uint64_t sequence; /* of the last write */
    const char *target;
    bool waits, answered; /* for an answer to sequence */
} mqtt_actuator;

/* ---- answers ---- */

static void on_answer(void *ctx, const an_mqtt_message *m)
{
    mqtt_actuator *a = ctx;
    an_json_doc *doc = NULL;
    const char *target = NULL;
    int64_t sequence = 0;
    if (!a->waits || m->retained || m->len > ANSWER_MAX || strcmp(m->topic, a->conf->acknowledge) != 0 ||
        an_json_parse(m->payload, m->len, "answer", &doc, NULL) != AN_OK)
        return;
    const an_jval *o = an_json_root(doc);
    if (an_jval_text(o, "target", &target, NULL) == AN_OK &&
        an_jval_int(o, "sequence", 0, INT64_MAX, &sequence, NULL) == AN_OK)
        a->answered = a->answered || ((uint64_t)sequence == a->sequence && strcmp(target, a->target) == 0);
    an_json_doc_free(doc);
}

/* ---- the connection ---- */

static an_err open_mqtt(const an_wb_conf *conf, const char *site, void **ret, an_note *why)
{
    mqtt_actuator *a = an_alloc(1, sizeof *a);
    if (!a)
        return AN_ERR_NOMEM;
    a->conf = conf;
    a->site = site;
    an_err err = mqtt_link_open(&a->link, an_wb_mqtt_options, conf->node, why);
    if (err == AN_OK && (!an_mqtt_topic_ok(conf->heartbeat_topic) ||
                         (conf->acknowledge[0] && !an_mqtt_topic_ok(conf->acknowledge))))
        err = an_fail(AN_ERR_INVAL, why, "heartbeat, acknowledge: must be topics to publish to");
    for (size_t i = 0; err == AN_OK && i < conf->n; i++)
        if (!an_mqtt_topic_ok(conf->places[i].topic))
            err = an_fail(AN_ERR_INVAL, why, "topic: \"%.60s\" is none to publish to", conf->places[i].topic);
    if (err != AN_OK) {
        an_free(a);
        return err;
    }
    a->link.message = on_answer;
    a->link.ctx = a;
    *ret = a;
    return AN_OK;
}

static void disconnect_mqtt(void *ctx)
{
    mqtt_actuator *a = ctx;
    mqtt_link_disconnect(&a->link);
    a->connected = a->waits = false;
}

static void close_mqtt(void *ctx)
{
    if (ctx)
        disconnect_mqtt(ctx);
    an_free(ctx);
}

static an_err connect_mqtt(mqtt_actuator *a, an_note *why)
{
    char will[PAYLOAD_MAX];
    if (a->connected)
        return AN_OK;
    const int n = snprintf(will, sizeof will, "{\"site\":\"%s\",\"heartbeat\":0,\"sequence\":0}", a->site);
    an_err err = mqtt_link_connect(&a->link, a->conf->heartbeat_topic, will, (size_t)n, why);
    if (err == AN_OK && a->conf->acknowledge[0])
        err = an_mqtt_subscribe(a->link.m, a->conf->acknowledge, 0, why);
    a->connected = err == AN_OK;
    return err;
}

static bool connected_mqtt(const void *ctx)
{
    const mqtt_actuator *a = ctx;
    return a->connected;
}

/* ---- writing ---- */

static an_err wait_for_answer(mqtt_actuator *a, int64_t until_ms, an_note *why)
{
    const an_clock *clock = an_clock_system();
    an_err err = AN_OK;
    while (err == AN_OK && !a->answered) {
        const int64_t left = until_ms - clock->mono_ms(clock);
        err = left > 0
                  ? an_mqtt_turn(a->link.m, left < 100 ? left : 100, why)
                  : an_fail(AN_ERR_AGAIN, why, "%s: no answer to write %" PRIu64, a->target, a->sequence);
    }
    return err;
}

static an_err publish(mqtt_actuator *a, const char *topic, const char *payload, size_t len, an_note *why)
{
    size_t acked = 0;
    an_err err = mqtt_link_publish(&a->link, topic, payload, len, false, why);
    return err ? err : mqtt_link_settle(&a->link, &acked, why);
}

static an_err write_mqtt(void *ctx, const an_actuator_write *w, an_note *why)
{
    mqtt_actuator *a = ctx;
    const an_wb_place *p = &a->conf->places[w->place];
    const an_clock *clock = an_clock_system();
    char payload[PAYLOAD_MAX];
    const int64_t until = clock->mono_ms(clock) + a->link.timeout_ms;
    const int n =
        snprintf(payload, sizeof payload,
                 "{\"site\":\"%s\",\"target\":\"%s\",\"value\":%u,\"verdict\":\"%s\",\"sequence\":%" PRIu64
                 ",\"time_ms\":%" PRId64 ",\"until_ms\":%" PRId64 "}",
                 a->site, p->name, w->value, an_wb_verdict_name(w->verdict), w->sequence, w->now_ms,
                 w->now_ms + p->deadline_ms);
    a->sequence = w->sequence;
    a->target = p->name;
    a->answered = false;
    an_err err = connect_mqtt(a, why);
    a->waits = a->conf->acknowledge[0] != '\0';
    if (err == AN_OK)
        err = publish(a, p->topic, payload, (size_t)n, why);
    if (err == AN_OK && a->waits)
        err = wait_for_answer(a, until, why);
    a->waits = false;
    if (err != AN_OK)
        disconnect_mqtt(a);
    return err;
}

static an_err beat_mqtt(void *ctx, uint64_t n, int64_t now_ms, an_note *why)
{
    mqtt_actuator *a = ctx;
    char payload[PAYLOAD_MAX];
    const int len = snprintf(payload, sizeof payload,
                             "{\"site\":\"%s\",\"heartbeat\":%" PRIu64 ",\"sequence\":%" PRIu64
                             ",\"time_ms\":%" PRId64 ",\"until_ms\":%" PRId64 "}",
                             a->site, n, a->sequence, now_ms, now_ms + BEATS_VALID * a->conf->period_ms);
    an_err err = connect_mqtt(a, why);
    if (err == AN_OK)
        err = publish(a, a->conf->heartbeat_topic, payload, (size_t)len, why);
    if (err != AN_OK)
        disconnect_mqtt(a);
    return err;
}

const an_actuator_type an_actuator_mqtt = {.name = "mqtt",
                                           .open = open_mqtt,
                                           .close = close_mqtt,
                                           .write = write_mqtt,
                                           .beat = beat_mqtt,
                                           .connected = connected_mqtt,
                                           .disconnect = disconnect_mqtt};
