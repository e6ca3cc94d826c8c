/* Two people: what one asks for, another one confirms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/hub_internal.h"
#include "doors/crypto.h"
#include "tests/support/api.h"

typedef an_test_api fixture;

#define MODEL                                                                                                \
    "{\"name\":\"pumps\",\"arch\":\"model: ae\\ninput: {features: input, window: 1}\\nlayers:\\n  - dense: " \
    "{units: 2}\\n  - dense: {units: input, name: out}\\nloss: mse\\ntarget: "                               \
    "input\\n\",\"sensors\":[\"a\",\"b\"]}"

static an_who mia, tom, eva;

static int setup_with(void **state, unsigned people)
{
    fixture *f = an_alloc(1, sizeof *f);
    f->people = people;
    an_test_api_open(f);
    mia = an_test_who("mia", AN_ROLE_RELEASER, "");
    tom = an_test_who("tom", AN_ROLE_RELEASER, "");
    eva = an_test_who("eva", AN_ROLE_ENGINEER, "");
    an_test_api_expect(f, &eva, "POST", "/models", MODEL, 201, "pumps");
    *state = f;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, 2);
}

static int setup_alone(void **state)
{
    return setup_with(state, 1);
}

static int teardown(void **state)
{
    an_test_api_close(*state);
    an_free(*state);
    return 0;
}

static int64_t train_rounds(fixture *f)
{
    return an_state_model(an_hub_state(f->hub), "pumps")->policy.train_rounds;
}

static void one_person_is_enough_where_one_is_asked_for(void **state)
{
    fixture *f = *state;
    an_test_api_expect(f, &eva, "POST", "/models/pumps/policy", "{\"train.rounds\":7}", 200, "train.rounds");
    assert_int_equal(train_rounds(f), 7);
    an_test_api_expect(f, &mia, "GET", "/proposals", "", 200, "\"proposals\":[]");
}

static void a_second_person_confirms_and_it_is_done_in_their_name(void **state)
{
    fixture *f = *state;
    const int64_t before = train_rounds(f);
    an_test_api_expect(f, &eva, "POST", "/models/pumps/policy",
                       "{\"policy\":{\"train.rounds\":7},\"reason\":\"slow\"}", 202,
                       "\"by\":\"user/eva\",\"path\":\"/api/v1/models/pumps/policy\"");
    assert_int_equal(train_rounds(f), before);
    an_test_api_expect(f, &eva, "POST", "/proposals/1/confirm", "{}", 403, "somebody else");
    an_test_api_again(f); /* a takeover does not forget it */
    an_test_api_expect(f, &tom, "GET", "/proposals", "", 200, "\"reason\":\"slow\"");
    an_test_api_expect(f, &tom, "POST", "/proposals/1/confirm", "{}", 200, "train.rounds");
    assert_int_equal(train_rounds(f), 7);
    an_test_api_expect(f, &tom, "POST", "/proposals/1/confirm", "{}", 404, "no proposal");
    an_test_api_expect(f, &tom, "GET", "/journal", "", 200, "policy of model pumps changed by user/tom");
    an_test_api_expect(f, &tom, "GET", "/journal", "", 200,
                       "proposal/1 of user/eva confirmed by user/tom: /api/v1/models/pumps/policy: slow");
}

static void who_confirms_has_the_role_that_it_needs(void **state)
{
    fixture *f = *state;
    char body[256], hex[AN_HASH_TEXT];
    an_hash_text(hex, &an_hub_state(f->hub)->models.items[0].blank);
    snprintf(body, sizeof body, "{\"version\":\"%s\",\"reason\":\"first\"}", hex);
    an_test_api_expect(f, &eva, "POST", "/models/pumps/promote", body, 403, "releaser");
    an_test_api_expect(f, &mia, "POST", "/models/pumps/promote", body, 202, "\"basis\":\"production 00");
    an_test_api_expect(f, &tom, "POST", "/models/pumps/promote", body, 409, "has proposed the same");
    an_test_api_expect(f, &eva, "POST", "/proposals/1/confirm", "{}", 403, "releaser");
    an_test_api_expect(f, &eva, "POST", "/proposals/1/drop", "{}", 403, "releaser");
    const an_who here = an_test_who("ann", AN_ROLE_RELEASER, "plant-a");
    an_test_api_expect(f, &here, "POST", "/proposals/1/confirm", "{}", 403, "all");
    assert_int_equal(an_hub_state(f->hub)->rollouts.n, 0);
    an_test_api_expect(f, &tom, "POST", "/proposals/1/confirm", "{}", 200, "proposal");
}

