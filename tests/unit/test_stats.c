/* The tests and bounds of models/stats.h, against values of scipy 1.10 and of the papers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/stats.h"

static void near(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance))
        fail_msg("%.12g is not %.12g", a, b);
}

static void quantiles(void **state)
{
    (void)state;
    near(an_normal_quantile(0.5), 0, 1e-12);
    near(an_normal_quantile(0.95), 1.6448536269514722, 1e-10);
    near(an_normal_quantile(0.975), 1.959963984540054, 1e-10);
    near(an_normal_quantile(0.0001), -3.719016485455709, 1e-9);
}

static void tails_of_the_binomial(void **state)
{
    (void)state;
    near(an_binomial_tail(0, 10, 0.5), 1, 0);
    near(an_binomial_tail(11, 10, 0.5), 0, 0);
    near(an_binomial_tail(9, 10, 0.5), 11.0 / 1024, 1e-12);
    near(an_binomial_tail(1, 10, 0.5), 1023.0 / 1024, 1e-12);
    near(an_binomial_tail(60, 100, 0.5), 0.02844396682049044, 1e-12);
    near(an_binomial_tail(40, 100, 0.5), 0.9823998998911477, 1e-12);
    for (uint64_t k = 0; k <= 30; k++) { /* both sides add up to 1 */
        double all = an_binomial_tail(k, 30, 0.3) - an_binomial_tail(k + 1, 30, 0.3);
        assert_true(all >= -1e-15 && all <= 1);
    }
    near(an_binomial_tail(5003000, 10000000, 0.5), 0.02889, 1e-4);
}

static void pairs_and_rates(void **state)
{
    (void)state;
    near(an_mcnemar(0, 0), 1, 0);
    near(an_mcnemar(10, 2), 0.019287109375, 1e-12); /* 79 of 4096 */
    near(an_rates_test(10, 1, 2, 1, 1), 0.019287109375, 1e-12);
    assert_true(an_rates_test(10, 1, 2, 1, 2) > an_rates_test(10, 1, 2, 1, 1));
    near(an_rates_test(10, 2, 5, 1, 1), an_binomial_tail(10, 15, 2.0 / 3), 1e-12);
}

/* Newcombe 1998, table II: 56 of 70 against 48 of 80, 95 % on both sides: 0.0524 to 0.3339. */
static void bounds_of_differences(void **state)
{
    (void)state;
    const double z = an_normal_quantile(0.975);
    double low, high;
    near(an_difference_upper(56, 70, 48, 80, z), 0.3339, 5e-5);
    near(an_difference_lower(56, 70, 48, 80, z), 0.0524, 5e-5);
    near(an_difference_upper(0, 10, 0, 20, z), 0.2775, 5e-5);
    near(an_difference_lower(10, 10, 0, 10, z), 0.6075, 5e-5);
    an_wilson(81, 263, z, &low, &high); /* Newcombe 1998, two-sided intervals of one share */
    near(low, 0.2553, 5e-5);
    near(high, 0.3662, 5e-5);
    an_wilson(0, 0, z, &low, &high);
    assert_true(low == 0 && high == 1);
    assert_true(an_paired_upper(3, 3, 1000, z) < an_difference_upper(103, 1000, 103, 1000, z));
    assert_true(an_paired_upper(30, 3, 1000, z) > 0.027);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles),
        cmocka_unit_test(tails_of_the_binomial),
        cmocka_unit_test(pairs_and_rates),
        cmocka_unit_test(bounds_of_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
