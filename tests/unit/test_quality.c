/* Data quality: missing, stuck and out-of-range sensors begin and end as events of their own.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/quality.h"
#include "base/mem.h"

#define W 3

static const double low[W] = {0, -10, 0}, high[W] = {100, 10, 1};
static const uint8_t may_rest[W] = {0, 0, 1};
static const an_quality_conf usual = {.missing_rows = 3,
                                      .stuck_rows = 5,
                                      .range_rows = 2,
                                      .clear_rows = 2,
                                      .low = low,
                                      .high = high,
                                      .may_rest = may_rest};

static an_quality *make(void)
{
    an_quality *q = NULL;
    an_err err = an_quality_new(&usual, W, &q);
    assert_int_equal(err, AN_OK);
    return q;
}

/* Feeds n rows whose sensor 0 is v[i]; sensor 1 moves, sensor 2 rests.  One letter per row. */
static void play(an_quality *q, const float *v, size_t n, char *ret, an_quality_event *ret_last)
{
    static int64_t now;
    static float wiggle;
    for (size_t i = 0; i < n; i++) {
        an_quality_event e[4];
        wiggle = wiggle > 5 ? 0 : wiggle + 0.25f;
        float row[W] = {v[i], wiggle, 1};
        size_t some = an_quality_step(q, now += 1000, row, NULL, e, 4);
        assert_in_range(some, 0, 1);
        ret[i] = '.';
        if (some) {
            assert_int_equal(e[0].sensor, 0);
            ret[i] = (e[0].begins ? "MSR" : "msr")[e[0].kind];
            *ret_last = e[0];
        }
    }
    ret[n] = '\0';
}

static void a_missing_sensor_is_an_event_after_its_rows_and_ends_when_it_is_back(void **state)
{
    (void)state;
    an_quality *q = make();
    an_quality_event e;
    char seen[16];
    const float v[] = {1, NAN, NAN, 2, NAN, NAN, NAN, NAN, 3, 4, 5};
    play(q, v, 11, seen, &e);
    assert_string_equal(seen, "......M..m.");
    assert_int_equal(e.rows, 4);
    assert_int_equal(an_quality_total(q, AN_QUALITY_MISSING), 1);
    an_quality_free(q);
}

static void a_stuck_sensor_is_an_event_but_one_that_may_rest_is_not(void **state)
{
    (void)state;
    an_quality *q = make();
    an_quality_event e;
    char seen[16];
    const float v[] = {1, 7, 7, 7, 7, 7, 7, 8, 9, 10};
    play(q, v, 7, seen, &e);
    assert_string_equal(seen, "......S");
    assert_true(an_quality_is_bad(q, 0));
    assert_false(an_quality_is_bad(q, 2));
    assert_int_equal(an_quality_bad_n(q), 1);
    play(q, v + 7, 3, seen, &e);
    assert_string_equal(seen, ".s.");
    assert_false(an_quality_is_bad(q, 0));
    an_quality_free(q);
}

static void a_value_out_of_range_is_an_event_and_infinity_counts_as_missing(void **state)
{
    (void)state;
    an_quality *q = make();
    an_quality_event e;
    char seen[16];
    const float v[] = {1, 101, 2, 101, 102, 3, 4, INFINITY, INFINITY, -INFINITY};
    play(q, v, 10, seen, &e);
    assert_string_equal(seen, "....R.r..M");
    assert_true(isnan(e.value) || isinf(e.value));
    an_quality_free(q);
}

static void events_beyond_the_room_are_not_lost_from_the_state(void **state)
{
    (void)state;
    an_quality *q = make();
    an_quality_event e[1];
    const float row[W] = {NAN, NAN, NAN};
    size_t n = 0;
    for (int i = 0; i < 3; i++)
        n = an_quality_step(q, i, row, NULL, e, 1);
    assert_int_equal(n, 1);
    assert_int_equal(an_quality_bad_n(q), 3);
    assert_int_equal(an_quality_total(q, AN_QUALITY_MISSING), 3);
    an_quality_free(q);
}

static void running_out_of_memory_is_survived(void **state)
{
    (void)state;
    an_err err;
    size_t n = 0;
    do {
        an_quality *q = NULL;
        an_mem_fail_after(n++);
        err = an_quality_new(&usual, W, &q);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && !q));
        an_quality_free(q);
    } while (err != AN_OK);
    assert_true(n > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_sensor_is_an_event_after_its_rows_and_ends_when_it_is_back),
        cmocka_unit_test(a_stuck_sensor_is_an_event_but_one_that_may_rest_is_not),
        cmocka_unit_test(a_value_out_of_range_is_an_event_and_infinity_counts_as_missing),
        cmocka_unit_test(events_beyond_the_room_are_not_lost_from_the_state),
        cmocka_unit_test(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
