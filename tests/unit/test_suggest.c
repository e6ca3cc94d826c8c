/* The suggested threshold against all thresholds that there are. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/suggest.h"
#include "base/rng.h"

static an_suggest_at count(const an_suggest_case *c, size_t n, double t)
{
    an_suggest_at a = {.threshold = t};
    for (size_t i = 0; i < n; i++)
        *(c[i].defective   ? (c[i].level > t ? &a.found : &a.missed)
          : c[i].level > t ? &a.alarms_wrong
                           : &a.quiet) += 1;
    const uint64_t good = a.alarms_wrong + a.quiet;
    a.f1 = a.found > 0 ? 2 * (double)a.found / (double)(2 * a.found + a.missed + a.alarms_wrong) : 0;
    a.far = good > 0 ? (double)a.alarms_wrong / (double)good : 0;
    return a;
}

static void no_other_threshold_is_better(void **state)
{
    (void)state;
    an_rng rng;
    an_rng_init(&rng, 11, 1);
    for (int trial = 0; trial < 300; trial++) {
        an_suggest_case c[120];
        const size_t n = 30 + (size_t)an_rng_below(&rng, 90);
        for (size_t i = 0; i < n; i++) {
            c[i].defective = an_rng_below(&rng, 4) == 0;
            c[i].level = (double)an_rng_below(&rng, 40) / 8 + (c[i].defective ? 2 : 0); /* many are equal */
        }
        an_suggest s;
        const double far = 0.05 * (1 + trial % 5), now = 3.1;
        an_suggest_of(&s, c, n, far, now);
        const an_suggest_at all[] = {s.now, s.f1, s.far};
        for (size_t k = 0; k < 3; k++) {
            const an_suggest_at a = count(c, n, all[k].threshold);
            assert_int_equal(a.found, all[k].found);
            assert_int_equal(a.missed, all[k].missed);
            assert_int_equal(a.alarms_wrong, all[k].alarms_wrong);
            assert_int_equal(a.quiet, all[k].quiet);
            assert_float_equal(a.f1, all[k].f1, 1e-12);
        }
        assert_true(s.far.far <= far);
        for (double t = -1; t < 9; t += 1.0 / 64) {
            const an_suggest_at a = count(c, n, t);
            assert_true(a.f1 <= s.f1.f1 + 1e-12);
            if (a.far <= far) /* none finds more, and none as much with less for nothing */
                assert_true(a.found < s.far.found ||
                            (a.found == s.far.found && a.alarms_wrong >= s.far.alarms_wrong));
        }
    }
}

static void too_few_cases_suggest_nothing(void **state)
{
    (void)state;
    an_suggest_case c[60];
    an_suggest s;
    an_suggest_of(&s, c, 0, 0.01, 1);
    assert_false(s.f1_known || s.far_known);
    for (size_t i = 0; i < 60; i++)
        c[i] = (an_suggest_case){.level = 1 + (double)i / 60, .defective = i >= 56};
    an_suggest_of(&s, c, 60, 0.01, 1.5);
    assert_false(s.f1_known);  /* four defects */
    assert_false(s.far_known); /* of 56 good ones 1 % is none */
    an_suggest_of(&s, c, 60, 0.1, 1.5);
    assert_true(s.far_known);
    c[0].defective = true;
    an_suggest_of(&s, c, 60, 0.1, 1.5);
    assert_true(s.f1_known);
}

static void between_the_best_it_stands_in_the_widest_gap(void **state)
{
    (void)state;
    an_suggest_case c[30];
    an_suggest s;
    for (size_t i = 0; i < 30; i++)
        c[i] = (an_suggest_case){.level = i < 24 ? 1 + (double)i / 100 : 5 + (double)i, .defective = i >= 24};
    an_suggest_of(&s, c, 30, 0.05, 40);
    assert_true(s.f1.threshold > 10 && s.f1.threshold < 20);
    assert_float_equal(s.f1.f1, 1, 0);
    assert_float_equal(s.now.recall, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_other_threshold_is_better),
        cmocka_unit_test(too_few_cases_suggest_nothing),
        cmocka_unit_test(between_the_best_it_stands_in_the_widest_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
