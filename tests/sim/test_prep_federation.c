/* A model whose rows go through steps, from rows to alarms: sites with gaps, spikes and stops agree on a scale for
 * each regime, train, and the version scores live what it scores of stored windows and of tables, to the bit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/live.h"
#include "agent/samples.h"
#include "base/log.h"
#include "base/mem.h"
#include "coordinator/lab/dataset.h"
#include "coordinator/lab/federation.h"
#include "coordinator/lab/judge.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "models/kernels/kernels.h"
#include "models/scorer.h"

enum { SITES = 3, ROWS = 900, WINDOW = 2, SPEED = 0, OIL = 8, LAGS = 2 };

static const char arch[] = "model: small\n"
                           "input: {features: input, window: 2}\n"
                           "layers:\n"
                           "  - flatten\n"
                           "  - dense: {units: 8}\n"
                           "  - relu\n"
                           "  - dense: {units: 4}\n"
                           "  - dense: {units: input}\n"
                           "loss: mse\n"
                           "target: input\n";
static const char steps[] =
    "steps: [range: {sensors: [oil_temperature], above: 150}, convert: {sensors: [oil_temperature], from: "
    "degC, to: "
    "degF}, interpolate: {limit: 2}, median: {sensors: [flow], rows: 3}, lag: {sensors: [flow, speed], rows: "
    "[2]}, "
    "regime: {sensor: speed, edges: [100, 2000], names: [stopped, slow, fast], ignore: [stopped]}]";

typedef struct fixture {
    an_lab_data data;
    an_lab_cut cuts[SITES];
    an_federation_site sites[SITES];
    an_calibrate_opts calibrate;
    an_prep_conf prep;
    an_federation_result result;
} fixture;

/* What plants have: values that are missing or cannot be, and a stop now and then. */
static void disturb(float *rows, size_t n, size_t width)
{
    for (size_t i = 0; i < n; i++) {
        float *row = rows + i * width;
        if (i % 23 == 0)
            row[1 + i % (width - 1)] = NAN;
        if (i % 31 == 0)
            row[OIL] = 9999;
        if (i % 200 >= 170)
            for (size_t j = 0; j < width; j++)
                row[j] = j == SPEED ? 3.0f + (float)(i % 7) : 0.001f * (float)(i % 11);
    }
}

static an_model_spec spec_of(const fixture *f)
{
    static const char *const policy[6][2] = {{"train.rounds", "3"},  {"update.clip_norm", "100"},
                                             {"seed", "7"},          {"train.epochs", "3"},
                                             {"privacy", "trusted"}, {"min_cohort", "2"}};
    return (an_model_spec){.name = "small",
                           .arch = arch,
                           .sensors = (const char *const *)f->data.names,
                           .n_sensors = (uint32_t)f->data.width,
                           .window = WINDOW,
                           .stride = 1,
                           .smooth = 1,
                           .steps = steps,
                           .threshold = "target_far:0.01",
                           .policy = policy,
                           .n_policy = 6};
}

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    an_note why = {{0}};
    const an_sim_conf sim = {.line = "pump", .seed = 5};
    an_prep_chain *chain = NULL;
    assert_non_null(f);
    assert_int_equal(an_lab_data_simulate(&sim, SITES, ROWS, &f->data, &why), AN_OK);
    assert_string_equal(f->data.names[OIL], "oil_temperature");
    if (an_chain_parse(steps, strlen(steps), (const char *const *)f->data.names, f->data.width, &chain,
                       &why) != AN_OK)
        fail_msg("%s", why.text);
    an_prep_conf_init(&f->prep);
    f->prep.window = WINDOW;
    an_prep_conf_chain(&f->prep, chain);
    f->calibrate = an_calibrate_defaults();
    f->calibrate.site_scaler = false;
    f->calibrate.alarm_share_max = 0;
    const an_lab_cut_opts cut = {
        .context = an_prep_rows(&f->prep), .stride = 2, .holdout = 0.25, .keep = 1, .gaps = true};
    for (size_t i = 0; i < SITES; i++) {
        an_lab_series *s = &f->data.sites[i].series[0];
        disturb(s->train, s->n_train, f->data.width);
        disturb(s->test, s->n_test, f->data.width);
        assert_int_equal(an_lab_cut_new(&f->data, i, SIZE_MAX, &cut, &f->cuts[i], &why), AN_OK);
        f->sites[i] = (an_federation_site){
            .name = f->data.sites[i].name, .data = &f->cuts[i].data, .calibrate = &f->calibrate};
    }
    const an_model_spec spec = spec_of(f);
    const an_federation_conf conf = {.spec = &spec, .sites = f->sites, .n_sites = SITES, .n_threads = 2};
    if (an_federation_run(&conf, &f->result, &why) != AN_OK)
        fail_msg("%s", why.text);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_federation_result_done(&f->result);
    for (size_t i = 0; i < SITES; i++)
        an_lab_cut_done(&f->cuts[i]);
    an_lab_data_done(&f->data);
    an_chain_free(f->prep.chain);
    an_free(f);
    return 0;
}

