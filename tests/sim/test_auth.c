/* Who asks, over real HTTP: tokens, sessions, passwords; and each route with all that must be refused, driven from the
 * table of routes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/api/api.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "tests/support/server.h"

#define PASSWORD "correct horse battery"

static int64_t mono(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

/* ---- HTTP, seen through a socket ---- */

typedef struct answer {
    unsigned status;
    char text[16384]; /* head and the beginning of the body */
} answer;

static void hear(int fd, answer *ret)
{
    char rest[4096];
    size_t len = 0;
    for (;;) {
        const bool room = len < sizeof ret->text - 1;
        const ssize_t n =
            recv(fd, room ? ret->text + len : rest, room ? sizeof ret->text - 1 - len : sizeof rest, 0);
        if (n <= 0)
            break;
        len += room ? (size_t)n : 0;
    }
    ret->text[len] = '\0';
    ret->status = strncmp(ret->text, "HTTP/1.1 ", 9) == 0 ? (unsigned)strtoul(ret->text + 9, NULL, 10) : 0;
}

/* headers: each ends with CR LF; a Host is among them, or it is the right one. */
static unsigned ask(const server *f, answer *ret, const char *method, const char *path, const char *headers,
                    const char *body)
{
    char head[2048], host[32] = "";
    const int fd = server_dial(f);
    if (!strstr(headers, "Host: "))
        snprintf(host, sizeof host, "Host: localhost:%u\r\n", (unsigned)f->port);
    const int n =
        snprintf(head, sizeof head, "%s %s HTTP/1.1\r\n%sConnection: close\r\n%sContent-Length: %zu\r\n\r\n",
                 method, path, host, headers, strlen(body));
    assert_true(n > 0 && (size_t)n < sizeof head);
    (void)!send(fd, head, (size_t)n, MSG_NOSIGNAL);
    for (size_t sent = 0; sent < strlen(body);) { /* who refuses a long body need not read it */
        const ssize_t k = send(fd, body + sent, strlen(body) - sent, MSG_NOSIGNAL);
        if (k <= 0)
            break;
        sent += (size_t)k;
    }
    hear(fd, ret);
    close(fd);
    return ret->status;
}

static void expect(const server *f, const char *method, const char *path, const char *headers,
                   const char *body, unsigned status, const char *says)
{
    answer a;
    ask(f, &a, method, path, headers, body);
    if (a.status != status || !strstr(a.text, says))
        fail_msg("%s %s: not %u with %s but %s", method, path, status, says, a.text);
}

/* What stands between `before` and the next of `ends`. */
static void cut(const char *text, const char *before, const char *ends, char *ret, size_t size)
{
    const char *at = strstr(text, before);
    if (!at)
        fail_msg("no %s in %s", before, text);
    at += strlen(before);
    const size_t len = strcspn(at, ends);
    assert_true(len < size);
    memcpy(ret, at, len);
    ret[len] = '\0';
}

typedef struct login {
    char cookie[192]; /* the header */
    char both[288];   /* ... and that against forged changes */
} login;

static unsigned log_in(const server *f, login *ret, const char *user, const char *password)
{
    answer a;
    char body[512], cookie[80], csrf[40], name[32];
    snprintf(body, sizeof body, "{\"user\":\"%s\",\"password\":\"%s\"}", user, password);
    if (ask(f, &a, "POST", "/api/v1/session", "", body) != 200)
        return a.status;
    snprintf(name, sizeof name, "Set-Cookie: andon-%u=", (unsigned)f->port);
    cut(a.text, name, ";", cookie, sizeof cookie);
    cut(a.text, "\"csrf\":\"", "\"", csrf, sizeof csrf);
    snprintf(ret->cookie, sizeof ret->cookie, "Cookie: x=1; andon=y; andon-%u=%s\r\n", (unsigned)f->port,
             cookie);
    snprintf(ret->both, sizeof ret->both, "%sX-Andon-CSRF: %s\r\n", ret->cookie, csrf);
    return 200;
}

static void add_user(const server *f, const char *name, const char *role, const char *site)
{
    char body[256];
    snprintf(body, sizeof body,
             "{\"name\":\"%s\",\"role\":\"%s\",\"password\":\"" PASSWORD "\",\"sites\":[%s]}", name, role,
             site);
    expect(f, "POST", "/api/v1/users", f->header, body, 201, name);
}