static void it_can_be_dropped_and_ends_by_itself(void **state)
{
    fixture *f = *state;
    an_test_api_expect(f, &eva, "POST", "/models/pumps/policy", "{\"train.rounds\":7}", 202, "proposal");
    an_test_api_expect(f, &tom, "POST", "/proposals/1/drop", "{\"reason\":\"no\"}", 200, "proposal");
    an_test_api_expect(f, &tom, "POST", "/proposals/1/drop", "{}", 404, "no proposal");
    an_test_api_expect(f, &eva, "POST", "/models/pumps/policy", "{\"train.rounds\":7}", 202, "\"id\":2");
    an_clock_fake_advance(&f->clock, AN_PROPOSAL_MS);
    an_test_api_expect(f, &tom, "GET", "/proposals", "", 200, "\"proposals\":[]");
    an_test_api_expect(f, &tom, "POST", "/proposals/2/confirm", "{}", 404, "no proposal");
    an_test_api_expect(f, &eva, "POST", "/models/pumps/policy", "{\"train.rounds\":7}", 202, "\"id\":3");
    an_test_api_expect(f, &tom, "GET", "/journal", "", 200, "proposal/2 of user/eva expired by coordinator");
    assert_int_equal(an_hub_state(f->hub)->proposals.n, 1);
}

static void what_it_was_about_must_still_be_so(void **state)
{
    fixture *f = *state;
    char body[256], hex[AN_HASH_TEXT];
    an_hash_text(hex, &an_hub_state(f->hub)->models.items[0].blank);
    snprintf(body, sizeof body, "{\"version\":\"%s\",\"reason\":\"first\"}", hex);
    an_test_api_expect(f, &eva, "POST", "/models/pumps/policy", "{\"train.rounds\":7}", 202, "\"id\":1");
    an_test_api_expect(f, &mia, "POST", "/models/pumps/promote", body, 202, "\"id\":2");
    an_test_api_expect(f, &tom, "POST", "/proposals/2/confirm", "{}", 200, "proposal");
    an_test_api_expect(f, &tom, "POST", "/proposals/1/confirm", "{}", 409, "now it is: production");
    an_test_api_expect(f, &mia, "POST", "/campaigns/9/approve", "{}", 404, "no campaign 9");
    an_test_api_expect(f, &mia, "POST", "/rollouts/x/abort", "{}", 404, "no rollout x");
    an_test_api_expect(f, &mia, "POST", "/models/press/rollback", "{\"reason\":\"x\"}", 404,
                       "no model press");
}

static void what_cannot_be_done_stays_open(void **state)
{
    fixture *f = *state;
    an_test_api_expect(f, &mia, "POST", "/models/pumps/rollback", "{\"reason\":\"worse\"}", 202, "\"id\":1");
    an_test_api_expect(f, &tom, "POST", "/proposals/1/confirm", "{}", 404, "no former production");
    an_test_api_expect(f, &tom, "GET", "/proposals", "", 200, "\"reason\":\"worse\"");
}

static void every_route_that_needs_two_is_kept_and_no_other(void **state)
{
    fixture *f = *state;
    const an_who admin = an_who_admin();
    an_api_route_info r;
    size_t two = 0;
    for (size_t i = 0; an_api_route_at(i, &r); i++) {
        two += r.two;
        if (r.two) {
            assert_string_equal(r.method, "POST");
            assert_int_equal(r.scope, AN_REACH_FLEET);
        }
    }
    assert_int_equal(two, 6);
    an_test_api_expect(f, &admin, "POST", "/models/pumps/policy", "{\"train.rounds\":7}", 202, "user/admin");
}

static void they_have_a_bound(void **state)
{
    fixture *f = *state;
    char body[AN_PROPOSAL_BODY_MAX + 100];
    for (int i = 0; i < AN_PROPOSALS_MAX; i++) {
        snprintf(body, sizeof body, "{\"train.rounds\":%d}", i + 1);
        an_test_api_expect(f, &eva, "POST", "/models/pumps/policy", body, 202, "proposal");
    }
    an_test_api_expect(f, &eva, "POST", "/models/pumps/policy", "{\"train.rounds\":99}", 409,
                       "proposals are open");
    an_test_api_expect(f, &tom, "POST", "/proposals/1/drop", "{}", 200, "proposal");
    memset(body, 'x', sizeof body);
    memcpy(body, "{\"a\":\"", 6);
    memcpy(body + sizeof body - 3, "\"}", 3);
    an_test_api_expect(f, &eva, "POST", "/models/pumps/policy", body, 413, "bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_person_is_enough_where_one_is_asked_for, setup_alone, teardown),
        cmocka_unit_test_setup_teardown(a_second_person_confirms_and_it_is_done_in_their_name, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_confirms_has_the_role_that_it_needs, setup, teardown),
        cmocka_unit_test_setup_teardown(it_can_be_dropped_and_ends_by_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(what_it_was_about_must_still_be_so, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_done_stays_open, setup, teardown),
        cmocka_unit_test_setup_teardown(every_route_that_needs_two_is_kept_and_no_other, setup, teardown),
        cmocka_unit_test_setup_teardown(they_have_a_bound, setup, teardown),
    };
    an_log_init(AN_LOG_OFF, "test_api_proposals");
    if (an_crypto_init() != AN_OK)
        return 1;
    an_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
