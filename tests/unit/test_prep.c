/* Rows into windows: scaling, missing values, smoothing, stride, and the stream beside the
 * table. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models/prep.h"

static void a_scale_is_mean_and_deviation_and_constants_are_flagged(void **state)
{
    (void)state;
    const float rows[] = {1, 5, 1e6f, 3, 5, 1e6f, 5, 5, NAN};
    an_prep_conf conf;
    an_prep_conf_init(&conf);
    an_prep p;
    an_err err = an_prep_fit(&p, &conf, rows, 3, 3, NULL);
    assert_int_equal(err, AN_OK);
    assert_true(p.mean[0] == 3.0f && p.mean[1] == 5.0f && p.mean[2] == 1e6f);
    assert_true(fabsf(p.scale[0] - sqrtf(8.0f / 3.0f)) < 1e-6f);
    assert_true(p.scale[1] == 1.0f && p.constant[1] && p.constant[2] && !p.constant[0]);
    an_prep_stream *s = NULL;
    err = an_prep_stream_new(&p, &s);
    assert_int_equal(err, AN_OK);
    float z[3];
    const float strange[] = {3, 5.5f, 3e38f};
    assert_true(an_prep_push(s, strange, z));
    assert_true(z[0] == 0.0f && z[1] == 0.5f &&
                z[2] == 10.0f); /* a constant that moves is seen, and bounded */
    an_prep_stream_free(s);
    an_prep_done(&p);
}

static void moments_give_the_same_scale_as_rows(void **state)
{
    (void)state;
    const float rows[] = {1, 3, 5};
    const double mean = 3.0, variance = 8.0 / 3.0;
    an_prep_conf conf;
    an_prep_conf_init(&conf);
    an_prep a, b;
    an_err err = an_prep_fit(&a, &conf, rows, 3, 1, NULL);
    assert_int_equal(err, AN_OK);
    err = an_prep_from_moments(&b, &conf, &mean, &variance, 1, NULL);
    assert_int_equal(err, AN_OK);
    assert_true(an_prep_equal(&a, &b));
    an_prep_done(&b);
    const double broken = (double)NAN;
    err = an_prep_from_moments(&b, &conf, &broken, &variance, 1, NULL);
    assert_int_equal(err, AN_ERR_NUMERIC);
    an_prep_done(&a);
}

/* mean 0, scale 1, so that windows hold the values themselves. */
static an_prep plain(uint32_t window, uint32_t stride, uint32_t smooth, an_missing missing)
{
    an_prep_conf conf;
    an_prep_conf_init(&conf);
    conf.window = window;
    conf.stride = stride;
    conf.smooth = smooth;
    conf.missing = missing;
    const double mean = 0.0, variance = 1.0;
    an_prep p = {0};
    an_err err = an_prep_from_moments(&p, &conf, &mean, &variance, 1, NULL);
    assert_int_equal(err, AN_OK);
    return p;
}

static void windows_hold_the_last_rows_oldest_first(void **state)
{
    (void)state;
    const float rows[] = {1, 2, 3, 4, 5, 6, 7};
    an_prep p = plain(3, 2, 1, AN_MISSING_HOLD);
    an_windows w;
    an_err err = an_prep_windows(&p, rows, 7, &w);
    assert_int_equal(err, AN_OK);
    assert_int_equal(w.n, 3);
    const float want[] = {1, 2, 3, 3, 4, 5, 5, 6, 7};
    assert_memory_equal(w.x, want, sizeof want);
    assert_int_equal(w.last[1], 4);
    an_windows_done(&w);
    an_prep_done(&p);
}

static void smoothing_is_the_mean_of_the_last_rows(void **state)
{
    (void)state;
    const float rows[] = {1, 2, 6, 4};
    an_prep p = plain(1, 1, 3, AN_MISSING_HOLD);
    an_windows w;
    an_err err = an_prep_windows(&p, rows, 4, &w);
    assert_int_equal(err, AN_OK);
    assert_int_equal(w.n, 2);
    assert_true(w.x[0] == 3.0f && w.x[1] == 4.0f && w.last[0] == 2);
    an_windows_done(&w);
    an_prep_done(&p);
}

static void missing_values_are_held_averaged_or_skipped(void **state)
{
    (void)state;
    const float rows[] = {NAN, 2, NAN, 4, 5};
    static const struct {
        an_missing missing;
        size_t n;
        float x[8];
    } cases[] = {{AN_MISSING_HOLD, 4, {0, 2, 2, 2, 2, 4, 4, 5}},
                 {AN_MISSING_MEAN, 4, {0, 2, 2, 0, 0, 4, 4, 5}},
                 {AN_MISSING_SKIP, 1, {4, 5}}};
    for (size_t i = 0; i < 3; i++) {
        an_prep p = plain(2, 1, 1, cases[i].missing);
        an_windows w;
        an_err err = an_prep_windows(&p, rows, 5, &w);
        assert_int_equal(err, AN_OK);
        assert_int_equal(w.n, cases[i].n);
        assert_memory_equal(w.x, cases[i].x, w.n * 2 * sizeof(float));
        an_windows_done(&w);
        an_prep_done(&p);
    }
}

