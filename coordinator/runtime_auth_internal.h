/* runtime_auth_internal.h - what the two files of runtime_auth.h share: who asks, and how one logs in.
 *
 * Threads: as there; what says so is called under the lock. */
#ifndef AN_COORDINATOR_RUNTIME_AUTH_INTERNAL_H
#define AN_COORDINATOR_RUNTIME_AUTH_INTERNAL_H

#include <pthread.h>

#include "base/log.h"
#include "coordinator/runtime_auth.h"
#include "coordinator/sessions.h"

#define AN_COOKIE_NAME 16 /* "andon-65535" */

struct an_auth {
    an_hash admin; /* of the token's text: comparing hashes takes the same time for any length */
    const an_clock *clock;
    const char *names;    /* of this coordinator, as configured */
    char own[256];        /* of this computer */
    pthread_mutex_t lock; /* of all below */
    an_users users;
    char (*verifiers)[AN_PASSWORD_TEXT]; /* (users.n) */
    size_t verifiers_cap;
    an_sessions sessions;
    an_guesses guesses;
    unsigned checks; /* passwords that are being looked at: runtime_login.c */
    an_log_quota refused;
};

int64_t an_auth_mono(const an_auth *a);
bool an_auth_is_admin(const an_auth *a, const char *token);
void an_auth_note(an_auth *a, const an_http_request *http, const char *what); /* somebody was refused */
void an_auth_cookie_name(const an_http_request *http, char ret[static AN_COOKIE_NAME]);
/* The value of the session's cookie; false: there is none of the right length. */
bool an_auth_cookie(const an_http_request *http, char ret[static AN_COOKIE_TEXT]);
/* Under the lock.  NULL: there is no session, or its user is no longer who they were. */
an_session *an_auth_session_of(an_auth *a, const char *cookie, an_who *ret);

#endif
