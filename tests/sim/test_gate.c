/* The gate, with real training on a simulated line: a campaign that has learned a new tool passes,
 * one that has learned a worn bearing is stopped as a possible fault.  Sites' own work
 * (agent/task.h) is judged by the coordinator's rule (coordinator/campaign.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/samples.h"
#include "agent/sim.h"
#include "agent/task.h"
#include "base/mem.h"
#include "coordinator/gate.h"
#include "doors/crypto.h"
#include "models/kernels/kernels.h"
#include "models/train.h"

#define WINDOW 4
#define NORMAL 12000
#define CHANGED 4000
#define BLOCK 25 /* windows that are learned or held out together */

static const char arch[] = "model: pump-ae\n"
                           "input: {features: input, window: 4}\n"
                           "layers:\n"
                           "  - flatten\n"
                           "  - dense: {units: 64}\n"
                           "  - relu\n"
                           "  - dense: {units: 8}\n"
                           "  - relu\n"
                           "  - dense: {units: 64}\n"
                           "  - relu\n"
                           "  - dense: {units: input}\n"
                           "loss: mse\n"
                           "target: input\n";

static void must(an_err err, const an_note *why)
{
    if (err != AN_OK)
        print_error("%s: %s\n", an_err_name(err), why->text);
    assert_int_equal(err, AN_OK);
}

typedef struct plant {
    size_t width;
    const char *names[AN_SIM_SENSORS_MAX];
    float *rows, *normal, *changed, *parted; /* rows, and raw windows */
    size_t n_normal, n_changed;
    an_site_data data;
    an_bundle base;
    an_model *model;
} plant;

static void make_rows(plant *p, const char *event, double size, size_t after, size_t ramp)
{
    an_note why = {{0}};
    const an_sim_line *line = an_sim_line_find("pump");
    an_sim_conf conf = {.line = "pump", .seed = 5, .site = 3, .step_ms = 1000, .steady = true, .n_events = 1};
    p->width = line->n_sensors;
    for (size_t i = 0; i < p->width; i++)
        p->names[i] = line->sensors[i].name;
    snprintf(conf.events[0].name, sizeof conf.events[0].name, "%s", event);
    conf.events[0].start = NORMAL + after;
    conf.events[0].length = ramp;
    conf.events[0].size = size;
    p->rows = an_alloc((NORMAL + CHANGED) * p->width, sizeof *p->rows);
    assert_non_null(p->rows);
    must(an_sim_generate(&conf, NORMAL + CHANGED, p->rows, NULL, NULL, &why), &why);
    must(an_samples_cut(p->rows, NORMAL, p->width, WINDOW, WINDOW, false, &p->normal, &p->n_normal, &why),
         &why);
    must(an_samples_cut(p->rows + NORMAL * p->width, CHANGED, p->width, WINDOW, WINDOW, false, &p->changed,
                        &p->n_changed, &why),
         &why);
}

/* Windows in time order as the pool parts them: of five blocks four are RECENT and one is NEW. */
static void part_changed(plant *p, size_t *ret_recent)
{
    const size_t size = WINDOW * p->width;
    size_t at = 0;
    p->parted = an_alloc(p->n_changed * size, sizeof *p->parted);
    assert_non_null(p->parted);
    for (int fresh = 0; fresh < 2; fresh++) {
        *ret_recent = fresh ? *ret_recent : 0;
        for (size_t i = 0; i < p->n_changed; i++)
            if ((i / BLOCK % 5 == 4) == fresh)
                memcpy(p->parted + at++ * size, p->changed + i * size, size * sizeof *p->parted);
        *ret_recent = fresh ? *ret_recent : at;
    }
}