static void add_token(const server *f, const char *name, const char *role, int valid_ms, char ret[static 160])
{
    answer a;
    char path[64], body[128], text[80];
    snprintf(path, sizeof path, "/api/v1/users/%s/tokens", name);
    snprintf(body, sizeof body, "{\"label\":\"test\",\"role\":\"%s\",\"valid_ms\":%d}", role, valid_ms);
    assert_int_equal(ask(f, &a, "POST", path, f->header, body), 201);
    cut(a.text, "\"token\":\"", "\"", text, sizeof text);
    snprintf(ret, 160, "Authorization: Bearer %s\r\n", text);
}

/* ---- each route ---- */

static void path_of(const an_api_route_info *r, const char *part, char ret[static 256])
{
    const char *open = strchr(r->pattern, '{'), *end = open ? strchr(r->pattern, '}') + 1 : NULL;
    snprintf(ret, 256, "/api/v1%.*s%s%s", open ? (int)(open - r->pattern) : 200, r->pattern, open ? part : "",
             open ? end : "");
}

typedef struct doors {
    char of_role[AN_ROLE_ADMINISTRATOR + 1][160]; /* tokens of fleet-wide users */
    char sited[160], expired[160];
    login session; /* of an administrator */
    char *large;
} doors;

static void refused(const server *f, const an_api_route_info *r, const char *path, const char *headers,
                    const char *body, unsigned status, const char *what)
{
    answer a;
    if (ask(f, &a, r->method, path, headers, body) != status)
        fail_msg("%s %s, %s: not %u but %s", r->method, path, what, status, a.text);
    if (status != 413)
        assert_non_null(strstr(a.text, "application/problem+json"));
}

static void try_route(const server *f, const doors *d, const an_api_route_info *r)
{
    char path[256], other[256], climbs[256];
    const bool own = r->scope == AN_REACH_OWN, post = strcmp(r->method, "POST") == 0,
               part = strchr(r->pattern, '{');
    path_of(r, own ? "boss" : "plant-a", path);
    path_of(r, "other", other);
    path_of(r, "..%2f..%2fadmin.token", climbs);
    refused(f, r, path, "", "{}", 401, "no token");
    refused(f, r, path, "Authorization: Bearer 00\r\n", "{}", 401, "a wrong token");
    refused(f, r, path, "Authorization: Basic YTpi\r\n", "{}", 401, "another scheme");
    refused(f, r, path, "Host: localhost\r\nCookie: andon=00\r\n", "{}", 401, "a wrong cookie");
    refused(f, r, path, d->expired, "{}", 401, "an expired token");
    if (r->role > AN_ROLE_VIEWER)
        refused(f, r, path, d->of_role[r->role - 1], "{}", 403, "a role too low");
    if (own || r->scope == AN_REACH_SITE || r->scope == AN_REACH_FLEET)
        refused(f, r, other, d->sited, "{}", 403, "another site's, or another's");
    if (post)
        refused(f, r, path, d->session.cookie, "{}", 403, "a cookie alone");
    if (post)
        refused(f, r, path, f->header, "{\"a\":", 400, "a body that is none");
    if (post)
        refused(f, r, path, f->header, d->large, 413, "a body too large");
    if (part)
        refused(f, r, climbs, f->header, "{}", 404, "a path that climbs");
}

static void each_route_refuses_what_it_must(void **state)
{
    server *f = *state;
    doors d = {.large = an_alloc((2U << 20) + 1, 1)};
    an_api_route_info r;
    answer a;
    size_t n = 0;
    memset(d.large, ' ', 2U << 20);
    for (int role = AN_ROLE_VIEWER; role <= AN_ROLE_ADMINISTRATOR; role++) {
        const char *name = role == AN_ROLE_ADMINISTRATOR ? "boss" : an_role_name((an_role)role);
        add_user(f, name, an_role_name((an_role)role), "");
        add_token(f, name, an_role_name((an_role)role), 600000, d.of_role[role]);
    }
    add_user(f, "sited", "administrator", "\"plant-a\"");
    add_token(f, "sited", "administrator", 600000, d.sited);
    add_token(f, "boss", "administrator", 1000, d.expired);
    assert_int_equal(log_in(f, &d.session, "boss", PASSWORD), 200);
    do /* its second has to pass */
        ask(f, &a, "GET", "/api/v1/models", d.expired, "");
    while (a.status == 200);
    ask(f, &a, "GET", "/api/v1/status", f->header, "");
    char before[32], after[32];
    cut(a.text, "\"journal_seq\":", ",}", before, sizeof before);
    for (; an_api_route_at(n, &r); n++)
        try_route(f, &d, &r);
    assert_true(n > 50);
    ask(f, &a, "GET", "/api/v1/status", f->header, "");
    cut(a.text, "\"journal_seq\":", ",}", after, sizeof after);
    assert_string_equal(before, after); /* nothing was changed by any of it */
    an_free(d.large);
}

