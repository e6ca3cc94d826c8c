/* A rule over rows that come by a callback, as the means of groups do: every shared parameter is stepped by what the
 * rule gives, over more than one block and across tensors, and local ones stay. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "coordinator/combine_internal.h"
#include "tests/support/folder.h"

#define ROWS 300 /* so many that a block is 4096 columns */
#define FIRST 5000
#define LOCAL 70
#define LAST 6001
#define SHARED (FIRST + LAST)

typedef struct fixture {
    char dir[AN_PATH_MAX];
    an_plan *plan;
    an_combine_job job;
    an_bundle b;
    double weights[ROWS];
    size_t asked, hostile;
    an_err err; /* that reading comes to */
} fixture;

/* Row r says (r - 100) / 64 times the place; hostile ones say something huge. */
static an_err read_row(void *ctx, size_t row, uint64_t from, size_t n, double *ret, an_note *why)
{
    fixture *f = ctx;
    (void)why;
    assert_true(row < ROWS && from + n <= SHARED);
    f->asked++;
    for (size_t i = 0; i < n; i++)
        ret[i] = row < f->hostile ? 1e9 : ((double)row - 100) / 64 * (double)(from + i);
    return f->err;
}

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    f->plan = an_alloc(1, sizeof *f->plan);
    f->plan->round = 1;
    f->plan->kind = AN_PAYLOAD_TRAIN;
    f->plan->n_tensors = 3;
    f->plan->tensors[0] = (an_tensor_scale){.n = FIRST};
    f->plan->tensors[1] = (an_tensor_scale){.n = LOCAL, .local = true};
    f->plan->tensors[2] = (an_tensor_scale){.n = LAST};
    f->plan->dim = SHARED + AN_TRAIN_EXTRA;
    f->b.n_weights = SHARED + LOCAL;
    f->b.weights = an_alloc(f->b.n_weights, sizeof *f->b.weights);
    an_test_folder_make(f->dir);
    f->job = (an_combine_job){.plan = f->plan,
                              .optimiser = an_server_optimiser_find("fedavg"),
                              .server = {.lr = 1, .beta1 = 0.9, .beta2 = 0.99, .tau = 1e-3},
                              .rule = an_rule_find("median"),
                              .rule_opts = {.hostile = 1.0 / 3}};
    snprintf(f->job.out_dir, sizeof f->job.out_dir, "%s", f->dir);
    for (size_t i = 0; i < ROWS; i++)
        f->weights[i] = 1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_free(f->b.weights);
    an_plan_free(f->plan);
    an_test_folder_remove(f->dir);
    an_free(f);
    return 0;
}

static an_err step_rows(fixture *f, an_combine_verdict *ret, an_note *why)
{
    const an_combine_rows rows = {.n = ROWS, .weights = f->weights, .ctx = f, .read = read_row};
    return an_combine_rows_step(&f->job, &f->b, &rows, ret, why);
}

static void every_shared_parameter_is_stepped_by_the_rule(void **state)
{
    fixture *f = *state;
    an_combine_verdict verdicts[ROWS];
    an_note why = {{0}};
    if (step_rows(f, verdicts, &why) != AN_OK)
        fail_msg("%s", why.text);
    for (size_t i = 0; i < f->b.n_weights; i++) {
        const bool local = i >= FIRST && i < FIRST + LOCAL;
        const size_t place = i < FIRST ? i : i - LOCAL;
        /* The median of (r - 100) / 64, r = 0 .. 299, is 49.5 / 64. */
        assert_true(f->b.weights[i] == (local ? 0 : (float)(49.5 / 64 * (double)place)));
    }
    assert_int_equal(f->asked, 2 * ROWS * 3); /* three blocks, twice */
    assert_true(f->job.new_state_path[0] == '\0');
}

static void a_third_of_the_rows_can_be_hostile(void **state)
{
    fixture *f = *state;
    an_combine_verdict verdicts[ROWS];
    f->hostile = 100;
    f->job.rule = an_rule_find("trimmed_mean");
    assert_int_equal(step_rows(f, verdicts, NULL), AN_OK);
    for (size_t i = 0; i < f->b.n_weights; i++)
        assert_true(f->b.weights[i] < 4.0f * SHARED);
}

