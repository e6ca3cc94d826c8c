/* The discrete Gaussian fits its probabilities, the shares of many come to the noise that was asked for,
 * and the norm after rounding keeps its bound.
 *
 * The numbers come from the system's generator, so each run draws others.  Each comparison fails by chance
 * with a probability of about 1e-10, all of them together of less than 1e-8. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/terms.h"
#include "doors/crypto.h"
#include "sum/fixed.h"
#include "sum/noise.h"

#define DRAWS 100000
#define BINS 41

/* The statistic of chance alone: P[X >= k + 2 sqrt(k t) + 2 t] <= e^-t for k degrees of freedom (Laurent
 * and Massart 2000), t = 23. */
static double chi_square_limit(size_t freedom)
{
    return (double)freedom + 2 * sqrt(23.0 * (double)freedom) + 46;
}

/* P[from <= x <= to] of the discrete Gaussian, by summing it; for a large sigma by the normal distribution,
 * from which it differs by less than e^-2 pi^2 sigma^2 and the width of a step (Euler and Maclaurin). */
static double probability(double variance, int64_t from, int64_t to)
{
    double sigma = sqrt(variance), in = 0, all = 0;
    if (sigma > 1000)
        return 0.5 * (erfc(((double)from - 0.5) / (sigma * sqrt(2))) -
                      erfc(((double)to + 0.5) / (sigma * sqrt(2))));
    int64_t far = (int64_t)(40 * sigma) + 2;
    for (int64_t x = -far; x <= far; x++) {
        double p = exp(-(double)x * (double)x / (2 * variance));
        all += p;
        in += x >= from && x <= to ? p : 0;
    }
    return in / all;
}

static int64_t *draws_of(uint64_t num, uint32_t den)
{
    an_noise *s = NULL;
    an_noise_share share = {num, den};
    assert_int_equal(an_noise_new(&share, &s, NULL), AN_OK);
    int64_t *x = an_alloc(DRAWS, sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < DRAWS; i++)
        x[i] = an_noise_draw(s);
    an_noise_free(s);
    return x;
}

/* Of the draws in bins of equal width about 0, half a sigma or 1 wide, the last ones open; bins in which
 * less than 50 are expected are put to their neighbours. */
static double chi_square(const int64_t *x, double variance, size_t *ret_freedom)
{
    const int64_t width = sqrt(variance) / 4 < 1 ? 1 : (int64_t)(sqrt(variance) / 4);
    const int64_t far = INT64_C(1) << 50, first = -(width * BINS) / 2;
    double sum = 0, want = 0, got = 0;
    size_t bins = 0;
    for (int64_t b = 0; b < BINS; b++) {
        int64_t from = b == 0 ? -far : first + b * width;
        int64_t to = b == BINS - 1 ? far : first + (b + 1) * width - 1;
        want += DRAWS * probability(variance, from, to);
        for (size_t i = 0; i < DRAWS; i++)
            got += x[i] >= from && x[i] <= to;
        /* What is left on the far side must be enough for a bin, too. */
        double rest = b == BINS - 1 ? 0 : DRAWS * probability(variance, to + 1, far);
        if (want >= 50 && (rest >= 50 || b == BINS - 1)) {
            sum += (got - want) * (got - want) / want;
            bins++;
            want = got = 0;
        }
    }
    assert_true(want < 1e-6 && bins >= 3);
    *ret_freedom = bins - 1;
    return sum;
}

static const an_noise_share shares[] = {
    {1, 4},                           /* the least that the accountant knows */
    {1, 1},                           /* sigma is whole: scale sigma + 1 */
    {733, 100},                       /* a true fraction; sigma 2.7 */
    {123456, 7},                      /* sigma 133 */
    {(UINT64_C(1) << 40) + 12345, 1}, /* sigma 2^20: two words of arithmetic */
    {AN_NOISE_NUM_MAX, AN_NOISE_DEN_MAX},
    {AN_NOISE_NUM_MAX, 1},
};
#define N_SHARES (sizeof shares / sizeof *shares)

