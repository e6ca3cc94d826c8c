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
        plan->n_cohort = 3;
        plan->local_epochs = 10;
        plan->use_held = true;
        plan->privacy = AN_PRIVACY_TRUSTED;
        assert_int_equal(an_site_policy_init(&p), AN_OK);
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
    plan->n_cohort = 3;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_refuses_what_it_is_for),
        cmocka_unit_test(a_secure_sum_below_the_bounds_of_the_site_is_refused),
        cmocka_unit_test(models_are_named_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
