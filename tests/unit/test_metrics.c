/* Figures against labels and counts in bins, on values worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models/histogram.h"
#include "models/metrics.h"

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-12;
}

static void auroc_is_the_chance_of_the_right_order_with_ties_half(void **state)
{
    (void)state;
    static const struct {
        float s[6];
        uint8_t y[6];
        double want;
    } cases[] = {{{1, 2, 3, 4, 5, 6}, {0, 0, 0, 1, 1, 1}, 1.0},
                 {{6, 5, 4, 3, 2, 1}, {0, 0, 0, 1, 1, 1}, 0.0},
                 {{1, 1, 1, 1, 1, 1}, {0, 1, 0, 1, 0, 1}, 0.5},
                 {{1, 2, 2, 3, 3, 3}, {0, 0, 1, 1, 0, 1}, 6.5 / 9.0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double got;
        an_err err = an_auroc(cases[i].s, cases[i].y, 6, &got);
        assert_int_equal(err, AN_OK);
        assert_true(near(got, cases[i].want));
    }
}

static void auroc_equals_the_count_of_pairs_on_random_scores(void **state)
{
    (void)state;
    enum { N = 300 };
    an_rng rng;
    an_rng_init(&rng, 5, 0);
    float s[N];
    uint8_t y[N];
    for (size_t i = 0; i < N; i++) {
        s[i] = (float)an_rng_below(&rng, 40);
        y[i] = (uint8_t)(an_rng_below(&rng, 4) == 0);
    }
    double wins = 0, pairs = 0, got;
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
            if (y[i] && !y[j]) {
                pairs += 1;
                wins += s[i] > s[j] ? 1.0 : s[i] == s[j] ? 0.5 : 0.0;
            }
    an_err err = an_auroc(s, y, N, &got);
    assert_int_equal(err, AN_OK);
    assert_true(near(got, wins / pairs));
}

static void a_figure_that_is_not_defined_is_nan_and_a_nan_score_is_an_error(void **state)
{
    (void)state;
    const float s[] = {1, 2}, bad[] = {1, NAN};
    const uint8_t y[] = {0, 0}, mixed[] = {0, 1};
    double got, at;
    an_err err = an_auroc(s, y, 2, &got);
    assert_int_equal(err, AN_OK);
    assert_true(isnan(got));
    err = an_auroc(bad, mixed, 2, &got);
    assert_int_equal(err, AN_ERR_NUMERIC);
    err = an_best_f1(bad, mixed, 2, &got, &at);
    assert_int_equal(err, AN_ERR_NUMERIC);
    an_confusion c = an_confusion_at(s, y, 2, 1.5);
    assert_true(isnan(an_rates_of(&c).mar) && near(an_rates_of(&c).far, 0.5));
}

static void rates_follow_from_the_four_counts(void **state)
{
    (void)state;
    const float s[] = {1, 2, 3, 4, 5, 6, 7, 8};
    const uint8_t y[] = {0, 0, 1, 0, 1, 0, 1, 1};
    an_confusion c = an_confusion_at(s, y, 8, 4.0);
    assert_true(c.tp == 3 && c.fp == 1 && c.tn == 3 && c.fn == 1);
    an_rates r = an_rates_of(&c);
    assert_true(near(r.precision, 0.75) && near(r.recall, 0.75) && near(r.f1, 0.75) && near(r.far, 0.25) &&
                near(r.mar, 0.25));
}

static void the_best_f1_is_that_of_its_own_threshold_and_none_is_better(void **state)
{
    (void)state;
    enum { N = 200 };
    an_rng rng;
    an_rng_init(&rng, 9, 0);
    float s[N];
    uint8_t y[N];
    for (size_t i = 0; i < N; i++) {
        y[i] = (uint8_t)(an_rng_below(&rng, 5) == 0);
        s[i] = (float)an_rng_below(&rng, 50) + (y[i] ? 15.0f : 0.0f);
    }
    double best, at;
    an_err err = an_best_f1(s, y, N, &best, &at);
    assert_int_equal(err, AN_OK);
    an_confusion c = an_confusion_at(s, y, N, at);
    assert_true(near(an_rates_of(&c).f1, best));
    for (int t = -1; t < 70; t++) {
        c = an_confusion_at(s, y, N, t);
        assert_true(an_rates_of(&c).f1 <= best + 1e-12);
    }
    const float same[] = {3, 3};
    const uint8_t both[] = {1, 1};
    err = an_best_f1(same, both, 2, &best, &at);
    assert_int_equal(err, AN_OK);
    assert_true(near(best, 1.0) && at < 3.0);
}

static void delays_are_counted_from_the_begin_of_each_segment(void **state)
{
    (void)state;
    const uint8_t y[] = {0, 1, 1, 1, 0, 1, 1, 0, 1};
    const uint8_t a[] = {1, 0, 0, 1, 1, 1, 1, 0, 0};
    an_delays d = an_delays_of(a, y, 9);
    assert_int_equal(d.n_segments, 3);
    assert_int_equal(d.n_detected, 2);
    assert_true(near(d.mean_delay, 1.0) && near(d.worst_delay, 2.0));
    assert_int_equal(an_alarm_runs(a, 9), 2);
    d = an_delays_of(a, y, 1);
    assert_true(d.n_segments == 0 && isnan(d.mean_delay));
}

static void quantile_bins_hold_equal_shares_and_every_value_but_nan(void **state)
{
    (void)state;
    float x[1000];
    for (size_t i = 0; i < 1000; i++)
        x[i] = (float)((i * 7919) % 1000);
    float edges[9];
    an_err err = an_hist_edges(edges, 10, x, 1000, 1, 0);
    assert_int_equal(err, AN_OK);
    uint64_t counts[10] = {0};
    an_hist_count(counts, edges, 9, x, 1000, 1, 0);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(counts[i], 100);
    const float extremes[] = {-INFINITY, INFINITY, NAN, 100.0f};
    uint64_t more[10] = {0};
    an_hist_count(more, edges, 9, extremes, 4, 1, 0);
    assert_true(more[0] == 1 && more[9] == 1 && more[1] == 1);
    assert_true(an_hist_bin(edges, 9, NAN) == SIZE_MAX);
}

static void edges_of_nothing_and_of_ties_are_valid(void **state)
{
    (void)state;
    const float none[] = {NAN, NAN}, same[] = {4, 4};
    float edges[3];
    an_err err = an_hist_edges(edges, 4, none, 2, 1, 0);
    assert_int_equal(err, AN_OK);
    assert_true(edges[0] == 0.0f && edges[2] == 0.0f);
    err = an_hist_edges(edges, 4, same, 2, 1, 0);
    assert_int_equal(err, AN_OK);
    assert_true(edges[0] == 4.0f && an_hist_bin(edges, 3, 4.0f) == 3 && an_hist_bin(edges, 3, 3.9f) == 0);
    err = an_hist_edges(edges, 1, same, 2, 1, 0);
    assert_int_equal(err, AN_ERR_INVAL);
    an_mem_fail_after(0);
    err = an_hist_edges(edges, 4, same, 2, 1, 0);
    an_mem_fail_never();
    assert_int_equal(err, AN_ERR_NOMEM);
}

static void running_out_of_memory_is_said(void **state)
{
    (void)state;
    const float s[] = {1, 2};
    const uint8_t y[] = {0, 1};
    double a, b;
    an_mem_fail_after(0);
    an_err first = an_auroc(s, y, 2, &a);
    an_err second = an_best_f1(s, y, 2, &a, &b);
    an_mem_fail_never();
    assert_int_equal(first, AN_ERR_NOMEM);
    assert_int_equal(second, AN_ERR_NOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auroc_is_the_chance_of_the_right_order_with_ties_half),
        cmocka_unit_test(auroc_equals_the_count_of_pairs_on_random_scores),
        cmocka_unit_test(a_figure_that_is_not_defined_is_nan_and_a_nan_score_is_an_error),
        cmocka_unit_test(rates_follow_from_the_four_counts),
        cmocka_unit_test(the_best_f1_is_that_of_its_own_threshold_and_none_is_better),
        cmocka_unit_test(delays_are_counted_from_the_begin_of_each_segment),
        cmocka_unit_test(quantile_bins_hold_equal_shares_and_every_value_but_nan),
        cmocka_unit_test(edges_of_nothing_and_of_ties_are_valid),
        cmocka_unit_test(running_out_of_memory_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
