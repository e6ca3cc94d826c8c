/* Windows with labels at a site: labels stay with their windows, and a model that learns from them is tuned by them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/calibrate.h"
#include "agent/samples.h"
#include "base/mem.h"
#include "coordinator/lab/version.h"
#include "doors/crypto.h"

#define N 96

typedef struct fixture {
    float raw[N][2], labels[N];
    an_bundle b;
    an_hash hash;
} fixture;

static void open_fixture(fixture *f, an_missing missing)
{
    static const char *const sensors[] = {"heat", "speed"};
    static const char arch[] =
        "model: quality\ninput: {features: input, window: 1}\nlayers:\n  - dense: {units: 4}\n"
        "  - tanh\n  - dense: {units: 1}\nloss: mse\ntarget: labels\n";
    an_note why = {{0}};
    an_lab_version_spec spec = {
        .name = "quality", .arch = arch, .sensors = sensors, .n_sensors = 2, .threshold = "target_far:0.01"};
    an_prep_conf_init(&spec.prep);
    spec.prep.missing = missing;
    *f = (fixture){.b = {.arch = NULL}};
    if (an_lab_version_new(&spec, 1, &f->b, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_int_equal(an_lab_version_hash(&f->b, &f->hash, &why), AN_OK);
    for (size_t i = 0; i < N; i++) {
        f->raw[i][0] = (float)sin((double)i);
        f->raw[i][1] = (float)i;
        f->labels[i] = (float)i; /* so that it can be seen whose it is */
    }
}

static void labels_follow_their_windows(void **state)
{
    fixture f;
    an_data_set s = {.n = 0};
    (void)state;
    open_fixture(&f, AN_MISSING_MEAN);
    an_site_data d = {.width = 2,
                      .context = 1,
                      .n_labels = 1,
                      .train = {.raw = f.raw[0], .n = 40, .labels = f.labels},
                      .recent = {.raw = f.raw[40], .n = N - 40, .labels = f.labels + 40},
                      .recent_since = 10,
                      .old = {.raw = f.raw[7], .n = 50, .labels = f.labels + 7}};
    assert_int_equal(an_data_fit(&d, false, &s), AN_OK);
    assert_true(s.n > 40 && s.labels);
    for (size_t i = 0; i < s.n; i++)
        assert_true(!(s.labels[i] < s.raw[2 * i + 1] || s.labels[i] > s.raw[2 * i + 1]));
    an_data_set_done(&s);
    assert_int_equal(an_data_holdout_old(&d, 1, &s), AN_OK);
    for (size_t i = 0; i < s.n; i++)
        assert_true(!(s.labels[i] < s.raw[2 * i + 1] || s.labels[i] > s.raw[2 * i + 1]));
    an_data_set_done(&s);
    d.recent.labels = NULL; /* of some of them nobody knows it */
    assert_int_equal(an_data_fit(&d, false, &s), AN_OK);
    assert_null(s.labels);
    an_data_set_done(&s);
    an_bundle_done(&f.b);
}

static void a_window_that_is_passed_over_takes_its_label_along(void **state)
{
    fixture f;
    float *x = NULL, *labels = NULL;
    size_t n = 0;
    (void)state;
    open_fixture(&f, AN_MISSING_SKIP);
    f.raw[3][0] = f.raw[50][0] = NAN;
    const an_data_part part = {.raw = f.raw[0], .n = N, .labels = f.labels};
    assert_int_equal(an_samples_labelled(&f.b.prep, &part, 1, 1, &x, &labels, &n, NULL), AN_OK);
    assert_int_equal(n, N - 2);
    assert_int_equal((int)labels[3], 4);
    assert_int_equal((int)labels[N - 3], N - 1);
    an_free(x);
    an_free(labels);
    an_bundle_done(&f.b);
}

static void tuning_learns_from_labels_and_makes_no_threshold(void **state)
{
    fixture f;
    an_overlay o = {.n_local = 0};
    an_calibrate_report report = {.n_fit = 0};
    an_calibrate_opts opts = an_calibrate_defaults();
    (void)state;
    open_fixture(&f, AN_MISSING_MEAN);
    for (size_t i = 0; i < N; i++)
        f.labels[i] = 0.5f * f.raw[i][0];
    an_calibrate_data d = {
        .width = 2, .context = 1, .n_labels = 1, .fit = {.raw = f.raw[0], .n = N, .labels = f.labels}};
    opts.site_scaler = true;
    opts.tune_epochs = 60;
    opts.tune_all = true;
    opts.tune_lr = 0.01;
    assert_int_equal(an_calibrate(&f.b, &f.hash, &d, &opts, 1, &o, &report, NULL), AN_OK);
    assert_true(report.tune_last_loss < report.tune_first_loss / 4);
    assert_int_equal(o.n_local, f.b.n_weights);
    assert_true(o.has_prep && !o.detector && !o.has_threshold);
    an_overlay_done(&o);
    d.fit.labels = NULL;
    assert_int_equal(an_calibrate(&f.b, &f.hash, &d, &opts, 1, &o, &report, NULL), AN_ERR_UNSUPPORTED);
    an_bundle_done(&f.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_follow_their_windows),
        cmocka_unit_test(a_window_that_is_passed_over_takes_its_label_along),
        cmocka_unit_test(tuning_learns_from_labels_and_makes_no_threshold),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
