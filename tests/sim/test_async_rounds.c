/* Asynchronous rounds: a site that was away with its update finds a later round that takes it, once, less the older it
 * is; and whatever is lost or killed on the way, no update counts twice. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "coordinator/round.h"
#include "doors/crypto.h"
#include "tests/support/late.h"
#include "tests/support/objects.h"

static const char *encoding = "plain";

static void a_late_update_counts_in_the_round_that_is_open(void **state)
{
    world *w = *state;
    site *s = &w->sites[1];
    choose(w, "3", encoding, "4");
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING), away = go_away_with_an_update(w, s);
    until_committed(w, id, 1);
    const an_state *st = an_hub_state(w->hub);
    assert_true(an_state_round(an_hub_state(w->hub), away)->committed);
    assert_int_equal(st->owed.n, 1);
    assert_string_equal(st->owed.items[0].site, s->name);
    w->sites[0].cut = true; /* so that the next round needs the late one */
    site_returns(s);
    until_committed(w, id, 1);
    w->sites[0].cut = false;
    pass(w, 200000);
    const updates u = look_back(w, id);
    const updates *all = &u;
    size_t seen = 0;
    for (size_t i = 0; i < all->n; i++) {
        if (strcmp(all->items[i].site, s->name) != 0 || all->items[i].trained_in != away)
            continue;
        assert_true(all->items[i].round > away);
        assert_int_equal(all->items[i].staleness, 1);
        seen++;
    }
    assert_int_equal(seen, 1);
}

static void so_does_one_that_is_encoded(void **state)
{
    encoding = "int8";
    a_late_update_counts_in_the_round_that_is_open(state);
    encoding = "plain";
}

/* The member of the open round whose late update was taken. */
static const an_member *late_of(world *w, const char *name)
{
    const an_round *r = an_hub_round_open(w->hub, training(w)->id);
    const size_t i = r ? an_round_find(r, name) : SIZE_MAX;
    assert_true(i != SIZE_MAX && r->members[i].trained_in != 0);
    return &r->members[i];
}

static void restart_both_ends(world *w, bool lost)
{
    site *s = &w->sites[1];
    choose(w, "3", "plain", "4");
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING), away = go_away_with_an_update(w, s);
    until_committed(w, id, 1);
    kill_hub(w);
    start_hub(w);
    kill_site(s);
    start_site(s);
    assert_int_equal(an_hub_state(w->hub)->owed.n, 1);
    w->sites[0].cut = true;
    site_returns(s);
    for (unsigned n = 0; n < 20000 && an_hub_state(w->hub)->owed.n > 0; n++)
        walk(w);
    if (lost)
        an_test_store_lose(w->store, &late_of(w, s->name)->update);
    kill_hub(w); /* it has acknowledged the update, and the round is not over */
    start_hub(w);
    assert_int_equal(an_session_look(s->session).uploads, 1);
    w->sites[0].cut = false;
    pass(w, 200000);
    const updates u = look_back(w, id);
    size_t seen = 0;
    for (size_t i = 0; i < u.n; i++)
        seen +=
            u.items[i].trained_in == away && u.items[i].round > away && strcmp(u.items[i].site, s->name) == 0;
    assert_int_equal(seen, 1);
}

static void a_restart_of_both_ends_between_changes_nothing(void **state)
{
    restart_both_ends(*state, false);
}

static void a_coordinator_without_its_disk_asks_for_it_again(void **state)
{
    restart_both_ends(*state, true);
}

static void a_slow_site_counts_a_round_later_each_time(void **state)
{
    world *w = *state;
    site *s = &w->sites[1];
    choose(w, "3", "plain", "6");
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    for (unsigned n = 0; n < 40000 && an_campaign_trains(campaign_now(w, id)); n++) {
        if (postpone(w, s, false))
            tick(w);
        else
            walk(w);
    }
    pass(w, 200000);
    const updates u = look_back(w, id);
    size_t its = 0;
    for (size_t i = 0; i < u.n; i++) {
        const an_round_entry *e = an_state_round(an_hub_state(w->hub), u.items[i].round);
        if (e->kind != AN_PAYLOAD_TRAIN || strcmp(u.items[i].site, s->name) != 0)
            continue;
        assert_int_equal(u.items[i].staleness, 1);
        its++;
    }
    assert_true(its >= 2); /* of six rounds; it begins every second one afresh */
}

/* A site owes one update at most, of its oldest round; what it could begin only after that one is over for it. */
static void check_owed(world *w)
{
    const an_state *st = an_hub_state(w->hub);
    for (size_t i = 0; i < st->owed.n; i++)
        for (size_t k = 0; k < i; k++)
            assert_false(st->owed.items[i].campaign == st->owed.items[k].campaign &&
                         strcmp(st->owed.items[i].site, st->owed.items[k].site) == 0);
}

static void trouble(world *w, an_rng *rng)
{
    site *s = &w->sites[an_rng_below(rng, w->n)];
    switch (an_rng_below(rng, 5)) {
    case 0:
        s->cut = true;
        an_hub_lost(w->hub, s->name);
        break;
    case 1:
        kill_site(s);
        an_hub_lost(w->hub, s->name);
        start_site(s);
        s->cut = false;
        an_session_connected(s->session);
        break;
    case 2:
        kill_hub(w);
        start_hub(w);
        break;
    default:
        site_returns(s);
        break;
    }
}

static size_t run_in_trouble(uint64_t seed)
{
    void *state = NULL;
    an_federation_setup_kind(&state, &(an_federation_kind){.sites = 5});
    world *w = state;
    an_rng rng;
    an_rng_init(&rng, seed, 0);
    choose(w, "4", "plain", "8");
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    for (unsigned n = 1; n < 40000 && an_campaign_trains(campaign_now(w, id)); n++) {
        walk(w);
        check_owed(w);
        if (n % 23 == 0)
            trouble(w, &rng);
    }
    for (size_t i = 0; i < w->n; i++)
        site_returns(&w->sites[i]);
    pass(w, 1200000);
    const size_t late = look_back(w, id).late;
    an_federation_teardown(&state);
    return late;
}

static void whatever_is_lost_or_killed_no_update_counts_twice(void **state)
{
    size_t late = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++)
        late += run_in_trouble(seed);
    print_message("%zu late updates counted\n", late);
    assert_true(late > 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, an_federation_setup, an_federation_teardown)

int main(void)
{
    an_log_init(AN_LOG_OFF, "test");
    const struct CMUnitTest tests[] = {
        TEST(a_late_update_counts_in_the_round_that_is_open),
        TEST(so_does_one_that_is_encoded),
        TEST(a_restart_of_both_ends_between_changes_nothing),
        TEST(a_coordinator_without_its_disk_asks_for_it_again),
        TEST(a_slow_site_counts_a_round_later_each_time),
        cmocka_unit_test(whatever_is_lost_or_killed_no_update_counts_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