static void draws_have_the_probabilities_of_the_discrete_gaussian(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SHARES; i++) {
        double variance = (double)shares[i].num / shares[i].den;
        int64_t *x = draws_of(shares[i].num, shares[i].den);
        size_t freedom = 0, positive = 0, negative = 0;
        double fit = chi_square(x, variance, &freedom), squares = 0, exact = variance, fourth = 3;
        if (!(fit <= chi_square_limit(freedom)))
            fail_msg("variance %g: chi-square %g with %zu degrees of freedom", variance, fit, freedom);
        /* It would see a variance that is 15 % off: the statistic is about 1100 then, with a deviation of 70. */
        double wrong = chi_square(x, variance * 1.15, &freedom);
        assert_true(wrong > chi_square_limit(freedom));

        for (size_t k = 0; k < DRAWS; k++) {
            squares += (double)x[k] * (double)x[k];
            positive += x[k] > 0;
            negative += x[k] < 0;
        }
        double lean = (double)positive - (double)negative;
        assert_true(fabs(lean) <= 6.6 * sqrt((double)(positive + negative)));
        if (variance < 100) {
            double second = 0, four = 0, all = 0;
            for (int k = -400; k <= 400; k++) {
                double p = exp(-k * k / (2 * variance));
                all += p;
                second += p * k * k;
                four += p * k * k * (double)k * k;
            }
            exact = second / all;
            fourth = four / all / (exact * exact);
            assert_true(exact <= variance * (1 + 1e-12)); /* Canonne, Kamath, Steinke 2020 */
        }
        if (!(fabs(squares / DRAWS - exact) <= 6.6 * exact * sqrt((fourth - 1) / DRAWS)))
            fail_msg("variance %g instead of %g", squares / DRAWS, exact);
        an_free(x);
    }
}

static void draws_do_not_depend_on_those_before_them(void **state)
{
    (void)state;
    int64_t *x = draws_of(100, 1);
    double products = 0;
    for (size_t i = 1; i < DRAWS; i++)
        products += (double)x[i] * (double)x[i - 1];
    assert_true(fabs(products) <= 6.6 * 100 * sqrt(DRAWS));
    an_free(x);
}

static void noise_is_added_modulo_2_to_the_32(void **state)
{
    (void)state;
    enum { N = 4000 };
    uint32_t v[N];
    an_noise *s = NULL;
    an_noise_share share = {9, 1};
    assert_int_equal(an_noise_new(&share, &s, NULL), AN_OK);
    for (size_t i = 0; i < N; i++)
        v[i] = i % 2 ? 2 : 0xfffffffeu; /* noise wraps at both */
    an_noise_add(s, v, N);
    size_t crossed = 0;
    for (size_t i = 0; i < N; i++) {
        int64_t signed_v = v[i] >> 31 ? (int64_t)v[i] - (INT64_C(1) << 32) : (int64_t)v[i];
        assert_true(signed_v > -200 && signed_v < 200);
        crossed += (signed_v < 0) == (i % 2);
    }
    assert_true(crossed > N / 10);
    an_noise_free(s);
}

static void squares_are_exact_and_never_wrap(void **state)
{
    (void)state;
    const uint32_t v[] = {3, (uint32_t)-4, 0, 0x80000000u}, most[] = {0x80000000u, 0x80000000u, 0x80000000u};
    uint64_t sum = 0;
    an_noise_squares(&sum, v, 3);
    assert_true(sum == 25);
    an_noise_squares(&sum, v + 3, 1);
    assert_true(sum == (UINT64_C(1) << 62) + 25);
    an_noise_squares(&sum, most, 3);
    assert_true(sum == UINT64_MAX);
    an_noise_squares(&sum, v, 1);
    assert_true(sum == UINT64_MAX);
}

