/* What every drift test must do: be silent on what it knows, fire on a shift, say which way,
 * and go on from a checkpoint with the same bits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "models/drift.h"
#include "models/histogram.h"

enum { REFERENCE = 5000, BINS = 10 };

static float reference[REFERENCE], edges[BINS - 1];
static uint64_t counts[BINS];

/* Reference values far from 0 and not of unit size, so that a test which forgets to standardise
 * cannot pass. */
#define MEAN 400.0
#define STD 20.0

static an_drift start(const an_drift_type *type)
{
    an_drift_conf conf;
    an_drift_conf_init(&conf);
    conf.mean = MEAN;
    conf.std = STD;
    conf.edges = edges;
    conf.n_edges = BINS - 1;
    conf.counts = counts;
    an_drift d = {0};
    an_err err = an_drift_init(&d, type->name, &conf, NULL);
    assert_int_equal(err, AN_OK);
    return d;
}

static int make_reference(void **state)
{
    an_rng rng;
    (void)state;
    an_rng_init(&rng, 11, 0);
    for (size_t i = 0; i < REFERENCE; i++)
        reference[i] = (float)(MEAN + STD * an_rng_normal(&rng));
    memset(counts, 0, sizeof counts);
    an_err err = an_hist_edges(edges, BINS, reference, REFERENCE, 1, 0);
    an_hist_count(counts, edges, BINS - 1, reference, REFERENCE, 1, 0);
    return err != AN_OK;
}

/* The stated rate: at most one false drift in 100 000 stationary values (independent, normal).
 */
static void is_silent_on_stationary_data(void **state)
{
    const an_drift_type *type = *state;
    size_t drifts = 0, warnings = 0;
    for (uint64_t seed = 0; seed < 10; seed++) {
        an_rng rng;
        an_rng_init(&rng, 1000 + seed, 0);
        an_drift d = start(type);
        for (size_t i = 0; i < 20000; i++) {
            an_drift_result r = an_drift_update(&d, MEAN + STD * an_rng_normal(&rng));
            drifts += r.level == AN_DRIFT_DRIFT;
            warnings += r.level == AN_DRIFT_WARNING;
        }
    }
    print_message("%s: %zu drifts, %zu warnings in 200000 values\n", type->name, drifts, warnings);
    assert_true(drifts <= 2);
}

static size_t delay_of(const an_drift_type *type, double shift, int *ret_sign, double *ret_effect)
{
    an_rng rng;
    an_rng_init(&rng, 21, 0);
    an_drift d = start(type);
    for (size_t i = 0; i < 2000; i++)
        (void)an_drift_update(&d, MEAN + STD * an_rng_normal(&rng));
    for (size_t i = 0; i < 5000; i++) {
        an_drift_result r = an_drift_update(&d, MEAN + STD * (shift + an_rng_normal(&rng)));
        if (r.level != AN_DRIFT_DRIFT)
            continue;
        *ret_sign = r.sign;
        *ret_effect = r.effect;
        assert_true(r.statistic > 0.0 && r.limit > 0.0 && r.statistic >= r.limit);
        return i + 1;
    }
    return SIZE_MAX;
}

static void fires_on_a_shift_and_says_which_way(void **state)
{
    const an_drift_type *type = *state;
    for (int way = -1; way <= 1; way += 2) {
        int sign = 0;
        double effect = 0.0;
        size_t delay = delay_of(type, 1.0 * way, &sign, &effect);
        print_message("%s: shift %+d std seen after %zu values, effect %.2f\n", type->name, way, delay,
                      effect);
        assert_true(delay <= 1000);
        assert_int_equal(sign, way);
        assert_true(effect > 0.1 && effect < 3.0);
    }
}

static void missing_values_change_nothing(void **state)
{
    const an_drift_type *type = *state;
    an_drift d = start(type), before = d;
    an_drift_result r = an_drift_update(&d, (double)NAN);
    assert_int_equal(r.level, AN_DRIFT_NONE);
    r = an_drift_update(&d, (double)INFINITY);
    assert_int_equal(r.level, AN_DRIFT_NONE);
    assert_memory_equal(d.s, before.s, sizeof d.s);
}

static void goes_on_from_a_checkpoint_with_the_same_bits(void **state)
{
    const an_drift_type *type = *state;
    an_rng rng;
    an_rng_init(&rng, 31, 0);
    an_drift d = start(type);
    size_t drifts = 0;
    for (size_t i = 0; i < 4000; i++) {
        double x = MEAN + STD * (an_rng_normal(&rng) + (i > 2500 ? 2.0 : 0.0));
        if (i % 397 == 0) {
            an_buf b;
            an_buf_init(&b, 1 << 16);
            an_drift_save(&d, &b);
            an_err err = an_buf_err(&b);
            assert_int_equal(err, AN_OK);
            assert_int_equal(b.len, 16 + 8 * type->n_state);
            an_drift copy;
            err = an_drift_load(&copy, b.data, b.len);
            assert_int_equal(err, AN_OK);
            assert_memory_equal(copy.s, d.s, sizeof d.s);
            an_buf_done(&b);
            an_drift_result r = an_drift_update(&d, x), q = an_drift_update(&copy, x);
            assert_true(r.level == q.level && r.effect == q.effect);
            assert_memory_equal(copy.s, d.s, sizeof d.s);
            drifts += r.level == AN_DRIFT_DRIFT;
            continue;
        }
        drifts += an_drift_update(&d, x).level == AN_DRIFT_DRIFT;
    }
    assert_true(drifts >= 1);
}

