/* Logging in and setting a password.  Passwords are looked at by Argon2id, 64 MiB and a tenth of a second each: two at
 * once, and those who come meanwhile are told to come again.  Nothing of it is done under the lock. */
#include "coordinator/runtime_auth_internal.h"

#include <stdio.h>
#include <string.h>

#define CHECKS_MAX 2
#define LOGIN_BODY_MAX 4096
#define USER_WAIT_MAX_MS 30000 /* somebody else's guesses are not to keep a person out for long */
#define ADDRESS_WAIT_MAX_MS 300000
#define LOOPBACK_WAIT_MAX_MS 1000 /* behind it may be a proxy, and behind that everybody */

/* ---- passwords ---- */

static void problem_later(unsigned status, int64_t wait_ms, const char *what, an_api_answer *ret)
{
    an_note why;
    an_note_set(&why, "%s; come again in %lld s", what, (long long)((wait_ms + 999) / 1000));
    an_api_problem(status, why.text, ret);
    ret->retry_s = (wait_ms + 999) / 1000;
}

/* False: told in *refusal.  True: end_check is due. */
static bool begin_check(an_auth *a, an_api_answer *refusal)
{
    pthread_mutex_lock(&a->lock);
    const bool free = a->checks < CHECKS_MAX;
    a->checks += free;
    pthread_mutex_unlock(&a->lock);
    if (!free)
        problem_later(503, 1000, "other passwords are being looked at", refusal);
    return free;
}

static void end_check(an_auth *a)
{
    pthread_mutex_lock(&a->lock);
    a->checks--;
    pthread_mutex_unlock(&a->lock);
}

static bool is_loopback(const char *address)
{
    return strstr(address, " 127.") || strstr(address, ":127.") || strcmp(address, "address ::") == 0;
}

/* The guess is counted before it is looked at: several at once are several. */
static bool may_guess(an_auth *a, const char *user, const char *address, an_api_answer *refusal)
{
    const int64_t now = an_auth_mono(a);
    pthread_mutex_lock(&a->lock);
    const int64_t of_user = an_guesses_wait(&a->guesses, user, now),
                  of_address = an_guesses_wait(&a->guesses, address, now);
    const int64_t wait_ms = of_user > of_address ? of_user : of_address;
    if (wait_ms == 0) {
        an_guesses_add(&a->guesses, user, now, USER_WAIT_MAX_MS);
        an_guesses_add(&a->guesses, address, now,
                       is_loopback(address) ? LOOPBACK_WAIT_MAX_MS : ADDRESS_WAIT_MAX_MS);
    }
    pthread_mutex_unlock(&a->lock);
    if (wait_ms > 0)
        problem_later(429, wait_ms, "too many wrong passwords", refusal);
    return wait_ms == 0;
}

/* Is it the password of that user?  Nobody's takes the same time and gets the same answer.  *ret_changed: as the user
 * was when the password was looked up. */
static bool check(an_auth *a, const an_http_request *http, const char *name, const char *password,
                  uint64_t *ret_changed, an_api_answer *refusal)
{
    char verifier[AN_PASSWORD_TEXT] = "", user[AN_GUESS_TEXT], address[AN_GUESS_TEXT];
    snprintf(user, sizeof user, "user %.70s", name);
    an_guess_address(address, http->remote);
    if (!begin_check(a, refusal))
        return false;
    bool good = may_guess(a, user, address, refusal);
    if (!good) {
        end_check(a);
        return false;
    }
    pthread_mutex_lock(&a->lock);
    const an_user *u = an_users_find(&a->users, name);
    if (u)
        memcpy(verifier, a->verifiers[u - a->users.items], sizeof verifier);
    *ret_changed = u ? u->changed : 0;
    pthread_mutex_unlock(&a->lock);
    const bool nobody = !verifier[0];
    an_err err = an_password_check(nobody ? AN_PASSWORD_NOBODY : verifier, password, strlen(password));
    good = err == AN_OK && !nobody;
    pthread_mutex_lock(&a->lock);
    if (good)
        an_guesses_forget(&a->guesses, user);
    if (good || err == AN_ERR_NOMEM)
        an_guesses_take_back(&a->guesses, address);
    pthread_mutex_unlock(&a->lock);
    end_check(a);
    an_wipe(verifier, sizeof verifier);
    if (err == AN_ERR_NOMEM)
        an_api_problem(503, "out of memory", refusal);
    else if (!good)
        an_api_problem(401, "no such user, or another password", refusal);
    return good;
}

/* ---- sessions ---- */

