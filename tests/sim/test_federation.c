/* A whole federation in one process: what may not change its result, and what it must survive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/calibrate.h"
#include "agent/samples.h"
#include "base/log.h"
#include "base/mem.h"
#include "coordinator/lab/dataset.h"
#include "coordinator/lab/federation.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "models/kernels/kernels.h"

#define SITES 3
#define WINDOW 2
#define ROUNDS 2 /* of training */

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

typedef struct fixture {
    an_lab_data data;
    an_lab_cut cuts[SITES];
    an_federation_site sites[SITES];
    an_calibrate_opts calibrate;
    const char *policy[6][2];
    an_model_spec spec;
} fixture;

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    an_note why = {{0}};
    assert_non_null(f);
    const an_sim_conf sim = {.line = "pump", .seed = 5};
    const an_lab_cut_opts cut = {.context = WINDOW, .stride = 2, .holdout = 0.25, .keep = 1};
    assert_int_equal(an_lab_data_simulate(&sim, SITES, 600, &f->data, &why), AN_OK);
    f->calibrate = an_calibrate_defaults();
    f->calibrate.site_scaler = true;
    f->calibrate.alarm_share_max = 0;
    for (size_t i = 0; i < SITES; i++) {
        assert_int_equal(an_lab_cut_new(&f->data, i, SIZE_MAX, &cut, &f->cuts[i], &why), AN_OK);
        f->sites[i] = (an_federation_site){
            .name = f->data.sites[i].name, .data = &f->cuts[i].data, .calibrate = &f->calibrate};
    }
    static const char *const policy[6][2] = {{"train.rounds", "2"},  {"update.clip_norm", "100"},
                                             {"seed", "7"},          {"server.momentum", "0.5"},
                                             {"privacy", "trusted"}, {"min_cohort", "2"}};
    memcpy(f->policy, policy, sizeof policy);
    f->spec = (an_model_spec){.name = "small",
                              .arch = arch,
                              .sensors = (const char *const *)f->data.names,
                              .n_sensors = (uint32_t)f->data.width,
                              .window = WINDOW,
                              .stride = 2,
                              .smooth = 1,
                              .threshold = "target_far:0.01",
                              .policy = (const char *const(*)[2])f->policy,
                              .n_policy = 6};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < SITES; i++)
        an_lab_cut_done(&f->cuts[i]);
    an_lab_data_done(&f->data);
    an_free(f);
    return 0;
}

static void run(const fixture *f, size_t threads, const an_federation_faults *faults,
                an_federation_result *ret)
{
    an_note why = {{0}};
    an_federation_conf conf = {.spec = &f->spec, .sites = f->sites, .n_sites = SITES, .n_threads = threads};
    if (faults)
        conf.faults = *faults;
    an_err err = an_federation_run(&conf, ret, &why);
    if (err != AN_OK)
        print_error("%s\n", why.text);
    assert_int_equal(err, AN_OK);
}

static an_hash hash_of(const fixture *f, size_t threads, const an_federation_faults *faults)
{
    an_federation_result r = {.n_sites = 0};
    run(f, threads, faults, &r);
    const an_hash version = r.version;
    an_federation_result_done(&r);
    return version;
}

static void a_campaign_ends_with_a_version_that_every_site_runs(void **state)
{
    an_federation_result r = {.n_sites = 0};
    run(*state, 1, NULL, &r);
    double losses[2];
    size_t n_train = 0;
    assert_int_equal(r.rounds[0].kind, AN_PAYLOAD_MEAN);
    assert_int_equal(r.rounds[r.n_rounds - 1].kind, AN_PAYLOAD_EVALUATE);
    for (size_t i = 0; i < r.n_rounds; i++) {
        assert_true(r.rounds[i].committed);
        assert_int_equal(r.rounds[i].updates, SITES);
        assert_int_equal(r.rounds[i].clipped, 0);
        if (r.rounds[i].kind == AN_PAYLOAD_TRAIN && n_train < 2)
            losses[n_train++] = r.rounds[i].loss;
    }
    assert_int_equal(n_train, 2);
    assert_true(losses[1] < losses[0]);
    for (size_t i = 0; i < SITES; i++) {
        assert_true(r.live[i]);
        assert_true(r.overlays[i].has_threshold && r.overlays[i].threshold > 0);
        assert_true(an_hash_equal(&r.overlays[i].base, &r.version));
    }
    assert_true(r.update_bytes > 0 && r.version_bytes > 0);
    an_federation_result_done(&r);
}

static void the_hash_does_not_depend_on_the_number_of_threads(void **state)
{
    const an_hash one = hash_of(*state, 1, NULL), four = hash_of(*state, 4, NULL);
    assert_true(an_hash_equal(&one, &four));
}

static void the_hash_does_not_depend_on_who_answers_first(void **state)
{
    const an_hash plain = hash_of(*state, 1, NULL);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        const an_federation_faults faults = {.shuffle = seed};
        const an_hash shuffled = hash_of(*state, 1, &faults);
        assert_true(an_hash_equal(&plain, &shuffled));
    }
}

