/* A new version at a running line: one that is worse is left by the line itself, without a link; a fault of the
 * line that begins right after the swap is no reason to leave a version. */
#include <stdio.h>
#include <string.h>

#include "agent/watch.h"
#include "base/log.h"
#include "doors/crypto.h"
#include "models/kernels/kernels.h"
#include "tests/support/pumps.h"
#include "tests/support/rollouts.h"

#define WATCH_ROWS 1800 /* at a row a second */

static world *begin(const char *fault, uint64_t start, uint64_t length)
{
    void *state = NULL;
    an_federation_kind kind = an_pumps(1, false);
    kind.watch_ms = WATCH_ROWS * 1000;
    an_federation_setup_kind(&state, &kind);
    world *w = state;
    if (fault)
        pumps_script(w, 0, fault, start, length);
    pumps_begin(w);
    connect_all(w);
    const uint64_t training = campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    pumps_run(w, 60);
    assert_promoted(w, training);
    return w;
}

static void end(world *w)
{
    void *state = w;
    an_federation_teardown(&state);
}

/* The production version with another policy of thresholds: as good at scoring, but it cries more often. */
static an_hash with_policy(world *w, const char *policy)
{
    char path[AN_PATH_MAX];
    an_bundle b = {.arch = NULL};
    an_buf bytes;
    an_hash made;
    const an_hash base = production(w);
    assert_int_equal(an_store_object_path(w->store, &base, path), AN_OK);
    assert_int_equal(an_bundle_read(&b, NULL, path, NULL), AN_OK);
    b.parent = base;
    snprintf(b.policy, sizeof b.policy, "%s", policy);
    an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
    assert_int_equal(an_bundle_encode(&b, &bytes, NULL), AN_OK);
    assert_int_equal(an_store_object_put(w->store, bytes.data, bytes.len, &made, NULL), AN_OK);
    an_buf_done(&bytes);
    an_bundle_done(&b);
    return made;
}

static void release_to(world *w, site *s, const an_hash *version, uint64_t counter)
{
    an_signed release;
    const an_release r = statement(w, version, counter);
    seal_release(&release, &r, w->root_public, w->root_secret);
    push(w, s, &release, NULL, version, counter, AN_ALIAS_PRODUCTION, AN_OK);
}

static void a_worse_version_is_left_by_a_site_that_is_cut_off(void **state)
{
    (void)state;
    world *w = begin(NULL, 0, 0);
    site *s = &w->sites[0];
    pump *p = pump_of(w, 0);
    const an_hash good = production(w), bad = with_policy(w, "quantile:0.85");
    release_to(w, s, &bad, 10);
    pumps_run(w, 2);
    assert_true(an_hash_equal(&s->runs, &bad));
    s->cut = true;
    uint64_t rows = 0;
    while (p->returns == 0 && rows++ < WATCH_ROWS)
        pumps_run(w, 1);
    print_message("left after %llu rows: %s\n", (unsigned long long)rows, p->watch_reason);
    assert_int_equal(p->returns, 1);
    assert_true(an_hash_equal(&s->runs, &good));
    assert_true(journal_says(s, "rolled back"));
    assert_non_null(strstr(p->watch_reason, "on the same rows"));

    /* Nothing brings it back: not its statement, not another rollback. */
    an_note why;
    assert_int_equal(an_session_rollback(s->session, "line-1", "again", &why), AN_ERR_NOTFOUND);
    s->cut = false;
    an_session_lost(s->session);
    an_session_connected(s->session);
    pumps_run(w, 120);
    release_to(w, s, &bad, 10);
    pumps_run(w, 60);
    assert_true(an_hash_equal(&s->runs, &good));

    /* What it was like is told when there is a link again. */
    assert_true(reported(w, s, "rolled-back"));
    const an_live_entry *e = an_state_live(an_hub_state(w->hub), s->name, "line-1");
    assert_non_null(e);
    assert_int_equal(e->figures.verdict, AN_LIVE_WORSENED);
    assert_true(an_hash_equal(&e->figures.version, &bad) && an_hash_equal(&e->figures.before, &good));
    assert_true(e->figures.paired && e->figures.over > 2 * e->figures.before_over);

    /* A newer statement is another decision: it is followed, and watched again. */
    release_to(w, s, &bad, 11);
    pumps_run(w, 2);
    assert_true(an_hash_equal(&s->runs, &bad));
    end(w);
}

static void a_fault_of_the_line_is_no_reason_to_leave(void **state)
{
    (void)state;
    world *w = begin("cavitation", 120, 400); /* it begins some rows after the swap */
    site *s = &w->sites[0];
    pump *p = pump_of(w, 0);
    const an_hash next = make_version(w, WEIGHTS);
    release_to(w, s, &next, 10);
    pumps_run(w, 2);
    assert_true(an_hash_equal(&s->runs, &next));
    pumps_count_anew(w);
    pumps_run(w, WATCH_ROWS + 10);
    assert_true(p->over > 200); /* the fault is there */
    assert_int_equal(p->returns, 0);
    assert_int_equal(p->watched, AN_LIVE_FINE);
    print_message("%s\n", p->watch_reason);
    assert_true(an_hash_equal(&s->runs, &next));
    end(w);
}

