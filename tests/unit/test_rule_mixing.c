/* Nearest-neighbour mixing: the same as a rule over vectors that were mixed one by one, without mixing them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/terms.h"
#include "tests/support/rules.h"

#define N 20
#define F 4
#define DIM 700

static const char *const mixed[] = {"median", "trimmed_mean", "krum", "multi_krum"};
#define MIXED (sizeof mixed / sizeof *mixed)

static double x[N][DIM], y[N][DIM], mean[DIM], ret[DIM], want[DIM];

static const an_rule_opts mixing = {.hostile = 0.2, .mixing = true}, plain = {.hostile = 0.2};

static double apart(const double *a, const double *b)
{
    double sum = 0;
    for (size_t c = 0; c < DIM; c++)
        sum += (a[c] - b[c]) * (a[c] - b[c]);
    return sum;
}

/* Each vector of x to the mean of its n - f nearest, found by looking n - f times. */
static void mix_one_by_one(size_t n, size_t f)
{
    for (size_t i = 0; i < n; i++) {
        bool taken[N] = {false};
        memset(y[i], 0, sizeof y[i]);
        for (size_t k = 0; k < n - f; k++) {
            size_t best = n;
            for (size_t j = 0; j < n; j++)
                if (!taken[j] && (best == n || apart(x[i], x[j]) < apart(x[i], x[best])))
                    best = j;
            taken[best] = true;
            for (size_t c = 0; c < DIM; c++)
                y[i][c] += x[best][c] / (double)(n - f);
        }
    }
}

static void attack(double by)
{
    an_test_rule_honest(x[0], N, DIM, 1.0, mean);
    for (size_t i = 0; i < F; i++)
        for (size_t c = 0; c < DIM; c++)
            x[i][c] *= by;
}

static void it_is_the_rule_over_vectors_mixed_one_by_one(void **state)
{
    static const double attacks[] = {1, -1, -5, 1000};
    (void)state;
    for (size_t a = 0; a < sizeof attacks / sizeof *attacks; a++) {
        attack(attacks[a]);
        mix_one_by_one(N, F);
        for (size_t k = 0; k < MIXED; k++) {
            assert_int_equal(an_test_rule(mixed[k], &mixing, NULL, x[0], N, DIM, 256, NULL, ret).err, AN_OK);
            assert_int_equal(an_test_rule(mixed[k], &plain, NULL, y[0], N, DIM, 256, NULL, want).err, AN_OK);
            const double far = an_test_rule_far(ret, want, DIM);
            if (!(far < 1e-12))
                fail_msg("%s, attack by %g: %g apart", mixed[k], attacks[a], far);
        }
    }
}

/* Sites that differ much: Krum alone is one of them. */
static void krum_comes_near_the_honest_mean_and_names_the_hostile_ones(void **state)
{
    static const double attacks[] = {-1, -5, 1000};
    (void)state;
    for (size_t a = 0; a < sizeof attacks / sizeof *attacks; a++) {
        attack(attacks[a]);
        assert_int_equal(an_test_rule("krum", &plain, NULL, x[0], N, DIM, 256, NULL, ret).err, AN_OK);
        assert_true(an_test_rule_far(ret, mean, DIM) > 0.8);
        an_test_ruled r = an_test_rule("krum", &mixing, NULL, x[0], N, DIM, 256, NULL, ret);
        assert_int_equal(r.err, AN_OK);
        assert_true(an_test_rule_far(ret, mean, DIM) < 0.01);
        for (size_t i = 0; i < N; i++)
            assert_int_equal(r.fate[i], i < F ? AN_RULE_NOT_TAKEN : AN_RULE_KEPT);
    }
}

static void a_site_that_is_not_finite_is_as_if_it_were_not_there(void **state)
{
    static const double poison[] = {NAN, INFINITY, -INFINITY};
    static double without[N - 1][DIM];
    const an_rule_opts fewer = {.hostile = 3.0 / 19, .mixing = true};
    (void)state;
    for (size_t k = 0; k < MIXED; k++)
        for (size_t p = 0; p < 3; p++) {
            attack(-5);
            memcpy(without[0], x[0], 7 * sizeof x[0]);
            memcpy(without[7], x[8], 12 * sizeof x[0]);
            x[7][DIM - 1] = poison[p];
            an_test_ruled r = an_test_rule(mixed[k], &mixing, NULL, x[0], N, DIM, 256, NULL, ret);
            assert_int_equal(r.err, AN_OK);
            assert_int_equal(r.fate[7], AN_RULE_NOT_FINITE);
            r = an_test_rule(mixed[k], &fewer, NULL, without[0], N - 1, DIM, 256, NULL, want);
            assert_int_equal(r.err, AN_OK);
            assert_memory_equal(ret, want, sizeof ret);
        }
}

