/* How good alarms are for people: figures of series that one can count by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/alarm_figures.h"
#include "base/mem.h"

#define MIN INT64_C(60000)
#define HOUR (60 * MIN)

static bool near(double a, double b)
{
    return a - b < 1e-9 && b - a < 1e-9;
}

static an_alarm_point at(int64_t ms, uint32_t tag)
{
    return (an_alarm_point){.tag = tag, .severity = AN_SEVERITY_LOW, .raised_ms = ms, .cleared_ms = ms + 1};
}

static void of_no_alarms_all_figures_are_zero(void **state)
{
    (void)state;
    an_alarm_figures f;
    an_alarm_figures_of(&f, NULL, 0, 0, 10 * MIN);
    assert_int_equal(f.n + f.peak + f.flooded + f.chattering + f.standing + f.tags, 0);
    assert_int_equal(f.slots, 1);
    assert_true(near(f.average, 0) && near(f.top_share, 0));
    an_alarm_figures_of(&f, NULL, 0, 5, 5);
    assert_int_equal(f.slots, 0);
}

static void an_even_load_has_its_average_and_its_peak(void **state)
{
    (void)state;
    an_alarm_point p[12];
    an_alarm_figures f;
    for (size_t i = 0; i < 12; i++)
        p[i] = at((int64_t)i * 5 * MIN, (uint32_t)i);
    an_alarm_figures_of(&f, p, 12, 0, HOUR);
    assert_int_equal(f.n, 12);
    assert_true(near(f.average, 2));
    assert_int_equal(f.peak, 2);
    assert_int_equal(f.slots, 6);
    assert_int_equal(f.flooded, 0);
    assert_int_equal(f.tags, 12);
    assert_true(near(f.top_share, 10.0 / 12));
}

static void a_flood_is_more_than_ten_in_a_period_and_the_peak_ignores_its_borders(void **state)
{
    (void)state;
    an_alarm_point p[33];
    an_alarm_figures f;
    for (size_t i = 0; i < 10; i++) { /* ten before a border, ten after: no flood, a peak of 20 */
        p[i] = at(10 * MIN - 10 + (int64_t)i, 1);
        p[10 + i] = at(10 * MIN + (int64_t)i, 1);
    }
    an_alarm_figures_of(&f, p, 20, 0, HOUR);
    assert_int_equal(f.flooded, 0);
    assert_int_equal(f.peak, 20);
    p[20] = at(20 * MIN - 1, 1);
    an_alarm_figures_of(&f, p, 21, 0, HOUR);
    assert_int_equal(f.flooded, 1);
    assert_int_equal(f.peak, 20);
    for (size_t i = 0; i < 12; i++)
        p[21 + i] = at(45 * MIN + (int64_t)i, 1);
    an_alarm_figures_of(&f, p, 33, 0, HOUR);
    assert_int_equal(f.flooded, 2);
    assert_int_equal(f.slots, 6);
}

static void three_of_one_tag_within_a_minute_chatter(void **state)
{
    (void)state;
    an_alarm_figures f;
    an_alarm_point p[] = {at(0, 1), at(10, 2), at(20, 2), at(MIN - 1, 1), at(MIN, 1), at(2 * MIN, 2)};
    an_alarm_figures_of(&f, p, 6, 0, HOUR); /* tag 1: 0, 60 s less 1 ms, 60 s: not within a minute */
    assert_int_equal(f.chattering, 0);
    p[5] = at(MIN + 9, 2);
    an_alarm_figures_of(&f, p, 6, 0, HOUR);
    assert_int_equal(f.chattering, 1);
    assert_int_equal(f.tags, 2);
}

static void what_is_active_for_more_than_a_day_stands(void **state)
{
    (void)state;
    an_alarm_figures f;
    an_alarm_point p[] = {at(0, 1), at(1, 2), at(2, 3)};
    p[0].cleared_ms = 24 * HOUR;     /* a day to the millisecond */
    p[1].cleared_ms = 24 * HOUR + 2; /* and a little more */
    p[2].cleared_ms = 0;             /* still active */
    p[2].severity = AN_SEVERITY_CRITICAL;
    an_alarm_figures_of(&f, p, 3, 0, 24 * HOUR + 2);
    assert_int_equal(f.standing, 1);
    an_alarm_figures_of(&f, p, 3, 0, 24 * HOUR + 3);
    assert_int_equal(f.standing, 2);
    assert_int_equal(f.by_severity[AN_SEVERITY_LOW], 2);
    assert_int_equal(f.by_severity[AN_SEVERITY_CRITICAL], 1);
}

