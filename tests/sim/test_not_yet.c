/* Sites that have too few windows so far: their campaign waits for them, says so, and not for ever. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "doors/crypto.h"
#include "models/kernels/kernels.h"
#include "tests/support/federation.h"

static void set_policy(world *w, const char *key, const char *value)
{
    const char *const policy[][2] = {{key, value}};
    an_note why = {{0}};
    if (an_hub_model_policy(w->hub, "user/admin", "pump", policy, 1, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static const an_campaign *the_campaign(world *w)
{
    const an_state *st = an_hub_state(w->hub);
    return &st->campaigns.items[st->campaigns.n - 1];
}

static void assert_waits_for(world *w, const char *words)
{
    an_note text;
    assert_false(an_campaign_is_over(the_campaign(w)));
    an_hub_campaign_waiting(w->hub, the_campaign(w), &text);
    if (!strstr(text.text, words))
        fail_msg("no \"%s\" in: %s", words, text.text);
}

static void a_campaign_waits_for_windows_and_goes_on_with_them(void **state)
{
    world *w = *state;
    site *late = &w->sites[1];
    late->data.train.n = 0;
    connect_all(w);
    const uint64_t c = campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    assert_waits_for(w, "plant-b: no training windows yet: 0 of 1; tried again in ");
    const size_t once = an_hub_state(w->hub)->rounds.n;
    assert_int_equal(once, 1); /* not again and again within the second */
    pass(w, 120 * 1000);
    assert_waits_for(w, "plant-b");
    assert_in_range(an_hub_state(w->hub)->rounds.n, once + 4, once + 10);
    kill_hub(w);
    start_hub(w);
    connect_all(w);
    settle(w);
    assert_waits_for(w, "plant-b: no training windows yet: 0 of 1");
    late->data.train.n = WINDOWS;
    pass(w, 40 * 1000);
    assert_promoted(w, c);
}

static void windows_to_judge_on_are_waited_for_too(void **state)
{
    world *w = *state;
    site *late = &w->sites[2];
    late->data.old.n = late->data.fresh.n = 1;
    connect_all(w);
    const uint64_t c = campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    assert_waits_for(
        w,
        "plant-c: too few windows to judge a version yet: 360 to fit (at least 1), 1 held back (at least 2)");
    late->data.old.n = late->data.fresh.n = WINDOWS / 2;
    pass(w, 40 * 1000);
    assert_promoted(w, c);
}

static void patience_ends_and_the_campaign_says_for_what_it_waited(void **state)
{
    world *w = *state;
    w->sites[1].data.train.n = 0;
    set_policy(w, "round.patience", "5m");
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    pass(w, 290 * 1000);
    assert_false(an_campaign_is_over(the_campaign(w)));
    pass(w, 20 * 1000);
    assert_int_equal(the_campaign(w)->state, AN_CAMPAIGN_STOPPED);
    assert_non_null(
        strstr(the_campaign(w)->reason, "waited 300 s (round.patience) for plant-b: no training windows"));
}

static void without_patience_it_ends_at_once(void **state)
{
    world *w = *state;
    w->sites[1].data.train.n = 0;
    set_policy(w, "round.patience", "0");
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    assert_int_equal(the_campaign(w)->state, AN_CAMPAIGN_STOPPED);
    assert_int_equal(an_hub_state(w->hub)->rounds.n, 1);
}

/* With the site that is not ready there would be too few all the same. */
static void nobody_is_waited_for_in_vain(void **state)
{
    world *w = *state;
    w->sites[1].data.train.n = 0;
    w->sites[2].policy.min_cohort = 100;
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    assert_int_equal(the_campaign(w)->state, AN_CAMPAIGN_STOPPED);
    assert_non_null(strstr(the_campaign(w)->reason, "4 rounds in a row were aborted"));
}

static void a_site_tells_how_many_windows_it_has_but_not_how_many_are_enough(void **state)
{
    world *w = *state;
    w->sites[0].data.train.n = 12;
    w->sites[0].data.old.n = w->sites[0].data.fresh.n = 1;
    w->sites[1].data.train.n = 100000;
    connect_all(w);
    settle(w);
    assert_int_equal(an_hub_live_find(w->hub, "plant-a")->n_windows, 0); /* not said yet */
    pass(w, 60 * 1000);
    const an_hub_live *few = an_hub_live_find(w->hub, "plant-a"), *many = an_hub_live_find(w->hub, "plant-b");
    assert_int_equal(few->n_windows, 1);
    assert_string_equal(few->windows[0].line, w->sites[0].line.line);
    assert_int_equal(few->windows[0].train, 12);
    assert_int_equal(few->windows[0].held_back, 2);
    assert_int_equal(many->windows[0].train, AN_WINDOWS_TOLD);
}

int main(void)
{
    an_log_init(AN_LOG_ERROR, "test");
    if (!an_kernels_init() || an_crypto_init() != AN_OK)
        return 1;
#define T(f) cmocka_unit_test_setup_teardown(f, an_federation_setup, an_federation_teardown)
    const struct CMUnitTest tests[] = {
        T(a_campaign_waits_for_windows_and_goes_on_with_them),
        T(windows_to_judge_on_are_waited_for_too),
        T(patience_ends_and_the_campaign_says_for_what_it_waited),
        T(without_patience_it_ends_at_once),
        T(nobody_is_waited_for_in_vain),
        T(a_site_tells_how_many_windows_it_has_but_not_how_many_are_enough),
    };
#undef T
    return cmocka_run_group_tests_name("not_yet", tests, NULL, NULL);
}
