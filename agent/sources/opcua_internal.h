/* opcua_internal.h - what the files of the source opcua share.
 *
 * Threads: the device's thread owns all but the counters and `refused`, which belong to any. */
#ifndef AN_AGENT_SOURCES_OPCUA_INTERNAL_H
#define AN_AGENT_SOURCES_OPCUA_INTERNAL_H

#include <stdatomic.h>

#include "agent/device.h"
#include "agent/login.h"
#include "agent/tags_conf.h"
#include "doors/opcua.h"

typedef struct opcua_last {
    double value;
    uint8_t quality;
    bool known;
    bool said;      /* since the session was taken up again */
    uint64_t group; /* that it belongs to */
} opcua_last;

typedef struct opcua_state {
    an_tags_conf conf;
    an_tags *tags;
    an_tag *items; /* (n) */
    an_tag_name *names;
    an_opcua_item *nodes;
    opcua_last *last; /* what each tag said last: it holds until the next */
    size_t n;

    const char *url, *cert, *key, *trust; /* borrowed; "" none */
    an_login login;
    char name[AN_DEVICE_NAME_MAX];
    an_opcua_security security;
    int64_t session_s, sampling_ms, publishing_ms, keepalive_ms, server_queue, timeout_ms, retry_max_ms;

    an_opcua *link;
    an_device *device;
    atomic_bool stopping;
    bool connected, catching_up;
    uint64_t group;   /* values that make one row, counted */
    int64_t retry_ms; /* monotonic: refused tags are asked for again then */
    atomic_size_t refused;
    atomic_uint_fast64_t not_numbers;
} opcua_state;

/* Fills s, zeroed, from the source's mapping; opens nothing, and conf must outlive the texts that are borrowed.
 * browse: tags may be missing.  Errors: INVAL, NOMEM; s must be given to done in any case. */
an_err opcua_conf_read(opcua_state *s, const an_node *conf, bool browse, an_note *why);
void opcua_conf_done(opcua_state *s);
/* Sets s->link.  Errors: those of an_opcua_new, and NOTFOUND, IO, AUTH of the password's file. */
an_err opcua_link_new(opcua_state *s, const an_opcua_events *events, void *ctx, an_note *why);

an_err opcua_browse(const an_node *conf, int64_t for_ms, an_source_seen say, void *ctx, an_note *why);

#endif
