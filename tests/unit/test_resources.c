/* The budget: held at the start, asked before a job, measured while the agent runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/resources.h"
#include "base/mem.h"
#include "base/usage.h"

#define MIB ((uint64_t)1048576)

static uint64_t memory;

static uint64_t measured(void)
{
    return memory;
}

static an_resources open_with(uint64_t budget, uint64_t training)
{
    an_resources b = {.since_ms = 0};
    const an_resources_conf conf = {.memory = budget, .training = training};
    memory = 100 * MIB;
    assert_int_equal(an_resources_open(&b, &conf, measured, 50 * MIB, NULL), AN_OK);
    return b;
}

static void a_budget_that_the_lines_exceed_is_refused(void **state)
{
    (void)state;
    an_resources b = {.since_ms = 0};
    an_note why = {{0}};
    memory = 100 * MIB;
    an_resources_conf conf = {.memory = 150 * MIB - 1};
    assert_int_equal(an_resources_open(&b, &conf, measured, 50 * MIB, &why), AN_ERR_LIMIT);
    assert_non_null(strstr(why.text, "150 MiB"));
    assert_non_null(strstr(why.text, "pool.bytes"));
    conf.memory++;
    assert_int_equal(an_resources_open(&b, &conf, measured, 50 * MIB, &why), AN_OK);
    assert_int_equal(an_resources_left(&b), 0);
}

static void what_is_left_is_for_training(void **state)
{
    (void)state;
    an_note why = {{0}};
    an_resources b = open_with(0, 0);
    assert_true(an_resources_left(&b) == AN_RESOURCES_NONE);
    b = open_with(0, 30 * MIB);
    assert_int_equal(an_resources_left(&b), 30 * MIB);
    b = open_with(200 * MIB, 0);
    assert_int_equal(an_resources_left(&b), 50 * MIB);
    memory = 120 * MIB; /* more than planned */
    assert_int_equal(an_resources_left(&b), 30 * MIB);
    memory = 90 * MIB; /* less is no promise */
    assert_int_equal(an_resources_left(&b), 50 * MIB);
    memory = 500 * MIB;
    assert_int_equal(an_resources_left(&b), 0);
    b = open_with(200 * MIB, 20 * MIB);
    assert_int_equal(an_resources_left(&b), 20 * MIB);
    assert_int_equal(an_resources_refuse(&b, 30 * MIB, 20 * MIB, &why), AN_ERR_REFUSED);
    assert_non_null(strstr(why.text, "site budget"));
    assert_int_equal(b.figures.refused, 1);
}

static void seconds_over_it_are_counted_and_said_once(void **state)
{
    (void)state;
    an_resources b = open_with(200 * MIB, 0);
    assert_false(an_resources_look(&b, 1000));
    assert_false(an_resources_look(&b, 2000));
    memory = 201 * MIB;
    assert_true(an_resources_look(&b, 3000));
    assert_false(an_resources_look(&b, 5000));
    memory = 100 * MIB;
    assert_false(an_resources_look(&b, 6000));
    assert_int_equal(b.figures.memory_over_s, 3);
    assert_int_equal(b.figures.memory_most, 201 * MIB);
    assert_int_equal(b.figures.memory, 100 * MIB);
}

static void processor_time_over_it_is_counted(void **state)
{
    (void)state;
    an_resources b = open_with(0, 0);
    b.conf.cpu = 0.001;
    assert_false(an_resources_look(&b, 1000));
    const double until = an_usage_cpu_s() + 0.1;
    while (an_usage_cpu_s() < until)
        continue;
    assert_true(an_resources_look(&b, 6500)); /* a tenth of a second in five and a half */
    assert_true(b.figures.cpu_now > 0.017 && b.figures.cpu_now < 0.1);
    assert_true(b.figures.cpu_over_s > 0);
}

static void the_system_says_what_is_taken(void **state)
{
    (void)state;
    const size_t n = 64 * MIB;
    const uint64_t before = an_usage_memory();
    assert_true(before > 0);
    char *p = an_alloc(n, 1);
    assert_non_null(p);
    memset(p, 1, n);
    assert_true(an_usage_memory() >= before + n - MIB);
    an_free(p);
    clockid_t clock;
    assert_true(an_usage_thread_clock(&clock));
    assert_true(an_usage_clock_s(clock) > 0 && an_usage_clock_s(clock) <= an_usage_cpu_s());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_budget_that_the_lines_exceed_is_refused),
        cmocka_unit_test(what_is_left_is_for_training),
        cmocka_unit_test(seconds_over_it_are_counted_and_said_once),
        cmocka_unit_test(processor_time_over_it_is_counted),
        cmocka_unit_test(the_system_says_what_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
