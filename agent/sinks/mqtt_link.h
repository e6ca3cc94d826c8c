/* mqtt_link.h - a sink's connection to an MQTT broker: its options, its secret, and publishing until it is acknowledged.
 *
 * Threads: one thread per mqtt_link. */
#ifndef AN_AGENT_SINKS_MQTT_LINK_H
#define AN_AGENT_SINKS_MQTT_LINK_H

#include "agent/server_address.h"
#include "agent/sink.h"
#include "doors/mqtt.h"

/* Rows for the table of a sink. */
#define MQTT_LINK_OPTIONS                                                                                    \
    {"broker", AN_OPTION_TEXT, 0, 0, NULL, "mqtts://HOST[:PORT], or mqtt://HOST[:PORT] without TLS"},        \
        {"client", AN_OPTION_TEXT, 0, 0, NULL, "this client's id, which nobody else at the broker has"},     \
        {"protocol", AN_OPTION_TEXT, 0, 0, "5", "5 or 3.1.1"},                                               \
        {"ca", AN_OPTION_TEXT, 0, 0, "", "certificates to trust in place of the system's"},                  \
        {"cert", AN_OPTION_TEXT, 0, 0, "", "this client's certificate"},                                     \
        {"key", AN_OPTION_TEXT, 0, 0, "", "... and its key"},                                                \
        {"user", AN_OPTION_TEXT, 0, 0, "", "name at the broker"},                                            \
        {"password_file", AN_OPTION_TEXT, 0, 0, "", "file with the password"},                               \
        {"plain", AN_OPTION_BOOL, 0,                                                                         \
         1,       "false",        "allow mqtt:// to another computer: anybody between can read it"},         \
    {                                                                                                        \
        "timeout", AN_OPTION_REAL, 0.1, 60, "5",                                                             \
            "seconds for connecting, and until what was sent is acknowledged"                                \
    }

typedef struct mqtt_link {
    an_broker_address at;
    bool old;
    const char *client, *ca, *cert, *key, *user, *password_file;
    int64_t timeout_ms;
    an_mqtt *m;
    /* Of the publications that are waited for. */
    int ids[AN_SINK_BATCH];
    bool acked[AN_SINK_BATCH];
    size_t n;
    void (*message)(void *ctx, const an_mqtt_message *m); /* NULL: nothing is subscribed to */
    void *ctx;
} mqtt_link;

/* Errors: INVAL. */
an_err mqtt_link_open(mqtt_link *l, const an_option *rows, const an_node *conf, an_note *why);
/* will_topic NULL: none. */
an_err mqtt_link_connect(mqtt_link *l, const char *will_topic, const void *will, size_t will_len,
                         an_note *why);
void mqtt_link_disconnect(mqtt_link *l); /* zeroed is fine */
/* With QoS 1: waited for by mqtt_link_settle.  At most AN_SINK_BATCH between two of these. */
an_err mqtt_link_publish(mqtt_link *l, const char *topic, const void *payload, size_t len, bool retain,
                         an_note *why);
/* Until all are acknowledged.  *ret_acked: so many of the first, on failure too.  Errors: AGAIN not in time, IO. */
an_err mqtt_link_settle(mqtt_link *l, size_t *ret_acked, an_note *why);

#endif
