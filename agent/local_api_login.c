/* Who may ask.  Over the socket whoever can open it; over the port whoever brings the token, or has brought it once: a browser
 * gets a cookie for it that no script can read, and a text that must come with each change, which no other page can read.
 *
 *     POST /v1/session {"token": "..."}    -> Set-Cookie: andon-site-PORT=ID; HttpOnly; SameSite=Strict
 *     ... Cookie: andon-site-PORT=ID, and with a POST X-Andon-CSRF: TEXT
 *
 * Log-ins are kept in memory: they end with the agent, with another token, and after half a day without a request. */
#include <stdio.h>
#include <string.h>

#include "agent/local_api_internal.h"
#include "agent/secret_file.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/host.h"
#include "base/mem.h"
#include "doors/crypto.h"

#define LOGINS_MAX 32
#define ID_BYTES 32
#define CSRF_BYTES 16
#define IDLE_MS (INT64_C(12) * 3600000)
#define LONGEST_MS (INT64_C(30) * 86400000)

typedef struct login {
    char id[2 * ID_BYTES + 1]; /* "": free */
    char csrf[2 * CSRF_BYTES + 1];
    an_hash token; /* that was brought */
    int64_t made_ms, used_ms;
} login;

struct an_local_logins {
    login items[LOGINS_MAX];
};

an_local_logins *an_local_logins_new(void)
{
    return an_alloc(1, sizeof(an_local_logins));
}

void an_local_logins_free(an_local_logins *l)
{
    if (!l)
        return;
    an_wipe(l, sizeof *l);
    an_free(l);
}

static int64_t mono_ms(const an_local_api_conf *conf)
{
    const an_clock *clock = conf->clock ? conf->clock : an_clock_system();
    return clock->mono_ms(clock);
}

static const char *header(const an_local_ask *ask, const char *name)
{
    return ask->header ? ask->header(ask->ctx, name) : NULL;
}

/* ---- names ---- */

bool local_api_host_ok(const char *host, const char *names)
{
    an_host h;
    return host && an_host_read(host, &h) &&
           (an_host_among(&h, "127.0.0.1, localhost, ::1") || an_host_among(&h, names));
}

/* ---- the token ---- */

/* Is given the token now?  ret_hash: of the token, whatever was given. */
static an_err compare(const an_local_api_conf *conf, const char *given, bool *ret_same, an_hash *ret_hash,
                      an_note *why)
{
    char *token = NULL;
    size_t len = 0;
    if (an_secret_file_read(conf->token_file, &token, &len, NULL) != AN_OK)
        return an_fail(AN_ERR_IO, why, "the token cannot be read here"); /* the log of the start said why */
    *ret_same = given && strlen(given) == len && an_secret_equal(given, token, len);
    an_hash_of(ret_hash, token, len);
    an_secret_free(token);
    return AN_OK;
}

/* ---- log-ins ---- */

static void cookie_name(const an_local_api_conf *conf, char ret[static 32])
{
    snprintf(ret, 32, "andon-site-%u", (unsigned)conf->port); /* ports of one computer share their cookies */
}

/* The value of our cookie; NULL: it is not there, or is none of ours. */
static const char *cookie_of(const local_api_request *r)
{
    char name[32];
    cookie_name(r->conf, name);
    const size_t len = strlen(name);
    for (const char *at = header(r->ask, "Cookie"); at;) {
        at += strspn(at, "; ");
        if (strncmp(at, name, len) == 0 && at[len] == '=')
            return strcspn(at + len + 1, "; ") == 2 * ID_BYTES ? at + len + 1 : NULL;
        at = strchr(at, ';');
    }
    return NULL;
}

static bool is_over(const login *l, int64_t now)
{
    return now - l->used_ms > IDLE_MS || now - l->made_ms > LONGEST_MS;
}

static login *find_login(const local_api_request *r)
{
    const char *id = cookie_of(r);
    if (!id || !r->conf->logins)
        return NULL;
    const int64_t now = mono_ms(r->conf);
    for (size_t i = 0; i < LOGINS_MAX; i++) {
        login *l = &r->conf->logins->items[i];
        if (l->id[0] && an_secret_equal(l->id, id, 2 * ID_BYTES))
            return is_over(l, now) ? NULL : l;
    }
    return NULL;
}

/* A free place, else that of who has been silent for longest. */
static login *place_of(an_local_logins *logins)
{
    login *best = &logins->items[0];
    for (size_t i = 0; i < LOGINS_MAX && best->id[0]; i++)
        if (!logins->items[i].id[0] || logins->items[i].used_ms < best->used_ms)
            best = &logins->items[i];
    return best;
}

static void draw(char *ret, size_t n)
{
    uint8_t bytes[ID_BYTES];
    an_random(bytes, n);
    an_hex(ret, bytes, n);
    an_wipe(bytes, sizeof bytes);
}

/* ---- may this request? ---- */

/* Browsers say themselves whose page has asked; a proxy before the socket may log people in by a cookie of its own. */
static bool of_another_page(const an_local_ask *ask)
{
    const char *site = header(ask, "Sec-Fetch-Site");
    return site && strcmp(ask->method, "GET") != 0 && strcmp(site, "same-origin") != 0 &&
           strcmp(site, "none") != 0;
}

