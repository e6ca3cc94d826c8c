#include "agent/sinks/mqtt_link.h"

#include <stdio.h>
#include <string.h>

#include "agent/secret_file.h"
#include "base/clock.h"
#include "base/opt.h"
#include "doors/crypto.h"

an_err mqtt_link_open(mqtt_link *l, const an_option *rows, const an_node *conf, an_note *why)
{
    const char *broker = NULL, *protocol = NULL;
    bool plain = false;
    const struct {
        const char *key, **ret;
    } texts[] = {{"broker", &broker},     {"client", &l->client},
                 {"protocol", &protocol}, {"ca", &l->ca},
                 {"cert", &l->cert},      {"key", &l->key},
                 {"user", &l->user},      {"password_file", &l->password_file}};
    an_err err = an_option_ms(rows, conf, "timeout", &l->timeout_ms, why);
    for (size_t i = 0; i < sizeof texts / sizeof *texts && err == AN_OK; i++)
        err = an_option_text(rows, conf, texts[i].key, texts[i].ret, why);
    if (err == AN_OK)
        err = an_option_bool(rows, conf, "plain", &plain, why);
    if (err == AN_OK)
        err = an_broker_address_read(broker, &l->at, why);
    if (err != AN_OK)
        return err;
    l->old = strcmp(protocol, "3.1.1") == 0;
    if (!l->old && strcmp(protocol, "5") != 0)
        return an_fail(AN_ERR_INVAL, why, "protocol: \"5\" or \"3.1.1\"");
    if (!l->client[0])
        return an_fail(AN_ERR_INVAL, why, "client: must not be empty");
    if ((l->cert[0] != '\0') != (l->key[0] != '\0') || (l->password_file[0] && !l->user[0]))
        return an_fail(AN_ERR_INVAL, why, "cert and key belong together, and a password to a user");
    if (!l->at.tls && !plain && !an_host_is_here(l->at.host))
        return an_fail(AN_ERR_INVAL, why, "broker: mqtt:// to another computer needs plain: true");
    return AN_OK;
}

static void on_message(void *ctx, const an_mqtt_message *m)
{
    const mqtt_link *l = ctx;
    if (l->message)
        l->message(l->ctx, m);
}

static void on_published(void *ctx, int id)
{
    mqtt_link *l = ctx;
    for (size_t i = 0; i < l->n; i++)
        l->acked[i] = l->acked[i] || l->ids[i] == id;
}

static const char *filled(const char *text)
{
    return text[0] ? text : NULL;
}

static an_err make(mqtt_link *l, const char *password, an_note *why)
{
    static const an_mqtt_events events = {.message = on_message, .published = on_published};
    const an_mqtt_conf conf = {.host = l->at.host,
                               .port = l->at.port,
                               .tls = l->at.tls,
                               .ca = filled(l->ca),
                               .cert = filled(l->cert),
                               .key = filled(l->key),
                               .client = l->client,
                               .user = filled(l->user),
                               .password = password,
                               .old = l->old};
    return an_mqtt_new(&conf, &events, l, &l->m, why);
}

an_err mqtt_link_connect(mqtt_link *l, const char *will_topic, const void *will, size_t will_len,
                         an_note *why)
{
    char *password = NULL;
    size_t len = 0;
    bool session = false;
    l->n = 0;
    an_err err = l->password_file[0] ? an_secret_file_read(l->password_file, &password, &len, why) : AN_OK;
    if (err == AN_OK)
        err = make(l, password, why);
    an_secret_free(password);
    if (err == AN_OK && will_topic)
        err = an_mqtt_will(l->m, will_topic, will, will_len, 1, false, why);
    return err == AN_OK ? an_mqtt_connect(l->m, l->timeout_ms, &session, why) : err;
}

void mqtt_link_disconnect(mqtt_link *l)
{
    if (l->m)
        an_mqtt_disconnect(l->m);
    an_mqtt_free(l->m);
    l->m = NULL;
}

an_err mqtt_link_publish(mqtt_link *l, const char *topic, const void *payload, size_t len, bool retain,
                         an_note *why)
{
    int id = 0;
    if (l->n == AN_SINK_BATCH)
        return AN_ERR_LIMIT;
    an_err err = an_mqtt_publish(l->m, topic, payload, len, 1, retain, &id, why);
    if (err == AN_OK) {
        l->ids[l->n] = id;
        l->acked[l->n++] = false;
    }
    return err;
}

static size_t acked(const mqtt_link *l)
{
    size_t n = 0;
    while (n < l->n && l->acked[n])
        n++;
    return n;
}

an_err mqtt_link_settle(mqtt_link *l, size_t *ret_acked, an_note *why)
{
    const an_clock *clock = an_clock_system();
    const int64_t until = clock->mono_ms(clock) + l->timeout_ms;
    an_err err = AN_OK;
    while (err == AN_OK && acked(l) < l->n) {
        const int64_t left = until - clock->mono_ms(clock);
        err = left > 0 ? an_mqtt_turn(l->m, left < 100 ? left : 100, why)
                       : an_fail(AN_ERR_AGAIN, why, "the broker acknowledges nothing");
    }
    *ret_acked = acked(l);
    l->n = 0;
    return err == AN_ERR_REFUSED ? AN_ERR_IO : err;
}
