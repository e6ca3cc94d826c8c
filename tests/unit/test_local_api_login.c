/* Who may ask the local API's port, and by which name: tokens, log-ins of browsers, pages of elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <cmocka.h>

#include "agent/local_api_internal.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/asset.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "tests/support/local_api.h"
#include "tests/support/sinks.h"

#define HOUR_MS INT64_C(3600000)

typedef struct fixture {
    an_test_log t;
    an_local_api_conf conf;
    an_clock_fake clock;
    char token_file[AN_PATH_MAX];
    const char *headers[12]; /* name, value ... NULL */
    char cookie[300], csrf[64];
    unsigned status;
    char set_cookie[300];
    char *body;
} fixture;

static const char *query(void *ctx, const char *key)
{
    (void)ctx;
    (void)key;
    return NULL;
}

static const char *header(void *ctx, const char *name)
{
    const fixture *f = ctx;
    for (size_t i = 0; f->headers[i]; i += 2)
        if (strcmp(f->headers[i], name) == 0)
            return f->headers[i + 1];
    return NULL;
}

static unsigned ask(fixture *f, const char *method, const char *path, const char *body)
{
    an_http_reply reply = {.status = 0};
    const an_local_ask a = {.method = method,
                            .path = path,
                            .body = body,
                            .body_len = strlen(body),
                            .user = "",
                            .query = query,
                            .header = header,
                            .ctx = f};
    an_local_api_answer(&f->conf, &a, &reply);
    an_free(f->body);
    f->body = reply.body;
    f->set_cookie[0] = '\0';
    bool fresh = false;
    for (size_t i = 0; i < reply.n_headers; i++) {
        const char *value = reply.space + reply.headers[i].at;
        if (strcmp(reply.headers[i].name, "Set-Cookie") == 0)
            snprintf(f->set_cookie, sizeof f->set_cookie, "%s", value);
        fresh =
            fresh || (strcmp(reply.headers[i].name, "Cache-Control") == 0 && strcmp(value, "no-store") == 0);
    }
    assert_true(fresh);
    return f->status = reply.status;
}

/* Sets headers: Host, then what is given. */
static void with(fixture *f, const char *name, const char *value, const char *name2, const char *value2)
{
    const char *const all[] = {"Host", "localhost:7790", name, value, name2, value2, NULL};
    memcpy(f->headers, all, sizeof all);
}

static void put_token(fixture *f, const char *token)
{
    assert_int_equal(an_file_write(f->token_file, token, strlen(token), 0600, NULL), AN_OK);
}

/* Keeps cookie and CSRF text. */
static void log_in(fixture *f)
{
    an_json_doc *doc = NULL;
    const char *csrf = NULL;
    with(f, NULL, NULL, NULL, NULL);
    assert_int_equal(ask(f, "POST", "/v1/session", "{\"token\":\"secret of this site\"}"), 200);
    snprintf(f->cookie, sizeof f->cookie, "other=1; %.*s; andon=x", (int)strcspn(f->set_cookie, ";"),
             f->set_cookie);
    assert_int_equal(an_json_parse(f->body, strlen(f->body), "session", &doc, NULL), AN_OK);
    assert_int_equal(an_jval_text(an_json_root(doc), "csrf", &csrf, NULL), AN_OK);
    snprintf(f->csrf, sizeof f->csrf, "%s", csrf);
    an_json_doc_free(doc);
}

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    static const char text[] = "{\"time_ms\":1,\"lines\":[]}";
    char path[AN_PATH_MAX];
    an_test_log_open(&f->t, 0);
    an_clock_fake_init(&f->clock, 1000);
    assert_int_equal(an_path_join(f->token_file, f->t.dir, "token"), AN_OK);
    assert_int_equal(an_path_join(path, f->t.dir, "status.json"), AN_OK);
    assert_int_equal(an_file_write(path, text, strlen(text), 0644, NULL), AN_OK);
    put_token(f, "secret of this site\n");
    f->conf = (an_local_api_conf){.dir = f->t.dir,
                                  .port = 7790,
                                  .token_file = f->token_file,
                                  .names = "panel.plant, hall-3.plant",
                                  .logins = an_local_logins_new(),
                                  .clock = &f->clock.clock};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_local_logins_free(f->conf.logins);
    an_free(f->body);
    an_test_log_close(&f->t);
    an_free(f);
    return 0;
}

