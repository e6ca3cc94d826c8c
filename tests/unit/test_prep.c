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
    an_err err = an_prep_fit(&p, &conf, rows, 1, 3, 3, NULL);
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
    an_err err = an_prep_fit(&a, &conf, rows, 1, 3, 1, NULL);
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

static an_prep_chain *chain_of(const char *steps, size_t width)
{
    an_prep_chain *c = NULL;
    an_note why = {{0}};
    if (an_chain_parse(steps, strlen(steps), NULL, width, &c, &why) != AN_OK)
        fail_msg("%s", why.text);
    return c;
}

/* Two sensors: speed, and one whose level and spread depend on it. */
static const char regimes[] = "steps: [regime: {sensor: 0, edges: [10, 20, 30], names: [stopped, slow, fast, "
                              "never], ignore: [stopped]}]";
static void make_regimes(float *rows, size_t n)
{
    an_rng rng;
    an_rng_init(&rng, 17, 0);
    for (size_t i = 0; i < n; i++) {
        const float speed = (float)(i % 60 < 20 ? 5 : i % 60 < 40 ? 15 : 25);
        rows[2 * i] = speed + (float)an_rng_unit(&rng);
        rows[2 * i + 1] = (float)(100 * (double)speed + (double)speed * an_rng_normal(&rng));
        if (i % 31 == 0)
            rows[2 * i + 1] = NAN;
    }
}

/* Against moments of the rows of each regime, picked out by hand. */
static void each_regime_has_a_scale_of_its_own(void **state)
{
    enum { N = 600 };
    static float rows[2 * N];
    an_prep_chain *c = chain_of(regimes, 2);
    an_prep_conf conf;
    an_prep p = {0};
    (void)state;
    make_regimes(rows, N);
    an_prep_conf_init(&conf);
    an_prep_conf_chain(&conf, c);
    assert_int_equal(conf.missing, AN_MISSING_MEAN);
    assert_int_equal(an_prep_fit(&p, &conf, rows, N / 20, 20, 2, NULL), AN_OK);
    assert_true(p.width == 2 && p.features == 2 && p.regimes == 4);
    for (size_t r = 0; r < 4; r++)
        for (size_t j = 0; j < 2; j++) {
            double sum = 0, square = 0, n = 0;
            for (size_t i = 0; i < N; i++) {
                const double x = (double)rows[2 * i + j], speed = (double)rows[2 * i];
                if (isnan(x) || r == 0 || !(speed >= 10 * (double)r && speed < 10 * (double)(r + 1)))
                    continue;
                sum += x;
                square += x * x;
                n++;
            }
            const size_t at = r * 2 + j;
            assert_int_equal(p.constant[at], n > 0 ? 0 : 2);
            if (n == 0)
                continue;
            assert_true(fabs((double)p.mean[at] - sum / n) < 1e-3);
            assert_true(fabs((double)p.scale[at] - sqrt(square / n - sum / n * sum / n)) < 1e-2);
        }
    an_prep_done(&p);
    an_chain_free(c);
}

/* In no window lie rows from before and after a stop, and of what was never seen nothing is said. */
static void what_is_ignored_or_was_never_seen_is_not_scored(void **state)
{
    enum { N = 600 };
    static float rows[2 * N];
    an_prep_chain *c = chain_of(regimes, 2);
    an_prep_conf conf;
    an_prep p = {0};
    an_windows w;
    (void)state;
    make_regimes(rows, N);
    an_prep_conf_init(&conf);
    conf.window = 3;
    an_prep_conf_chain(&conf, c);
    assert_int_equal(an_prep_fit(&p, &conf, rows, 1, N, 2, NULL), AN_OK);
    for (size_t i = 90; i < 100; i++) /* too fast for what training has seen, or nobody knows */
        rows[2 * i] = i < 95 ? 35 : NAN;
    assert_int_equal(an_prep_windows(&p, rows, N, &w), AN_OK);
    size_t at = 0;
    for (size_t i = 0; i < N; i++) {
        size_t kept = 0;
        while (kept < 3 && kept <= i && rows[2 * (i - kept)] >= 10 && rows[2 * (i - kept)] < 30)
            kept++;
        if (kept < 3)
            continue;
        assert_true(at < w.n && w.last[at] == i);
        for (size_t k = 0; k < 3; k++) {
            const float *row = rows + 2 * (i - 2 + k), *z = w.x + at * 6 + k * 2;
            const size_t r = row[0] < 20 ? 1 : 2;
            const double want =
                isnan(row[1]) ? 0 : ((double)row[1] - (double)p.mean[r * 2 + 1]) / (double)p.scale[r * 2 + 1];
            assert_true(fabs((double)z[1] - want) < 1e-5);
        }
        at++;
    }
    assert_true(at == w.n && at > 300);
    an_windows_done(&w);
    an_prep_done(&p);
    an_chain_free(c);
}