static void mixing_asks_for_no_row_once_more(void **state)
{
    fixture *f = *state;
    an_combine_verdict verdicts[ROWS];
    an_note why = {{0}};
    f->hostile = 99;
    f->job.rule = an_rule_find("krum");
    f->job.rule_opts = (an_rule_opts){.hostile = 0.33, .mixing = true};
    if (step_rows(f, verdicts, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_int_equal(f->asked, 2 * ROWS * 3);
    for (size_t i = 0; i < ROWS; i++)
        assert_int_equal(verdicts[i].fate, i < 99 ? AN_RULE_NOT_TAKEN : AN_RULE_KEPT);
    for (size_t i = 0; i < f->b.n_weights; i++) {
        const bool local = i >= FIRST && i < FIRST + LOCAL;
        const double place = (double)(i < FIRST ? i : i - LOCAL), want = local ? 0 : 99.0 / 64 * place;
        /* The mean of (r - 100) / 64, r = 99 .. 299. */
        assert_true(fabs((double)f->b.weights[i] - want) <= 1e-6 * want);
    }
}

static void what_reading_comes_to_is_what_the_step_comes_to(void **state)
{
    fixture *f = *state;
    an_combine_verdict verdicts[ROWS];
    f->err = AN_ERR_IO;
    assert_int_equal(step_rows(f, verdicts, NULL), AN_ERR_IO);
    for (size_t i = 0; i < f->b.n_weights; i++)
        assert_true(f->b.weights[i] == 0);
}

static void an_adaptive_step_keeps_two_numbers_for_each_parameter(void **state)
{
    fixture *f = *state;
    an_combine_verdict verdicts[ROWS];
    uint64_t size = 0;
    an_hash first;
    f->job.optimiser = an_server_optimiser_find("fedyogi");
    assert_int_equal(step_rows(f, verdicts, NULL), AN_OK);
    assert_int_equal(an_file_size(f->job.new_state_path, &size, NULL), AN_OK);
    assert_int_equal(size, 8 * f->b.n_weights);
    first = f->job.new_state;
    memset(f->b.weights, 0, f->b.n_weights * sizeof *f->b.weights);
    assert_int_equal(step_rows(f, verdicts, NULL), AN_OK); /* from the start again: the same */
    assert_memory_equal(&first, &f->job.new_state, sizeof first);
    snprintf(f->job.state_path, sizeof f->job.state_path, "%s", "/nowhere/at/all");
    assert_int_equal(step_rows(f, verdicts, NULL), AN_ERR_IO);
}

/* After the coordinator's keys have changed: nobody may be blamed for it. */
static void updates_for_another_key_are_no_sites_fault(void **state)
{
    fixture *f = *state;
    an_note why = {{0}};
    f->plan->seal_key[0] = 9;
    assert_int_equal(an_combine_run(&f->job, &why), AN_ERR_AUTH);
    assert_non_null(strstr(why.text, "another key"));
    assert_int_equal(f->job.n_outliers, 0);
}

static void it_survives_a_lack_of_memory(void **state)
{
    fixture *f = *state;
    an_combine_verdict verdicts[ROWS];
    an_err err = AN_ERR_NOMEM;
    for (size_t k = 0; err == AN_ERR_NOMEM; k++) {
        an_mem_fail_after(k);
        err = step_rows(f, verdicts, NULL);
        an_mem_fail_never();
    }
    assert_int_equal(err, AN_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_shared_parameter_is_stepped_by_the_rule),
        TEST(a_third_of_the_rows_can_be_hostile),
        TEST(mixing_asks_for_no_row_once_more),
        TEST(what_reading_comes_to_is_what_the_step_comes_to),
        TEST(an_adaptive_step_keeps_two_numbers_for_each_parameter),
        TEST(updates_for_another_key_are_no_sites_fault),
        TEST(it_survives_a_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
