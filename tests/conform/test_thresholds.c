/* What every threshold policy must do, and the promises that single ones make. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models/threshold.h"
#include "models/threshold_stream.h"

enum { N = 5000 };

static float scores[N];

static void fill_exponential(uint64_t seed, double scale)
{
    an_rng rng;
    an_rng_init(&rng, seed, 0);
    for (size_t i = 0; i < N; i++)
        scores[i] = (float)(-log(1.0 - an_rng_unit(&rng)) * scale);
}

static double must(const char *policy, size_t n)
{
    double t = (double)NAN;
    an_note why = {0};
    an_err err = an_threshold_from(policy, scores, n, &t, &why);
    if (err != AN_OK)
        print_message("%s: %s\n", policy, why.text);
    assert_int_equal(err, AN_OK);
    return t;
}

static void lies_in_the_upper_part_of_normal_scores(void **state)
{
    const an_threshold_type *type = *state;
    fill_exponential(3, 1.0);
    double t = must(type->name, N);
    size_t above = 0;
    for (size_t i = 0; i < N; i++)
        above += (double)scores[i] > t;
    assert_true(above <= N / 20);
    assert_true(t < 100.0);
}

static void scales_with_the_scores(void **state)
{
    const an_threshold_type *type = *state;
    fill_exponential(4, 1.0);
    double t = must(type->name, N);
    fill_exponential(4, 1024.0);
    assert_true(fabs(must(type->name, N) / (1024.0 * t) - 1.0) < 1e-4);
}

static void does_not_depend_on_the_order_of_scores(void **state)
{
    const an_threshold_type *type = *state;
    fill_exponential(5, 1.0);
    double t = must(type->name, N);
    for (size_t i = 0; i < N / 2; i++) {
        float swap = scores[i];
        scores[i] = scores[N - 1 - i];
        scores[N - 1 - i] = swap;
    }
    assert_true(must(type->name, N) == t);
}

static void multiplies_by_its_factor(void **state)
{
    const an_threshold_type *type = *state;
    char text[AN_THRESHOLD_TEXT];
    fill_exponential(6, 1.0);
    snprintf(text, sizeof text, "%s*2", type->name);
    assert_true(must(text, N) == 2.0 * must(type->name, N));
}

static void bears_ties_and_single_scores_or_says_why_not(void **state)
{
    const an_threshold_type *type = *state;
    for (size_t i = 0; i < N; i++)
        scores[i] = 2.0f;
    assert_true(fabs(must(type->name, N) - 2.0) < 1e-6);
    double t;
    an_note why = {0};
    an_err err = an_threshold_from(type->name, scores, 1, &t, &why);
    assert_true(err == AN_OK || (err == AN_ERR_INVAL && why.text[0]));
    err = an_threshold_from(type->name, scores, 0, &t, &why);
    assert_int_equal(err, AN_ERR_INVAL);
}

static void refuses_scores_that_are_not_finite_and_survives_no_memory(void **state)
{
    const an_threshold_type *type = *state;
    fill_exponential(7, 1.0);
    double t = 42.0;
    an_mem_fail_after(0);
    an_err err = an_threshold_from(type->name, scores, N, &t, NULL);
    an_mem_fail_never();
    assert_int_equal(err, AN_ERR_NOMEM);
    scores[N / 2] = INFINITY;
    err = an_threshold_from(type->name, scores, N, &t, NULL);
    assert_int_equal(err, AN_ERR_NUMERIC);
    assert_true(t == 42.0);
}

static void quantile_interpolates(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++)
        scores[i] = (float)i;
    assert_true(fabs(must("quantile:0.9", 5) - 3.6) < 1e-12);
    assert_true(fabs(must("quantile:0.5*1.5", 5) - 3.0) < 1e-12);
}

static void target_far_takes_the_conformal_rank_and_refuses_too_few(void **state)
{
    (void)state;
    for (size_t i = 0; i < 99; i++)
        scores[i] = (float)(i + 1);
    assert_true(must("target_far:0.01", 99) == 99.0); /* ceil(100 * 0.99) */
    assert_true(must("target_far:0.1", 99) == 90.0);
    double t;
    an_note why;
    an_err err = an_threshold_from("target_far:0.01", scores, 98, &t, &why);
    assert_int_equal(err, AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "99"));
}

