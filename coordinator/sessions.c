#include "coordinator/sessions.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "doors/crypto.h"

/* ---- sessions ---- */

void an_sessions_init(an_sessions *s, int64_t idle_ms, int64_t max_ms)
{
    *s = (an_sessions){.idle_ms = idle_ms, .max_ms = max_ms};
    an_random(s->key, sizeof s->key);
}

static bool is_over(const an_sessions *s, const an_session *e, int64_t now_ms)
{
    return !e->open || now_ms - e->seen_ms >= s->idle_ms || now_ms - e->opened_ms >= s->max_ms;
}

/* The one to give up: a free one, else the user's own if they have many, else any, the most silent first. */
static an_session *place_for(an_sessions *s, const char *user, int64_t now_ms)
{
    an_session *own = NULL, *any = NULL;
    size_t n_own = 0;
    for (size_t i = 0; i < AN_SESSIONS_MAX; i++) {
        an_session *e = &s->items[i];
        if (is_over(s, e, now_ms)) {
            an_sessions_end(e);
            e->seen_ms = INT64_MIN;
        } else if (strcmp(e->user, user) == 0) {
            n_own++;
            own = !own || e->seen_ms < own->seen_ms ? e : own;
        }
        any = !any || e->seen_ms < any->seen_ms ? e : any;
    }
    return n_own >= AN_SESSIONS_OF_USER ? own : any;
}

void an_sessions_open(an_sessions *s, const char *user, uint64_t changed, int64_t now_ms,
                      char ret_cookie[static AN_COOKIE_TEXT], char ret_csrf[static AN_CSRF_TEXT])
{
    uint8_t bytes[(AN_COOKIE_TEXT - 1) / 2];
    an_session *e = place_for(s, user, now_ms);
    an_random(bytes, sizeof bytes);
    an_hex(ret_cookie, bytes, sizeof bytes);
    an_wipe(bytes, sizeof bytes);
    *e = (an_session){.open = true, .changed = changed, .opened_ms = now_ms, .seen_ms = now_ms};
    snprintf(e->user, sizeof e->user, "%s", user);
    an_hash_of(&e->cookie, ret_cookie, strlen(ret_cookie));
    an_sessions_csrf(s, ret_cookie, ret_csrf);
}

an_session *an_sessions_by(an_sessions *s, const an_hash *cookie, int64_t now_ms)
{
    an_session *found = NULL;
    for (size_t i = 0; i < AN_SESSIONS_MAX; i++)
        if (s->items[i].open && an_hash_equal(&s->items[i].cookie, cookie))
            found = &s->items[i];
    if (found && is_over(s, found, now_ms)) {
        an_sessions_end(found);
        found = NULL;
    }
    return found;
}

an_session *an_sessions_find(an_sessions *s, const char *cookie, int64_t now_ms)
{
    an_hash hash;
    an_hash_of(&hash, cookie, strlen(cookie));
    an_session *found = an_sessions_by(s, &hash, now_ms);
    if (found)
        found->seen_ms = now_ms;
    return found;
}

void an_sessions_end(an_session *session)
{
    *session = (an_session){.open = false};
}

/* From the cookie, so that it can be told again and need not be kept. */
void an_sessions_csrf(const an_sessions *s, const char *cookie, char ret[static AN_CSRF_TEXT])
{
    an_hash mac;
    an_mac_of(&mac, s->key, cookie, strlen(cookie));
    an_hex(ret, mac.b, (AN_CSRF_TEXT - 1) / 2);
}

/* ---- guesses ---- */

static an_guess *guess_of(const an_guesses *g, const char *of)
{
    for (size_t i = 0; i < AN_GUESSES_MAX; i++)
        if (strcmp(g->items[i].of, of) == 0)
            return (an_guess *)&g->items[i];
    return NULL;
}

int64_t an_guesses_wait(const an_guesses *g, const char *of, int64_t now_ms)
{
    const an_guess *e = guess_of(g, of);
    return e && e->until_ms > now_ms ? e->until_ms - now_ms : 0;
}

/* Who has guessed least, and of those who did so first, is forgotten: many names tried once do not push out one that
 * is tried often. */
static an_guess *guess_place(an_guesses *g, int64_t now_ms)
{
    an_guess *best = &g->items[0];
    for (size_t i = 0; i < AN_GUESSES_MAX; i++) {
        an_guess *e = &g->items[i];
        if (!e->of[0] || now_ms - e->last_ms >= AN_GUESSES_QUIET_MS)
            return e;
        if (e->n < best->n || (e->n == best->n && e->last_ms < best->last_ms))
            best = e;
    }
    return best;
}

void an_guesses_add(an_guesses *g, const char *of, int64_t now_ms, int64_t most_ms)
{
    an_guess *e = guess_of(g, of);
    if (!e) {
        e = guess_place(g, now_ms);
        *e = (an_guess){.n = 0};
        snprintf(e->of, sizeof e->of, "%s", of);
    }
    if (now_ms - e->last_ms >= AN_GUESSES_QUIET_MS)
        e->n = 0;
    e->n++;
    e->last_ms = now_ms;
    if (e->n < AN_GUESSES_FREE)
        return;
    const uint32_t doublings = e->n - AN_GUESSES_FREE;
    const int64_t wait_ms = doublings < 20 ? INT64_C(1000) << doublings : most_ms;
    e->until_ms = now_ms + (wait_ms < most_ms ? wait_ms : most_ms);
}

void an_guesses_forget(an_guesses *g, const char *of)
{
    an_guess *e = guess_of(g, of);
    if (e)
        *e = (an_guess){.n = 0};
}

void an_guesses_take_back(an_guesses *g, const char *of)
{
    an_guess *e = guess_of(g, of);
    if (!e || e->n == 0)
        return;
    e->n--;
    e->until_ms = 0;
}

void an_guess_address(char ret[static AN_GUESS_TEXT], const char *remote)
{
    struct in6_addr a;
    char text[INET6_ADDRSTRLEN] = "";
    if (inet_pton(AF_INET6, remote, &a) == 1 && !IN6_IS_ADDR_V4MAPPED(&a)) {
        memset(a.s6_addr + 8, 0, 8);
        inet_ntop(AF_INET6, &a, text, sizeof text);
    }
    snprintf(ret, AN_GUESS_TEXT, "address %.60s", text[0] ? text : remote);
}
