/* Steps of preprocessing against second, simpler implementations and known responses. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "models/prep_chain.h"

enum { N = 400, COLUMNS_MAX = 8 };
#define TAU 6.28318530717958648

/* What comes out of rows (n, width), one after the other; returns how many. */
static size_t run(const char *steps, const float *rows, size_t n, size_t width, float *out, size_t *regimes)
{
    an_note why = {{0}};
    an_prep_chain *c = NULL;
    an_chain_stream *s = NULL;
    size_t made = 0;
    if (an_chain_parse(steps, strlen(steps), NULL, width, &c, &why) != AN_OK)
        fail_msg("%s", why.text);
    const size_t features = an_chain_features(c, width);
    assert_int_equal(an_chain_stream_new(c, &s), AN_OK);
    for (size_t i = 0; i < n; i++) {
        const float *row = NULL;
        size_t regime = 0;
        if (an_chain_push(s, rows + i * width, &row, &regime) != AN_CHAIN_ROW)
            continue;
        if (regimes)
            regimes[made] = regime;
        memcpy(out + made++ * features, row, features * sizeof *out);
    }
    an_chain_stream_free(s);
    an_chain_free(c);
    return made;
}

static void expect(const char *steps, const float *rows, size_t n, const float *want, size_t n_want)
{
    float out[64];
    assert_int_equal(run(steps, rows, n, 1, out, NULL), n_want);
    for (size_t i = 0; i < n_want; i++)
        if (isnan(want[i]) ? !isnan(out[i]) : !(out[i] <= want[i] && out[i] >= want[i]))
            fail_msg("%s: number %zu is %g and not %g", steps, i, (double)out[i], (double)want[i]);
}

#define EXPECT(steps, rows, want)                                                                            \
    expect(steps, rows, sizeof rows / sizeof *rows, want, sizeof want / sizeof *want)

static void units_are_converted_by_number_and_by_name(void **state)
{
    (void)state;
    const float rows[] = {212, 32, -40, NAN};
    EXPECT("steps: [convert: {from: degF, to: degC}]", rows, ((float[]){100, 0, -40, NAN}));
    EXPECT("steps: [convert: {gain: 2, offset: -4}]", rows, ((float[]){420, 60, -84, NAN}));
    EXPECT("steps: [convert: {from: bar, to: kPa}]", rows, ((float[]){21200, 3200, -4000, NAN}));
    EXPECT("steps: [convert: {gain: 2}, convert: {from: m, to: mm}]", rows,
           ((float[]){424000, 64000, -80000, NAN}));
    static const char *const wrong[] = {
        "from: bar, to: degC",         "from: cubit, to: m", "from: bar", "gain: 0",
        "from: bar, to: kPa, gain: 2", "unit: \"a\\\"b\""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[100];
        an_prep_chain *c = NULL;
        an_note why = {{0}};
        snprintf(text, sizeof text, "steps: [convert: {%s}]", wrong[i]);
        assert_int_equal(an_chain_parse(text, strlen(text), NULL, 1, &c, &why), AN_ERR_INVAL);
        assert_true(why.text[0]);
    }
    an_prep_chain *c = NULL;
    double gain, offset;
    const char *both = "steps: [convert: {gain: 2, offset: 1}, convert: {sensors: [1], gain: -3, offset: 5}]";
    assert_int_equal(an_chain_parse(both, strlen(both), NULL, 2, &c, NULL), AN_OK);
    an_chain_conversion(c, 0, &gain, &offset);
    assert_true(gain == 2 && offset == 1);
    an_chain_conversion(c, 1, &gain, &offset);
    assert_true(gain == -6 && offset == 2);
    an_chain_free(c);
}

static void values_out_of_range_and_stuck_ones_are_missing(void **state)
{
    (void)state;
    const float rows[] = {0, 1, 1, 1, 1, 2, 5, NAN, 5, 5, 5};
    EXPECT("steps: [range: {below: 1, above: 2}]", rows,
           ((float[]){NAN, 1, 1, 1, 1, 2, NAN, NAN, NAN, NAN, NAN}));
    EXPECT("steps: [range: {above: 2}]", rows, ((float[]){0, 1, 1, 1, 1, 2, NAN, NAN, NAN, NAN, NAN}));
    EXPECT("steps: [stuck: {rows: 3}]", rows, ((float[]){1, NAN, NAN, 2, 5, NAN, 5, 5, NAN}));
}

