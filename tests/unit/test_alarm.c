/* Alarms: persistence, hysteresis, shortest length, cool-down, who caused it, restart. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/alarm.h"
#include "base/mem.h"

#define W 4

static const an_alarm_conf usual = {
    .k = 3, .n = 5, .clear_level = 0.8, .min_open_ms = 10000, .cooldown_ms = 20000, .update_ms = 5000};

static an_alarm *make(const an_alarm_conf *conf)
{
    an_alarm *a = NULL;
    an_err err = an_alarm_new(conf, W, &a);
    assert_int_equal(err, AN_OK);
    return a;
}

/* One second per score; returns 'R', 'U', 'C' or '.' for each. */
static void play(an_alarm *a, int64_t *now, const double *scores, size_t n, char *ret,
                 an_alarm_event *ret_last)
{
    const float contribution[W] = {1, 6, 3, 0};
    for (size_t i = 0; i < n; i++, *now += 1000) {
        an_alarm_event e;
        bool some = an_alarm_step(a, *now, scores[i], contribution, &e);
        ret[i] = some ? "RUC"[e.kind] : '.';
        if (some)
            *ret_last = e;
    }
    ret[n] = '\0';
}

static void two_high_scores_are_not_an_alarm_but_three_of_five_are(void **state)
{
    (void)state;
    an_alarm *a = make(&usual);
    an_alarm_event e;
    char seen[32];
    int64_t now = 1000;
    const double scores[] = {0.2, 1.5, 0.3, 1.2, 0.4, 0.1, 0.1, 0.1, 1.1, 0.9, 1.3, 2.5};
    play(a, &now, scores, 12, seen, &e);
    assert_string_equal(seen, "...........R");
    assert_int_equal(e.id, 1);
    assert_int_equal(e.since_ms, 9000);
    assert_int_equal(e.time_ms, 12000);
    assert_true(e.peak == 2.5);
    assert_int_equal(e.scores, 3);
    an_alarm_free(a);
}

static void an_alarm_stays_open_between_the_two_levels_and_for_its_shortest_time(void **state)
{
    (void)state;
    an_alarm_conf conf = usual;
    conf.update_ms = 0;
    an_alarm *a = make(&conf);
    an_alarm_event e;
    char seen[64];
    int64_t now = 0;
    double scores[30];
    for (size_t i = 0; i < 30; i++)
        scores[i] = i < 3 ? 2 : i < 15 ? 0.9 : 0.5; /* 0.9 is below the threshold, above the clear level */
    play(a, &now, scores, 30, seen, &e);
    assert_string_equal(seen, "..R................C..........");
    now = 0;
    an_alarm_free(a);
    a = make(&conf);
    for (size_t i = 0; i < 30; i++)
        scores[i] = i < 3 ? 2 : 0.1;
    play(a, &now, scores, 30, seen, &e);
    assert_string_equal(seen, "..R.......C...................");
    assert_int_equal(e.since_ms, 0);
    an_alarm_free(a);
}

static void after_a_clear_it_keeps_still_for_the_cool_down(void **state)
{
    (void)state;
    an_alarm_conf conf = usual;
    conf.update_ms = 0;
    conf.min_open_ms = 0;
    an_alarm *a = make(&conf);
    an_alarm_event e;
    char seen[64];
    int64_t now = 0;
    double scores[40];
    for (size_t i = 0; i < 40; i++)
        scores[i] = (i >= 3 && i < 10) ? 0.1 : 3;
    play(a, &now, scores, 40, seen, &e);
    assert_string_equal(seen, "..R....C...................R............");
    assert_int_equal(e.id, 2);
    an_alarm_free(a);
}

static void an_open_alarm_is_reported_again_with_its_peak(void **state)
{
    (void)state;
    an_alarm *a = make(&usual);
    an_alarm_event e;
    char seen[32];
    int64_t now = 0;
    const double scores[] = {2, 2, 2, 2, 9, 2, 2, 2, 2, 2, 2, 2, 2};
    play(a, &now, scores, 13, seen, &e);
    assert_string_equal(seen, "..R....U....U");
    assert_true(e.peak == 9);
    assert_int_equal(e.peak_ms, 4000);
    an_alarm_free(a);
}

