/* What every detector must do: score what it knows low and what it does not high, name the
 * sensor, and be the same after a journey through the bundle. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models/detector.h"

enum { WINDOW = 3, FEATURES = 4, INPUT = WINDOW * FEATURES, N = 400 };

static float x[N * INPUT], y[N * INPUT];

/* Normal windows; the "model" reconstructs them but for a little noise, and sensor 3 never
 * moves. */
static void make_windows(void)
{
    an_rng rng;
    an_rng_init(&rng, 17, 0);
    for (size_t i = 0; i < N * INPUT; i++) {
        bool constant = i % FEATURES == 3;
        x[i] = constant ? 0.0f : (float)an_rng_normal(&rng);
        y[i] = x[i] + (constant ? 0.0f : 0.3f * (float)an_rng_normal(&rng));
    }
}

static an_detector *fitted(const an_detector_type *type)
{
    an_detector *d = NULL;
    make_windows();
    an_err err = an_detector_new(type->name, WINDOW, FEATURES, &d, NULL);
    assert_int_equal(err, AN_OK);
    an_note why = {0};
    err = an_detector_fit(d, x, type->needs_model ? y : NULL, N, &why);
    assert_int_equal(err, AN_OK);
    return d;
}

/* Is a fault of the sensor above all that is normal, and named? */
static bool sees(const an_detector *d, size_t sensor)
{
    double *scratch = an_alloc(an_detector_scratch(d), sizeof *scratch);
    float scores[N], contributions[N * FEATURES], most = 0.0f, odd[INPUT], one, parts[FEATURES];
    an_detector_score(d, x, y, N, scores, contributions, scratch);
    for (size_t i = 0; i < N; i++) {
        assert_true(isfinite(scores[i]) && scores[i] >= 0.0f);
        most = scores[i] > most ? scores[i] : most;
    }
    memcpy(odd, x, sizeof odd);
    for (size_t row = 0; row < WINDOW; row++)
        odd[row * FEATURES + sensor] += 9.0f;
    an_detector_score(d, odd, y, 1, &one, parts, scratch);
    bool named = true;
    for (size_t j = 0; j < FEATURES; j++) {
        assert_true(isfinite(parts[j]) && parts[j] >= 0.0f);
        named = named && (j == sensor || parts[j] < parts[sensor]);
    }
    an_free(scratch);
    return one > most && named;
}

static void scores_a_fault_above_the_normal_and_names_its_sensor(void **state)
{
    const an_detector_type *type = *state;
    an_detector *d = fitted(type), *other = type->other ? fitted(an_detector_find(type->other)) : NULL;
    for (size_t sensor = 0; sensor < FEATURES; sensor++)
        assert_true(sees(d, sensor) || (other && sees(other, sensor)));
    an_detector_free(d);
    an_detector_free(other);
}

static void scores_a_batch_and_single_windows_to_the_same_bits(void **state)
{
    an_detector *d = fitted(*state);
    double *scratch = an_alloc(an_detector_scratch(d), sizeof *scratch);
    float scores[N], contributions[N * FEATURES];
    an_detector_score(d, x, y, N, scores, contributions, scratch);
    for (size_t i = 0; i < N; i++) {
        float one, parts[FEATURES];
        an_detector_score(d, x + i * INPUT, y + i * INPUT, 1, &one, parts, scratch);
        assert_memory_equal(&one, &scores[i], sizeof one);
        assert_memory_equal(parts, contributions + i * FEATURES, sizeof parts);
        an_detector_score(d, x + i * INPUT, y + i * INPUT, 1, &one, NULL, scratch);
        assert_memory_equal(&one, &scores[i], sizeof one);
    }
    an_free(scratch);
    an_detector_free(d);
}

