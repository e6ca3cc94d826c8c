/* Every server optimiser in a whole federation: its state goes from round to round, over a restart of the
 * coordinator too, and each round is replayed to the same bits.  And the rate that rounds are told. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "doors/crypto.h"
#include "tests/support/federation.h"

static void choose(world *w, const char *optimiser, const char *momentum)
{
    an_note why = {{0}};
    const char *const policy[][2] = {{"server.optimiser", optimiser},
                                     {"server.momentum", momentum},
                                     {"server.lr", strcmp(optimiser, "fedavg") == 0 ? "1" : "0.05"},
                                     {"gate.alarms", "1"},
                                     {"gate.loss", "100"},
                                     {"gate.challenge", "1"}};
    if (an_hub_model_policy(w->hub, "user/admin", "pump", policy, sizeof policy / sizeof *policy, &why) !=
        AN_OK)
        fail_msg("%s", why.text);
}

static uint64_t train(world *w)
{
    uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    pass(w, 60000);
    assert_promoted(w, id);
    return id;
}

/* Returns the number of training rounds. */
static size_t replay_all(world *w)
{
    const an_state *st = an_hub_state(w->hub);
    size_t trained = 0;
    for (size_t i = 0; i < st->rounds.n; i++) {
        an_hash result;
        an_note why = {{0}};
        bool same = false;
        if (replay(w, st->rounds.items[i].id, &result, &same, &why) != AN_OK)
            fail_msg("%s", why.text);
        assert_true(same);
        trained += st->rounds.items[i].kind == AN_PAYLOAD_TRAIN;
    }
    return trained;
}

/* The state that training round k (from 0) of the last campaign starts from. */
static const an_round_entry *training(world *w, size_t k)
{
    const an_state *st = an_hub_state(w->hub);
    const uint64_t last = st->campaigns.items[st->campaigns.n - 1].id;
    for (size_t i = 0; i < st->rounds.n; i++)
        if (st->rounds.items[i].campaign == last && st->rounds.items[i].kind == AN_PAYLOAD_TRAIN && k-- == 0)
            return &st->rounds.items[i];
    fail_msg("no such round");
    return NULL;
}

static void every_optimiser_keeps_its_state_from_round_to_round(void **state)
{
    world *w = *state;
    connect_all(w);
    for (size_t i = 0; an_server_optimiser_at(i); i++) {
        const an_server_optimiser *o = an_server_optimiser_at(i);
        for (int momentum = 0; momentum < 2; momentum++) {
            choose(w, o->name, momentum ? "0.5" : "0");
            train(w);
            const an_round_entry *first = training(w, 0), *second = training(w, 1), *third = training(w, 2);
            const bool keeps = o->n_state(&first->server_args) > 0;
            assert_ptr_equal(first->server, o);
            assert_true(an_hash_is_zero(&first->optimiser));
            assert_int_equal(!an_hash_is_zero(&second->optimiser), keeps);
            assert_int_equal(!an_hash_equal(&second->optimiser, &third->optimiser), keeps);
            if (strcmp(o->name, "fedavg") != 0)
                break; /* the others do not read it */
        }
    }
    assert_int_equal(replay_all(w), 3 * 4);
    kill_hub(w);
    start_hub(w);
    assert_int_equal(replay_all(w), 3 * 4);
}

static void another_optimiser_in_the_middle_of_a_campaign_starts_afresh(void **state)
{
    world *w = *state;
    connect_all(w);
    choose(w, "fedadam", "0");
    uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    const an_campaign *c = an_state_campaign(an_hub_state(w->hub), id);
    for (int i = 0; i < 10000 && an_hash_is_zero(&c->optimiser); i++) {
        if (w->head == w->tail)
            tick(w);
        else
            step(w);
    }
    assert_false(an_hash_is_zero(&c->optimiser)); /* the second training round is under way with it */
    choose(w, "fedyogi", "0");
    pass(w, 60000);
    assert_promoted(w, id);
    assert_string_equal(training(w, 1)->server->name, "fedadam");
    assert_string_equal(training(w, 2)->server->name, "fedyogi");
    assert_false(an_hash_is_zero(&training(w, 1)->optimiser));
    assert_true(an_hash_is_zero(&training(w, 2)->optimiser));
    assert_int_equal(replay_all(w), 3);
}

/* What a committed round was told to learn at. */
static double rate(world *w, size_t k)
{
    const an_round_entry *r = training(w, k);
    an_plan *plan = NULL;
    an_buf b;
    an_note why = {{0}};
    an_buf_init(&b, 1 << 20);
    if (an_store_object_get(an_hub_store(w->hub), &r->plan, &b, &why) != AN_OK ||
        an_plan_decode(b.data, b.len, &plan, &why) != AN_OK)
        fail_msg("%s", why.text);
    const double lr = plan->lr;
    an_plan_free(plan);
    an_buf_done(&b);
    return lr;
}

/* cos: 1, 3/4 and 1/4 of the way between the rate and a hundredth of it, in three rounds. */
static void the_rate_falls_over_the_rounds_as_the_policy_says(void **state)
{
    world *w = *state;
    an_note why = {{0}};
    const char *const cosine[][2] = {{"train.schedule", "cosine"}};
    connect_all(w);
    choose(w, "fedavg", "0");
    train(w);
    const double lr = rate(w, 0);
    assert_true(rate(w, 1) == lr && rate(w, 2) == lr);
    if (an_hub_model_policy(w->hub, "user/admin", "pump", cosine, 1, &why) != AN_OK)
        fail_msg("%s", why.text);
    train(w);
    const double share[] = {1, 0.01 + 0.99 * 0.75, 0.01 + 0.99 * 0.25};
    for (size_t k = 0; k < 3; k++)
        assert_true(fabs(rate(w, k) - share[k] * lr) < 1e-9 * lr);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, an_federation_setup, an_federation_teardown)

int main(void)
{
    an_log_init(AN_LOG_OFF, "test");
    const struct CMUnitTest tests[] = {
        TEST(every_optimiser_keeps_its_state_from_round_to_round),
        TEST(another_optimiser_in_the_middle_of_a_campaign_starts_afresh),
        TEST(the_rate_falls_over_the_rounds_as_the_policy_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