static void gaps_are_held_or_bridged_up_to_a_limit(void **state)
{
    (void)state;
    const float rows[] = {1, NAN, NAN, 4, NAN, NAN, NAN, 8, 9, NAN, 5, 6, 7};
    EXPECT("steps: [hold: {limit: 2}]", rows, ((float[]){1, 4, 4, 4, NAN, 8, 9, 9, 5, 6, 7}));
    EXPECT("steps: [interpolate: {limit: 2}]", rows, ((float[]){3, 4, NAN, NAN, NAN, 8, 9, 7, 5}));
    EXPECT("steps: [interpolate: {limit: 3}]", rows, ((float[]){4, 5, 6, 7, 8, 9, 7}));
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void a_median_is_that_of_the_sorted_values(void **state)
{
    (void)state;
    static float rows[N], out[N];
    an_rng r;
    an_rng_init(&r, 3, 0);
    for (size_t i = 0; i < N; i++)
        rows[i] = i % 5 == 0 || (i > 100 && i < 130) ? NAN : (float)an_rng_normal(&r);
    assert_int_equal(run("steps: [median: {rows: 9}]", rows, N, 1, out, NULL), N - 8);
    for (size_t i = 0; i + 9 <= N; i++) {
        float sorted[9];
        size_t n = 0;
        for (size_t k = 0; k < 9; k++)
            if (isfinite(rows[i + k]))
                sorted[n++] = rows[i + k];
        qsort(sorted, n, sizeof *sorted, ascending);
        if (n == 0) {
            assert_true(isnan(out[i]));
            continue;
        }
        const double want = ((double)sorted[(n - 1) / 2] + (double)sorted[n / 2]) / 2;
        assert_true(fabs((double)out[i] - want) < 1e-6);
    }
}

/* How much gets through of a wave with so many periods in the rows that come out of 61 taps. */
static double response(const char *steps, size_t periods)
{
    const double frequency = (double)periods / (N - 60);
    static float rows[N], out[N];
    double re = 0, im = 0;
    for (size_t i = 0; i < N; i++)
        rows[i] = (float)cos(TAU * frequency * (double)i);
    const size_t n = run(steps, rows, N, 1, out, NULL);
    for (size_t i = 0; i < n; i++) {
        re += (double)out[i] * cos(TAU * frequency * (double)i);
        im += (double)out[i] * sin(TAU * frequency * (double)i);
    }
    return 2 * sqrt(re * re + im * im) / (double)n;
}

static void a_low_pass_lets_through_what_is_slow_and_a_constant_to_the_bit(void **state)
{
    (void)state;
    static const char steps[] = "steps: [lowpass: {taps: 61, cutoff: 0.1}]";
    static float rows[N], out[N];
    an_rng r;
    an_rng_init(&r, 9, 0);
    assert_true(fabs(response(steps, 7) - 1) < 0.01);
    assert_true(fabs(response(steps, 17) - 1) < 0.02);
    assert_true(fabs(response(steps, 34) - 0.5) < 0.02); /* half the amplitude at the cutoff */
    assert_true(response(steps, 51) < 0.005 && response(steps, 85) < 0.005 && response(steps, 136) < 0.005);
    for (size_t k = 0; k < 50; k++) {
        const float level = (float)(an_rng_normal(&r) * pow(10, (double)(k % 20) - 10));
        for (size_t i = 0; i < N; i++)
            rows[i] = level;
        const size_t n = run(steps, rows, N, 1, out, NULL);
        for (size_t i = 0; i < n; i++)
            assert_memory_equal(&out[i], &level, sizeof level);
    }
    /* Symmetric: the middle of an impulse comes out in the middle, its sides are alike and add up to 1. */
    memset(rows, 0, sizeof rows);
    rows[100] = 1;
    assert_int_equal(run(steps, rows, N, 1, out, NULL), N - 60);
    double sum = 0;
    for (size_t i = 0; i <= 100; i++)
        sum += (double)out[i];
    for (size_t k = 1; k <= 30; k++)
        assert_memory_equal(&out[70 - k], &out[70 + k], sizeof *out);
    assert_true(fabs(sum - 1) < 1e-6 && out[70] > out[71]);
    rows[100] = NAN;
    assert_int_equal(run(steps, rows, N, 1, out, NULL), N - 60);
    for (size_t i = 0; i < N - 60; i++)
        assert_int_equal(isnan(out[i]), i >= 40 && i <= 100);
}

static void mixed_rates_become_one(void **state)
{
    (void)state;
    const float rows[] = {1, NAN, 4, NAN, NAN, NAN, 5, -3, 2, 7};
    EXPECT("steps: [resample: {rows: 3, by: mean}]", rows, ((float[]){2.5f, NAN, (float)(4.0 / 3.0)}));
    EXPECT("steps: [resample: {rows: 3, by: last}]", rows, ((float[]){4, NAN, 2}));
    EXPECT("steps: [resample: {rows: 3, by: min}]", rows, ((float[]){1, NAN, -3}));
    EXPECT("steps: [resample: {rows: 3, by: max}]", rows, ((float[]){4, NAN, 5}));
    const float pairs[] = {1, NAN, 2, 20, 3, NAN, 4, 40};
    float out[4];
    assert_int_equal(run("steps: [resample: {rows: 2, by: mean}]", pairs, 4, 2, out, NULL), 2);
    assert_true(out[0] == 1.5f && out[1] == 20 && out[2] == 3.5f && out[3] == 40);
}

static void lags_come_behind_the_sensors_and_know_whose_they_are(void **state)
{
    (void)state;
    const float rows[] = {1, 10, 100, 2, 20, 200, 3, 30, 300, 4, 40, 400};
    static const char steps[] = "steps: [lag: {sensors: [2, 0], rows: [1, 2]}]";
    const float want[] = {3, 30, 300, 2, 200, 1, 100, 4, 40, 400, 3, 300, 2, 200};
    float out[14];
    an_prep_chain *c = NULL;
    assert_int_equal(run(steps, rows, 4, 3, out, NULL), 2);
    assert_memory_equal(out, want, sizeof want);
    assert_int_equal(an_chain_parse(steps, strlen(steps), NULL, 3, &c, NULL), AN_OK);
    const size_t whose[] = {0, 1, 2, 0, 2, 0, 2};
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(an_chain_sensor(c, i), whose[i]);
    assert_int_equal(an_chain_features(c, 3), 7);
    an_chain_free(c);
}

static void rows_fall_into_regimes_and_some_rest(void **state)
{
    (void)state;
    static const char steps[] =
        "steps: [regime: {sensor: 0, edges: [10, 20], names: [stopped, slow, fast], ignore: [stopped]}]";
    const float rows[] = {5, 1, 10, 2, 19.9f, 3, 20, 4, NAN, 5, 9.9f, 6};
    float out[12];
    size_t regimes[6];
    assert_int_equal(run(steps, rows, 6, 2, out, regimes), 3);
    assert_true(out[1] == 2 && out[3] == 3 && out[5] == 4);
    assert_true(regimes[0] == 1 && regimes[1] == 1 && regimes[2] == 2);
    an_prep_chain *c = NULL;
    assert_int_equal(an_chain_parse(steps, strlen(steps), NULL, 2, &c, NULL), AN_OK);
    assert_string_equal(an_chain_regime_name(c, 2), "fast");
    an_chain_free(c);
}

static void rows_delay_and_rate_of_a_chain_add_up(void **state)
{
    (void)state;
    static const char steps[] =
        "steps: [median: {rows: 5}, resample: {rows: 10, by: mean}, interpolate: {limit: "
        "3}, lag: {rows: [4]}]";
    an_prep_chain *c = NULL;
    assert_int_equal(an_chain_parse(steps, strlen(steps), NULL, 1, &c, NULL), AN_OK);
    assert_int_equal(an_chain_rate(c), 10);
    assert_int_equal(an_chain_delay(c), 2 + 3 * 10);
    /* 1 row out of the lag wants 5, those 7 + 4 = 11 resampled, those 110, those 114 raw ones. */
    assert_int_equal(an_chain_rows(c, 1), 114);
    assert_int_equal(an_chain_rows(c, 3), 134);
    an_chain_free(c);
    assert_true(an_chain_rate(NULL) == 1 && an_chain_delay(NULL) == 0 && an_chain_rows(NULL, 7) == 7);
    assert_true(an_chain_regimes(NULL) == 1 && an_chain_features(NULL, 5) == 5 &&
                an_chain_sensor(NULL, 3) == 3);
}

static void chains_that_make_no_sense_or_are_too_large_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "steps: []",
        "steps: {hold: {limit: 2}}",
        "steps: [hold: {limit: 2}, 3]",
        "steps: [{hold: {limit: 2}, median: {rows: 3}}]",
        "steps: [hope: {limit: 2}]",
        "steps: [hold: {limit: 0}]",
        "steps: [hold: {limit: 4097}]",
        "steps: [hold: {sensors: [], limit: 2}]",
        "steps: [hold: {sensors: [0, 0], limit: 2}]",
        "steps: [hold: {sensors: [-1], limit: 2}]",
        "steps: [median: {rows: 4}]",
        "steps: [lowpass: {taps: 5, cutoff: 0.5}]",
        "steps: [range: {}]",
        "steps: [range: {below: 2, above: 1}]",
        "steps: [range: {below: .nan}]",
        "steps: [resample: {rows: 2, by: chance}]",
        "steps: [resample: {sensors: [0], rows: 2, by: mean}]",
        "steps: [lag: {rows: [2, 1]}]",
        "steps: [lag: {rows: [1]}, median: {rows: 3}]",
        "steps: [lag: {rows: [1]}, lag: {rows: [1]}]",
        "steps: [regime: {sensor: 0, edges: [1], names: [a, b]}, hold: {limit: 1}]",
        "steps: [regime: {sensor: 0, edges: [2, 1], names: [a, b, c]}]",
        "steps: [regime: {sensor: 0, edges: [1], names: [a]}]",
        "steps: [regime: {sensor: 0, edges: [1], names: [a, a]}]",
        "steps: [regime: {sensor: 0, edges: [1], names: [a, b], ignore: [a, b]}]",
        "steps: [regime: {sensor: 0, edges: [1], names: [a, b], ignore: [c]}]",
        "steps: [resample: {rows: 4096, by: mean}, resample: {rows: 4096, by: mean}]", /* too many rows */
    };
    an_prep_chain *c = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        an_note why = {{0}};
        if (an_chain_parse(wrong[i], strlen(wrong[i]), NULL, 2, &c, &why) != AN_ERR_INVAL)
            fail_msg("%s was taken", wrong[i]);
        assert_true(why.text[0] && !c);
    }
    const char *large = "steps: [hold: {limit: 4096}]";
    assert_int_equal(an_chain_parse(large, strlen(large), NULL, 300, &c, NULL), AN_ERR_INVAL);
    const char *named = "steps: [hold: {sensors: [oil], limit: 2}]";
    const char *const names[] = {"speed", "oil"};
    assert_int_equal(an_chain_parse(named, strlen(named), NULL, 2, &c, NULL), AN_ERR_INVAL);
    assert_int_equal(an_chain_parse(named, strlen(named), names, 2, &c, NULL), AN_OK);
    assert_string_equal(an_chain_canonical(c), "version: 1\nsteps:\n  - hold: {sensors: [1], limit: 2}\n");
    /* The same said in another way is not what a bundle may hold. */
    an_prep_chain *other = NULL;
    assert_int_equal(an_chain_restore(named, strlen(named), 2, &other, NULL), AN_ERR_PROTO);
    assert_int_equal(an_chain_restore("", 0, 2, &other, NULL), AN_ERR_PROTO);
    an_chain_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_are_converted_by_number_and_by_name),
        cmocka_unit_test(values_out_of_range_and_stuck_ones_are_missing),
        cmocka_unit_test(gaps_are_held_or_bridged_up_to_a_limit),
        cmocka_unit_test(a_median_is_that_of_the_sorted_values),
        cmocka_unit_test(a_low_pass_lets_through_what_is_slow_and_a_constant_to_the_bit),
        cmocka_unit_test(mixed_rates_become_one),
        cmocka_unit_test(lags_come_behind_the_sensors_and_know_whose_they_are),
        cmocka_unit_test(rows_fall_into_regimes_and_some_rest),
        cmocka_unit_test(rows_delay_and_rate_of_a_chain_add_up),
        cmocka_unit_test(chains_that_make_no_sense_or_are_too_large_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
