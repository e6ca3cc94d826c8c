/* Versions that are bad and sites that go: what a stage is judged by when figures say that it is worse where it
 * runs on, when its sites have left, and what becomes of a campaign that waits behind it. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "coordinator/hub_internal.h"
#include "doors/crypto.h"
#include "tests/support/rollouts.h"

static int setup(void **state)
{
    const an_federation_kind kind = {.sites = 5};
    an_federation_setup_kind(state, &kind);
    return 0;
}

static an_target_state target_state(world *w, const site *s)
{
    return an_rollout_find(rollout(w), s->name)->state;
}

/* ---- figures ---- */

/* The site says what its line's figures are, and goes on running the version. */
static void figures(world *w, site *s, const an_msg_live *of, const an_hash *version)
{
    an_note why = {{0}};
    an_msg m = {.type = AN_MSG_LIVE, .u.live = *of};
    snprintf(m.u.live.model, sizeof m.u.live.model, MODEL);
    snprintf(m.u.live.line, sizeof m.u.live.line, "line-1");
    m.u.live.version = *version;
    m.u.live.verdict = of->verdict ? of->verdict : AN_LIVE_WATCHING;
    if (an_session_post(s->session, &m, &why) != AN_OK)
        fail_msg("%s", why.text);
    pass(w, 1000);
}

static const an_msg_live worse = {.verdict = AN_LIVE_WORSENED, .reason = "twice as many alarms"};

static void a_version_that_figures_call_worse_is_taken_back(void **state)
{
    world *w = *state;
    ready(w, "1, all");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    figures(w, one_that_runs(w, &v, true), &worse, &v);
    assert_int_equal(rollout(w)->state, AN_ROLLOUT_ROLLED_BACK);
    assert_non_null(strstr(rollout(w)->reason, "line line-1: twice as many alarms"));
    assert_int_equal(n_running(w, &old), 5);
}

static void scores_that_are_no_numbers_are_worse_where_the_version_before_had_some(void **state)
{
    world *w = *state;
    ready(w, "2, all");
    policy(w, "rollout.error", "0.6");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    site *s = one_that_runs(w, &v, true);
    figures(w, s, &(an_msg_live){.paired = true, .rows = 9, .non_finite = 3, .before_non_finite = 3}, &v);
    assert_int_equal(target_state(w, s), AN_TARGET_RUNNING); /* the line's matter */
    figures(w, s, &(an_msg_live){.rows = 9, .non_finite = 3}, &v);
    assert_int_equal(target_state(w, s), AN_TARGET_RUNNING); /* nobody knows what the one before had */
    figures(w, s, &(an_msg_live){.paired = true, .rows = 9, .non_finite = 3}, &v);
    assert_int_equal(target_state(w, s), AN_TARGET_FAILED);
    assert_non_null(strstr(an_rollout_find(rollout(w), s->name)->reason, "3 rows without a finite score"));
}

static void figures_of_another_version_say_nothing(void **state)
{
    world *w = *state;
    ready(w, "1, all");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    figures(w, one_that_runs(w, &v, true), &worse, &old);
    figures(w, one_that_runs(w, &v, false), &worse, &v); /* nor of a site that it has not reached */
    an_msg_live overlays = worse;                        /* nor two overlays of the same version */
    overlays.before = v;
    figures(w, one_that_runs(w, &v, true), &overlays, &v);
    assert_state(w, AN_ROLLOUT_RUNNING, 0);
    pass(w, 24000);
    assert_state(w, AN_ROLLOUT_RUNNING, 1);
}

static void worse_stays_worse_for_as_long_as_the_version_runs_on(void **state)
{
    world *w = *state;
    ready(w, "3, all");
    policy(w, "rollout.error", "0.6");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    site *s = one_that_runs(w, &v, true);
    figures(w, s, &worse, &v);
    assert_int_equal(target_state(w, s), AN_TARGET_FAILED);
    figures(w, s, &(an_msg_live){.verdict = AN_LIVE_FINE}, &v);
    assert_true(an_hash_equal(&s->runs, &v));
    pass(w, 60000);
    assert_int_equal(target_state(w, s), AN_TARGET_FAILED);
    assert_state(w, AN_ROLLOUT_PAUSED, 0); /* fine at two of three */
}