static void target_far_keeps_its_promise_on_fresh_scores(void **state)
{
    (void)state;
    an_rng rng;
    an_rng_init(&rng, 77, 1);
    double above = 0, all = 0;
    for (uint64_t trial = 0; trial < 200; trial++) {
        fill_exponential(100 + trial, 1.0);
        double t = must("target_far:0.05", 200);
        for (int i = 0; i < 500; i++, all++)
            above += -log(1.0 - an_rng_unit(&rng)) > t;
    }
    assert_true(above / all < 0.054 && above / all > 0.044);
}

static void pot_finds_levels_beyond_the_data_on_known_tails(void **state)
{
    (void)state;
    double light = 0, heavy = 0, bounded = 0;
    for (uint64_t trial = 0; trial < 20; trial++) {
        fill_exponential(300 + trial, 1.0); /* gamma 0: P(X > x) = exp(-x), z = ln 1e4 = 9.21 */
        light += must("pot:0.0001", N) / 20.0;
        for (size_t i = 0; i < N; i++) /* gamma 0.25: X = 4 (e^(E/4) - 1), z = 4 (10 - 1) = 36 */
            scores[i] = 4.0f * (expf(scores[i] / 4.0f) - 1.0f);
        heavy += must("pot:0.0001", N) / 20.0;
        fill_exponential(300 + trial, 1.0);
        for (size_t i = 0; i < N; i++) /* gamma -0.5: X = 2 (1 - e^(-E/2)), z = 2 (1 - 0.01) = 1.98 */
            scores[i] = 2.0f * (1.0f - expf(-scores[i] / 2.0f));
        bounded += must("pot:0.0001", N) / 20.0;
    }
    print_message("pot: %.2f of 9.21, %.2f of 36, %.3f of 1.98\n", light, heavy, bounded);
    assert_true(fabs(light / 9.21 - 1.0) < 0.15);
    assert_true(fabs(heavy / 36.0 - 1.0) < 0.35);
    assert_true(fabs(bounded / 1.98 - 1.0) < 0.02);
}

static void pot_falls_back_to_the_quantile_when_excesses_are_few(void **state)
{
    (void)state;
    for (size_t i = 0; i < 200; i++)
        scores[i] = (float)i;
    double t = must("pot:0.01", 200);
    assert_true(t == 197.0);
}

/* ---- at a line ---- */

/* Runs of `run` like scores, so that neighbours depend on each other. */
static void fill_runs(uint64_t seed, size_t run)
{
    an_rng rng;
    an_rng_init(&rng, seed, 2);
    double now = 0;
    for (size_t i = 0; i < N; i++) {
        if (i % run == 0)
            now = -log(1.0 - an_rng_unit(&rng));
        scores[i] = (float)(now + 1e-3 * an_rng_unit(&rng));
    }
}

/* Alarms as alarm.c makes them: k of n, none for `apart` after one. */
static size_t alarms_of(double t, const an_threshold_line *line)
{
    size_t n = 0, last = 0;
    bool open = false;
    for (size_t i = line->n; i < N; i++) {
        unsigned over = 0;
        for (size_t j = i + 1 - line->n; j <= i; j++)
            over += (double)scores[j] > t;
        if (!open && over >= line->k && (n == 0 || i - last > line->apart)) {
            open = true;
            n++;
        }
        if (open && over == 0) {
            open = false;
            last = i;
        }
    }
    return n;
}

static void a_budget_counts_alarms_and_not_scores(void **state)
{
    (void)state;
    const an_threshold_line line = {.per_hour = 100, .k = 3, .n = 5, .apart = 10, .step = 1};
    double alone = 0, mean = 0, next = 0;
    for (uint64_t trial = 0; trial < 40; trial++) {
        double t, flat;
        fill_runs(500 + trial, 6);
        assert_int_equal(an_threshold_from_line("budget:4,5", scores, N, &line, &t, NULL), AN_OK);
        assert_int_equal(an_threshold_from_line("budget:4,5", scores, N, NULL, &flat, NULL), AN_OK);
        alone += (double)alarms_of(flat, &line) / 40;
        mean += (double)alarms_of(t, &line) / 40;
        fill_runs(9500 + trial, 6);
        next += (double)alarms_of(t, &line) / 40;
    }
    print_message("of 40 alarms: %.1f where it was set, %.1f in the next 50 hours\n", mean, next);
    assert_true(mean <= 40 && mean > 34);
    assert_true(next < 42 && next > 34);
    assert_true(alone != mean);
}

