/* What a site does in a round, one kind after the other, decoded as the coordinator does. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/samples.h"
#include "agent/task.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "sum/vector.h"
#include "tests/support/toy.h"

#define N 160

static const char *const sensors[AN_TOY_WIDTH] = {"flow", "pressure", "temp", "current"};
static const an_failure_mode modes[] = {
    {.name = "leak", .n = 2, .part = {{"flow", -6}, {"pressure", -6}}},
    {.name = "friction", .n = 1, .part = {{"current", 8}}},
};

typedef struct fixture {
    an_bundle b;
    an_plan *plan;
    float *raw[4];
    an_site_data data;
    an_calibrate_opts opts;
    an_task task;
    uint32_t *v;
} fixture;

static void open_fixture(fixture *f, an_payload_kind kind, bool local)
{
    an_note why = {{0}};
    memset(f, 0, sizeof *f);
    an_toy_bundle(&f->b, local);
    f->plan = an_toy_plan(&f->b, kind);
    if (an_plan_check(f->plan, &why) != AN_OK)
        fail_msg("%s", why.text);
    for (uint64_t i = 0; i < 4; i++)
        f->raw[i] = an_toy_windows(N, 10 + i);
    f->data = (an_site_data){.width = AN_TOY_WIDTH,
                             .context = AN_TOY_CONTEXT,
                             .sensors = sensors,
                             .modes = modes,
                             .n_modes = 2,
                             .train = {.raw = f->raw[0], .n = N},
                             .recent = {.raw = f->raw[1], .n = N},
                             .old = {.raw = f->raw[2], .n = N},
                             .fresh = {.raw = f->raw[3], .n = N}};
    f->opts = an_calibrate_defaults();
    f->opts.holdout_min = 50;
    f->task = (an_task){
        .plan = f->plan, .site = "plant-b", .data = &f->data, .calibrate = &f->opts, .n_threads = 1};
    if (kind == AN_PAYLOAD_EVALUATE)
        f->task.candidate = &f->b;
    else
        f->task.base = &f->b;
    f->v = an_alloc(f->plan->dim, sizeof *f->v);
}

static void close_fixture(fixture *f)
{
    an_bundle_done(&f->b);
    an_plan_free(f->plan);
    for (size_t i = 0; i < 4; i++)
        an_free(f->raw[i]);
    an_free(f->v);
}

static an_payload_facts facts_of(const fixture *f)
{
    const an_plan *p = f->plan;
    return (an_payload_facts){.n_cohort = p->n_cohort,
                              .value_bits = p->value_bits,
                              .seed = p->seed,
                              .tensors = p->tensors,
                              .n_tensors = p->n_tensors,
                              .clip_norm = p->clip_norm,
                              .weight_cap = p->weight_cap,
                              .n_features = AN_TOY_WIDTH,
                              .n_bins = f->b.n_edges + 1,
                              .n_sums = (uint32_t)an_detector_n_sums(f->b.detector)};
}

static void run(fixture *f, an_task_result *ret)
{
    an_note why = {{0}};
    if (an_task_run(&f->task, f->v, ret, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static void decode(const fixture *f, an_payload_out *out)
{
    an_note why = {{0}};
    an_payload_facts facts = facts_of(f);
    if (an_payload_find(f->plan->kind)->decode(out, &facts, f->v, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static void moments_are_those_of_the_training_rows(void **state)
{
    (void)state;
    for (int second = 0; second < 2; second++) {
        fixture f;
        uint64_t n[AN_TOY_WIDTH];
        double sum[AN_TOY_WIDTH], want[AN_TOY_WIDTH] = {0};
        an_task_result result;
        open_fixture(&f, second ? AN_PAYLOAD_VARIANCE : AN_PAYLOAD_MEAN, false);
        f.raw[0][1] = NAN; /* not a value */
        for (size_t i = 0; i < N * AN_TOY_CONTEXT * AN_TOY_WIDTH; i++) {
            double x = (double)f.raw[0][i], d = x - (double)f.b.prep.mean[i % AN_TOY_WIDTH];
            if (isfinite(x))
                want[i % AN_TOY_WIDTH] += second ? d * d : x;
        }
        run(&f, &result);
        an_payload_out out = {.mean = {.n = n, .sum = sum}};
        decode(&f, &out);
        for (size_t k = 0; k < AN_TOY_WIDTH; k++) {
            assert_int_equal(n[k], N * AN_TOY_CONTEXT - (k == 1));
            assert_float_equal(sum[k], want[k], 1e-3);
        }
        an_task_result_done(&result);
        close_fixture(&f);
    }
}

