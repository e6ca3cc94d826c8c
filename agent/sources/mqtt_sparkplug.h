/* mqtt_sparkplug.h - the side of a host application of Sparkplug B: what nodes and their devices say becomes values
 * of tags.
 *
 *     spb_host_new(&conf, &h);
 *     spb_host_connected(h);                    after each connection: no node is known any more
 *     spb_host_message(h, topic, payload, len);
 *     spb_host_free(h);
 *
 * A node is known by its NBIRTH, which names its metrics, their types and the short numbers (aliases) that stand for them
 * later.  Its messages are numbered; where a number is missing, or a node or device speaks that has not been born, the
 * node is asked to be born again, until it is: after five seconds, ten ... a minute.
 *
 * Threads: one, that of the tags' port; counters belong to any. */
#ifndef AN_AGENT_SOURCES_MQTT_SPARKPLUG_H
#define AN_AGENT_SOURCES_MQTT_SPARKPLUG_H

#include "agent/tags.h"

#define SPB_NAME_MAX 192
#define SPB_TOPIC_MAX 512

typedef struct spb_tag {
    char node[SPB_NAME_MAX];   /* GROUP/NODE */
    char device[SPB_NAME_MAX]; /* "": the node itself */
    char metric[SPB_NAME_MAX];
} spb_tag;

typedef struct spb_conf {
    an_tags *tags;
    size_t port;
    const spb_tag *items; /* (n) in the order of the tags; borrowed */
    size_t n;
    const char *part; /* name of the metric that is a part's id; "": none; borrowed */
    const an_clock *clock;
    /* Sends; NULL: nobody is asked to be born again. */
    void (*ask)(void *ctx, const char *topic, const void *payload, size_t len);
    void *ctx;
} spb_conf;

typedef struct spb_host spb_host;

an_err spb_host_new(const spb_conf *conf, spb_host **ret); /* NOMEM */
void spb_host_free(spb_host *h);                           /* NULL is fine */
void spb_host_connected(spb_host *h);
void spb_host_tick(spb_host *h); /* now and then: asks again where nobody has answered */
/* False: not a message of Sparkplug, or of no node of ours; *ret_bad: what was wrong with it, a constant text, or
 * NULL. */
bool spb_host_message(spb_host *h, const char *topic, const void *payload, size_t len, const char **ret_bad);

/* births, deaths, seq_gaps, rebirths, unborn, missing.  Returns how many. */
size_t spb_host_counters(const spb_host *h, an_source_counter *ret);

/* The payload that asks a node to be born again.  Errors: NOMEM, LIMIT. */
an_err spb_rebirth_put(an_buf *ret, int64_t now_ms);

/* GROUP/NODE, kind and device of a topic; false: it is none of Sparkplug.  The outputs hold SPB_NAME_MAX bytes, kind 8. */
bool spb_topic_read(const char *topic, char *ret_node, char *ret_kind, char *ret_device);

#endif
