/* sessions.h - who is logged in, and who guesses too often: tables of a fixed size, in memory alone.
 *
 *     an_sessions_open(&s, "mia", changed, now, cookie, csrf);
 *     const an_session *found = an_sessions_find(&s, cookie_of_request, now);
 *     an_sessions_csrf(&s, cookie_of_request, csrf);      what its changes must bring
 *
 * Of a session's cookie its hash is kept.  Times are monotonic milliseconds.
 *
 * Threads: belongs to one thread, or to who holds its lock. */
#ifndef AN_COORDINATOR_SESSIONS_H
#define AN_COORDINATOR_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/terms.h"

#define AN_SESSIONS_MAX 256
#define AN_SESSIONS_OF_USER 16
#define AN_COOKIE_TEXT 65
#define AN_CSRF_TEXT 33

typedef struct an_session {
    bool open;
    an_hash cookie;
    char user[AN_NAME_MAX];
    uint64_t changed; /* as the user's, when it was opened */
    int64_t opened_ms, seen_ms;
} an_session;

typedef struct an_sessions {
    int64_t idle_ms, max_ms; /* it ends when nobody has asked for so long; in any case */
    uint8_t key[32];         /* of CSRF texts */
    an_session items[AN_SESSIONS_MAX];
} an_sessions;

void an_sessions_init(an_sessions *s, int64_t idle_ms, int64_t max_ms);
/* When there are too many, the user's or all, the one that was silent for longest ends. */
void an_sessions_open(an_sessions *s, const char *user, uint64_t changed, int64_t now_ms,
                      char ret_cookie[static AN_COOKIE_TEXT], char ret_csrf[static AN_CSRF_TEXT]);
/* Its time is put back.  NULL: no such session, or it is over. */
an_session *an_sessions_find(an_sessions *s, const char *cookie, int64_t now_ms);
an_session *an_sessions_by(an_sessions *s, const an_hash *cookie,
                           int64_t now_ms); /* its time is not put back */
void an_sessions_end(an_session *session);
void an_sessions_csrf(const an_sessions *s, const char *cookie, char ret[static AN_CSRF_TEXT]);

/* ---- guesses ----
 *
 * Before a password is looked at, the guess is counted under the user's name and under the address; what was right is
 * taken back.  After the first few each further one has to wait, twice as long each time.  Who does not guess for a
 * while begins anew. */
#define AN_GUESSES_FREE 5
#define AN_GUESSES_QUIET_MS 900000
#define AN_GUESSES_MAX 512
#define AN_GUESS_TEXT 80

typedef struct an_guess {
    char of[AN_GUESS_TEXT];
    uint32_t n;
    int64_t last_ms, until_ms;
} an_guess;

typedef struct an_guesses {
    an_guess items[AN_GUESSES_MAX];
} an_guesses;

/* 0: it may be looked at; else so many milliseconds are to pass. */
int64_t an_guesses_wait(const an_guesses *g, const char *of, int64_t now_ms);
void an_guesses_add(an_guesses *g, const char *of, int64_t now_ms,
                    int64_t most_ms);                     /* most_ms: the longest wait */
void an_guesses_forget(an_guesses *g, const char *of);    /* all of them */
void an_guesses_take_back(an_guesses *g, const char *of); /* the last one */
/* What a peer's address is counted under: of IPv6 the first half, which is what one subscriber has. */
void an_guess_address(char ret[static AN_GUESS_TEXT], const char *remote);

#endif
