/* Asynchronous rounds: a site that was away with its update finds a later round that takes it, once, less the older it
 * is; and whatever is lost or killed on the way, no update counts twice. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "coordinator/registry.h"
#include "coordinator/round.h"
#include "doors/crypto.h"
#include "tests/support/federation.h"
#include "tests/support/objects.h"

static void choose(world *w, const char *staleness, const char *encoding, const char *rounds)
{
    an_note why = {{0}};
    const char *const policy[][2] = {{"privacy", "trusted"},         {"min_cohort", "2"},
                                     {"async.staleness", staleness}, {"async.buffer", "2"},
                                     {"gate.alarms", "1"},           {"gate.loss", "100"},
                                     {"gate.challenge", "1"},        {"train.epochs", "2"},
                                     {"train.rounds", rounds},       {"update.encoding", encoding}};
    if (an_hub_model_policy(w->hub, "user/admin", "pump", policy, sizeof policy / sizeof *policy, &why) !=
        AN_OK)
        fail_msg("%s", why.text);
}

static void walk(world *w)
{
    if (w->head == w->tail)
        tick(w);
    else
        step(w);
}

static const an_campaign *now(world *w, uint64_t id)
{
    return an_state_campaign(an_hub_state(w->hub), id);
}

/* The newest round, if it trains. */
static const an_round_entry *training(world *w)
{
    const an_state *st = an_hub_state(w->hub);
    const an_round_entry *e = st->rounds.n > 0 ? &st->rounds.items[st->rounds.n - 1] : NULL;
    return e && e->kind == AN_PAYLOAD_TRAIN ? e : NULL;
}

/* The site has trained for the round, and its link goes before anybody has heard of it.  Returns the round. */
static uint64_t go_away_with_an_update(world *w, site *s)
{
    for (unsigned n = 0; n < 20000; n++) {
        const event *e = w->head == w->tail ? NULL : &w->events[w->head % EVENTS_MAX];
        const bool trains = e && e->type == JOB && e->site == s->i && training(w);
        s->cut = s->cut || trains;
        walk(w);
        if (trains && an_session_look(s->session).uploads > 0) {
            an_hub_lost(w->hub, s->name);
            return training(w)->id;
        }
    }
    fail_msg("%s never trains", s->name);
    return 0;
}

static void until_committed(world *w, uint64_t id, uint32_t rounds)
{
    const uint32_t want = now(w, id)->step + rounds;
    for (unsigned n = 0; n < 20000 && now(w, id)->step < want; n++)
        walk(w);
    assert_int_equal(now(w, id)->step, want);
}

static void come_back(site *s)
{
    s->cut = false;
    an_session_connected(s->session);
}

typedef struct updates {
    struct {
        uint64_t round, trained_in;
        uint32_t staleness;
        char site[AN_NAME_MAX];
        an_hash hash;
    } items[200];
    size_t n, late;
} updates;

static an_err note_update(void *ctx, const an_record *record, an_note *why)
{
    updates *u = ctx;
    an_round_event e;
    unsigned long long round;
    assert_int_equal(an_round_event_decode(record->body, record->body_len, &e, why), AN_OK);
    assert_int_equal(sscanf(record->subject, "round/%llu", &round), 1);
    if (e.type != AN_ROUND_EVENT_UPDATE)
        return AN_OK;
    assert_true(u->n < 200);
    for (size_t i = 0; i < u->n; i++) { /* counted once, in one round */
        const bool same_site = strcmp(u->items[i].site, e.site) == 0;
        const uint64_t from = e.trained_in ? e.trained_in : round;
        assert_false(an_hash_equal(&u->items[i].hash, &e.hash));
        assert_false(same_site && (u->items[i].round == round || u->items[i].trained_in == from));
    }
    u->items[u->n].round = round;
    u->items[u->n].trained_in = e.trained_in ? e.trained_in : round;
    u->items[u->n].staleness = e.staleness;
    u->items[u->n].hash = e.hash;
    memcpy(u->items[u->n++].site, e.site, AN_NAME_MAX);
    u->late += e.trained_in != 0;
    return AN_OK;
}

