/* runtime_core.h - the core thread's own: what its two files share.  See runtime.h. */
#ifndef AN_COORDINATOR_RUNTIME_CORE_H
#define AN_COORDINATOR_RUNTIME_CORE_H

#include "base/log.h"
#include "coordinator/runtime_internal.h"
#include "net/keys.h"
#include "net/peers.h"
#include "net/server.h"

#define AN_PARKED_MAX 64

typedef struct an_core {
    const an_core_args *args;
    an_identity *id;
    uint8_t root[AN_SIGN_PUBLIC_BYTES]; /* the configured release root */
    an_store *store;
    an_hub *hub;
    an_api *api;
    an_peers *peers;
    an_server *control, *enrol;
    an_actor *bulk, *worker;
    an_bulk_args bulk_args;
    an_bridge *bridge;
    an_auth *auth;
    uint64_t users_told; /* users.changes that auth has */
    an_pipe *http;       /* from the HTTP threads */
    an_in in;
    uint64_t instance;
    an_log_quota refused;                /* lines about messages that were */
    char advertised[3][AN_ENDPOINT_MAX]; /* control, bulk, enrol */
    an_http_job *parked[AN_PARKED_MAX];  /* wait for the journal to grow */
    size_t n_parked;
    uint64_t parked_seq; /* of the journal when they were last looked at */
    an_work **works;     /* jobs that wait for the worker, or are with it */
    size_t n_works, works_cap;
    bool works_wait; /* the worker's pipe was full */
    size_t n_served; /* versions that the bulk thread knows of */
    bool enrol_open;
    int64_t keep_ms; /* when the lease is renewed next */
    int64_t tell_ms; /* when systemd is told what it does */
    char told[160];  /* ... and was told last */
    int64_t kept_ms; /* before it was renewed last */
} an_core;

extern const an_hub_io an_core_io; /* ctx to be set */
/* Tells auth who the users are, if they have changed.  Errors: IO, NOMEM: it is tried again. */
an_err an_core_tell_users(an_core *c, an_note *why);
void an_core_run(an_core *c, an_pipe *pipe);

#endif