static void only_its_own_names_are_answered(void **state)
{
    static const char *const good[] = {"localhost",      "localhost:7790", "127.0.0.1:1",    "[::1]:7790",
                                       "LOCALHOST:7790", "panel.plant",    "hall-3.plant:80"};
    static const char *const bad[] = {"",
                                      "evil.example",
                                      "localhost.evil.example",
                                      "localhost:7790@x",
                                      "127.0.0.2",
                                      "panel.plant.x:1",
                                      "panel",
                                      "[::1",
                                      "[::2]:1",
                                      "hall-3.plant:x",
                                      ", ",
                                      "localhost:80:80"};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!local_api_host_ok(good[i], f->conf.names))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (local_api_host_ok(bad[i], f->conf.names))
            fail_msg("%s", bad[i]);
    assert_false(local_api_host_ok(NULL, NULL));
    assert_false(local_api_host_ok("panel.plant", NULL));
    /* The right token does not help a page whose name leads here. */
    with(f, "Authorization", "Bearer secret of this site", NULL, NULL);
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 200);
    f->headers[1] = "evil.example:7790";
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 403);
    assert_int_equal(ask(f, "POST", "/v1/session", "{\"token\":\"secret of this site\"}"), 403);
    assert_string_equal(f->set_cookie, "");
}

static void the_token_once_and_then_a_cookie(void **state)
{
    fixture *f = *state;
    with(f, NULL, NULL, NULL, NULL);
    assert_int_equal(ask(f, "GET", "/v1/session", ""), 401);
    assert_int_equal(ask(f, "POST", "/v1/session", "{\"token\":\"secret\"}"), 401);
    assert_int_equal(ask(f, "POST", "/v1/session", "{\"token\":7}"), 400);
    assert_int_equal(ask(f, "POST", "/v1/session", "{\"user\":\"x\"}"), 400);
    assert_int_equal(ask(f, "POST", "/v1/session", ""), 400);
    assert_string_equal(f->set_cookie, "");
    log_in(f);
    assert_non_null(strstr(f->set_cookie, "andon-site-7790="));
    assert_non_null(strstr(f->set_cookie, "; HttpOnly; SameSite=Strict; Path=/"));
    assert_null(strstr(f->body, "secret"));
    with(f, "Cookie", f->cookie, NULL, NULL);
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 200);
    assert_int_equal(ask(f, "GET", "/v1/session", ""), 200);
    assert_non_null(strstr(f->body, f->csrf));
    f->cookie[20] ^= 1;
    f->cookie[40] ^= 1;
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 401);
}

static void a_change_needs_what_another_page_cannot_know(void **state)
{
    fixture *f = *state;
    an_test_log_raise(&f->t, 1);
    log_in(f);
    with(f, "Cookie", f->cookie, NULL, NULL);
    assert_int_equal(ask(f, "POST", "/v1/alarms/line-1/1/ack", "{\"by\":\"anna\"}"), 403);
    with(f, "Cookie", f->cookie, "X-Andon-CSRF", "0123456789abcdef0123456789abcdef");
    assert_int_equal(ask(f, "POST", "/v1/alarms/line-1/1/ack", "{\"by\":\"anna\"}"), 403);
    with(f, "Cookie", f->cookie, "X-Andon-CSRF", f->csrf);
    f->headers[6] = "Sec-Fetch-Site", f->headers[7] = "cross-site", f->headers[8] = NULL;
    assert_int_equal(ask(f, "POST", "/v1/alarms/line-1/1/ack", "{\"by\":\"anna\"}"), 403);
    f->headers[7] = "same-site"; /* another port of this computer */
    assert_int_equal(ask(f, "POST", "/v1/alarms/line-1/1/ack", "{\"by\":\"anna\"}"), 403);
    f->headers[7] = "same-origin";
    assert_int_equal(ask(f, "POST", "/v1/alarms/line-1/1/ack", "{\"by\":\"anna\"}"), 202);
    /* Also where a proxy before the socket logs people in. */
    f->conf.token_file = NULL;
    f->conf.socket = "/nowhere";
    with(f, "Sec-Fetch-Site", "cross-site", NULL, NULL);
    assert_int_equal(ask(f, "POST", "/v1/alarms/line-1/1/comment", "{\"by\":\"anna\",\"comment\":\"x\"}"),
                     403);
    assert_int_equal(ask(f, "GET", "/v1/session", ""), 200);
    assert_int_equal(ask(f, "POST", "/v1/session", "{\"token\":\"secret of this site\"}"), 403);
    with(f, NULL, NULL, NULL, NULL);
    assert_int_equal(ask(f, "POST", "/v1/session", "{\"token\":\"secret of this site\"}"), 405);
}

static void a_login_ends(void **state)
{
    fixture *f = *state;
    log_in(f);
    with(f, "Cookie", f->cookie, NULL, NULL);
    an_clock_fake_advance(&f->clock, 11 * HOUR_MS);
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 200);
    an_clock_fake_advance(&f->clock, 11 * HOUR_MS); /* a wall that asks goes on */
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 200);
    an_clock_fake_advance(&f->clock, 13 * HOUR_MS);
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 401);
    log_in(f);
    with(f, "Cookie", f->cookie, "X-Andon-CSRF", f->csrf);
    assert_int_equal(ask(f, "POST", "/v1/session/stop", "{}"), 404);
    assert_int_equal(ask(f, "POST", "/v1/session/end", "{}"), 200);
    assert_non_null(strstr(f->set_cookie, "Max-Age=0"));
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 401);
    log_in(f);
    with(f, "Cookie", f->cookie, NULL, NULL);
    put_token(f, "another secret\n");
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 401);
    put_token(f, "secret of this site\n"); /* it does not come back either */
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 401);
}