static void the_strongest_contributors_come_first_and_sum_to_one(void **state)
{
    (void)state;
    an_alarm *a = make(&usual);
    an_alarm_event e;
    char seen[8];
    int64_t now = 0;
    const double scores[] = {2, 2, 2};
    play(a, &now, scores, 3, seen, &e);
    assert_int_equal(e.n_top, 3);
    assert_int_equal(e.top[0].sensor, 1);
    assert_int_equal(e.top[1].sensor, 2);
    assert_int_equal(e.top[2].sensor, 0);
    assert_true(fabs(e.top[0].share - 0.6) < 1e-6);
    assert_true(fabs(e.top[0].share + e.top[1].share + e.top[2].share - 1) < 1e-6);
    an_alarm_free(a);
}

static void a_score_that_is_no_number_changes_nothing(void **state)
{
    (void)state;
    an_alarm *a = make(&usual);
    an_alarm_event e;
    char seen[16];
    int64_t now = 0;
    const double scores[] = {2, NAN, 2, INFINITY, -1, NAN, NAN, 2};
    play(a, &now, scores, 8, seen, &e);
    assert_string_equal(seen, ".......R");
    an_alarm_free(a);
}

static void a_swap_of_versions_keeps_the_alarm_and_names_the_version_that_raised_it(void **state)
{
    (void)state;
    an_alarm *a = make(&usual);
    an_alarm_event e;
    char seen[16];
    int64_t now = 0;
    uint8_t one[AN_ALARM_HASH] = {1}, two[AN_ALARM_HASH] = {2}, own[AN_ALARM_HASH] = {9};
    const double scores[] = {2, 2, 2};
    const double more[] = {2, 2, 2, 2, 2};
    an_alarm_version_set(a, one, own);
    play(a, &now, scores, 3, seen, &e);
    an_alarm_version_set(a, two, own);
    play(a, &now, more, 5, seen, &e);
    assert_string_equal(seen, "....U");
    assert_int_equal(e.id, 1);
    assert_int_equal(e.version[0], 1);
    assert_int_equal(e.overlay[0], 9);
    an_alarm_free(a);
}

static void it_is_suspect_from_the_first_high_score_on(void **state)
{
    (void)state;
    an_alarm *a = make(&usual);
    an_alarm_event e;
    an_alarm_step(a, 0, 0.5, NULL, &e);
    assert_false(an_alarm_is_suspect(a));
    an_alarm_step(a, 1, 1.0, NULL, &e);
    assert_true(an_alarm_is_suspect(a));
    assert_false(an_alarm_is_open(a));
    assert_int_equal(an_alarm_id(a), 1);
    an_alarm_free(a);
}

static void a_restart_goes_on_as_if_nothing_had_happened(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252u;
    double scores[200];
    for (size_t i = 0; i < 200; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        scores[i] = (double)(x % 1000) / 500.0 * ((i / 25) % 2 ? 1.5 : 0.4);
    }
    char all[256], part[256];
    an_alarm_event e = {0}, f = {0};
    int64_t now = 0;
    an_alarm *a = make(&usual), *b = make(&usual);
    play(a, &now, scores, 200, all, &e);
    assert_non_null(strchr(all, 'R'));
    assert_non_null(strchr(all, 'C'));
    an_alarm_free(a);
    a = make(&usual);
    now = 0;
    play(a, &now, scores, 90, part, &f);
    an_buf buf;
    an_buf_init(&buf, 4096);
    an_err err = an_alarm_save(a, &buf);
    assert_int_equal(err, AN_OK);
    an_reader in = an_reader_of(buf.data, buf.len);
    err = an_alarm_restore(b, &in);
    assert_int_equal(err, AN_OK);
    play(b, &now, scores + 90, 110, part + 90, &f);
    assert_string_equal(part, all);
    assert_memory_equal(&e, &f, sizeof e);
    for (size_t len = 0; len < buf.len; len++) { /* cut short anywhere: refused, state untouched */
        in = an_reader_of(buf.data, len);
        err = an_alarm_restore(b, &in);
        assert_int_equal(err, AN_ERR_PROTO);
    }
    an_buf_done(&buf);
    an_alarm_free(a);
    an_alarm_free(b);
}