/* All is over: production at every site, each update once, each round the same when computed again, nothing held. */
static updates look_back(world *w, uint64_t id)
{
    updates u = {.n = 0};
    const an_state *st = an_hub_state(w->hub);
    assert_promoted(w, id);
    assert_int_equal(st->owed.n, 0);
    assert_int_equal(
        an_store_scan(w->store, &(an_store_filter){.kind = "round.event"}, note_update, &u, NULL), AN_OK);
    for (size_t i = 0; i < st->rounds.n; i++) {
        an_hash result;
        an_note why = {{0}};
        bool same = false;
        if (!st->rounds.items[i].committed)
            continue;
        if (replay(w, st->rounds.items[i].id, &result, &same, &why) != AN_OK)
            fail_msg("%s", why.text);
        assert_true(same);
    }
    for (size_t i = 0; i < w->n; i++)
        assert_int_equal(an_session_look(w->sites[i].session).uploads, 0);
    return u;
}

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
    come_back(s);
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
    come_back(s);
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

static void one_that_is_too_old_is_let_go(void **state)
{
    world *w = *state;
    site *s = &w->sites[1];
    choose(w, "1", "plain", "4");
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING), away = go_away_with_an_update(w, s);
    until_committed(w, id, 2);
    come_back(s);
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
    come_back(s);
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
    come_back(s);
    pass(w, 1000);
    assert_int_equal(an_session_look(s->session).uploads, 0);
    pass(w, 200000);
    assert_int_equal(look_back(w, id).late, 0);
}

static bool is_over(world *w, uint64_t round)
{
    return an_state_round(an_hub_state(w->hub), round)->over;
}

/* What the site trains is not ready yet: it is when its round is over and not before, or never. */
static bool postpone(world *w, const site *s, bool forever)
{
    event *e = &w->events[w->head % EVENTS_MAX];
    if (w->head == w->tail || e->type != JOB || e->site != s->i || !e->job || !e->job->plan ||
        e->job->plan->kind != AN_PAYLOAD_TRAIN || (!forever && is_over(w, e->job->plan->round)))
        return false;
    w->events[w->tail++ % EVENTS_MAX] = *e;
    w->head++;
    return true;
}

static void a_slow_site_counts_a_round_later_each_time(void **state)
{
    world *w = *state;
    site *s = &w->sites[1];
    choose(w, "3", "plain", "6");
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    for (unsigned n = 0; n < 40000 && an_campaign_trains(now(w, id)); n++) {
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
    come_back(s);
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
    come_back(s);
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
    come_back(s);
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
    const uint32_t want = now(w, id)->step + 1;
    for (unsigned n = 0; n < 40000 && an_campaign_trains(now(w, id)); n++) {
        if (postpone(w, s, true))
            tick(w);
        else
            walk(w);
        const an_state *st = an_hub_state(w->hub);
        for (size_t i = 0; i < st->owed.n && now(w, id)->step >= want; i++)
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
    come_back(s);
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
        come_back(s);
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
    for (unsigned n = 1; n < 40000 && an_campaign_trains(now(w, id)); n++) {
        walk(w);
        check_owed(w);
        if (n % 23 == 0)
            trouble(w, &rng);
    }
    for (size_t i = 0; i < w->n; i++)
        come_back(&w->sites[i]);
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
        TEST(a_late_update_counts_in_the_round_that_is_open),
        TEST(so_does_one_that_is_encoded),
        TEST(a_restart_of_both_ends_between_changes_nothing),
        TEST(a_coordinator_without_its_disk_asks_for_it_again),
        TEST(a_slow_site_counts_a_round_later_each_time),
        TEST(one_that_is_too_old_is_let_go),
        TEST(the_base_of_a_late_update_is_kept_for_its_site),
        TEST(without_staleness_a_late_update_does_not_count),
        TEST(the_end_of_the_training_lets_all_go),
        TEST(a_stopped_campaign_lets_all_go),
        TEST(a_stopped_campaign_ends_late_training),
        TEST(a_round_whose_plan_takes_none_takes_none),
        TEST(a_secure_round_takes_none),
        TEST(a_site_that_lost_its_update_owes_the_next_one),
        cmocka_unit_test(whatever_is_lost_or_killed_no_update_counts_twice),
        TEST(a_secure_sum_refuses_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
