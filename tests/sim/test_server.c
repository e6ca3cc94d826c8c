/* The coordinator as it runs, as people see it: real sockets and threads in this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <pthread.h>

#include <cmocka.h>

#include "base/clock.h"
#include "doors/http_client.h"
#include "tests/support/server.h"

static void the_api_says_what_is_wrong(void **state)
{
    server *f = *state;
    an_json_doc_free(server_http(f, "GET", "/status", NULL, "Authorization: Bearer 00", 401));
    an_json_doc_free(server_http(f, "GET", "/status", NULL, "X-None: 1", 401));
    server_expect(f, "GET", "/nothing", NULL, 404);
    an_json_doc *doc = server_http(f, "POST", "/models", "{\"name\": pumps}", f->authorization, 400);
    assert_non_null(strstr(server_text(doc, NULL, "detail"), "request body:1:"));
    an_json_doc_free(doc);
}

static void a_model_waits_for_its_sites_and_is_there_after_a_restart(void **state)
{
    server *f = *state;
    server_model(f, 2);
    server_expect(f, "POST", "/models/pumps/policy", "{\"train.rounds\": 6}", 200);
    server_expect(f, "POST", "/campaigns", "{\"model\":\"pumps\"}", 201);
    for (int life = 0; life < 2; life++) {
        an_json_doc *doc = server_http(f, "GET", "/campaigns/1", NULL, f->authorization, 200);
        assert_string_equal(server_text(doc, "campaign", "waiting"),
                            "waiting for sites: 0 of at least 2 are connected");
        an_json_doc_free(doc);
        doc = server_http(f, "GET", "/journal/verify", NULL, f->authorization, 200);
        bool intact = false;
        assert_int_equal(an_jval_bool(an_json_root(doc), "intact", &intact, NULL), AN_OK);
        assert_true(intact);
        an_json_doc_free(doc);
        server_stop(f);
        server_start(f);
    }
}

static void *wait_for_news(void *arg)
{
    const server *f = arg;
    return server_http(f, "GET", "/journal?after=1&wait_ms=15000", NULL, f->authorization, 200);
}

static void whoever_waits_for_the_journal_holds_up_nobody(void **state)
{
    server *f = *state;
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_news, f), 0);
    for (int i = 0; i < 20; i++)
        server_expect(f, "GET", "/status", NULL, 200);
    server_expect(f, "POST", "/tokens", "{}", 201);
    for (size_t i = 0; i < 4; i++) {
        void *doc = NULL;
        assert_int_equal(pthread_join(threads[i], &doc), 0);
        assert_int_equal(an_jval_count(an_jval_get(an_json_root(doc), "records")), 1);
        an_json_doc_free(doc);
    }
}

static pthread_barrier_t end_barrier;

/* 503 if it came in time to wait, 0 if the door was shut already. */
static void *wait_for_the_end(void *arg)
{
    server *f = arg;
    char url[512];
    an_http_answer answer = {0};
    const char *const headers[] = {f->authorization, NULL};
    snprintf(url, sizeof url, "%s/api/v1/journal?after=99&wait_ms=30000",
             an_runtime_endpoints_get(f->rt)->http);
    pthread_barrier_wait(&end_barrier);
    an_err err =
        an_http_call(&(an_http_ask){.url = url, .headers = headers, .timeout_ms = 60000}, &answer, NULL);
    unsigned status = err == AN_OK ? answer.status : 0;
    an_http_answer_done(&answer);
    return status == 503 || status == 0 ? NULL : arg;
}

static void whoever_waits_does_not_hold_up_the_end(void **state)
{
    server *f = *state;
    pthread_t thread;
    const an_clock *clock = an_clock_system();
    assert_int_equal(pthread_barrier_init(&end_barrier, NULL, 2), 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_the_end, f), 0);
    pthread_barrier_wait(&end_barrier);
    for (int i = 0; i < 10; i++) /* time enough for the other to be waiting, as a rule */
        server_expect(f, "GET", "/status", NULL, 200);
    int64_t before = clock->mono_ms(clock);
    an_runtime_stop(f->rt);
    assert_true(clock->mono_ms(clock) - before < 10000);
    void *wrong = f;
    assert_int_equal(pthread_join(thread, &wrong), 0);
    assert_null(wrong);
    pthread_barrier_destroy(&end_barrier);
    f->rt = NULL;
}

static void a_second_coordinator_does_not_take_the_store(void **state)
{
    server *f = *state;
    an_runtime *other = NULL;
    an_note why = {{0}};
    assert_int_equal(an_runtime_start(&f->conf, NULL, &other, &why), AN_ERR_STATE);
    assert_null(other);
    assert_true(why.text[0] != '\0');
    server_expect(f, "GET", "/status", NULL, 200);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)
    const struct CMUnitTest tests[] = {
        CASE(the_api_says_what_is_wrong),
        CASE(a_model_waits_for_its_sites_and_is_there_after_a_restart),
        CASE(whoever_waits_for_the_journal_holds_up_nobody),
        CASE(whoever_waits_does_not_hold_up_the_end),
        CASE(a_second_coordinator_does_not_take_the_store),
    };
    if (!server_begin("test_server"))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    server_end();
    return failed;
}
