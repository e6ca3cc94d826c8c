/* Maps of what is usual: sites' sums make the same map as all images in one place, and it points at what is not usual. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "models/padim.h"
#include "models/texture.h"

#define SIDE 8u
#define COARSE 2u
#define PIXELS (SIDE * COARSE * SIDE * COARSE)
#define PLACES (SIDE * SIDE)
#define IMAGES 60u
#define SITES 4u
#define EACH (AN_TEXTURE + AN_TEXTURE * (AN_TEXTURE + 1) / 2)

/* A slope of light with noise. */
static void draw(an_rng *r, float *x)
{
    for (size_t i = 0; i < PIXELS; i++)
        x[i] = (float)(0.1 * (double)(i % (SIDE * COARSE)) + 0.2 * an_rng_normal(r));
}

typedef struct usual {
    double sums[PLACES * EACH], state[PLACES * EACH];
} usual;

static void features(const float *x, float *ret)
{
    static double scratch[(SIDE * COARSE + 1) * (SIDE * COARSE + 1)];
    an_texture(x, SIDE * COARSE, SIDE * COARSE, COARSE, scratch, ret);
}

static void add(usual *u, const float *f)
{
    for (size_t k = 0; k < PLACES; k++)
        an_padim_add(u->sums + k * EACH, AN_TEXTURE, f + k * AN_TEXTURE);
}

static void map_of(const usual *u, const float *f, double *ret)
{
    for (size_t k = 0; k < PLACES; k++)
        ret[k] = sqrt(an_padim_square(u->state + k * EACH, AN_TEXTURE, f + k * AN_TEXTURE));
}

static an_err fit(usual *u, double n)
{
    return an_padim_fit(u->sums, n, PLACES, AN_TEXTURE, 0.01, u->state, NULL);
}

static void what_sites_add_up_is_what_all_images_give(void **state)
{
    (void)state;
    static float x[PIXELS], f[PLACES * AN_TEXTURE];
    static double one[PLACES], two[PLACES];
    static usual all, sum, sites[SITES];
    an_rng r;
    an_rng_init(&r, 3, 0);
    assert_int_equal(EACH, an_padim_values(AN_TEXTURE));
    for (size_t i = 0; i < IMAGES; i++) {
        draw(&r, x);
        features(x, f);
        add(&all, f);
        add(&sites[i % SITES], f);
    }
    for (size_t s = 0; s < SITES; s++)
        for (size_t i = 0; i < PLACES * EACH; i++)
            sum.sums[i] += sites[s].sums[i];
    assert_int_equal(fit(&all, IMAGES), AN_OK);
    assert_int_equal(fit(&sum, IMAGES), AN_OK);
    draw(&r, x);
    features(x, f);
    map_of(&all, f, one);
    map_of(&sum, f, two);
    for (size_t i = 0; i < PLACES; i++)
        assert_true(fabs(one[i] - two[i]) <= 1e-9 * one[i]);
}

static void it_points_at_what_is_not_usual(void **state)
{
    (void)state;
    static float x[PIXELS], f[PLACES * AN_TEXTURE];
    static double map[PLACES];
    static usual u;
    an_rng r;
    size_t best = 0;
    double mean = 0;
    an_rng_init(&r, 4, 0);
    for (size_t i = 0; i < IMAGES; i++) {
        draw(&r, x);
        features(x, f);
        add(&u, f);
    }
    assert_int_equal(fit(&u, IMAGES), AN_OK);
    draw(&r, x);
    features(x, f);
    map_of(&u, f, map);
    for (size_t i = 0; i < PLACES; i++)
        mean += map[i] / PLACES;
    assert_true(mean > 1.5 && mean < 5); /* about the root of the number of features */
    for (size_t i = 0; i < COARSE * COARSE; i++)
        x[(5 * COARSE + i / COARSE) * SIDE * COARSE + 2 * COARSE + i % COARSE] -= 3;
    features(x, f);
    map_of(&u, f, map);
    for (size_t i = 0; i < PLACES; i++)
        best = map[i] > map[best] ? i : best;
    assert_int_equal(best, 5 * SIDE + 2);
    assert_true(map[best] > 3 * mean);
}

/* Of images that are all the same noise is no fault, however many they were. */
static void images_without_noise_do_not_make_it_blind_or_wild(void **state)
{
    (void)state;
    static float x[PIXELS], f[PLACES * AN_TEXTURE];
    static double map[PLACES];
    static usual u;
    for (size_t i = 0; i < PIXELS; i++)
        x[i] = (float)(i % 7) - 3;
    features(x, f);
    for (size_t i = 0; i < 5000; i++)
        add(&u, f);
    assert_int_equal(fit(&u, 5000), AN_OK);
    x[40] += 0.001f;
    features(x, f);
    map_of(&u, f, map);
    for (size_t i = 0; i < PLACES; i++)
        assert_true(map[i] < 10);
    x[40] += 5;
    features(x, f);
    map_of(&u, f, map);
    double most = 0;
    for (size_t i = 0; i < PLACES; i++)
        most = fmax(most, map[i]);
    assert_true(most > 100);
}

/* Two features by hand: values (0, 0), (2, 2), (4, 1) have mean (2, 1) and covariance [4 1; 1 1]. */
static void distances_are_the_closed_form(void **state)
{
    (void)state;
    static const float at[3][2] = {{0, 0}, {2, 2}, {4, 1}}, x[] = {4, 1}, odd[] = {NAN, 1};
    double sums[5] = {0}, ret[5];
    for (size_t i = 0; i < 3; i++)
        an_padim_add(sums, 2, at[i]);
    assert_int_equal(an_padim_fit(sums, 3, 1, 2, 0, ret, NULL), AN_OK);
    assert_true(an_padim_check(ret, 2));
    assert_float_equal(an_padim_square(ret, 2, x), 4.0 / 3,
                       1e-5);                               /* but for the floor; 2 * 2 * 1 / (4 - 1) */
    assert_float_equal(an_padim_first(ret, 2, x), 1, 1e-5); /* 2 * 2 / 4 */
    assert_true(isnan(an_padim_square(ret, 2, odd)));
    ret[4] = 0;
    assert_false(an_padim_check(ret, 2));
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    an_note why = {{0}};
    double ret[2];
    static const double fine[] = {4, 10}, odd[] = {NAN, NAN}, impossible[] = {4, -10};
    assert_int_equal(an_padim_fit(fine, 2, 1, 1, 0.01, ret, &why), AN_OK);
    assert_int_equal(an_padim_fit(fine, 1, 1, 1, 0.01, ret, &why), AN_ERR_INVAL);
    assert_int_equal(an_padim_fit(odd, 2, 1, 1, 0.01, ret, &why), AN_ERR_NUMERIC);
    assert_int_equal(an_padim_fit(impossible, 2, 1, 1, 0.01, ret, &why), AN_ERR_NUMERIC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_sites_add_up_is_what_all_images_give),
        cmocka_unit_test(it_points_at_what_is_not_usual),
        cmocka_unit_test(images_without_noise_do_not_make_it_blind_or_wild),
        cmocka_unit_test(distances_are_the_closed_form),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
