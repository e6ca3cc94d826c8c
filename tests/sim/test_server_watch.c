/* Probes and the page for Prometheus of a coordinator as it runs, and of one that stands by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/meters.h"
#include "coordinator/runtime.h"
#include "coordinator/standby.h"
#include "doors/crypto.h"
#include "doors/http_client.h"
#include "doors/http_server.h"
#include "doors/json.h"
#include "tests/support/folder.h"

typedef struct fixture {
    char dir[AN_PATH_MAX], base[64];
    an_coordinator_conf conf;
    char authorization[128];
} fixture;

static void set(fixture *f, const char *key, const char *value)
{
    assert_int_equal(
        an_opt_set(an_coordinator_rows, an_coordinator_n_rows, &f->conf, key, value, "test", NULL), AN_OK);
}

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    an_test_folder_make(f->dir);
    assert_int_equal(an_coordinator_conf_init(&f->conf), AN_OK);
    set(f, "data", f->dir);
    set(f, "http.port", "0");
    set(f, "listen.control", "tcp://127.0.0.1:*");
    set(f, "listen.bulk", "tcp://127.0.0.1:*");
    set(f, "listen.enrol", "tcp://127.0.0.1:*");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_coordinator_conf_done(&f->conf);
    an_test_folder_remove(f->dir);
    an_free(f);
    return 0;
}

static an_runtime *start(fixture *f)
{
    an_note why = {{0}};
    an_runtime *rt = NULL;
    an_buf b;
    if (an_runtime_start(&f->conf, NULL, &rt, &why) != AN_OK)
        fail_msg("%s", why.text);
    an_buf_init(&b, 256);
    assert_int_equal(an_file_read(&b, an_runtime_endpoints_get(rt)->token_file, &why), AN_OK);
    snprintf(f->authorization, sizeof f->authorization, "Authorization: Bearer %.64s", (const char *)b.data);
    an_buf_done(&b);
    snprintf(f->base, sizeof f->base, "%.60s", an_runtime_endpoints_get(rt)->http);
    return rt;
}

/* *ret: the body, if it is asked for; to be freed. */
static unsigned get(const fixture *f, const char *path, const char *authorization, char **ret)
{
    char url[128];
    an_note why = {{0}};
    an_http_answer answer = {0};
    const char *const headers[] = {authorization, NULL};
    snprintf(url, sizeof url, "%s%s", f->base, path);
    const an_http_ask ask = {
        .method = "GET", .url = url, .headers = headers, .timeout_ms = 60000, .max_body = AN_METER_PAGE_MAX};
    if (an_http_call(&ask, &answer, &why) != AN_OK)
        fail_msg("%s: %s", path, why.text);
    if (ret)
        *ret = an_strdup(answer.body);
    const unsigned status = answer.status;
    an_http_answer_done(&answer);
    return status;
}

static bool has(const char *page, const char *line)
{
    char text[256];
    snprintf(text, sizeof text, "\n%s\n", line);
    return strstr(page, text) != NULL;
}

static void probes_need_no_token_and_say_one_word(void **state)
{
    fixture *f = *state;
    char *body = NULL;
    an_runtime *rt = start(f);
    assert_int_equal(get(f, "/healthz", NULL, &body), 200);
    assert_string_equal(body, "ok");
    an_free(body);
    assert_int_equal(get(f, "/readyz", NULL, &body), 200);
    assert_string_equal(body, "ok");
    an_free(body);
    an_runtime_stop(rt);
}

static void the_page_needs_a_token_unless_it_is_open(void **state)
{
    fixture *f = *state;
    an_runtime *rt = start(f);
    assert_int_equal(get(f, "/metrics", NULL, NULL), 401);
    assert_int_equal(get(f, "/metrics", "Authorization: Bearer 00", NULL), 401);
    assert_int_equal(get(f, "/metrics", f->authorization, NULL), 200);
    an_runtime_stop(rt);
    set(f, "http.metrics", "open");
    rt = start(f);
    assert_int_equal(get(f, "/metrics", NULL, NULL), 200);
    assert_int_equal(get(f, "/api/v1/sites", NULL, NULL), 401); /* the page alone */
    an_runtime_stop(rt);
}

