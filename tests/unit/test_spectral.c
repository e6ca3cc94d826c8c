/* Spectra against the definition and against signals whose figures are known, and the source that makes them of rows. */
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
#include "doors/fft.h"
#include "models/data/spectral.h"
#include "tests/support/sources.h"

#define PI 3.14159265358979323846
#define N 1920 /* 2^7 * 3 * 5 */

static void must_be_near(double is, double want, double within)
{
    if (!(fabs(is - want) <= within))
        print_error("%g is not %g +- %g\n", is, want, within);
    assert_true(fabs(is - want) <= within);
}

static void the_transform_is_that_of_the_definition(void **state)
{
    (void)state;
    static float x[N], re[N], im[N], back_re[N], back_im[N];
    an_fft *fft = NULL;
    an_rng rng;
    an_rng_init(&rng, 7, 0);
    assert_int_equal(an_fft_new(N, &fft, NULL), AN_OK);
    for (size_t i = 0; i < N; i++)
        x[i] = (float)an_rng_normal(&rng);
    an_fft_forward(fft, re, im, x);
    for (size_t k = 0; k <= N / 2; k += 37) {
        double r = 0, m = 0;
        for (size_t t = 0; t < N; t++) {
            r += (double)x[t] * cos(2 * PI * (double)(k * t % N) / N);
            m -= (double)x[t] * sin(2 * PI * (double)(k * t % N) / N);
        }
        must_be_near((double)re[k], r, 1e-3);
        must_be_near((double)im[k], m, 1e-3);
    }
    memcpy(back_re, x, sizeof x);
    memset(back_im, 0, sizeof back_im);
    an_fft_complex(fft, back_re, back_im, 0);
    must_be_near((double)back_re[5], (double)re[5], 1e-3);
    an_fft_complex(fft, back_re, back_im, 1);
    for (size_t i = 0; i < N; i++)
        must_be_near((double)back_re[i], (double)x[i], 1e-5);
    an_fft_free(fft);
    static const size_t wrong[] = {0, 1, 15, 22, 131072};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(an_fft_new(wrong[i], &fft, NULL), AN_ERR_INVAL);
}

static float value(const an_spectral *s, const float *figures, const char *name)
{
    char own[AN_SPECTRAL_NAME_MAX];
    for (size_t i = 0; i < an_spectral_width(s); i++) {
        an_spectral_name(s, i, own);
        if (strcmp(own, name) == 0)
            return figures[i];
    }
    fail_msg("no figure \"%s\"", name);
    return 0;
}

static void a_sine_has_the_figures_of_the_textbook(void **state)
{
    (void)state;
    static float x[4096];
    static const an_band bands[] = {{0, 200}, {200, 300}, {300, 4000}};
    for (unsigned w = 0; w < AN_WINDOWS; w++) {
        an_spectral *s = NULL;
        float figures[16];
        an_spectral_conf conf = AN_SPECTRAL_CONF_DEFAULT;
        conf.rate_hz = 8000;
        conf.frame = 4096;
        conf.window = (an_window)w;
        conf.bands = bands;
        conf.n_bands = 3;
        for (size_t i = 0; i < 4096; i++)
            x[i] = (float)(5 + 2 * sin(2 * PI * 250 * (double)i / 8000)); /* an offset is no vibration */
        assert_int_equal(an_spectral_new(&conf, &s, NULL), AN_OK);
        an_spectral_frame(s, figures, x, (double)NAN);
        must_be_near((double)value(s, figures, "rms"), sqrt(2), 1e-3);
        must_be_near((double)value(s, figures, "peak"), 2, 1e-3);
        must_be_near((double)value(s, figures, "crest"), sqrt(2), 1e-3);
        must_be_near((double)value(s, figures, "kurtosis"), 1.5, 1e-3);
        must_be_near((double)value(s, figures, "band_200_300"), sqrt(2), 1e-3);
        must_be_near((double)value(s, figures, "band_0_200"), 0, 0.01);
        an_spectral_free(s);
    }
}

