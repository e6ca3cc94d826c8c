/* What training has cost: rounds add up as the accountant says, and the budget has room for so many. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/spent.h"

#define DELTA 1e-5

static const an_private_cost record = {.unit = AN_DP_RECORD, .noise = 1.0, .rate = 0.05, .steps = 20};
static const an_private_cost site = {.unit = AN_DP_SITE,
                                     .sum = {.sites = 8, .variance = 1e6, .norm = 2000, .dim = 500}};
static const an_private_cost bare;

static void rounds_add_up_by_their_unit_and_what_is_outside_is_counted(void **state)
{
    (void)state;
    an_spent b = {.bare = 0};
    an_privacy_account want = {{0}};
    assert_true(an_privacy_epsilon(an_spent_account(&b, AN_DP_RECORD), DELTA) == 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(an_spent_add(&b, AN_PAYLOAD_TRAIN, &record, NULL), AN_OK);
    assert_int_equal(an_spent_add(&b, AN_PAYLOAD_TRAIN, &site, NULL), AN_OK);
    assert_int_equal(an_spent_add(&b, AN_PAYLOAD_TRAIN, &bare, NULL), AN_OK);
    assert_int_equal(an_spent_add(&b, AN_PAYLOAD_EVALUATE, &bare, NULL), AN_OK);
    assert_int_equal(an_spent_add(&b, AN_PAYLOAD_MEAN, &bare, NULL), AN_OK);
    assert_int_equal(an_privacy_add_gaussian(&want, 1.0, 0.05, 60, NULL), AN_OK);
    const double got = an_privacy_epsilon(an_spent_account(&b, AN_DP_RECORD), DELTA);
    assert_true(fabs(got / an_privacy_epsilon(&want, DELTA) - 1) < 1e-9);
    assert_true(b.rounds[0] == 3 && b.rounds[1] == 1 && b.bare == 1 && b.others == 2);
    assert_true(an_privacy_epsilon(an_spent_account(&b, AN_DP_SITE), DELTA) > 0);
}

static void the_budget_has_room_for_just_so_many_rounds(void **state)
{
    (void)state;
    an_spent b = {.bare = 0};
    const an_private_cost costs[] = {record, site};
    for (size_t i = 0; i < 2; i++) {
        const double budget = an_spent_epsilon(&b, &costs[i], DELTA, 7) * 1.0001;
        assert_int_equal(an_spent_room(&b, &costs[i], DELTA, budget, 10000), 7);
        assert_int_equal(an_spent_room(&b, &costs[i], DELTA, budget, 5), 5);
        assert_int_equal(an_spent_add(&b, AN_PAYLOAD_TRAIN, &costs[i], NULL), AN_OK);
        assert_int_equal(an_spent_room(&b, &costs[i], DELTA, budget, 10000), 6);
        assert_int_equal(an_spent_room(&b, &costs[i], DELTA, 1e-6, 10000), 0);
    }
    assert_true(isinf(an_spent_epsilon(&b, &bare, DELTA, 1)));
    assert_int_equal(an_spent_room(&b, &bare, DELTA, 8, 10000), 0);
}

static void a_cost_that_makes_no_sense_changes_nothing(void **state)
{
    (void)state;
    an_spent b = {.bare = 0}, before;
    an_private_cost wrong = record;
    assert_int_equal(an_spent_add(&b, AN_PAYLOAD_TRAIN, &record, NULL), AN_OK);
    before = b;
    wrong.rate = 2;
    assert_int_equal(an_spent_add(&b, AN_PAYLOAD_TRAIN, &wrong, NULL), AN_ERR_INVAL);
    wrong = site;
    wrong.sum.sites = 0;
    assert_int_equal(an_spent_add(&b, AN_PAYLOAD_TRAIN, &wrong, NULL), AN_ERR_INVAL);
    assert_memory_equal(&b, &before, sizeof b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_add_up_by_their_unit_and_what_is_outside_is_counted),
        cmocka_unit_test(the_budget_has_room_for_just_so_many_rounds),
        cmocka_unit_test(a_cost_that_makes_no_sense_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