static void is_the_same_after_a_journey_as_numbers(void **state)
{
    an_detector *d = fitted(*state), *copy = NULL;
    double *scratch = an_alloc(an_detector_scratch(d), sizeof *scratch);
    float a[N], b[N];
    an_err err = an_detector_restore(d->type->name, WINDOW, FEATURES, d->state, d->n_state, &copy, NULL);
    assert_int_equal(err, AN_OK);
    an_detector_score(d, x, y, N, a, NULL, scratch);
    an_detector_score(copy, x, y, N, b, NULL, scratch);
    assert_memory_equal(a, b, sizeof a);
    an_detector_free(copy);
    err = an_detector_restore(d->type->name, WINDOW, FEATURES, d->state, d->n_state - 1, &copy, NULL);
    assert_int_equal(err, AN_ERR_PROTO);
    d->state[d->n_state - 1] = (double)NAN;
    err = an_detector_restore(d->type->name, WINDOW, FEATURES, d->state, d->n_state, &copy, NULL);
    assert_int_equal(err, AN_ERR_PROTO);
    d->state[d->n_state - 1] = -1.0;
    err = an_detector_restore(d->type->name, WINDOW, FEATURES, d->state, d->n_state, &copy, NULL);
    assert_int_equal(err, AN_ERR_PROTO);
    an_free(scratch);
    an_detector_free(d);
}

static void refuses_windows_that_are_not_finite_or_absent(void **state)
{
    an_detector *d = fitted(*state);
    an_note why = {0};
    an_err err = an_detector_fit(d, x, y, 0, &why);
    assert_int_equal(err, AN_ERR_INVAL);
    x[5] = NAN;
    err = an_detector_fit(d, x, y, N, &why);
    assert_int_equal(err, AN_ERR_NUMERIC);
    an_detector_free(d);
    d = NULL;
    err = an_detector_new(((const an_detector_type *)*state)->name, 0, 4, &d, &why);
    assert_int_equal(err, AN_ERR_INVAL);
    err = an_detector_new("no such detector", 1, 4, &d, &why);
    assert_int_equal(err, AN_ERR_INVAL);
}

/* Three sites, one of them with a single window. */
static void is_made_of_sums_as_of_all_windows(void **state)
{
    static const size_t parts[] = {150, 1, N - 151};
    an_detector *all = fitted(*state), *joint = NULL;
    const size_t n = an_detector_n_sums(all);
    if (n == 0) {
        assert_int_equal(an_detector_add(all, x, y, N, NULL, NULL), AN_ERR_UNSUPPORTED);
        an_detector_free(all);
        return;
    }
    double *sums = an_alloc(n, sizeof *sums);
    an_err err = an_detector_new(all->type->name, WINDOW, FEATURES, &joint, NULL);
    assert_int_equal(err, AN_OK);
    for (size_t i = 0, at = 0; i < sizeof parts / sizeof *parts; at += parts[i++]) {
        err = an_detector_add(joint, x + at * INPUT, y + at * INPUT, parts[i], sums, NULL);
        assert_int_equal(err, AN_OK);
    }
    err = an_detector_from_sums(joint, N, sums, NULL);
    assert_int_equal(err, AN_OK);
    for (size_t i = 0; i < all->n_state; i++)
        assert_true(fabs(joint->state[i] - all->state[i]) <= 1e-9 * (1 + fabs(all->state[i])));
    assert_int_not_equal(an_detector_from_sums(joint, 0, sums, NULL), AN_OK);
    sums[0] = (double)NAN;
    assert_int_not_equal(an_detector_from_sums(joint, N, sums, NULL), AN_OK);
    an_free(sums);
    an_detector_free(all);
    an_detector_free(joint);
}