/* Three sites' vectors add up to the detector that all their windows in one place give. */
static void sums_of_sites_make_the_detector_of_all_windows(void **state)
{
    static const char *const names[] = {"mahalanobis",     "pca", "halfspace", "scales", "residual",
                                        "residual_scales", "t2",  "q",         "padim"};
    (void)state;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        fixture f;
        an_detector *pooled = NULL;
        an_model *m = NULL;
        float *x = NULL, *all = NULL, *y = NULL;
        size_t n = 0, input;
        uint32_t *total;
        open_fixture(&f, AN_PAYLOAD_MEAN, false);
        an_detector_free(f.b.detector);
        assert_int_equal(
            an_detector_new(names[k], f.b.prep.conf.window, f.b.prep.features, &f.b.detector, NULL), AN_OK);
        an_detector_blank(f.b.detector, 3);
        an_plan_free(f.plan);
        f.task.plan = f.plan = an_toy_plan(&f.b, AN_PAYLOAD_FIT);
        assert_int_equal(an_plan_check(f.plan, NULL), AN_OK);
        an_free(f.v);
        f.v = an_alloc(f.plan->dim, sizeof *f.v);
        total = an_alloc(f.plan->dim, sizeof *total);
        input = an_prep_input(&f.b.prep);
        all = an_alloc(3 * N * input, sizeof *all);
        for (size_t site = 0; site < 3; site++) {
            an_task_result result;
            f.data.train.raw = f.raw[site];
            run(&f, &result);
            assert_int_equal(result.windows, N);
            an_sum_add(total, f.v, f.plan->dim);
            assert_int_equal(an_samples_inputs(&f.b.prep, f.raw[site], N, AN_TOY_CONTEXT, &x, &n, NULL, NULL),
                             AN_OK);
            memcpy(all + site * N * input, x, n * input * sizeof *x);
            an_free(x);
            an_task_result_done(&result);
        }
        memcpy(f.v, total, f.plan->dim * sizeof *total);
        double *sums = an_alloc(an_detector_n_sums(f.b.detector), sizeof *sums);
        an_payload_out out = {.fit = {.sums = sums}};
        decode(&f, &out);
        assert_int_equal(out.fit.n, 3 * N);
        assert_int_equal(an_detector_copy(f.b.detector, &pooled), AN_OK);
        assert_int_equal(an_bundle_model(&f.b, &m, NULL), AN_OK);
        assert_int_equal(an_model_reconstruct(m, f.b.weights, all, 3 * N, &y, NULL), AN_OK);
        assert_int_equal(an_detector_fit(pooled, all, y, 3 * N, NULL), AN_OK);
        assert_int_equal(an_detector_from_sums(f.b.detector, out.fit.n, sums, NULL), AN_OK);
        for (size_t i = 0; i < pooled->n_state; i++)
            assert_true(fabs(pooled->state[i] - f.b.detector->state[i]) <=
                        1e-9 * (1 + fabs(pooled->state[i])));
        an_detector_free(pooled);
        an_free(sums);
        an_free(total);
        an_free(all);
        an_free(y);
        an_model_free(m);
        close_fixture(&f);
    }
}