/* A stream that was open when its user could still listen. */
static void a_stream_ends_with_what_it_was_opened_for(void **state)
{
    server *f = *state;
    static const char *const changes[][2] = {{"/api/v1/users/mia", "{\"sites\":[\"plant-a\"]}"},
                                             {"/api/v1/users/mia/remove", "{}"}};
    char token[160], head[512];
    answer a;
    add_user(f, "mia", "viewer", "");
    add_token(f, "mia", "viewer", 600000, token);
    for (size_t i = 0; i < 2; i++) {
        const int fd = server_dial(f);
        snprintf(head, sizeof head,
                 "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", token);
        assert_int_equal(send(fd, head, strlen(head), MSG_NOSIGNAL), strlen(head));
        assert_int_equal(recv(fd, head, 12, MSG_WAITALL), 12);
        assert_memory_equal(head, "HTTP/1.1 200", 12);
        expect(f, "POST", changes[i][0], f->header, changes[i][1], 200, "mia");
        hear(fd, &a); /* until the server closes it */
        close(fd);
    }
}

/* ---- sessions ---- */

static void a_person_logs_in_asks_and_logs_out(void **state)
{
    server *f = *state;
    login l;
    answer a;
    add_user(f, "mia", "operator", "\"plant-a\"");
    assert_int_equal(
        ask(f, &a, "POST", "/api/v1/session", "", "{\"user\":\"mia\",\"password\":\"" PASSWORD "\"}"), 200);
    assert_non_null(strstr(a.text, "; HttpOnly; SameSite=Strict; Path=/\r\n"));
    assert_non_null(strstr(a.text, "\"user\":\"mia\",\"role\":\"operator\",\"sites\":[\"plant-a\"]"));
    assert_non_null(strstr(a.text, "Cache-Control: no-store"));
    assert_int_equal(log_in(f, &l, "mia", PASSWORD), 200);
    expect(f, "GET", "/api/v1/session", l.cookie, "", 200, "\"csrf\":\"");
    expect(f, "GET", "/api/v1/session", f->header, "", 200, "\"user\":\"admin\",\"role\":\"administrator\"");
    expect(f, "GET", "/api/v1/session", "", "", 401, "log in");
    expect(f, "GET", "/api/v1/models", l.cookie, "", 200, "models");
    expect(f, "POST", "/api/v1/users/mia/tokens", l.cookie, "{\"label\":\"x\"}", 403, "X-Andon-CSRF");
    expect(f, "POST", "/api/v1/users/mia/tokens", l.both, "{\"label\":\"x\"}", 201, "andon_");
    expect(f, "GET", "/api/v1/journal", f->header, "", 200, "made by user/mia");
    expect(f, "POST", "/api/v1/session/end", l.cookie, "", 403, "CSRF");
    expect(f, "POST", "/api/v1/session/end", l.both, "", 200,
           "=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    expect(f, "GET", "/api/v1/models", l.cookie, "", 401, "log in");
    expect(f, "DELETE", "/api/v1/session", "", "", 405, "not possible");
    expect(f, "POST", "/api/v1/session", "Origin: http://evil.example\r\n",
           "{\"user\":\"mia\",\"password\":\"" PASSWORD "\"}", 403, "another origin");
    expect(f, "POST", "/api/v1/session", "Sec-Fetch-Site: cross-site\r\n",
           "{\"user\":\"mia\",\"password\":\"" PASSWORD "\"}", 403, "another origin");
    expect(f, "POST", "/api/v1/session", "Sec-Fetch-Site: same-origin\r\nOrigin: https://outside\r\n",
           "{\"user\":\"mia\",\"password\":\"" PASSWORD "\"}", 200, "csrf");
    expect(f, "POST", "/api/v1/session", "Host: localhost\r\nOrigin: http://localhost\r\n",
           "{\"user\":\"mia\",\"password\":\"" PASSWORD "\"}", 200, "csrf");
}

static void the_administrator_s_token_is_a_password_before_there_are_others(void **state)
{
    server *f = *state;
    login l;
    char token[80];
    cut(f->header, "Bearer ", "\r", token, sizeof token);
    assert_int_equal(log_in(f, &l, "admin", token), 200);
    expect(f, "POST", "/api/v1/users", l.both, "{\"name\":\"mia\",\"role\":\"viewer\"}", 201, "mia");
    for (int i = 0; i < 8; i++)
        assert_true(log_in(f, &l, "admin", "not the token at all") >= 400);
    assert_int_equal(log_in(f, &l, "admin", token), 200); /* whoever guesses does not keep it out */
    expect(f, "GET", "/api/v1/users", f->header, "", 200, "mia");
    assert_int_equal(log_in(f, &l, "mia", PASSWORD), 429); /* but the address waits */
}

/* What looking at a password takes of a processor's time: less than it takes of the clock's, however busy the machine. */
static int64_t cost_ms(void)
{
    struct timespec from, to;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    assert_int_equal(an_password_check(AN_PASSWORD_NOBODY, PASSWORD, strlen(PASSWORD)), AN_ERR_AUTH);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    return (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
}

static void nobody_and_a_wrong_password_get_the_same_answer(void **state)
{
    server *f = *state;
    answer a[2];
    const int64_t dear_ms = cost_ms() / 2;
    add_user(f, "mia", "viewer", "");
    expect(f, "POST", "/api/v1/users", f->header, "{\"name\":\"new\",\"role\":\"viewer\"}", 201, "new");
    ask(f, &a[0], "POST", "/api/v1/session", "", "{\"user\":\"mia\",\"password\":\"wrong horse battery\"}");
    assert_int_equal(a[0].status, 401);
    static const char *const others[] = {"{\"user\":\"nobody\",\"password\":\"wrong horse battery\"}",
                                         "{\"user\":\"new\",\"password\":\"\"}",
                                         "{\"user\":\"\",\"password\":\"x\"}"};
    for (size_t i = 0; i < 3; i++) {
        const int64_t began = mono();
        ask(f, &a[1], "POST", "/api/v1/session", "", others[i]);
        assert_true(mono() - began >= dear_ms); /* nobody's password is computed with, too */
        assert_int_equal(a[1].status, 401);
        assert_string_equal(strstr(a[0].text, "\r\n\r\n"), strstr(a[1].text, "\r\n\r\n"));
    }
    expect(f, "POST", "/api/v1/session", "", "{\"user\":\"mia\"}", 400, "password");
    expect(f, "POST", "/api/v1/session", "", "{", 400, "request body");
    expect(f, "POST", "/api/v1/session", "", "{\"user\":\"mia\",\"password\":\"x\",\"more\":1}", 400, "more");
}

static void who_guesses_waits(void **state)
{
    server *f = *state;
    login l;
    unsigned status = 0;
    add_user(f, "mia", "viewer", "");
    for (int i = 0; i < 12 && status != 429; i++)
        status = log_in(f, &l, "mia", "wrong horse battery");
    assert_int_equal(status, 429);
    expect(f, "POST", "/api/v1/session", "", "{\"user\":\"mia\",\"password\":\"" PASSWORD "\"}", 429,
           "\r\nRetry-After: ");
    expect(f, "GET", "/api/v1/models", f->header, "", 200, "models");
}

static void a_session_ends_with_what_it_was_opened_for(void **state)
{
    server *f = *state;
    static const char *const changes[][2] = {
        {"/api/v1/users/mia", "{\"role\":\"viewer\"}"},
        {"/api/v1/users/mia", "{\"sites\":[\"plant-a\"]}"},
        {"/api/v1/users/mia", "{\"password\":\"" PASSWORD "\"}"},
        {"/api/v1/users/mia/remove", "{}"},
    };
    login l;
    char token[160];
    add_user(f, "mia", "engineer", "");
    add_token(f, "mia", "engineer", 600000, token);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        assert_int_equal(log_in(f, &l, "mia", PASSWORD), 200);
        expect(f, "GET", "/api/v1/models", l.cookie, "", 200, "models");
        expect(f, "GET", "/api/v1/models", token, "", 200, "models");
        expect(f, "POST", changes[i][0], f->header, changes[i][1], 200, "mia");
        expect(f, "GET", "/api/v1/models", l.cookie, "", 401, "log in");
    }
    expect(f, "GET", "/api/v1/models", token, "", 401, "valid");
}

static void users_and_passwords_are_there_after_a_restart(void **state)
{
    server *f = *state;
    login l;
    char token[160];
    add_user(f, "mia", "engineer", "");
    add_token(f, "mia", "viewer", 600000, token);
    assert_int_equal(log_in(f, &l, "mia", PASSWORD), 200);
    an_runtime_stop(f->rt);
    f->rt = NULL;
    server_start(f);
    expect(f, "GET", "/api/v1/models", l.cookie, "", 401, "log in"); /* sessions are not */
    expect(f, "GET", "/api/v1/models", token, "", 200, "models");
    expect(f, "POST", "/api/v1/models", token, "{}", 403, "engineer");
    assert_int_equal(log_in(f, &l, "mia", PASSWORD), 200);
}

static void one_s_own_password_needs_the_present_one(void **state)
{
    server *f = *state;
    login l;
    add_user(f, "mia", "viewer", "");
    assert_int_equal(log_in(f, &l, "mia", PASSWORD), 200);
    expect(f, "POST", "/api/v1/users/mia", l.both, "{\"password\":\"another one of mine\"}", 400, "old");
    expect(f, "POST", "/api/v1/users/mia", l.both,
           "{\"password\":\"another one of mine\",\"old\":\"wrong horse battery\"}", 403, "old");
    expect(f, "POST", "/api/v1/users/mia", l.both, "{\"password\":\"short\",\"old\":\"" PASSWORD "\"}", 400,
           "12 to 256");
    expect(f, "POST", "/api/v1/users/mia", l.both,
           "{\"password\":\"another one of mine\",\"old\":\"" PASSWORD "\"}", 200, "mia");
    assert_int_equal(log_in(f, &l, "mia", PASSWORD), 401);
    assert_int_equal(log_in(f, &l, "mia", "another one of mine"), 200);
    expect(f, "GET", "/api/v1/journal", f->header, "", 200, "user mia has another password, set by user/mia");
}

static void *log_in_once(void *arg)
{
    login l;
    return (void *)(uintptr_t)log_in(arg, &l, "mia", PASSWORD);
}

/* Two at once; whoever comes meanwhile is told so, and all who come again get in. */
static void many_who_log_in_at_once_are_told_to_come_again(void **state)
{
    server *f = *state;
    pthread_t threads[12];
    login l;
    size_t in = 0;
    add_user(f, "mia", "viewer", "");
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_in_once, f), 0);
    for (size_t i = 0; i < 12; i++) {
        void *status = NULL;
        assert_int_equal(pthread_join(threads[i], &status), 0);
        const unsigned s = (unsigned)(uintptr_t)status;
        assert_true(s == 200 || s == 503 || s == 429);
        in += s == 200;
    }
    assert_true(in >= 2 || log_in(f, &l, "mia", PASSWORD) == 200);
    expect(f, "GET", "/api/v1/status", f->header, "", 200, "journal_seq");
}