static void answer_who(const an_who *who, const char *csrf, int64_t expires_ms, unsigned status,
                       an_api_answer *ret)
{
    an_json *o = an_json_object(), *sites = an_json_array();
    for (uint32_t i = 0; i < who->n_sites; i++)
        an_json_push_text(sites, who->sites[i]);
    an_json_set_text(o, "user", who->name);
    an_json_set_text(o, "role", an_role_name(who->role));
    an_json_set(o, "sites", sites);
    if (csrf) {
        an_json_set_text(o, "csrf", csrf);
        an_json_set_int(o, "expires_ms", expires_ms);
    }
    *ret = (an_api_answer){.status = status, .type = "application/json", .body = an_json_print(o, 0)};
    an_json_free(o);
    if (!ret->body)
        an_api_problem(503, "out of memory", ret);
}

static void set_cookie(const an_http_request *http, an_http_reply *reply, const char *cookie)
{
    char value[AN_COOKIE_TEXT + 96], name[AN_COOKIE_NAME];
    an_auth_cookie_name(http, name);
    snprintf(value, sizeof value, "%s=%s; HttpOnly; SameSite=Strict; Path=/%s%s", name, cookie,
             cookie[0] ? "" : "; Max-Age=0", http->secure ? "; Secure" : "");
    if (an_http_reply_header(reply, "Set-Cookie", value) != AN_OK)
        an_log(AN_LOG_ERROR, "cookie_not_set", "remote=%s", http->remote);
    an_wipe(value, sizeof value);
}

/* A page of another origin could log its visitor in as somebody of its choice.  The browser says it outright; one that
 * does not says the origin, which a proxy may have made differ from the host. */
static bool is_foreign(const an_http_request *http)
{
    const char *site = an_http_header(http, "Sec-Fetch-Site");
    if (site)
        return strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
    const char *origin = an_http_header(http, "Origin"), *host = an_http_header(http, "Host");
    const char *at = origin ? strstr(origin, "://") : NULL;
    return origin && (!host || !at || strcmp(at + 3, host) != 0);
}

static bool read_login(const an_http_request *http, an_json_doc **doc, const char **user,
                       const char **password, an_api_answer *refusal)
{
    static const char *const keys[] = {"user", "password", NULL};
    an_note why = {{0}};
    an_err err = http->body_len > LOGIN_BODY_MAX
                     ? an_fail(AN_ERR_LIMIT, &why, "the body is too long")
                     : an_json_parse(http->body, http->body_len, "request body", doc, &why);
    const an_jval *root = err == AN_OK ? an_json_root(*doc) : NULL;
    if (err == AN_OK)
        err = an_jval_only_keys(root, keys, &why);
    if (err == AN_OK)
        err = an_jval_text(root, "user", user, &why);
    if (err == AN_OK)
        err = an_jval_text(root, "password", password, &why);
    /* What is longer than a password can be is none, and is not computed with. */
    if (err == AN_OK && (strlen(*user) >= AN_NAME_MAX || strlen(*password) > AN_PASSWORD_MAX))
        err = an_fail(AN_ERR_INVAL, &why, "\"user\" or \"password\" is too long");
    if (err != AN_OK)
        an_api_problem(an_api_status_of(err), why.text[0] ? why.text : an_err_text(err), refusal);
    return err == AN_OK;
}

/* The user may have been changed while the password was looked at: then the session is over at its first use. */
static void open_session(an_auth *a, const an_http_request *http, const char *user, uint64_t changed,
                         an_api_answer *ret, an_http_reply *reply)
{
    char cookie[AN_COOKIE_TEXT], csrf[AN_CSRF_TEXT];
    an_who who;
    pthread_mutex_lock(&a->lock);
    an_sessions_open(&a->sessions, user, changed, an_auth_mono(a), cookie, csrf);
    const bool there = an_auth_session_of(a, cookie, &who) != NULL;
    const int64_t expires_ms = a->clock->wall_ms(a->clock) + a->sessions.max_ms;
    pthread_mutex_unlock(&a->lock);
    if (there) {
        answer_who(&who, csrf, expires_ms, 200, ret);
        set_cookie(http, reply, cookie);
        an_log(AN_LOG_INFO, "logged_in", "user=%s remote=%s", user, http->remote);
    } else {
        an_api_problem(401, "no such user, or another password", ret);
    }
    an_wipe(cookie, sizeof cookie);
}

/* With the administrator's token as password, "admin" can log in before there are users, and never has to wait. */
static void log_in(an_auth *a, const an_http_request *http, an_api_answer *ret, an_http_reply *reply)
{
    an_json_doc *doc = NULL;
    const char *user = "", *password = "";
    uint64_t changed = 0;
    if (is_foreign(http)) {
        an_api_problem(403, "a page of another origin may not log anybody in", ret);
    } else if (read_login(http, &doc, &user, &password, ret)) {
        const bool admin = strcmp(user, AN_ADMIN) == 0 && an_auth_is_admin(a, password);
        if (admin || check(a, http, user, password, &changed, ret))
            open_session(a, http, user, changed, ret, reply);
        else
            an_auth_note(a, http, "log-in");
    }
    an_json_doc_free(doc);
}

