/* Real sockets on the loopback interface: a site finds the coordinator that answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "agent/control.h"
#include "tests/support/world.h"

typedef struct fixture {
    an_world *w;
    an_coordinator coordinator;
    an_identity id;
    an_control *c;
    an_server *servers[2];
    bool settled; /* the session is greeted */
    const char *hello;
    an_in in;
} fixture;

/* Two coordinators with one key, on ports that stay theirs. */
static void open_two(fixture *f, an_world *w)
{
    an_note why = {{0}};
    *f = (fixture){.w = w, .coordinator.n_control = 2};
    memcpy(f->coordinator.link_key, w->coordinator.public_key, AN_LINK_KEY);
    memcpy(f->id.link_public, w->plant.public_key, AN_LINK_KEY);
    memcpy(f->id.link_secret, w->plant.secret, AN_LINK_KEY);
    for (size_t i = 0; i < 2; i++) {
        f->servers[i] = an_world_serve(w, AN_PORT_CONTROL);
        snprintf(f->coordinator.control[i], AN_ENDPOINT_MAX, "%s", an_server_endpoint(f->servers[i]));
    }
    const an_control_conf conf = {.net = w->net, .coordinator = &f->coordinator, .id = &f->id};
    if (an_control_open(&conf, &f->c, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static void leave(fixture *f, size_t i)
{
    an_world_close_server(f->w, f->servers[i]);
    f->servers[i] = NULL;
}

static void come_back(fixture *f, size_t i)
{
    f->servers[i] = an_world_serve_at(f->w, AN_PORT_CONTROL, f->coordinator.control[i]);
}

static int setup(void **state)
{
    static fixture f;
    void *w = NULL;
    assert_int_equal(an_world_setup(&w), 0);
    open_two(&f, w);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    void *w = f->w;
    an_in_done(&f->in);
    an_control_close(f->c);
    return an_world_teardown(&w);
}

static bool said(fixture *f)
{
    return an_control_send(f->c, f->hello, strlen(f->hello)) == AN_OK;
}

/* Until the coordinator has heard something; says hello as the session would: first, and to each that connects. */
static void hear(fixture *f, size_t i, const char *hello)
{
    const int64_t end = an_world_now() + AN_WORLD_PATIENCE_MS;
    an_wait waits[AN_COORDINATORS_MAX + 1];
    size_t from;
    f->hello = hello ? hello : f->hello;
    for (bool due = hello != NULL; an_world_now() < end;) {
        assert_int_equal(an_control_recv(f->c, &f->in, &from), AN_ERR_AGAIN);
        const bool met = !f->settled && an_control_greet(f->c);
        due = (due || met) && !said(f);
        size_t n = an_control_wait(f->c, waits);
        waits[n++] = (an_wait){.server = f->servers[i]};
        an_err err = an_poll(waits, n, 20);
        assert_int_not_equal(err, AN_ERR_IO);
        if (an_server_recv(f->servers[i], &f->w->in) == AN_OK)
            return;
    }
    fail_msg("coordinator %zu hears nothing", i);
}

static void answer(fixture *f, size_t i, const char *text)
{
    const an_peer peer = f->w->in.peer;
    assert_int_equal(an_server_send(f->servers[i], &peer, text, strlen(text), NULL, 0), AN_OK);
}

static size_t from_whom(fixture *f)
{
    const int64_t end = an_world_now() + AN_WORLD_PATIENCE_MS;
    an_wait waits[AN_COORDINATORS_MAX];
    size_t from = SIZE_MAX;
    while (an_control_recv(f->c, &f->w->in, &from) != AN_OK) {
        assert_true(an_world_now() < end);
        const size_t n = an_control_wait(f->c, waits);
        assert_int_not_equal(an_poll(waits, n, 20), AN_ERR_IO);
    }
    return from;
}

/* After hellos, which may have been said more than once. */
static void expect_beat(fixture *f, size_t i)
{
    do
        hear(f, i, NULL);
    while (f->w->in.head_len == 5);
    assert_memory_equal(f->w->in.head, "beat", 4);
}

static void settle(fixture *f, size_t from)
{
    assert_true(an_control_settle(f->c, from));
    f->settled = true;
}

/* But hellos of before. */
static bool hears_nothing(fixture *f, size_t i)
{
    an_wait wait = {.server = f->servers[i]};
    bool nothing = true;
    while (an_poll(&wait, 1, 300) == AN_OK)
        nothing =
            an_server_recv(f->servers[i], &f->w->in) == AN_OK ? nothing && f->w->in.head_len == 5 : nothing;
    return nothing;
}

static void the_one_that_answers_is_spoken_to_alone(void **state)
{
    fixture *f = *state;
    hear(f, 0, "hello");
    hear(f, 1, NULL);
    answer(f, 1, "welcome");
    const size_t from = from_whom(f);
    assert_int_equal(from, 1);
    settle(f, from);
    assert_false(an_control_settle(f->c, 0));
    assert_int_equal(an_control_send(f->c, "beat", 4), AN_OK);
    expect_beat(f, 1);
    assert_true(hears_nothing(f, 0));
}

static void one_that_takes_over_later_hears_the_hello_that_was_said_before(void **state)
{
    fixture *f = *state;
    leave(f, 0);
    hear(f, 1, "hello"); /* it does not answer, as one that is stopped */
    come_back(f, 0);
    hear(f, 0, NULL);
    answer(f, 0, "welcome");
    assert_int_equal(from_whom(f), 0);
}

static void a_session_that_is_over_asks_all_again(void **state)
{
    fixture *f = *state;
    hear(f, 0, "hello");
    answer(f, 0, "welcome");
    settle(f, from_whom(f));
    leave(f, 0);
    f->settled = false;
    hear(f, 1, "hello again");
}

/* Its end of the new connection wakes the site; nothing has to be sent before. */
static void a_coordinator_that_was_started_again_is_noticed_at_once(void **state)
{
    fixture *f = *state;
    an_wait waits[AN_COORDINATORS_MAX];
    size_t from;
    hear(f, 0, "hello");
    answer(f, 0, "welcome");
    settle(f, from_whom(f));
    assert_false(an_control_is_lost(f->c));
    leave(f, 0);
    come_back(f, 0);
    do {
        const size_t n = an_control_wait(f->c, waits);
        waits[n] = (an_wait){.server = f->servers[0]}; /* its socket works while its thread waits */
        const an_err err = an_poll(waits, n + 1, AN_WORLD_PATIENCE_MS);
        if (err != AN_OK)
            fail_msg("nothing wakes the site");
        assert_int_equal(an_control_recv(f->c, &f->in, &from), AN_ERR_AGAIN);
    } while (!an_control_is_lost(f->c));
    f->settled = false;
    assert_true(an_control_send(f->c, "hello", 5) == AN_OK);
    assert_false(an_control_greet(f->c)); /* it has been told */
    hear(f, 0, NULL);
}

static void nobody_hears_the_same_hello_twice(void **state)
{
    fixture *f = *state;
    hear(f, 0, "hello");
    hear(f, 1, NULL);
    assert_false(an_control_greet(f->c));
    for (size_t i = 0; i < 2; i++) {
        an_wait wait = {.server = f->servers[i]};
        assert_int_equal(an_poll(&wait, 1, 300), AN_ERR_AGAIN);
    }
    assert_int_equal(an_control_send(f->c, "hello", 5), AN_OK); /* nobody has answered: all hear it again */
    hear(f, 0, NULL);
    hear(f, 1, NULL);
}

static void what_welcome_names_is_learned(void **state)
{
    fixture *f = *state;
    an_msg_welcome w = {.n_coordinators = 2};
    assert_false(an_control_learn(f->c, &w)); /* nobody has answered yet */
    hear(f, 1, "hello");
    answer(f, 1, "welcome");
    settle(f, from_whom(f));
    char spoken_to[AN_ENDPOINT_MAX];
    memcpy(spoken_to, f->coordinator.control[1], sizeof spoken_to);
    snprintf(w.coordinators[0].control, AN_ENDPOINT_MAX, "tcp://127.0.0.1:1");
    memcpy(w.coordinators[1].control, spoken_to, sizeof spoken_to);
    assert_true(an_control_learn(f->c, &w));
    assert_int_equal(f->coordinator.n_control, 2);
    assert_string_equal(f->coordinator.control[0], spoken_to); /* it stays, and comes first */
    assert_string_equal(f->coordinator.control[1], "tcp://127.0.0.1:1");
    assert_false(an_control_learn(f->c, &w));
    assert_int_equal(an_control_send(f->c, "beat", 4), AN_OK);
    expect_beat(f, 1);
    snprintf(w.coordinators[0].control, AN_ENDPOINT_MAX, "ipc://elsewhere");
    assert_true(an_control_learn(f->c, &w)); /* which is no endpoint of ours */
    assert_int_equal(f->coordinator.n_control, 1);
    w.n_coordinators = 0;
    assert_false(an_control_learn(f->c, &w)); /* one that knows nobody takes nothing away */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_one_that_answers_is_spoken_to_alone),
        TEST(one_that_takes_over_later_hears_the_hello_that_was_said_before),
        TEST(a_session_that_is_over_asks_all_again),
        TEST(a_coordinator_that_was_started_again_is_noticed_at_once),
        TEST(nobody_hears_the_same_hello_twice),
        TEST(what_welcome_names_is_learned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