static void a_message_that_comes_twice_counts_once(void **state)
{
    const an_federation_faults faults = {.seed = 1, .duplicate = 1};
    const an_hash plain = hash_of(*state, 1, NULL);
    an_federation_result r = {.n_sites = 0};
    run(*state, 1, &faults, &r);
    assert_true(r.duplicated > 0);
    assert_true(an_hash_equal(&plain, &r.version));
    an_federation_result_done(&r);
}

static void late_messages_change_nothing(void **state)
{
    const an_federation_faults faults = {.seed = 2, .delay = 0.5, .delay_ms = 2000};
    const an_hash plain = hash_of(*state, 1, NULL);
    an_federation_result r = {.n_sites = 0};
    run(*state, 1, &faults, &r);
    assert_true(r.delayed > 0);
    assert_true(an_hash_equal(&plain, &r.version));
    an_federation_result_done(&r);
}

static void broken_links_are_survived(void **state)
{
    uint64_t dropped = 0;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        const an_federation_faults faults = {.seed = seed, .shuffle = seed, .drop = 0.05, .duplicate = 0.1};
        an_federation_result r = {.n_sites = 0};
        run(*state, 1, &faults, &r);
        dropped += r.dropped;
        for (size_t i = 0; i < SITES; i++)
            assert_true(r.live[i]);
        an_federation_result_done(&r);
    }
    assert_true(dropped > 0);
}

static void another_seed_gives_another_version(void **state)
{
    fixture *f = *state;
    const an_hash seven = hash_of(f, 1, NULL);
    f->policy[2][1] = "8";
    const an_hash eight = hash_of(f, 1, NULL);
    f->policy[2][1] = "7";
    assert_false(an_hash_equal(&seven, &eight));
}

static void an_interrupt_ends_it_and_leaves_nothing(void **state)
{
    const fixture *f = *state;
    const atomic_bool cancel = true;
    const size_t before = an_mem_live();
    an_federation_result r = {.n_sites = 0};
    const an_federation_conf conf = {
        .spec = &f->spec, .sites = f->sites, .n_sites = SITES, .n_threads = 1, .cancel = &cancel};
    assert_int_equal(an_federation_run(&conf, &r, NULL), AN_ERR_CANCELLED);
    assert_int_equal(an_mem_live(), before);
}

/* From some allocation on all fail.  A whole run makes tens of thousands of them, so the sweep
 * is dense at the start and then takes ever longer steps. */
static void running_out_of_memory_anywhere_ends_it_cleanly(void **state)
{
    const fixture *f = *state;
    const size_t before = an_mem_live();
    for (size_t n = 0;; n += 1 + n / 8) {
        an_federation_result r = {.n_sites = 0};
        const an_federation_conf conf = {
            .spec = &f->spec, .sites = f->sites, .n_sites = SITES, .n_threads = 1};
        an_mem_fail_after(n);
        an_err err = an_federation_run(&conf, &r, NULL);
        an_mem_fail_never();
        an_federation_result_done(&r);
        assert_int_equal(an_mem_live(), before);
        if (err == AN_OK)
            break;
        assert_true(n < 100000000);
    }
}

static void parameters_marked_local_stay_at_their_sites(void **state)
{
    fixture *f = *state;
    static const char local_arch[] = "model: small\n"
                                     "input: {features: input, window: 2}\n"
                                     "layers:\n"
                                     "  - flatten\n"
                                     "  - dense: {units: 4, name: shared}\n"
                                     "  - dense: {units: input, name: own, local: true}\n"
                                     "loss: mse\n"
                                     "target: input\n";
    an_note why = {{0}};
    an_federation_result r = {.n_sites = 0};
    an_model_spec spec = f->spec;
    spec.arch = local_arch;
    const an_federation_conf conf = {.spec = &spec, .sites = f->sites, .n_sites = SITES, .n_threads = 1};
    an_err err = an_federation_run(&conf, &r, &why);
    if (err != AN_OK)
        print_error("%s\n", why.text);
    assert_int_equal(err, AN_OK);
    const size_t own = 4 * WINDOW * f->data.width + WINDOW * f->data.width;
    for (size_t i = 0; i < SITES; i++)
        assert_int_equal(r.overlays[i].n_local, own);
    assert_memory_not_equal(r.overlays[0].local, r.overlays[1].local, own * sizeof(float));
    an_federation_result_done(&r);
}

static void a_site_with_other_sensors_stops_the_campaign_with_a_reason(void **state)
{
    fixture *f = *state;
    an_note why = {{0}};
    an_federation_result r = {.n_sites = 0};
    an_model_spec narrow = f->spec;
    narrow.n_sensors--;
    const an_federation_conf conf = {.spec = &narrow, .sites = f->sites, .n_sites = SITES, .n_threads = 1};
    assert_int_equal(an_federation_run(&conf, &r, &why), AN_ERR_REFUSED);
    assert_non_null(strstr(why.text, "sensors"));
}

