/* Rollouts over whole sites: stage by stage, with sites that are away, come late or find the version bad; and what
 * a coordinator knows of one after it was killed. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "doors/crypto.h"
#include "tests/support/rollouts.h"
#include "trust/parcel.h"

static int setup_of(void **state, bool offline)
{
    const an_federation_kind kind = {.sites = 5, .offline = offline};
    an_federation_setup_kind(state, &kind);
    return 0;
}

static int setup(void **state)
{
    return setup_of(state, false);
}

static int offline_setup(void **state)
{
    return setup_of(state, true);
}

/* ---- the way of a good version ---- */

static void a_canary_of_one_of_five_then_the_others(void **state)
{
    world *w = *state;
    ready(w, "1, 60%, all");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    assert_state(w, AN_ROLLOUT_RUNNING, 0);
    assert_int_equal(n_running(w, &v), 1);
    assert_int_equal(n_running(w, &old), 4);
    const an_hash production_now = production(w);
    assert_true(an_hash_equal(&production_now, &old));
    pass(w, 18000);
    assert_int_equal(n_running(w, &v), 1); /* soaking */
    pass(w, 4000);
    assert_state(w, AN_ROLLOUT_RUNNING, 1);
    assert_int_equal(n_running(w, &v), 3);
    assert_converged(w);
    pass(w, 24000);
    assert_state(w, AN_ROLLOUT_RUNNING, 2);
    assert_int_equal(n_running(w, &v), 5);
    pass(w, 24000);
    assert_state(w, AN_ROLLOUT_DONE, 2);
    const an_hash after = production(w);
    assert_true(an_hash_equal(&after, &v));
    assert_converged(w);
    connect_all(w); /* and nobody is told anything else when it comes again */
    pass(w, 5000);
    assert_int_equal(n_running(w, &v), 5);
}

static void a_campaign_is_promoted_when_its_rollout_is_done(void **state)
{
    world *w = *state;
    ready(w, "1, all");
    const uint64_t id = campaign(w, AN_CAMPAIGN_INCREMENTAL);
    const an_campaign *c;
    for (int i = 0; i < 60 && !rollout(w)->campaign; i++)
        pass(w, 1000);
    for (int i = 0; i < 60 && an_state_campaign(an_hub_state(w->hub), id)->rollout == 0; i++)
        pass(w, 1000);
    c = an_state_campaign(an_hub_state(w->hub), id);
    assert_int_equal(c->state, AN_CAMPAIGN_PASSED);
    assert_int_equal(c->rollout, rollout(w)->id);
    an_note waiting;
    an_hub_campaign_waiting(w->hub, c, &waiting);
    assert_non_null(strstr(waiting.text, "stage 1 of 2"));
    pass(w, 60000);
    assert_promoted(w, id);
    assert_state(w, AN_ROLLOUT_DONE, 1);
}

static void each_stage_waits_for_a_person_where_the_policy_says_so(void **state)
{
    world *w = *state;
    ready(w, "1, all");
    policy(w, "rollout.approve", "each");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    pass(w, 30000);
    assert_int_equal(n_running(w, &v), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(rollout(w)->wait, AN_ROLLOUT_FOR_APPROVAL);
        assert_int_equal(
            an_hub_rollout_do(w->hub, "user/admin", rollout(w)->id, AN_ROLLOUT_EVENT_APPROVE, "", NULL),
            AN_OK);
        settle(w);
        assert_int_equal(n_running(w, &v), i ? 5 : 1);
        pass(w, 24000);
    }
    assert_int_equal(rollout(w)->state, AN_ROLLOUT_DONE);
}

