/* Differential privacy from the policy to the sites: what a round has cost is in the journal, a round that
 * the budget has no room for is not opened, and sites keep their own account. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/account.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "tests/support/federation.h"

#define DELTA 1e-5

static void set_policy(world *w, const char *const (*pairs)[2], size_t n)
{
    an_note why = {{0}};
    if (an_hub_model_policy(w->hub, "user/admin", "pump", pairs, n, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static void of_records(world *w, const char *epsilon)
{
    const char *const pairs[][2] = {{"dp.unit", "record"}, {"dp.noise", "0.8"},     {"dp.rate", "0.2"},
                                    {"dp.clip", "1"},      {"train.epochs", "4"},   {"gate.loss", "100"},
                                    {"gate.alarms", "1"},  {"gate.challenge", "1"}, {"dp.epsilon", epsilon}};
    set_policy(w, pairs, sizeof pairs / sizeof *pairs);
}

static double epsilon_of(uint64_t rounds)
{
    an_privacy_account a = {{0}};
    assert_int_equal(an_privacy_add_gaussian(&a, 0.8, 0.2, 20 * rounds, NULL), AN_OK);
    return an_privacy_epsilon(&a, DELTA);
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-9 * fabs(b);
}

static void every_training_round_is_spent_here_and_at_the_sites(void **state)
{
    world *w = *state;
    an_hub_privacy p;
    uint64_t trained = 0;
    of_records(w, "50");
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    pass(w, 60000);
    const an_state *st = an_hub_state(w->hub);
    for (size_t i = 0; i < st->rounds.n; i++) {
        const an_round_entry *r = &st->rounds.items[i];
        assert_true(r->over && r->committed);
        if (r->kind != AN_PAYLOAD_TRAIN) {
            assert_int_equal(r->privacy.cost.unit, AN_DP_NONE);
            continue;
        }
        trained++;
        assert_true(near(r->privacy.epsilon, epsilon_of(trained)));
    }
    assert_int_equal(trained, 3);
    const an_model_entry *m = an_state_model(an_hub_state(w->hub), "pump");
    assert_true(m->spent.rounds[0] == 3 && m->spent.bare == 0 && m->spent.others == 4);
    assert_int_equal(an_hub_privacy_weigh(w->hub, "pump", AN_CAMPAIGN_TRAINING, 2, &p, NULL), AN_OK);
    assert_true(near(p.epsilon, epsilon_of(3)) && near(p.after, epsilon_of(5)));
    assert_true(p.room >= 2 && epsilon_of(3 + p.room) <= 50 && epsilon_of(4 + p.room) > 50);
    for (size_t i = 0; i < SITES; i++) {
        an_account a;
        assert_int_equal(an_account_get(w->sites[i].spool, "pump", &a, NULL), AN_OK);
        assert_true(near(an_privacy_epsilon(&a.spent[0], DELTA), epsilon_of(3)));
        assert_true(a.rounds[0] == 3 && a.bare == 0 && a.others == 4);
        uint64_t rows = 0, before = 0;
        uint8_t head[AN_SPOOL_HASH];
        assert_int_equal(an_ledger_verify(w->sites[i].spool, &rows, &before, head, NULL), AN_OK);
        assert_true(rows > 14 && before == 0); /* seven answers, seven vectors, a greeting, reports */
    }
}

static void the_account_is_what_the_journal_adds_up_to(void **state)
{
    world *w = *state;
    of_records(w, "50");
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    pass(w, 60000);
    const an_spent before = an_state_model(an_hub_state(w->hub), "pump")->spent;
    kill_hub(w);
    start_hub(w);
    const an_spent *after = &an_state_model(an_hub_state(w->hub), "pump")->spent;
    assert_int_equal(after->rounds[0], 3);
    for (size_t i = 0; i < AN_PRIVACY_ORDERS; i++)
        assert_true(near(after->spent[0].rdp[i], before.spent[0].rdp[i]));
}

static void a_campaign_that_the_budget_has_no_room_for_is_not_opened(void **state)
{
    world *w = *state;
    an_note why = {{0}};
    uint64_t id;
    char budget[32];
    snprintf(budget, sizeof budget, "%.6f", epsilon_of(2) * 1.001);
    of_records(w, budget);
    connect_all(w);
    assert_int_equal(
        an_hub_campaign_open(w->hub, "user/admin", "pump", AN_CAMPAIGN_TRAINING, 3, "a test", &id, &why),
        AN_ERR_REFUSED);
    assert_non_null(strstr(why.text, "privacy budget"));
    assert_non_null(strstr(why.text, "room for 2"));
    assert_int_equal(
        an_hub_campaign_open(w->hub, "user/admin", "pump", AN_CAMPAIGN_TRAINING, 2, "a test", &id, &why),
        AN_OK);
}