static void a_budget_of_more_hours_than_there_are_is_extrapolated(void **state)
{
    (void)state;
    const an_threshold_line line = {.per_hour = 3600, .k = 1, .n = 1, .step = 1};
    double next = 0, t = 0, most = 0;
    for (uint64_t trial = 0; trial < 60; trial++) { /* 1.39 hours of scores, an alarm in 8 hours */
        fill_exponential(700 + trial, 1.0);
        assert_int_equal(an_threshold_from_line("budget:1,8", scores, N, &line, &t, NULL), AN_OK);
        next += exp(-t) * 3600 * 8 / 60; /* scores above it in 8 hours */
        most = fmax(most, t);
    }
    print_message("an alarm in 8 hours from 1.4 hours: %.2f\n", next);
    assert_true(next > 0.5 && next < 3.0 && most < 40);
    an_note why = {0};
    an_err err = an_threshold_from_line("budget:1,8", scores, 40, &line, &t, &why);
    assert_int_equal(err, AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "peaks"));
}

/* n scores of an exponential law times `level` to a stream; returns the share above its threshold. */
static double run_stream(an_threshold_stream *s, an_rng *rng, double level, size_t n)
{
    size_t over = 0;
    for (size_t i = 0; i < n; i++) {
        const double x = level * -log(1.0 - an_rng_unit(rng));
        over += x > an_threshold_stream_at(s);
        an_threshold_stream_step(s, x);
    }
    return (double)over / (double)n;
}

static an_threshold_stream *stream_of(const char *policy, double calibrated)
{
    an_threshold_stream *s = NULL;
    an_note why = {0};
    if (an_threshold_stream_new(policy, calibrated, &s, &why) != AN_OK)
        fail_msg("%s", why.text);
    return s;
}

static void a_policy_that_moves_finds_its_rate_and_stays_within_bounds(void **state)
{
    const an_threshold_type *type = *state;
    char policy[AN_THRESHOLD_TEXT];
    an_rng rng;
    if (!type->moves)
        return;
    snprintf(policy, sizeof policy, "%s:0.01", type->name);
    an_rng_init(&rng, 31, 0);
    an_threshold_stream *s = stream_of(policy, 4.0); /* 1.8 % would be above it */
    (void)run_stream(s, &rng, 1.0, 4000);
    const double found = run_stream(s, &rng, 1.0, 20000);
    print_message("%s: asked 1 %%, got %.2f %%\n", policy, 100 * found);
    assert_true(found > 0.006 && found < 0.014);
    (void)run_stream(s, &rng, 1.4, 20000);
    assert_true(an_threshold_stream_at(s) > 5.0); /* it follows */
    (void)run_stream(s, &rng, 100.0, 5000);
    assert_true(an_threshold_stream_at(s) <= 4.0 * AN_THRESHOLD_MOVE_MAX + 1e-9);
    (void)run_stream(s, &rng, 0.001, 50000);
    assert_true(an_threshold_stream_at(s) >= 4.0 / AN_THRESHOLD_MOVE_MAX - 1e-9);
    const double before = an_threshold_stream_at(s);
    an_threshold_stream_step(s, NAN);
    an_threshold_stream_step(s, -1.0);
    assert_true(an_threshold_stream_at(s) == before);
    assert_true(an_threshold_stream_calibrated(s) == 4.0);
    an_threshold_stream_free(s);
}

static void a_policy_that_moves_goes_on_after_a_restart(void **state)
{
    const an_threshold_type *type = *state;
    an_rng rng;
    if (!type->moves)
        return;
    an_rng_init(&rng, 32, 0);
    an_threshold_stream *s = stream_of(type->name, 9.0), *again = stream_of(type->name, 9.0);
    an_threshold_stream *other = stream_of(type->name, 8.0);
    (void)run_stream(s, &rng, 1.2, 3000);
    an_buf saved;
    an_buf_init(&saved, 1 << 20);
    an_threshold_stream_save(s, &saved);
    an_reader in = an_reader_of(saved.data, saved.len);
    assert_int_equal(an_threshold_stream_restore(again, &in), AN_OK);
    assert_int_equal(in.left, 0);
    for (size_t i = 0; i < 3000; i++) {
        const double x = -log(1.0 - an_rng_unit(&rng));
        assert_true(an_threshold_stream_at(s) == an_threshold_stream_at(again));
        an_threshold_stream_step(s, x);
        an_threshold_stream_step(again, x);
    }
    in = an_reader_of(saved.data, saved.len);
    assert_int_equal(an_threshold_stream_restore(other, &in), AN_ERR_PROTO); /* of another calibration */
    for (size_t i = 4; i < saved.len && i < 300; i++) { /* damaged: refused, or a state that does no harm */
        saved.data[i] ^= 0xff;
        in = an_reader_of(saved.data, saved.len);
        if (an_threshold_stream_restore(again, &in) == AN_OK)
            (void)run_stream(again, &rng, 1.0, 50);
        saved.data[i] ^= 0xff;
        in = an_reader_of(saved.data, i);
        assert_int_equal(an_threshold_stream_restore(again, &in), AN_ERR_PROTO);
    }
    an_buf_done(&saved);
    an_threshold_stream_free(s);
    an_threshold_stream_free(again);
    an_threshold_stream_free(other);
}

