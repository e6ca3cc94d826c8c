/* The local API: what each path answers, who may ask, and what it leaves for the agent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/inbox.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "tests/support/local_api.h"
#include "tests/support/sinks.h"

typedef struct fixture {
    an_test_log t;
    an_local_api_conf conf;
    const char *query[8]; /* key, value ... NULL */
    const char *authorization, *user;
    unsigned status;
    char *body; /* the last answer */
} fixture;

static const char *query(void *ctx, const char *key)
{
    const fixture *f = ctx;
    for (size_t i = 0; f->query[i]; i += 2)
        if (strcmp(f->query[i], key) == 0)
            return f->query[i + 1];
    return NULL;
}

static const char *header(void *ctx, const char *name)
{
    const fixture *f = ctx;
    return strcmp(name, "Authorization") == 0 ? f->authorization : NULL;
}

static unsigned ask(fixture *f, const char *method, const char *path, const char *body)
{
    an_http_reply reply = {.status = 0};
    const an_local_ask a = {.method = method,
                            .path = path,
                            .body = body,
                            .body_len = strlen(body),
                            .user = f->user,
                            .query = query,
                            .header = header,
                            .ctx = f};
    an_local_api_answer(&f->conf, &a, &reply);
    an_free(f->body);
    f->body = reply.body;
    f->status = reply.status;
    if (f->body) {
        an_json_doc *doc = NULL;
        assert_int_equal(an_json_parse(f->body, reply.body_len, "answer", &doc, NULL), AN_OK);
        an_json_doc_free(doc);
    }
    return f->status;
}

static bool says(const fixture *f, const char *text)
{
    const bool yes = f->body && strstr(f->body, text);
    if (!yes)
        print_message("%u %s\n", f->status, f->body ? f->body : "-");
    return yes;
}

static void put_status(fixture *f)
{
    static const char text[] = "{\"time_ms\":1,\"lines\":[{\"line\":\"line-1\",\"alarm_last\":3}]}";
    char path[AN_PATH_MAX];
    assert_int_equal(an_path_join(path, f->t.dir, "status.json"), AN_OK);
    assert_int_equal(an_file_write(path, text, strlen(text), 0644, NULL), AN_OK);
}

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    an_test_log_open(&f->t, 0);
    f->conf = (an_local_api_conf){.dir = f->t.dir, .socket = "/nowhere"};
    f->user = "anna";
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_free(f->body);
    an_test_log_close(&f->t);
    an_free(f);
    return 0;
}

static void what_is_there_is_shown(void **state)
{
    fixture *f = *state;
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 404);
    put_status(f);
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 200);
    assert_true(says(f, "\"alarm_last\":3"));
    assert_int_equal(ask(f, "GET", "/v1/alarms", ""), 200);
    assert_true(says(f, "{\"alarms\":[]}"));
    an_test_log_raise(&f->t, 3);
    assert_int_equal(ask(f, "GET", "/v1/alarms", ""), 200);
    assert_true(says(f, "\"alarm\":3"));
    assert_true(says(f, "\"alarm\":1"));
    f->query[0] = "last", f->query[1] = "1";
    assert_int_equal(ask(f, "GET", "/v1/alarms", ""), 200);
    assert_null(strstr(f->body, "\"alarm\":1,"));
    f->query[1] = "1001";
    assert_int_equal(ask(f, "GET", "/v1/alarms", ""), 400);
    f->query[0] = NULL;
    assert_int_equal(ask(f, "GET", "/v1/alarms/line-1/2", ""), 200);
    assert_true(says(f, "\"reason\":{"));
    assert_int_equal(ask(f, "GET", "/v1/alarms/line-1/9", ""), 404);
    assert_int_equal(ask(f, "GET", "/v1/alarms/line-1/x", ""), 400);
    assert_int_equal(ask(f, "GET", "/v1/figures", ""), 200);
    assert_true(says(f, "\"alarms\":3"));
    assert_int_equal(ask(f, "GET", "/v1/verdicts", ""), 200);
    assert_true(says(f, "\"line-1\""));
    f->query[0] = "span", f->query[1] = "soon";
    assert_int_equal(ask(f, "GET", "/v1/figures", ""), 400);
    assert_int_equal(ask(f, "GET", "/v1/verdicts", ""), 400);
    f->query[0] = "by", f->query[1] = "moon";
    assert_int_equal(ask(f, "GET", "/v1/verdicts", ""), 400);
}