static void the_norm_after_rounding_keeps_its_bound_as_often_as_said(void **state)
{
    (void)state;
    enum { DIM = 500, TRIALS = 400 };
    float x[DIM];
    uint32_t q[DIM];
    an_rng r;
    an_rng_init(&r, 5, 0);
    /* Halves are the worst: each coordinate is rounded by 1/2.  Then small and large random ones. */
    for (int kind = 0; kind < 3; kind++) {
        double norm = 0;
        for (size_t i = 0; i < DIM; i++) {
            x[i] = kind == 0 ? 0.5f : (float)(an_rng_normal(&r) * (kind == 1 ? 0.1 : 50));
            norm += (double)x[i] * (double)x[i];
        }
        norm = sqrt(norm);
        double bound = an_noise_rounded_norm(norm, DIM, AN_NOISE_BETA), always = norm + sqrt(DIM);
        size_t over = 0;
        for (uint64_t t = 0; t < TRIALS; t++) {
            an_fixed_draw draw = an_fixed_draw_of(t, "plant-a");
            uint64_t squares = 0;
            an_fixed_encode(q, x, DIM, 1.0, 0, 20, &draw, 0);
            an_noise_squares(&squares, q, DIM);
            over += sqrt((double)squares) > bound;
            assert_true(sqrt((double)squares) <= always);
        }
        assert_true(bound <= always && bound >= norm);
        assert_true((double)over <= AN_NOISE_BETA * TRIALS);
    }
    /* By hand: 10^2 + 100/4 + 1 * (10 + 10/2) with beta = e^-1/2. */
    assert_true(fabs(an_noise_rounded_norm(10, 100, AN_NOISE_BETA) - sqrt(140)) < 1e-12);
    assert_true(fabs(an_noise_rounded_norm(1, 4, 1e-30) - 3) < 1e-12);
}

static an_noise_want usual(void)
{
    return (an_noise_want){.sites = 20,
                           .lost = 4,
                           .colluders = 2,
                           .dim = 100000,
                           .clip_norm = 3.0,
                           .noise = 1.2,
                           .beta = AN_NOISE_BETA};
}

static void shares_of_the_honest_alone_come_to_the_noise_that_was_asked_for(void **state)
{
    (void)state;
    an_noise_want w = usual();
    an_noise_plan p;
    assert_int_equal(an_noise_plan_make(&p, &w, NULL), AN_OK);
    double share = (double)p.share.num / p.share.den, norm2 = (double)p.norm_squared;
    assert_int_equal(p.sum.sites, 14);
    assert_true(14 * share >= 1.44 * norm2 && 14 * share <= 1.44 * norm2 * 1.0001);
    /* ... and so to what that noise costs. */
    an_privacy_account sum = {0}, one = {0};
    assert_int_equal(an_privacy_add_sum(&sum, &p.sum, 30, NULL), AN_OK);
    assert_int_equal(an_privacy_add_gaussian(&one, 1.2, 1, 30, NULL), AN_OK);
    double got = an_privacy_epsilon(&sum, 1e-5), want = an_privacy_epsilon(&one, 1e-5);
    assert_true(got <= want * (1 + 1e-9) && got >= want * 0.999);
    /* Figures for people: 20 shares, in the unit of the norm. */
    double noise = sqrt(20 * share * 1e5) * ldexp(1, p.unit_exp);
    assert_true(fabs(p.noise_norm - noise) <= 1e-9 * noise && p.update_norm == 60.0);
}

/* Whether sums of updates of this norm, in units, and their noise stay within 31 bits. */
static bool has_room(const an_noise_want *w, uint32_t counted, double norm)
{
    double variance = w->noise * w->noise * norm * norm / counted;
    double reach = sqrt(2 * w->sites * variance * log(2 * (double)w->dim * 0x1p40));
    return w->sites * exp2(ceil(log2(norm + 1))) <= 0x1p31 && w->sites * norm + reach < 0x1p31;
}