static void a_move_is_news_once(void **state)
{
    (void)state;
    an_threshold_stream *s = stream_of("adaptive:0.01,0.03*2", 2.0), *none = stream_of("adaptive", 1.0);
    double before, now;
    an_threshold_stream_free(none);
    assert_int_equal(an_threshold_stream_new("quantile", 1.0, &none, NULL), AN_OK);
    assert_null(none);
    assert_int_equal(an_threshold_stream_new("adaptive", 0.0, &none, NULL), AN_ERR_INVAL);
    assert_false(an_threshold_stream_news(s, &before, &now));
    an_threshold_stream_step(s, 9.0);
    assert_false(an_threshold_stream_news(s, &before, &now)); /* less than 5 % */
    an_threshold_stream_step(s, 9.0);
    assert_true(an_threshold_stream_news(s, &before, &now));
    assert_true(before == 2.0 && now > 2.1 && now == an_threshold_stream_at(s));
    assert_false(an_threshold_stream_news(s, &before, &now));
    an_threshold_stream_free(s);
}

static void a_text_that_is_no_policy_is_refused_with_a_reason(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "mean",
        "quantile:",
        "quantile:2",
        "quantile:0",
        "quantile:0.9,0.1",
        "quantile:0.9*",
        "quantile:0.9*0",
        "quantile:0.9*-1",
        "quantile:nan",
        "quantile:0x1",
        "quantile:0.9 ",
        " quantile",
        "quantile*2*3",
        "pot:0.1,",
        "sigma:1e999",
        "quantile:0.99999999999999999999999999999999999999999999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        an_note why = {0};
        an_err err = an_threshold_check(bad[i], &why);
        assert_int_equal(err, AN_ERR_INVAL);
        assert_true(why.text[0]);
    }
    static const char *const good[] = {"quantile", "quantile:0.999*1.33", "target_far:0.01", "pot:1e-4,.98",
                                       "sigma*2"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        an_err err = an_threshold_check(good[i], NULL);
        assert_int_equal(err, AN_OK);
    }
}

int main(void)
{
    int failed = 0;
    for (size_t i = 0; an_threshold_at(i); i++) {
        void *type = (void *)(uintptr_t)an_threshold_at(i);
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate(lies_in_the_upper_part_of_normal_scores, type),
            cmocka_unit_test_prestate(scales_with_the_scores, type),
            cmocka_unit_test_prestate(does_not_depend_on_the_order_of_scores, type),
            cmocka_unit_test_prestate(multiplies_by_its_factor, type),
            cmocka_unit_test_prestate(bears_ties_and_single_scores_or_says_why_not, type),
            cmocka_unit_test_prestate(refuses_scores_that_are_not_finite_and_survives_no_memory, type),
            cmocka_unit_test_prestate(a_policy_that_moves_finds_its_rate_and_stays_within_bounds, type),
            cmocka_unit_test_prestate(a_policy_that_moves_goes_on_after_a_restart, type),
        };
        failed += cmocka_run_group_tests_name(an_threshold_at(i)->name, tests, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantile_interpolates),
        cmocka_unit_test(target_far_takes_the_conformal_rank_and_refuses_too_few),
        cmocka_unit_test(target_far_keeps_its_promise_on_fresh_scores),
        cmocka_unit_test(pot_finds_levels_beyond_the_data_on_known_tails),
        cmocka_unit_test(pot_falls_back_to_the_quantile_when_excesses_are_few),
        cmocka_unit_test(a_budget_counts_alarms_and_not_scores),
        cmocka_unit_test(a_budget_of_more_hours_than_there_are_is_extrapolated),
        cmocka_unit_test(a_move_is_news_once),
        cmocka_unit_test(a_text_that_is_no_policy_is_refused_with_a_reason),
    };
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