static void tell_session(an_auth *a, const an_http_request *http, an_api_answer *ret)
{
    char cookie[AN_COOKIE_TEXT], csrf[AN_CSRF_TEXT];
    an_who who;
    int64_t left_ms = 0;
    if (!an_auth_who(a, http, &who, ret))
        return;
    const bool by_cookie = !an_http_header(http, "Authorization") && an_auth_cookie(http, cookie);
    if (by_cookie) {
        pthread_mutex_lock(&a->lock);
        const an_session *s = an_auth_session_of(a, cookie, &who);
        left_ms = s ? s->opened_ms + a->sessions.max_ms - an_auth_mono(a) : 0;
        an_sessions_csrf(&a->sessions, cookie, csrf);
        pthread_mutex_unlock(&a->lock);
    }
    answer_who(&who, by_cookie ? csrf : NULL, a->clock->wall_ms(a->clock) + left_ms, 200, ret);
}

static void log_out(an_auth *a, const an_http_request *http, an_api_answer *ret, an_http_reply *reply)
{
    char cookie[AN_COOKIE_TEXT];
    an_who who;
    if (!an_auth_who(a, http, &who, ret))
        return;
    if (!an_http_header(http, "Authorization") && an_auth_cookie(http, cookie)) {
        pthread_mutex_lock(&a->lock);
        an_session *s = an_auth_session_of(a, cookie, &who);
        if (s)
            an_sessions_end(s);
        pthread_mutex_unlock(&a->lock);
        set_cookie(http, reply, "");
    }
    answer_who(&who, NULL, 0, 200, ret);
}

bool an_auth_session(an_auth *a, const an_http_request *http, an_api_answer *ret, an_http_reply *reply)
{
    const bool end = strcmp(http->path, "/api/v1/session/end") == 0, post = strcmp(http->method, "POST") == 0;
    if (!end && strcmp(http->path, "/api/v1/session") != 0)
        return false;
    if (post && end)
        log_out(a, http, ret, reply);
    else if (post)
        log_in(a, http, ret, reply);
    else if (strcmp(http->method, "GET") == 0 && !end)
        tell_session(a, http, ret);
    else
        an_api_problem(405, "not possible for this path", ret);
    return true;
}

/* ---- setting a password ---- */

static bool sets_password(const an_api_request *req)
{
    char name[AN_API_TEXT];
    return strcmp(req->method, "POST") == 0 && (strcmp(req->path, "/api/v1/users") == 0 ||
                                                an_api_path_match("/api/v1/users/{name}", req->path, name));
}

/* Who changes their own says the present one, so that a session left open is not enough; administrators need not. */
static bool knows_old(an_auth *a, const an_http_request *http, const an_api_request *req, const an_jval *body,
                      an_api_answer *refusal)
{
    const char *old = "";
    an_note why = {{0}};
    uint64_t changed;
    if (req->who.role == AN_ROLE_ADMINISTRATOR)
        return true;
    if (an_jval_text(body, "old", &old, &why) != AN_OK || strlen(old) > AN_PASSWORD_MAX) {
        an_api_problem(400, "give the present password as \"old\"", refusal);
        return false;
    }
    if (check(a, http, req->who.name, old, &changed, refusal))
        return true;
    if (refusal->status == 401) {
        an_api_answer_done(refusal);
        an_api_problem(403, "\"old\" is not the present password", refusal);
    }
    return false;
}

bool an_auth_password(an_auth *a, const an_http_request *http, an_api_request *req, an_api_answer *refusal)
{
    an_json_doc *doc = NULL;
    an_note why = {{0}};
    const char *password = NULL;
    if (!sets_password(req) || an_json_parse(req->body, req->body_len, "request body", &doc, NULL) != AN_OK ||
        !an_jval_get(an_json_root(doc), "password")) {
        an_json_doc_free(doc);
        return true; /* nothing to compute; what is wrong the API says */
    }
    const an_jval *body = an_json_root(doc);
    bool good = false;
    an_err err = an_jval_text(body, "password", &password, &why);
    if (err == AN_OK)
        err = an_password_ok(password, &why);
    if (err != AN_OK) {
        an_api_problem(an_api_status_of(err), why.text, refusal);
    } else if (knows_old(a, http, req, body, refusal) && begin_check(a, refusal)) {
        good = an_password_hash(req->verifier, password, strlen(password)) == AN_OK;
        end_check(a);
        if (!good)
            an_api_problem(503, "out of memory", refusal);
    }
    an_json_doc_free(doc);
    return good;
}