static void a_version_as_good_stays(void **state)
{
    (void)state;
    world *w = begin(NULL, 0, 0);
    const an_hash next = make_version(w, WEIGHTS);
    for (size_t i = 0; i < w->n; i++)
        release_to(w, &w->sites[i], &next, 10);
    pumps_run(w, WATCH_ROWS + 10);
    for (size_t i = 0; i < w->n; i++) {
        assert_int_equal(pump_of(w, i)->returns, 0);
        const an_live_entry *e = an_state_live(an_hub_state(w->hub), w->sites[i].name, "line-1");
        assert_non_null(e);
        assert_int_equal(e->figures.verdict, AN_LIVE_FINE);
    }
    end(w);
}

static void ask_back(world *w, site *s, const an_hash *version, const an_hash *to)
{
    an_msg m = {.type = AN_MSG_RETURN, .epoch = an_session_look(s->session).epoch};
    m.u.return_to = (an_msg_return_to){.model = "pump", .version = *version, .reason = "stage 1"};
    if (to)
        m.u.return_to.to = *to;
    assert_int_equal(an_session_message(s->session, &m, NULL), AN_OK);
    settle(w);
}

static void a_site_goes_back_when_asked_and_only_where_it_was(void **state)
{
    (void)state;
    world *w = begin(NULL, 0, 0);
    site *s = &w->sites[0];
    const an_hash good = production(w), next = make_version(w, WEIGHTS), other = {.b = {1}};
    release_to(w, s, &next, 10);
    pumps_run(w, 2);
    ask_back(w, s, &good, NULL); /* which it does not run */
    assert_true(an_hash_equal(&s->runs, &next));
    assert_true(reported(w, s, "does not run that version"));
    ask_back(w, s, &next, &other); /* where it never was */
    assert_true(an_hash_equal(&s->runs, &next));
    s->policy.allow_return = false;
    ask_back(w, s, &next, &good);
    assert_true(an_hash_equal(&s->runs, &next));
    assert_true(reported(w, s, "allow.return is no"));
    s->policy.allow_return = true;
    ask_back(w, s, &next, &good);
    assert_true(an_hash_equal(&s->runs, &good));
    assert_true(journal_says(s, "asked by the coordinator: stage 1"));
    ask_back(w, s, &good, NULL); /* there is nothing before it any more */
    assert_true(an_hash_equal(&s->runs, &good));
    end(w);
}

/* A canary whose soak is shorter than its watch. */
static world *with_canary(const char *thresholds, an_hash *ret_version)
{
    world *w = begin(NULL, 0, 0);
    const an_hash base = production(w);
    *ret_version = with_policy(w, thresholds);
    register_version(w, ret_version, &base);
    policy(w, "rollout.stages", "1, all");
    policy(w, "rollout.soak", "20s");
    policy(w, "rollout.deadline", "2h");
    promote(w, ret_version);
    pumps_run(w, 60);
    assert_int_equal(n_running(w, ret_version), 1);
    assert_state(w, AN_ROLLOUT_RUNNING, 0);
    return w;
}

static void a_stage_waits_for_what_its_sites_watch(void **state)
{
    (void)state;
    an_hash v;
    world *w = with_canary("quantile:0.85", &v);
    for (uint64_t row = 0; row < WATCH_ROWS && !an_rollout_is_over(rollout(w)); row++) {
        assert_int_equal(rollout(w)->stage, 0);
        pumps_run(w, 1);
    }
    assert_state(w, AN_ROLLOUT_ROLLED_BACK, 0);
    assert_int_equal(n_running(w, &v), 0);
    end(w);

    w = with_canary("quantile:0.999*1.33", &v);
    pumps_run(w, WATCH_ROWS - 70);
    assert_state(w, AN_ROLLOUT_RUNNING, 0);
    pumps_run(w, 20);
    assert_state(w, AN_ROLLOUT_RUNNING, 1);
    pumps_run(w, WATCH_ROWS + 10);
    assert_state(w, AN_ROLLOUT_DONE, 1);
    end(w);
}

static void what_a_site_will_not_tell_it_does_not(void **state)
{
    (void)state;
    world *w = begin(NULL, 0, 0);
    site *s = &w->sites[0];
    s->policy.allow_live = false;
    const an_hash next = make_version(w, WEIGHTS);
    release_to(w, s, &next, 10);
    pumps_run(w, WATCH_ROWS + 10);
    assert_int_equal(pump_of(w, 0)->watched, AN_LIVE_FINE);
    assert_null(an_state_live(an_hub_state(w->hub), s->name, "line-1"));
    end(w);
}

int main(void)
{
    if (an_crypto_init() != AN_OK || !an_kernels_init())
        return 1;
    an_log_init(AN_LOG_ERROR, "test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worse_version_is_left_by_a_site_that_is_cut_off),
        cmocka_unit_test(a_fault_of_the_line_is_no_reason_to_leave),
        cmocka_unit_test(a_version_as_good_stays),
        cmocka_unit_test(a_site_goes_back_when_asked_and_only_where_it_was),
        cmocka_unit_test(a_stage_waits_for_what_its_sites_watch),
        cmocka_unit_test(what_a_site_will_not_tell_it_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