static void a_version_whose_detector_is_no_sum_is_not_made_of_one(void **state)
{
    fixture f;
    an_note why = {{0}};
    (void)state;
    open_fixture(&f, AN_PAYLOAD_MEAN, false);
    f.plan->kind = AN_PAYLOAD_FIT;
    assert_int_equal(an_task_run(&f.task, f.v, NULL, &why), AN_ERR_INVAL);
    close_fixture(&f);
}

static void a_histogram_counts_every_training_value_once(void **state)
{
    fixture f;
    uint64_t counts[AN_TOY_WIDTH * 4];
    an_task_result result;
    (void)state;
    open_fixture(&f, AN_PAYLOAD_HISTOGRAM, false);
    run(&f, &result);
    an_payload_out out = {.histogram = {.counts = counts}};
    decode(&f, &out);
    for (size_t k = 0; k < AN_TOY_WIDTH; k++)
        assert_int_equal(counts[4 * k] + counts[4 * k + 1] + counts[4 * k + 2] + counts[4 * k + 3],
                         N * AN_TOY_CONTEXT);
    an_task_result_done(&result);
    close_fixture(&f);
}

static void training_gives_the_same_vector_with_any_number_of_threads(void **state)
{
    fixture f;
    an_task_result one, four, other;
    an_hash a, b, c;
    (void)state;
    open_fixture(&f, AN_PAYLOAD_TRAIN, false);
    run(&f, &one);
    an_hash_of(&a, f.v, f.plan->dim * sizeof *f.v);
    f.task.n_threads = 4;
    run(&f, &four);
    an_hash_of(&b, f.v, f.plan->dim * sizeof *f.v);
    assert_true(an_hash_equal(&a, &b));
    f.task.site = "plant-c"; /* another site draws other numbers */
    run(&f, &other);
    an_hash_of(&c, f.v, f.plan->dim * sizeof *f.v);
    assert_false(an_hash_equal(&a, &c));
    an_task_result_done(&one);
    an_task_result_done(&four);
    an_task_result_done(&other);
    close_fixture(&f);
}

static void the_delta_leads_to_a_lower_loss_and_local_parameters_stay(void **state)
{
    fixture f;
    an_task_result first, second;
    (void)state;
    open_fixture(&f, AN_PAYLOAD_TRAIN, true);
    double *delta = an_alloc(f.b.n_weights, sizeof *delta);
    run(&f, &first);
    an_payload_out out = {.train = {.delta = delta}};
    decode(&f, &out);
    assert_int_equal(out.train.sites, 1);
    assert_float_equal(out.train.weight, N, 1e-6);
    assert_true(first.n_local > 0);
    for (size_t i = f.b.n_weights - first.n_local; i < f.b.n_weights; i++)
        assert_true(fabs(delta[i]) <= 0); /* the last layer is local */
    for (size_t i = 0; i < f.b.n_weights; i++)
        f.b.weights[i] += (float)delta[i];
    f.task.local = first.local;
    f.task.n_local = first.n_local;
    run(&f, &second);
    assert_true(second.loss < first.loss);
    an_task_result_done(&first);
    an_task_result_done(&second);
    an_free(delta);
    close_fixture(&f);
}

static void an_incremental_round_mixes_new_windows_with_old_ones(void **state)
{
    fixture f;
    an_task_result result;
    (void)state;
    open_fixture(&f, AN_PAYLOAD_TRAIN, false);
    f.plan->replay_share = 0.5;
    f.data.recent.n = 60;
    f.data.held = (an_data_part){.raw = f.raw[1] + 60 * AN_TOY_CONTEXT * AN_TOY_WIDTH, .n = 50};
    run(&f, &result);
    assert_int_equal(result.windows, 120);
    an_task_result_done(&result);
    f.plan->replay_share = 0.25;
    run(&f, &result);
    assert_int_equal(result.windows, 80);
    an_task_result_done(&result);
    f.plan->use_held = true; /* four fifths of them */
    run(&f, &result);
    assert_int_equal(result.windows, 133);
    an_task_result_done(&result);
    f.data.recent.n = f.data.held.n = 0; /* a site without drift helps with what it has */
    run(&f, &result);
    assert_int_equal(result.windows, N);
    an_task_result_done(&result);
    close_fixture(&f);
}