static void huge_but_finite_vectors_do_not_get_through_either(void **state)
{
    (void)state;
    an_test_rule_honest(x[0], N, DIM, 0.3, mean);
    for (size_t i = 0; i < F; i++)
        for (size_t c = 0; c < DIM; c++)
            x[i][c] = i % 2 ? 1.7e308 : -1.7e308;
    for (size_t k = 0; k < MIXED; k++) {
        assert_int_equal(an_test_rule(mixed[k], &mixing, NULL, x[0], N, DIM, 256, NULL, ret).err, AN_OK);
        assert_true(an_test_rule_far(ret, mean, DIM) < 0.15);
    }
}

static void neither_order_nor_workers_matter(void **state)
{
    uint32_t order[N];
    an_workers *workers = NULL;
    an_rng rng;
    (void)state;
    an_rng_init(&rng, 8, 0);
    attack(-1);
    for (uint32_t i = 0; i < N; i++)
        order[i] = i;
    an_rng_shuffle(&rng, order, N);
    for (size_t i = 0; i < N; i++)
        memcpy(y[i], x[order[i]], sizeof y[i]);
    assert_int_equal(an_workers_new(3, &workers), AN_OK);
    for (size_t k = 0; k < MIXED; k++) {
        an_test_ruled one = an_test_rule(mixed[k], &mixing, NULL, x[0], N, DIM, 600, NULL, want);
        an_test_ruled other = an_test_rule(mixed[k], &mixing, NULL, y[0], N, DIM, 600, NULL, ret);
        for (size_t i = 0; i < N; i++)
            assert_int_equal(other.fate[i], one.fate[order[i]]);
        assert_true(an_test_rule_far(ret, want, DIM) < 1e-12);
        an_test_rule(mixed[k], &mixing, NULL, x[0], N, DIM, 600, workers, ret);
        assert_memory_equal(ret, want, sizeof ret);
    }
    an_workers_free(workers);
}

static void equal_vectors_come_out_as_they_went_in(void **state)
{
    static double same[9][3];
    double got[3];
    (void)state;
    for (size_t i = 0; i < 9; i++)
        memcpy(same[i], (double[]){1.5, -2.25, 0}, sizeof same[i]);
    for (size_t k = 0; k < MIXED; k++) {
        assert_int_equal(an_test_rule(mixed[k], &mixing, NULL, same[0], 9, 3, 2, NULL, got).err, AN_OK);
        for (size_t c = 0; c < 3; c++)
            assert_true(fabs(got[c] - same[0][c]) < 1e-12);
    }
}

static void rules_that_it_does_nothing_for_refuse_it_and_memory_may_run_out(void **state)
{
    const double weights[5] = {1, 1, 1, 1, 1};
    an_rule_round *r = NULL;
    an_note why;
    (void)state;
    for (size_t i = 0; an_rule_at(i); i++) {
        const an_rule *rule = an_rule_at(i);
        an_err err = an_rule_new(rule, &mixing, weights, 5, &r, &why);
        assert_int_equal(err, rule->mixes ? AN_OK : AN_ERR_INVAL);
        if (err != AN_OK)
            assert_non_null(strstr(why.text, "has no mixing"));
        an_rule_free(r);
        r = NULL;
    }
    for (size_t k = 0; k < MIXED; k++) {
        const size_t live = an_mem_live();
        an_err err = AN_ERR_NOMEM;
        assert_true(an_rule_find(mixed[k])->mixes);
        for (size_t n = 0; err == AN_ERR_NOMEM; n++) {
            an_mem_fail_after(n);
            err = an_rule_new(an_rule_find(mixed[k]), &mixing, weights, 5, &r, NULL);
            an_mem_fail_never();
            assert_true(err == AN_OK || (r == NULL && an_mem_live() == live));
        }
        an_rule_free(r);
        r = NULL;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_rule_over_vectors_mixed_one_by_one),
        cmocka_unit_test(krum_comes_near_the_honest_mean_and_names_the_hostile_ones),
        cmocka_unit_test(a_site_that_is_not_finite_is_as_if_it_were_not_there),
        cmocka_unit_test(huge_but_finite_vectors_do_not_get_through_either),
        cmocka_unit_test(neither_order_nor_workers_matter),
        cmocka_unit_test(equal_vectors_come_out_as_they_went_in),
        cmocka_unit_test(rules_that_it_does_nothing_for_refuse_it_and_memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