static void the_page_holds_what_core_and_threads_know(void **state)
{
    fixture *f = *state;
    char *page = NULL;
    an_runtime *rt = start(f);
    assert_int_equal(get(f, "/api/v1/sites", f->authorization, NULL), 200);
    assert_int_equal(get(f, "/metrics", f->authorization, &page), 200);
    assert_true(has(page, "andon_active 1"));
    assert_true(has(page, "andon_core_up 1"));
    assert_true(has(page, "andon_lease_epoch 1"));
    assert_true(has(page, "andon_sites{state=\"approved\"} 0"));
    assert_true(has(page, "andon_journal_records_total{kind=\"coordinator.started\"} 1"));
    assert_true(has(page, "andon_store_errors_total 0"));
    assert_true(has(page, "andon_http_requests_total{method=\"GET\",route=\"/sites\",class=\"2xx\"} 1"));
    assert_true(has(page, "andon_series_left_out 0"));
    an_free(page);
    an_runtime_stop(rt);
    rt = start(f); /* what is made of the journal goes on */
    assert_int_equal(get(f, "/metrics", f->authorization, &page), 200);
    assert_true(has(page, "andon_journal_records_total{kind=\"coordinator.started\"} 2"));
    assert_true(has(page, "andon_lease_epoch 2"));
    an_free(page);
    an_runtime_stop(rt);
}

static void nobody(void *ctx, const an_http_request *req, an_http_reply *reply)
{
    (void)ctx;
    (void)req;
    reply->status = 404;
}

static uint16_t free_port(void)
{
    an_http_server *server = NULL;
    const an_http_server_conf conf = {.handler = nobody};
    assert_int_equal(an_http_server_start(&conf, &server, NULL), AN_OK);
    const uint16_t port = an_http_server_port(server);
    an_http_server_stop(server);
    return port;
}

static void a_standby_says_so_and_makes_room(void **state)
{
    fixture *f = *state;
    char port[16], *body = NULL;
    an_note why = {{0}};
    an_standby *s = NULL;
    an_runtime_stop(start(f)); /* which has made the token */
    snprintf(port, sizeof port, "%u", (unsigned)free_port());
    set(f, "http.port", port);
    snprintf(f->base, sizeof f->base, "http://127.0.0.1:%s", port);
    if (an_standby_start(&f->conf, &s, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_int_equal(get(f, "/healthz", NULL, NULL), 200);
    assert_int_equal(get(f, "/readyz", NULL, &body), 503);
    assert_string_equal(body, "standby");
    an_free(body);
    assert_int_equal(get(f, "/api/v1/status", f->authorization, NULL), 503);
    assert_int_equal(get(f, "/metrics", NULL, NULL), 401);
    assert_int_equal(get(f, "/metrics", "Authorization: Bearer 00", NULL), 401);
    assert_int_equal(get(f, "/metrics", f->authorization, &body), 200);
    assert_true(has(body, "andon_active 0"));
    an_free(body);
    an_standby_stop(s);
    an_runtime *rt = start(f); /* at the same port */
    assert_int_equal(get(f, "/readyz", NULL, NULL), 200);
    an_runtime_stop(rt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(probes_need_no_token_and_say_one_word, setup, teardown),
        cmocka_unit_test_setup_teardown(the_page_needs_a_token_unless_it_is_open, setup, teardown),
        cmocka_unit_test_setup_teardown(the_page_holds_what_core_and_threads_know, setup, teardown),
        cmocka_unit_test_setup_teardown(a_standby_says_so_and_makes_room, setup, teardown),
    };
    an_log_init(AN_LOG_OFF, "test_server_watch");
    if (an_crypto_init() != AN_OK || an_http_client_init() != AN_OK)
        return 1;
    an_json_init();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    an_http_client_done();
    return failed;
}
