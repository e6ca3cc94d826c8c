/* Figures of alarms in time and of all thresholds, on values worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models/metrics.h"
#include "models/metrics_curve.h"
#include "models/metrics_range.h"

static const uint8_t labels[] = {0, 1, 1, 1, 0, 1, 1, 0, 1};
static const uint8_t alarms[] = {1, 0, 0, 1, 1, 1, 1, 0, 0};

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-12;
}

static void a_curve_goes_from_no_alarm_to_all_and_has_both_areas(void **state)
{
    (void)state;
    const float s[] = {1, 2, 3, 4};
    const uint8_t y[] = {0, 1, 0, 1};
    an_curve c = {0};
    an_err err = an_curve_make(s, y, 4, &c);
    assert_int_equal(err, AN_OK);
    assert_int_equal(c.n, 5);
    assert_true(isinf(c.points[0].threshold) && near(c.points[0].recall, 0) && near(c.points[0].far, 0));
    assert_true(near(c.points[3].recall, 1) && near(c.points[3].precision, 2.0 / 3) &&
                near(c.points[3].far, 0.5) && near(c.points[3].threshold, 2));
    assert_true(near(c.auroc, 0.75) && near(c.auprc, 0.5 + 0.5 * 2 / 3));
    an_curve_done(&c);
    const float same[] = {1, 1, 1, 1};
    err = an_curve_make(same, y, 4, &c);
    assert_int_equal(err, AN_OK);
    assert_true(c.n == 2 && near(c.auroc, 0.5) && near(c.auprc, 0.5));
    an_curve_done(&c);
}

static void the_area_of_the_curve_is_the_auroc_by_ranks(void **state)
{
    (void)state;
    enum { N = 500 };
    float s[N];
    uint8_t y[N];
    double want;
    an_rng rng;
    an_curve c = {0};
    an_rng_init(&rng, 3, 0);
    for (size_t i = 0; i < N; i++) {
        y[i] = an_rng_below(&rng, 4) == 0;
        s[i] = (float)an_rng_below(&rng, 30) + (y[i] ? 5.0f : 0.0f);
    }
    an_err err = an_auroc(s, y, N, &want);
    assert_int_equal(err, AN_OK);
    err = an_curve_make(s, y, N, &c);
    assert_int_equal(err, AN_OK);
    assert_true(near(c.auroc, want));
    an_curve_done(&c);
}

static void the_part_of_the_area_with_few_false_alarms_is_standardised(void **state)
{
    (void)state;
    const float s[4] = {0.9f, 0.8f, 0.7f, 0.6f}, same[4] = {1, 1, 1, 1};
    const uint8_t y[4] = {1, 0, 1, 0}, perfect[4] = {1, 1, 0, 0}, none[4] = {0};
    const struct {
        const float *scores;
        const uint8_t *labels;
        double max_far, want;
    } cases[] = {
        {s, y, 0.25, (1 + (0.125 - 0.03125) / (0.25 - 0.03125)) / 2}, /* recall 1/2 up to there */
        {s, y, 1, 0.75},
        {same, y, 0.1, 0.5},
        {s, perfect, 0.1, 1},
    };
    an_curve c = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_err err = an_curve_make(cases[i].scores, cases[i].labels, 4, &c);
        assert_int_equal(err, AN_OK);
        assert_float_equal(an_curve_pauroc(&c, cases[i].max_far), cases[i].want, 1e-12);
        an_curve_done(&c);
    }
    an_err err = an_curve_make(s, none, 4, &c);
    assert_int_equal(err, AN_OK);
    assert_true(isnan(an_curve_pauroc(&c, 0.1)));
    an_curve_done(&c);
}

static void what_a_curve_cannot_say_is_nan_and_a_nan_score_is_an_error(void **state)
{
    (void)state;
    const float s[] = {1, 2}, bad[] = {1, NAN};
    const uint8_t none[] = {0, 0}, all[] = {1, 1};
    an_curve c = {0};
    an_vus v;
    an_err err = an_curve_make(s, none, 2, &c);
    assert_int_equal(err, AN_OK);
    assert_true(isnan(c.auroc) && isnan(c.auprc));
    an_curve_done(&c);
    err = an_curve_make(s, all, 2, &c);
    assert_int_equal(err, AN_OK);
    assert_true(isnan(c.auroc) && near(c.auprc, 1));
    an_curve_done(&c);
    err = an_curve_make(bad, all, 2, &c);
    assert_int_equal(err, AN_ERR_NUMERIC);
    err = an_vus_of(bad, all, 2, 1, &v);
    assert_int_equal(err, AN_ERR_NUMERIC);
    err = an_vus_of(s, all, 2, 1, &v);
    assert_true(err == AN_OK && isnan(v.roc) && isnan(v.pr));
}

