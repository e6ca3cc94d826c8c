/* Late updates that no round takes: too old, after the training, of a campaign that was stopped, of a policy that was
 * changed, lost at their site.  Each is let go, and nothing is owed for ever. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/registry.h"
#include "doors/crypto.h"
#include "tests/support/late.h"

static void one_that_is_too_old_is_let_go(void **state)
{
    world *w = *state;
    site *s = &w->sites[1];
    choose(w, "1", "plain", "4");
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING), away = go_away_with_an_update(w, s);
    until_committed(w, id, 2);
    site_returns(s);
    pass(w, 1000);
    assert_int_equal(an_session_look(s->session).uploads, 0);
    pass(w, 200000);
    const updates u = look_back(w, id);
    for (size_t i = 0; i < u.n; i++)
        assert_false(u.items[i].trained_in == away && strcmp(u.items[i].site, s->name) == 0);
}

static void the_base_of_a_late_update_is_kept_for_its_site(void **state)
{
    world *w = *state;
    an_note why = {{0}};
    an_need *needs;
    const char *const little[][2] = {{"keep.rounds", "0"}, {"keep.versions", "1"}};
    choose(w, "8", "plain", "10");
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", little, 2, &why), AN_OK);
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    until_committed(w, id, 5); /* two that train: no other work is at their versions */
    const uint64_t away = go_away_with_an_update(w, &w->sites[1]);
    until_committed(w, id, 3);
    for (size_t i = 0; i < w->n; i++)
        w->sites[i].cut = true; /* the campaign stands still */
    pass(w, 10000);
    an_state *st = an_hub_state(w->hub);
    assert_true(an_state_round(st, away)->pruned);
    const an_version *base = an_state_version(st, &an_state_round(st, away)->base);
    assert_non_null(base);
    assert_non_null(needs = an_alloc(st->versions.n, sizeof *needs));
    an_registry_needs(st, w->clock.now_ms, needs);
    const an_need need = needs[base - st->versions.items];
    an_free(needs);
    assert_int_equal(need, AN_NEED_OWED);
}

static void without_staleness_a_late_update_does_not_count(void **state)
{
    world *w = *state;
    site *s = &w->sites[1];
    choose(w, "0", "plain", "3");
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    go_away_with_an_update(w, s);
    until_committed(w, id, 1);
    assert_int_equal(an_hub_state(w->hub)->owed.n, 0);
    site_returns(s);
    pass(w, 200000);
    assert_int_equal(look_back(w, id).late, 0);
}

/* The last round of the campaign: there is none that could take it. */
static void the_end_of_the_training_lets_all_go(void **state)
{
    world *w = *state;
    site *s = &w->sites[1];
    choose(w, "5", "plain", "1");
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    go_away_with_an_update(w, s);
    until_committed(w, id, 1);
    site_returns(s);
    pass(w, 1000);
    assert_int_equal(an_session_look(s->session).uploads, 0);
    pass(w, 200000);
    assert_int_equal(look_back(w, id).late, 0);
}

/* A person ends the campaign while a site is away with its update: nobody owes it anything more. */
static void a_stopped_campaign_lets_all_go(void **state)
{
    world *w = *state;
    site *s = &w->sites[1];
    an_note why = {{0}};
    choose(w, "3", "plain", "4");
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    go_away_with_an_update(w, s);
    until_committed(w, id, 1);
    for (unsigned n = 0;
         n < 20000 && an_round_count(an_hub_round_open(w->hub, training(w)->id), AN_MEMBER_ACCEPTED) == 0;
         n++)
        step(w);
    assert_int_equal(an_hub_campaign_stop(w->hub, "user/admin", id, "", &why), AN_OK);
    assert_int_equal(an_hub_state(w->hub)->owed.n, 0);
    site_returns(s);
    pass(w, 1000);
    for (size_t i = 0; i < w->n; i++)
        assert_int_equal(an_session_look(w->sites[i].session).uploads, 0);
    kill_hub(w);
    start_hub(w);
    assert_int_equal(an_hub_state(w->hub)->owed.n, 0);
}

/* The policy has changed since: what a round takes says its own plan. */
static void a_round_whose_plan_takes_none_takes_none(void **state)
{
    world *w = *state;
    site *s = &w->sites[1];
    an_note why = {{0}};
    const char *const off[][2] = {{"async.staleness", "0"}};
    choose(w, "4", "plain", "5");
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    go_away_with_an_update(w, s);
    until_committed(w, id, 1);
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", off, 1, &why), AN_OK);
    until_committed(w, id, 1);
    site_returns(s);
    pass(w, 200000);
    assert_int_equal(look_back(w, id).late, 0);
}

