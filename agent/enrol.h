/* enrol.h - how a site gets to know its coordinator: it shows a one-time token at the enrolment
 * door, an administrator compares the fingerprint and approves, and what the answer says is
 * kept in DATA/coordinator.json.
 *
 *     an_coordinator c;
 *     an_enrol_conf conf = {.dir = data, .site = "plant-b", .token = text, .say = print};
 *     err = an_enrol(&conf, &c, &why);
 *     err = an_coordinator_read(data, &c, &why);               at every later start
 *
 * The token's text carries the coordinator's link key, so the site knows whom it talks to
 * before it says anything, and the fingerprint of the release root, so that a root that the
 * coordinator makes up is refused.
 *
 * Threads: an_enrol blocks its thread; no state. */
#ifndef AN_AGENT_ENROL_H
#define AN_AGENT_ENROL_H

#include <stdint.h>

#include "base/err.h"
#include "base/file.h"
#include "msg/msg.h"
#include "net/keys.h"
#include "trust/root.h"

typedef struct an_coordinator {
    char site[AN_NAME_MAX];
    char control[AN_COORDINATORS_MAX][AN_ENDPOINT_MAX]; /* the one that greeted last comes first */
    size_t n_control;                                   /* 1.. */
    char bulk[AN_ENDPOINT_MAX];
    uint8_t link_key[AN_LINK_KEY];       /* of the sockets of all of them */
    uint8_t statement_key[AN_KEY_BYTES]; /* its online key: candidates, delegated releases */
    an_root root;                        /* of releases, as enrolled */
} an_coordinator;

/* Errors: NOTFOUND the site is not enrolled; PROTO damaged; IO, NOMEM. */
an_err an_coordinator_read(const char *dir, an_coordinator *ret, an_note *why);
an_err an_coordinator_write(const char *dir, const an_coordinator *c, an_note *why);

/* DATA/identity, made at the first start.  Errors: as an_identity_open, LIMIT. */
an_err an_agent_identity(const char *dir, an_identity **ret, an_note *why);

/* What an APPROVED answer comes to, by the token that was shown.  Errors: AUTH the keys are missing, or the
 * release root is not the one that the token names. */
an_err an_enrol_accept(const an_token *token, const char *site, const an_msg_enrol_reply *reply,
                       an_coordinator *ret, an_note *why);

typedef struct an_enrol_conf {
    const char *dir, *site, *token;
    int64_t timeout_ms;                       /* 0: waits for ever */
    void (*say)(void *ctx, const char *line); /* what happens, for a person; NULL: silent */
    void *ctx;
} an_enrol_conf;

/* Asks until it is approved, and writes coordinator.json.  Errors: INVAL the site's name; PROTO
 * not a token; REFUSED denied; AGAIN no decision within the timeout (ask again with the same
 * token); AUTH the answer came without the keys, or with another release root than the token names; IO, NOMEM. */
an_err an_enrol(const an_enrol_conf *conf, an_coordinator *ret, an_note *why);

#endif