static void the_unit_is_the_finest_with_room_for_updates_and_noise(void **state)
{
    (void)state;
    an_noise_want w = usual();
    for (w.noise = 1e-3; w.noise < 50; w.noise *= 7) {
        an_noise_plan p;
        assert_int_equal(an_noise_plan_make(&p, &w, NULL), AN_OK);
        double norm = sqrt((double)p.norm_squared);
        double finer = an_noise_rounded_norm(ldexp(w.clip_norm, 1 - p.unit_exp), w.dim, w.beta);
        assert_true(has_room(&w, p.sum.sites, norm) && !has_room(&w, p.sum.sites, finer));
        assert_true(ldexp(1, (int)p.value_bits) > norm && 20 * ldexp(1, (int)p.value_bits) <= 0x1p31);
        /* With so many steps in it, rounding hardly makes it longer. */
        assert_true(norm * ldexp(1, p.unit_exp) >= 3.0 && norm * ldexp(1, p.unit_exp) < 3.0 * 1.001);
    }
}

static void what_cannot_hide_a_site_is_refused(void **state)
{
    (void)state;
    an_noise_plan p;
    an_note why = {0};
    an_noise_want w = usual();
    w.lost = 18;
    assert_int_equal(an_noise_plan_make(&p, &w, &why), AN_ERR_REFUSED);
    assert_non_null(strstr(why.text, "no noise"));
    w.colluders = 1;
    assert_int_equal(an_noise_plan_make(&p, &w, &why), AN_OK);
    w.noise = 1e9;
    assert_int_equal(an_noise_plan_make(&p, &w, &why), AN_ERR_REFUSED);
    const an_noise_want good = usual();
    for (int i = 0; i < 7; i++) {
        w = good;
        w.sites = i == 0 ? 0 : w.sites;
        w.dim = i == 1 ? 0 : w.dim;
        w.clip_norm = i == 2 ? 0 : i == 3 ? NAN : w.clip_norm;
        w.noise = i == 4 ? 0 : w.noise;
        w.beta = i == 5 ? 1 : i == 6 ? 0 : w.beta;
        assert_int_equal(an_noise_plan_make(&p, &w, NULL), AN_ERR_INVAL);
    }
    const an_noise_share bad[] = {{0, 1}, {1, 0}, {AN_NOISE_NUM_MAX + 1, 1}, {1, AN_NOISE_DEN_MAX + 1}};
    an_noise *s = NULL;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(an_noise_new(&bad[i], &s, NULL), AN_ERR_INVAL);
    an_mem_fail_after(0);
    assert_int_equal(an_noise_new(&shares[0], &s, NULL), AN_ERR_NOMEM);
    an_mem_fail_never();
    assert_null(s);
    an_noise_free(NULL);
}

static void speed_is_shown(void **state)
{
    (void)state;
    for (size_t i = 1; i < N_SHARES; i += 2) {
        clock_t start = clock();
        an_free(draws_of(shares[i].num, shares[i].den));
        printf("variance %.3g: %.2f us a draw\n", (double)shares[i].num / shares[i].den,
               (double)(clock() - start) / CLOCKS_PER_SEC * 1e6 / DRAWS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_have_the_probabilities_of_the_discrete_gaussian),
        cmocka_unit_test(draws_do_not_depend_on_those_before_them),
        cmocka_unit_test(noise_is_added_modulo_2_to_the_32),
        cmocka_unit_test(squares_are_exact_and_never_wrap),
        cmocka_unit_test(the_norm_after_rounding_keeps_its_bound_as_often_as_said),
        cmocka_unit_test(shares_of_the_honest_alone_come_to_the_noise_that_was_asked_for),
        cmocka_unit_test(the_unit_is_the_finest_with_room_for_updates_and_noise),
        cmocka_unit_test(what_cannot_hide_a_site_is_refused),
        cmocka_unit_test(speed_is_shown),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
