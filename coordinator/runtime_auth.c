/* Who asks over HTTP.  Nothing takes long under the lock. */
#include "coordinator/runtime_auth_internal.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"

an_err an_auth_new(const an_auth_conf *conf, an_auth **ret)
{
    an_auth *a = an_alloc(1, sizeof *a);
    if (!a)
        return AN_ERR_NOMEM;
    an_hash_of(&a->admin, conf->admin_token, strlen(conf->admin_token));
    a->clock = conf->clock;
    a->names = conf->names;
    if (gethostname(a->own, sizeof a->own - 1) != 0)
        a->own[0] = '\0';
    an_sessions_init(&a->sessions, conf->idle_ms, conf->max_ms);
    pthread_mutex_init(&a->lock, NULL);
    *ret = a;
    return AN_OK;
}

void an_auth_free(an_auth *a)
{
    if (!a)
        return;
    pthread_mutex_destroy(&a->lock);
    an_users_done(&a->users);
    an_free(a->verifiers);
    an_wipe(a, sizeof *a);
    an_free(a);
}

an_err an_auth_publish(an_auth *a, const an_users *users, const char (*verifiers)[AN_PASSWORD_TEXT])
{
    pthread_mutex_lock(&a->lock);
    an_err err = an_grow(&a->verifiers, &a->verifiers_cap, users->n + 1, sizeof *a->verifiers)
                     ? an_users_copy(&a->users, users)
                     : AN_ERR_NOMEM;
    if (err == AN_OK && users->n > 0)
        memcpy(a->verifiers, verifiers, users->n * sizeof *a->verifiers);
    pthread_mutex_unlock(&a->lock);
    return err;
}

void an_auth_verifier(an_auth *a, const char *user, const an_hash *hash, char ret[static AN_PASSWORD_TEXT])
{
    ret[0] = '\0';
    pthread_mutex_lock(&a->lock);
    const an_user *u = an_users_find(&a->users, user);
    if (u && an_hash_equal(&u->verifier, hash))
        memcpy(ret, a->verifiers[u - a->users.items], AN_PASSWORD_TEXT);
    pthread_mutex_unlock(&a->lock);
}

int64_t an_auth_mono(const an_auth *a)
{
    return a->clock->mono_ms(a->clock);
}

void an_auth_note(an_auth *a, const an_http_request *http, const char *what)
{
    pthread_mutex_lock(&a->lock);
    const bool allow = an_log_allow(&a->refused, an_auth_mono(a));
    pthread_mutex_unlock(&a->lock);
    if (allow)
        an_log(AN_LOG_WARN, "http_not_allowed", "remote=%s why=\"%s\"", http->remote, what);
}

/* ---- who asks ---- */

bool an_auth_cookie(const an_http_request *http, char ret[static AN_COOKIE_TEXT])
{
    char name[AN_COOKIE_NAME];
    an_auth_cookie_name(http, name);
    const size_t name_len = strlen(name);
    const char *at = an_http_header(http, "Cookie");
    while (at) {
        at += strspn(at, " ;");
        if (strncmp(at, name, name_len) == 0 && at[name_len] == '=') {
            const char *value = at + name_len + 1;
            const size_t len = strcspn(value, "; ");
            if (len != AN_COOKIE_TEXT - 1)
                return false;
            memcpy(ret, value, len);
            ret[len] = '\0';
            return true;
        }
        at = strchr(at, ';');
    }
    return false;
}

bool an_auth_is_admin(const an_auth *a, const char *token)
{
    an_hash hash;
    an_hash_of(&hash, token, strlen(token));
    return an_hash_equal(&hash, &a->admin);
}

/* Under the lock. */
static bool who_of_token(const an_auth *a, const char *token, an_who *ret)
{
    an_hash hash;
    const an_user_token *t = NULL;
    if (an_auth_is_admin(a, token)) {
        *ret = an_who_admin();
        return true;
    }
    an_hash_of(&hash, token, strlen(token));
    const an_user *u = an_users_by_token(&a->users, &hash, a->clock->wall_ms(a->clock), &t);
    if (u)
        *ret = an_user_who(u, t);
    return u != NULL;
}

an_session *an_auth_session_of(an_auth *a, const char *cookie, an_who *ret)
{
    an_session *s = an_sessions_find(&a->sessions, cookie, an_auth_mono(a));
    if (!s)
        return NULL;
    const bool admin = strcmp(s->user, AN_ADMIN) == 0;
    const an_user *u = admin ? NULL : an_users_find(&a->users, s->user);
    if (!admin && (!u || u->changed != s->changed)) {
        an_sessions_end(s);
        return NULL;
    }
    *ret = admin ? an_who_admin() : an_user_who(u, NULL);
    ret->credential = s->cookie;
    return s;
}

static bool by_bearer(an_auth *a, const an_http_request *http, const char *given, an_who *ret,
                      an_api_answer *refusal)
{
    bool known = false;
    if (strncmp(given, "Bearer ", 7) == 0) {
        pthread_mutex_lock(&a->lock);
        known = who_of_token(a, given + 7, ret);
        pthread_mutex_unlock(&a->lock);
    }
    if (!known) {
        an_auth_note(a, http, "no such token");
        an_api_problem(401, "the header Authorization: Bearer TOKEN has no token that is valid", refusal);
    }
    return known;
}

bool an_auth_who(an_auth *a, const an_http_request *http, an_who *ret, an_api_answer *refusal)
{
    char cookie[AN_COOKIE_TEXT], csrf[AN_CSRF_TEXT];
    const char *given = an_http_header(http, "Authorization"), *shown = an_http_header(http, "X-Andon-CSRF");
    if (given)
        return by_bearer(a, http, given, ret, refusal);
    bool known = an_auth_cookie(http, cookie);
    if (known) {
        pthread_mutex_lock(&a->lock);
        known = an_auth_session_of(a, cookie, ret) != NULL;
        an_sessions_csrf(&a->sessions, cookie, csrf);
        pthread_mutex_unlock(&a->lock);
    }
    if (!known) {
        an_auth_note(a, http, "nobody");
        an_api_problem(
            401,
            "log in, or send the header Authorization: Bearer TOKEN; the administrator's is in admin.token",
            refusal);
        return false;
    }
    const bool changes = strcmp(http->method, "GET") != 0 && strcmp(http->method, "HEAD") != 0;
    if (changes &&
        (!shown || strlen(shown) != sizeof csrf - 1 || !an_secret_equal(shown, csrf, sizeof csrf - 1))) {
        an_auth_note(a, http, "no CSRF header");
        an_api_problem(
            403, "a change with a session's cookie needs the header X-Andon-CSRF with the session's \"csrf\"",
            refusal);
        return false;
    }
    return true;
}

bool an_auth_still(an_auth *a, const an_who *who)
{
    const an_user_token *token = NULL;
    if (an_hash_is_zero(&who->credential))
        return true;
    pthread_mutex_lock(&a->lock);
    const an_user *u = an_users_find(&a->users, who->name);
    bool still = u ? u->changed == who->changed : strcmp(who->name, AN_ADMIN) == 0;
    if (still && who->by_token)
        still = an_users_by_token(&a->users, &who->credential, a->clock->wall_ms(a->clock), &token) != NULL;
    else if (still)
        still = an_sessions_by(&a->sessions, &who->credential, an_auth_mono(a)) != NULL;
    pthread_mutex_unlock(&a->lock);
    return still;
}
