/* The thread that keeps a connection up: it comes back, later and later, and ends when it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>

#include "agent/device.h"
#include "base/clock.h"

typedef struct toy {
    atomic_int connects, turns, disconnects;
    atomic_int refuse; /* so many further connects fail */
    atomic_int last;   /* turns of one connection until it fails; 0: it holds */
    int in_this;
    int64_t wait_ms;
} toy;

static an_err toy_connect(void *ctx, an_note *why)
{
    toy *t = ctx;
    atomic_fetch_add(&t->connects, 1);
    t->in_this = 0;
    if (atomic_load(&t->refuse) > 0) {
        atomic_fetch_sub(&t->refuse, 1);
        return an_fail(AN_ERR_IO, why, "nobody answers");
    }
    return AN_OK;
}

static an_err toy_turn(void *ctx, int64_t *ret_wait_ms, an_note *why)
{
    toy *t = ctx;
    const int last = atomic_load(&t->last);
    atomic_fetch_add(&t->turns, 1);
    *ret_wait_ms = t->wait_ms;
    return last > 0 && ++t->in_this > last ? an_fail(AN_ERR_IO, why, "cut off") : AN_OK;
}

static void toy_disconnect(void *ctx)
{
    atomic_fetch_add(&((toy *)ctx)->disconnects, 1);
}

static const an_device_type toy_type = {
    .connect = toy_connect, .turn = toy_turn, .disconnect = toy_disconnect};

static an_device *start(toy *t, int64_t retry_min_ms, int64_t retry_max_ms)
{
    an_device *d = NULL;
    const an_device_conf conf = {.type = &toy_type,
                                 .ctx = t,
                                 .name = "toy",
                                 .retry_min_ms = retry_min_ms,
                                 .retry_max_ms = retry_max_ms};
    assert_int_equal(an_device_start(&conf, &d), AN_OK);
    return d;
}

static void until(atomic_int *what, int reaches)
{
    while (atomic_load(what) < reaches)
        poll(NULL, 0, 1);
}

static void comes_back_after_each_failure(void **state)
{
    (void)state;
    toy t = {.refuse = 3, .last = 5, .wait_ms = 0};
    an_device *d = start(&t, 1, 4);
    until(&t.connects, 10);
    atomic_store(&t.last, 0);
    const int turns = atomic_load(&t.turns);
    until(&t.turns, turns + 20);
    const an_device_stats s = an_device_stats_get(d);
    assert_true(s.reached);
    assert_true(s.failures >= 3 + 6);
    assert_true(s.connects >= 6);
    assert_string_equal(s.error, "cut off");
    an_device_stop(d);
    assert_int_equal(atomic_load(&t.connects), atomic_load(&t.disconnects));
}

static void waits_longer_after_each_failure(void **state)
{
    (void)state;
    toy t = {.refuse = 6};
    const int64_t begin = an_clock_system()->mono_ms(an_clock_system());
    an_device *d = start(&t, 8, 64);
    until(&t.turns, 1);
    /* 8, 16, 32, 64, 64, 64, each at least half */
    assert_true(an_clock_system()->mono_ms(an_clock_system()) - begin >= 124 - 6);
    an_device_stop(d);
}

static void ends_at_once_while_it_waits(void **state)
{
    (void)state;
    toy resting = {.wait_ms = 3600000}, refused = {.refuse = 1000000};
    an_device *a = start(&resting, 1, 1), *b = start(&refused, 3600000, 3600000);
    until(&resting.turns, 1);
    until(&refused.connects, 1);
    an_device_wake(a); /* a turn now, not in an hour */
    until(&resting.turns, 2);
    an_device_stop(a);
    an_device_stop(b);
    an_device_stop(NULL);
    assert_int_equal(atomic_load(&refused.turns), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_after_each_failure),
        cmocka_unit_test(waits_longer_after_each_failure),
        cmocka_unit_test(ends_at_once_while_it_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
