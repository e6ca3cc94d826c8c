/* What may be written to a controller: tables of who, when and what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/writeback.h"

#define HOUR INT64_C(3600000)

static const an_wb_people people = {.window_ms = 60000, .for_ms = HOUR};

static void two_different_people_enable_it_within_the_window(void **state)
{
    static const struct {
        const char *by;
        int64_t at_ms;
        an_wb_answer answer;
        bool enabled;
    } steps[] = {
        {"anna", 1000, AN_WB_ARMED, false},          {"anna", 2000, AN_WB_SAME_PERSON, false},
        {"ben", 61001, AN_WB_ARMED, false}, /* a moment too late: now he is the first */
        {"anna", 61001 + 60001, AN_WB_ARMED, false}, {"ben", 61001 + 60001 + 60000, AN_WB_ENABLED, true},
        {"ben", 200000, AN_WB_ARMED, true}, /* longer: two people again */
        {"ben", 201000, AN_WB_SAME_PERSON, true},    {"anna", 202000, AN_WB_ENABLED, true},
    };
    an_wb_gate g = {.until_ms = 0};
    (void)state;
    assert_false(an_wb_is_enabled(&g, 0));
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (an_wb_ask(&g, &people, steps[i].by, steps[i].at_ms) != steps[i].answer ||
            an_wb_is_enabled(&g, steps[i].at_ms) != steps[i].enabled)
            fail_msg("step %zu", i);
    }
    assert_string_equal(g.people[0], "ben");
    assert_string_equal(g.people[1], "anna");
    assert_true(an_wb_is_enabled(&g, 202000 + HOUR - 1));
    assert_false(an_wb_is_enabled(&g, 202000 + HOUR));
    an_wb_ask(&g, &people, "ben", 300000);
    an_wb_end(&g); /* what one of them had begun is over, too */
    assert_false(an_wb_is_enabled(&g, 300000));
    assert_int_equal(an_wb_ask(&g, &people, "anna", 300001), AN_WB_ARMED);
}

static void a_clock_that_goes_back_makes_no_second_person(void **state)
{
    an_wb_gate g = {.until_ms = 0};
    (void)state;
    assert_int_equal(an_wb_ask(&g, &people, "anna", 1000000), AN_WB_ARMED);
    assert_int_equal(an_wb_ask(&g, &people, "ben", 900000), AN_WB_ARMED);
    assert_false(an_wb_is_enabled(&g, 900000));
}

