/* Maps of what is usual: sites' sums make the same map as all images in one place, and it points at what is not usual. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models/padim.h"

#define SIDE 8u
#define COARSE 2u
#define PIXELS (SIDE * COARSE * SIDE * COARSE)
#define PLACES (SIDE * SIDE)
#define IMAGES 60u
#define SITES 4u

/* A slope of light with noise. */
static void draw(an_rng *r, float *x)
{
    for (size_t i = 0; i < PIXELS; i++)
        x[i] = (float)(0.1 * (double)(i % (SIDE * COARSE)) + 0.2 * an_rng_normal(r));
}

static void features(const float *x, float *ret)
{
    static double scratch[(SIDE * COARSE + 1) * (SIDE * COARSE + 1)];
    an_padim_texture(x, SIDE, SIDE, COARSE, scratch, ret);
}

static void what_sites_add_up_is_what_all_images_give(void **state)
{
    (void)state;
    static float x[PIXELS], f[PLACES * AN_TEXTURE], one[PLACES], two[PLACES];
    an_padim *all = NULL, *sum = NULL, *sites[SITES] = {NULL};
    an_rng r;
    an_rng_init(&r, 3, 0);
    assert_int_equal(an_padim_new(SIDE, SIDE, AN_TEXTURE, &all), AN_OK);
    assert_int_equal(an_padim_new(SIDE, SIDE, AN_TEXTURE, &sum), AN_OK);
    for (size_t s = 0; s < SITES; s++)
        assert_int_equal(an_padim_new(SIDE, SIDE, AN_TEXTURE, &sites[s]), AN_OK);
    for (size_t i = 0; i < IMAGES; i++) {
        draw(&r, x);
        features(x, f);
        an_padim_add(all, f);
        an_padim_add(sites[i % SITES], f);
    }
    for (size_t s = 0; s < SITES; s++)
        an_padim_merge(sum, sites[s]);
    assert_int_equal(an_padim_count(sum), IMAGES);
    assert_int_equal(an_padim_fit(all, 0.01, NULL), AN_OK);
    assert_int_equal(an_padim_fit(sum, 0.01, NULL), AN_OK);
    draw(&r, x);
    features(x, f);
    an_padim_map(all, f, one);
    an_padim_map(sum, f, two);
    for (size_t i = 0; i < PLACES; i++)
        assert_true(fabsf(one[i] - two[i]) <= 1e-6f * one[i]);
    for (size_t s = 0; s < SITES; s++)
        an_padim_free(sites[s]);
    an_padim_free(all);
    an_padim_free(sum);
}

static void it_points_at_what_is_not_usual(void **state)
{
    (void)state;
    static float x[PIXELS], f[PLACES * AN_TEXTURE], map[PLACES];
    an_padim *p = NULL;
    an_rng r;
    size_t best = 0;
    double usual = 0;
    an_rng_init(&r, 4, 0);
    assert_int_equal(an_padim_new(SIDE, SIDE, AN_TEXTURE, &p), AN_OK);
    for (size_t i = 0; i < IMAGES; i++) {
        draw(&r, x);
        features(x, f);
        an_padim_add(p, f);
    }
    assert_int_equal(an_padim_fit(p, 0.01, NULL), AN_OK);
    draw(&r, x);
    features(x, f);
    an_padim_map(p, f, map);
    for (size_t i = 0; i < PLACES; i++)
        usual += (double)map[i] / PLACES;
    assert_true(usual > 1.5 && usual < 5); /* about the root of the number of features */
    for (size_t i = 0; i < COARSE * COARSE; i++)
        x[(5 * COARSE + i / COARSE) * SIDE * COARSE + 2 * COARSE + i % COARSE] -= 3;
    features(x, f);
    an_padim_map(p, f, map);
    for (size_t i = 0; i < PLACES; i++)
        best = map[i] > map[best] ? i : best;
    assert_int_equal(best, 5 * SIDE + 2);
    assert_true((double)map[best] > 3 * usual);
    an_padim_free(p);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    an_padim *p = NULL;
    an_note why = {{0}};
    static float f[4] = {NAN};
    assert_int_equal(an_padim_new(0, 2, 1, &p), AN_ERR_INVAL);
    assert_int_equal(an_padim_new(1u << 20, 1u << 20, 1, &p), AN_ERR_LIMIT);
    assert_int_equal(an_padim_new(2, 2, AN_PADIM_FEATURES_MAX + 1, &p), AN_ERR_LIMIT);
    assert_int_equal(an_padim_new(2, 2, 1, &p), AN_OK);
    assert_int_equal(an_padim_fit(p, 0.01, &why), AN_ERR_INVAL);
    an_padim_add(p, f);
    an_padim_add(p, f);
    assert_int_equal(an_padim_fit(p, 0.01, &why), AN_ERR_NUMERIC);
    an_padim_free(p);
    for (size_t n = 0; n < 5; n++) {
        p = NULL;
        an_mem_fail_after(n);
        const an_err err = an_padim_new(2, 2, 1, &p);
        an_mem_fail_never();
        assert_true(err == AN_ERR_NOMEM && !p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_sites_add_up_is_what_all_images_give),
        cmocka_unit_test(it_points_at_what_is_not_usual),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
