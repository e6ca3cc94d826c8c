/* The aggregation rules: small cases by hand, what hostile sites can do to each, and what every row keeps. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/terms.h"
#include "tests/support/rules.h"

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-12 * (1 + fabs(want))))
        fail_msg("%.15g instead of %.15g", got, want);
}

static void small_cases_are_what_a_hand_comes_to(void **state)
{
    (void)state;
    /* Six sites in the plane; the last is far away.  f = 1. */
    static const double x[6][2] = {{1, 0}, {2, 1}, {3, 2}, {2, 2}, {1, 2}, {90, -60}};
    static const double weights[6] = {1, 2, 3, 4, 5, 5};
    const an_rule_opts opts = {.hostile = 1.0 / 6, .norm_bound = 2};
    double ret[2];

    assert_int_equal(an_test_rule("mean", &opts, weights, x[0], 6, 2, 2, NULL, ret).err, AN_OK);
    near(ret[0], (1 + 4 + 9 + 8 + 5 + 450) / 20.0);
    near(ret[1], (0 + 2 + 6 + 8 + 10 - 300) / 20.0);

    assert_int_equal(an_test_rule("median", &opts, weights, x[0], 6, 2, 1, NULL, ret).err, AN_OK);
    near(ret[0], 2);   /* 1 1 2 2 3 90 */
    near(ret[1], 1.5); /* -60 0 1 2 2 2 */

    assert_int_equal(an_test_rule("trimmed_mean", &opts, weights, x[0], 6, 2, 2, NULL, ret).err, AN_OK);
    near(ret[0], (1 + 2 + 2 + 3) / 4.0);
    near(ret[1], (0 + 1 + 2 + 2) / 4.0);

    /* Three nearest of each, squared: a 2+4+5, b 1+2+2, c 1+2+4, d 1+1+1, e 1+2+4.  d wins. */
    an_test_ruled k = an_test_rule("krum", &opts, weights, x[0], 6, 2, 1, NULL, ret);
    assert_int_equal(k.err, AN_OK);
    near(ret[0], 2);
    near(ret[1], 2);
    assert_true(k.fate[3] == AN_RULE_KEPT && k.fate[5] == AN_RULE_NOT_TAKEN);

    /* The three best: d, b and, of the equal c and e, the first. */
    an_test_ruled m = an_test_rule("multi_krum", &opts, weights, x[0], 6, 2, 2, NULL, ret);
    near(ret[0], (2 + 2 + 3) / 3.0);
    near(ret[1], (2 + 1 + 2) / 3.0);
    assert_true(m.fate[1] == AN_RULE_KEPT && m.fate[2] == AN_RULE_KEPT && m.fate[4] == AN_RULE_NOT_TAKEN);

    /* Norms 1, 2.236, 3.606, 2.828, 2.236, 108: all but the first are cut to 2. */
    an_test_ruled b = an_test_rule("norm_bound", &opts, weights, x[0], 6, 2, 1, NULL, ret);
    double want = 1;
    for (size_t i = 1; i < 6; i++)
        want += weights[i] * x[i][0] * 2 / hypot(x[i][0], x[i][1]);
    near(ret[0], want / 20);
    assert_true(b.fate[0] == AN_RULE_KEPT && b.fate[1] == AN_RULE_CUT && b.fate[5] == AN_RULE_CUT);
}

