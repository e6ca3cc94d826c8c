/* What a line has made: parts, minutes, and the level of a piece against the machine of alarms itself. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/pieces.h"
#include "agent/spans.h"
#include "base/rng.h"

static const uint8_t version[AN_ALARM_HASH] = {1}, other[AN_ALARM_HASH] = {2}, overlay[AN_ALARM_HASH] = {3};

static bool row(an_pieces *p, int64_t ms, const char *part, double raw, const uint8_t *v, an_piece *ret)
{
    const an_piece_row r = {.time_ms = ms,
                            .part = part,
                            .scored = isfinite(raw),
                            .raw = raw,
                            .score = raw / 2,
                            .version = v,
                            .overlay = overlay};
    return an_pieces_row(p, &r, ret);
}

static void parts_are_pieces_with_their_times_and_highest_scores(void **state)
{
    (void)state;
    an_pieces p;
    an_piece done;
    an_pieces_init(&p, "press", 1, 1, false);
    assert_false(an_pieces_now(&p, &done));
    assert_false(row(&p, 1000, "P-1", 1, version, &done));
    assert_false(row(&p, 2000, "P-1", 3, version, &done));
    assert_false(row(&p, 3000, "P-1", NAN, version, &done));
    assert_true(an_pieces_now(&p, &done));
    assert_false(an_pieces_now(&p, &done)); /* nothing new */
    assert_true(row(&p, 4000, "P-2", NAN, version, &done));
    assert_string_equal(done.line, "press");
    assert_string_equal(done.part, "P-1");
    assert_int_equal(done.from_ms, 1000);
    assert_int_equal(done.to_ms, 3000);
    assert_float_equal(done.peak, 1.5, 0);
    assert_float_equal(done.level, 3, 0);
    assert_memory_equal(done.version, version, sizeof version);
    assert_true(row(&p, 5000, "", 1, version, &done));
    assert_true(isnan(done.peak) && isnan(done.level));
}

static void without_parts_a_minute_is_a_piece_and_another_version_begins_one(void **state)
{
    (void)state;
    an_pieces p;
    an_piece done;
    an_pieces_init(&p, "pump", 1, 1, false);
    assert_false(row(&p, 60001, NULL, 1, version, &done));
    assert_false(row(&p, 119999, NULL, 2, version, &done));
    assert_true(row(&p, 120000, NULL, 3, version, &done));
    assert_int_equal(done.from_ms, 60000);
    assert_int_equal(done.to_ms, 119999);
    assert_true(row(&p, 130000, NULL, 4, other, &done));
    assert_float_equal(done.level, 3, 0);
    assert_false(row(&p, 140000, NULL, 5, other, &done));
    assert_true(row(&p, 100, NULL, 5, other, &done)); /* a clock that was set back */
    assert_int_equal(done.from_ms, 130000);
    assert_memory_equal(done.version, other, sizeof other);
}

static void scores_of_the_part_before_count_only_where_alarms_go_on(void **state)
{
    (void)state;
    for (int apart = 0; apart < 2; apart++) {
        an_pieces p;
        an_piece done;
        an_pieces_init(&p, "camera", 2, 2, apart);
        an_piece_row r = {
            .part = "P-1", .scored = true, .restart = true, .raw = 3, .version = version, .overlay = overlay};
        assert_false(an_pieces_row(&p, &r, &done));
        r.part = "P-2";
        r.time_ms = 1;
        assert_true(an_pieces_row(&p, &r, &done));
        assert_true(an_pieces_now(&p, &done));
        assert_true(apart ? isnan(done.level) : done.level == 3);
        r.time_ms = 2; /* another image of the same part */
        assert_false(an_pieces_row(&p, &r, &done));
        assert_true(an_pieces_now(&p, &done));
        assert_float_equal(done.level, 3, 0);
    }
}

/* Random scores: of thresholds on a grid the alarm is raised with those below the level, and with no other. */
static void the_level_is_what_the_machine_of_alarms_does(void **state)
{
    (void)state;
    enum { ROWS = 60, K = 2, N = 4 };
    an_rng rng;
    an_rng_init(&rng, 5, 1);
    for (int trial = 0; trial < 200; trial++) {
        double raw[ROWS];
        an_pieces p;
        an_piece done;
        an_pieces_init(&p, "pump", K, N, false);
        for (int i = 0; i < ROWS; i++) {
            raw[i] = (double)an_rng_below(&rng, 1000) / 100;
            assert_false(row(&p, 1000 + i, "one", raw[i], version, &done));
        }
        assert_true(an_pieces_now(&p, &done));
        for (double threshold = 0.005; threshold < 10; threshold += 0.1) {
            const an_alarm_conf conf = {.k = K, .n = N, .clear_level = 1};
            an_alarm *alarm = NULL;
            an_alarm_event e;
            bool raised = false;
            assert_int_equal(an_alarm_new(&conf, 1, &alarm), AN_OK);
            for (int i = 0; i < ROWS; i++)
                raised =
                    (an_alarm_step(alarm, i, raw[i] / threshold, NULL, &e) && e.kind == AN_ALARM_RAISED) ||
                    raised;
            an_alarm_free(alarm);
            assert_int_equal(raised, done.level > threshold);
        }
    }
}

static void stretches_of_time_are_found_as_by_looking_at_all(void **state)
{
    (void)state;
    an_rng rng;
    an_rng_init(&rng, 7, 1);
    for (int trial = 0; trial < 100; trial++) {
        an_spans s = {.n = 0};
        int64_t from[50], to[50];
        const size_t n = (size_t)an_rng_below(&rng, 51);
        for (size_t i = 0; i < n; i++) {
            from[i] = (int64_t)an_rng_below(&rng, 100);
            to[i] = from[i] + (int64_t)an_rng_below(&rng, trial % 2 ? 5 : 60);
            assert_true(an_spans_add(&s, from[i], to[i], i));
        }
        an_spans_sort(&s);
        for (int64_t a = -2; a < 120; a += 3) {
            const int64_t b = a + (int64_t)an_rng_below(&rng, 10);
            bool found[50] = {false};
            size_t of;
            for (size_t at = s.n; an_spans_before(&s, &at, a, b, &of);) {
                assert_false(found[of]);
                found[of] = true;
            }
            for (size_t i = 0; i < n; i++)
                assert_int_equal(found[i], from[i] <= b && to[i] >= a);
        }
        an_spans_done(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_pieces_with_their_times_and_highest_scores),
        cmocka_unit_test(without_parts_a_minute_is_a_piece_and_another_version_begins_one),
        cmocka_unit_test(scores_of_the_part_before_count_only_where_alarms_go_on),
        cmocka_unit_test(the_level_is_what_the_machine_of_alarms_does),
        cmocka_unit_test(stretches_of_time_are_found_as_by_looking_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