static void events_and_alarm_runs_are_counted_as_wholes(void **state)
{
    (void)state;
    an_event_figures e = an_events_of(alarms, labels, 9);
    assert_true(e.n_events == 3 && e.n_detected == 2 && e.n_runs == 2 && e.n_false_runs == 1);
    assert_true(near(e.recall, 2.0 / 3) && near(e.precision, 0.5) && near(e.f1, 4.0 / 7));
    const uint8_t quiet[9] = {0};
    e = an_events_of(quiet, labels, 9);
    assert_true(near(e.recall, 0) && isnan(e.precision) && near(e.f1, 0));
    e = an_events_of(alarms, quiet, 9);
    assert_true(isnan(e.recall) && near(e.precision, 0) && isnan(e.f1));
}

static void point_adjustment_goes_from_the_flattering_figure_to_the_plain_one(void **state)
{
    (void)state;
    assert_true(near(an_pa_f1(alarms, labels, 9, 0), 10.0 / 13));
    assert_true(near(an_pa_f1(alarms, labels, 9, 1), 6.0 / 11));
    /* A third of the first event is alarmed, so it counts whole for k up to 0.33. */
    assert_true(near(an_pa_area(alarms, labels, 9), (33.5 * 10 / 13 + 66.5 * 6 / 11) / 100));
    assert_true(isnan(an_pa_f1(alarms, labels, 1, 0)));
}

static void affiliation_is_the_chance_that_a_random_row_is_no_nearer(void **state)
{
    (void)state;
    const uint8_t y[] = {0, 0, 0, 0, 1, 1, 0, 0, 0, 0}, a[] = {0, 0, 1, 0, 0, 0, 0, 0, 0, 0};
    an_affiliation f;
    an_err err = an_affiliation_of(a, y, 10, &f);
    assert_int_equal(err, AN_OK);
    assert_true(near(f.precision, 0.6) && near(f.recall, 0.6) && near(f.f1, 0.6));
    err = an_affiliation_of(y, y, 10, &f);
    assert_int_equal(err, AN_OK);
    assert_true(near(f.precision, 1) && near(f.recall, 1));
    /* Two events, zones of 4 and 4 rows; only the second has an alarm. */
    const uint8_t two[] = {1, 0, 0, 0, 0, 0, 1, 0}, second[] = {0, 0, 0, 0, 0, 0, 1, 0};
    err = an_affiliation_of(second, two, 8, &f);
    assert_int_equal(err, AN_OK);
    assert_true(near(f.precision, 1) && near(f.recall, 0.5));
    const uint8_t quiet[10] = {0};
    err = an_affiliation_of(quiet, y, 10, &f);
    assert_true(err == AN_OK && isnan(f.precision) && near(f.recall, 0) && near(f.f1, 0));
}

static void the_nab_score_is_100_for_alarms_at_the_begin_and_0_for_none(void **state)
{
    (void)state;
    const uint8_t y[] = {0, 0, 0, 0, 1, 1, 1, 1, 0, 0}, quiet[10] = {0};
    const uint8_t early[] = {0, 0, 0, 0, 1, 0, 0, 0, 0, 0}, before[] = {1, 0, 0, 0, 0, 0, 0, 0, 0, 0},
                  after[] = {0, 0, 0, 0, 1, 0, 0, 0, 1, 0};
    assert_true(near(an_nab_score(early, y, 10, 0), 100));
    assert_true(near(an_nab_score(quiet, y, 10, 0), 0));
    assert_true(near(an_nab_score(before, y, 10, 0), -100 * 0.11 / 2));
    const double late = 2 / (1 + exp(5.0 / 3)) - 1; /* one of the three rows that the window spans */
    assert_true(near(an_nab_score(after, y, 10, 0), 100 + 100 * 0.11 * late / 2));
    /* With a window of 6 rows the row after the event is inside it: no false alarm. */
    assert_true(near(an_nab_score(after, y, 10, 6), 100));
    assert_true(isnan(an_nab_score(early, quiet, 10, 0)));
}

