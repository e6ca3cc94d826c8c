/* The site's own rules: what is refused is refused with the rule's name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/site_policy.h"
#include "base/mem.h"

static void every_rule_refuses_what_it_is_for(void **state)
{
    static const struct {
        const char *key, *value;
        an_payload_kind kind;
    } rules[] = {
        {"allow.training", "no", AN_PAYLOAD_TRAIN},      {"allow.statistics", "no", AN_PAYLOAD_MEAN},
        {"allow.statistics", "no", AN_PAYLOAD_VARIANCE}, {"allow.statistics", "no", AN_PAYLOAD_HISTOGRAM},
        {"allow.evaluation", "no", AN_PAYLOAD_EVALUATE}, {"allow.held", "no", AN_PAYLOAD_TRAIN},
        {"allow.trusted", "no", AN_PAYLOAD_MEAN},        {"min_cohort", "4", AN_PAYLOAD_MEAN},
        {"rounds_per_day", "5", AN_PAYLOAD_MEAN},        {"epochs_max", "9", AN_PAYLOAD_TRAIN},
        {"models", "press,pumps", AN_PAYLOAD_MEAN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        an_site_policy p;
        an_note why = {{0}};
        an_plan *plan = an_alloc(1, sizeof *plan);
        snprintf(plan->model, sizeof plan->model, "pump");
        plan->kind = rules[i].kind;
        plan->n_cohort = plan->min_cohort = 3;
        plan->local_epochs = 10;
        plan->use_held = true;
        plan->privacy = AN_PRIVACY_TRUSTED;
        assert_int_equal(an_site_policy_init(&p), AN_OK);
        p.allow_trusted = true;
        assert_int_equal(an_site_policy_judge(&p, plan, 5, &why), AN_OK);
        assert_int_equal(an_site_policy_set(&p, rules[i].key, rules[i].value, "test", &why), AN_OK);
        assert_int_equal(an_site_policy_judge(&p, plan, 5, &why), AN_ERR_REFUSED);
        assert_non_null(strstr(why.text, rules[i].key));
        an_site_policy_done(&p);
        an_plan_free(plan);
    }
}

static void a_secure_sum_below_the_bounds_of_the_site_is_refused(void **state)
{
    static const struct {
        const char *rule;
        uint32_t bits, permille;
    } weak[] = {{"secure.bits", 39, 100}, {"secure.colluders", 40, 99}};
    an_site_policy p;
    an_note why = {{0}};
    an_plan *plan = an_alloc(1, sizeof *plan);
    (void)state;
    assert_int_equal(an_site_policy_init(&p), AN_OK);
    snprintf(plan->model, sizeof plan->model, "pump");
    plan->kind = AN_PAYLOAD_MEAN;
    plan->n_cohort = plan->min_cohort = 3;
    plan->privacy = AN_PRIVACY_SECURE_SUM;
    plan->secure = (an_plan_secure){.security_bits = 40, .colluders_permille = 100};
    assert_int_equal(an_site_policy_judge(&p, plan, 0, &why), AN_OK);
    for (size_t i = 0; i < 2; i++) {
        plan->secure.security_bits = weak[i].bits;
        plan->secure.colluders_permille = weak[i].permille;
        assert_int_equal(an_site_policy_judge(&p, plan, 0, &why), AN_ERR_REFUSED);
        assert_non_null(strstr(why.text, weak[i].rule));
    }
    an_site_policy_done(&p);
    an_plan_free(plan);
}

static void models_are_named_whole(void **state)
{
    an_site_policy p;
    (void)state;
    assert_int_equal(an_site_policy_init(&p), AN_OK);
    assert_int_equal(an_site_policy_set(&p, "models", "press,pump", "test", NULL), AN_OK);
    assert_int_equal(an_site_policy_model(&p, "pump", NULL), AN_OK);
    assert_int_equal(an_site_policy_model(&p, "press", NULL), AN_OK);
    assert_int_equal(an_site_policy_model(&p, "pum", NULL), AN_ERR_REFUSED);
    assert_int_equal(an_site_policy_model(&p, "press,pump", NULL), AN_ERR_REFUSED);
    an_site_policy_done(&p);
}

static an_err traffic(an_site_policy *p, uint64_t bytes, uint64_t left, unsigned hour)
{
    an_note why = {{0}};
    an_err err =
        an_site_policy_traffic(p, bytes, left, INT64_C(86400000) * 20000 + hour * INT64_C(3600000), &why);
    assert_true(err == AN_OK || (err == AN_ERR_REFUSED && strstr(why.text, "site policy: ")));
    return err;
}

static void bytes_of_a_day_and_hours_are_kept(void **state)
{
    (void)state;
    an_site_policy p;
    an_note why = {{0}};
    assert_int_equal(an_site_policy_init(&p), AN_OK);
    assert_int_equal(traffic(&p, UINT64_MAX, UINT64_MAX, 3), AN_OK);
    assert_int_equal(an_site_policy_set(&p, "bytes_per_day", "1000", "test", &why), AN_OK);
    assert_int_equal(traffic(&p, 400, 600, 3), AN_OK);
    assert_int_equal(traffic(&p, 401, 600, 3), AN_ERR_REFUSED);
    assert_int_equal(traffic(&p, 1001, 0, 3), AN_ERR_REFUSED);
    assert_int_equal(an_site_policy_set(&p, "hours", "18-6,12-13", "test", &why), AN_OK);
    for (unsigned hour = 0; hour < 24; hour++)
        assert_int_equal(traffic(&p, 1, 0, hour),
                         hour >= 18 || hour < 6 || hour == 12 ? AN_OK : AN_ERR_REFUSED);
    static const char *const slips[] = {"18", "25-26", "6-", "x", "9-17;", ","};
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        assert_int_equal(an_site_policy_set(&p, "hours", slips[i], "test", &why), AN_OK);
        assert_int_equal(traffic(&p, 1, 0, 20), AN_ERR_REFUSED);
    }
    an_site_policy_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_of_a_day_and_hours_are_kept),
        cmocka_unit_test(every_rule_refuses_what_it_is_for),
        cmocka_unit_test(a_secure_sum_below_the_bounds_of_the_site_is_refused),
        cmocka_unit_test(models_are_named_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