/* The loss of the base version moved by what the task gave, on the site's old windows, after learning other ones. */
static double loss_on_old(double ewc, double *ret_length)
{
    fixture f;
    an_task_result result, old;
    open_fixture(&f, AN_PAYLOAD_TRAIN, false);
    double *delta = an_alloc(f.b.n_weights, sizeof *delta);
    assert_non_null(delta);
    f.plan->local_epochs = 60;
    run(&f, &result); /* what there is to forget */
    an_payload_out out = {.train = {.delta = delta}};
    decode(&f, &out);
    for (size_t i = 0; i < f.b.n_weights; i++)
        f.b.weights[i] += (float)delta[i];
    an_task_result_done(&result);
    for (size_t i = 0; i < (size_t)N * AN_TOY_CONTEXT * AN_TOY_WIDTH; i++)
        f.raw[1][i] = 3 - 2 * f.raw[1][i];
    f.plan->replay_share = 1e-9;
    f.plan->ewc = ewc;
    assert_int_equal(an_plan_check(f.plan, NULL), AN_OK);
    run(&f, &result);
    decode(&f, &out);
    *ret_length = 0;
    for (size_t i = 0; i < f.b.n_weights; i++) {
        f.b.weights[i] += (float)delta[i];
        *ret_length += delta[i] * delta[i];
    }
    f.plan->replay_share = f.plan->ewc = 0;
    f.plan->local_epochs = 1;
    f.plan->lr = 1e-9; /* the loss of an epoch in which nothing moves */
    run(&f, &old);
    const double loss = old.loss;
    an_task_result_done(&result);
    an_task_result_done(&old);
    an_free(delta);
    close_fixture(&f);
    return loss;
}

static void what_old_windows_need_is_held_by_ewc(void **state)
{
    double free_length, held_length;
    (void)state;
    const double freely = loss_on_old(0, &free_length), held = loss_on_old(1000, &held_length);
    print_message("old windows: %.4f, with ewc %.4f; moved %.4f, %.4f\n", freely, held, sqrt(free_length),
                  sqrt(held_length));
    assert_true(held < 0.8 * freely);
    assert_true(held_length < free_length);
}

static void training_that_leaves_the_numbers_is_an_error(void **state)
{
    fixture f;
    an_note why = {{0}};
    (void)state;
    open_fixture(&f, AN_PAYLOAD_TRAIN, false);
    f.plan->lr = 900;
    snprintf(f.plan->optimiser, sizeof f.plan->optimiser, "sgd");
    assert_int_equal(an_task_run(&f.task, f.v, NULL, &why), AN_ERR_NUMERIC);
    assert_true(why.text[0] != '\0');
    f.data.train.n = 0;
    assert_int_equal(an_task_run(&f.task, f.v, NULL, &why), AN_ERR_AGAIN);
    f.data.width = 3;
    assert_int_equal(an_task_run(&f.task, f.v, NULL, &why), AN_ERR_INVAL);
    close_fixture(&f);
}

