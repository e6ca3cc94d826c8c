/* Somebody sets the coordinator's clock while a round or a rollout is open. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "coordinator/hub_internal.h"
#include "tests/support/rollouts.h"

#define DAY_MS (INT64_C(24) * 3600000)

/* A round waits for its last site, which is away. */
static const an_round_entry *half_a_round(world *w)
{
    const char *const policy[][2] = {{"privacy", "trusted"}, {"round.retries", "0"}};
    an_note why = {{0}};
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", policy, 2, &why), AN_OK);
    connect_all(w);
    w->sites[2].cut = true;
    campaign(w, AN_CAMPAIGN_TRAINING);
    pass(w, 20000);
    const an_state *st = an_hub_state(w->hub);
    assert_true(st->rounds.n > 0 && !st->rounds.items[st->rounds.n - 1].over);
    return &st->rounds.items[st->rounds.n - 1];
}

static int64_t ends_after(world *w, const an_round_entry *e)
{
    const uint64_t id = e->id;
    int64_t ms = 0;
    while (!(e = an_state_round(an_hub_state(w->hub), id))->over && ms < 3 * DAY_MS) {
        pass(w, 1000);
        ms += 1000;
    }
    return ms;
}

static void set_clock(void **state, int64_t ms)
{
    world *w = *state;
    const an_round_entry *e = half_a_round(w);
    const uint64_t id = e->id;
    w->clock.wrong_ms = ms;
    pass(w, 1000);
    assert_false(an_state_round(an_hub_state(w->hub), id)->over);
    for (size_t i = 0; i < 2; i++) /* nobody is taken for silent */
        assert_true(an_hub_live_find(w->hub, w->sites[i].name)->connected);
    const int64_t ms_left = ends_after(w, an_state_round(an_hub_state(w->hub), id));
    assert_true(ms_left > 0 && ms_left < 30 * 60000);
    pass(w, 5000);
    const an_round_entry *last = an_state_round(an_hub_state(w->hub), id);
    assert_true(last->ended_ms - last->opened_ms < 60 * 60000);
}

static void a_clock_set_forward_ends_no_round(void **state)
{
    set_clock(state, DAY_MS);
}

static void a_clock_set_back_holds_no_round(void **state)
{
    set_clock(state, -DAY_MS);
}

static void what_comes_after_the_round_has_the_new_time(void **state)
{
    world *w = *state;
    an_note why = {{0}};
    const char *const policy[][2] = {{"seed", "7"}};
    half_a_round(w);
    w->clock.wrong_ms = DAY_MS;
    pass(w, 60 * 60000);
    w->sites[2].cut = false;
    pass(w, 60 * 60000);
    const an_state *st = an_hub_state(w->hub);
    for (size_t i = 0; i < st->rounds.n; i++)
        assert_true(st->rounds.items[i].over);
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", policy, 1, &why), AN_OK);
    int64_t now = w->clock.clock.wall_ms(&w->clock.clock);
    assert_int_equal(an_hub_campaign_open(w->hub, "user/admin", "pump", AN_CAMPAIGN_TRAINING, 1, "by hand",
                                          &(uint64_t){0}, &why),
                     AN_OK);
    assert_int_equal(st->campaigns.items[st->campaigns.n - 1].opened_ms, now);
}

/* ---- rollouts ---- */

static int rollout_setup(void **state)
{
    const an_federation_kind kind = {.sites = 5};
    an_federation_setup_kind(state, &kind);
    return 0;
}

/* The canary soaks for 20 s of which 5 have gone by when the clock is set; the deadline is 5 minutes away. */
/* It has soaked for 5 of 20 s.  Returns its version. */
static an_hash let_a_canary_soak(world *w)
{
    ready(w, "1, all");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    pass(w, 5000);
    return v;
}

/* The rest of its soak, over a restart, and the other sites after it. */
static void soak_on(world *w, const an_hash *v)
{
    pass(w, 10000);
    assert_state(w, AN_ROLLOUT_RUNNING, 0);
    assert_int_equal(an_rollout_count(rollout(w), 0).running, 1);
    kill_hub(w); /* and what moved is in the journal */
    start_hub(w);
    assert_state(w, AN_ROLLOUT_RUNNING, 0);
    connect_all(w);
    pass(w, 9000);
    assert_state(w, AN_ROLLOUT_RUNNING, 1);
    assert_int_equal(n_running(w, v), 5);
    pass(w, 30000);
    assert_state(w, AN_ROLLOUT_DONE, 1);
}

static void set_clock_in_a_rollout(world *w, int64_t ms)
{
    const an_hash v = let_a_canary_soak(w);
    w->clock.wrong_ms = ms;
    soak_on(w, &v);
}