static void a_group_comes_first(void **state)
{
    world *w = *state;
    an_note why = {{0}};
    ready(w, "all");
    const char *const sites[] = {w->sites[2].name, w->sites[3].name}, *const none[] = {"nobody"};
    assert_int_equal(an_hub_group_set(w->hub, "user/admin", "early", none, 1, &why), AN_ERR_NOTFOUND);
    assert_int_equal(an_hub_group_set(w->hub, "user/admin", "early", sites, 2, &why), AN_OK);
    policy(w, "rollout.stages", "@early, all");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    assert_int_equal(n_running(w, &v), 2);
    assert_true(an_hash_equal(&w->sites[2].runs, &v) && an_hash_equal(&w->sites[3].runs, &v));
}

/* A slip in its name would let all sites come first. */
static void a_stage_names_a_group_that_exists(void **state)
{
    world *w = *state;
    an_note why = {{0}};
    static const char *const stages[][2] = {{"rollout.stages", "@eraly, all"}}, *const soak[][2] = {
                                                                                    {"rollout.soak", "2h"}};
    ready(w, "all");
    const char *const sites[] = {w->sites[2].name};
    assert_int_equal(an_hub_group_set(w->hub, "user/admin", "early", sites, 1, &why), AN_OK);
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", MODEL, stages, 1, &why), AN_ERR_NOTFOUND);
    assert_non_null(strstr(why.text, "no group eraly"));
    policy(w, "rollout.stages", "@early, all");
    assert_int_equal(an_hub_group_set(w->hub, "user/admin", "early", sites, 0, &why), AN_ERR_STATE);
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", MODEL, soak, 1, &why), AN_OK);
    policy(w, "rollout.stages", "all");
    assert_int_equal(an_hub_group_set(w->hub, "user/admin", "early", sites, 0, &why), AN_OK);
}

/* ---- without a link ---- */

/* What a parcel for this site or group is of; the error. */
static an_err packed_for(world *w, const char *whom, an_buf *head, an_hash *ret)
{
    an_err err = an_hub_parcel(w->hub, MODEL, whom, "# A card\n", head, NULL);
    return err == AN_OK ? an_hub_parcel_version(w->hub, MODEL, whom, ret, NULL) : err;
}

static void a_parcel_for_a_site_has_what_it_is_to_run(void **state)
{
    world *w = *state;
    an_note why = {{0}};
    char dir[AN_PATH_MAX], name[AN_HASH_TEXT], from[AN_PATH_MAX], to[AN_PATH_MAX];
    an_hash of;
    an_buf head, bundle;
    an_buf_init(&head, AN_PARCEL_HEAD_MAX);
    an_buf_init(&bundle, AN_BUNDLE_BYTES_MAX);
    ready(w, "all");
    site *away = &w->sites[1];
    const char *const early[] = {w->sites[0].name, away->name}, *const mixed[] = {away->name,
                                                                                  w->sites[3].name};
    assert_int_equal(an_hub_group_set(w->hub, "user/admin", "early", early, 2, NULL), AN_OK);
    assert_int_equal(an_hub_group_set(w->hub, "user/admin", "mixed", mixed, 2, NULL), AN_OK);
    policy(w, "rollout.stages", "@early, all");
    away->cut = true;
    an_hub_lost(w->hub, away->name);
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    assert_int_equal(n_running(w, &v), 1);
    assert_int_equal(packed_for(w, "", &head, &of), AN_OK);
    assert_true(an_hash_equal(&of, &old));
    head.len = 0;
    assert_int_equal(packed_for(w, w->sites[3].name, &head, &of), AN_OK);
    assert_true(an_hash_equal(&of, &old));
    head.len = 0;
    assert_int_equal(packed_for(w, "nobody", &head, &of), AN_ERR_NOTFOUND);
    assert_int_equal(packed_for(w, "mixed", &head, &of), AN_ERR_STATE);
    assert_int_equal(packed_for(w, "early", &head, &of), AN_OK);
    assert_true(an_hash_equal(&of, &v));

    assert_int_equal(an_path_join(dir, w->dir, "stick"), AN_OK);
    assert_int_equal(an_dir_make(dir, NULL), AN_OK);
    an_hash_text(name, &v);
    assert_int_equal(an_path_join(to, dir, name), AN_OK);
    assert_int_equal(an_store_object_path(w->store, &v, from), AN_OK);
    assert_int_equal(an_file_read(&bundle, from, NULL), AN_OK);
    assert_int_equal(an_file_write(to, bundle.data, bundle.len, 0644, NULL), AN_OK);
    if (an_session_import(away->session, head.data, head.len, dir, &why) != AN_OK)
        fail_msg("%s", why.text);
    settle(w);
    assert_true(an_hash_equal(&away->runs, &v));

    assert_int_equal(
        an_hub_rollout_do(w->hub, "user/admin", rollout(w)->id, AN_ROLLOUT_EVENT_PAUSE, "", NULL), AN_OK);
    assert_int_equal(packed_for(w, "early", &head, &of), AN_ERR_STATE); /* in a pause nobody is told */
    an_buf_done(&head);
    an_buf_done(&bundle);
}

