/* A reason names the sensor that the fault is in, not those that a model laid a part of it on. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models/explain.h"
#include "models/kernels/kernels.h"
#include "models/model.h"

enum { ROWS = 2, WIDTH = 4, INPUT = ROWS * WIDTH, N = 300, WIDE = 90 };

static float windows[N * INPUT];

/* All sensors are one movement, sensor 3 with less noise than the others. */
static void make_windows(void)
{
    an_rng rng;
    an_rng_init(&rng, 11, 0);
    for (size_t i = 0; i < N * ROWS; i++) {
        const double common = an_rng_normal(&rng);
        for (size_t j = 0; j < WIDTH; j++)
            windows[i * WIDTH + j] = (float)(common + (j == 3 ? 0.1 : 0.3) * an_rng_normal(&rng));
    }
}

/* A linear model that gives each sensor 0.4 of itself and 0.2 of each other one of its row. */
static void lay_weights(const an_model *m, float *params)
{
    const an_tensor *t = an_model_tensor_at(m, 0);
    memset(params, 0, an_model_n_params(m) * sizeof *params);
    for (size_t out = 0; out < INPUT; out++)
        for (size_t in = 0; in < INPUT; in++)
            if (in / WIDTH == out / WIDTH)
                params[t->offset + out * INPUT + in] = in == out ? 0.4f : 0.2f; /* symmetric */
}

static an_scorer *scorer_of(const char *detector, size_t width, size_t rows, const float *x, size_t n)
{
    static const char arch[] = "model: lines\ninput: {features: input, window: 2}\n"
                               "layers: [flatten, {dense: {units: input}}]\nloss: mse\ntarget: input\n";
    an_bundle b = {.model = "lines", .threshold = 1};
    an_prep_conf conf;
    an_note why = {{0}};
    an_scorer *s = NULL;
    float *made = an_alloc(n * width * rows, sizeof *made);
    double zero[WIDE] = {0}, one[WIDE];
    for (size_t j = 0; j < WIDE; j++)
        one[j] = 1;
    an_prep_conf_init(&conf);
    conf.window = (uint32_t)rows;
    assert_int_equal(an_prep_from_moments(&b.prep, &conf, zero, one, width, &why), AN_OK);
    assert_int_equal(an_detector_new(detector, (uint32_t)rows, (uint32_t)width, &b.detector, &why), AN_OK);
    if (b.detector->type->needs_model) {
        an_model *m = NULL;
        an_ws *ws = NULL;
        if (an_model_new(arch, strlen(arch), "test", width, &m, &why) != AN_OK)
            fail_msg("%s", why.text);
        b.arch = an_strdup(an_model_text(m));
        b.n_weights = an_model_n_params(m);
        b.weights = an_alloc(b.n_weights, sizeof *b.weights);
        lay_weights(m, b.weights);
        assert_int_equal(an_ws_new(m, AN_WS_FORWARD, 1, &ws), AN_OK);
        for (size_t i = 0; i < n; i++)
            memcpy(made + i * INPUT, an_model_forward(m, ws, b.weights, 1, x + i * INPUT),
                   INPUT * sizeof *made);
        an_ws_free(ws);
        an_model_free(m);
    }
    assert_int_equal(an_detector_fit(b.detector, x, made, n, &why), AN_OK);
    if (an_scorer_new(&b, NULL, &s, &why) != AN_OK)
        fail_msg("%s", why.text);
    an_bundle_done(&b);
    an_free(made);
    return s;
}