static void a_clock_set_forward_ends_no_soak_time(void **state)
{
    set_clock_in_a_rollout(*state, DAY_MS);
}

static void a_clock_set_back_holds_no_soak_time(void **state)
{
    set_clock_in_a_rollout(*state, -DAY_MS);
}

static void a_clock_that_is_set_moves_no_deadline(void **state)
{
    world *w = *state;
    ready(w, "2, all");
    const an_hash old = production(w), v = version_of(w, &old);
    for (size_t i = 0; i < w->n; i++) /* nobody hears of it */
        go_away(w, &w->sites[i]);
    promote(w, &v);
    pass(w, 60000);
    w->clock.wrong_ms = DAY_MS;
    pass(w, 60000);
    assert_state(w, AN_ROLLOUT_RUNNING, 0);
    w->clock.wrong_ms = -DAY_MS;
    pass(w, 60000);
    assert_state(w, AN_ROLLOUT_RUNNING, 0);
    pass(w, 130000);
    assert_state(w, AN_ROLLOUT_PAUSED, 0);
    assert_int_equal(an_rollout_count(rollout(w), 0).absent, 2);
}

/* The coordinator ends, and its clock is set before the next one starts.  A sixteenth of a soak time is a beat, and two
 * of them may be taken for worked. */
static void set_clock_while_nobody_works(world *w, int64_t ms)
{
    const an_hash v = let_a_canary_soak(w);
    kill_hub(w);
    w->clock.wrong_ms = ms;
    start_hub(w);
    const an_rollout *r = rollout(w);
    const int64_t left = r->deadline_ms - an_hub_now(w->hub);
    assert_true(left > 290000 && left < 300000);
    connect_all(w);
    soak_on(w, &v);
}

static void a_clock_set_forward_while_nobody_works_ends_no_soak_time(void **state)
{
    set_clock_while_nobody_works(*state, DAY_MS);
}

static void a_clock_set_back_while_nobody_works_holds_no_soak_time(void **state)
{
    set_clock_while_nobody_works(*state, -DAY_MS);
}

/* The clock is set, the journal has it, and before anything else is written the coordinator ends. */
static void a_clock_set_just_before_the_end_is_not_counted_twice(void **state)
{
    world *w = *state;
    let_a_canary_soak(w);
    w->clock.wrong_ms = -DAY_MS;
    an_hub_watch_clock(w->hub);
    kill_hub(w);
    start_hub(w);
    const int64_t left = rollout(w)->deadline_ms - an_hub_now(w->hub);
    assert_true(left > 290000 && left < 300000);
    connect_all(w);
    pass(w, 10000);
    assert_state(w, AN_ROLLOUT_RUNNING, 0);
    pass(w, 9000);
    assert_state(w, AN_ROLLOUT_RUNNING, 1);
}

#define MINUTE_MS INT64_C(60000)

/* Half of a soak time in which nobody says anything, and a start: it costs no more than the time without a coordinator. */
static void a_start_does_not_begin_a_soak_time_anew(void **state)
{
    world *w = *state;
    ready(w, "1, all");
    policy(w, "rollout.soak", "80m");
    policy(w, "rollout.deadline", "10h");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    pass(w, 40 * MINUTE_MS);
    kill_hub(w);
    w->clock.now_ms += 5 * 60 * MINUTE_MS; /* by the clock the soak time is over */
    start_hub(w);
    connect_all(w);
    pass(w, 29 * MINUTE_MS); /* a beat is 5 minutes */
    assert_state(w, AN_ROLLOUT_RUNNING, 0);
    pass(w, 12 * MINUTE_MS);
    assert_state(w, AN_ROLLOUT_RUNNING, 1);
}

#define ROLLOUT(name) cmocka_unit_test_setup_teardown(name, rollout_setup, an_federation_teardown)
#define TEST(name) cmocka_unit_test_setup_teardown(name, an_federation_setup, an_federation_teardown)

int main(void)
{
    an_log_init(AN_LOG_OFF, "test");
    const struct CMUnitTest tests[] = {
        TEST(a_clock_set_forward_ends_no_round),
        TEST(a_clock_set_back_holds_no_round),
        TEST(what_comes_after_the_round_has_the_new_time),
        ROLLOUT(a_clock_set_forward_ends_no_soak_time),
        ROLLOUT(a_clock_set_back_holds_no_soak_time),
        ROLLOUT(a_clock_that_is_set_moves_no_deadline),
        ROLLOUT(a_clock_set_forward_while_nobody_works_ends_no_soak_time),
        ROLLOUT(a_clock_set_back_while_nobody_works_holds_no_soak_time),
        ROLLOUT(a_clock_set_just_before_the_end_is_not_counted_twice),
        ROLLOUT(a_start_does_not_begin_a_soak_time_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
