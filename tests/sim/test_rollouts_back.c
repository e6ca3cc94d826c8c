/* The way back where the release root is offline: sites that are still on their way to the bad version, a rollout or
 * a statement that comes between, a delegation that comes late. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "doors/crypto.h"
#include "tests/support/rollouts.h"

static int setup_of(void **state, bool offline)
{
    const an_federation_kind kind = {.sites = 5, .offline = offline};
    an_federation_setup_kind(state, &kind);
    return 0;
}

static int online_setup(void **state)
{
    return setup_of(state, false);
}

static int offline_setup(void **state)
{
    return setup_of(state, true);
}

/* What the root signs of the open requests: those of this version.  Nothing that follows is done. */
static void sign_version(world *w, const an_hash *version)
{
    an_note why = {{0}};
    for (size_t i = 0; i < an_hub_state(w->hub)->waits.n; i++) {
        const an_release_wait wait = an_hub_state(w->hub)->waits.items[i];
        an_release r;
        an_signed s;
        if (!wait.open || !an_hash_equal(&wait.version, version))
            continue;
        assert_int_equal(an_hub_release_draft(w->hub, &wait, &r, &why), AN_OK);
        seal_release(&s, &r, w->root_public, w->root_secret);
        if (an_hub_release_sign(w->hub, "user/admin", wait.id, &s, &why) != AN_OK)
            fail_msg("%s", why.text);
        return;
    }
    fail_msg("nothing waits for a signature of this version");
}

static void go_back(world *w, const an_hash *v)
{
    while (rollout(w)->state == AN_ROLLOUT_RUNNING)
        worsens(w, one_that_runs(w, v, true));
    assert_int_equal(rollout(w)->state, AN_ROLLOUT_ROLLED_BACK);
}

/* ---- on its way ---- */

/* All that happens, but the first fetch of the version at a site takes its time. */
static event hold_fetch(world *w, const an_hash *version)
{
    event held = {.type = TO_HUB};
    while (w->head != w->tail) {
        event *next = &w->events[w->head % EVENTS_MAX];
        if (held.type != SITE_FETCH && next->type == SITE_FETCH && an_hash_equal(&next->hash, version)) {
            held = *next;
            w->head++;
        } else {
            step(w);
        }
    }
    assert_int_equal(held.type, SITE_FETCH);
    return held;
}

static void a_site_that_still_fetches_it_never_runs_it(void **state)
{
    world *w = *state;
    ready(w, "3, all");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    sign_version(w, &v);
    const event held = hold_fetch(w, &v);
    site *s = &w->sites[held.site];
    const unsigned live = s->live;
    assert_int_equal(n_running(w, &v), 2);
    go_back(w, &v);
    pass(w, 2000);
    w->events[w->tail++ % EVENTS_MAX] = held;
    pass(w, 120000);
    assert_int_equal(s->live, live);
    assert_int_equal(n_running(w, &old), 5);
}

static an_err three_have_no_overlay(site *s, an_job *job, an_note *why)
{
    if (s->i < 3 && job->kind == AN_JOB_OVERLAY)
        return an_fail(AN_ERR_REFUSED, why, "too little data");
    return an_job_run(job, &s->data, why);
}

static void a_site_that_would_try_it_again_later_does_not(void **state)
{
    world *w = *state;
    ready(w, "5, all");
    policy(w, "rollout.error", "0.3");
    const an_hash old = production(w), v = version_of(w, &old);
    w->kind.run = three_have_no_overlay; /* for want of data at three sites */
    promote(w, &v);
    sign_version(w, &v);
    settle(w);
    assert_int_equal(n_running(w, &v), 2);
    w->kind.run = NULL;
    go_back(w, &v);
    unsigned live = 0, now = 0;
    for (size_t i = 0; i < w->n; i++)
        live += w->sites[i].live;
    for (unsigned i = 0; i < 15; i++) /* a site tries after ten minutes */
        pass(w, 60000);
    for (size_t i = 0; i < w->n; i++)
        now += w->sites[i].live;
    assert_int_equal(now, live);
    assert_int_equal(n_running(w, &old), 5);
}

static an_err count(void *ctx, const an_record *record, an_note *why)
{
    (void)record;
    (void)why;
    ++*(size_t *)ctx;
    return AN_OK;
}

static size_t n_reports(world *w)
{
    size_t n = 0;
    const an_store_filter f = {.kind = "site.report"};
    assert_int_equal(an_store_scan(w->store, &f, count, &n, NULL), AN_OK);
    return n;
}

static void who_has_nothing_to_go_back_from_is_not_asked_for_ever(void **state)
{
    world *w = *state;
    ready(w, "3, all");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    sign_version(w, &v);
    hold_fetch(w, &v);
    go_back(w, &v);
    pass(w, 120000);
    const size_t n = n_reports(w);
    pass(w, 600000);
    assert_int_equal(n_reports(w), n);
}

/* ---- what comes between ---- */

