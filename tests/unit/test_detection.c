/* Figures of detectors and of models that learn from labels, over several tables. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "coordinator/lab/detection.h"
#include "coordinator/lab/labelled.h"
#include "models/kernels/kernels.h"

#define N 400u
#define WIDTH 2u
#define ROWS 6u

static const an_lab_detection_opts opts = {.vus_window = 10};

/* Two events, of which the detector misses the second and is late at the first. */
static void make_scores(float *scores, uint8_t *labels)
{
    for (size_t i = 0; i < N; i++) {
        labels[i] = (i >= 100 && i < 150) || (i >= 300 && i < 320);
        scores[i] = i >= 110 && i < 150 ? 2.0f : 0.5f + 0.001f * (float)(i % 7);
    }
    scores[10] = 1.5f;
}

static void one_series_alone_and_as_all_has_the_same_figures(void **state)
{
    (void)state;
    float scores[N];
    uint8_t labels[N];
    an_lab_detection one, all;
    make_scores(scores, labels);
    assert_int_equal(an_lab_detection_of(&opts, scores, labels, N, &one), AN_OK);
    assert_int_equal(an_lab_detection_all(scores, labels, N, &one, 1, &all), AN_OK);
    assert_int_equal(one.confusion.tp, 40);
    assert_int_equal(one.confusion.fp, 1);
    assert_int_equal(one.events.n_events, 2);
    assert_int_equal(one.events.n_detected, 1);
    assert_int_equal(one.events.n_false_runs, 1);
    assert_float_equal(one.delay, 10, 1e-12);
    assert_true(one.adjusted_f1 > one.rates.f1);
    assert_memory_equal(&one.confusion, &all.confusion, sizeof one.confusion);
    const double a[] = {one.auroc, one.pauroc,  one.auprc,  one.best_f1,        one.events.f1, one.delay,
                        one.nab,   one.vus.roc, one.vus.pr, one.affiliation.f1, one.pa_area};
    const double b[] = {all.auroc, all.pauroc,  all.auprc,  all.best_f1,        all.events.f1, all.delay,
                        all.nab,   all.vus.roc, all.vus.pr, all.affiliation.f1, all.pa_area};
    for (size_t i = 0; i < sizeof a / sizeof *a; i++)
        assert_float_equal(a[i], b[i], 1e-12);
}

static void events_of_several_series_are_added_and_the_rest_is_their_mean(void **state)
{
    (void)state;
    float scores[2 * N];
    uint8_t labels[2 * N];
    an_lab_detection each[2], all;
    make_scores(scores, labels);
    for (size_t i = N; i < 2 * N; i++) {
        scores[i] = 0;
        labels[i] = 0; /* nothing happens here: recall and delay are not defined */
    }
    assert_int_equal(an_lab_detection_of(&opts, scores, labels, N, &each[0]), AN_OK);
    assert_int_equal(an_lab_detection_of(&opts, scores + N, labels + N, N, &each[1]), AN_OK);
    assert_true(isnan(each[1].delay) && isnan(each[1].auroc) && each[1].events.n_events == 0);
    assert_int_equal(an_lab_detection_all(scores, labels, 2 * N, each, 2, &all), AN_OK);
    assert_int_equal(all.n_rows, 2 * N);
    assert_int_equal(all.confusion.tn, each[0].confusion.tn + N);
    assert_int_equal(all.events.n_events, 2);
    assert_float_equal(all.delay, each[0].delay, 1e-12);
    assert_float_equal(all.vus.roc, each[0].vus.roc, 1e-12);
    assert_float_equal(all.events.recall, 0.5, 1e-12);
}

static void figures_survive_every_allocation_failure(void **state)
{
    (void)state;
    float scores[N];
    uint8_t labels[N];
    an_lab_detection d;
    size_t n = 0, live = an_mem_live();
    an_err err;
    make_scores(scores, labels);
    do {
        an_mem_fail_after(n++);
        err = an_lab_detection_of(&opts, scores, labels, N, &d);
        an_mem_fail_never();
    } while (err == AN_ERR_NOMEM);
    assert_int_equal(err, AN_OK);
    assert_int_equal(an_mem_live(), live);
    scores[3] = NAN;
    assert_int_equal(an_lab_detection_of(&opts, scores, labels, N, &d), AN_ERR_NUMERIC);
}

/* ---- models that learn from labels ---- */

typedef struct fixture {
    an_prep prep;
    an_model *m;
    float rows[ROWS * WIDTH], labels[ROWS];
    an_table table;
    char *name;
    an_lab_files files;
    an_lab_labelled d;
    an_note why;
} fixture;

static void fixture_init(fixture *f, const char *head, uint32_t window)
{
    char text[256];
    an_prep_conf conf;
    const double mean[WIDTH] = {1, 0}, variance[WIDTH] = {4, 1};
    memset(f, 0, sizeof *f);
    an_prep_conf_init(&conf);
    conf.window = window;
    assert_int_equal(an_prep_from_moments(&f->prep, &conf, mean, variance, WIDTH, NULL), AN_OK);
    snprintf(text, sizeof text, "model: m\ninput: {features: %u}\n%s\ntarget: labels\n", WIDTH * window,
             head);
    if (an_model_new(text, strlen(text), "m", 0, &f->m, &f->why) != AN_OK)
        fail_msg("%s", f->why.text);
    for (size_t i = 0; i < ROWS; i++) {
        f->rows[i * WIDTH] = (float)i;
        f->rows[i * WIDTH + 1] = 10.0f * (float)i;
        f->labels[i] = (float)(i % 3);
    }
    static char name[] = "rows.csv";
    f->name = name;
    f->table = (an_table){.rows = f->rows, .labels = f->labels, .n = ROWS, .width = WIDTH};
    f->files = (an_lab_files){.tables = &f->table, .names = &f->name, .n = 1, .width = WIDTH};
}