/* ---- sites that are away ---- */

static void a_site_that_is_away_neither_blocks_nor_is_forgotten(void **state)
{
    world *w = *state;
    ready(w, "1, all");
    site *away = &w->sites[4];
    kill_site(away);
    an_hub_lost(w->hub, away->name);
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    pass(w, 24000);
    assert_state(w, AN_ROLLOUT_RUNNING, 1);
    assert_int_equal(n_running(w, &v), 4);
    pass(w, 270000);
    assert_state(w, AN_ROLLOUT_RUNNING, 1); /* it is waited for, until the deadline */
    pass(w, 40000);
    assert_state(w, AN_ROLLOUT_DONE, 1);
    assert_int_equal(an_rollout_find(rollout(w), away->name)->state, AN_TARGET_ABSENT);
    assert_non_null(strstr(rollout(w)->reason, "4 of 5 sites fine"));
    come_back(w, away);
    assert_true(an_hash_equal(&away->runs, &v));
    assert_converged(w);
}

static void with_too_few_that_report_it_pauses_and_says_so(void **state)
{
    world *w = *state;
    ready(w, "all");
    policy(w, "rollout.reporting", "100%");
    const char *const sites[] = {w->sites[0].name, w->sites[1].name};
    assert_int_equal(an_hub_group_set(w->hub, "user/admin", "early", sites, 2, NULL), AN_OK);
    policy(w, "rollout.stages", "@early, all");
    kill_site(&w->sites[1]);
    an_hub_lost(w->hub, w->sites[1].name);
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    pass(w, 310000);
    assert_state(w, AN_ROLLOUT_PAUSED, 0);
    assert_non_null(strstr(rollout(w)->reason, "only 1 of 2 sites have reported"));
    come_back(w, &w->sites[1]);
    assert_int_equal(n_running(w, &v), 1); /* not in a pause */
    assert_int_equal(
        an_hub_rollout_do(w->hub, "user/admin", rollout(w)->id, AN_ROLLOUT_EVENT_RESUME, "", NULL), AN_OK);
    settle(w);
    assert_int_equal(n_running(w, &v), 2);
    pass(w, 50000);
    assert_int_equal(rollout(w)->state, AN_ROLLOUT_DONE);
}