static void what_is_late_is_unknown_and_never_good(void **state)
{
    static const struct {
        an_wb_look look;
        an_wb_verdict_kind verdict;
    } cases[] = {
        {{true, 0, 0, false, AN_SEVERITY_LOW}, AN_WB_GOOD},
        {{true, 2000, 2000, false, AN_SEVERITY_LOW}, AN_WB_GOOD},
        {{true, 2001, 0, false, AN_SEVERITY_LOW}, AN_WB_UNKNOWN},
        {{true, 0, 2001, false, AN_SEVERITY_LOW}, AN_WB_UNKNOWN},
        {{true, -2001, 0, false, AN_SEVERITY_LOW}, AN_WB_UNKNOWN}, /* of a clock that is wrong */
        {{true, INT64_MAX, INT64_MAX, false, AN_SEVERITY_LOW}, AN_WB_UNKNOWN},
        {{false, 0, 0, false, AN_SEVERITY_LOW}, AN_WB_UNKNOWN},
        {{true, 0, 0, true, AN_SEVERITY_HIGH}, AN_WB_BAD},
        {{true, 0, 0, true, AN_SEVERITY_CRITICAL}, AN_WB_BAD},
        {{true, 0, 0, true, AN_SEVERITY_MEDIUM}, AN_WB_GOOD}, /* does not matter here */
        {{true, 2001, 0, true, AN_SEVERITY_CRITICAL}, AN_WB_UNKNOWN},
        {{false, 0, 0, true, AN_SEVERITY_CRITICAL}, AN_WB_UNKNOWN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (an_wb_verdict(&cases[i].look, 2000, AN_SEVERITY_HIGH) != cases[i].verdict)
            fail_msg("case %zu", i);
}

static void a_target_whose_unknown_looks_like_good_is_none(void **state)
{
    static const struct {
        an_wb_target target;
        bool ok;
    } cases[] = {
        {{{0, 1, 2}, 0, 2, 10}, true},  {{{0, 1, 0}, 0, 1, 1}, true},   {{{1, 0, 1}, 0, 1, 60}, true},
        {{{0, 0, 1}, 0, 1, 10}, false}, {{{0, 1, 3}, 0, 2, 10}, false}, {{{0, 1, 2}, 1, 2, 10}, false},
        {{{0, 1, 2}, 0, 2, 0}, false},  {{{0, 1, 2}, 0, 2, 61}, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (an_wb_target_ok(&cases[i].target) != cases[i].ok)
            fail_msg("case %zu", i);
}

static void only_what_changes_is_written_while_it_is_enabled(void **state)
{
    const an_wb_target t = {{10, 11, 12}, 10, 12, 10};
    an_wb_state s = {.known = false};
    uint16_t v = 7;
    (void)state;
    assert_int_equal(an_wb_decide(&t, &s, AN_WB_GOOD, false, 0, &v), AN_WB_DISABLED);
    assert_int_equal(v, 7);
    assert_int_equal(an_wb_decide(&t, &s, AN_WB_GOOD, true, 0, &v), AN_WB_WRITE);
    assert_int_equal(v, 11);
    an_wb_begins(&s, 0);
    assert_int_equal(an_wb_decide(&t, &s, AN_WB_GOOD, true, 0, &v),
                     AN_WB_WRITE); /* it has failed: nobody knows */
    an_wb_done(&s, 11);
    assert_int_equal(an_wb_decide(&t, &s, AN_WB_GOOD, true, 1, &v), AN_WB_KEEP);
    assert_int_equal(an_wb_decide(&t, &s, AN_WB_BAD, true, 1, &v), AN_WB_WRITE);
    assert_int_equal(v, 12);
    const an_wb_target narrow = {{10, 11, 12}, 10, 11, 10}; /* not ok, and decided all the same */
    assert_int_equal(an_wb_decide(&narrow, &s, AN_WB_BAD, true, 1, &v), AN_WB_OUTSIDE);
}

static void no_more_than_so_often_in_any_minute(void **state)
{
    const an_wb_target t = {{0, 1, 2}, 0, 2, 3};
    an_wb_state s = {.known = false};
    uint16_t v;
    size_t written = 0;
    int64_t times[100];
    (void)state;
    for (int64_t now = 0; now < 600000; now += 1000) {
        const an_wb_verdict_kind verdict = now / 1000 % 2 ? AN_WB_BAD : AN_WB_GOOD;
        if (an_wb_decide(&t, &s, verdict, true, now, &v) != AN_WB_WRITE)
            continue;
        an_wb_begins(&s, now);
        an_wb_done(&s, v);
        assert_true(written < 100);
        times[written++] = now;
    }
    assert_int_equal(written, 30);
    for (size_t i = 3; i < written; i++)
        assert_true(times[i] - times[i - 3] >= 60000);
    assert_int_equal(an_wb_decide(&t, &s, AN_WB_UNKNOWN, true, -1000000, &v), AN_WB_TOO_OFTEN); /* set back */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_different_people_enable_it_within_the_window),
        cmocka_unit_test(a_clock_that_goes_back_makes_no_second_person),
        cmocka_unit_test(what_is_late_is_unknown_and_never_good),
        cmocka_unit_test(a_target_whose_unknown_looks_like_good_is_none),
        cmocka_unit_test(only_what_changes_is_written_while_it_is_enabled),
        cmocka_unit_test(no_more_than_so_often_in_any_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