static void of_lines_that_a_site_has_not_named_nothing_is_taken(void **state)
{
    world *w = *state;
    ready(w, "1, all");
    const an_state *st = an_hub_state(w->hub);
    const an_hash v = production(w);
    for (unsigned i = 0; i < 40; i++) {
        an_msg live = {.type = AN_MSG_LIVE, .u.live = worse}, drift = {.type = AN_MSG_DRIFT_ALERT};
        an_msg_drift_alert *d = &drift.u.drift_alert;
        snprintf(live.u.live.model, sizeof live.u.live.model, MODEL);
        snprintf(live.u.live.line, sizeof live.u.live.line, "line-%u", i);
        live.u.live.version = v;
        snprintf(d->model, sizeof d->model, MODEL);
        snprintf(d->line, sizeof d->line, "line-%u", i);
        snprintf(d->test, sizeof d->test, "psi");
        snprintf(d->subject, sizeof d->subject, "temp");
        d->alert_id = i + 1;
        d->version = v;
        d->sign = 1;
        assert_int_equal(an_session_post(w->sites[0].session, &live, NULL), AN_OK);
        assert_int_equal(an_session_post(w->sites[0].session, &drift, NULL), AN_OK);
    }
    pass(w, 60000);
    an_spool_item item; /* the site was told so, and lets go of them */
    assert_int_equal(an_spool_next(w->sites[0].spool, 0, &item, NULL), AN_ERR_NOTFOUND);
    assert_int_equal(st->lives.n, 1);
    assert_int_equal(st->drifts.n, 1);
    assert_string_equal(st->drifts.items[0].line, "line-1");
}

/* ---- lines ---- */