static void the_volume_fades_labels_by_the_square_root(void **state)
{
    (void)state;
    const uint8_t y[] = {0, 0, 1, 0};
    const float right[] = {1, 2, 4, 3}, wrong[] = {4, 3, 1, 2};
    an_vus v;
    an_err err = an_vus_of(right, y, 4, 0, &v);
    assert_int_equal(err, AN_OK);
    assert_true(near(v.roc, 1) && near(v.pr, 1));
    err = an_vus_of(wrong, y, 4, 2, &v); /* too narrow to reach a neighbour */
    assert_int_equal(err, AN_OK);
    assert_true(near(v.roc, 0) && near(v.pr, 0.25));
    /* Width 3: the neighbours count s = sqrt(2 / 3), so there are 1 + s positives and 3 - s negatives. */
    const double s = sqrt(2.0 / 3), p = 1 + s, n = 3 - s;
    const double roc = (1 / n) * (s / p) / 2 - (s / n) * (s / p) / 2 +
                       ((1 - s) / n) * (s / p + 2 * s / p) / 2 + (1 - (3 - 2 * s) / n) * (1 + 1) / 2;
    const double pr = (s / p) * s / 2 + (s / p) * 2 * s / 3 + (1 - 2 * s / p) * (2 * s + 1) / 4;
    err = an_vus_of(wrong, y, 4, 3, &v);
    assert_int_equal(err, AN_OK);
    assert_true(fabs(v.roc - roc / 4) < 1e-7);
    assert_true(fabs(v.pr - (3 * 0.25 + pr) / 4) < 1e-7);
    err = an_vus_of(wrong, y, 4, 100001, &v);
    assert_int_equal(err, AN_ERR_INVAL);
}

static void running_out_of_memory_is_said(void **state)
{
    (void)state;
    const float s[] = {1, 2, 1, 3};
    const uint8_t y[] = {0, 1, 0, 1};
    an_curve c = {0};
    an_vus v;
    an_affiliation f;
    for (unsigned long k = 0; k < 3; k++) {
        an_mem_fail_after(k);
        an_err err = an_vus_of(s, y, 4, 2, &v);
        an_mem_fail_never();
        assert_int_equal(err, AN_ERR_NOMEM);
        if (k == 2)
            break;
        an_mem_fail_after(k);
        err = an_curve_make(s, y, 4, &c);
        an_mem_fail_never();
        assert_int_equal(err, AN_ERR_NOMEM);
    }
    an_mem_fail_after(0);
    an_err err = an_affiliation_of(y, y, 4, &f);
    an_mem_fail_never();
    assert_int_equal(err, AN_ERR_NOMEM);
}

static void a_period_is_where_a_series_is_like_itself(void **state)
{
    (void)state;
    float x[600];
    for (size_t i = 0; i < 600; i++) /* the noise of a lot at every seventh row must not be it */
        x[i] = (float)(5 + sin((double)i * 2 * 3.14159265358979 / 24) + 0.1 * (double)(i % 7 == 0));
    assert_int_equal(an_period_of(x, 600), 24);
    x[100] = NAN;
    assert_int_equal(an_period_of(x, 600), 24);
    for (size_t i = 0; i < 600; i++)
        x[i] = (float)i; /* falls with the lag, and has no peak */
    assert_int_equal(an_period_of(x, 600), 100);
    assert_int_equal(an_period_of(x, 0), 100);
    assert_int_equal(an_period_of(x, 2), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_curve_goes_from_no_alarm_to_all_and_has_both_areas),
        cmocka_unit_test(the_area_of_the_curve_is_the_auroc_by_ranks),
        cmocka_unit_test(the_part_of_the_area_with_few_false_alarms_is_standardised),
        cmocka_unit_test(what_a_curve_cannot_say_is_nan_and_a_nan_score_is_an_error),
        cmocka_unit_test(events_and_alarm_runs_are_counted_as_wholes),
        cmocka_unit_test(point_adjustment_goes_from_the_flattering_figure_to_the_plain_one),
        cmocka_unit_test(affiliation_is_the_chance_that_a_random_row_is_no_nearer),
        cmocka_unit_test(the_nab_score_is_100_for_alarms_at_the_begin_and_0_for_none),
        cmocka_unit_test(the_volume_fades_labels_by_the_square_root),
        cmocka_unit_test(a_period_is_where_a_series_is_like_itself),
        cmocka_unit_test(running_out_of_memory_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