/* Ports of one computer share their cookies: what another one has set is none of ours, and ours is left to it. */
static void a_session_is_of_the_port_that_the_browser_knows(void **state)
{
    server *f = *state;
    login l;
    answer a;
    char mapped[96], value[80], headers[256];
    add_user(f, "mia", "viewer", "");
    assert_int_equal(log_in(f, &l, "mia", PASSWORD), 200);
    expect(f, "GET", "/api/v1/models", l.cookie, "", 200, "models");
    snprintf(headers, sizeof headers, "Host: localhost:1\r\n%s", l.cookie);
    expect(f, "GET", "/api/v1/models", headers, "", 401, "log in");
    /* Behind a container's mapping the port is another one, and behind a proxy there may be none. */
    static const struct {
        const char *host, *cookie;
    } seen[] = {{"localhost:8081", "Set-Cookie: andon-8081="}, {"localhost", "Set-Cookie: andon="}};
    for (size_t i = 0; i < 2; i++) {
        snprintf(mapped, sizeof mapped, "Host: %s\r\n", seen[i].host);
        assert_int_equal(
            ask(f, &a, "POST", "/api/v1/session", mapped, "{\"user\":\"mia\",\"password\":\"" PASSWORD "\"}"),
            200);
        cut(a.text, seen[i].cookie, ";", value, sizeof value);
        snprintf(headers, sizeof headers, "%sCookie: %s%s\r\n", mapped, seen[i].cookie + 12, value);
        expect(f, "GET", "/api/v1/models", headers, "", 200, "models");
    }
}

