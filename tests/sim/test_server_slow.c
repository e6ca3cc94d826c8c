/* What takes long at the coordinator's HTTP door keeps neither sites waiting nor other people: slow clients, and answers that
 * read the whole journal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "coordinator/store.h"
#include "tests/support/hand.h"

#define SLOW 128

/* As many connections as there may be, one idle, the next with half a request to which a byte comes now and then. */
static void slow_clients_do_not_keep_sites_waiting(void **state)
{
    server *f = *state;
    static const char half[] = "POST /api/v1/models HTTP/1.1\r\nHost: h\r\nX-Long: ";
    int fds[SLOW];
    hand h;
    hand_enrol(f, &h);
    hand_hello(&h);
    for (size_t i = 0; i < SLOW; i++) {
        fds[i] = server_dial(f);
        if (i % 2)
            assert_int_equal(send(fds[i], half, sizeof half - 1, MSG_NOSIGNAL), sizeof half - 1);
    }
    const int64_t began = an_clock_system()->mono_ms(an_clock_system());
    for (int beat = 0; beat < 50; beat++) {
        an_msg m = {.type = AN_MSG_HEARTBEAT};
        m.u.heartbeat.instance = 5;
        for (size_t i = 1; i < SLOW; i += 2)
            (void)!send(fds[i], "x", 1, MSG_NOSIGNAL);
        hand_say(&h, h.control, &m, NULL, 0);
        an_msg_free(hand_must_hear(&h, h.control, AN_MSG_HEARTBEAT_ACK));
    }
    /* Fifty round trips: with one stall of what a request may take, it would be longer. */
    assert_true(an_clock_system()->mono_ms(an_clock_system()) - began < f->conf.answer_ms);
    for (size_t i = 0; i < SLOW; i++)
        close(fds[i]);
    server_expect(f, "GET", "/status", NULL, 200);
    hand_done(&h);
}

/* ---- answers that read the whole journal ---- */

#define RECORDS 20000

static void fill(const server *s)
{
    static const char body[] =
        "{\"line\":\"l\",\"alarm\":1,\"raised_ms\":1,\"cleared_ms\":0,\"peak\":1,\"sensors\":[]}";
    static an_record records[1000];
    char url[AN_PATH_MAX + 16];
    an_store *store = NULL;
    an_note why = {{0}};
    snprintf(url, sizeof url, "sqlite:%s/store", s->dir);
    if (an_store_open(&(an_store_place){.url = url}, an_clock_system(), &store, &why) != AN_OK)
        fail_msg("%s", why.text);
    for (size_t i = 0; i < 1000; i++)
        records[i] = (an_record){.kind = "alarm.summary",
                                 .subject = "plant-b",
                                 .actor = "site/plant-b",
                                 .body = body,
                                 .body_len = sizeof body - 1};
    for (size_t i = 0; i < RECORDS; i += 1000)
        assert_int_equal(an_store_append(store, records, 1000, NULL, NULL), AN_OK);
    an_store_close(store);
}

typedef struct long_answer {
    const server *s;
    pthread_barrier_t begin;
    atomic_bool done;
} long_answer;

static void *verify(void *arg)
{
    long_answer *a = arg;
    bool intact = false;
    pthread_barrier_wait(&a->begin);
    an_json_doc *doc = server_http(a->s, "GET", "/journal/verify", NULL, a->s->authorization, 200);
    atomic_store(&a->done, true);
    assert_int_equal(an_jval_bool(an_json_root(doc), "intact", &intact, NULL), AN_OK);
    an_json_doc_free(doc);
    return intact ? arg : NULL;
}

static void others_are_answered_while_the_journal_is_verified(void **state)
{
    server *f = *state;
    long_answer a = {.s = f};
    pthread_t thread;
    void *intact = NULL;
    size_t n = 0;
    server_stop(f);
    fill(f);
    server_start(f);
    assert_int_equal(pthread_barrier_init(&a.begin, NULL, 2), 0);
    assert_int_equal(pthread_create(&thread, NULL, verify, &a), 0);
    pthread_barrier_wait(&a.begin);
    for (; !atomic_load(&a.done); n++)
        server_expect(f, "GET", "/status", NULL, 200);
    assert_int_equal(pthread_join(thread, &intact), 0);
    pthread_barrier_destroy(&a.begin);
    assert_non_null(intact);
    print_message("%zu answers to others meanwhile\n", n);
    assert_true(n >= 10);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)
    const struct CMUnitTest tests[] = {
        CASE(slow_clients_do_not_keep_sites_waiting),
        CASE(others_are_answered_while_the_journal_is_verified),
    };
    if (!server_begin("test_server_slow"))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    server_end();
    return failed;
}
