/* runtime_auth.h - who asks over HTTP: the administrator's token, tokens of users, sessions.
 *
 *     an_auth_publish(auth, &users, verifiers);           the core, whenever users have changed
 *     if (an_auth_session(auth, http, &answer, reply))    POST|GET /api/v1/session, POST /api/v1/session/end
 *         ...
 *     else if (an_auth_who(auth, http, &who, &answer))    else answer says why not
 *         ...
 *
 * It has a copy of who the users are, so that nobody who is not known costs the core anything, and passwords are
 * looked at in the threads of HTTP.  Passwords and tokens are in no log.
 *
 * Threads: call from any. */
#ifndef AN_COORDINATOR_RUNTIME_AUTH_H
#define AN_COORDINATOR_RUNTIME_AUTH_H

#include "coordinator/api/api.h"
#include "coordinator/users.h"
#include "doors/crypto.h"
#include "doors/http_server.h"

typedef struct an_auth an_auth;

typedef struct an_auth_conf {
    const char *admin_token; /* copied as its hash */
    int64_t idle_ms, max_ms; /* of a session */
    const an_clock *clock;   /* borrowed */
    const char *names;       /* http.names, borrowed; NULL: none */
} an_auth_conf;

an_err an_auth_new(const an_auth_conf *conf, an_auth **ret); /* Errors: NOMEM */
void an_auth_free(an_auth *a);                               /* NULL is fine */

/* verifiers: one for each user, "" for who has no password; both are copied.  Sessions of who was changed or removed
 * are over when it returns.  Errors: NOMEM. */
an_err an_auth_publish(an_auth *a, const an_users *users, const char (*verifiers)[AN_PASSWORD_TEXT]);
/* The text that checks this user's password, if it is the one of this hash; "": not known here.  For who publishes. */
void an_auth_verifier(an_auth *a, const char *user, const an_hash *hash, char ret[static AN_PASSWORD_TEXT]);

/* Is it asked by a name of its own?  False: *refusal says what to do about it (421). */
bool an_auth_host(an_auth *a, const an_http_request *http, an_api_answer *refusal);

/* False: *refusal says why (401; 403 a change by cookie without its CSRF header). */
bool an_auth_who(an_auth *a, const an_http_request *http, an_who *ret, an_api_answer *refusal);

/* Somebody who was let in and is still being answered, by a stream: would they be let in now?  This does not count as
 * asking: a screen that is left open does not keep a session alive. */
bool an_auth_still(an_auth *a, const an_who *who);

/* Logging in, asking who one is, logging out.  False: it is none of these. */
bool an_auth_session(an_auth *a, const an_http_request *http, an_api_answer *ret, an_http_reply *reply);

/* Of a request that sets a password: fills req->verifier.  False: *refusal says why. */
bool an_auth_password(an_auth *a, const an_http_request *http, an_api_request *req, an_api_answer *refusal);

#endif
