/* Late updates in a sum: each in the units of the plan that it was made for, and weighed by its staleness. */
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
#include "sum/fixed.h"
#include "sum/vector.h"
#include "tests/support/folder.h"

#define N 64
#define UPDATES 3

typedef struct fixture {
    char dir[AN_PATH_MAX];
    an_combine_job job;
    an_bundle b;
} fixture;

static an_plan *plan_of(uint64_t round, double weight_cap, uint32_t n_cohort)
{
    an_plan *p = an_alloc(1, sizeof *p);
    assert_non_null(p);
    p->round = round;
    p->kind = AN_PAYLOAD_TRAIN;
    p->privacy = AN_PRIVACY_TRUSTED;
    p->clip_norm = 100;
    p->weight_cap = weight_cap;
    p->n_cohort = n_cohort;
    p->value_bits = an_fixed_bits(n_cohort);
    p->seed = round;
    p->n_tensors = 1;
    p->tensors[0] = (an_tensor_scale){.n = N, .unit_exp = an_fixed_unit_exp(p->clip_norm, p->value_bits)};
    p->dim = N + AN_TRAIN_EXTRA;
    return p;
}

static void add_update(fixture *f, const char *site, const an_combine_origin *origin, uint32_t staleness,
                       double weight, float delta)
{
    an_combine_update *u = &f->job.updates[f->job.n_updates++];
    *u = (an_combine_update){.origin = origin, .staleness = staleness};
    snprintf(u->site, sizeof u->site, "%s", site);
    const an_plan *p = an_combine_plan(&f->job, u);
    float d[N];
    uint32_t v[N + AN_TRAIN_EXTRA];
    an_note why = {{0}};
    for (size_t i = 0; i < N; i++)
        d[i] = delta;
    an_payload_facts facts = an_combine_facts(p, 0, 0);
    facts.site = site;
    const an_payload_in in = {.train = {.delta = d, .weight = weight, .loss = delta}};
    assert_int_equal(an_payload_find(AN_PAYLOAD_TRAIN)->encode(v, &facts, &in, &why), AN_OK);
    an_update_header h = {.round = p->round, .dim = p->dim, .plan_hash = *an_combine_plan_hash(&f->job, u)};
    snprintf(h.site, sizeof h.site, "%s", site);
    assert_int_equal(an_path_join(u->path, f->dir, site), AN_OK);
    assert_int_equal(an_update_write(u->path, &h, v, &u->hash, &why), AN_OK);
}

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    assert_non_null(f);
    an_test_folder_make(f->dir);
    f->b.n_weights = N;
    f->b.weights = an_alloc(N, sizeof *f->b.weights);
    f->job = (an_combine_job){.plan = plan_of(8, 1000, 2),
                              .plan_hash = {{8}},
                              .updates = an_alloc(UPDATES, sizeof *f->job.updates),
                              .origins = an_alloc(1, sizeof *f->job.origins),
                              .optimiser = an_server_optimiser_find("fedavg"),
                              .server = {.lr = 1, .beta1 = 0.9, .beta2 = 0.99, .tau = 1e-3}};
    snprintf(f->job.out_dir, sizeof f->job.out_dir, "%s", f->dir);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_combine_done(&f->job);
    an_free(f->b.weights);
    an_test_folder_remove(f->dir);
    an_free(f);
    return 0;
}

static void expect(fixture *f, double want)
{
    an_note why = {{0}};
    if (an_combine_robust(&f->job, &f->b, &why) != AN_OK)
        fail_msg("%s", why.text);
    for (size_t i = 0; i < N; i++)
        assert_true(fabs((double)f->b.weights[i] - want) < 1e-4);
}

/* (100 * 1 + 300 * 2 + 400 * 4 / sqrt(1 + 3)) / (100 + 300 + 400) */
static void a_late_update_counts_by_its_staleness(void **state)
{
    fixture *f = *state;
    f->job.origins[f->job.n_origins++] =
        (an_combine_origin){.round = 5, .plan = plan_of(5, 500, 40), .plan_hash = {{5}}};
    add_update(f, "a", NULL, 0, 100, 1);
    add_update(f, "b", NULL, 0, 300, 2);
    add_update(f, "c", &f->job.origins[0], 3, 400, 4);
    expect(f, 1.875);
    assert_true(fabs(f->job.weight - 800) < 1e-6);
    assert_true(fabs(f->job.loss - (100 * 1 + 300 * 2 + 400 * 4) / 800.0) < 1e-6);
}

static void without_a_version_between_it_counts_in_full(void **state)
{
    fixture *f = *state;
    f->job.origins[f->job.n_origins++] =
        (an_combine_origin){.round = 7, .plan = plan_of(7, 1000, 2), .plan_hash = {{7}}};
    add_update(f, "a", NULL, 0, 100, 1);
    add_update(f, "c", &f->job.origins[0], 0, 300, 2);
    expect(f, 1.75);
}

/* Old news alone move the model by less than they say. */
static void a_round_of_late_updates_alone_makes_a_shorter_step(void **state)
{
    fixture *f = *state;
    f->job.origins[f->job.n_origins++] =
        (an_combine_origin){.round = 5, .plan = plan_of(5, 1000, 2), .plan_hash = {{5}}};
    add_update(f, "a", &f->job.origins[0], 8, 100, 3);
    add_update(f, "b", &f->job.origins[0], 8, 100, 3);
    expect(f, 1);
}

/* One that says it was made for the round that it came late into, or the other way round, is not what it says. */
static void an_update_of_another_round_than_it_says_stops_the_sum(void **state)
{
    fixture *f = *state;
    an_note why = {{0}};
    f->job.origins[f->job.n_origins++] =
        (an_combine_origin){.round = 5, .plan = plan_of(5, 1000, 2), .plan_hash = {{5}}};
    add_update(f, "a", NULL, 0, 100, 1);
    f->job.updates[0].origin = &f->job.origins[0];
    assert_int_equal(an_combine_robust(&f->job, &f->b, &why), AN_ERR_PROTO);
}

static void a_rule_sees_late_updates_as_it_sees_others(void **state)
{
    fixture *f = *state;
    f->job.rule = an_rule_find("median");
    f->job.rule_opts = (an_rule_opts){.hostile = 0.3};
    f->job.origins[f->job.n_origins++] =
        (an_combine_origin){.round = 5, .plan = plan_of(5, 1000, 3), .plan_hash = {{5}}};
    add_update(f, "a", NULL, 0, 100, 1);
    add_update(f, "b", &f->job.origins[0], 3, 300, 4);
    add_update(f, "c", NULL, 0, 300, 7);
    expect(f, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_late_update_counts_by_its_staleness),
        TEST(without_a_version_between_it_counts_in_full),
        TEST(a_round_of_late_updates_alone_makes_a_shorter_step),
        TEST(an_update_of_another_round_than_it_says_stops_the_sum),
        TEST(a_rule_sees_late_updates_as_it_sees_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