static void running_out_of_memory_at_any_point_leaks_nothing(void **state)
{
    const an_detector_type *type = *state;
    size_t live = an_mem_live(), n = 0;
    an_err err;
    make_windows();
    do {
        an_detector *d = NULL;
        an_mem_fail_after(n++);
        err = an_detector_new(type->name, WINDOW, FEATURES, &d, NULL);
        if (err == AN_OK)
            err = an_detector_fit(d, x, y, N, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        an_detector_free(d);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n >= 3);
}

static void the_autoencoder_score_of_its_own_data_is_one_on_average(void **state)
{
    (void)state;
    an_detector *d = fitted(an_detector_find("autoencoder"));
    float scores[N], contributions[N * FEATURES];
    double scratch[64], sum = 0.0, parts = 0.0;
    an_detector_score(d, x, y, N, scores, contributions, scratch);
    for (size_t i = 0; i < N; i++)
        sum += (double)scores[i];
    for (size_t i = 0; i < FEATURES; i++)
        parts += (double)contributions[i];
    assert_true(fabs(sum / N - 0.75) < 1e-6); /* three of four sensors have a residual */
    assert_true(fabs(parts - (double)scores[0]) < 1e-6);
    an_detector_free(d);
}

static void mahalanobis_is_the_closed_form(void **state)
{
    (void)state;
    an_detector *d = NULL;
    an_err err = an_detector_new("mahalanobis", 1, 2, &d, NULL);
    assert_int_equal(err, AN_OK);
    const double mean[] = {1, 2}, cov[] = {2, 1, 1, 2};
    err = an_detector_mahalanobis_set(d, mean, cov, NULL);
    assert_int_equal(err, AN_OK);
    const float at[] = {2, 2};
    float score, parts[2];
    double scratch[16];
    an_detector_score(d, at, NULL, 1, &score, parts, scratch);
    /* P = 1/3 [2 -1; -1 2]: d2 = 2/3; without x0: 0, without x1: 1/2. */
    assert_true(fabsf(score - 2.0f / 3.0f) < 2e-3f);
    assert_true(fabsf(parts[0] - 2.0f / 3.0f) < 2e-3f && fabsf(parts[1] - 1.0f / 6.0f) < 2e-3f);
    const double broken[] = {1, 5, 5, 1};
    an_note why = {0};
    err = an_detector_mahalanobis_set(d, mean, broken, &why);
    assert_int_equal(err, AN_ERR_NUMERIC);
    an_detector_free(d);
    err = an_detector_new("mahalanobis", 1000, 1000, &d, &why);
    assert_int_equal(err, AN_ERR_INVAL);
}

/* Two sensors of variances 9 and 1 along the diagonals: one component is kept. */
static void pca_is_the_closed_form(void **state)
{
    (void)state;
    an_detector *d = NULL;
    an_err err = an_detector_new("pca", 1, 2, &d, NULL);
    assert_int_equal(err, AN_OK);
    const uint64_t n = 1000001;
    const double sums[] = {0, 0, 5e6, 4e6, 5e6}; /* covariance [5 4; 4 5] */
    err = an_detector_from_sums(d, n, sums, NULL);
    assert_int_equal(err, AN_OK);
    /* Limits at 1 %: chi2 of one degree of freedom, by Wilson and Hilferty 6.585; for Q the same, as its
     * only variance is 1. */
    const float along[] = {3, 3}, across[] = {1, -1};
    float score, parts[2];
    double scratch[16];
    an_detector_score(d, along, NULL, 1, &score, parts, scratch);
    assert_true(fabsf(score - 18.0f / 9.0f / 6.585f) < 1e-3f);
    an_detector_score(d, across, NULL, 1, &score, parts, scratch);
    assert_true(fabsf(score - 2.0f / 6.585f) < 1e-3f);
    an_detector_free(d);
}

/* The same components: what lies along the one that is kept is T2's, what lies across it is Q's, and both add up to pca. */
static void t2_and_q_are_the_parts_of_pca(void **state)
{
    static const char *const names[] = {"t2", "q", "pca"};
    const double sums[] = {0, 0, 5e6, 4e6, 5e6};
    const float at[2][2] = {{3, 3}, {1, -1}};
    float score[2][3];
    double scratch[16];
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        an_detector *d = NULL;
        assert_int_equal(an_detector_new(names[k], 1, 2, &d, NULL), AN_OK);
        assert_int_equal(an_detector_from_sums(d, 1000001, sums, NULL), AN_OK);
        for (size_t i = 0; i < 2; i++)
            an_detector_score(d, at[i], NULL, 1, &score[i][k], NULL, scratch);
        an_detector_free(d);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_true(score[i][1 - i] < 1e-4f * score[i][i]);
        assert_true(fabsf(score[i][0] + score[i][1] - score[i][2]) < 1e-4f * score[i][2]);
    }
}

static void halfspace_cuts_by_its_seed(void **state)
{
    (void)state;
    an_detector *a = NULL, *b = NULL;
    make_windows();
    assert_int_equal(an_detector_new("halfspace", WINDOW, FEATURES, &a, NULL), AN_OK);
    an_detector_blank(a, 5);
    assert_int_equal(an_detector_copy(a, &b), AN_OK);
    assert_int_equal(an_detector_fit(a, x, NULL, N, NULL), AN_OK);
    assert_int_equal(an_detector_fit(b, x, NULL, N, NULL), AN_OK);
    assert_memory_equal(a->state, b->state, a->n_state * sizeof *a->state);
    an_detector_blank(b, 6);
    assert_int_equal(an_detector_fit(b, x, NULL, N, NULL), AN_OK);
    assert_memory_not_equal(a->state, b->state, a->n_state * sizeof *a->state);
    an_detector_free(a);
    an_detector_free(b);
}

