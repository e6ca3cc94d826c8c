/* A round is recomputed from what was received to the same bits, as long as its updates are kept. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "tests/support/federation.h"

static void keep(world *w, const char *rounds)
{
    an_note why = {{0}};
    const char *const policy[][2] = {{"keep.rounds", rounds}, {"server.momentum", "0.5"}};
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", policy, 2, &why), AN_OK);
}

static void train(world *w)
{
    connect_all(w);
    uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    pass(w, 60000);
    assert_promoted(w, id);
}

static void every_committed_round_replays_to_the_same_bits(void **state)
{
    world *w = *state;
    keep(w, "100");
    train(w);
    const an_state *st = an_hub_state(w->hub);
    size_t trained = 0;
    for (size_t i = 0; i < st->rounds.n; i++) {
        an_hash result;
        an_note why = {{0}};
        bool same = false;
        assert_int_equal(replay(w, st->rounds.items[i].id, &result, &same, &why), AN_OK);
        assert_true(same);
        trained += st->rounds.items[i].kind == AN_PAYLOAD_TRAIN;
    }
    assert_true(trained >= 3); /* with momentum, so each started from another state of the optimiser */
}

static void updates_of_old_rounds_are_removed_and_a_replay_says_so(void **state)
{
    world *w = *state;
    an_note why = {{0}};
    an_hash result;
    bool same = false;
    keep(w, "2");
    train(w);
    pass(w, 20000);
    const an_state *st = an_hub_state(w->hub);
    const size_t n = st->rounds.n;
    for (size_t i = 0; i < n; i++)
        assert_int_equal(st->rounds.items[i].pruned, i + 2 < n);
    assert_int_equal(replay(w, st->rounds.items[0].id, &result, &same, &why), AN_ERR_NOTFOUND);
    assert_non_null(strstr(why.text, "no longer kept"));
    assert_int_equal(replay(w, st->rounds.items[n - 1].id, &result, &same, &why), AN_OK);
    assert_true(same);
    assert_int_equal(replay(w, st->rounds.items[n - 2].id, &result, &same, &why), AN_OK);
    assert_true(same);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, an_federation_setup, an_federation_teardown)

/* The hub goes on meanwhile: a large round takes minutes, and whoever hears nothing for one takes the store over. */
static void a_replay_holds_nothing_up(void **state)
{
    world *w = *state;
    an_hash result = {{0}};
    bool same = false;
    keep(w, "100");
    train(w);
    const an_state *st = an_hub_state(w->hub);
    const uint64_t first = st->rounds.items[0].id, last = st->rounds.items[st->rounds.n - 1].id;
    assert_int_equal(an_hub_round_replay(w->hub, first, &result, &same, NULL), AN_ERR_AGAIN);
    assert_int_equal(an_hub_round_replay(w->hub, first, &result, &same, NULL), AN_ERR_AGAIN);
    assert_int_equal(an_hub_round_replay(w->hub, last, &result, &same, NULL),
                     AN_ERR_AGAIN); /* one at a time */
    const uint64_t id = campaign(w, AN_CAMPAIGN_INCREMENTAL);
    pass(w, 60000);
    assert_promoted(w, id);
    assert_int_equal(replay(w, first, &result, &same, NULL), AN_OK); /* the former answer is too old by now */
    assert_true(same);

    /* Nobody takes the answer of one whose coordinator ends. */
    assert_int_equal(an_hub_round_replay(w->hub, last, &result, &same, NULL), AN_ERR_AGAIN);
    kill_hub(w);
    start_hub(w);
    connect_all(w);
    settle(w);
    same = false;
    assert_int_equal(replay(w, last, &result, &same, NULL), AN_OK);
    assert_true(same);
}

int main(void)
{
    an_log_init(AN_LOG_OFF, "test");
    const struct CMUnitTest tests[] = {
        TEST(every_committed_round_replays_to_the_same_bits),
        TEST(a_replay_holds_nothing_up),
        TEST(updates_of_old_rounds_are_removed_and_a_replay_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