static void the_log_is_read_with_a_cursor(void **state)
{
    fixture *f = *state;
    char after[24] = "0";
    size_t n = 0;
    an_test_log_raise(&f->t, 25);
    f->query[0] = "after", f->query[1] = after, f->query[2] = "limit", f->query[3] = "10";
    for (int i = 0; i < 10; i++) {
        an_json_doc *doc = NULL;
        int64_t next = 0;
        assert_int_equal(ask(f, "GET", "/v1/log", ""), 200);
        assert_int_equal(an_json_parse(f->body, strlen(f->body), "log", &doc, NULL), AN_OK);
        const size_t got = an_jval_count(an_jval_get(an_json_root(doc), "records"));
        assert_int_equal(an_jval_int(an_json_root(doc), "next", 0, INT64_MAX, &next, NULL), AN_OK);
        assert_true(got <= 10);
        snprintf(after, sizeof after, "%lld", (long long)next);
        n += got;
        an_json_doc_free(doc);
        if (got == 0)
            break;
    }
    assert_int_equal(n, 25);
    snprintf(after, sizeof after, "0");
    f->query[4] = "kind", f->query[5] = "cleared";
    assert_int_equal(ask(f, "GET", "/v1/log", ""), 200);
    assert_true(says(f, "\"records\":[]"));
    f->query[5] = "nonsense";
    assert_int_equal(ask(f, "GET", "/v1/log", ""), 400);
}

static an_command taken(fixture *f)
{
    an_command c;
    an_note why = {{0}};
    if (an_inbox_take(f->t.dir, &c, &why) != AN_OK)
        fail_msg("nothing was left: %s; %u %s", why.text, f->status, f->body);
    return c;
}

static void what_people_do_is_left_with_their_name(void **state)
{
    fixture *f = *state;
    an_test_log_raise(&f->t, 3);
    put_status(f);
    assert_int_equal(ask(f, "POST", "/v1/alarms/line-1/2/ack", ""), 202);
    an_command c = taken(f);
    assert_int_equal(c.kind, AN_COMMAND_ALARM);
    assert_int_equal(c.deed, AN_LOGGED_ACKED);
    assert_int_equal(c.alarm, 2);
    assert_string_equal(c.by, "anna"); /* as the system knows him */
    assert_int_equal(ask(f, "POST", "/v1/alarms/line-1/3/shelve",
                         "{\"by\":\"ben\",\"for\":\"2h\",\"reason\":\"bearing\"}"),
                     202);
    c = taken(f);
    assert_int_equal(c.deed, AN_LOGGED_SHELVED);
    assert_string_equal(c.by, "ben");
    assert_string_equal(c.reason, "bearing");
    assert_true(c.until_ms > 0);
    assert_int_equal(ask(f, "POST", "/v1/lines/line-1/out-of-service", "{\"reason\":\"overhaul\"}"), 202);
    c = taken(f);
    assert_int_equal(c.deed, AN_LOGGED_REMOVED);
    assert_int_equal(c.alarm, 0);
    assert_int_equal(
        ask(f, "POST", "/v1/alarms/line-1/1/verdict", "{\"verdict\":\"false\",\"comment\":\"test run\"}"),
        202);
    c = taken(f);
    assert_int_equal(c.kind, AN_COMMAND_VERDICT);
    assert_int_equal(c.verdict, AN_VERDICT_FALSE);
    assert_int_equal(ask(f, "POST", "/v1/lines/line-1/missed", "{\"reason\":\"seal burst\"}"), 202);
    assert_int_equal(taken(f).kind, AN_COMMAND_MISSED);
    assert_int_equal(an_inbox_take(f->t.dir, &c, NULL), AN_ERR_NOTFOUND);
}

static void what_is_wrong_leaves_nothing(void **state)
{
    fixture *f = *state;
    an_command c;
    static const struct {
        const char *method, *path, *body;
        unsigned status;
    } asks[] = {
        {"POST", "/v1/alarms/line-1/9/ack", "", 404},
        {"POST", "/v1/alarms/line-1/1/shelve", "{\"for\":\"2h\"}", 400},   /* no reason */
        {"POST", "/v1/alarms/line-1/1/shelve", "{\"reason\":\"x\"}", 400}, /* no end */
        {"POST", "/v1/alarms/line-1/1/unshelve", "{\"reason\":7}", 400},   /* no text */
        {"POST", "/v1/alarms/line-1/1/ack", "[]", 400},
        {"POST", "/v1/alarms/line-1/1/ack", "{\"who\":\"x\"}", 400},
        {"POST", "/v1/alarms/line-1/1/ack", "{", 400},
        {"POST", "/v1/alarms/line-1/1/verdict", "{\"verdict\":\"maybe\"}", 400},
        {"POST", "/v1/alarms/line-1/1/rollback", "", 404},
        {"POST", "/v1/lines/line-1/ack", "", 404},
        {"POST", "/v1/lines/..%2fx/shelve", "{\"reason\":\"x\",\"for\":\"1h\"}", 400},
        {"POST", "/v1/lines/line-2/missed", "{\"reason\":\"x\"}", 404},
        {"POST", "/v1/status", "", 405},
        {"DELETE", "/v1/alarms", "", 405},
        {"GET", "/v1/lines/line-1/shelve", "", 405},
        {"GET", "/", "", 404},
        {"GET", "", "", 404},
        {"GET", "/v1", "", 404},
        {"GET", "/v1/status/", "", 404},
        {"GET", "/v1//status", "", 404},
        {"GET", "/v2/status", "", 404},
        {"GET", "/v1/alarms/1/2/3/4/5/6", "", 404},
        {"GET", "v1/status", "", 404},
    };
    an_test_log_raise(&f->t, 1);
    put_status(f);
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        if (ask(f, asks[i].method, asks[i].path, asks[i].body) != asks[i].status)
            fail_msg("%s %s: %u %s", asks[i].method, asks[i].path, f->status, f->body);
        assert_true(says(f, "\"error\""));
    }
    char path[400];
    memset(path, 'x', sizeof path);
    memcpy(path, "/v1/alarms/", 11);
    path[sizeof path - 1] = '\0';
    assert_int_equal(ask(f, "GET", path, ""), 404);
    f->user = ""; /* over TCP nobody knows who it is */
    assert_int_equal(ask(f, "POST", "/v1/alarms/line-1/1/ack", ""), 400);
    assert_true(says(f, "who does it"));
    assert_int_equal(an_inbox_take(f->t.dir, &c, NULL), AN_ERR_NOTFOUND);
}

