/* One line of two drifts, and a round needs three sites: the line adapts its overlay alone.  Production stays, the other
 * site hears nothing, the journals say what was done; a fault is not adapted to, and a site may refuse. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "models/kernels/kernels.h"
#include "tests/support/pumps.h"
#include "tests/support/releases.h"

#define DRIFTS 1 /* the site */
#define START 300

static void set_policy(world *w, const char *key, const char *value)
{
    const char *const policy[][2] = {{key, value}};
    an_note why = {{0}};
    if (an_hub_model_policy(w->hub, "user/admin", "pump", policy, 1, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static const an_campaign *last_campaign(world *w)
{
    const an_state *st = an_hub_state(w->hub);
    return &st->campaigns.items[st->campaigns.n - 1];
}

/* Two sites have trained production; from now on a round needs three. */
static world *begin(const char *happens, uint64_t length)
{
    void *state = NULL;
    an_federation_kind kind = an_pumps(2, false);
    kind.sites = 2;
    kind.watch_ms = 600000;
    an_federation_setup_kind(&state, &kind);
    world *w = state;
    set_policy(w, "min_cohort", "2");
    pumps_script(w, DRIFTS, happens, START, length);
    pumps_begin(w);
    connect_all(w);
    const uint64_t training = campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    pumps_run(w, 60);
    assert_promoted(w, training);
    set_policy(w, "min_cohort", "3");
    pumps_run(w, START - 60);
    pumps_count_anew(w);
    return w;
}

static void end(world *w)
{
    void *state = w;
    an_federation_teardown(&state);
}

static void run_to_campaign(world *w, uint64_t rows)
{
    while (an_hub_state(w->hub)->campaigns.n == 1 && rows-- > 0)
        pumps_run(w, 1);
    assert_int_equal(an_hub_state(w->hub)->campaigns.n, 2);
    print_message("%s\n%s\n", last_campaign(w)->trigger, last_campaign(w)->plan);
}

static void run_to_end(world *w, uint64_t rows)
{
    while (!an_campaign_is_over(last_campaign(w)) && rows-- > 0)
        pumps_run(w, 1);
    print_message("%s: %s\n", an_campaign_state_name(last_campaign(w)->state), last_campaign(w)->reason);
    assert_true(an_campaign_is_over(last_campaign(w)));
}

typedef struct search {
    const char *words;
    bool found;
} search;

static an_err visit(void *ctx, const an_record *record, an_note *why)
{
    search *s = ctx;
    char *text = an_alloc(record->body_len + 1, 1);
    (void)why;
    assert_non_null(text);
    memcpy(text, record->body, record->body_len);
    s->found = s->found || strstr(text, s->words);
    an_free(text);
    return AN_OK;
}

static bool says(world *w, const char *kind, const char *words)
{
    search s = {.words = words};
    assert_int_equal(an_store_scan(w->store, &(an_store_filter){.kind = kind}, visit, &s, NULL), AN_OK);
    return s.found;
}

static an_hash overlay_of(const site *s)
{
    an_hash version, overlay;
    assert_true(an_session_running(s->session, "line-1", &version, &overlay));
    return overlay;
}

static void one_line_of_two_adapts_its_overlay_and_is_quiet_again(void **state)
{
    (void)state;
    world *w = begin("tool_change", 0);
    site *s = &w->sites[DRIFTS], *other = &w->sites[1 - DRIFTS];
    pump *p = pump_of(w, DRIFTS);
    const an_hash before = production(w), overlay = overlay_of(s), others = overlay_of(other);
    run_to_campaign(w, 3000);
    assert_true(pump_over(p) > 0.2);
    const an_campaign *c = last_campaign(w);
    assert_int_equal(c->kind, AN_CAMPAIGN_OVERLAY);
    assert_string_equal(c->cause, "drift");
    assert_non_null(strstr(c->plan, "no round, it adapts its overlays"));
    assert_true(says(w, "campaign.opened", "\"kind\":\"overlay\""));
    run_to_end(w, 300);
    assert_int_equal(last_campaign(w)->state, AN_CAMPAIGN_ADAPTED);
    char named[64];
    snprintf(named, sizeof named, "1 of 1 lines adapted their overlay: %.20s/line-1", s->name);
    assert_non_null(strstr(last_campaign(w)->reason, named));
    assert_true(journal_says(s, "adapted its overlay, campaign"));

    const an_hash after = production(w), now = overlay_of(s), stays = overlay_of(other);
    assert_true(an_hash_equal(&before, &after) && an_hash_equal(&s->runs, &before));
    assert_false(an_hash_equal(&overlay, &now));
    assert_true(an_hash_equal(&others, &stays));
    assert_false(journal_says(other, "overlay"));
    const an_fleet_entry *f = an_state_fleet(an_hub_state(w->hub), s->name, "line-1", "pump");
    assert_true(f && an_hash_equal(&f->overlay, &now)); /* what runs where is known */

    pumps_run(w, 600);
    pumps_count_anew(w);
    pumps_run(w, 600);
    print_message("%.2f %% over after it\n", 100 * pump_over(p));
    assert_true(pump_over(p) < 0.02);
    assert_false(an_alarm_is_open(an_pipeline_alarm(p->pipe)));
    assert_int_equal(p->returns, 0);

    /* After restarts both ends know it. */
    kill_hub(w);
    start_hub(w);
    kill_site(s);
    start_site(s);
    connect_all(w);
    settle(w);
    const an_hash kept = overlay_of(s);
    assert_true(an_hash_equal(&now, &kept));
    assert_int_equal(last_campaign(w)->state, AN_CAMPAIGN_ADAPTED);

    /* The coordinator cannot take the version back with it: the line has run no other one. */
    an_msg back = {.type = AN_MSG_RETURN, .epoch = an_session_look(s->session).epoch};
    back.u.return_to = (an_msg_return_to){.model = "pump", .version = before, .reason = "a test"};
    assert_int_equal(an_session_message(s->session, &back, NULL), AN_OK);
    settle(w);
    const an_hash remains = overlay_of(s);
    assert_true(an_hash_equal(&remains, &now));

    /* It can be left again, and then the version is not what was bad. */
    assert_int_equal(an_session_rollback(s->session, "line-1", "cries wolf", NULL), AN_OK);
    settle(w);
    const an_hash former = overlay_of(s);
    assert_true(an_hash_equal(&former, &overlay));
    f = an_state_fleet(an_hub_state(w->hub), s->name, "line-1", "pump");
    assert_true(an_hash_is_zero(&f->left) && an_hash_equal(&f->overlay, &overlay));
    end(w);
}

static void wear_is_not_adapted_to(void **state)
{
    (void)state;
    world *w = begin("bearing_wear", 1600);
    site *s = &w->sites[DRIFTS];
    const an_hash overlay = overlay_of(s);
    run_to_campaign(w, 3000);
    run_to_end(w, 300);
    assert_int_equal(last_campaign(w)->state, AN_CAMPAIGN_STOPPED);
    assert_non_null(
        strstr(last_campaign(w)->reason, "0 of 1 lines adapted their overlay; production stays; refused"));
    assert_true(says(w, "refit.reported", "possible fault, not drift"));
    assert_true(journal_says(s, "overlay not adapted: possible fault"));
    const an_hash now = overlay_of(s);
    assert_true(an_hash_equal(&overlay, &now));
    end(w);
}

static void a_site_may_refuse_and_a_person_may_be_asked_first(void **state)
{
    (void)state;
    world *w = begin("tool_change", 0);
    site *s = &w->sites[DRIFTS];
    const an_hash overlay = overlay_of(s);
    set_policy(w, "drift.automatic", "no");
    s->policy.refits_per_day = 0;
    run_to_campaign(w, 3000);
    pumps_run(w, 120);
    assert_int_equal(last_campaign(w)->state, AN_CAMPAIGN_WAITING);
    assert_string_equal(an_hub_campaign_asks(w->hub, last_campaign(w)), "start");
    assert_int_equal(
        an_hub_campaign_approve(w->hub, "user/admin", last_campaign(w)->id, "the new tool stays", NULL),
        AN_OK);
    assert_true(says(w, "campaign.approved", "the new tool stays"));
    assert_string_equal(an_hub_campaign_asks(w->hub, last_campaign(w)), "");
    run_to_end(w, 120);
    assert_int_equal(last_campaign(w)->state, AN_CAMPAIGN_STOPPED);
    assert_true(says(w, "refit.reported", "site policy: refits_per_day is 0"));
    const an_hash now = overlay_of(s);
    assert_true(an_hash_equal(&overlay, &now));
    end(w);
}

static void the_sites_own_margins_count(void **state)
{
    (void)state;
    world *w = begin("tool_change", 0);
    site *s = &w->sites[DRIFTS];
    s->policy.refit_faults = -1; /* nothing is good enough */
    run_to_campaign(w, 3000);
    run_to_end(w, 300);
    assert_int_equal(last_campaign(w)->state, AN_CAMPAIGN_STOPPED);
    assert_true(says(w, "refit.reported", "generic faults would be raised"));
    end(w);
}

/* Approved while the site is away. */
static world *begin_away(void)
{
    world *w = begin("tool_change", 0);
    set_policy(w, "overlay.deadline", "20m");
    set_policy(w, "drift.automatic", "no");
    run_to_campaign(w, 3000);
    w->sites[DRIFTS].cut = true;
    assert_int_equal(an_hub_campaign_approve(w->hub, "user/admin", last_campaign(w)->id, "", NULL), AN_OK);
    pumps_run(w, 600);
    an_note waiting;
    an_hub_campaign_waiting(w->hub, last_campaign(w), &waiting);
    assert_int_equal(last_campaign(w)->state, AN_CAMPAIGN_RUNNING);
    assert_non_null(strstr(waiting.text, "0 of 1 lines have answered; waiting for plant-b/line-1"));
    return w;
}

static void a_site_that_is_away_is_asked_when_it_comes(void **state)
{
    (void)state;
    world *w = begin_away();
    site *s = &w->sites[DRIFTS];
    s->cut = false;
    an_session_lost(s->session);
    an_session_connected(s->session);
    run_to_end(w, 300);
    assert_int_equal(last_campaign(w)->state, AN_CAMPAIGN_ADAPTED);
    end(w);
}

static void a_site_that_stays_away_is_not_waited_for_without_end(void **state)
{
    (void)state;
    world *w = begin_away();
    run_to_end(w, 700);
    assert_int_equal(last_campaign(w)->state, AN_CAMPAIGN_STOPPED);
    assert_non_null(strstr(last_campaign(w)->reason, "have not answered (overlay.deadline)"));
    end(w);
}

static void refit(world *w, site *s, uint64_t campaign, const an_hash *version, const char *line)
{
    an_msg m = {.type = AN_MSG_REFIT, .epoch = an_session_look(s->session).epoch};
    m.u.refit =
        (an_msg_refit){.campaign = campaign, .model = "pump", .version = *version, .reason = "a test"};
    snprintf(m.u.refit.line, sizeof m.u.refit.line, "%s", line);
    an_err err = an_session_message(s->session, &m, NULL);
    assert_int_equal(err, strcmp(line, "line-1") == 0 ? AN_OK : AN_ERR_PROTO);
    settle(w);
}

static void requests_that_nobody_should_make_change_nothing(void **state)
{
    (void)state;
    world *w = begin("tool_change", 0);
    site *s = &w->sites[1 - DRIFTS];
    const an_hash version = production(w), strange = {.b = {9}}, overlay = overlay_of(s);
    refit(w, s, 900, &version, "line-9");
    refit(w, s, 901, &strange, "line-1");
    assert_true(journal_says(s, "does not run that version"));
    refit(w, s, 902, &version, "line-1"); /* nothing has changed here */
    assert_true(journal_says(s, "overlay not adapted: no gain"));
    const unsigned jobs = s->jobs;
    refit(w, s, 902, &version, "line-1"); /* said again */
    refit(w, s, 12, &version, "line-1");  /* of the past */
    assert_int_equal(s->jobs, jobs);
    for (uint64_t i = 0; i < 10; i++) /* four a day */
        refit(w, s, 903 + i, &version, "line-1");
    assert_int_equal(s->jobs, jobs + 3);
    assert_true(journal_says(s, "refits_per_day is 4"));
    const an_hash now = overlay_of(s);
    assert_true(an_hash_equal(&overlay, &now));
    assert_false(says(w, "refit.reported", "pump")); /* nobody had asked on behalf of a campaign */
    end(w);
}

int main(void)
{
    if (an_crypto_init() != AN_OK || !an_kernels_init())
        return 1;
    an_log_init(AN_LOG_ERROR, "test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line_of_two_adapts_its_overlay_and_is_quiet_again),
        cmocka_unit_test(wear_is_not_adapted_to),
        cmocka_unit_test(a_site_may_refuse_and_a_person_may_be_asked_first),
        cmocka_unit_test(the_sites_own_margins_count),
        cmocka_unit_test(a_site_that_is_away_is_asked_when_it_comes),
        cmocka_unit_test(a_site_that_stays_away_is_not_waited_for_without_end),
        cmocka_unit_test(requests_that_nobody_should_make_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