static void what_is_outside_the_span_does_not_count(void **state)
{
    (void)state;
    an_alarm_figures f;
    const an_alarm_point p[] = {at(9, 1), at(10, 1), at(19, 1), at(20, 1)};
    an_alarm_figures_of(&f, p, 4, 10, 20);
    assert_int_equal(f.n, 2);
}

/* ---- from records ---- */

static void add(an_alarm_points *p, an_logged_kind kind, uint64_t alarm, an_standing standing, int64_t ms,
                const char *source)
{
    an_alarm_record r = {.kind = kind, .line = "l", .alarm = alarm, .standing = standing, .time_ms = ms};
    snprintf(r.source, sizeof r.source, "%s", source);
    assert_int_equal(an_alarm_points_add(p, &r), AN_OK);
}

static void alarms_that_nobody_is_shown_are_no_load(void **state)
{
    (void)state;
    an_alarm_points p = {.n = 0};
    add(&p, AN_LOGGED_RAISED, 1, AN_STANDING_UNACKED, 10, "model");
    add(&p, AN_LOGGED_RAISED, 2, AN_STANDING_SUPPRESSED, 11, "both");
    add(&p, AN_LOGGED_RAISED, 3, AN_STANDING_UNACKED, 12, "rule:hot");
    add(&p, AN_LOGGED_ACKED, 1, AN_STANDING_ACKED, 13, "model");
    add(&p, AN_LOGGED_CLEARED, 1, AN_STANDING_NORMAL, 14, "model");
    add(&p, AN_LOGGED_CLEARED, 2, AN_STANDING_NORMAL, 15, "both");
    add(&p, AN_LOGGED_SHELVED, 3, AN_STANDING_SHELVED, 16, "rule:hot");
    add(&p, AN_LOGGED_UNSHELVED, 3, AN_STANDING_UNACKED, 17, "rule:hot");
    add(&p, AN_LOGGED_UPDATED, 3, AN_STANDING_UNACKED, 18, "rule:hot");
    add(&p, AN_LOGGED_RAISED, 4, AN_STANDING_UNACKED, 9, "both");
    an_alarm_points_sort(&p);
    assert_int_equal(p.n, 4);
    assert_int_equal(p.n_tags, 2); /* "both" is the model's alarm, too */
    assert_int_equal(p.items[0].raised_ms, 9);
    assert_int_equal(p.items[1].cleared_ms, 14);
    assert_int_equal(p.items[2].cleared_ms, 16);
    assert_int_equal(p.items[3].raised_ms, 17);
    assert_int_equal(p.items[3].cleared_ms, 0);
    an_alarm_points_done(&p);
}

static void points_without_memory_are_refused_and_nothing_leaks(void **state)
{
    (void)state;
    const size_t live = an_mem_live();
    an_err err;
    size_t n = 0;
    do {
        an_alarm_points p = {.n = 0};
        const an_alarm_record r = {
            .line = "l", .alarm = 1, .standing = AN_STANDING_UNACKED, .source = "model"};
        an_mem_fail_after(n++);
        err = an_alarm_points_add(&p, &r);
        an_mem_fail_never();
        an_alarm_points_done(&p);
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        assert_int_equal(an_mem_live(), live);
    } while (err);
    assert_true(n > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_no_alarms_all_figures_are_zero),
        cmocka_unit_test(an_even_load_has_its_average_and_its_peak),
        cmocka_unit_test(a_flood_is_more_than_ten_in_a_period_and_the_peak_ignores_its_borders),
        cmocka_unit_test(three_of_one_tag_within_a_minute_chatter),
        cmocka_unit_test(what_is_active_for_more_than_a_day_stands),
        cmocka_unit_test(what_is_outside_the_span_does_not_count),
        cmocka_unit_test(alarms_that_nobody_is_shown_are_no_load),
        cmocka_unit_test(points_without_memory_are_refused_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
