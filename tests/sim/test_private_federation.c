/* Noise of sites in a whole federation: it is in every secure sum, it is accounted for, and the sum is right
 * but for it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "models/kernels/kernels.h"
#include "tests/support/lab_pumps.h"
#include "trust/private.h"

#define SITES_MOST 6
#define WINDOW AN_LAB_PUMPS_WINDOW

typedef an_lab_pumps fixture;

static int setup(void **state)
{
    *state = an_lab_pumps_new(SITES_MOST, 400);
    return 0;
}

static int teardown(void **state)
{
    an_lab_pumps_free(*state);
    return 0;
}

#define DELTA 1e-5
#define ROUNDS 2

static an_err run(const fixture *f, size_t sites, const char *noise, const char *budget,
                  const an_federation_faults *faults, an_federation_result *ret, an_note *why)
{
    const char *const policy[][2] = {{"privacy", "secure-sum"},
                                     {"min_cohort", "3"},
                                     {"train.rounds", "2"},
                                     {"update.clip_norm", "1"},
                                     {"seed", "7"},
                                     {"gate.loss", "100"},
                                     {"gate.alarms", "1"},
                                     {"gate.challenge", "1"},
                                     {"dp.unit", noise ? "site" : "none"},
                                     {"dp.noise", noise ? noise : "1"},
                                     {"dp.epsilon", budget}};
    const an_model_spec spec = {.name = "small",
                                .arch = an_lab_pumps_arch,
                                .sensors = (const char *const *)f->data.names,
                                .n_sensors = (uint32_t)f->data.width,
                                .window = WINDOW,
                                .stride = 2,
                                .smooth = 1,
                                .threshold = "target_far:0.01",
                                .policy = policy,
                                .n_policy = sizeof policy / sizeof *policy};
    an_federation_conf conf = {.spec = &spec, .sites = f->sites, .n_sites = sites, .n_threads = 1};
    if (faults)
        conf.faults = *faults;
    return an_federation_run(&conf, ret, why);
}

static void must(an_err err, const an_note *why)
{
    if (err != AN_OK)
        fail_msg("%s", why->text);
}

static double distance(const an_federation_result *a, const an_federation_result *b)
{
    double sum = 0;
    assert_int_equal(a->bundle.n_weights, b->bundle.n_weights);
    for (size_t i = 0; i < a->bundle.n_weights; i++) {
        const double d = (double)a->bundle.weights[i] - (double)b->bundle.weights[i];
        sum += d * d;
    }
    return sqrt(sum);
}

/* Of six sites one may be lost at the usual share, and one may collude: the noise of four is counted. */
static void the_sum_is_right_but_for_noise_of_the_length_that_was_planned(void **state)
{
    an_note why = {{0}};
    an_federation_result plain = {.n_sites = 0}, noisy = {.n_sites = 0}, again = {.n_sites = 0};
    must(run(*state, 6, NULL, "8", NULL, &plain, &why), &why);
    must(run(*state, 6, "0.02", "1000000", NULL, &noisy, &why), &why);
    must(run(*state, 6, "0.02", "1000000", NULL, &again, &why), &why);
    an_privacy_account a = {{0}};
    uint64_t trained = 0;
    for (size_t i = 0; i < noisy.n_rounds; i++) {
        const an_federation_round *r = &noisy.rounds[i];
        assert_true(r->committed && r->updates == 6);
        if (r->kind != AN_PAYLOAD_TRAIN)
            continue;
        assert_int_equal(r->privacy.cost.unit, AN_DP_SITE);
        assert_int_equal(r->privacy.cost.sum.sites, 4);
        assert_int_equal(r->privacy.cost.sum.dim, noisy.bundle.n_weights);
        must(an_private_spend(&a, &r->privacy.cost, 1, &why), &why);
        assert_true(fabs(r->privacy.epsilon / an_privacy_epsilon(&a, DELTA) - 1) < 1e-9);
        assert_true(r->loss == 0 && r->clipped == 0 && r->saturated == 0); /* constants */
        trained++;
    }
    assert_int_equal(trained, ROUNDS);
    /* The noise of the mean of two rounds: its share of 6 clip norms, over 6 sites, times sqrt(2); training
     * from other weights adds some more. */
    const double expected = noisy.rounds[3].privacy.ratio * sqrt(ROUNDS);
    const double got = distance(&noisy, &again) / sqrt(2);
    assert_true(got > 0.7 * expected);
    assert_true(got < 3 * expected);
    assert_true(distance(&noisy, &plain) > 0.7 * expected);
    an_federation_result_done(&plain);
    an_federation_result_done(&noisy);
    an_federation_result_done(&again);
}

static void messages_that_come_late_or_twice_add_no_noise_and_take_none_away(void **state)
{
    an_note why = {{0}};
    an_federation_result r = {.n_sites = 0};
    const an_federation_faults faults = {
        .seed = 3, .shuffle = 5, .duplicate = 0.3, .delay = 0.3, .delay_ms = 3000};
    must(run(*state, 6, "0.02", "1000000", &faults, &r, &why), &why);
    for (size_t i = 0; i < r.n_rounds; i++)
        assert_true(r.rounds[i].committed);
    an_federation_result_done(&r);
}

static void a_budget_that_has_no_room_is_said_before_anything_is_trained(void **state)
{
    an_note why = {{0}};
    an_federation_result r = {.n_sites = 0};
    assert_int_equal(run(*state, 6, "1", "3", NULL, &r, &why), AN_ERR_REFUSED);
    assert_non_null(strstr(why.text, "privacy budget"));
    assert_non_null(strstr(why.text, "(site, "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sum_is_right_but_for_noise_of_the_length_that_was_planned),
        cmocka_unit_test(messages_that_come_late_or_twice_add_no_noise_and_take_none_away),
        cmocka_unit_test(a_budget_that_has_no_room_is_said_before_anything_is_trained),
    };
    if (!an_kernels_init() || an_crypto_init() != AN_OK)
        return 1;
    an_json_init();
    an_log_init(AN_LOG_OFF, "test");
    return cmocka_run_group_tests(tests, setup, teardown);
}