static void a_page_whose_name_leads_here_is_told_nothing(void **state)
{
    static const char *const good[] = {"127.0.0.1",   "127.0.0.1:1",    "[::1]:7700",  "LocalHost.",
                                       "10.1.2.3:80", "andon.plant:80", "hall-3.plant"};
    static const char *const bad[] = {"evil.example",
                                      "evil.example:7700",
                                      "localhost.evil.example",
                                      "plant",
                                      "127.0.0.1.evil.example",
                                      "a b",
                                      ""};
    static const char *const paths[] = {"/", "/metrics", "/api/v1/status", "/api/v1/session",
                                        "/api/v1/events"};
    server *f = *state;
    answer a;
    char headers[512], own[128] = "";
    server_stop(f);
    server_set(f, "http.names", "andon.plant, hall-3.plant");
    server_start(f);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(headers, sizeof headers, "Host: %s\r\n%s", good[i], f->header);
        expect(f, "GET", "/api/v1/status", headers, "", 200, "journal_seq");
    }
    assert_int_equal(gethostname(own, sizeof own - 1), 0);
    snprintf(headers, sizeof headers, "Host: %s:7700\r\n%s", own, f->header);
    expect(f, "GET", "/api/v1/status", headers, "", 200, "journal_seq");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (size_t k = 0; k < sizeof paths / sizeof *paths; k++) {
            snprintf(headers, sizeof headers, "Host: %s\r\nAccept: text/html\r\n%s", bad[i], f->header);
            expect(f, "GET", paths[k], headers, "", 421, "http.names");
        }
    /* Not even whether a password is right; but what watches from outside may ask by any name. */
    assert_int_equal(ask(f, &a, "POST", "/api/v1/session", "Host: evil.example\r\n",
                         "{\"user\":\"admin\",\"password\":\"x\"}"),
                     421);
    assert_null(strstr(a.text, "Set-Cookie"));
    expect(f, "GET", "/healthz", "Host: evil.example\r\n", "", 200, "ok");
    assert_int_equal(ask(f, &a, "GET", "/readyz", "Host: evil.example\r\n", ""), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_route_refuses_what_it_must, server_setup, server_teardown),
        cmocka_unit_test_setup_teardown(a_stream_ends_with_what_it_was_opened_for, server_setup,
                                        server_teardown),
        cmocka_unit_test_setup_teardown(a_person_logs_in_asks_and_logs_out, server_setup, server_teardown),
        cmocka_unit_test_setup_teardown(the_administrator_s_token_is_a_password_before_there_are_others,
                                        server_setup, server_teardown),
        cmocka_unit_test_setup_teardown(nobody_and_a_wrong_password_get_the_same_answer, server_setup,
                                        server_teardown),
        cmocka_unit_test_setup_teardown(who_guesses_waits, server_setup, server_teardown),
        cmocka_unit_test_setup_teardown(a_session_is_of_the_port_that_the_browser_knows, server_setup,
                                        server_teardown),
        cmocka_unit_test_setup_teardown(a_page_whose_name_leads_here_is_told_nothing, server_setup,
                                        server_teardown),
        cmocka_unit_test_setup_teardown(a_session_ends_with_what_it_was_opened_for, server_setup,
                                        server_teardown),
        cmocka_unit_test_setup_teardown(users_and_passwords_are_there_after_a_restart, server_setup,
                                        server_teardown),
        cmocka_unit_test_setup_teardown(one_s_own_password_needs_the_present_one, server_setup,
                                        server_teardown),
        cmocka_unit_test_setup_teardown(many_who_log_in_at_once_are_told_to_come_again, server_setup,
                                        server_teardown),
    };
    an_log_init(AN_LOG_OFF, "test_auth");
    if (an_crypto_init() != AN_OK)
        return 1;
    an_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
