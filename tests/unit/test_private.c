/* Differential privacy of a round: what the plan may say, what both ends make of it, and what a site sends. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/task.h"
#include "base/mem.h"
#include "sum/fixed.h"
#include "tests/support/toy.h"
#include "trust/private.h"

#define N 160
#define SITES 6u
#define LOST 1u
#define COLLUDERS 1u

static uint32_t n_shared(const an_plan *p)
{
    return p->dim - AN_TRAIN_EXTRA;
}

static void check_ok(const an_plan *p)
{
    an_note why = {{0}};
    if (an_plan_check(p, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static an_plan *record_plan(const an_bundle *b)
{
    an_plan *p = an_toy_plan(b, AN_PAYLOAD_TRAIN);
    p->dp_unit = AN_DP_RECORD;
    p->dp_noise = 0.8;
    p->dp_delta = 1e-5;
    p->dp_clip = 0.5;
    p->dp_rate = 0.1;
    p->dp_epsilon = 3;
    check_ok(p);
    return p;
}

static an_plan *site_plan(const an_bundle *b)
{
    an_plan *p = an_toy_plan(b, AN_PAYLOAD_TRAIN);
    p->n_cohort = SITES;
    for (uint32_t i = 0; i < SITES; i++)
        snprintf(p->cohort[i], sizeof p->cohort[i], "plant-%c", (char)('a' + i));
    p->min_cohort = p->invite.count_min = p->upload.count_min = SITES - LOST;
    p->invite.count_max = p->upload.count_max = SITES;
    p->privacy = AN_PRIVACY_SECURE_SUM;
    p->secure = (an_plan_secure){.cipher = 1,
                                 .groups = 1,
                                 .colluders_permille = 100,
                                 .dropouts_permille = 200,
                                 .security_bits = 40,
                                 .correctness_bits = 30,
                                 .exchange_ms = 1000};
    p->secure.roster.b[0] = 1;
    p->dp_unit = AN_DP_SITE;
    p->dp_noise = 1.1;
    p->dp_delta = 1e-5;
    p->dp_counted = SITES - LOST - COLLUDERS;
    p->dp_epsilon = 5;
    an_note why = {{0}};
    if (an_private_prepare(p, &why) != AN_OK)
        fail_msg("%s", why.text);
    return p;
}

static void a_plan_with_privacy_comes_back_and_one_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    an_bundle b;
    an_toy_bundle(&b, false);
    an_plan *p = record_plan(&b), *back = NULL;
    an_buf bytes;
    an_buf_init(&bytes, AN_PLAN_BYTES_MAX);
    assert_int_equal(an_plan_encode(p, &bytes, NULL), AN_OK);
    assert_int_equal(an_plan_decode(bytes.data, bytes.len, &back, NULL), AN_OK);
    assert_true(back->dp_unit == AN_DP_RECORD && back->dp_noise == 0.8 && back->dp_delta == 1e-5);
    assert_true(back->dp_clip == 0.5 && back->dp_rate == 0.1 && back->dp_epsilon == 3);
    an_plan_free(back);
    an_buf_done(&bytes);

    const an_plan good = *p;
    const struct {
        void *field;
        double value;
    } wrong[] = {{&p->dp_noise, 0}, {&p->dp_delta, 0}, {&p->dp_delta, 1},
                 {&p->dp_clip, 0},  {&p->dp_rate, 0},  {&p->dp_rate, 1.01}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memcpy(wrong[i].field, &wrong[i].value, sizeof wrong[i].value);
        assert_int_equal(an_plan_check(p, NULL), AN_ERR_INVAL);
        *p = good;
    }
    p->dp_unit = AN_DP_NONE; /* and numbers that speak of it */
    assert_int_equal(an_plan_check(p, NULL), AN_ERR_INVAL);
    *p = good;
    p->dp_unit = AN_DP_SITE; /* without a secure sum */
    assert_int_equal(an_plan_check(p, NULL), AN_ERR_INVAL);
    an_plan_free(p);
    an_bundle_done(&b);
}

static void what_a_round_costs_is_what_the_accountant_says(void **state)
{
    (void)state;
    an_bundle b;
    an_private_cost cost;
    an_privacy_account a = {{0}}, want = {{0}};
    an_toy_bundle(&b, false);
    an_plan *p = record_plan(&b);
    p->local_epochs = 3;
    assert_int_equal(an_private_cost_of(&cost, p, NULL), AN_OK);
    assert_int_equal(cost.steps, 30);
    assert_int_equal(an_private_spend(&a, &cost, 1, NULL), AN_OK);
    assert_int_equal(an_privacy_add_gaussian(&want, 0.8, 0.1, 30, NULL), AN_OK);
    assert_true(an_privacy_epsilon(&a, 1e-5) == an_privacy_epsilon(&want, 1e-5));
    an_plan_free(p);

    p = site_plan(&b);
    a = (an_privacy_account){{0}};
    assert_int_equal(an_private_cost_of(&cost, p, NULL), AN_OK);
    assert_int_equal(cost.sum.sites, SITES - LOST - COLLUDERS);
    assert_int_equal(an_private_spend(&a, &cost, 1, NULL), AN_OK);
    /* One Gaussian of the multiplier, and a little for the sum of discrete ones. */
    want = (an_privacy_account){{0}};
    assert_int_equal(an_privacy_add_gaussian(&want, 1.1, 1, 1, NULL), AN_OK);
    const double got = an_privacy_epsilon(&a, 1e-5), least = an_privacy_epsilon(&want, 1e-5);
    assert_true(got < 1.001 * least && got > 0.98 * least);
    an_plan_free(p);
    an_bundle_done(&b);
}