/* The budget is lowered while a campaign runs: its next round is not opened, and it says why. */
static void rounds_stop_where_the_budget_ends(void **state)
{
    world *w = *state;
    char budget[32];
    of_records(w, "50");
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    snprintf(budget, sizeof budget, "%.6f", epsilon_of(2) * 1.001);
    of_records(w, budget);
    settle(w);
    pass(w, 60000);
    const an_campaign *c = an_state_campaign(an_hub_state(w->hub), id);
    assert_int_equal(c->state, AN_CAMPAIGN_STOPPED);
    assert_non_null(strstr(c->reason, "privacy budget"));
    const an_model_entry *m = an_state_model(an_hub_state(w->hub), "pump");
    assert_int_equal(m->spent.rounds[0], 2);
}

/* All deliver, and the coordinator's round is stopped before it has summed: vectors are out. */
static void an_aborted_round_is_spent_if_sites_had_joined_it(void **state)
{
    world *w = *state;
    an_note why = {{0}};
    of_records(w, "50");
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    const an_state *st = an_hub_state(w->hub);
    const an_round *open = NULL;
    bool there = false;
    while (!there) {
        assert_true(w->head != w->tail);
        step(w);
        const an_round_entry *last = st->rounds.n ? &st->rounds.items[st->rounds.n - 1] : NULL;
        open = last && !last->over && last->kind == AN_PAYLOAD_TRAIN ? an_hub_round_open(w->hub, last->id)
                                                                     : NULL;
        there = open && an_round_count(open, AN_MEMBER_DELIVERED) > 0;
    }
    assert_int_equal(an_hub_campaign_stop(w->hub, "user/admin", id, "enough", &why), AN_OK);
    const an_round_entry *r = &st->rounds.items[st->rounds.n - 1];
    assert_true(r->over && !r->committed);
    assert_true(near(r->privacy.epsilon, epsilon_of(1)));
    assert_int_equal(an_state_model(an_hub_state(w->hub), "pump")->spent.rounds[0], 1);
}

/* Rounds that are worked on at one time may each have had room when they were accepted. */
static void what_was_accepted_is_judged_again_before_it_leaves(void **state)
{
    world *w = *state;
    an_note why = {{0}};
    an_account a;
    of_records(w, "50");
    set_policy(w, (const char *const[][2]){{"round.retries", "0"}}, 1);
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    const an_state *st = an_hub_state(w->hub);
    bool accepted = false;
    while (!accepted) {
        assert_true(w->head != w->tail);
        step(w);
        const an_round_entry *last = st->rounds.n ? &st->rounds.items[st->rounds.n - 1] : NULL;
        const an_round *open = last && !last->over && last->kind == AN_PAYLOAD_TRAIN
                                   ? an_hub_round_open(w->hub, last->id)
                                   : NULL;
        for (size_t i = 0; open && i < open->n_members; i++)
            accepted = accepted || (open->members[i].state == AN_MEMBER_ACCEPTED &&
                                    strcmp(open->members[i].site, w->sites[1].name) == 0);
    }
    assert_int_equal(an_account_get(w->sites[1].spool, "pump", &a, NULL), AN_OK);
    if (a.rounds[0] > 0)
        fail_msg("the site was too fast for this test");
    assert_int_equal(an_site_policy_set(&w->sites[1].policy, "dp.epsilon_max", "0.5", "test", &why), AN_OK);
    settle(w);
    pass(w, 600000);
    assert_int_equal(an_account_get(w->sites[1].spool, "pump", &a, NULL), AN_OK);
    assert_int_equal(a.rounds[0], 0);
    assert_int_equal(an_state_campaign(an_hub_state(w->hub), id)->state, AN_CAMPAIGN_STOPPED);
}

static void a_site_that_wants_more_protection_refuses_with_its_reason(void **state)
{
    world *w = *state;
    an_note why = {{0}};
    of_records(w, "50");
    set_policy(w, (const char *const[][2]){{"round.retries", "0"}}, 1);
    assert_int_equal(an_site_policy_set(&w->sites[1].policy, "dp.epsilon_max", "0.5", "test", &why), AN_OK);
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    pass(w, 600000);
    const an_campaign *c = an_state_campaign(an_hub_state(w->hub), id);
    assert_int_equal(c->state, AN_CAMPAIGN_STOPPED);
    assert_non_null(strstr(c->reason, "abort"));
    /* Of the others, one had accepted and may have sent: it is counted. */
    assert_true(an_state_model(an_hub_state(w->hub), "pump")->spent.rounds[0] <= 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, an_federation_setup, an_federation_teardown)

int main(void)
{
    an_log_init(AN_LOG_OFF, "test_private_rounds");
    const struct CMUnitTest tests[] = {
        TEST(every_training_round_is_spent_here_and_at_the_sites),
        TEST(the_account_is_what_the_journal_adds_up_to),
        TEST(a_campaign_that_the_budget_has_no_room_for_is_not_opened),
        TEST(rounds_stop_where_the_budget_ends),
        TEST(an_aborted_round_is_spent_if_sites_had_joined_it),
        TEST(what_was_accepted_is_judged_again_before_it_leaves),
        TEST(a_site_that_wants_more_protection_refuses_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
