/* The gate on figures made by hand: what a first version is held against. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/gate.h"

static an_evaluation figures(double mean_loss)
{
    return (an_evaluation){.n = 100,
                           .loss_sum = 100 * mean_loss,
                           .old_windows = 100,
                           .sites = 3,
                           .sizes = {{.total = 10, .raised = 8}}};
}

static bool judge(an_evaluation candidate, an_evaluation other, an_gate_case which, an_note *ret)
{
    an_policy policy;
    const an_evaluate_out e = {.candidate = candidate, .production = other};
    assert_int_equal(an_policy_init(&policy), AN_OK);
    assert_true(policy.gate_first);
    an_gate_verdict v;
    an_gate_judge(&e, NULL, &policy, which, &v);
    assert_true(v.n_rows > 0);
    *ret = v.reason;
    return v.passed;
}

static void a_first_version_is_better_than_one_without_training(void **state)
{
    an_note why;
    (void)state;
    assert_true(judge(figures(0.1), figures(1.1), AN_GATE_FIRST, &why));
    assert_non_null(strstr(why.text, "loss 0.1 (1.1 without training)"));
    assert_false(judge(figures(1.2), figures(1.1), AN_GATE_FIRST, &why));
    assert_non_null(strstr(why.text, "loss 1.2, and 1.1 without any training"));
    assert_false(judge(figures(1.1), figures(1.1), AN_GATE_FIRST, &why)); /* it has learned nothing */
    assert_true(judge(figures(0), figures(0), AN_GATE_FIRST, &why));      /* nothing is left to learn */
}

static void only_its_loss_is_held_against_it(void **state)
{
    an_note why;
    an_evaluation untrained = figures(1.1), candidate = figures(0.1);
    (void)state;
    untrained.sizes[0].raised = 10;
    candidate.objections = 1; /* a site's word on a change since production, which there is not */
    candidate.old_alarms = 10;
    assert_true(judge(candidate, untrained, AN_GATE_FIRST, &why));
    assert_false(judge(candidate, untrained, AN_GATE_FULL, &why));
}

static void what_is_not_finite_or_was_not_judged_does_not_pass(void **state)
{
    an_note why;
    an_evaluation none = {.n = 0}, broken = figures(0.1);
    (void)state;
    broken.non_finite = 1;
    assert_false(judge(broken, figures(1.1), AN_GATE_FIRST, &why));
    assert_non_null(strstr(why.text, "1 windows gave no finite score"));
    assert_false(judge(figures((double)NAN), figures(1.1), AN_GATE_FIRST, &why));
    assert_false(judge(figures((double)INFINITY), figures(1.1), AN_GATE_FIRST, &why));
    none.sites = 3;
    assert_false(judge(none, figures(1.1), AN_GATE_FIRST, &why));
    assert_non_null(strstr(why.text, "no window was judged"));
}

static void with_nothing_to_compare_finite_scores_are_enough(void **state)
{
    an_note why;
    (void)state;
    assert_true(judge(figures(5), (an_evaluation){.n = 0}, AN_GATE_FIRST, &why));
    assert_null(strstr(why.text, "without training"));
    assert_true(judge(figures(5), (an_evaluation){.n = 0}, AN_GATE_FULL, &why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_version_is_better_than_one_without_training),
        cmocka_unit_test(only_its_loss_is_held_against_it),
        cmocka_unit_test(what_is_not_finite_or_was_not_judged_does_not_pass),
        cmocka_unit_test(with_nothing_to_compare_finite_scores_are_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