static void a_site_that_comes_late_belongs_to_the_last_stage(void **state)
{
    world *w = *state;
    site *late = &w->sites[4];
    kill_site(late);
    for (size_t i = 0; i < 4; i++)
        an_session_connected(w->sites[i].session);
    settle(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    pass(w, 60000);
    assert_int_equal(an_state_campaign(an_hub_state(w->hub), id)->state, AN_CAMPAIGN_PROMOTED);
    policy(w, "rollout.stages", "1, all");
    policy(w, "rollout.soak", "20s");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    assert_int_equal(rollout(w)->n_targets, 4);
    come_back(w, late);
    assert_int_equal(an_rollout_find(rollout(w), late->name)->stage, 1);
    assert_true(an_hash_equal(&late->runs, &old)); /* what all others run */
    pass(w, 24000);
    assert_true(an_hash_equal(&late->runs, &v));
    pass(w, 24000);
    assert_int_equal(rollout(w)->state, AN_ROLLOUT_DONE);
    assert_converged(w);
}

/* ---- the way of a bad one ---- */

static void assert_taken_back(world *w, const an_hash *old, const an_hash *v)
{
    const an_hash runs = production(w);
    assert_int_equal(rollout(w)->state, AN_ROLLOUT_ROLLED_BACK);
    assert_true(an_hash_equal(&runs, old));
    assert_true(an_state_version(an_hub_state(w->hub), v)->quarantined);
    assert_int_equal(n_running(w, old), 5);
    assert_converged(w);
}

static void a_bad_version_is_taken_back_in_its_stage(void **state)
{
    world *w = *state;
    ready(w, "2, all");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    assert_int_equal(n_running(w, &v), 2);
    pass(w, 5000);
    worsens(w, one_that_runs(w, &v, true));
    assert_taken_back(w, &old, &v);
    assert_non_null(strstr(rollout(w)->reason, "the score has worsened"));
    pass(w, 60000);
    assert_taken_back(w, &old, &v);
    assert_int_equal(an_hub_promote(w->hub, "user/admin", MODEL, &v, "again", NULL), AN_ERR_STATE);
    const an_hash next = version_of(w, &v); /* and the way is free for another one */
    policy(w, "rollout.stages", "all");
    promote(w, &next);
    pass(w, 60000);
    assert_int_equal(n_running(w, &next), 5);
}

static void one_that_went_to_all_at_once_is_taken_back_from_all(void **state)
{
    world *w = *state;
    ready(w, "all");
    policy(w, "rollout.error", "0.3");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    assert_int_equal(n_running(w, &v), 5);
    const an_hash runs = production(w);
    assert_true(an_hash_equal(&runs, &v));
    worsens(w, &w->sites[1]);
    assert_int_equal(n_running(w, &v), 4); /* it alone, and it has gone back by itself */
    worsens(w, &w->sites[3]);
    assert_taken_back(w, &old, &v);
}

static void where_nobody_can_sign_sites_are_asked_to_go_back(void **state)
{
    world *w = *state;
    ready(w, "3, all");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    assert_int_equal(rollout(w)->wait, AN_ROLLOUT_FOR_SIGNATURE);
    assert_int_equal(n_running(w, &v), 0);
    sign_all(w);
    assert_int_equal(n_running(w, &v), 3);
    worsens(w, one_that_runs(w, &v, true));
    worsens(w, one_that_runs(w, &v, true));
    pass(w, 5000);
    assert_taken_back(w, &old, &v);
    assert_int_equal(n_waiting(w), 1); /* a statement that names it, newer than what they have followed */
    sign_all(w);
    pass(w, 5000);
    assert_taken_back(w, &old, &v);
    assert_int_equal(n_waiting(w), 0);
}

static void a_site_that_was_away_goes_back_when_it_comes(void **state)
{
    world *w = *state;
    ready(w, "2, all");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    site *away = one_that_runs(w, &v, true);
    kill_site(away);
    an_hub_lost(w->hub, away->name);
    assert_int_equal(an_hub_rollback(w->hub, "user/admin", MODEL, "a test", NULL), AN_OK);
    settle(w);
    assert_int_equal(rollout(w)->state, AN_ROLLOUT_ABORTED);
    assert_false(an_state_version(an_hub_state(w->hub), &v)->quarantined); /* a person has taken it back */
    assert_int_equal(n_running(w, &v), 0);
    come_back(w, away);
    pass(w, 5000);
    assert_int_equal(n_running(w, &old), 5);
    assert_converged(w);
}

static void a_campaign_whose_rollout_goes_back_is_stopped(void **state)
{
    world *w = *state;
    ready(w, "1, all");
    const uint64_t id = campaign(w, AN_CAMPAIGN_INCREMENTAL);
    for (int i = 0; i < 120 && an_state_campaign(an_hub_state(w->hub), id)->rollout == 0; i++)
        pass(w, 1000);
    const an_hash v = an_state_campaign(an_hub_state(w->hub), id)->head;
    worsens(w, one_that_runs(w, &v, true));
    const an_campaign *c = an_state_campaign(an_hub_state(w->hub), id);
    assert_int_equal(c->state, AN_CAMPAIGN_STOPPED);
    assert_non_null(strstr(c->reason, "the score has worsened"));
    assert_true(an_state_version(an_hub_state(w->hub), &v)->quarantined);
}

static void failed_sites_are_told_again(void **state)
{
    world *w = *state;
    ready(w, "4, all");
    policy(w, "rollout.error", "0.6");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    site *failed = one_that_runs(w, &v, true);
    worsens(w, failed);
    pass(w, 24000);
    assert_state(w, AN_ROLLOUT_PAUSED, 0); /* 3 of 4 are fine, and 90 % are asked for */
    assert_int_equal(
        an_hub_rollout_do(w->hub, "user/admin", rollout(w)->id, AN_ROLLOUT_EVENT_RETRY, "", NULL), AN_OK);
    settle(w);
    assert_true(an_hash_equal(&failed->runs, &v));
    pass(w, 24000);
    assert_state(w, AN_ROLLOUT_RUNNING, 1);
}

/* ---- a coordinator that was killed ---- */

static void after_a_restart_it_is_the_same_rollout_and_goes_on(void **state)
{
    world *w = *state;
    ready(w, "1, 60%, all");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    for (unsigned round = 0; round < 12 && rollout(w)->state != AN_ROLLOUT_DONE; round++) {
        an_rollout before;
        assert_int_equal(an_rollout_copy(&before, rollout(w)), AN_OK);
        kill_hub(w);
        start_hub(w);
        const an_rollout *r = rollout(w);
        assert_true(r->state == before.state && r->wait == before.wait && r->stage == before.stage);
        assert_true(r->deadline_ms == before.deadline_ms && r->counter == before.counter);
        assert_int_equal(r->n_targets, before.n_targets);
        assert_memory_equal(r->targets, before.targets, r->n_targets * sizeof *r->targets);
        an_rollout_done(&before);
        connect_all(w);
        pass(w, 7000);
        if (rollout(w)->state != AN_ROLLOUT_DONE)
            assert_true(n_running(w, &v) < 5 || rollout(w)->stage == 2);
    }
    pass(w, 60000);
    assert_int_equal(rollout(w)->state, AN_ROLLOUT_DONE);
    assert_int_equal(n_running(w, &v), 5);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, an_federation_teardown)
#define OFFLINE(test) cmocka_unit_test_setup_teardown(test, offline_setup, an_federation_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_canary_of_one_of_five_then_the_others),
        TEST(a_campaign_is_promoted_when_its_rollout_is_done),
        TEST(each_stage_waits_for_a_person_where_the_policy_says_so),
        TEST(a_group_comes_first),
        TEST(a_stage_names_a_group_that_exists),
        TEST(a_parcel_for_a_site_has_what_it_is_to_run),
        TEST(a_site_that_is_away_neither_blocks_nor_is_forgotten),
        TEST(with_too_few_that_report_it_pauses_and_says_so),
        TEST(a_site_that_comes_late_belongs_to_the_last_stage),
        TEST(a_bad_version_is_taken_back_in_its_stage),
        TEST(one_that_went_to_all_at_once_is_taken_back_from_all),
        OFFLINE(where_nobody_can_sign_sites_are_asked_to_go_back),
        TEST(a_site_that_was_away_goes_back_when_it_comes),
        TEST(a_campaign_whose_rollout_goes_back_is_stopped),
        TEST(failed_sites_are_told_again),
        TEST(after_a_restart_it_is_the_same_rollout_and_goes_on),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_log_init(AN_LOG_OFF, "test_rollouts");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
