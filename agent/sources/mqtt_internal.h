/* mqtt_internal.h - what the files of the source mqtt share.
 *
 * Threads: the device's thread owns all but the counters and `bad_last`, which belong to any. */
#ifndef AN_AGENT_SOURCES_MQTT_INTERNAL_H
#define AN_AGENT_SOURCES_MQTT_INTERNAL_H

#include <stdatomic.h>

#include "agent/device.h"
#include "agent/login.h"
#include "agent/server_address.h"
#include "agent/sources/mqtt_sparkplug.h"
#include "agent/tags_conf.h"
#include "doors/mqtt.h"

#define MQTT_PATH_MAX 192
#define MQTT_TOPICS_MAX 256
#define MQTT_RECENT 64 /* of QoS 1, remembered to know them again when a session goes on */
#define MQTT_CLIENT_MAX 32
#define MQTT_TIME_MAX (INT64_C(1) << 52)

typedef enum mqtt_format { MQTT_VALUE, MQTT_JSON, MQTT_SPARKPLUG } mqtt_format;
typedef enum mqtt_retained { MQTT_RETAINED_UNCERTAIN, MQTT_RETAINED_USE, MQTT_RETAINED_IGNORE } mqtt_retained;

typedef struct mqtt_tag {
    char topic[AN_MQTT_TOPIC_MAX]; /* may have + and #; of value and json */
    char path[MQTT_PATH_MAX];      /* of json */
    char quality[MQTT_PATH_MAX];   /* of json; "": the message's */
} mqtt_tag;

enum {
    MQTT_MESSAGES,
    MQTT_RETAINED,
    MQTT_DUPLICATES,
    MQTT_UNMATCHED,
    MQTT_BAD,
    MQTT_TOO_LARGE,
    MQTT_COUNTERS
};

typedef struct mqtt_state {
    an_tags_conf conf;
    an_tags *tags;
    an_tag *items; /* (n) */
    an_tag_name *names;
    mqtt_tag *what; /* of value and json */
    spb_tag *spb;   /* of sparkplug */
    size_t n;

    char (*topics)[AN_MQTT_TOPIC_MAX]; /* (n_topics) subscribed to */
    size_t n_topics;
    an_broker_address at;
    int64_t qos, session_s, in_flight, max_bytes, keepalive_s, timeout_ms, retry_max_ms;
    bool old, rebirth;
    mqtt_format format;
    mqtt_retained retained;
    const char *client, *ca, *cert, *key; /* borrowed; "" none */
    an_login login;
    char time_path[MQTT_PATH_MAX], quality_path[MQTT_PATH_MAX], part_path[MQTT_PATH_MAX];
    char host_id[64]; /* of a Sparkplug primary host; "": none */

    an_mqtt *link;
    an_device *device;
    spb_host *sparkplug;
    bool subscribed, connected;
    int64_t state_ms; /* time of the STATE that was said last */

    struct {
        int id;
        uint64_t hash;
    } recent[MQTT_RECENT];
    size_t n_recent;
    bool suspects; /* messages that were here before may come again */

    atomic_uint_fast64_t counters[MQTT_COUNTERS];
    _Atomic(const char *) bad_last; /* constant texts */
} mqtt_state;

/* Fills s, zeroed, from the source's mapping; opens nothing, and conf must outlive the texts that are borrowed.
 * browse: tags may be missing.  Errors: INVAL, NOMEM; s must be given to done in any case. */
an_err mqtt_conf_read(mqtt_state *s, const an_node *conf, bool browse, an_note *why);
void mqtt_conf_done(mqtt_state *s);
/* Sets s->link.  Errors: those of an_mqtt_new, and NOTFOUND, IO of the password's file. */
an_err mqtt_link_new(mqtt_state *s, const char *client, const an_mqtt_events *events, void *ctx,
                     an_note *why);

/* An id that nobody else has: for a look beside the agent that runs. */
void mqtt_client_make(char out[static MQTT_CLIENT_MAX]);

void mqtt_count(mqtt_state *s, int which);
void mqtt_bad(mqtt_state *s, const char *what); /* a constant text */

/* One message of format value or json becomes values of tags. */
void mqtt_take_payload(mqtt_state *s, const an_mqtt_message *m);

an_err mqtt_browse(const an_node *conf, int64_t for_ms, an_source_seen say, void *ctx, an_note *why);

#endif