/* All windows in one place, in the scaler that the sites have agreed on, and as the version's network sees them. */
static an_detector *pooled_detector(const fixture *f, const an_bundle *b)
{
    const size_t input = an_prep_input(&b->prep);
    an_detector *d = NULL;
    an_model *m = NULL;
    float *all = NULL, *x = NULL, *y = NULL;
    size_t n = 0, cap = 0, n_x = 0;
    for (size_t i = 0; i < SITES; i++) {
        const an_data_part *train = &f->cuts[i].data.train;
        assert_int_equal(
            an_samples_inputs(&b->prep, train->raw, train->n, f->cuts[i].data.context, &x, &n_x, NULL, NULL),
            AN_OK);
        assert_true(an_grow(&all, &cap, (n + n_x) * input, sizeof *all));
        memcpy(all + n * input, x, n_x * input * sizeof *x);
        n += n_x;
        an_free(x);
    }
    assert_int_equal(an_detector_copy(b->detector, &d), AN_OK);
    if (b->arch[0]) {
        assert_int_equal(an_bundle_model(b, &m, NULL), AN_OK);
        assert_int_equal(an_model_reconstruct(m, b->weights, all, n, &y, NULL), AN_OK);
    }
    assert_int_equal(an_detector_fit(d, all, y, n, NULL), AN_OK);
    an_model_free(m);
    an_free(y);
    an_free(all);
    return d;
}

/* One FIT round, the last before EVALUATE, makes the detector that all windows in one place give. */
static void is_made_of_sums(fixture *f, const char *const *detectors, size_t n, size_t n_train)
{
    f->calibrate.site_scaler = false;
    f->calibrate.tune_epochs = 0;
    for (size_t i = 0; i < SITES; i++)
        f->sites[i].calibrate = &f->calibrate;
    for (size_t k = 0; k < n; k++) {
        an_federation_result r = {.n_sites = 0};
        f->spec.detector = detectors[k];
        run(f, 1, NULL, &r);
        assert_int_equal(r.n_rounds, 5 + n_train);
        for (size_t i = 0; i < r.n_rounds; i++) {
            const an_payload_kind kind = i == 3 + n_train  ? AN_PAYLOAD_FIT
                                         : i > 3 + n_train ? AN_PAYLOAD_EVALUATE
                                         : i > 2           ? AN_PAYLOAD_TRAIN
                                         : i == 2          ? AN_PAYLOAD_HISTOGRAM
                                         : i == 1          ? AN_PAYLOAD_VARIANCE
                                                           : AN_PAYLOAD_MEAN;
            assert_int_equal(r.rounds[i].kind, kind);
            assert_true(r.rounds[i].committed);
        }
        an_detector *pooled = pooled_detector(f, &r.bundle);
        for (size_t i = 0; i < pooled->n_state; i++)
            assert_true(fabs(pooled->state[i] - r.bundle.detector->state[i]) <=
                        1e-9 * (1 + fabs(pooled->state[i])));
        for (size_t i = 0; i < SITES; i++) {
            assert_true(r.live[i]);
            assert_null(r.overlays[i].detector); /* it runs the one that all have made */
            assert_true(r.overlays[i].has_threshold);
        }
        an_detector_free(pooled);
        an_federation_result_done(&r);
    }
}

static void without_a_network_one_round_makes_the_detector_of_all_windows(void **state)
{
    static const char *const detectors[] = {NULL, "pca", "halfspace", "scales",
                                            "padim"}; /* NULL: mahalanobis */
    fixture f = *(const fixture *)*state;
    f.spec.arch = NULL;
    is_made_of_sums(&f, detectors, sizeof detectors / sizeof *detectors, 0);
}

static void a_round_after_training_makes_the_detector_of_what_the_network_leaves_over(void **state)
{
    static const char *const detectors[] = {"residual", "residual_scales"};
    fixture f = *(const fixture *)*state;
    is_made_of_sums(&f, detectors, sizeof detectors / sizeof *detectors, ROUNDS);
}

int main(void)
{
    if (!an_kernels_init())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_campaign_ends_with_a_version_that_every_site_runs),
        cmocka_unit_test(the_hash_does_not_depend_on_the_number_of_threads),
        cmocka_unit_test(the_hash_does_not_depend_on_who_answers_first),
        cmocka_unit_test(a_message_that_comes_twice_counts_once),
        cmocka_unit_test(late_messages_change_nothing),
        cmocka_unit_test(broken_links_are_survived),
        cmocka_unit_test(another_seed_gives_another_version),
        cmocka_unit_test(without_a_network_one_round_makes_the_detector_of_all_windows),
        cmocka_unit_test(a_round_after_training_makes_the_detector_of_what_the_network_leaves_over),
        cmocka_unit_test(an_interrupt_ends_it_and_leaves_nothing),
        cmocka_unit_test(running_out_of_memory_anywhere_ends_it_cleanly),
        cmocka_unit_test(parameters_marked_local_stay_at_their_sites),
        cmocka_unit_test(a_site_with_other_sensors_stops_the_campaign_with_a_reason),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_json_init();
    an_log_init(AN_LOG_OFF, "test");
    return cmocka_run_group_tests(tests, setup, teardown);
}