static void every_round_is_committed_and_the_version_has_the_steps(void **state)
{
    const fixture *f = *state;
    const an_federation_result *r = &f->result;
    double first = 0, last = 0;
    for (size_t i = 0; i < r->n_rounds; i++) {
        assert_true(r->rounds[i].committed && r->rounds[i].updates == SITES);
        if (r->rounds[i].kind != AN_PAYLOAD_TRAIN)
            continue;
        first = first > 0 ? first : r->rounds[i].loss;
        last = r->rounds[i].loss;
    }
    assert_true(last > 0 && last < first);
    assert_true(an_chain_equal(r->bundle.prep.conf.chain, f->prep.chain));
    assert_int_equal(r->bundle.prep.features, f->data.width + LAGS);
    assert_int_equal(r->bundle.prep.regimes, 3);
    for (size_t i = 0; i < SITES; i++)
        assert_true(r->live[i]);
}

/* The rounds MEAN and VARIANCE come to what one place with all rows would have found. */
static void sites_agree_on_the_scale_that_all_rows_together_have(void **state)
{
    const fixture *f = *state;
    const an_prep *p = &f->result.bundle.prep;
    const size_t context = f->cuts[0].data.context, width = f->data.width;
    size_t n = 0;
    for (size_t i = 0; i < SITES; i++)
        n += f->cuts[i].n_fit;
    float *all = an_alloc(n, context * width * sizeof *all);
    an_prep pooled = {.features = 0};
    assert_non_null(all);
    n = 0;
    for (size_t i = 0; i < SITES; i++) {
        memcpy(all + n * context * width, f->cuts[i].fit, f->cuts[i].n_fit * context * width * sizeof *all);
        n += f->cuts[i].n_fit;
    }
    assert_int_equal(an_prep_fit(&pooled, &f->prep, all, n, context, width, NULL), AN_OK);
    for (size_t j = 0; j < an_prep_columns(p); j++) {
        const double mean = (double)pooled.mean[j], scale = (double)pooled.scale[j];
        assert_true(fabs((double)p->mean[j] - mean) <= 1e-5 * (fabs(mean) + 1));
        assert_true(fabs((double)p->scale[j] - scale) <= 1e-4 * scale);
        assert_int_equal(p->constant[j], pooled.constant[j]);
        assert_int_equal(p->constant[j] == 2, j < p->features); /* only of the stop there is nothing */
    }
    /* Regimes differ, or one scale would have done. */
    assert_true(p->mean[2 * p->features + SPEED] > p->mean[p->features + SPEED] + 100);
    /* Fahrenheit inside, and still the bins are in the sensor's own unit. */
    assert_true(p->mean[p->features + OIL] > 80);
    assert_true(f->result.bundle.edges[OIL * f->result.bundle.n_edges + 4] < 80);
    an_prep_done(&pooled);
    an_free(all);
}

/* One score of a stored window that ends with row i; false: it gives none. */
static bool stored(const an_scorer *s, an_scorer_work *w, const float *rows, size_t i, size_t need,
                   double *ret)
{
    float *x = NULL, score = 0;
    size_t n = 0;
    const an_prep *p = an_scorer_prep(s);
    assert_int_equal(an_samples_inputs(p, rows + (i + 1 - need) * p->width, 1, need, &x, &n, NULL, NULL),
                     AN_OK);
    if (n > 0)
        assert_int_equal(an_scorer_score(s, w, x, 1, &score, NULL), AN_OK);
    an_free(x);
    *ret = (double)score;
    return n > 0;
}