static void a_later_rollout_does_not_hide_it(void **state)
{
    world *w = *state;
    ready(w, "2, all");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    sign_version(w, &v);
    settle(w);
    site *away = one_that_runs(w, &v, true);
    go_away(w, away);
    for (size_t i = 0; i < w->n && rollout(w)->state == AN_ROLLOUT_RUNNING; i++)
        if (&w->sites[i] != away && an_hash_equal(&w->sites[i].runs, &v))
            worsens(w, &w->sites[i]);
    assert_int_equal(rollout(w)->state, AN_ROLLOUT_ROLLED_BACK);
    policy(w, "rollout.stages", "1, all");
    const an_hash next = version_of(w, &v);
    promote(w, &next);
    sign_version(w, &next);
    settle(w);
    assert_state(w, AN_ROLLOUT_RUNNING, 0);
    assert_int_equal(n_running(w, &next), 1);
    come_back(w, away);
    pass(w, 3000);
    assert_true(an_hash_equal(&away->runs, &old));
    pass(w, 60000);
    assert_int_equal(rollout(w)->state, AN_ROLLOUT_DONE);
    assert_int_equal(n_running(w, &next), 5);
    assert_int_equal(n_waiting(w), 0);
}

static void another_statement_of_production_does_not_hide_it(void **state)
{
    world *w = *state;
    ready(w, "all");
    policy(w, "rollout.error", "0.3");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    sign_version(w, &v);
    settle(w);
    promote(w, &v); /* only its statement is new */
    sign_version(w, &v);
    settle(w);
    assert_int_equal(n_running(w, &v), 5);
    go_back(w, &v);
    pass(w, 5000);
    assert_int_equal(n_running(w, &old), 5);
    assert_converged(w);
}

static void a_delegation_that_comes_late_signs_it(void **state)
{
    world *w = *state;
    an_delegation d;
    an_signed s;
    ready(w, "3, all");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    sign_version(w, &v);
    settle(w);
    go_back(w, &v);
    pass(w, 5000);
    assert_int_equal(n_waiting(w), 1);
    delegate(w, 10, 30 * DAY, &d, &s);
    pass(w, 5000);
    assert_int_equal(n_waiting(w), 0);
    const an_model_entry *m = an_state_model(an_hub_state(w->hub), MODEL);
    assert_true(an_hash_equal(&m->release.version, &old) && m->release.counter == m->counter);
    assert_int_equal(n_running(w, &old), 5);
}

/* ---- a person ---- */

static void a_rollback_is_signed_where_the_root_is_offline(void **state)
{
    world *w = *state;
    ready(w, "all");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    sign_version(w, &v);
    pass(w, 30000);
    assert_int_equal(rollout(w)->state, AN_ROLLOUT_DONE);
    assert_int_equal(an_hub_rollback(w->hub, "user/admin", MODEL, "a test", NULL), AN_OK);
    sign_version(w, &old);
    pass(w, 5000);
    const an_hash runs = production(w);
    assert_true(an_hash_equal(&runs, &old));
    assert_int_equal(n_running(w, &old), 5);
}

static void a_watch_that_knows_no_version_before_is_rolled_back_all_the_same(void **state)
{
    world *w = *state;
    an_note why = {{0}};
    ready(w, "all");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    pass(w, 30000);
    assert_int_equal(rollout(w)->state, AN_ROLLOUT_DONE);
    assert_int_equal(
        an_hub_rollout_open(w->hub, "user/admin", MODEL, &v, "the same again", 0, true, NULL, &why), AN_OK);
    settle(w);
    assert_int_equal(rollout(w)->state, AN_ROLLOUT_RUNNING);
    assert_true(an_hash_is_zero(&rollout(w)->from));
    if (an_hub_rollback(w->hub, "user/admin", MODEL, "a test", &why) != AN_OK)
        fail_msg("%s", why.text);
    pass(w, 5000);
    assert_int_equal(rollout(w)->state, AN_ROLLOUT_ABORTED);
    const an_hash runs = production(w);
    assert_true(an_hash_equal(&runs, &old));
    assert_int_equal(n_running(w, &old), 5);
    assert_converged(w);
}

#define OFFLINE(test) cmocka_unit_test_setup_teardown(test, offline_setup, an_federation_teardown)
#define ONLINE(test) cmocka_unit_test_setup_teardown(test, online_setup, an_federation_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OFFLINE(a_site_that_still_fetches_it_never_runs_it),
        OFFLINE(a_site_that_would_try_it_again_later_does_not),
        OFFLINE(who_has_nothing_to_go_back_from_is_not_asked_for_ever),
        OFFLINE(a_later_rollout_does_not_hide_it),
        OFFLINE(another_statement_of_production_does_not_hide_it),
        OFFLINE(a_delegation_that_comes_late_signs_it),
        OFFLINE(a_rollback_is_signed_where_the_root_is_offline),
        ONLINE(a_watch_that_knows_no_version_before_is_rolled_back_all_the_same),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_log_init(AN_LOG_OFF, "test_rollouts_back");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
