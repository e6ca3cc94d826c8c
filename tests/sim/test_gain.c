/* An answer to drift ends its training where another round would hardly lower the sites' loss. */
#include "base/log.h"
#include "doors/crypto.h"
#include "tests/support/federation.h"

/* Training rounds of an incremental campaign under this drift.gain. */
static uint32_t rounds_at(world *w, const char *gain)
{
    const char *const policy[][2] = {{"drift.gain", gain}, {"drift.rounds", "6"}};
    an_note why = {{0}};
    if (an_hub_model_policy(w->hub, "user/admin", "pump", policy, 2, &why) != AN_OK)
        fail_msg("%s", why.text);
    const uint64_t id = campaign(w, AN_CAMPAIGN_INCREMENTAL);
    settle(w);
    const an_campaign *c = an_state_campaign(an_hub_state(w->hub), id);
    assert_true(an_campaign_is_over(c));
    assert_int_equal(c->step, c->train_rounds + 1); /* and it was evaluated */
    return c->train_rounds;
}

static void training_ends_where_it_gains_nothing(void **state)
{
    world *w = *state;
    connect_all(w);
    const uint64_t first = campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    assert_promoted(w, first);
    assert_int_equal(rounds_at(w, "0"), 6);
    assert_int_equal(rounds_at(w, "0.9"), 2); /* the second has not lowered it to a tenth */
    kill_hub(w);
    start_hub(w); /* the journal says the same */
    const an_state *st = an_hub_state(w->hub);
    assert_int_equal(st->campaigns.items[st->campaigns.n - 1].train_rounds, 2);
}

int main(void)
{
    if (an_crypto_init() != AN_OK)
        return 1;
    an_log_init(AN_LOG_ERROR, "test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(training_ends_where_it_gains_nothing, an_federation_setup,
                                        an_federation_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