/* What the site says of a line that it does not have here. */
static void line_says(world *w, const site *s, const char *kind, const char *key, const char *word,
                      const an_hash *version)
{
    an_note why = {{0}};
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    an_json_set_text(o, "model", MODEL);
    an_json_set_text(o, "line", "other");
    an_json_set_hash(o, "version", version);
    an_json_set_text(o, key, word);
    an_batch_add(&b, kind, s->name, "test", NULL, o);
    if (an_hub_commit(w->hub, &b, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static void line_runs(world *w, const site *s, const an_hash *version)
{
    line_says(w, s, "site.report", "state", an_version_state_name(AN_VERSION_RUNNING), version);
}

static void a_site_that_refused_and_runs_it_later_is_fine(void **state)
{
    world *w = *state;
    ready(w, "1, all");
    policy(w, "rollout.deadline", "1h");
    const an_hash old = production(w), v = version_of(w, &old);
    w->kind.run = no_overlay;
    promote(w, &v);
    assert_int_equal(n_running(w, &v), 0);
    assert_true(rollout(w)->targets[0].refused);
    w->kind.run = NULL; /* it tries again in ten minutes */
    pass(w, 15 * 60000);
    assert_int_equal(n_running(w, &v), 5);
    assert_state(w, AN_ROLLOUT_DONE, 1);
}

static void a_line_that_refuses_is_no_failure_of_one_that_runs_it(void **state)
{
    world *w = *state;
    ready(w, "1, all");
    const an_hash old = production(w), v = version_of(w, &old);
    w->kind.run = no_overlay;
    promote(w, &v);
    const an_target *t = &rollout(w)->targets[0];
    assert_true(t->refused);
    for (size_t i = 0; i < w->n; i++) {
        if (strcmp(w->sites[i].name, t->site) != 0)
            continue;
        line_runs(w, &w->sites[i], &v);
        line_says(w, &w->sites[i], "site.live", "verdict", an_live_verdict_name(AN_LIVE_FINE), &v);
    }
    pass(w, 10000);
    assert_state(w, AN_ROLLOUT_RUNNING, 0);
    assert_int_equal(rollout(w)->targets[0].state, AN_TARGET_TOLD);
}

/* ---- sites that go ---- */

static void a_line_that_is_gone_takes_nothing_back_after_a_restart(void **state)
{
    world *w = *state;
    ready(w, "2, all");
    const an_hash old = production(w), v = version_of(w, &old);
    for (size_t i = 0; i < 5; i++)
        line_runs(w, &w->sites[i], &old);
    promote(w, &v);
    pass(w, 10000);
    const site *runs = one_that_runs(w, &v, true);
    assert_int_equal(target_state(w, runs), AN_TARGET_RUNNING);
    kill_hub(w);
    start_hub(w); /* and no site has come back yet */
    an_hub_tick(w->hub);
    assert_int_equal(target_state(w, runs), AN_TARGET_RUNNING);
}

static void a_stage_that_nobody_is_left_of_is_not_passed(void **state)
{
    world *w = *state;
    ready(w, "2, all");
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    for (size_t i = 0; i < 2; i++) {
        site *s = one_that_runs(w, &v, true);
        assert_int_equal(an_hub_site_revoke(w->hub, "user/admin", s->name, "a test", NULL), AN_OK);
        kill_site(s);
        s->runs = old;
    }
    pass(w, 60000);
    assert_state(w, AN_ROLLOUT_PAUSED, 0);
    assert_int_equal(n_running(w, &v), 0);
    assert_int_equal(
        an_hub_rollout_do(w->hub, "user/admin", rollout(w)->id, AN_ROLLOUT_EVENT_APPROVE, "", NULL), AN_OK);
    pass(w, 30000);
    assert_int_equal(n_running(w, &v), 3);
    assert_state(w, AN_ROLLOUT_DONE, 1);
}

/* ---- a campaign behind it ---- */

static an_err was_passed(void *ctx, const an_record *record, an_note *why)
{
    static const char words[] = "\"before\":\"PASSED\"";
    const char *body = record->body;
    (void)why;
    for (size_t i = 0; i + sizeof words - 1 <= record->body_len; i++)
        *(size_t *)ctx += memcmp(body + i, words, sizeof words - 1) == 0;
    return AN_OK;
}

static void a_campaign_that_has_passed_waits_until_a_rollout_has_gone_back(void **state)
{
    world *w = *state;
    ready(w, "2, all");
    policy(w, "promote.automatic", "no");
    const uint64_t id = campaign(w, AN_CAMPAIGN_INCREMENTAL);
    for (int i = 0; i < 90 && an_state_campaign(an_hub_state(w->hub), id)->state != AN_CAMPAIGN_PASSED; i++)
        pass(w, 1000);
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    assert_state(w, AN_ROLLOUT_RUNNING, 0);
    assert_string_equal(an_hub_campaign_asks(w->hub, an_state_campaign(an_hub_state(w->hub), id)),
                        "promotion");
    assert_int_equal(an_hub_campaign_approve(w->hub, "user/admin", id, "", NULL), AN_OK);
    assert_int_equal(an_state_campaign(an_hub_state(w->hub), id)->state, AN_CAMPAIGN_PASSED);
    worsens(w, one_that_runs(w, &v, true));
    const an_campaign *c = an_state_campaign(an_hub_state(w->hub), id);
    if (c->state == AN_CAMPAIGN_STOPPED)
        fail_msg("the campaign ended: %s", c->reason);
    pass(w, 60000);
    assert_promoted(w, id);
    assert_true(an_state_version(an_hub_state(w->hub), &v)->quarantined);
    size_t said = 0; /* the record of its end says what it was before */
    const an_store_filter ends = {.kind = "campaign.ended", .newest_first = true, .limit = 1};
    assert_int_equal(an_store_scan(w->store, &ends, was_passed, &said, NULL), AN_OK);
    assert_int_equal(said, 1);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, an_federation_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_version_that_figures_call_worse_is_taken_back),
        TEST(scores_that_are_no_numbers_are_worse_where_the_version_before_had_some),
        TEST(figures_of_another_version_say_nothing),
        TEST(worse_stays_worse_for_as_long_as_the_version_runs_on),
        TEST(of_lines_that_a_site_has_not_named_nothing_is_taken),
        TEST(a_line_that_refuses_is_no_failure_of_one_that_runs_it),
        TEST(a_site_that_refused_and_runs_it_later_is_fine),
        TEST(a_line_that_is_gone_takes_nothing_back_after_a_restart),
        TEST(a_stage_that_nobody_is_left_of_is_not_passed),
        TEST(a_campaign_that_has_passed_waits_until_a_rollout_has_gone_back),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_log_init(AN_LOG_OFF, "test_rollouts_bad");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
