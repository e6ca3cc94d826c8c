/* Overlays: what a site adds to a version before it runs it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/calibrate.h"
#include "agent/samples.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "models/scorer.h"
#include "tests/support/toy.h"

#define FIT 200
#define HOLDOUT 120

typedef struct fixture {
    an_bundle b;
    an_hash hash;
    float *fit, *holdout;
    an_calibrate_data data;
    an_calibrate_opts opts;
} fixture;

static void open_fixture(fixture *f, bool local)
{
    an_toy_bundle(&f->b, local);
    memset(&f->hash, 5, sizeof f->hash);
    f->fit = an_toy_windows(FIT, 2);
    f->holdout = an_toy_windows(HOLDOUT, 3);
    f->data = (an_calibrate_data){.width = AN_TOY_WIDTH,
                                  .context = AN_TOY_CONTEXT,
                                  .fit = {.raw = f->fit, .n = FIT},
                                  .holdout = {.raw = f->holdout, .n = HOLDOUT}};
    f->opts = an_calibrate_defaults();
}

static void close_fixture(fixture *f)
{
    an_bundle_done(&f->b);
    an_free(f->fit);
    an_free(f->holdout);
}

static double share_of_alarms(const fixture *f, const an_overlay *o, const float *raw, size_t n)
{
    an_scorer *s = NULL;
    an_scorer_work *w = NULL;
    float *x = NULL;
    size_t alarms = 0;
    assert_int_equal(an_scorer_new(&f->b, o, &s, NULL), AN_OK);
    assert_int_equal(an_scorer_work_new(s, 1, &w), AN_OK);
    assert_int_equal(an_samples_inputs(an_scorer_prep(s), raw, n, AN_TOY_CONTEXT, &x, &n, NULL, NULL), AN_OK);
    for (size_t i = 0; i < n; i++) {
        float score;
        assert_int_equal(an_scorer_score(s, w, x + i * an_scorer_input(s), 1, &score, NULL), AN_OK);
        alarms += (double)score > an_scorer_threshold(s);
    }
    an_free(x);
    an_scorer_work_free(w);
    an_scorer_free(s);
    return (double)alarms / (double)n;
}

static void the_threshold_comes_from_windows_that_nothing_was_fitted_on(void **state)
{
    fixture f;
    an_overlay o;
    an_calibrate_report r;
    an_note why;
    (void)state;
    open_fixture(&f, false);
    assert_int_equal(an_calibrate(&f.b, &f.hash, &f.data, &f.opts, 77, &o, &r, &why), AN_OK);
    assert_int_equal(an_overlay_fits(&o, &f.b, &f.hash, &why), AN_OK);
    assert_true(r.from_holdout);
    assert_int_equal(o.created_ms, 77);
    assert_false(o.has_prep);
    assert_null(o.local);
    double share = share_of_alarms(&f, &o, f.holdout, HOLDOUT);
    assert_true(share > 0.02 && share < 0.08); /* quantile:0.95 */
    uint64_t n = 0;
    for (size_t i = 0; i < o.n_bins; i++)
        n += o.counts[i];
    assert_int_equal(n, FIT * AN_TOY_CONTEXT);
    an_overlay_done(&o);
    f.data.holdout.n = 99; /* one too few */
    assert_int_equal(an_calibrate(&f.b, &f.hash, &f.data, &f.opts, 77, &o, &r, &why), AN_OK);
    assert_false(r.from_holdout);
    an_overlay_done(&o);
    close_fixture(&f);
}

static void a_site_may_have_its_own_scaler(void **state)
{
    fixture f;
    an_overlay o;
    an_note why;
    (void)state;
    open_fixture(&f, false);
    for (size_t i = 0; i < FIT * AN_TOY_CONTEXT * AN_TOY_WIDTH; i++)
        f.fit[i] = 100.0f + 3.0f * f.fit[i];
    f.data.holdout.n = 0;
    f.opts.site_scaler = true;
    assert_int_equal(an_calibrate(&f.b, &f.hash, &f.data, &f.opts, 0, &o, NULL, &why), AN_OK);
    assert_true(o.has_prep);
    assert_float_equal(o.prep.scale[1], 3.0f * f.b.prep.scale[1], 0.3f);
    an_overlay_done(&o);
    close_fixture(&f);
}

