/* Figures of verdicts, and the days, weeks and shifts that they are of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "agent/verdict_figures.h"

static void figures_have_intervals_and_too_few_are_unknown(void **state)
{
    (void)state;
    /* Wilson by hand: 8 of 10 is 0.490 to 0.943. */
    an_verdict_figures f = an_verdict_figures_of(&(an_verdict_count){.right = 8, .wrong = 2, .missed = 4});
    assert_true(f.precision.known && f.recall.known && f.f1.known);
    assert_float_equal(f.precision.value, 0.8, 1e-12);
    assert_float_equal(f.precision.low, 0.490, 5e-4);
    assert_float_equal(f.precision.high, 0.943, 5e-4);
    assert_float_equal(f.recall.value, 8.0 / 12, 1e-12);
    assert_float_equal(f.f1.value, 16.0 / 22, 1e-12);
    assert_true(f.f1.low < f.f1.value && f.f1.value < f.f1.high);
    /* nobody looks for what was missed: that is not a recall of 1 */
    f = an_verdict_figures_of(&(an_verdict_count){.right = 8, .wrong = 2});
    assert_true(f.precision.known && !f.recall.known && !f.f1.known);
    f = an_verdict_figures_of(&(an_verdict_count){.right = 8, .good = 100});
    assert_true(f.recall.known);
    assert_float_equal(f.recall.value, 1, 0);
    assert_true(f.recall.low < 0.7);
    f = an_verdict_figures_of(&(an_verdict_count){.right = 4, .good = 100});
    assert_false(f.precision.known || f.recall.known || f.f1.known);
    f = an_verdict_figures_of(&(an_verdict_count){.alarms = 100, .unsure = 100});
    assert_false(f.precision.known);
}

static int64_t at(const char *text)
{
    struct tm tm = {.tm_isdst = -1};
    int y, mo, d, h, mi;
    assert_int_equal(sscanf(text, "%d-%d-%d %d:%d", &y, &mo, &d, &h, &mi), 5);
    tm.tm_year = y - 1900;
    tm.tm_mon = mo - 1;
    tm.tm_mday = d;
    tm.tm_hour = h;
    tm.tm_min = mi;
    return (int64_t)mktime(&tm) * 1000;
}

static void times_belong_to_the_day_the_week_and_the_shift(void **state)
{
    (void)state;
    an_verdict_how how = {.by = AN_VERDICT_BY_DAY};
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    assert_true(an_verdict_begin_of(&how, at("2026-03-29 23:59") + 999) ==
                at("2026-03-29 00:00")); /* 23 hours */
    how.by = AN_VERDICT_BY_WEEK;
    assert_true(an_verdict_begin_of(&how, at("2026-03-15 12:00")) == at("2026-03-09 00:00")); /* a Sunday */
    assert_true(an_verdict_begin_of(&how, at("2026-03-09 00:00")) == at("2026-03-09 00:00"));
    how.by = AN_VERDICT_BY_SHIFT;
    assert_true(an_verdict_shifts_parse("6,14,22", &how));
    assert_int_equal(how.n_shifts, 3);
    assert_true(an_verdict_begin_of(&how, at("2026-03-09 05:59")) == at("2026-03-08 22:00"));
    assert_true(an_verdict_begin_of(&how, at("2026-03-09 06:00")) == at("2026-03-09 06:00"));
    assert_true(an_verdict_begin_of(&how, at("2026-03-09 21:59")) == at("2026-03-09 14:00"));
    assert_true(an_verdict_begin_of(&how, at("2026-03-09 22:00")) == at("2026-03-09 22:00"));
    how.by = AN_VERDICT_BY_ALL;
    assert_int_equal(an_verdict_begin_of(&how, at("2026-03-09 22:00")), 0);
    static const char *const wrong[] = {"",   "6,", ",6",   "6,6", "14,6",
                                        "24", "-1", "6;14", "x",   "0,1,2,3,4,5,6"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(an_verdict_shifts_parse(wrong[i], &how));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_have_intervals_and_too_few_are_unknown),
        cmocka_unit_test(times_belong_to_the_day_the_week_and_the_shift),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