static void after_a_reset_a_stream_is_like_new_whatever_came_before(void **state)
{
    (void)state;
    an_prep p = plain(4, 3, 3, AN_MISSING_HOLD);
    an_prep_stream *s = NULL;
    an_rng rng;
    an_rng_init(&rng, 7, 0);
    float rows[60];
    for (size_t i = 0; i < 60; i++)
        rows[i] = i % 7 == 0 ? NAN : (float)an_rng_normal(&rng);
    an_windows w;
    an_err err = an_prep_windows(&p, rows, 60, &w);
    assert_int_equal(err, AN_OK);
    err = an_prep_stream_new(&p, &s);
    assert_int_equal(err, AN_OK);
    float one[4];
    for (size_t i = 0; i < 11; i++)
        (void)an_prep_push(s, &rows[20 + i], one);
    an_prep_stream_reset(s);
    size_t seen = 0;
    for (size_t i = 0; i < 60; i++)
        if (an_prep_push(s, &rows[i], one)) {
            assert_memory_equal(one, w.x + seen * 4, sizeof one);
            assert_int_equal(w.last[seen], i);
            seen++;
        }
    assert_int_equal(seen, w.n);
    an_prep_stream_free(s);
    an_windows_done(&w);
    an_prep_done(&p);
}

static void a_description_is_read_key_by_key_and_refused_with_a_reason(void **state)
{
    (void)state;
    an_prep_conf conf;
    an_prep_conf_init(&conf);
    static const char *const good[][2] = {
        {"window", "16"}, {"stride", "4"}, {"smooth", "20"}, {"clamp", "8"}, {"missing", "skip"}};
    an_err err;
    for (size_t i = 0; i < 5; i++) {
        err = an_prep_conf_set(&conf, good[i][0], good[i][1], NULL);
        assert_int_equal(err, AN_OK);
    }
    an_buf text;
    an_buf_init(&text, 1000);
    an_prep_conf_text(&conf, &text);
    an_buf_u8(&text, 0);
    assert_string_equal((char *)text.data, "window: 16\nstride: 4\nsmooth: 20\nclamp: 8\nmissing: skip\n");
    an_buf_done(&text);
    static const char *const bad[][2] = {
        {"window", "0"}, {"window", "-1"}, {"window", "99999999999999999999"},
        {"stride", ""},  {"clamp", "nan"}, {"missing", "guess"},
        {"scale", "1"}};
    for (size_t i = 0; i < 7; i++) {
        an_note why = {0};
        err = an_prep_conf_set(&conf, bad[i][0], bad[i][1], &why);
        assert_int_equal(err, AN_ERR_INVAL);
        assert_true(why.text[0]);
    }
    conf.window = 4096;
    err = an_prep_conf_check(&conf, 4096, NULL);
    assert_int_equal(err, AN_ERR_INVAL);
}

static an_err everything(void)
{
    const float rows[] = {1, 2, 3, 4};
    an_prep_conf conf;
    an_prep_conf_init(&conf);
    an_prep p = {0}, copy = {0};
    an_windows w = {0};
    an_err err = an_prep_fit(&p, &conf, rows, 4, 1, NULL);
    if (err == AN_OK)
        err = an_prep_copy(&copy, &p);
    if (err == AN_OK)
        err = an_prep_windows(&copy, rows, 4, &w);
    an_windows_done(&w);
    an_prep_done(&copy);
    an_prep_done(&p);
    return err;
}

static void running_out_of_memory_at_any_point_leaks_nothing(void **state)
{
    (void)state;
    size_t live = an_mem_live(), n = 0;
    an_err err;
    do {
        an_mem_fail_after(n++);
        err = everything();
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scale_is_mean_and_deviation_and_constants_are_flagged),
        cmocka_unit_test(moments_give_the_same_scale_as_rows),
        cmocka_unit_test(windows_hold_the_last_rows_oldest_first),
        cmocka_unit_test(smoothing_is_the_mean_of_the_last_rows),
        cmocka_unit_test(missing_values_are_held_averaged_or_skipped),
        cmocka_unit_test(after_a_reset_a_stream_is_like_new_whatever_came_before),
        cmocka_unit_test(a_description_is_read_key_by_key_and_refused_with_a_reason),
        cmocka_unit_test(running_out_of_memory_at_any_point_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