static void a_hidden_sensor_is_what_the_others_say(void **state)
{
    const char *detector = *state;
    make_windows();
    an_scorer *s = scorer_of(detector, WIDTH, ROWS, windows, N);
    an_scorer_work *w = NULL;
    float x[INPUT], expected[ROWS], again[ROWS];
    assert_int_equal(an_scorer_work_new(s, 1, &w), AN_OK);
    memcpy(x, windows, sizeof x);
    assert_int_equal(an_scorer_expected(s, w, x, 1, expected), AN_OK);
    for (size_t t = 0; t < ROWS; t++)
        x[t * WIDTH + 1] += 50.0f; /* it does not matter what it says itself */
    assert_int_equal(an_scorer_expected(s, w, x, 1, again), AN_OK);
    for (size_t t = 0; t < ROWS; t++)
        assert_true(fabsf(expected[t] - again[t]) < 2e-4f);
    an_scorer_work_free(w);
    an_scorer_free(s);
}

static void a_fault_is_named_with_its_size_and_its_sign(void **state)
{
    const char *detector = *state;
    make_windows();
    an_scorer *s = scorer_of(detector, WIDTH, ROWS, windows, N);
    an_scorer_work *w = NULL;
    an_explain *e = NULL;
    assert_int_equal(an_scorer_work_new(s, 1, &w), AN_OK);
    assert_int_equal(an_explain_new(s, w, windows, N, &e, NULL), AN_OK);
    for (size_t sensor = 0; sensor < WIDTH; sensor++) {
        float x[INPUT], expected[INPUT], deviation[INPUT], shares[WIDTH], parts[ROWS], sum = 0;
        uint32_t top[WIDTH];
        memcpy(x, windows, sizeof x);
        x[WIDTH + sensor] -= 6.0f; /* in the newest row alone */
        assert_int_equal(an_explain_window(e, s, w, x, expected, deviation, shares), AN_OK);
        for (size_t j = 0; j < WIDTH; j++)
            sum += shares[j];
        assert_true(fabsf(sum - 1.0f) < 1e-5f);
        assert_true(an_explain_top(shares, WIDTH, top, WIDTH) > 0);
        assert_int_equal(top[0], sensor);
        assert_true(deviation[WIDTH + sensor] < -5.0f);
        assert_true(fabsf(expected[WIDTH + sensor] - windows[WIDTH + sensor]) < 2.5f);
        an_explain_rows(deviation, ROWS, WIDTH, sensor, parts);
        assert_true(parts[1] > 0.9f && fabsf(parts[0] + parts[1] - 1.0f) < 1e-5f);
        assert_int_equal(an_explain_since(deviation, ROWS, WIDTH, sensor, 4.0), 1);
        assert_int_equal(an_explain_since(deviation, ROWS, WIDTH, sensor, 1e9), ROWS);
    }
    an_explain_free(e);
    an_scorer_work_free(w);
    an_scorer_free(s);
}

/* Sensor 3 is steady: a fault in it that its own residual shows little of must not be laid on the others. */
static void a_neighbour_is_not_blamed(void **state)
{
    (void)state;
    make_windows();
    an_scorer *s = scorer_of("autoencoder", WIDTH, ROWS, windows, N);
    an_scorer_work *w = NULL;
    an_explain *e = NULL;
    float x[INPUT], expected[INPUT], deviation[INPUT], shares[WIDTH], score, parts[WIDTH], total = 0;
    assert_int_equal(an_scorer_work_new(s, 1, &w), AN_OK);
    assert_int_equal(an_explain_new(s, w, windows, N, &e, NULL), AN_OK);
    memcpy(x, windows, sizeof x);
    x[0] += 5.0f;
    x[WIDTH] += 5.0f;
    assert_int_equal(an_scorer_score(s, w, x, 1, &score, parts), AN_OK);
    assert_int_equal(an_explain_window(e, s, w, x, expected, deviation, shares), AN_OK);
    for (size_t j = 0; j < WIDTH; j++)
        total += parts[j];
    print_message("share of the faulty sensor: %.3f, as the detector has it %.3f\n", (double)shares[0],
                  (double)(parts[0] / total));
    assert_true(shares[0] > 0.8f && shares[0] > parts[0] / total);
    an_explain_free(e);
    an_scorer_work_free(w);
    an_scorer_free(s);
}