/* Normal images are noise; a few pixels of one are bright: the map is highest there. */
static void padim_points_at_the_place(void **state)
{
    enum { SIDE = 40, IMAGES = 60, PLACE = 2 };
    (void)state;
    static float images[IMAGES * SIDE * SIDE], odd[SIDE * SIDE], ret[SIDE * SIDE];
    an_detector *d = NULL;
    an_rng rng;
    float usual, one;
    an_rng_init(&rng, 6, 0);
    for (size_t i = 0; i < IMAGES * SIDE * SIDE; i++)
        images[i] = (float)an_rng_normal(&rng);
    assert_int_equal(an_detector_new("padim", SIDE, SIDE, &d, NULL), AN_OK);
    assert_int_equal(an_detector_fit(d, images, NULL, IMAGES, NULL), AN_OK);
    double *scratch = an_alloc(an_detector_scratch(d), sizeof *scratch);
    for (size_t i = 0; i < SIDE * SIDE; i++)
        odd[i] = (float)an_rng_normal(&rng);
    an_detector_score(d, odd, NULL, 1, &usual, NULL, scratch);
    for (size_t v = 20; v < 24; v++)
        for (size_t u = 30; u < 34; u++)
            odd[v * SIDE + u] += 6;
    an_detector_score(d, odd, NULL, 1, &one, NULL, scratch);
    assert_true(one > 4 * usual);
    d->type->map(d, odd, ret, scratch);
    size_t best = 0;
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        best = ret[i] > ret[best] ? i : best;
        assert_true(ret[i] == ret[i / SIDE / PLACE * PLACE * SIDE + i % SIDE / PLACE * PLACE]);
    }
    assert_in_range(best / SIDE, 20, 23);
    assert_in_range(best % SIDE, 30, 33);
    an_free(scratch);
    an_detector_free(d);
}

static void padim_has_places_enough_for_any_image_and_no_more(void **state)
{
    static const uint32_t shapes[][2] = {{1, 1}, {1, 4096}, {32, 32}, {33, 33}, {1024, 768}, {4096, 3}};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        an_detector *d = NULL;
        assert_int_equal(an_detector_new("padim", shapes[i][0], shapes[i][1], &d, NULL), AN_OK);
        const size_t places = d->n_state / 44;
        assert_int_equal(d->n_state % 44, 0);
        assert_true(places <= 1024);
        assert_true((size_t)shapes[i][0] * shapes[i][1] < 1024 || places > 256);
        an_detector_free(d);
    }
}

int main(void)
{
    int failed = 0;
    for (size_t i = 0; an_detector_at(i); i++) {
        void *type = (void *)(uintptr_t)an_detector_at(i);
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate(scores_a_fault_above_the_normal_and_names_its_sensor, type),
            cmocka_unit_test_prestate(scores_a_batch_and_single_windows_to_the_same_bits, type),
            cmocka_unit_test_prestate(is_the_same_after_a_journey_as_numbers, type),
            cmocka_unit_test_prestate(refuses_windows_that_are_not_finite_or_absent, type),
            cmocka_unit_test_prestate(is_made_of_sums_as_of_all_windows, type),
            cmocka_unit_test_prestate(running_out_of_memory_at_any_point_leaks_nothing, type),
        };
        failed += cmocka_run_group_tests_name(an_detector_at(i)->name, tests, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_autoencoder_score_of_its_own_data_is_one_on_average),
        cmocka_unit_test(mahalanobis_is_the_closed_form),
        cmocka_unit_test(pca_is_the_closed_form),
        cmocka_unit_test(t2_and_q_are_the_parts_of_pca),
        cmocka_unit_test(halfspace_cuts_by_its_seed),
        cmocka_unit_test(padim_points_at_the_place),
        cmocka_unit_test(padim_has_places_enough_for_any_image_and_no_more),
    };
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