static void live_stored_windows_and_tables_score_alike(void **state)
{
    const fixture *f = *state;
    const size_t width = f->data.width;
    for (size_t k = 0; k < SITES; k++) {
        const an_bundle *b = &f->result.bundle;
        const an_overlay *o = &f->result.overlays[k];
        const an_lab_series *series = &f->data.sites[k].series[0];
        an_live live = {.ctx = NULL};
        an_scorer *s = NULL;
        an_scorer_work *w = NULL;
        float *judged = an_alloc(series->n_train, sizeof *judged);
        float contribution[AN_SIM_SENSORS_MAX];
        size_t scored = 0, rests = 0;
        assert_int_equal(an_live_make(b, &f->result.version, o, NULL, &live, NULL), AN_OK);
        assert_int_equal(an_scorer_new(b, o, &s, NULL), AN_OK);
        assert_int_equal(an_scorer_work_new(s, 1, &w), AN_OK);
        assert_int_equal(live.width, width);
        assert_int_equal(live.history, f->cuts[k].data.context);
        assert_int_equal(live.delay, 3);
        assert_int_equal(
            an_lab_judge_rows(b, o, NULL, 0, series->train, series->n_train, width, judged, NULL, NULL),
            AN_OK);
        for (size_t i = 0; i < series->n_train; i++) {
            double raw = 0, again = 0;
            const an_err err = live.push(live.ctx, series->train + i * width, &raw, contribution);
            if (i + 1 < live.history) {
                assert_int_equal(err, AN_ERR_AGAIN);
                continue;
            }
            assert_int_equal(stored(s, w, series->train, i, live.history, &again), err == AN_OK);
            const float speed = series->train[(i - live.delay) * width + SPEED];
            if (isfinite(speed) && speed < 100) {
                assert_int_equal(err, AN_ERR_AGAIN);
                assert_true(judged[i] <= 0);
                rests++;
            }
            if (err != AN_OK)
                continue;
            assert_memory_equal(&raw, &again, sizeof raw);
            const float share = (float)((double)(float)raw / live.threshold);
            assert_memory_equal(&share, &judged[i], sizeof share);
            scored++;
        }
        assert_true(scored > series->n_train / 2 && rests > series->n_train / 10);
        an_live_done(&live);
        an_scorer_work_free(w);
        an_scorer_free(s);
        an_free(judged);
    }
}

/* A site whose windows are too short for the steps is told so, and a scaler of its own works like the fleet's. */
static void sites_may_have_scales_of_their_own(void **state)
{
    fixture *f = *state;
    an_federation_result r = {.n_sites = 0};
    an_note why = {{0}};
    const an_model_spec spec = spec_of(f);
    const an_federation_conf conf = {.spec = &spec, .sites = f->sites, .n_sites = SITES, .n_threads = 2};
    f->calibrate.site_scaler = true;
    if (an_federation_run(&conf, &r, &why) != AN_OK)
        fail_msg("%s", why.text);
    f->calibrate.site_scaler = false;
    for (size_t i = 0; i < SITES; i++) {
        assert_true(r.overlays[i].has_prep && r.overlays[i].prep.regimes == 3);
        assert_true(an_chain_equal(r.overlays[i].prep.conf.chain, f->prep.chain));
    }
    an_federation_result_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_round_is_committed_and_the_version_has_the_steps),
        cmocka_unit_test(sites_agree_on_the_scale_that_all_rows_together_have),
        cmocka_unit_test(live_stored_windows_and_tables_score_alike),
        cmocka_unit_test(sites_may_have_scales_of_their_own),
    };
    if (!an_kernels_init() || an_crypto_init() != AN_OK)
        return 1;
    an_json_init();
    an_log_init(AN_LOG_OFF, "test");
    return cmocka_run_group_tests(tests, setup, teardown);
}
