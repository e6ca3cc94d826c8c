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

static void scores_a_fault_above_the_normal_and_names_its_sensor(void **state)
{
    an_detector *d = fitted(*state);
    double *scratch = an_alloc(an_detector_scratch(d), sizeof *scratch);
    float scores[N], contributions[N * FEATURES], most = 0.0f;
    an_detector_score(d, x, y, N, scores, contributions, scratch);
    for (size_t i = 0; i < N; i++) {
        assert_true(isfinite(scores[i]) && scores[i] >= 0.0f);
        most = scores[i] > most ? scores[i] : most;
    }
    for (size_t sensor = 0; sensor < FEATURES; sensor++) {
        float odd[INPUT], one, parts[FEATURES];
        memcpy(odd, x, sizeof odd);
        for (size_t row = 0; row < WINDOW; row++)
            odd[row * FEATURES + sensor] += 9.0f;
        an_detector_score(d, odd, y, 1, &one, parts, scratch);
        assert_true(one > most);
        for (size_t j = 0; j < FEATURES; j++) {
            assert_true(isfinite(parts[j]) && parts[j] >= 0.0f);
            assert_true(j == sensor || parts[j] < parts[sensor]);
        }
    }
    an_free(scratch);
    an_detector_free(d);
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
            cmocka_unit_test_prestate(running_out_of_memory_at_any_point_leaks_nothing, type),
        };
        failed += cmocka_run_group_tests_name(an_detector_at(i)->name, tests, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_autoencoder_score_of_its_own_data_is_one_on_average),
        cmocka_unit_test(mahalanobis_is_the_closed_form),
    };
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