/* Two thirds of the normal windows to train on, the rest held out as OLD. */
static void make_data(plant *p)
{
    const size_t size = WINDOW * p->width, two_thirds = p->n_normal * 2 / 3;
    size_t n_recent;
    part_changed(p, &n_recent);
    const an_sim_line *line = an_sim_line_find("pump");
    p->data = (an_site_data){
        .width = p->width,
        .context = WINDOW,
        .train = {.raw = p->normal, .n = two_thirds},
        .old = {.raw = p->normal + two_thirds * size, .n = p->n_normal - two_thirds},
        .recent = {.raw = p->parted, .n = n_recent},
        .fresh = {.raw = p->parted + n_recent * size, .n = p->n_changed - n_recent},
        .changed = {.raw = p->changed, .n = p->n_changed},
        .sensors = p->names,
        .modes = line->modes,
        .n_modes = line->n_modes,
    };
}

static void make_base(plant *p)
{
    an_note why = {{0}};
    an_bundle *b = &p->base;
    an_prep_conf pc;
    float *x = NULL;
    size_t n = 0;
    an_prep_conf_init(&pc);
    pc.window = WINDOW;
    snprintf(b->model, sizeof b->model, "pump");
    snprintf(b->policy, sizeof b->policy, "target_far:0.005");
    b->threshold = 1;
    must(an_schema_new(&b->schema, p->names, NULL, (uint32_t)p->width, 1, WINDOW, &why), &why);
    must(an_prep_fit(&b->prep, &pc, p->rows, 1, NORMAL * 2 / 3, p->width, &why), &why);
    must(an_model_new(arch, sizeof arch - 1, "arch", p->width, &p->model, &why), &why);
    an_model_layout_hash(p->model, &b->layout);
    b->arch = an_strdup(an_model_text(p->model));
    b->n_weights = an_model_n_params(p->model);
    b->weights = an_alloc(b->n_weights, sizeof *b->weights);
    assert_non_null(b->weights);
    an_model_init(p->model, 1, b->weights);
    must(an_detector_new("autoencoder", WINDOW, (uint32_t)p->width, &b->detector, &why), &why);
    for (size_t i = 0; i < b->detector->n_state; i++)
        b->detector->state[i] = 1;
    must(an_samples_inputs(&b->prep, p->normal, p->data.train.n, WINDOW, &x, &n, NULL, &why), &why);
    an_train_opts o = an_train_defaults();
    o.epochs = 30;
    must(an_train(p->model, b->weights, &o, x, NULL, p->data.train.n, NULL, &why), &why);
    an_free(x);
}

/* What a site would do in an incremental round, as the policy's defaults say. */
static void make_candidate(plant *p, const an_policy *policy, an_bundle *ret)
{
    an_note why = {{0}};
    float *x = NULL;
    size_t n = 0;
    an_data_set set = {.n = 0};
    const an_data_pick picks[] = {{.part = &p->data.recent}, {.part = &p->data.train, .modulus = 5, .to = 2}};
    must(an_bundle_copy(ret, &p->base), &why);
    must(an_data_gather(&p->data, picks, 2, &set), &why);
    must(an_samples_inputs(&p->base.prep, set.raw, set.n, WINDOW, &x, &n, NULL, &why), &why);
    an_train_opts o = an_train_defaults();
    o.epochs = (size_t)(policy->drift_rounds * policy->drift_epochs);
    o.lr = policy->drift_lr;
    o.l2sp = policy->drift_l2sp;
    o.anchor = p->base.weights;
    must(an_train(p->model, ret->weights, &o, x, NULL, n, NULL, &why), &why);
    an_data_set_done(&set);
    an_free(x);
}