static void an_evaluation_judges_both_versions_on_what_was_held_out(void **state)
{
    fixture f;
    an_bundle trained;
    an_task_result result;
    an_overlay o;
    an_note why;
    (void)state;
    open_fixture(&f, AN_PAYLOAD_EVALUATE, false);
    /* The candidate is what a site tuned; production has its first random parameters. */
    an_toy_bundle(&trained, false);
    an_calibrate_data d = {.width = AN_TOY_WIDTH, .context = AN_TOY_CONTEXT, .fit = f.data.train};
    an_calibrate_opts tune = f.opts;
    tune.tune_all = true;
    tune.tune_epochs = 60;
    tune.tune_lr = 0.01;
    assert_int_equal(an_calibrate(&trained, &f.plan->candidate, &d, &tune, 0, &o, NULL, &why), AN_OK);
    memcpy(trained.weights, o.local, trained.n_weights * sizeof *trained.weights);
    an_overlay_done(&o);
    f.task.candidate = &trained;
    f.task.production = &f.b;
    f.data.confirmed = (an_data_part){.raw = f.raw[3], .n = 7};
    run(&f, &result);
    an_payload_out out;
    decode(&f, &out);
    const an_evaluation *c = &out.evaluate.candidate, *p = &out.evaluate.production;
    assert_int_equal(c->sites, 1);
    assert_int_equal(c->n, N / 2);
    assert_int_equal(c->old_windows, N / 2);
    assert_int_equal(c->new_windows, N / 2);
    assert_int_equal(c->non_finite, 0);
    assert_true(c->loss_sum < 0.5 * p->loss_sum);
    assert_true(c->old_alarms + c->new_alarms < N / 5);
    for (size_t i = 0; i < 2; i++) {
        assert_true(c->modes[i].total > 0);
        assert_int_equal(c->modes[i].total, p->modes[i].total);
    }
    assert_int_equal(c->modes[AN_EVAL_MODES - 1].total, 7);
    assert_int_equal(c->tp + c->fn, p->tp + p->fn);
    assert_int_equal(c->fp, c->old_alarms + c->new_alarms);
    assert_true(c->sizes[0].total > 0 && c->sizes[3].total > 0);
    uint64_t raised = 0, total = 0;
    for (size_t i = 0; i < AN_EVAL_SIZES; i++) {
        raised += c->sizes[i].raised;
        total += c->sizes[i].total;
    }
    assert_true(2 * raised > total);
    an_task_result_done(&result);
    an_bundle_done(&trained);
    close_fixture(&f);
}

static void nothing_is_lost_when_memory_runs_out(void **state)
{
    static const an_payload_kind kinds[] = {AN_PAYLOAD_TRAIN, AN_PAYLOAD_MEAN, AN_PAYLOAD_HISTOGRAM,
                                            AN_PAYLOAD_EVALUATE};
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        fixture f;
        an_task_result result;
        an_err err = AN_ERR_NOMEM;
        open_fixture(&f, kinds[k], true);
        f.plan->local_epochs = 1;
        f.plan->replay_share = 0.5;
        f.plan->ewc = kinds[k] == AN_PAYLOAD_TRAIN;
        f.opts.site_scaler = true;
        f.data.train.n = f.data.recent.n = f.data.old.n = f.data.fresh.n = 40;
        f.data.n_modes = 0;
        const size_t live = an_mem_live();
        for (size_t n = 0; err != AN_OK; n++) {
            an_mem_fail_after(n);
            err = an_task_run(&f.task, f.v, &result, NULL);
            an_mem_fail_never();
            assert_true(err == AN_OK || err == AN_ERR_NOMEM);
            if (err != AN_OK)
                assert_int_equal(an_mem_live(), live);
        }
        an_task_result_done(&result);
        close_fixture(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_are_those_of_the_training_rows),
        cmocka_unit_test(sums_of_sites_make_the_detector_of_all_windows),
        cmocka_unit_test(a_version_whose_detector_is_no_sum_is_not_made_of_one),
        cmocka_unit_test(a_histogram_counts_every_training_value_once),
        cmocka_unit_test(training_gives_the_same_vector_with_any_number_of_threads),
        cmocka_unit_test(the_delta_leads_to_a_lower_loss_and_local_parameters_stay),
        cmocka_unit_test(an_incremental_round_mixes_new_windows_with_old_ones),
        cmocka_unit_test(what_old_windows_need_is_held_by_ewc),
        cmocka_unit_test(training_that_leaves_the_numbers_is_an_error),
        cmocka_unit_test(an_evaluation_judges_both_versions_on_what_was_held_out),
        cmocka_unit_test(nothing_is_lost_when_memory_runs_out),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