static void tuning_at_the_site_moves_local_parameters_or_all_of_them(void **state)
{
    fixture f;
    an_overlay o;
    an_calibrate_report r;
    an_note why;
    an_model *m = NULL;
    (void)state;
    open_fixture(&f, true);
    assert_int_equal(an_bundle_model(&f.b, &m, &why), AN_OK);
    const size_t n_local = an_local_take(m, f.b.weights, NULL);
    f.opts.tune_epochs = 5;
    assert_int_equal(an_calibrate(&f.b, &f.hash, &f.data, &f.opts, 0, &o, &r, &why), AN_OK);
    assert_int_equal(o.n_local, n_local);
    assert_true(r.tune_last_loss < r.tune_first_loss);
    an_overlay_done(&o);
    f.opts.tune_all = true;
    assert_int_equal(an_calibrate(&f.b, &f.hash, &f.data, &f.opts, 0, &o, &r, &why), AN_OK);
    assert_int_equal(o.n_local, f.b.n_weights);
    assert_int_equal(an_overlay_fits(&o, &f.b, &f.hash, &why), AN_OK);
    assert_true(share_of_alarms(&f, &o, f.holdout, HOLDOUT) < 0.08);
    an_overlay_done(&o);
    an_model_free(m);
    close_fixture(&f);
}

static void what_may_not_go_live_is_refused_with_the_figure(void **state)
{
    fixture f;
    an_overlay o;
    an_note why = {{0}};
    (void)state;
    open_fixture(&f, false);
    for (size_t i = 0; i < FIT * AN_TOY_CONTEXT * AN_TOY_WIDTH; i++)
        f.fit[i] *= i % 2 ? 3.0f : -3.0f; /* far from what the holdout looks like */
    assert_int_equal(an_calibrate(&f.b, &f.hash, &f.data, &f.opts, 0, &o, NULL, &why), AN_ERR_REFUSED);
    assert_non_null(strstr(why.text, "% of known-normal windows"));
    f.data.fit.n = 0;
    assert_int_equal(an_calibrate(&f.b, &f.hash, &f.data, &f.opts, 0, &o, NULL, &why), AN_ERR_INVAL);
    f.data.fit.n = FIT;
    f.data.width = 2;
    assert_int_equal(an_calibrate(&f.b, &f.hash, &f.data, &f.opts, 0, &o, NULL, &why), AN_ERR_INVAL);
    f.data.width = AN_TOY_WIDTH;
    f.fit[3] = NAN; /* filled as the version's preprocessing says, never a crash */
    an_err err = an_calibrate(&f.b, &f.hash, &f.data, &f.opts, 0, &o, NULL, &why);
    assert_int_equal(err, AN_ERR_REFUSED);
    close_fixture(&f);
}

static void a_budget_of_alarms_needs_the_rate_of_the_line(void **state)
{
    fixture f;
    an_overlay few, many;
    an_note why = {{0}};
    (void)state;
    open_fixture(&f, false);
    f.opts.policy = "budget:1,8";
    f.b.schema.rate_hz = 0;
    assert_int_equal(an_calibrate(&f.b, &f.hash, &f.data, &f.opts, 77, &few, NULL, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "must know the line"));
    f.b.schema.rate_hz = 0.001; /* windows of rows that are minutes apart: they cover many hours */
    f.opts.alarm.k = f.opts.alarm.n = 1;
    f.opts.alarm.cooldown_ms = 0;
    assert_int_equal(an_calibrate(&f.b, &f.hash, &f.data, &f.opts, 77, &many, NULL, &why), AN_OK);
    f.opts.policy = "budget:1,80";
    assert_int_equal(an_calibrate(&f.b, &f.hash, &f.data, &f.opts, 77, &few, NULL, &why), AN_OK);
    assert_true(few.threshold > many.threshold);
    an_overlay_done(&few);
    an_overlay_done(&many);
    close_fixture(&f);
}

static void nothing_is_lost_when_memory_runs_out(void **state)
{
    fixture f;
    an_overlay o;
    an_err err = AN_ERR_NOMEM;
    (void)state;
    open_fixture(&f, true);
    f.data.fit.n = f.data.holdout.n = 40;
    f.opts.tune_epochs = 1;
    f.opts.site_scaler = true;
    f.opts.alarm_share_max = 0;
    const size_t live = an_mem_live();
    for (size_t n = 0; err != AN_OK; n++) {
        an_mem_fail_after(n);
        err = an_calibrate(&f.b, &f.hash, &f.data, &f.opts, 0, &o, NULL, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        if (err != AN_OK)
            assert_int_equal(an_mem_live(), live);
    }
    an_overlay_done(&o);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_threshold_comes_from_windows_that_nothing_was_fitted_on),
        cmocka_unit_test(a_site_may_have_its_own_scaler),
        cmocka_unit_test(tuning_at_the_site_moves_local_parameters_or_all_of_them),
        cmocka_unit_test(what_may_not_go_live_is_refused_with_the_figure),
        cmocka_unit_test(a_budget_of_alarms_needs_the_rate_of_the_line),
        cmocka_unit_test(nothing_is_lost_when_memory_runs_out),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