static void a_bound_of_norms_that_is_not_given_is_their_median(void **state)
{
    (void)state;
    static const double x[3] = {1, 3, -1000};
    const an_rule_opts opts = {.hostile = 0.3};
    double ret;
    an_test_ruled r = an_test_rule("norm_bound", &opts, NULL, x, 3, 1, 1, NULL, &ret);
    near(ret, (1 + 3 - 3) / 3.0);
    assert_true(r.fate[1] == AN_RULE_KEPT && r.fate[2] == AN_RULE_CUT);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void medians_of_any_number_of_sites_are_those_of_a_sorted_column(void **state)
{
    (void)state;
    enum { COLUMNS = 13 };
    static double x[AN_TEST_RULE_SITES][COLUMNS];
    double ret[COLUMNS], column[AN_TEST_RULE_SITES];
    const an_rule_opts opts = {0};
    an_rng rng;
    an_rng_init(&rng, 4, 0);
    for (size_t n = 1; n <= AN_TEST_RULE_SITES; n++) {
        for (size_t i = 0; i < n; i++)
            for (size_t c = 0; c < COLUMNS; c++)
                x[i][c] = (double)an_rng_below(&rng, c == 0 ? 3 : 1000); /* with many ties, too */
        assert_int_equal(an_test_rule("median", &opts, NULL, x[0], n, COLUMNS, COLUMNS, NULL, ret).err,
                         AN_OK);
        for (size_t c = 0; c < COLUMNS; c++) {
            for (size_t i = 0; i < n; i++)
                column[i] = x[i][c];
            qsort(column, n, sizeof *column, ascending);
            near(ret[c], (column[(n - 1) / 2] + column[n / 2]) / 2);
        }
    }
}

#define N 20
#define DIM 700

static void a_fifth_of_hostile_sites_does_not_move_the_robust_rules(void **state)
{
    static const struct {
        const char *name;
        double flipped, scaled; /* the most of the honest mean's norm that the result may be off */
    } rules[] = {{"median", 0.15, 0.15},
                 {"trimmed_mean", 0.15, 0.15},
                 {"krum", 0.4, 0.4},
                 {"multi_krum", 0.15, 0.15},
                 {"norm_bound", 0.7, 0.7}};
    static double x[N][DIM], mean[DIM], ret[DIM];
    const an_rule_opts opts = {.hostile = 0.2};
    (void)state;
    for (int attack = 0; attack < 3; attack++) {
        an_test_rule_honest(x[0], N, DIM, 0.3, mean);
        for (size_t i = 0; i < N / 5; i++)
            for (size_t c = 0; c < DIM; c++)
                x[i][c] *= attack == 0 ? -5 : attack == 1 ? 1000 : -1;
        assert_int_equal(an_test_rule("mean", &opts, NULL, x[0], N, DIM, DIM, NULL, ret).err, AN_OK);
        assert_true(an_test_rule_far(ret, mean, DIM) >
                    (attack == 2 ? 0.35 : 1)); /* what they stand against */
        for (size_t k = 0; k < sizeof rules / sizeof *rules; k++) {
            an_test_ruled r = an_test_rule(rules[k].name, &opts, NULL, x[0], N, DIM, 256, NULL, ret);
            assert_int_equal(r.err, AN_OK);
            double far = an_test_rule_far(ret, mean, DIM);
            if (!(far <= (attack == 1 ? rules[k].scaled : rules[k].flipped)))
                fail_msg("%s, attack %d: %g from the honest mean", rules[k].name, attack, far);
            for (size_t i = 0; i < N / 5; i++)
                if (strstr(rules[k].name, "krum"))
                    assert_int_equal(r.fate[i], AN_RULE_NOT_TAKEN);
        }
    }
}

static void a_site_that_is_not_finite_is_named_and_left_out_by_every_rule(void **state)
{
    static const double poison[] = {NAN, INFINITY, -INFINITY};
    static double x[N][DIM], without[N][DIM], mean[DIM], ret[DIM], want[DIM];
    (void)state;
    for (size_t k = 0; an_rule_at(k); k++)
        for (size_t p = 0; p < 3; p++) {
            const an_rule_opts opts = {.hostile = 0.2}, fewer = {.hostile = 3.0 / 19};
            an_test_rule_honest(x[0], N, DIM, 0.3, mean);
            memcpy(without[0], x[0], 7 * sizeof x[0]);
            memcpy(without[7], x[8], 12 * sizeof x[0]);
            x[7][DIM - 1] = poison[p]; /* in the last block, when the others have long been added */
            an_test_ruled r = an_test_rule(an_rule_at(k)->name, &opts, NULL, x[0], N, DIM, 256, NULL, ret);
            assert_int_equal(r.err, AN_OK);
            for (size_t i = 0; i < N; i++)
                assert_true((r.fate[i] == AN_RULE_NOT_FINITE) == (i == 7));
            /* One of the four that were feared is known. */
            assert_int_equal(
                an_test_rule(an_rule_at(k)->name, &fewer, NULL, without[0], N - 1, DIM, 256, NULL, want).err,
                AN_OK);
            assert_memory_equal(ret, want, sizeof ret);
        }
    assert_string_equal(an_rule_fate_text(AN_RULE_NOT_FINITE), "is not finite");
}

static void huge_but_finite_vectors_do_not_get_through_either(void **state)
{
    static const char *const names[] = {"median", "trimmed_mean", "krum", "multi_krum", "norm_bound"};
    static double x[N][DIM], mean[DIM], ret[DIM];
    const an_rule_opts opts = {.hostile = 0.2};
    (void)state;
    an_test_rule_honest(x[0], N, DIM, 0.3, mean);
    for (size_t i = 0; i < 4; i++)
        for (size_t c = 0; c < DIM; c++)
            x[i][c] = i % 2 ? 1.7e308 : -1.7e308; /* their squares and differences are infinite */
    for (size_t k = 0; k < 5; k++) {
        assert_int_equal(an_test_rule(names[k], &opts, NULL, x[0], N, DIM, 256, NULL, ret).err, AN_OK);
        assert_true(an_test_rule_far(ret, mean, DIM) < 0.7);
    }
}

static void the_order_of_the_sites_does_not_matter(void **state)
{
    static double x[N][DIM], y[N][DIM], mean[DIM], a[DIM], b[DIM];
    double wx[N], wy[N];
    uint32_t order[N];
    const an_rule_opts opts = {.hostile = 0.2};
    an_rng rng;
    (void)state;
    an_rng_init(&rng, 8, 0);
    an_test_rule_honest(x[0], N, DIM, 0.3, mean);
    for (uint32_t i = 0; i < N; i++) {
        order[i] = i;
        wx[i] = 1 + i % 3;
    }
    an_rng_shuffle(&rng, order, N);
    for (size_t i = 0; i < N; i++) {
        memcpy(y[i], x[order[i]], sizeof y[i]);
        wy[i] = wx[order[i]];
    }
    for (size_t k = 0; an_rule_at(k); k++) {
        const char *name = an_rule_at(k)->name;
        an_test_ruled rx = an_test_rule(name, &opts, wx, x[0], N, DIM, 256, NULL, a);
        an_test_ruled ry = an_test_rule(name, &opts, wy, y[0], N, DIM, 256, NULL, b);
        for (size_t i = 0; i < N; i++)
            assert_int_equal(ry.fate[i], rx.fate[order[i]]);
        for (size_t c = 0; c < DIM; c++)
            near(a[c], b[c]);
        if (!an_rule_at(k)->weighted && strcmp(name, "multi_krum") != 0)
            assert_memory_equal(a, b, sizeof a);
    }
}

static void workers_do_not_change_a_bit(void **state)
{
    static double x[N][DIM], mean[DIM], a[DIM], b[DIM];
    const an_rule_opts opts = {.hostile = 0.2};
    an_workers *workers = NULL;
    (void)state;
    an_test_rule_honest(x[0], N, DIM, 0.3, mean);
    assert_int_equal(an_workers_new(3, &workers), AN_OK);
    for (size_t k = 0; an_rule_at(k); k++) {
        an_test_rule(an_rule_at(k)->name, &opts, NULL, x[0], N, DIM, 600, NULL, a);
        an_test_rule(an_rule_at(k)->name, &opts, NULL, x[0], N, DIM, 600, workers, b);
        assert_memory_equal(a, b, sizeof a);
    }
    an_workers_free(workers);
}

static void equal_vectors_come_out_as_they_went_in(void **state)
{
    (void)state;
    static double x[9][3];
    double ret[3];
    for (size_t i = 0; i < 9; i++)
        memcpy(x[i], (double[]){1.5, -2.25, 0}, sizeof x[i]);
    const an_rule_opts opts = {.hostile = 0.3};
    for (size_t k = 0; an_rule_at(k); k++) {
        an_test_ruled r = an_test_rule(an_rule_at(k)->name, &opts, NULL, x[0], 9, 3, 2, NULL, ret);
        assert_int_equal(r.err, AN_OK);
        for (size_t c = 0; c < 3; c++)
            near(ret[c], x[0][c]);
        assert_ptr_equal(an_rule_find(an_rule_at(k)->name), an_rule_at(k));
        assert_true(strlen(an_rule_at(k)->meaning) > 0);
    }
    assert_null(an_rule_find("sum"));
}

static void too_few_sites_for_so_many_hostile_ones_are_refused(void **state)
{
    static const struct {
        const char *name;
        size_t n;
        double hostile;
        an_err err;
    } cases[] = {
        {"mean", 1, 0.4, AN_OK},
        {"median", 1, 0.2, AN_ERR_REFUSED},
        {"median", 3, 1.0 / 3, AN_OK},
        {"median", 3, 0.4, AN_ERR_REFUSED},
        {"krum", 4, 0.2, AN_ERR_REFUSED},
        {"krum", 5, 0.2, AN_OK},
        {"krum", 10, 0.4, AN_ERR_REFUSED},
        {"multi_krum", 10, 0.3, AN_OK},
        {"trimmed_mean", 10, 0.2, AN_OK},
        {"krum", 2, 0, AN_ERR_REFUSED},
        {"krum", 3, 0, AN_OK},
    };
    double x[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, ret;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const an_rule_opts opts = {.hostile = cases[i].hostile};
        an_test_ruled r = an_test_rule(cases[i].name, &opts, NULL, x, cases[i].n, 1, 1, NULL, &ret);
        if (r.err != cases[i].err)
            fail_msg("%s of %zu, %g: %s", cases[i].name, cases[i].n, cases[i].hostile, an_err_name(r.err));
        if (r.err != AN_OK)
            assert_non_null(strstr(r.why.text, "hostile"));
    }
    x[0] = x[1] = x[2] = NAN;
    const an_rule_opts opts = {.hostile = 0.2};
    assert_int_equal(an_test_rule("mean", &opts, NULL, x, 3, 1, 1, NULL, &ret).err, AN_ERR_REFUSED);
}

static void what_is_out_of_bounds_is_refused_and_memory_may_run_out(void **state)
{
    const double weights[3] = {1, 0, 1}, good[3] = {1, 1, 1};
    const an_rule_opts fine = {0}, half = {.hostile = 0.5}, bound = {.norm_bound = NAN};
    an_rule_round *r = NULL;
    (void)state;
    assert_int_equal(an_rule_new(an_rule_at(0), &fine, weights, 3, &r, NULL), AN_ERR_INVAL);
    assert_int_equal(an_rule_new(an_rule_at(0), &half, good, 3, &r, NULL), AN_ERR_INVAL);
    assert_int_equal(an_rule_new(an_rule_at(0), &bound, good, 3, &r, NULL), AN_ERR_INVAL);
    assert_int_equal(an_rule_new(an_rule_at(0), &fine, good, 0, &r, NULL), AN_ERR_INVAL);
    assert_int_equal(an_rule_new(an_rule_at(0), &fine, good, AN_COHORT_MAX + 1, &r, NULL), AN_ERR_INVAL);
    an_err err = AN_ERR_NOMEM;
    size_t live = an_mem_live();
    for (size_t n = 0; err == AN_ERR_NOMEM; n++) {
        an_mem_fail_after(n);
        err = an_rule_new(an_rule_find("krum"), &fine, good, 3, &r, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || (r == NULL && an_mem_live() == live));
    }
    an_rule_free(r);
    an_rule_free(NULL);
    assert_true(an_rule_width(1) * 8 <= 8 << 20 && an_rule_width(1000) % 64 == 0 && an_rule_width(0) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_cases_are_what_a_hand_comes_to),
        cmocka_unit_test(a_bound_of_norms_that_is_not_given_is_their_median),
        cmocka_unit_test(medians_of_any_number_of_sites_are_those_of_a_sorted_column),
        cmocka_unit_test(a_fifth_of_hostile_sites_does_not_move_the_robust_rules),
        cmocka_unit_test(a_site_that_is_not_finite_is_named_and_left_out_by_every_rule),
        cmocka_unit_test(huge_but_finite_vectors_do_not_get_through_either),
        cmocka_unit_test(the_order_of_the_sites_does_not_matter),
        cmocka_unit_test(workers_do_not_change_a_bit),
        cmocka_unit_test(equal_vectors_come_out_as_they_went_in),
        cmocka_unit_test(too_few_sites_for_so_many_hostile_ones_are_refused),
        cmocka_unit_test(what_is_out_of_bounds_is_refused_and_memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
