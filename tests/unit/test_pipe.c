#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/poll.h"

#define PATIENCE_MS 20000

static an_net *net;

static int setup(void **state)
{
    (void)state;
    return an_net_open(1, &net, NULL) == AN_OK ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    an_net_close(net);
    return 0;
}

static void messages_pass_both_ways_in_order(void **state)
{
    an_pipe *ends[2];
    uint32_t got = 0;
    size_t len = 0;
    (void)state;
    assert_int_equal(an_pipe_pair(net, ends), AN_OK);
    assert_int_equal(an_pipe_recv(ends[1], &got, sizeof got, &len), AN_ERR_AGAIN);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(an_pipe_send(ends[0], &i, sizeof i), AN_OK);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(an_pipe_wait(ends[1], PATIENCE_MS), AN_OK);
        assert_int_equal(an_pipe_recv(ends[1], &got, sizeof got, &len), AN_OK);
        assert_int_equal(got, i);
        assert_int_equal(len, sizeof got);
    }
    assert_int_equal(an_pipe_send(ends[1], "back", 4), AN_OK);
    assert_int_equal(an_pipe_wait(ends[0], PATIENCE_MS), AN_OK);
    assert_int_equal(an_pipe_recv(ends[0], &got, 2, &len), AN_ERR_LIMIT);
    assert_int_equal(an_pipe_send(ends[1], "", 0), AN_ERR_INVAL);
    an_pipe_close(ends[0]);
    an_pipe_close(ends[1]);
}

static void a_full_pipe_says_again(void **state)
{
    an_pipe *ends[2];
    uint32_t sent = 0, got = 0;
    (void)state;
    assert_int_equal(an_pipe_pair(net, ends), AN_OK);
    while (an_pipe_send(ends[0], &sent, sizeof sent) == AN_OK)
        assert_true(++sent < 100000);
    for (uint32_t i = 0; i < sent; i++) {
        assert_int_equal(an_pipe_wait(ends[1], PATIENCE_MS), AN_OK);
        assert_int_equal(an_pipe_recv(ends[1], &got, sizeof got, NULL), AN_OK);
        assert_int_equal(got, i);
    }
    an_pipe_close(ends[1]);
    an_pipe_close(ends[0]);
}

/* Answers each number with its square; the numbers travel as memory that changes hands. */
static void squarer(an_pipe *pipe, void *arg)
{
    atomic_int *ended = arg;
    an_actor_ready(pipe, AN_OK, NULL);
    while (an_pipe_wait(pipe, -1) == AN_OK) {
        uint32_t *number = NULL;
        an_err err = an_pipe_recv(pipe, &number, sizeof number, NULL);
        if (err == AN_ERR_CANCELLED)
            break;
        if (err != AN_OK)
            continue;
        *number *= *number;
        if (an_pipe_send(pipe, &number, sizeof number) != AN_OK)
            an_free(number);
    }
    atomic_store(ended, 1);
}

static void an_actor_works_until_it_is_stopped(void **state)
{
    an_actor *actor = NULL;
    atomic_int ended;
    (void)state;
    atomic_init(&ended, 0);
    assert_int_equal(an_actor_start(net, squarer, &ended, &actor, NULL), AN_OK);
    an_pipe *pipe = an_actor_pipe(actor);
    for (uint32_t i = 1; i < 200; i++) {
        uint32_t *number = an_alloc(1, sizeof *number);
        *number = i;
        assert_int_equal(an_pipe_send(pipe, &number, sizeof number), AN_OK);
        assert_int_equal(an_pipe_wait(pipe, PATIENCE_MS), AN_OK);
        assert_int_equal(an_pipe_recv(pipe, &number, sizeof number, NULL), AN_OK);
        assert_int_equal(*number, i * i);
        an_free(number);
    }
    assert_int_equal(atomic_load(&ended), 0);
    an_actor_stop(actor);
    assert_int_equal(atomic_load(&ended), 1);
}

static void unready(an_pipe *pipe, void *arg)
{
    an_note why = {0};
    (void)arg;
    an_actor_ready(pipe, an_fail(AN_ERR_EXISTS, &why, "the chair is taken"), &why);
}

static void silent(an_pipe *pipe, void *arg)
{
    (void)pipe;
    (void)arg;
}

static void the_starter_hears_why_an_actor_could_not(void **state)
{
    an_actor *actor = NULL;
    an_note why = {0};
    (void)state;
    assert_int_equal(an_actor_start(net, unready, NULL, &actor, &why), AN_ERR_EXISTS);
    assert_string_equal(why.text, "the chair is taken");
    assert_int_equal(an_actor_start(net, silent, NULL, &actor, NULL), AN_ERR_STATE);
    assert_null(actor);
}

static void brief_life(an_pipe *pipe, void *arg)
{
    (void)arg;
    an_actor_ready(pipe, AN_OK, NULL);
}

static void an_actor_that_ended_by_itself_can_be_sent_to_and_stopped(void **state)
{
    an_actor *actor = NULL;
    (void)state;
    assert_int_equal(an_actor_start(net, brief_life, NULL, &actor, NULL), AN_OK);
    for (int i = 0; i < 5000; i++)
        (void)an_pipe_send(an_actor_pipe(actor), &i, sizeof i);
    an_actor_stop(actor);
}

static void waiting_sees_pipes_and_descriptors(void **state)
{
    an_pipe *ends[2];
    int fds[2];
    (void)state;
    assert_int_equal(an_pipe_pair(net, ends), AN_OK);
    assert_int_equal(pipe(fds), 0);
    an_wait items[] = {{.pipe = ends[1]}, {.fd = fds[0]}};
    assert_int_equal(an_poll(items, 2, 0), AN_ERR_AGAIN);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(an_poll(items, 2, PATIENCE_MS), AN_OK);
    assert_false(items[0].ready);
    assert_true(items[1].ready);
    assert_int_equal(an_pipe_send(ends[0], "x", 1), AN_OK);
    char byte;
    assert_int_equal(read(fds[0], &byte, 1), 1);
    assert_int_equal(an_poll(items, 2, PATIENCE_MS), AN_OK);
    assert_true(items[0].ready);
    assert_false(items[1].ready);
    close(fds[0]);
    close(fds[1]);
    an_pipe_close(ends[0]);
    an_pipe_close(ends[1]);
}

static void starting_survives_every_allocation_failure(void **state)
{
    an_err err;
    size_t n = 0;
    (void)state;
    do {
        an_actor *actor = NULL;
        atomic_int ended;
        atomic_init(&ended, 0);
        an_mem_fail_after(n++);
        err = an_actor_start(net, squarer, &ended, &actor, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && !actor));
        an_actor_stop(actor);
    } while (err != AN_OK);
    assert_true(n > 3);
    for (n = 0, err = AN_ERR_NOMEM; err != AN_OK;) {
        an_net *second = NULL;
        an_mem_fail_after(n++);
        err = an_net_open(1, &second, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && !second));
        an_net_close(second);
    }
}

#define WITH_NET(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_NET(messages_pass_both_ways_in_order),
        WITH_NET(a_full_pipe_says_again),
        WITH_NET(an_actor_works_until_it_is_stopped),
        WITH_NET(the_starter_hears_why_an_actor_could_not),
        WITH_NET(an_actor_that_ended_by_itself_can_be_sent_to_and_stopped),
        WITH_NET(waiting_sees_pipes_and_descriptors),
        WITH_NET(starting_survives_every_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
