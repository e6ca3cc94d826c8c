/* mqtt.h - the door to libmosquitto: one connection to an MQTT broker, 5 or 3.1.1, plain or with TLS.
 *
 *     err = an_mqtt_new(&conf, &events, ctx, &m, &why);
 *     err = an_mqtt_connect(m, 10000, &session, &why);
 *     err = an_mqtt_subscribe(m, "plant/+/flow", 1, &why);
 *     while ((err = an_mqtt_turn(m, 100, &why)) == AN_OK)      events.message(ctx, ...) in here
 *         ;
 *     an_mqtt_disconnect(m);                                   then connect again, or
 *     an_mqtt_free(m);
 *
 * Certificates are always checked, the broker's name too.  What was published with QoS 1 and is not acknowledged when
 * a connection ends is sent again by the next one of the same an_mqtt.  A message is acknowledged as it comes in:
 * a program that is killed then has lost it.
 *
 * Only in builds with AN_MQTT.
 *
 * Threads: one for each an_mqtt, which the events are called on, within connect and turn. */
#ifndef AN_DOORS_MQTT_H
#define AN_DOORS_MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AN_MQTT_TOPIC_MAX 256 /* bytes of a topic or filter of ours, with its terminator */

typedef struct an_mqtt_conf {
    const char *host;
    int port;
    bool tls;
    const char *ca;              /* file of certificates; NULL: those of the system */
    const char *cert, *key;      /* the client's own; NULL: none */
    const char *client;          /* id, the same at each start of one that keeps a session */
    const char *user, *password; /* NULL: none */
    bool old;                    /* 3.1.1 */
    uint32_t
        session_s;   /* how long the broker keeps the session of one that is away; 0: a clean start each time.
                                  * With 3.1.1 as long as the broker likes. */
    int keepalive_s; /* 0: 30 */
    int in_flight;   /* messages of QoS 1 that the broker may send unacknowledged; 0: 20 */
    uint32_t max_bytes; /* of a packet; 0: 256 KiB.  With 3.1.1 larger ones are dropped when they are here. */
} an_mqtt_conf;

typedef struct an_mqtt_message {
    const char *topic;
    const void *payload;
    size_t len;
    int id, qos; /* id: of the broker's, for QoS 1 */
    bool retained;
} an_mqtt_message;

typedef struct an_mqtt_events {
    void (*message)(void *ctx, const an_mqtt_message *m);
    void (*published)(void *ctx,
                      int id); /* QoS 1: the broker has it; QoS 0: it was sent.  NULL: nobody asks */
} an_mqtt_events;

typedef struct an_mqtt an_mqtt;

/* conf's texts are copied.  Errors: INVAL (a certificate that cannot be read, too), NOMEM. */
an_err an_mqtt_new(const an_mqtt_conf *conf, const an_mqtt_events *events, void *ctx, an_mqtt **ret,
                   an_note *why);
void an_mqtt_free(an_mqtt *m); /* NULL is fine */

/* What the broker says when this connection is lost; before connect.  topic NULL: nothing.  Errors: INVAL, NOMEM. */
an_err an_mqtt_will(an_mqtt *m, const char *topic, const void *payload, size_t len, int qos, bool retain,
                    an_note *why);

/* Until the broker agrees.  ret_session: it has kept this client's session, with its subscriptions.
 * Errors: IO; AUTH the broker or its certificate was refused, or the broker refuses this client. */
an_err an_mqtt_connect(an_mqtt *m, int64_t timeout_ms, bool *ret_session, an_note *why);
void an_mqtt_disconnect(an_mqtt *m); /* says good-bye if it can; a will is not sent then */

/* The broker's refusal shows at a later turn, as REFUSED.  Errors: INVAL, IO, NOMEM. */
an_err an_mqtt_subscribe(an_mqtt *m, const char *filter, int qos, an_note *why);
/* With QoS 1 also without a connection: then it is sent by the next one, and must not be published again.
 * Errors: INVAL, LIMIT too large for the broker, IO (QoS 0), NOMEM. */
an_err an_mqtt_publish(an_mqtt *m, const char *topic, const void *payload, size_t len, int qos, bool retain,
                       int *ret_id, an_note *why);

/* Receives and sends, for at most wait_ms if there is nothing.  Errors: IO the connection is lost; REFUSED. */
an_err an_mqtt_turn(an_mqtt *m, int64_t wait_ms, an_note *why);
int an_mqtt_fd(const an_mqtt *m);             /* -1: not connected */
uint64_t an_mqtt_too_large(const an_mqtt *m); /* messages dropped for max_bytes */

bool an_mqtt_topic_ok(const char *topic);   /* to publish to */
bool an_mqtt_filter_ok(const char *filter); /* to subscribe to, + and # allowed */
bool an_mqtt_matches(const char *filter, const char *topic);

#endif