static void a_token_is_asked_for_where_there_is_one(void **state)
{
    fixture *f = *state;
    char path[AN_PATH_MAX];
    an_local_api *api = NULL;
    an_note why = {{0}};
    assert_int_equal(an_path_join(path, f->t.dir, "token"), AN_OK);
    assert_int_equal(an_file_write(path, "secret\n", 7, 0600, NULL), AN_OK);
    put_status(f);
    f->conf.token_file = path;
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 401);
    f->authorization = "Bearer secre";
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 401);
    f->authorization = "Bearer secret2";
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 401);
    f->authorization = "secret";
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 401);
    f->authorization = "Bearer secret";
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 200);
    /* A port without one is no way in, nor is a token that others can read. */
    const an_local_api_conf bare = {.dir = f->t.dir};
    assert_int_equal(an_local_api_start(&bare, &api, &why), AN_ERR_INVAL);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(ask(f, "GET", "/v1/status", ""), 503);
    f->conf.socket = NULL;
    assert_int_equal(an_local_api_start(&f->conf, &api, &why), AN_ERR_AUTH);
}

/* ---- over a socket ---- */

static void it_listens_on_a_socket_that_others_cannot_open(void **state)
{
    fixture *f = *state;
    char path[100], answer[4096];
    an_local_api *api = NULL, *second = NULL;
    an_note why = {{0}};
    struct stat st;
    an_test_log_raise(&f->t, 1);
    put_status(f);
    snprintf(path, sizeof path, "%.80s/api.sock", f->t.dir);
    f->conf.socket = path;
    if (an_local_api_start(&f->conf, &api, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    assert_int_equal(an_local_api_start(&f->conf, &second, &why), AN_ERR_EXISTS);
    an_test_talk(an_test_dial_unix(path), "GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                 answer, sizeof answer);
    assert_non_null(strstr(answer, "200 OK"));
    assert_non_null(strstr(answer, "alarm_last"));
    an_test_talk(an_test_dial_unix(path),
                 "POST /v1/alarms/line-1/1/ack HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: "
                 "close\r\n\r\n{}",
                 answer, sizeof answer);
    assert_non_null(strstr(answer, "202 Accepted"));
    assert_true(taken(f).by[0] != '\0'); /* whoever runs this test */
    an_test_talk(an_test_dial_unix(path),
                 "POST /v1/alarms/line-1/1/ack HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\nConnection: "
                 "close\r\n\r\n",
                 answer, sizeof answer);
    assert_non_null(strstr(answer, "413"));
    an_local_api_stop(api);
    assert_int_not_equal(access(path, F_OK), 0);
    /* What a dead process has left is replaced, what is no socket is not. */
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    close(fd);
    assert_int_equal(an_local_api_start(&f->conf, &api, &why), AN_OK);
    an_local_api_stop(api);
    assert_int_equal(an_file_write(path, "x", 1, 0600, NULL), AN_OK);
    assert_int_equal(an_local_api_start(&f->conf, &api, &why), AN_ERR_EXISTS);
    assert_int_equal(access(path, F_OK), 0);
}

static void memory_that_ends_is_an_answer(void **state)
{
    fixture *f = *state;
    static const char *const paths[] = {"/v1/status", "/v1/alarms", "/v1/alarms/line-1/1", "/v1/log",
                                        "/v1/figures"};
    an_test_log_raise(&f->t, 2);
    put_status(f);
    an_test_local_api_starve(&f->conf, paths, sizeof paths / sizeof *paths, query, f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    an_log_init(AN_LOG_OFF, "test");
    an_json_init();
    if (an_crypto_init() != AN_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        T(what_is_there_is_shown),
        T(the_log_is_read_with_a_cursor),
        T(what_people_do_is_left_with_their_name),
        T(what_is_wrong_leaves_nothing),
        T(a_token_is_asked_for_where_there_is_one),
        T(it_listens_on_a_socket_that_others_cannot_open),
        T(memory_that_ends_is_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