static an_err admit_cookie(const local_api_request *r, an_note *why)
{
    bool same = false;
    an_hash now;
    login *l = find_login(r);
    if (!l)
        return an_fail(AN_ERR_AUTH, why, "log in, or bring Authorization: Bearer TOKEN");
    an_err err = compare(r->conf, NULL, &same, &now, why);
    if (err != AN_OK)
        return err;
    if (!an_hash_equal(&now, &l->token)) {
        an_wipe(l, sizeof *l);
        return an_fail(AN_ERR_AUTH, why, "there is another token now: log in again");
    }
    const char *csrf = header(r->ask, "X-Andon-CSRF");
    if (strcmp(r->ask->method, "GET") != 0 &&
        (!csrf || strlen(csrf) != 2 * CSRF_BYTES || !an_secret_equal(csrf, l->csrf, 2 * CSRF_BYTES)))
        return an_fail(AN_ERR_REFUSED, why, "X-Andon-CSRF is missing or wrong");
    l->used_ms = mono_ms(r->conf);
    return AN_OK;
}

an_err local_api_admit(const local_api_request *r, an_note *why)
{
    bool same = false;
    an_hash hash;
    const char *given = header(r->ask, "Authorization");
    if (of_another_page(r->ask))
        return an_fail(AN_ERR_REFUSED, why, "this was asked by a page of another address");
    if (!r->conf->token_file)
        return AN_OK;
    if (!given)
        return admit_cookie(r, why);
    const bool bearer = strncmp(given, "Bearer ", 7) == 0;
    an_err err = compare(r->conf, bearer ? given + 7 : NULL, &same, &hash, why);
    return err != AN_OK || same
               ? err
               : an_fail(AN_ERR_AUTH, why, "Authorization: Bearer TOKEN is missing or wrong");
}

/* ---- /v1/session ---- */

static an_err say_session(const local_api_request *r, const login *l, local_api_said *ret)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "user", r->ask->user);
    an_json_set_text(o, "csrf", l ? l->csrf : "");
    an_json_set_bool(o, "by_token", r->conf->token_file != NULL);
    if (l)
        an_json_set_int(o, "expires_in_ms", IDLE_MS);
    return local_api_print(o, ret);
}

an_err local_api_session(const local_api_request *r, local_api_said *ret, an_note *why)
{
    (void)why;
    return say_session(r, find_login(r), ret);
}

static an_err read_token(const local_api_request *r, an_json_doc **ret_doc, const char **ret, an_note *why)
{
    static const char *const keys[] = {"token", NULL};
    an_err err =
        an_json_parse_max(r->ask->body, r->ask->body_len, AN_LOCAL_API_BODY_MAX, "body", ret_doc, why);
    const an_jval *o = err == AN_OK ? an_json_root(*ret_doc) : NULL;
    if (err == AN_OK)
        err = an_jval_only_keys(o, keys, why);
    if (err == AN_OK)
        err = an_jval_text(o, "token", ret, why);
    return err == AN_ERR_PROTO ? AN_ERR_INVAL : err;
}

/* Asked by whoever has no session yet: local_api_admit has not been. */
an_err local_api_login(const local_api_request *r, local_api_said *ret, an_note *why)
{
    an_json_doc *doc = NULL;
    const char *given = NULL;
    bool same = false;
    an_hash token;
    char name[32];
    if (of_another_page(r->ask))
        return an_fail(AN_ERR_REFUSED, why, "this was asked by a page of another address");
    if (!r->conf->token_file || !r->conf->logins)
        return an_fail(AN_ERR_UNSUPPORTED, why, "nobody logs in here: who can open the socket may ask");
    an_err err = read_token(r, &doc, &given, why);
    if (err == AN_OK)
        err = compare(r->conf, given, &same, &token, why);
    an_json_doc_free(doc);
    if (err != AN_OK)
        return err;
    if (!same)
        return an_fail(AN_ERR_AUTH, why, "the token is wrong");
    login *l = place_of(r->conf->logins);
    *l = (login){.token = token, .made_ms = mono_ms(r->conf)};
    l->used_ms = l->made_ms;
    draw(l->id, ID_BYTES);
    draw(l->csrf, CSRF_BYTES);
    cookie_name(r->conf, name);
    snprintf(ret->cookie, sizeof ret->cookie, "%s=%s; HttpOnly; SameSite=Strict; Path=/; Max-Age=%lld", name,
             l->id, (long long)(LONGEST_MS / 1000));
    return say_session(r, l, ret);
}

an_err local_api_logout(const local_api_request *r, local_api_said *ret, an_note *why)
{
    char name[32];
    login *l = find_login(r);
    if (strcmp(r->part[2], "end") != 0)
        return an_fail(AN_ERR_NOTFOUND, why, "no such path; docs/OPERATIONS.md lists them");
    if (l)
        an_wipe(l, sizeof *l);
    cookie_name(r->conf, name);
    snprintf(ret->cookie, sizeof ret->cookie, "%s=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0", name);
    return local_api_print(an_json_object(), ret);
}
