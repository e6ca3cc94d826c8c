/* Another coordinator takes over a store whose large updates were files of the one before it: what was acknowledged
 * is asked for again and is in the sum, or the round says which update is lost. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "tests/support/federation.h"
#include "tests/support/objects.h"

/* A round of TRAIN in this state, with so many updates acknowledged. */
static const an_round *reach(world *w, an_round_state state, size_t delivered)
{
    for (size_t n = 0; n < 20000; n++) {
        const an_state *st = an_hub_state(w->hub);
        const an_round_entry *e = st->rounds.n ? &st->rounds.items[st->rounds.n - 1] : NULL;
        const an_round *r = e && e->kind == AN_PAYLOAD_TRAIN ? an_hub_round_open(w->hub, e->id) : NULL;
        if (r && r->state == state && an_round_count(r, AN_MEMBER_DELIVERED) == delivered)
            return r;
        if (w->head == w->tail)
            tick(w);
        if (w->head != w->tail)
            step(w);
    }
    fail_msg("no round is in state %d with %zu updates", (int)state, delivered);
    return NULL;
}

static size_t forget(world *w, const an_round *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_members; i++) {
        if (r->members[i].state != AN_MEMBER_DELIVERED)
            continue;
        an_test_store_lose(w->store, &r->members[i].update);
        n++;
    }
    return n;
}

/* The coordinator dies, its files with it, and another one takes over. */
static uint64_t take_over(world *w, an_round_state state, size_t delivered)
{
    const an_round *r = reach(w, state, delivered);
    const uint64_t id = r->id;
    assert_int_equal(forget(w, r), delivered);
    kill_hub(w);
    settle(w); /* a sum that was under way is gone, too */
    start_hub(w);
    an_note waits;
    an_hub_round_waiting(w->hub, id, &waits);
    if (state == AN_ROUND_SUMMING)
        assert_non_null(strstr(waits.text, "again"));
    return id;
}

static void trust(world *w)
{
    an_note why = {{0}};
    const char *const policy[][2] = {{"privacy", "trusted"}};
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", policy, 1, &why), AN_OK);
}

static void assert_whole(world *w, uint64_t round)
{
    an_hash result;
    bool same = false;
    an_note why = {{0}};
    const an_round_entry *e = an_state_round(an_hub_state(w->hub), round);
    if (!e->over || !e->committed)
        fail_msg("round %llu: %s", (unsigned long long)round, e->reason);
    assert_int_equal(e->n_updates, SITES);
    if (replay(w, round, &result, &same, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(same);
}

static void acknowledged_updates_are_had_again(world *w, an_round_state state, size_t delivered)
{
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    const uint64_t round = take_over(w, state, delivered);
    pass(w, 180000);
    assert_whole(w, round);
    assert_promoted(w, id);
}

static void the_sum_waits_for_updates_that_only_their_sites_have(void **state)
{
    trust(*state);
    acknowledged_updates_are_had_again(*state, AN_ROUND_SUMMING, SITES);
}

static void what_came_before_the_takeover_counts_once_with_the_rest(void **state)
{
    trust(*state);
    acknowledged_updates_are_had_again(*state, AN_ROUND_COLLECTING, 1);
}

static void masked_updates_are_had_again_as_well(void **state)
{
    acknowledged_updates_are_had_again(*state, AN_ROUND_SUMMING, SITES);
}

static void masked_updates_of_an_unfinished_exchange_are_had_again(void **state)
{
    acknowledged_updates_are_had_again(*state, AN_ROUND_SIGNING, SITES);
}

static void an_update_that_nobody_has_any_more_ends_the_round_by_name(void **state)
{
    world *w = *state;
    trust(w);
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    reach(w, AN_ROUND_SUMMING, SITES);
    w->sites[1].cut = true;
    const uint64_t round = take_over(w, AN_ROUND_SUMMING, SITES);
    pass(w, 60000);
    const an_round_entry *e = an_state_round(an_hub_state(w->hub), round);
    assert_false(e->over);
    pass(w, 15 * 60000);
    e = an_state_round(an_hub_state(w->hub), round);
    assert_true(e->over && !e->committed);
    assert_non_null(strstr(e->reason, w->sites[1].name));
    assert_non_null(strstr(e->reason, "lost"));
}

static void an_offer_of_other_bytes_is_not_taken_in_their_place(void **state)
{
    world *w = *state;
    trust(w);
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    const uint64_t round = take_over(w, AN_ROUND_SUMMING, SITES);
    const an_round *r = an_hub_round_open(w->hub, round);
    an_note why = {{0}};
    an_hash other;
    an_hash_of(&other, "other bytes", 11);
    an_hub_fetched_small(w->hub, r->members[0].site, round, &other, "other bytes", 11);
    an_hub_round_waiting(w->hub, round, &why);
    assert_non_null(strstr(why.text, "asks for 3 acknowledged updates"));
    assert_false(an_test_store_has(w->store, &other));
    pass(w, 180000);
    assert_whole(w, round);
}

/* A file stands in the place of the spool's folder: sums have nowhere to be written. */
static uint64_t reach_a_sum_without_a_disk(world *w, char away[static AN_PATH_MAX])
{
    trust(w);
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    const uint64_t round = reach(w, AN_ROUND_SUMMING, SITES)->id;
    snprintf(away, AN_PATH_MAX, "%.*s.away", AN_PATH_MAX - 8, an_store_spool_dir(w->store));
    assert_int_equal(rename(an_store_spool_dir(w->store), away), 0);
    assert_int_equal(an_file_write(an_store_spool_dir(w->store), "x", 1, 0600, NULL), AN_OK);
    pass(w, 60000);
    const an_round_entry *e = an_state_round(an_hub_state(w->hub), round);
    if (e->over)
        fail_msg("it did not wait: %s", e->reason);
    return round;
}

static void a_sum_that_the_disk_refuses_is_made_when_it_is_back(void **state)
{
    world *w = *state;
    char away[AN_PATH_MAX];
    const uint64_t round = reach_a_sum_without_a_disk(w, away);
    assert_int_equal(an_file_remove(an_store_spool_dir(w->store), NULL), AN_OK);
    assert_int_equal(rename(away, an_store_spool_dir(w->store)), 0);
    pass(w, 60000);
    assert_whole(w, round);
}

static void a_sum_that_the_disk_refuses_for_long_ends_the_round(void **state)
{
    world *w = *state;
    char away[AN_PATH_MAX];
    const uint64_t round = reach_a_sum_without_a_disk(w, away);
    pass(w, 10 * 60000);
    const an_round_entry *e = an_state_round(an_hub_state(w->hub), round);
    assert_true(e->over && !e->committed);
    assert_true(e->reason[0] != '\0');
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, an_federation_setup, an_federation_teardown)

int main(void)
{
    an_log_init(AN_LOG_OFF, "test");
    const struct CMUnitTest tests[] = {
        TEST(the_sum_waits_for_updates_that_only_their_sites_have),
        TEST(what_came_before_the_takeover_counts_once_with_the_rest),
        TEST(masked_updates_are_had_again_as_well),
        TEST(masked_updates_of_an_unfinished_exchange_are_had_again),
        TEST(an_update_that_nobody_has_any_more_ends_the_round_by_name),
        TEST(a_sum_that_the_disk_refuses_is_made_when_it_is_back),
        TEST(a_sum_that_the_disk_refuses_for_long_ends_the_round),
        TEST(an_offer_of_other_bytes_is_not_taken_in_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