/* To hold a value for ever is to depend on all rows there ever were. */
static void behind_steps_nothing_is_held_without_a_limit(void **state)
{
    an_prep_chain *c = chain_of("steps: [hold: {limit: 2}]", 1);
    an_prep_conf conf;
    an_note why = {{0}};
    (void)state;
    an_prep_conf_init(&conf);
    conf.chain = c;
    assert_int_equal(an_prep_conf_check(&conf, 1, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "hold"));
    conf.missing = AN_MISSING_SKIP;
    assert_int_equal(an_prep_conf_check(&conf, 1, &why), AN_OK);
    conf.window = 4096;
    conf.smooth = 255;
    assert_int_equal(an_prep_rows(&conf), 4096 + 254 + 2);
    an_chain_free(c);
}

/* Limits and bins are in the unit that a sensor comes in, whatever the model sees. */
static void scales_go_back_to_the_unit_of_the_sensor(void **state)
{
    const float rows[] = {0, 0, 10, 0, 20, 0, 30, 0};
    an_prep_chain *c = chain_of("steps: [convert: {sensors: [0], gain: -2, offset: 7}]", 2);
    an_prep_conf conf;
    an_prep plain = {0}, p = {0};
    float mean, scale;
    (void)state;
    an_prep_conf_init(&conf);
    assert_int_equal(an_prep_fit(&plain, &conf, rows, 1, 4, 2, NULL), AN_OK);
    an_prep_conf_chain(&conf, c);
    assert_int_equal(an_prep_fit(&p, &conf, rows, 1, 4, 2, NULL), AN_OK);
    assert_true(fabsf(p.scale[0] - 2 * plain.scale[0]) < 1e-5f && fabsf(p.mean[0] + 23) < 1e-5f);
    assert_true(fabs(an_prep_scale_raw(&p, 0) - (double)plain.scale[0]) < 1e-5);
    an_prep_reach_raw(&p, 0, 4, &mean, &scale);
    assert_true(fabsf(mean - 15) < 1e-4f && fabsf(scale - plain.scale[0]) < 1e-4f);
    an_prep_reach_raw(&plain, 0, 4, &mean, &scale);
    assert_true(mean == plain.mean[0] && scale == plain.scale[0]);
    an_prep_done(&plain);
    an_prep_done(&p);
    an_chain_free(c);
}

static an_err everything(void)
{
    const float rows[] = {1, 2, 3, 4};
    an_prep_conf conf;
    an_prep_conf_init(&conf);
    an_prep p = {0}, copy = {0};
    an_windows w = {0};
    static const char steps[] = "steps: [hold: {limit: 1}, lag: {rows: [1]}]";
    an_prep_chain *c = NULL;
    an_err err = an_chain_parse(steps, strlen(steps), NULL, 1, &c, NULL);
    an_prep_conf_chain(&conf, c);
    if (err == AN_OK)
        err = an_prep_fit(&p, &conf, rows, 1, 4, 1, NULL);
    if (err == AN_OK)
        err = an_prep_copy(&copy, &p);
    if (err == AN_OK)
        err = an_prep_windows(&copy, rows, 4, &w);
    an_windows_done(&w);
    an_prep_done(&copy);
    an_prep_done(&p);
    an_chain_free(c);
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
        cmocka_unit_test(each_regime_has_a_scale_of_its_own),
        cmocka_unit_test(what_is_ignored_or_was_never_seen_is_not_scored),
        cmocka_unit_test(behind_steps_nothing_is_held_without_a_limit),
        cmocka_unit_test(scales_go_back_to_the_unit_of_the_sensor),
        cmocka_unit_test(running_out_of_memory_at_any_point_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