static void of_many_sensors_those_are_looked_at_that_the_detector_names(void **state)
{
    (void)state;
    static float x[N * WIDE];
    an_rng rng;
    an_rng_init(&rng, 5, 0);
    for (size_t i = 0; i < N * WIDE; i++)
        x[i] = (float)an_rng_normal(&rng);
    an_scorer *s = scorer_of("mahalanobis", WIDE, 1, x, N);
    an_scorer_work *w = NULL;
    an_explain *e = NULL;
    float expected[WIDE], deviation[WIDE], shares[WIDE];
    uint32_t top[3];
    size_t looked = 0;
    assert_int_equal(an_scorer_work_new(s, 1, &w), AN_OK);
    assert_int_equal(an_explain_new(s, w, x, N, &e, NULL), AN_OK);
    x[WIDE - 1] = 12.0f;
    assert_int_equal(an_explain_window(e, s, w, x, expected, deviation, shares), AN_OK);
    for (size_t j = 0; j < WIDE; j++)
        looked += isfinite(expected[j]) != 0;
    assert_int_equal(looked, AN_EXPLAIN_SENSORS);
    assert_int_equal(an_explain_top(shares, WIDE, top, 3), 3);
    assert_int_equal(top[0], WIDE - 1);
    x[3] = NAN;
    assert_int_equal(an_explain_window(e, s, w, x, expected, deviation, shares), AN_ERR_NUMERIC);
    an_explain_free(e);
    an_scorer_work_free(w);
    an_scorer_free(s);
}

static void the_largest_come_first_and_ties_by_number(void **state)
{
    (void)state;
    const float values[] = {0.1f, 0.0f, 0.4f, 0.1f, NAN, 0.4f};
    uint32_t top[6];
    assert_int_equal(an_explain_top(values, 6, top, 3), 3);
    assert_true(top[0] == 2 && top[1] == 5 && top[2] == 0);
    assert_int_equal(an_explain_top(values, 6, top, 6), 4);
    assert_true(top[3] == 3);
}

static void memory_that_runs_out_and_no_windows_are_refused(void **state)
{
    (void)state;
    make_windows();
    an_scorer *s = scorer_of("mahalanobis", WIDTH, ROWS, windows, N);
    an_scorer_work *w = NULL;
    an_explain *e = NULL;
    an_note why = {{0}};
    assert_int_equal(an_scorer_work_new(s, 1, &w), AN_OK);
    assert_int_equal(an_explain_new(s, w, windows, 0, &e, &why), AN_ERR_INVAL);
    for (long i = 0; i < 2; i++) {
        an_mem_fail_after((size_t)i);
        an_err err = an_explain_new(s, w, windows, N, &e, NULL);
        an_mem_fail_never();
        assert_int_equal(err, AN_ERR_NOMEM);
    }
    an_scorer_work_free(w);
    an_scorer_free(s);
}

int main(void)
{
    char *of_model = "autoencoder", *of_none = "mahalanobis";
    const struct CMUnitTest tests[] = {
        {"a hidden sensor, model", a_hidden_sensor_is_what_the_others_say, NULL, NULL, of_model},
        {"a hidden sensor, mahalanobis", a_hidden_sensor_is_what_the_others_say, NULL, NULL, of_none},
        {"a fault is named, model", a_fault_is_named_with_its_size_and_its_sign, NULL, NULL, of_model},
        {"a fault is named, mahalanobis", a_fault_is_named_with_its_size_and_its_sign, NULL, NULL, of_none},
        cmocka_unit_test(a_neighbour_is_not_blamed),
        cmocka_unit_test(of_many_sensors_those_are_looked_at_that_the_detector_names),
        cmocka_unit_test(the_largest_come_first_and_ties_by_number),
        cmocka_unit_test(memory_that_runs_out_and_no_windows_are_refused),
    };
    an_kernels_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