static void so_many_are_logged_in_and_the_longest_silent_goes(void **state)
{
    fixture *f = *state;
    char first[300], second[300];
    log_in(f);
    memcpy(first, f->cookie, sizeof first);
    an_clock_fake_advance(&f->clock, 1);
    log_in(f);
    memcpy(second, f->cookie, sizeof second);
    an_clock_fake_advance(&f->clock, 1);
    with(f, "Cookie", first, NULL, NULL);
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 200);
    for (int i = 0; i < 31; i++) {
        an_clock_fake_advance(&f->clock, 1);
        log_in(f);
    }
    with(f, "Cookie", first, NULL, NULL);
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 200);
    with(f, "Cookie", second, NULL, NULL);
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 401);
}

/* ---- the page, over a port ---- */

static void the_page_is_there_for_its_own_names(void **state)
{
    fixture *f = *state;
    an_local_api *api = NULL;
    an_note why = {{0}};
    static char answer[1 << 16];
    f->conf.port = 0;
    if (an_local_api_start(&f->conf, &api, &why) != AN_OK)
        fail_msg("%s", why.text);
    const uint16_t port = an_local_api_port(api);
    an_test_talk(an_test_dial_port(port),
                 "GET / HTTP/1.1\r\nHost: evil.example\r\nAccept: text/html\r\nConnection: close\r\n\r\n",
                 answer, sizeof answer);
    assert_non_null(strstr(answer, " 403 "));
    an_test_talk(an_test_dial_port(port),
                 "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nConnection: close\r\n\r\n",
                 answer, sizeof answer);
    if (an_site_assets.n > 0) {
        assert_non_null(strstr(answer, " 200 "));
        assert_non_null(strstr(answer, "Content-Security-Policy: default-src 'none'"));
    } else {
        assert_non_null(strstr(answer, " 401 "));
    }
    an_test_talk(
        an_test_dial_port(port),
        "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nConnection: close\r\n\r\n",
        answer, sizeof answer);
    assert_non_null(strstr(answer, " 401 "));
    an_test_talk(an_test_dial_port(port),
                 "GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", answer,
                 sizeof answer);
    assert_null(strstr(answer, " 200 "));
    an_test_talk(an_test_dial_port(port),
                 "POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 31\r\nConnection: "
                 "close\r\n\r\n{\"token\":\"secret of this site\"}",
                 answer, sizeof answer);
    assert_non_null(strstr(answer, " 200 "));
    assert_non_null(strstr(answer, "HttpOnly"));
    an_local_api_stop(api);
}

/* Whoever reaches the port could fill the disk. */
static void wrong_tokens_do_not_fill_the_log(void **state)
{
    fixture *f = *state;
    an_local_api *api = NULL;
    char path[] = "/tmp/andon-test-XXXXXX", answer[1024];
    static char log[1 << 16];
    size_t lines = 0;
    f->conf.port = 0;
    assert_int_equal(an_local_api_start(&f->conf, &api, NULL), AN_OK);
    const int file = mkstemp(path), kept = dup(STDERR_FILENO);
    assert_true(file >= 0 && kept >= 0 && dup2(file, STDERR_FILENO) >= 0);
    an_log_init(AN_LOG_WARN, "test");
    for (int i = 0; i < 2 * AN_LOG_QUOTA_MINUTE; i++)
        an_test_talk(an_test_dial_port(an_local_api_port(api)),
                     "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\nConnection: "
                     "close\r\n\r\n",
                     answer, sizeof answer);
    an_log_init(AN_LOG_OFF, "test");
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    assert_non_null(strstr(answer, " 401 "));
    const ssize_t n = pread(file, log, sizeof log - 1, 0);
    close(file);
    close(kept);
    unlink(path);
    an_local_api_stop(api);
    for (const char *at = log; n > 0 && (at = strstr(at, "local_api_refused")); at++)
        lines++;
    assert_in_range(lines, AN_LOG_QUOTA_MINUTE, 2 * AN_LOG_QUOTA_MINUTE - 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    an_log_init(AN_LOG_OFF, "test");
    an_json_init();
    if (an_crypto_init() != AN_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        T(only_its_own_names_are_answered),
        T(the_token_once_and_then_a_cookie),
        T(a_change_needs_what_another_page_cannot_know),
        T(a_login_ends),
        T(so_many_are_logged_in_and_the_longest_silent_goes),
        T(the_page_is_there_for_its_own_names),
        T(wrong_tokens_do_not_fill_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