static bool judge(const char *event, double size, size_t after, size_t ramp, an_note *verdict)
{
    an_note why = {{0}};
    plant p = {.width = 0};
    an_policy policy;
    an_bundle candidate = {.arch = NULL};
    make_rows(&p, event, size, after, ramp);
    make_data(&p);
    make_base(&p);
    must(an_policy_init(&policy), &why);
    make_candidate(&p, &policy, &candidate);

    an_plan *plan = an_alloc(1, sizeof *plan);
    uint32_t *vector = an_alloc(AN_EVALUATE_DIM, sizeof *vector);
    assert_non_null(plan);
    assert_non_null(vector);
    plan->round = 9;
    plan->kind = AN_PAYLOAD_EVALUATE;
    plan->dim = AN_EVALUATE_DIM;
    plan->n_cohort = 1;
    plan->seed = 77;
    an_hash_of(&plan->candidate, "candidate", 9);
    an_hash_of(&plan->production, "production", 10);
    an_calibrate_opts opts = an_calibrate_defaults();
    an_overlay running;
    const an_calibrate_data before = {
        .width = p.width, .context = WINDOW, .fit = p.data.train, .holdout = p.data.old};
    must(an_calibrate(&p.base, &plan->production, &before, &opts, 0, &running, NULL, &why), &why);
    const an_task task = {.plan = plan,
                          .site = "plant-a",
                          .candidate = &candidate,
                          .production = &p.base,
                          .running = &running,
                          .data = &p.data,
                          .calibrate = &opts,
                          .n_threads = 1};
    an_task_result result = {.local = NULL};
    must(an_task_run(&task, vector, &result, &why), &why);
    an_gate_verdict v;
    an_gate_judge(&result.evaluation, NULL, &policy, AN_GATE_INCREMENTAL, &v);
    const bool passed = v.passed;
    *verdict = v.reason;
    print_message("%s %g: shift %.2f, cosine %.2f with mode %zu; %s: %s\n", event, size, result.suspect.shift,
                  result.suspect.cosine, result.suspect.mode + 1, passed ? "passed" : "stopped",
                  verdict->text);

    an_task_result_done(&result);
    an_overlay_done(&running);
    an_opt_done(an_policy_rows, an_policy_n_rows, &policy);
    an_bundle_done(&candidate);
    an_bundle_done(&p.base);
    an_model_free(p.model);
    an_free(plan);
    an_free(vector);
    an_free(p.rows);
    an_free(p.normal);
    an_free(p.changed);
    an_free(p.parted);
    return passed;
}

static void a_tool_change_is_adapted_to(void **state)
{
    (void)state;
    an_note verdict;
    assert_true(judge("tool_change", 1, 0, 0, &verdict));
}

static void a_new_material_is_adapted_to(void **state)
{
    (void)state;
    an_note verdict;
    assert_true(judge("new_material", 1, 0, 0, &verdict));
}

static void slow_wear_is_not_learned_as_normal(void **state)
{
    (void)state;
    an_note verdict;
    for (int i = 1; i <= 4; i++) { /* from its first signs to its full size */
        assert_false(judge("bearing_wear", 0.25 * i, 0, CHANGED, &verdict));
        assert_non_null(strstr(verdict.text, "possible fault, not drift"));
    }
}

/* On a busy machine a campaign takes long: it was opened for what came to nothing, and is judged when the
 * bearing has begun to wear.  Most of what was seen since the report is as it always was. */
static void wear_that_begins_while_a_campaign_runs_is_not_learned(void **state)
{
    (void)state;
    an_note verdict;
    const size_t late[] = {CHANGED * 5 / 8, CHANGED * 3 / 4, CHANGED * 7 / 8};
    for (size_t i = 0; i < sizeof late / sizeof *late; i++) {
        assert_false(judge("bearing_wear", 0.5, late[i], CHANGED - late[i], &verdict));
        assert_non_null(strstr(verdict.text, "possible fault, not drift"));
    }
}

int main(void)
{
    an_err err = an_crypto_init();
    if (err != AN_OK)
        return 1;
    if (!an_kernels_init())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tool_change_is_adapted_to),
        cmocka_unit_test(a_new_material_is_adapted_to),
        cmocka_unit_test(slow_wear_is_not_learned_as_normal),
        cmocka_unit_test(wear_that_begins_while_a_campaign_runs_is_not_learned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
