/* A memory of what is usual: what stays of it, how far other things are, against figures worked out by hand; where an image is not
 * as usual. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models/bank.h"

#define NEAR(a, b) assert_true(fabs((double)(a) - (double)(b)) < 1e-4)
#define SIDE 8u
#define COARSE 2u
#define PIXELS (SIDE * COARSE * SIDE * COARSE)
#define PLACES (SIDE * SIDE)

static const float line[] = {-6, -4, -2, 0, 2, 4, 6, 0, 0};

/* Its standard deviation, which distances are in. */
static float unit(void)
{
    double square = 0;
    for (size_t i = 0; i < 9; i++)
        square += (double)line[i] * (double)line[i] / 9;
    return (float)sqrt(square);
}

static void what_is_farthest_from_all_that_stay_is_next(void **state)
{
    (void)state;
    an_bank *b = NULL;
    for (uint64_t seed = 0; seed < 20; seed++) {
        assert_int_equal(an_bank_new(line, 9, 1, 4, seed, &b), AN_OK);
        const size_t *c = an_bank_chosen(b);
        assert_int_equal(an_bank_size(b), 4);
        for (size_t k = 1; k < 4; k++) { /* by definition */
            float most = -1, mine = 1e9f;
            for (size_t i = 0; i < 9; i++) {
                float least = 1e9f;
                for (size_t m = 0; m < k; m++)
                    least = fminf(least, fabsf(line[i] - line[c[m]]));
                most = fmaxf(most, least);
                mine = i == c[k] ? least : mine;
            }
            NEAR(mine, most);
        }
        an_bank_free(b);
    }
}

static void nothing_is_kept_twice(void **state)
{
    (void)state;
    an_bank *b = NULL;
    assert_int_equal(an_bank_new(line, 9, 1, 100, 3, &b), AN_OK);
    assert_int_equal(an_bank_size(b), 7);
    an_bank_free(b);
}

static void a_map_has_the_distance_to_the_nearest(void **state)
{
    (void)state;
    an_bank *b = NULL;
    const float x[] = {3.5f, -6, 9, 0.5f};
    float map[4];
    assert_int_equal(an_bank_new(line, 9, 1, 7, 1, &b), AN_OK);
    an_bank_map(b, x, 4, map);
    NEAR(map[0], 0.5 / (double)unit());
    NEAR(map[1], 0);
    NEAR(map[2], 3 / (double)unit());
    NEAR(map[3], 0.5 / (double)unit());
    /* The worst is 9, its nearest 6; all seven are the neighbours of that. */
    double sum = 0;
    for (size_t i = 0; i < 7; i++)
        sum += exp((9 - (double)line[i] - 3) / (double)unit());
    NEAR(an_bank_score(b, x, 4), 3 / (double)unit() * (1 - 1 / sum));
    an_bank_free(b);
    /* One alone has no neighbours. */
    assert_int_equal(an_bank_new(line, 9, 1, 1, 1, &b), AN_OK);
    an_bank_map(b, x, 4, map);
    NEAR(an_bank_score(b, x, 4), fmaxf(fmaxf(map[0], map[1]), fmaxf(map[2], map[3])));
    an_bank_free(b);
}

static void features_that_never_differ_say_nothing(void **state)
{
    (void)state;
    an_bank *b = NULL;
    const float two[] = {1, 7, 3, 7, 1, 7, 3, 7}, x[] = {1, 99};
    float map[1];
    assert_int_equal(an_bank_new(two, 4, 2, 4, 1, &b), AN_OK);
    assert_int_equal(an_bank_size(b), 2);
    an_bank_map(b, x, 1, map);
    NEAR(map[0], 0);
    an_bank_free(b);
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    an_bank *b = NULL;
    assert_int_equal(an_bank_new(line, 0, 1, 1, 1, &b), AN_ERR_INVAL);
    assert_int_equal(an_bank_new(line, 9, 1, 0, 1, &b), AN_ERR_INVAL);
    assert_int_equal(an_bank_new(line, 9, AN_BANK_FEATURES_MAX + 1, 1, 1, &b), AN_ERR_LIMIT);
    assert_int_equal(an_bank_new(line, 9, 1, AN_BANK_KEEP_MAX + 1, 1, &b), AN_ERR_LIMIT);
    assert_null(b);
}

/* Stripes across with noise; then a piece of them turned, of the same values. */
static void an_image_is_strange_where_its_pattern_is(void **state)
{
    (void)state;
    static float x[PIXELS], all[20 * PLACES * AN_BANK_FIXED], spare[PLACES * AN_BANK_FIXED], map[PLACES];
    static double scratch[(SIDE * COARSE + 1) * (SIDE * COARSE + 1)];
    an_bank *b = NULL;
    an_rng r;
    an_rng_init(&r, 5, 0);
    for (size_t i = 0; i < 21; i++) {
        for (size_t p = 0; p < PIXELS; p++) {
            const size_t y = p / (SIDE * COARSE), u = p % (SIDE * COARSE);
            const bool turned = i == 20 && y >= 4 && y < 10 && u >= 6 && u < 12;
            x[p] = (float)(((turned ? u : y) / 2 % 2 ? 1.0 : 0.0) + 0.05 * an_rng_normal(&r));
        }
        if (i < 20)
            an_bank_fixed(x, SIDE, SIDE, COARSE, scratch, spare, all + i * PLACES * AN_BANK_FIXED);
    }
    assert_int_equal(an_bank_new(all, 20 * PLACES, AN_BANK_FIXED, 100, 1, &b), AN_OK);
    const double usual = an_bank_score(b, all, PLACES);
    an_bank_fixed(x, SIDE, SIDE, COARSE, scratch, spare, all);
    an_bank_map(b, all, PLACES, map);
    size_t most = 0;
    for (size_t p = 0; p < PLACES; p++)
        most = map[p] > map[most] ? p : most;
    assert_true(most / SIDE >= 2 && most / SIDE < 5 && most % SIDE >= 3 && most % SIDE < 6);
    assert_true(an_bank_score(b, all, PLACES) > 2 * usual);
    an_bank_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_farthest_from_all_that_stay_is_next),
        cmocka_unit_test(nothing_is_kept_twice),
        cmocka_unit_test(a_map_has_the_distance_to_the_nearest),
        cmocka_unit_test(features_that_never_differ_say_nothing),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(an_image_is_strange_where_its_pattern_is),
    };
    return cmocka_run_group_tests_name("bank", tests, NULL, NULL);
}