static void bands_together_are_the_whole_and_noise_is_even(void **state)
{
    (void)state;
    static float x[8192];
    an_band bands[8];
    float figures[16];
    an_spectral *s = NULL;
    an_rng rng;
    an_rng_init(&rng, 11, 0);
    for (size_t i = 0; i < 8192; i++)
        x[i] = (float)an_rng_normal(&rng);
    for (size_t i = 0; i < 8; i++)
        bands[i] = (an_band){(double)i * 500, (double)(i + 1) * 500};
    an_spectral_conf conf = AN_SPECTRAL_CONF_DEFAULT;
    conf.rate_hz = 8000;
    conf.frame = 8192;
    conf.window = AN_WINDOW_NONE;
    conf.bands = bands;
    conf.n_bands = 8;
    assert_int_equal(an_spectral_new(&conf, &s, NULL), AN_OK);
    an_spectral_frame(s, figures, x, (double)NAN);
    double sum = 0;
    for (size_t i = 0; i < 8; i++) {
        sum += (double)figures[4 + i] * (double)figures[4 + i];
        must_be_near((double)figures[4 + i], sqrt(1.0 / 8), 0.03);
    }
    must_be_near(sqrt(sum), (double)figures[0], 1e-4);
    must_be_near((double)figures[3], 3, 0.2);
    an_spectral_free(s);
}

/* A bearing: short bursts of 3 kHz, 90 a second.  The spectrum shows 3 kHz, the envelope 90 Hz. */
static void knocks_show_in_the_envelope(void **state)
{
    (void)state;
    static float x[16384];
    static const an_band env[] = {{80, 100}, {105, 125}, {170, 190}};
    float figures[16];
    an_spectral *s = NULL;
    for (size_t i = 0; i < 16384; i++) {
        const double t = (double)i / 16384, since = fmod(t, 1.0 / 90);
        x[i] = (float)(exp(-since * 600) * sin(2 * PI * 3000 * since) + 3 * sin(2 * PI * 110 * t));
    }
    an_spectral_conf conf = AN_SPECTRAL_CONF_DEFAULT;
    conf.rate_hz = 16384;
    conf.frame = 16384;
    conf.envelope = (an_band){2000, 4000};
    conf.envelope_bands = env;
    conf.n_envelope_bands = 3;
    assert_int_equal(an_spectral_new(&conf, &s, NULL), AN_OK);
    an_spectral_frame(s, figures, x, (double)NAN);
    const double at90 = (double)value(s, figures, "env_80_100"),
                 at110 = (double)value(s, figures, "env_105_125");
    assert_true(at90 > 0.05 && at90 > 50 * at110); /* the strong 110 Hz lies outside the envelope's band */
    assert_true((double)value(s, figures, "env_170_190") > 10 * at110);
    an_spectral_free(s);
}

static void orders_follow_the_speed(void **state)
{
    (void)state;
    static float x[4096];
    static const double orders[] = {1, 2, 3};
    float figures[16];
    an_spectral *s = NULL;
    an_spectral_conf conf = AN_SPECTRAL_CONF_DEFAULT;
    conf.rate_hz = 4096;
    conf.frame = 4096;
    conf.orders = orders;
    conf.n_orders = 3;
    assert_int_equal(an_spectral_new(&conf, &s, NULL), AN_OK);
    for (double speed = 20; speed < 60; speed += 13) {
        for (size_t i = 0; i < 4096; i++)
            x[i] = (float)(sqrt(2) * sin(2 * PI * 2 * speed * (double)i / 4096));
        an_spectral_frame(s, figures, x, speed);
        must_be_near((double)value(s, figures, "order_1"), 0, 0.01);
        must_be_near((double)value(s, figures, "order_2"), 1, 0.01);
    }
    an_spectral_frame(s, figures, x, 0);
    assert_true(isnan(value(s, figures, "order_2")) && !isnan(value(s, figures, "rms")));
    x[9] = NAN;
    an_spectral_frame(s, figures, x, 20);
    assert_true(isnan(value(s, figures, "rms")));
    memset(x, 0, sizeof x);
    an_spectral_frame(s, figures, x, 20);
    assert_true(value(s, figures, "crest") == 0.0f && value(s, figures, "order_1") == 0.0f);
    an_spectral_free(s);
}

