/* How rare a score is, and how rare several are together: against formulas, and on generated normal data. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models/chance.h"
#include "models/fuse.h"

#define N 2000
#define ROWS 40000

static void near(double got, double want, double within)
{
    if (!(fabs(got - want) <= within))
        fail_msg("%.12g instead of %.12g", got, want);
}

static double normal(an_rng *r)
{
    const double u = ((double)an_rng_below(r, 1u << 30) + 0.5) / (1u << 30);
    const double v = ((double)an_rng_below(r, 1u << 30) + 0.5) / (1u << 30);
    return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

static double fused(const char *by, const double *ln_p, size_t n)
{
    return an_fuse_find(by)->together(ln_p, n);
}

static void within_what_was_seen_it_is_the_conformal_p_value(void **state)
{
    double scores[199];
    an_chance *c = NULL;
    (void)state;
    for (size_t i = 0; i < 199; i++)
        scores[i] = (double)((i * 37) % 199); /* 0 .. 198 in some order */
    assert_int_equal(an_chance_new(scores, 199, &c, NULL), AN_OK);
    near(an_chance_ln(c, -1), 0, 1e-12);
    near(an_chance_ln(c, 0), 0, 1e-12);
    near(an_chance_ln(c, 100), log(100.0 / 200), 1e-12);
    near(an_chance_ln(c, 198), log(2.0 / 200), 1e-12);
    near(an_chance_ln(c, 1e9), log(1.0 / 200), 1e-12); /* 19 excesses make no tail */
    assert_true(isnan(an_chance_ln(c, NAN)));
    assert_int_equal(an_chance_n(c), 199);
    an_chance_free(c);
}

static void too_few_scores_say_nothing(void **state)
{
    double scores[AN_CHANCE_LEAST];
    an_chance *c = NULL;
    an_note why = {{0}};
    (void)state;
    for (size_t i = 0; i < AN_CHANCE_LEAST; i++)
        scores[i] = i == 0 ? (double)NAN : 1;
    assert_int_equal(an_chance_new(scores, AN_CHANCE_LEAST, &c, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "there are 99"));
}

static void above_all_that_was_seen_a_tail_goes_on(void **state)
{
    double *scores = an_alloc(N, sizeof *scores);
    an_chance *c = NULL;
    an_rng rng;
    (void)state;
    an_rng_init(&rng, 3, 0);
    for (size_t i = 0; i < N; i++) /* exponential: P(> s) = exp(-s) */
        scores[i] = -log(((double)an_rng_below(&rng, 1u << 30) + 0.5) / (1u << 30));
    assert_int_equal(an_chance_new(scores, N, &c, NULL), AN_OK);
    double before = 0;
    for (double s = 0; s < 30; s += 0.01) {
        const double ln_p = an_chance_ln(c, s);
        assert_true(ln_p <= before && ln_p >= log(1e-12) - 0.1);
        before = ln_p;
    }
    near(an_chance_ln(c, 12), -12, 3);
    an_chance_free(c);
    an_free(scores);
}

static void each_way_is_its_formula(void **state)
{
    const double ln_p[3] = {log(0.05), log(0.1), log(0.5)};
    (void)state;
    /* chi2 = -2 ln(0.0025) = 11.9829 of 6 degrees */
    near(exp(fused("fisher", ln_p, 3)), 0.0025 * (1 + 5.991465 + 5.991465 * 5.991465 / 2), 1e-8);
    near(exp(fused("max", ln_p, 3)), 0.15, 1e-12);
    near(exp(fused("mean", ln_p, 3)), exp(1) * cbrt(0.0025), 1e-12);
    for (size_t i = 0; an_fuse_at(i); i++) {
        const double usual[2] = {0, 0};
        near(an_fuse_at(i)->together(ln_p, 1), ln_p[0], 1e-12);
        assert_true(an_fuse_at(i)->together(usual, 2) <= 0);
    }
    assert_null(an_fuse_find("median"));
}

/* Two senses with the same small fault: shares of normal and faulty rows above 1 %, of each member and fused. */
static void together_they_find_what_neither_finds_alone(void **state)
{
    enum { MEMBERS = 2 };
    const double far = 0.01;
    double *scores = an_alloc(N, sizeof *scores);
    an_chance *c[MEMBERS] = {NULL, NULL};
    an_rng rng;
    (void)state;
    an_rng_init(&rng, 5, 0);
    for (size_t m = 0; m < MEMBERS; m++) {
        for (size_t i = 0; i < N; i++)
            scores[i] = normal(&rng) * (m ? 1000 : 1); /* in units of their own */
        assert_int_equal(an_chance_new(scores, N, &c[m], NULL), AN_OK);
    }
    double alone[2][MEMBERS] = {{0, 0}}, together[2] = {0, 0};
    for (size_t i = 0; i < 2 * ROWS; i++) {
        const size_t faulty = i % 2;
        double ln_p[MEMBERS];
        for (size_t m = 0; m < MEMBERS; m++) {
            ln_p[m] = an_chance_ln(c[m], (normal(&rng) + (faulty ? 2 : 0)) * (m ? 1000 : 1));
            alone[faulty][m] += ln_p[m] <= log(far);
        }
        together[faulty] += fused("fisher", ln_p, MEMBERS) <= log(far);
    }
    assert_true(together[0] / ROWS < 1.3 * far && alone[0][0] / ROWS < 1.3 * far);
    for (size_t m = 0; m < MEMBERS; m++)
        assert_true(together[1] > 1.4 * alone[1][m]);
    for (size_t m = 0; m < MEMBERS; m++)
        an_chance_free(c[m]);
    an_free(scores);
}

/* Members that always say the same: ways that hold whatever depends on what keep their rate. */
static void what_depends_on_one_another_does_not_break_mean_and_max(void **state)
{
    an_rng rng;
    (void)state;
    an_rng_init(&rng, 8, 0);
    double over[2] = {0, 0};
    for (size_t i = 0; i < ROWS; i++) {
        const double p = log(((double)an_rng_below(&rng, 1u << 30) + 0.5) / (1u << 30)), both[2] = {p, p};
        over[0] += fused("mean", both, 2) <= log(0.01);
        over[1] += fused("max", both, 2) <= log(0.01);
    }
    assert_true(over[0] / ROWS <= 0.01 && over[1] / ROWS <= 0.01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(within_what_was_seen_it_is_the_conformal_p_value),
        cmocka_unit_test(too_few_scores_say_nothing),
        cmocka_unit_test(above_all_that_was_seen_a_tail_goes_on),
        cmocka_unit_test(each_way_is_its_formula),
        cmocka_unit_test(together_they_find_what_neither_finds_alone),
        cmocka_unit_test(what_depends_on_one_another_does_not_break_mean_and_max),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
