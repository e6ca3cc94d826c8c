/* Figures of classes and of numbers, on values worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "models/metrics_fit.h"

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-12;
}

static void classes_are_counted_in_a_square_with_truth_in_rows(void **state)
{
    (void)state;
    const uint32_t truth[] = {0, 0, 1, 1, 2, 2}, guess[] = {0, 1, 1, 1, 0, 2};
    const uint64_t want[] = {1, 1, 0, 0, 2, 0, 1, 0, 1};
    an_classes c = {0};
    an_err err = an_classes_count(truth, guess, 6, 3, &c);
    assert_int_equal(err, AN_OK);
    assert_memory_equal(c.counts, want, sizeof want);
    assert_true(near(c.accuracy, 4.0 / 6) && near(c.balanced, 2.0 / 3));
    assert_true(near(c.rates[0].f1, 0.5) && near(c.rates[1].f1, 0.8) && near(c.rates[2].f1, 2.0 / 3));
    assert_true(near(c.rates[1].precision, 2.0 / 3) && near(c.rates[1].recall, 1) && c.rates[1].n == 2);
    assert_true(near(c.macro_f1, (0.5 + 0.8 + 2.0 / 3) / 3));
    an_classes_done(&c);
}

static void a_class_that_never_occurs_weighs_nothing(void **state)
{
    (void)state;
    const uint32_t truth[] = {0, 0, 1}, guess[] = {0, 1, 1};
    an_classes c = {0};
    an_err err = an_classes_count(truth, guess, 3, 4, &c);
    assert_int_equal(err, AN_OK);
    assert_true(isnan(c.rates[3].recall) && isnan(c.rates[3].f1));
    assert_true(near(c.macro_f1, 2.0 / 3) && near(c.balanced, 0.75));
    an_classes_done(&c);
}

static void a_number_that_is_no_class_is_refused(void **state)
{
    (void)state;
    const uint32_t truth[] = {0, 3}, guess[] = {0, 0};
    an_classes c = {0};
    assert_int_equal(an_classes_count(truth, guess, 2, 3, &c), AN_ERR_INVAL);
    assert_int_equal(an_classes_count(guess, truth, 2, 3, &c), AN_ERR_INVAL);
    assert_int_equal(an_classes_count(guess, guess, 2, 0, &c), AN_ERR_INVAL);
    assert_int_equal(an_classes_count(guess, guess, 2, AN_CLASSES_MAX + 1, &c), AN_ERR_INVAL);
    assert_null(c.counts);
}

static void errors_of_numbers_are_those_of_the_book(void **state)
{
    (void)state;
    const float truth[] = {1, 2, 3, 4}, guess[] = {1, 2, 4, 6}, flat[] = {2, 2, 2, 2};
    an_fit f = an_fit_of(truth, guess, 4);
    assert_true(near(f.mae, 0.75) && near(f.rmse, sqrt(1.25)) && near(f.r2, 0) && near(f.bias, 0.75));
    f = an_fit_of(truth, truth, 4);
    assert_true(near(f.mae, 0) && near(f.r2, 1));
    assert_true(isnan(an_fit_of(flat, guess, 4).r2));
    assert_true(isnan(an_fit_of(truth, guess, 0).mae) && isnan(an_fit_of(truth, guess, 0).rmse));
}

static void the_class_is_that_of_the_largest_score(void **state)
{
    (void)state;
    const float s[] = {-1, 3, 3, 2};
    assert_int_equal(an_class_of(s, 4), 1);
    assert_int_equal(an_class_of(s, 1), 0);
}

static void masks_are_judged_by_their_pixels(void **state)
{
    (void)state;
    const float truth[] = {1, 1, 0, 0, /* */ 0, 0, 0, 0, /* */ 1, 0, 0, 0};
    const float guess[] = {2, -1, 1, -1, /* */ -1, -1, -2, -3, /* */ 0.5f, -1, -1, -1};
    const an_overlap o = an_overlap_of(truth, guess, 3, 4);
    assert_true(o.tp == 2 && o.fp == 1 && o.fn == 1 && o.tn == 8);
    assert_true(near(o.precision, 2.0 / 3) && near(o.recall, 2.0 / 3) && near(o.dice, 2.0 / 3));
    assert_true(near(o.iou, 0.5) && near(o.mean_iou, (1.0 / 3 + 1 + 1) / 3) && near(o.all_dice, 6.0 / 15));
    const an_overlap none = an_overlap_of(truth + 4, guess + 4, 1, 4);
    assert_true(isnan(none.dice) && isnan(none.iou) && near(none.mean_iou, 1));
    assert_true(isnan(an_overlap_of(truth, guess, 0, 4).mean_iou));
}

static void running_out_of_memory_is_said(void **state)
{
    (void)state;
    const uint32_t v[] = {0, 1};
    an_classes c = {0};
    for (unsigned long k = 0; k < 2; k++) {
        an_mem_fail_after(k);
        an_err err = an_classes_count(v, v, 2, 2, &c);
        an_mem_fail_never();
        assert_int_equal(err, AN_ERR_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_counted_in_a_square_with_truth_in_rows),
        cmocka_unit_test(a_class_that_never_occurs_weighs_nothing),
        cmocka_unit_test(a_number_that_is_no_class_is_refused),
        cmocka_unit_test(errors_of_numbers_are_those_of_the_book),
        cmocka_unit_test(the_class_is_that_of_the_largest_score),
        cmocka_unit_test(masks_are_judged_by_their_pixels),
        cmocka_unit_test(running_out_of_memory_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