static void fixture_done(fixture *f)
{
    an_lab_labelled_done(&f->d);
    an_model_free(f->m);
    an_prep_done(&f->prep);
}

static an_err make(fixture *f, size_t ahead)
{
    return an_lab_labelled_make(f->m, &f->prep, &f->files, ahead, &f->d, &f->why);
}

static void a_label_belongs_to_the_last_row_of_its_window(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, "layers: [{dense: {units: 3}}]\nloss: cross_entropy", 2);
    assert_int_equal(make(&f, 1), AN_OK);
    assert_true(f.d.goal == AN_LAB_CLASSES && f.d.n == ROWS - 1 && f.d.n_inputs == 2 * WIDTH);
    for (size_t i = 0; i < f.d.n; i++)
        assert_float_equal(f.d.t[i], f.labels[i + 1], 0);
    fixture_done(&f);
}

static void a_forecast_learns_the_scaled_row_that_comes(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, "layers: [{dense: {units: 2}}]\nloss: mse", 1);
    f.table.labels = NULL;
    assert_int_equal(make(&f, 2), AN_OK);
    assert_true(f.d.goal == AN_LAB_FORECAST && f.d.n == ROWS - 2 && f.d.n_targets == WIDTH);
    for (size_t i = 0; i < f.d.n; i++) {
        assert_float_equal(f.d.t[i * WIDTH], ((float)(i + 2) - 1) / 2, 1e-6f);
        assert_float_equal(f.d.t[i * WIDTH + 1], 10, 1e-5f); /* cut at 10 */
    }
    fixture_done(&f);
}

static void what_cannot_be_learnt_is_refused_with_a_reason(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, "layers: [{dense: {units: 3}}]\nloss: cross_entropy", 1);
    f.labels[4] = 3; /* classes are 0..2 */
    assert_int_equal(make(&f, 1), AN_ERR_INVAL);
    assert_non_null(strstr(f.why.text, "row 4 has the class 3"));
    f.labels[4] = NAN;
    assert_int_equal(make(&f, 1), AN_ERR_INVAL);
    assert_non_null(strstr(f.why.text, "row 4 has no label"));
    f.table.labels = NULL;
    assert_int_equal(make(&f, 1), AN_ERR_INVAL);
    assert_non_null(strstr(f.why.text, "--label"));
    fixture_done(&f);
    fixture_init(&f, "layers: [{dense: {units: 5}}]\nloss: mse", 1);
    assert_int_equal(make(&f, 1), AN_ERR_INVAL);
    assert_non_null(strstr(f.why.text, "5 outputs"));
    fixture_done(&f);
}

/* The weights are set by hand: the output is the first scaled value plus 1. */
static void numbers_are_held_to_what_the_model_says(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, "layers: [{dense: {units: 1}}]\nloss: mse", 1);
    for (size_t i = 0; i < ROWS; i++)
        f.labels[i] = ((float)i - 1) / 2 + (i % 2 ? 0.5f : 1.0f);
    const float params[WIDTH + 1] = {1, 0, 1};
    an_lab_fitness fit = {0};
    size_t n = 0, live = an_mem_live();
    an_err err;
    do {
        an_mem_fail_after(n++);
        err = make(&f, 1);
        if (err == AN_OK)
            err = an_lab_fitness_of(f.m, params, NULL, &f.d, &fit, &f.why);
        if (err != AN_OK)
            an_lab_labelled_done(&f.d);
        an_mem_fail_never();
        assert_true(err == AN_OK || an_mem_live() == live);
    } while (err == AN_ERR_NOMEM);
    assert_int_equal(err, AN_OK);
    assert_true(fit.goal == AN_LAB_NUMBER && fit.n == ROWS);
    assert_float_equal(fit.fit.mae, 0.25, 1e-6);
    assert_float_equal(fit.fit.bias, 0.25, 1e-6);
    assert_float_equal(fit.loss, 0.125, 1e-6);
    an_lab_fitness_done(&fit);
    fixture_done(&f);
}

int main(void)
{
    if (!an_kernels_init())
        return 77; /* the instruction set that was asked for is not here */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_series_alone_and_as_all_has_the_same_figures),
        cmocka_unit_test(events_of_several_series_are_added_and_the_rest_is_their_mean),
        cmocka_unit_test(figures_survive_every_allocation_failure),
        cmocka_unit_test(a_label_belongs_to_the_last_row_of_its_window),
        cmocka_unit_test(a_forecast_learns_the_scaled_row_that_comes),
        cmocka_unit_test(what_cannot_be_learnt_is_refused_with_a_reason),
        cmocka_unit_test(numbers_are_held_to_what_the_model_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