static void refuses_a_checkpoint_that_is_not_its_own(void **state)
{
    const an_drift_type *type = *state;
    an_drift d = start(type), out;
    an_buf b;
    an_buf_init(&b, 1 << 16);
    an_drift_save(&d, &b);
    an_err err = an_drift_load(&out, b.data, b.len - 1);
    assert_int_equal(err, AN_ERR_PROTO);
    err = an_drift_load(&out, b.data, 7);
    assert_int_equal(err, AN_ERR_PROTO);
    /* NAN in each place of the state, and a wild number: refused, or a state that can be run.
     */
    for (size_t i = 0; i < type->n_state; i++) {
        uint8_t keep[8];
        memcpy(keep, b.data + 16 + 8 * i, 8);
        memset(b.data + 16 + 8 * i, 0xff, 8);
        err = an_drift_load(&out, b.data, b.len);
        assert_int_equal(err, AN_ERR_PROTO);
        b.data[16 + 8 * i + 7] = 0xc4; /* about -1e22 */
        err = an_drift_load(&out, b.data, b.len);
        for (size_t k = 0; err == AN_OK && k < 200; k++)
            (void)an_drift_update(&out, MEAN);
        memcpy(b.data + 16 + 8 * i, keep, 8);
    }
    b.data[0] = 'x';
    err = an_drift_load(&out, b.data, b.len);
    assert_int_equal(err, AN_ERR_PROTO);
    an_buf_done(&b);
}

static void refuses_a_reference_that_says_nothing(void **state)
{
    const an_drift_type *type = *state;
    an_drift_conf conf;
    an_drift_conf_init(&conf);
    conf.std = 0.0;
    an_drift d;
    an_note why = {0};
    an_err err = an_drift_init(&d, type->name, &conf, &why);
    assert_int_equal(err, AN_ERR_INVAL);
    assert_true(why.text[0]);
    conf.std = 1.0;
    err = an_drift_init(&d, type->name, &conf, &why);
    assert_int_equal(err, type->needs_bins ? AN_ERR_INVAL : AN_OK);
    err = an_drift_init(&d, "no such test", &conf, &why);
    assert_int_equal(err, AN_ERR_INVAL);
}

static void adwin_keeps_the_new_part_of_its_window_after_a_cut(void **state)
{
    (void)state;
    an_drift d = start(an_drift_find("adwin"));
    an_rng rng;
    an_rng_init(&rng, 41, 0);
    size_t drifts = 0;
    for (size_t i = 0; i < 20000; i++)
        drifts +=
            an_drift_update(&d, MEAN + STD * (an_rng_normal(&rng) * 0.1 + (i < 5000 ? 0.0 : 1.0))).level ==
            AN_DRIFT_DRIFT;
    /* A test that lost its window would be blind again; one that kept the old part would go on
     * firing. */
    assert_true(drifts >= 1 && drifts <= 3);
}

static void small_samples_do_not_frighten_psi(void **state)
{
    (void)state;
    an_drift_conf conf;
    an_drift_conf_init(&conf);
    uint64_t few[BINS];
    for (size_t i = 0; i < BINS; i++)
        few[i] = 10;
    conf.edges = edges;
    conf.n_edges = BINS - 1;
    conf.counts = few;
    conf.window = 60;
    an_drift d;
    an_err err = an_drift_init(&d, "psi", &conf, NULL);
    assert_int_equal(err, AN_OK);
    an_rng rng;
    an_rng_init(&rng, 51, 0);
    size_t drifts = 0, tests = 0;
    for (size_t i = 0; i < 60000; i++, tests += i % 60 == 0)
        drifts += an_drift_update(&d, MEAN + STD * an_rng_normal(&rng)).level == AN_DRIFT_DRIFT;
    assert_true(drifts * 100 <= tests); /* the fixed limit of 0.1 fires on most of them */
}

int main(void)
{
    int failed = 0;
    for (size_t i = 0; an_drift_at(i); i++) {
        void *type = (void *)(uintptr_t)an_drift_at(i);
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate(is_silent_on_stationary_data, type),
            cmocka_unit_test_prestate(fires_on_a_shift_and_says_which_way, type),
            cmocka_unit_test_prestate(missing_values_change_nothing, type),
            cmocka_unit_test_prestate(goes_on_from_a_checkpoint_with_the_same_bits, type),
            cmocka_unit_test_prestate(refuses_a_checkpoint_that_is_not_its_own, type),
            cmocka_unit_test_prestate(refuses_a_reference_that_says_nothing, type),
        };
        failed += cmocka_run_group_tests_name(an_drift_at(i)->name, tests, make_reference, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adwin_keeps_the_new_part_of_its_window_after_a_cut),
        cmocka_unit_test(small_samples_do_not_frighten_psi),
    };
    return failed + cmocka_run_group_tests(tests, make_reference, NULL);
}
