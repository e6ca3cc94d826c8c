/* What a site asks of a new overlay before it takes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/refit.h"

/* A new overlay that is quieter on new data, and in nothing else different. */
static an_evaluation production(void)
{
    an_evaluation e = {.sites = 1,
                       .old_windows = 1000,
                       .old_alarms = 10,
                       .new_windows = 1000,
                       .new_alarms = 700,
                       .gains = 0};
    e.sizes[0].total = e.sizes[1].total = 100;
    e.sizes[0].raised = 60;
    e.sizes[1].raised = 90;
    return e;
}

static an_evaluation good(void)
{
    an_evaluation e = production();
    e.new_alarms = 20;
    e.gains = 1;
    return e;
}

static const an_refit_margins margins = {.alarms = 0.05, .faults = 0.1};

static void assert_refused(const an_evaluation *c, const char *words)
{
    const an_evaluation p = production();
    an_note why = {{0}};
    assert_int_equal(an_refit_judge(c, &p, &margins, &why), AN_ERR_REFUSED);
    if (!strstr(why.text, words))
        fail_msg("%s", why.text);
}

static void a_better_one_is_taken(void **state)
{
    (void)state;
    const an_evaluation c = good(), p = production();
    assert_int_equal(an_refit_judge(&c, &p, &margins, NULL), AN_OK);
}

static void one_without_a_gain_is_not(void **state)
{
    (void)state;
    an_evaluation c = good();
    c.gains = 0;
    assert_refused(&c, "no gain: alarms on new data in 2.0 % of windows, with the overlay that runs 70.0 %");
}

static void one_that_would_hide_a_fault_is_not(void **state)
{
    (void)state;
    an_evaluation c = good();
    c.objections = 1;
    assert_refused(&c, "possible fault, not drift: the change looks like");
    c = good();
    c.sizes[0].raised = 41; /* all: 65.5 % instead of 75 % */
    const an_evaluation p = production();
    assert_int_equal(an_refit_judge(&c, &p, &margins, NULL), AN_OK);
    c.sizes[0].raised = 39;
    assert_refused(&c, "generic faults would be raised in 64 % of cases instead of 75 %");
}

static void one_that_is_worse_on_old_data_or_no_number_is_not(void **state)
{
    (void)state;
    an_evaluation c = good();
    c.old_alarms = 61;
    assert_refused(&c, "alarms on old normal data in 6.1 % of windows instead of 1.0 %");
    c = good();
    c.non_finite = 1;
    assert_refused(&c, "no finite score");
}

static void the_margins_are_the_sites_own(void **state)
{
    (void)state;
    const an_evaluation p = production();
    const an_refit_margins none = {.alarms = 0, .faults = 0}, wide = {.alarms = 0.2, .faults = 0.5};
    an_note why = {{0}};
    an_evaluation c = good();
    assert_int_equal(an_refit_judge(&c, &p, &none, NULL), AN_OK);
    c.old_alarms = 11;
    assert_int_equal(an_refit_judge(&c, &p, &none, &why), AN_ERR_REFUSED);
    assert_non_null(strstr(why.text, "alarms on old normal data in 1.1 %"));
    c = good();
    c.sizes[0].raised = 59;
    assert_int_equal(an_refit_judge(&c, &p, &none, &why), AN_ERR_REFUSED);
    assert_non_null(strstr(why.text, "generic faults"));
    c.sizes[0].raised = 0;
    c.old_alarms = 200;
    assert_int_equal(an_refit_judge(&c, &p, &wide, NULL), AN_OK);
    c.objections = 1; /* no margin for that */
    assert_int_equal(an_refit_judge(&c, &p, &wide, NULL), AN_ERR_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_better_one_is_taken),
        cmocka_unit_test(one_without_a_gain_is_not),
        cmocka_unit_test(one_that_would_hide_a_fault_is_not),
        cmocka_unit_test(one_that_is_worse_on_old_data_or_no_number_is_not),
        cmocka_unit_test(the_margins_are_the_sites_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