static void mel_bands_peak_where_the_tone_is(void **state)
{
    (void)state;
    static float x[4096];
    float figures[64];
    an_spectral *s = NULL;
    an_spectral_conf conf = AN_SPECTRAL_CONF_DEFAULT;
    conf.rate_hz = 16000;
    conf.frame = 4096;
    conf.mel = 40;
    conf.mel_range = (an_band){0, 8000};
    assert_int_equal(an_spectral_new(&conf, &s, NULL), AN_OK);
    assert_string_equal(an_spectral_unit(s, 10, "g"), "dB");
    assert_string_equal(an_spectral_unit(s, 0, "g"), "g");
    for (size_t i = 0; i < 4096; i++)
        x[i] = (float)sin(2 * PI * 1000 * (double)i / 16000);
    an_spectral_frame(s, figures, x, (double)NAN);
    /* 1000 Hz are 1000 mel of 2840, in 41 steps: between the 13th and the 14th peak. */
    size_t best = 0;
    for (size_t i = 0; i < 40; i++)
        best = figures[4 + i] > figures[4 + best] ? i : best;
    assert_in_range(best, 13, 14);
    must_be_near((double)figures[4 + best], 10 * log10(0.5), 3);
    assert_true(figures[4 + 35] < figures[4 + best] - 50);
    an_spectral_free(s);
}

static void wrong_settings_are_refused(void **state)
{
    (void)state;
    static const an_band beyond[] = {{100, 5000}}, falling[] = {{300, 200}};
    an_spectral *s = NULL;
    an_spectral_conf conf = AN_SPECTRAL_CONF_DEFAULT;
    assert_int_equal(an_spectral_new(&conf, &s, NULL), AN_ERR_INVAL); /* no rate */
    conf.rate_hz = 8000;
    conf.n_bands = 1;
    conf.bands = beyond;
    assert_int_equal(an_spectral_new(&conf, &s, NULL), AN_ERR_INVAL);
    conf.bands = falling;
    assert_int_equal(an_spectral_new(&conf, &s, NULL), AN_ERR_INVAL);
    conf.n_bands = 0;
    conf.frame = 1022;
    assert_int_equal(an_spectral_new(&conf, &s, NULL), AN_ERR_INVAL);
    conf.frame = 1024;
    size_t n = 0, live = an_mem_live();
    an_err err;
    do {
        an_mem_fail_after(n++);
        err = an_spectral_new(&conf, &s, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
    } while (err);
    an_spectral_free(s);
    assert_int_equal(an_mem_live(), live);
}

static void put_sines(size_t from, size_t to, const char *mode)
{
    an_buf b;
    an_buf_init(&b, 1 << 22);
    if (mode[0] == 'w')
        an_buf_text(&b, "t,x,rpm\n");
    for (size_t i = from; i < to; i++)
        an_buf_printf(&b, "%.3f,%.6f,600\n", 1e9 + (double)i * 0.01,
                      sqrt(2) * sin(2 * PI * 10 * (double)i / 100));
    an_buf_u8(&b, 0);
    sources_put("a.csv", mode, (const char *)b.data);
    an_buf_done(&b);
}

static void frames_of_a_table_survive_a_restart_in_their_middle(void **state)
{
    (void)state;
    static const char options[] =
        "{of: {type: csv, path: %s/a.csv, time: t}, rate_hz: 100, frame: 100, hop: 50, speed_sensor: rpm, "
        "orders: [1], bands: [{from: 5, to: 15}]}";
    char seen[256];
    put_sines(0, 130, "w");
    an_source *s = sources_open("spectral", options);
    assert_int_equal(an_source_width(s), 6);
    assert_string_equal(an_source_sensor(s, 0), "x.rms");
    assert_string_equal(an_source_sensor(s, 4), "x.band_5_15");
    assert_string_equal(an_source_sensor(s, 5), "x.order_1");
    assert_int_equal(sources_drain(s, 0, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, "|1");
    put_sines(130, 250, "a");
    s = sources_reopen(s, "spectral", options);
    assert_int_equal(sources_drain(s, 5, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, "1 1 1");
    put_sines(0, 100, "w"); /* another file: a frame does not reach over it */
    assert_int_equal(sources_drain(s, 5, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, "|1");
    assert_int_equal(sources_count(s, "frames_cut"), 1);
    an_source_close(s);
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, sources_make_dir, sources_remove_dir)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_transform_is_that_of_the_definition),
        cmocka_unit_test(a_sine_has_the_figures_of_the_textbook),
        cmocka_unit_test(bands_together_are_the_whole_and_noise_is_even),
        cmocka_unit_test(knocks_show_in_the_envelope),
        cmocka_unit_test(orders_follow_the_speed),
        cmocka_unit_test(mel_bands_peak_where_the_tone_is),
        cmocka_unit_test(wrong_settings_are_refused),
        ROW(frames_of_a_table_survive_a_restart_in_their_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