static void a_clock_that_steps_back_does_not_keep_an_alarm_open(void **state)
{
    (void)state;
    an_alarm *a = make(&usual);
    an_alarm_event e;
    char seen[16];
    int64_t now = 3600000;
    const double high[] = {2, 2, 2}, low[] = {0.1, 0.1, 0.1, 0.1, 0.1};
    play(a, &now, high, 3, seen, &e);
    assert_string_equal(seen, "..R");
    now = 1000;
    play(a, &now, low, 5, seen, &e);
    assert_string_equal(seen, "....C");
    an_alarm_free(a);
}

static void a_row_from_the_future_keeps_no_alarm_away(void **state)
{
    (void)state;
    const int64_t day_ms = 86400000;
    an_alarm *a = NULL;
    an_alarm_event e;
    assert_int_equal(an_alarm_new(&usual, 1, &a), AN_OK);
    bool raised = false, cleared = false;
    for (int64_t i = 0; i < 5; i++)
        raised = an_alarm_step(a, i * 1000, 2, NULL, &e) || raised;
    assert_true(raised);
    for (int64_t i = 0; i < 40 && !cleared; i++) /* the device's clock is a day ahead while it clears */
        cleared = an_alarm_step(a, day_ms + i * 1000, 0.1, NULL, &e) && e.kind == AN_ALARM_CLEARED;
    assert_true(cleared);
    raised = false;
    for (int64_t i = 60; i < 70 && !raised; i++)
        raised = an_alarm_step(a, i * 1000, 2, NULL, &e) && e.kind == AN_ALARM_RAISED;
    assert_true(raised);
    an_alarm_free(a);
}

static void a_configuration_out_of_bounds_is_refused(void **state)
{
    (void)state;
    an_alarm *a = NULL;
    an_alarm_conf c = usual;
    c.k = 6;
    assert_int_equal(an_alarm_new(&c, W, &a), AN_ERR_INVAL);
    c = usual;
    c.n = AN_ALARM_PERSIST_MAX + 1;
    assert_int_equal(an_alarm_new(&c, W, &a), AN_ERR_INVAL);
    c = usual;
    c.clear_level = 1.5;
    assert_int_equal(an_alarm_new(&c, W, &a), AN_ERR_INVAL);
    assert_int_equal(an_alarm_new(&usual, 0, &a), AN_ERR_INVAL);
    assert_null(a);
}

static void running_out_of_memory_is_survived(void **state)
{
    (void)state;
    an_err err;
    size_t n = 0;
    do {
        an_alarm *a = NULL;
        an_mem_fail_after(n++);
        err = an_alarm_new(&usual, W, &a);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && !a));
        an_alarm_free(a);
    } while (err != AN_OK);
    assert_true(n > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_high_scores_are_not_an_alarm_but_three_of_five_are),
        cmocka_unit_test(an_alarm_stays_open_between_the_two_levels_and_for_its_shortest_time),
        cmocka_unit_test(after_a_clear_it_keeps_still_for_the_cool_down),
        cmocka_unit_test(an_open_alarm_is_reported_again_with_its_peak),
        cmocka_unit_test(the_strongest_contributors_come_first_and_sum_to_one),
        cmocka_unit_test(a_score_that_is_no_number_changes_nothing),
        cmocka_unit_test(a_swap_of_versions_keeps_the_alarm_and_names_the_version_that_raised_it),
        cmocka_unit_test(it_is_suspect_from_the_first_high_score_on),
        cmocka_unit_test(a_restart_goes_on_as_if_nothing_had_happened),
        cmocka_unit_test(a_clock_that_steps_back_does_not_keep_an_alarm_open),
        cmocka_unit_test(a_row_from_the_future_keeps_no_alarm_away),
        cmocka_unit_test(a_configuration_out_of_bounds_is_refused),
        cmocka_unit_test(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