static void a_secure_round_takes_none(void **state)
{
    world *w = *state;
    site *s = &w->sites[1];
    an_note why = {{0}};
    const char *const masks[][2] = {{"async.staleness", "0"}, {"privacy", "secure-sum"}, {"min_cohort", "3"}};
    choose(w, "4", "plain", "5");
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING), away = go_away_with_an_update(w, s);
    until_committed(w, id, 1);
    if (an_hub_model_policy(w->hub, "user/admin", "pump", masks, 3, &why) != AN_OK)
        fail_msg("%s", why.text);
    until_committed(w, id, 1);
    const uint64_t strange = w->strange;
    site_returns(s);
    pass(w, 400000);
    const updates u = look_back(w, id);
    assert_int_equal(u.late, 0);
    for (size_t i = 0; i < u.n; i++)
        assert_false(u.items[i].trained_in == away && strcmp(u.items[i].site, s->name) == 0);
    assert_int_equal(w->strange, strange);
}

static void disconnect(world *w, site *s)
{
    s->cut = true;
    an_hub_lost(w->hub, s->name);
}

static bool is_owed(world *w, const site *s, uint64_t round)
{
    const an_state *st = an_hub_state(w->hub);
    for (size_t i = 0; i < st->owed.n; i++)
        if (strcmp(st->owed.items[i].site, s->name) == 0 && st->owed.items[i].round == round)
            return true;
    return false;
}

/* The round of which a site has begun its training, and which has ended without it. */
static uint64_t be_late(world *w, site *s, uint64_t id)
{
    const uint32_t want = campaign_now(w, id)->step + 1;
    for (unsigned n = 0; n < 40000 && an_campaign_trains(campaign_now(w, id)); n++) {
        if (postpone(w, s, true))
            tick(w);
        else
            walk(w);
        const an_state *st = an_hub_state(w->hub);
        for (size_t i = 0; i < st->owed.n && campaign_now(w, id)->step >= want; i++)
            if (strcmp(st->owed.items[i].site, s->name) == 0)
                return st->owed.items[i].round;
    }
    fail_msg("%s is never late", s->name);
    return 0;
}

/* ... and who still trains for it stops. */
static void a_stopped_campaign_ends_late_training(void **state)
{
    world *w = *state;
    site *s = &w->sites[1];
    an_note why = {{0}};
    choose(w, "3", "plain", "4");
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING), round = be_late(w, s, id);
    an_job *job = NULL;
    for (size_t i = w->head; i < w->tail; i++) {
        const event *e = &w->events[i % EVENTS_MAX];
        if (e->type == JOB && e->site == s->i && e->job && e->job->plan && e->job->plan->round == round)
            job = e->job;
    }
    assert_non_null(job);
    assert_int_equal(an_hub_campaign_stop(w->hub, "user/admin", id, "", &why), AN_OK);
    for (unsigned n = 0; n < 100 && !atomic_load(&job->cancel); n++) {
        if (!postpone(w, s, true) && w->head != w->tail)
            step(w);
    }
    assert_true(atomic_load(&job->cancel));
}

/* What it trained is gone with a restart: it owes what it begins next instead. */
static void a_site_that_lost_its_update_owes_the_next_one(void **state)
{
    world *w = *state;
    site *s = &w->sites[1];
    choose(w, "6", "plain", "8");
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING), first = be_late(w, s, id);
    disconnect(w, s);
    kill_site(s);
    start_site(s);
    site_returns(s);
    const uint64_t second = be_late(w, s, id);
    assert_true(second > first);
    assert_true(is_owed(w, s, second));
    assert_false(is_owed(w, s, first));
    pass(w, 400000);
    const updates u = look_back(w, id);
    size_t seen = 0;
    for (size_t i = 0; i < u.n; i++) {
        const bool its = strcmp(u.items[i].site, s->name) == 0;
        assert_false(its && u.items[i].trained_in == first);
        seen += its && u.items[i].trained_in == second && u.items[i].round > second;
    }
    assert_int_equal(seen, 1);
}

static void a_secure_sum_refuses_it(void **state)
{
    world *w = *state;
    an_note why = {{0}};
    const char *const policy[][2] = {{"async.staleness", "1"}};
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", policy, 1, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "privacy: trusted"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, an_federation_setup, an_federation_teardown)

int main(void)
{
    an_log_init(AN_LOG_OFF, "test");
    const struct CMUnitTest tests[] = {
        TEST(one_that_is_too_old_is_let_go),
        TEST(the_base_of_a_late_update_is_kept_for_its_site),
        TEST(without_staleness_a_late_update_does_not_count),
        TEST(the_end_of_the_training_lets_all_go),
        TEST(a_stopped_campaign_lets_all_go),
        TEST(a_stopped_campaign_ends_late_training),
        TEST(a_round_whose_plan_takes_none_takes_none),
        TEST(a_secure_round_takes_none),
        TEST(a_site_that_lost_its_update_owes_the_next_one),
        TEST(a_secure_sum_refuses_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