/* One in ten of the parties may collude: one of five, and two sites are run by one. */
static void counted_are_the_sites_of_the_least_sum_without_those_that_collude(void **state)
{
    (void)state;
    an_bundle b;
    an_roster roster = {.counter = 1, .n = SITES};
    an_roster_site sites[SITES];
    an_cohort cohort;
    an_note why = {{0}};
    an_hash hash = {{1}};
    an_toy_bundle(&b, false);
    an_plan *p = site_plan(&b);
    memset(sites, 0, sizeof sites);
    for (uint32_t i = 0; i < SITES; i++) {
        snprintf(sites[i].name, sizeof sites[i].name, "%s", p->cohort[i]);
        snprintf(sites[i].party, sizeof sites[i].party, "%s", p->cohort[i == 1 ? 0 : i]);
        sites[i].key[0] = (uint8_t)(i + 1);
    }
    roster.sites = sites;
    if (an_cohort_of(p, &hash, &roster, 0, &cohort, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_int_equal(an_private_sites_min(p), SITES - LOST);
    assert_int_equal(cohort.params.min_sites, SITES - LOST);
    assert_int_equal(an_private_counted(p, &cohort), SITES - LOST - 2);
    assert_int_equal(an_private_check(p, an_private_counted(p, &cohort), &why), AN_ERR_REFUSED);
    assert_non_null(strstr(why.text, "collude"));
    an_cohort_done(&cohort);
    an_plan_free(p);
    an_bundle_done(&b);
}

static void a_site_refuses_noise_that_cannot_be_kept_or_units_that_are_not_its(void **state)
{
    (void)state;
    an_bundle b;
    an_note why = {{0}};
    an_toy_bundle(&b, false);
    an_plan *p = site_plan(&b);
    check_ok(p);
    assert_int_equal(an_private_check(p, p->dp_counted, &why), AN_OK);
    assert_int_equal(an_private_check(p, p->dp_counted - 1, &why), AN_ERR_REFUSED);
    p->tensors[1].unit_exp++;
    assert_int_equal(an_private_check(p, p->dp_counted, &why), AN_ERR_REFUSED);
    p->tensors[1].unit_exp--;
    p->value_bits--;
    assert_int_equal(an_private_check(p, p->dp_counted, &why), AN_ERR_REFUSED);
    p->value_bits++;
    an_plan_free(p);
    an_bundle_done(&b);
}

/* ---- what leaves the site ---- */

typedef struct fixture {
    an_bundle b;
    float *raw[2];
    an_site_data data;
    an_calibrate_opts opts;
    an_task task;
} fixture;

static void open_fixture(fixture *f, bool local)
{
    memset(f, 0, sizeof *f);
    an_toy_bundle(&f->b, local);
    for (uint64_t i = 0; i < 2; i++)
        f->raw[i] = an_toy_windows(N, 10 + i);
    f->data = (an_site_data){.width = AN_TOY_WIDTH, .context = AN_TOY_CONTEXT};
    f->data.train = (an_data_part){.raw = f->raw[0], .n = N};
    f->data.recent = (an_data_part){.raw = f->raw[1], .n = N};
    f->opts = an_calibrate_defaults();
    f->task = (an_task){.site = "plant-b", .data = &f->data, .calibrate = &f->opts, .base = &f->b};
}

static void close_fixture(fixture *f)
{
    an_bundle_done(&f->b);
    for (size_t i = 0; i < 2; i++)
        an_free(f->raw[i]);
}

static void run(fixture *f, const an_plan *plan, uint32_t *v, an_task_result *ret)
{
    an_note why = {{0}};
    f->task.plan = plan;
    if (an_task_run(&f->task, v, ret, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static void beside_the_deltas_a_vector_holds_constants_only(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, false);
    an_plan *plans[] = {record_plan(&f.b), site_plan(&f.b)};
    for (size_t i = 0; i < 2; i++) {
        an_task_result result;
        uint32_t *v = an_alloc(plans[i]->dim, sizeof *v);
        assert_non_null(v);
        run(&f, plans[i], v, &result);
        const uint32_t *extra = v + n_shared(plans[i]);
        assert_true(extra[0] > 0 && extra[1] == 1);
        for (uint32_t k = 2; k < AN_TRAIN_EXTRA; k++)
            assert_int_equal(extra[k], 0);
        an_task_result_done(&result);
        an_free(v);
        an_plan_free(plans[i]);
    }
    close_fixture(&f);
}

static double squares_of(const uint32_t *v, uint32_t n, int32_t exp)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        double d;
        an_fixed_decode(&d, v + i, 1, exp);
        sum += d * d;
    }
    return sum;
}

static void the_noise_of_all_sites_is_in_the_sum_and_no_vector_repeats(void **state)
{
    (void)state;
    fixture f;
    an_noise_plan noise;
    open_fixture(&f, false);
    an_plan *p = site_plan(&f.b);
    const uint32_t n = n_shared(p);
    p->clip_norm = 0.01; /* so that what is seen is noise */
    assert_int_equal(an_private_prepare(p, NULL), AN_OK);
    assert_int_equal(an_private_noise(&noise, p, NULL), AN_OK);
    uint32_t *v = an_alloc(p->dim, sizeof *v), *first = an_alloc(p->dim, sizeof *first);
    uint32_t *sum = an_alloc(p->dim, sizeof *sum);
    assert_true(v && first && sum);
    for (uint32_t i = 0; i < SITES; i++) {
        an_task_result result;
        f.task.site = p->cohort[i];
        run(&f, p, v, &result);
        if (i == 0)
            memcpy(first, v, p->dim * sizeof *v);
        for (uint32_t k = 0; k < p->dim; k++)
            sum[k] += v[k];
        an_task_result_done(&result);
    }
    /* All six add their share, of which four are counted. */
    const double sd = sqrt(squares_of(sum, n, noise.unit_exp) / n), want = noise.noise_norm / sqrt((double)n);
    assert_true(sd > want * (1 - 5 / sqrt(2.0 * n)));
    assert_true(sd < 1.5 * want);
    assert_int_equal(sum[n + 1], SITES);

    an_task_result again;
    f.task.site = p->cohort[0];
    run(&f, p, v, &again);
    uint32_t same = 0;
    for (uint32_t k = 0; k < n; k++)
        same += v[k] == first[k];
    assert_true(same < n / 2);
    an_task_result_done(&again);
    an_free(v);
    an_free(first);
    an_free(sum);
    an_plan_free(p);
    close_fixture(&f);
}

static void records_are_learned_from_once_and_only_with_the_scaler_of_the_fleet(void **state)
{
    (void)state;
    fixture f;
    an_task_result result;
    open_fixture(&f, true);
    an_plan *p = record_plan(&f.b);
    uint32_t *v = an_alloc(p->dim, sizeof *v);
    assert_non_null(v);
    p->replay_share = 0.5;
    memcpy(f.raw[1], f.raw[0], 40 * (size_t)AN_TOY_CONTEXT * AN_TOY_WIDTH * sizeof *f.raw[0]);
    run(&f, p, v, &result);
    assert_int_equal(result.windows, 2 * N - 40);
    assert_true(result.n_local > 0);
    an_task_result_done(&result);

    an_note why = {{0}};
    f.opts.site_scaler = true;
    assert_int_equal(an_task_run(&f.task, v, &result, &why), AN_ERR_UNSUPPORTED);
    assert_non_null(strstr(why.text, "scaler"));
    an_free(v);
    an_plan_free(p);
    close_fixture(&f);
}

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, false);
    an_plan *plans[] = {record_plan(&f.b), site_plan(&f.b)};
    plans[0]->replay_share = 0.5;
    for (size_t i = 0; i < 2; i++) {
        size_t n = 0;
        an_err err;
        an_task_result result = {0};
        uint32_t *v = an_alloc(plans[i]->dim, sizeof *v);
        assert_non_null(v);
        f.task.plan = plans[i];
        do {
            an_mem_fail_after(n++);
            err = an_task_run(&f.task, v, &result, NULL);
            an_mem_fail_never();
            assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        } while (err != AN_OK);
        assert_true(n > 5);
        an_task_result_done(&result);
        an_free(v);
        an_plan_free(plans[i]);
    }
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_with_privacy_comes_back_and_one_that_contradicts_itself_is_refused),
        cmocka_unit_test(what_a_round_costs_is_what_the_accountant_says),
        cmocka_unit_test(counted_are_the_sites_of_the_least_sum_without_those_that_collude),
        cmocka_unit_test(a_site_refuses_noise_that_cannot_be_kept_or_units_that_are_not_its),
        cmocka_unit_test(beside_the_deltas_a_vector_holds_constants_only),
        cmocka_unit_test(the_noise_of_all_sites_is_in_the_sum_and_no_vector_repeats),
        cmocka_unit_test(records_are_learned_from_once_and_only_with_the_scaler_of_the_fleet),
        cmocka_unit_test(survives_every_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
