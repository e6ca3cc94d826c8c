/* What a malicious coordinator may try on a site in a secure sum, through the session: each is refused with its
 * reason, said to the coordinator and written into the site's journal.  What the machine of the sum itself
 * refuses (chosen graphs, quorums) is in test_secure_site.c and test_secure_survivors.c; lists that differ from site to
 * site are in test_secure_lists.c. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "net/keys.h"
#include "sum/secure.h"
#include "tests/support/first_site.h"
#include "trust/roster.h"

static void invented_sites_fill_no_cohort(void **state)
{
    world *w = *state;
    an_plan *plan;
    an_msg *m = plan_to_first(w, &plan);
    snprintf(plan->cohort[plan->n_cohort++], AN_NAME_MAX, "plant-x");
    plan->value_bits--;
    push_plan(w, m, plan);
    expect_journal(w, "site plant-x is not in the signed roster");
    assert_int_equal(an_session_look(w->sites[0].session).plans_refused, 1);
    an_plan_free(plan);
    an_msg_free(m);
}

static void a_cohort_below_the_sites_minimum_is_refused(void **state)
{
    world *w = *state;
    an_plan *plan;
    an_msg *m = plan_to_first(w, &plan);
    assert_int_equal(an_site_policy_set(&w->sites[0].policy, "min_cohort", "5", "test", NULL), AN_OK);
    push_plan(w, m, plan);
    expect_journal(w, "4 sites in the round, min_cohort is 5");
    assert_int_equal(an_site_policy_set(&w->sites[0].policy, "min_cohort", "4", "test", NULL), AN_OK);
    push_plan(w, m, plan); /* so many are asked, and so few may be summed */
    expect_journal(w, "a sum may be over 3 parties, min_cohort is 4");
    an_plan_free(plan);
    an_msg_free(m);
}

static void weak_terms_are_refused(void **state)
{
    world *w = *state;
    an_plan *plan;
    an_msg *m = plan_to_first(w, &plan);
    plan->secure.security_bits = 1;
    push_plan(w, m, plan);
    expect_journal(w, "secure.bits is 40, the plan's are 1");
    plan->secure.security_bits = 40;
    plan->secure.colluders_permille = 0;
    push_plan(w, m, plan);
    expect_journal(w, "secure.colluders is 0.1, the plan's share is 0");
    an_plan_free(plan);
    an_msg_free(m);
}

static void a_trusted_round_is_refused_unless_the_site_allows_it(void **state)
{
    world *w = *state;
    an_plan *plan;
    an_msg *m = plan_to_first(w, &plan);
    w->sites[0].policy.allow_trusted = false; /* what a site has that says nothing */
    plan->privacy = AN_PRIVACY_TRUSTED;
    plan->secure = (an_plan_secure){.groups = 0};
    push_plan(w, m, plan);
    expect_journal(w, "allow.trusted is no");
    an_plan_free(plan);
    an_msg_free(m);
}

static void a_changed_plan_for_the_same_round_is_refused(void **state)
{
    world *w = *state;
    an_plan *plan;
    an_msg *m = plan_to_first(w, &plan);
    push_plan(w, m, plan);
    plan->seed ^= 1;
    push_plan(w, m, plan);
    expect_journal(w, "the site works on another plan for this round");
    an_plan_free(plan);
    an_msg_free(m);
}

/* Also after its end, and after a restart: new keys for old masks would tell their difference. */
static void no_round_is_begun_twice(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
    an_plan *plan;
    an_msg *m = plan_to_first(w, &plan);
    settle(w);
    pass(w, 60000);
    char reason[64];
    snprintf(reason, sizeof reason, "has begun round %" PRIu64 " before", plan->round);
    assert_false(journal_says(s, reason));
    push_plan(w, m, plan);
    expect_journal(w, reason);
    kill_site(s);
    start_site(s);
    connect_all(w);
    settle(w);
    plan->seed ^= 1; /* as another plan, too */
    push_plan(w, m, plan);
    assert_true(an_session_look(s->session).plans_refused > 0);
    an_plan_free(plan);
    an_msg_free(m);
}

static void rosters_that_are_forged_or_old_are_refused(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
    an_plan *plan;
    an_roster r;
    an_buf text;
    an_note why = {{0}};
    uint8_t public[AN_SIGN_PUBLIC_BYTES], secret[AN_SIGN_SECRET_BYTES];
    an_msg *m = plan_to_first(w, &plan);
    an_buf_init(&text, AN_ROSTER_TEXT_MAX);
    assert_int_equal(an_store_object_get(w->store, &plan->secure.roster, &text, NULL), AN_OK);
    assert_int_equal(an_roster_parse(text.data, text.len, &r, NULL), AN_OK);
    an_msg f = {.type = AN_MSG_ROSTER, .epoch = an_session_look(s->session).epoch};
    an_sign_keypair(public, secret);
    for (int old = 0; old < 2; old++) {
        an_buf_clear(&text);
        r.counter += old ? (uint64_t)-2 : 1;
        assert_int_equal(an_roster_text(&r, &text, NULL), AN_OK);
        f.u.roster.text = (an_bytes){text.data, text.len};
        an_roster_sign(f.u.roster.signature, text.data, text.len, old ? w->root_secret : secret);
        assert_int_equal(an_session_message(s->session, &f, &why), AN_ERR_AUTH);
    }
    an_hash_of(&plan->secure.roster, text.data, text.len); /* a plan by the old one */
    plan->round = 9999;
    push_plan(w, m, plan); /* the first time the site asks for a newer roster */
    settle(w);
    push_plan(w, m, plan);
    expect_journal(w, "the plan is by another roster");
    an_roster_done(&r);
    an_buf_done(&text);
    an_plan_free(plan);
    an_msg_free(m);
}

/* By the default terms, a tenth of the parties: four of the thirty-one that this roster has. */
static void a_cohort_too_small_for_the_rosters_colluders_is_refused(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
    an_plan *plan;
    an_roster r;
    an_buf text;
    an_note why = {{0}};
    an_msg *m = plan_to_first(w, &plan);
    an_buf_init(&text, AN_ROSTER_TEXT_MAX);
    assert_int_equal(an_store_object_get(w->store, &plan->secure.roster, &text, NULL), AN_OK);
    assert_int_equal(an_roster_parse(text.data, text.len, &r, NULL), AN_OK);
    an_roster_site *sites = an_alloc(31, sizeof *sites);
    memcpy(sites, r.sites, r.n * sizeof *sites);
    for (uint32_t i = r.n; i < 31; i++) {
        snprintf(sites[i].name, sizeof sites[i].name, "quarry-%02u", i);
        memcpy(sites[i].party, sites[i].name, sizeof sites[i].party);
        sites[i].key[0] = (uint8_t)i;
    }
    const an_roster large = {.counter = r.counter + 1, .issued_ms = r.issued_ms, .sites = sites, .n = 31};
    an_buf_clear(&text);
    assert_int_equal(an_roster_text(&large, &text, NULL), AN_OK);
    an_msg f = {.type = AN_MSG_ROSTER, .epoch = an_session_look(s->session).epoch};
    f.u.roster.text = (an_bytes){text.data, text.len};
    an_roster_sign(f.u.roster.signature, text.data, text.len, w->root_secret);
    assert_int_equal(an_session_message(s->session, &f, &why), AN_OK);
    an_hash_of(&plan->secure.roster, text.data, text.len);
    push_plan(w, m, plan);
    expect_journal(w, "4 parties in a sum, and 4 of the roster's 31 may collude: at least 6 are needed");
    kill_site(s); /* it would call the true roster, which is on its way, an old one */
    an_free(sites);
    an_roster_done(&r);
    an_buf_done(&text);
    an_plan_free(plan);
    an_msg_free(m);
}

static void waits_for(world *w, const char *what)
{
    an_note waiting;
    an_hub_campaign_waiting(w->hub, &an_hub_state(w->hub)->campaigns.items[0], &waiting);
    if (!strstr(waiting.text, what))
        fail_msg("it waits otherwise: %s", waiting.text);
}

/* Sites that are signed and away; and what the coordinator says that helps. */
static void a_campaign_waits_for_what_the_roster_asks_and_says_so(void **state)
{
    world *w = *state;
    an_note why = {{0}};
    char name[AN_NAME_MAX] = "quarry-a";
    for (char c = 'a'; c < 'a' + 27; c++) {
        site away = {.w = w};
        name[7] = c <= 'z' ? c : '0';
        memcpy(away.name, name, sizeof away.name);
        an_sign_keypair(away.sign_public, away.sign_secret);
        an_link_keypair(away.link_public, away.link_secret);
        admit_site(w, &away);
    }
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    assert_int_equal(an_hub_state(w->hub)->rounds.n, 0);
    waits_for(w,
              "4 parties in a sum, and 4 of the roster's 31 may collude: at least 6 are needed; more parties "
              "are wanted (andon site roster)");
    const char *const groups[][2] = {{"secure.groups", "2"}};
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", groups, 1, &why), AN_OK);
    waits_for(w, "2 groups of 3 sites need 6, and 4 are connected; connect more, or: andon model policy pump "
                 "secure.groups=1");
    const char *const fewer[][2] = {{"secure.groups", "1"}, {"secure.colluders", "0.05"}};
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", fewer, 2, &why), AN_OK);
    waits_for(w, "connect more sites, or lower secure.colluders or secure.dropouts: andon model policy pump");
}

/* It is connected and approved, and whoever has the release key has not signed it yet. */
static void a_campaign_that_waits_for_a_signature_names_the_site(void **state)
{
    an_note why = {{0}};
    an_federation_setup_kind(state, &(an_federation_kind){.sites = 3, .offline = true});
    world *w = *state;
    site *s = &w->sites[w->n++];
    s->w = w;
    s->i = 3;
    s->cut = true; /* nobody is there: what it is told is not looked at */
    snprintf(s->name, sizeof s->name, "plant-x");
    an_sign_keypair(s->sign_public, s->sign_secret);
    an_link_keypair(s->link_public, s->link_secret);
    admit_site(w, s);
    const char *const four[][2] = {{"min_cohort", "4"}};
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", four, 1, &why), AN_OK);
    an_msg hello = {.type = AN_MSG_HELLO};
    memcpy(hello.u.hello.site, s->name, sizeof hello.u.hello.site);
    memcpy(hello.u.hello.statement_key, s->sign_public, sizeof hello.u.hello.statement_key);
    hello.u.hello.n_lines = 1;
    snprintf(hello.u.hello.lines[0].line, AN_NAME_MAX, "line-1");
    snprintf(hello.u.hello.lines[0].model, AN_NAME_MAX, "pump");
    hello.u.hello.lines[0].schema = an_state_model(an_hub_state(w->hub), "pump")->schema;
    assert_int_equal(an_hub_message(w->hub, "plant-x", &hello, &why), AN_OK);
    for (size_t i = 0; i < 3; i++)
        an_session_connected(w->sites[i].session);
    settle(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    waits_for(
        w,
        "3 of the 4 sites that are connected are in the signed roster, 4 are needed; plant-x is not: andon "
        "site roster --key FILE");
}

/* By the time of its restart another roster is in force: it goes on with the one that it began with. */
static void a_site_goes_on_after_a_restart_though_the_roster_was_replaced(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
    an_plan *plan;
    an_msg *m = plan_to_first(w, &plan);
    an_msg *list = next_to_first(w, AN_MSG_SECURE);
    step(w);
    s->cut = true;
    assert_int_equal(an_hub_site_party(w->hub, "user/admin", "plant-d", "north", NULL), AN_OK);
    settle(w);
    kill_site(s);
    start_site(s);
    s->cut = false;
    an_session_connected(s->session);
    settle(w);
    pass(w, 120000);
    const an_round_entry *e = an_state_round(an_hub_state(w->hub), plan->round);
    assert_true(e->over && e->committed);
    assert_int_equal(e->n_updates, 4);
    assert_promoted(w, an_hub_state(w->hub)->campaigns.items[0].id);
    an_plan_free(plan);
    an_msg_free(m);
    an_msg_free(list);
}

/* By a coordinator that goes on with it, and by one that withholds the next one. */
static void a_roster_that_has_expired_makes_no_sum(void **state)
{
    const int64_t day = INT64_C(86400000);
    an_roster r;
    an_buf text;
    bool differs = false;
    an_note why = {{0}};
    uint8_t signature[AN_SIGN_BYTES];
    an_federation_setup_kind(state, &(an_federation_kind){.sites = 4, .offline = true});
    world *w = *state;
    an_buf_init(&text, AN_ROSTER_TEXT_MAX);
    assert_int_equal(an_hub_roster_proposal(w->hub, &text, &differs, &why), AN_OK);
    assert_false(differs);
    assert_int_equal(an_roster_parse(text.data, text.len, &r, &why), AN_OK);
    for (int64_t days = 0; days <= 90; days += 90) {
        an_buf_clear(&text);
        r.expires_ms = days ? r.issued_ms + days * day : r.issued_ms + 1;
        an_clock_fake_advance(&w->clock, 1000);
        assert_int_equal(an_roster_text(&r, &text, &why), AN_OK);
        an_roster_sign(signature, text.data, text.len, w->root_secret);
        assert_int_equal(an_hub_roster_sign(w->hub, "user/admin", text.data, text.len, signature, &why),
                         days ? AN_OK : AN_ERR_INVAL); /* expired before it came */
    }
    an_plan *plan;
    an_msg *m = plan_to_first(w, &plan);
    settle(w);
    assert_false(an_hub_roster_expires_soon(w->hub));
    an_clock_fake_advance(&w->clock, 61 * day);
    assert_true(an_hub_roster_expires_soon(w->hub));
    assert_int_equal(an_hub_roster_proposal(w->hub, &text, &differs, &why), AN_OK);
    assert_true(differs); /* waits for a signature, ahead of the time */
    an_clock_fake_advance(&w->clock, 30 * day);
    plan->round = 9999;
    push_plan(w, m, plan);
    expect_journal(w, "has expired, and the release root has signed no other");
    kill_hub(w); /* and back, so that the campaign is looked at anew */
    start_hub(w);
    const an_state *st = an_hub_state(w->hub);
    if (!an_campaign_is_over(&st->campaigns.items[0]))
        assert_int_equal(an_hub_campaign_stop(w->hub, "user/admin", st->campaigns.items[0].id, "", &why),
                         AN_OK);
    connect_all(w);
    assert_int_equal(an_hub_roster_expiry(w->hub), r.expires_ms);
    campaign(w, AN_CAMPAIGN_TRAINING);
    an_hub_campaign_waiting(w->hub, &st->campaigns.items[st->campaigns.n - 1], &why);
    assert_non_null(strstr(why.text, "has expired: andon site roster --key FILE"));
    an_roster_done(&r);
    an_buf_done(&text);
    an_plan_free(plan);
    an_msg_free(m);
}

/* A few bytes that ask for a key list of a thousand sites: so often as a line may lose it, and not without end. */
static void what_is_asked_for_again_without_end_is_not_answered(void **state)
{
    world *w = *state;
    an_plan *plan;
    an_note why = {{0}};
    an_msg *m = plan_to_first(w, &plan), *keys = NULL;
    while (an_hub_round_open(w->hub, plan->round)->state == AN_ROUND_INVITING) {
        const event *e = &w->events[w->head % EVENTS_MAX];
        an_msg *said = NULL;
        if (!keys && e->type == TO_HUB && e->site == 0 &&
            an_msg_decode(e->bytes.data, e->bytes.len, &said, NULL) == AN_OK && said->type == AN_MSG_SECURE)
            keys = said;
        else
            an_msg_free(said);
        step(w);
    }
    assert_non_null(keys);
    w->lost = 1; /* counted, and thrown away */
    w->sent = 0;
    for (int i = 0; i < 10000; i++)
        assert_int_equal(an_hub_message(w->hub, "plant-a", keys, &why), AN_OK);
    assert_true(w->sent > 1000 && w->sent < 9000);
    const uint64_t sent = w->sent;
    for (int i = 0; i < 100; i++)
        assert_int_equal(an_hub_message(w->hub, "plant-a", keys, &why), AN_OK);
    assert_true(w->sent == sent);
    an_clock_fake_advance(&w->clock, 10000);
    assert_int_equal(an_hub_message(w->hub, "plant-a", keys, &why), AN_OK);
    assert_true(w->sent == sent + 1);
    w->lost = 0;
    an_plan_free(plan);
    an_msg_free(m);
    an_msg_free(keys);
}

static void leave(const site *s, const char *name, char path[static AN_PATH_MAX])
{
    snprintf(path, AN_PATH_MAX, "%.200s/%.100s", s->dir, name);
    assert_int_equal(an_file_write(path, "left", 4, 0600, NULL), AN_OK);
}

/* Files of rounds that the site knows nothing of go at its start; the state of one that it has begun goes when
 * the coordinator says that it is over, and not before. */
static void what_a_crash_has_left_is_swept(void **state)
{
    static const char *const names[] = {"uploads/round-77.secure", "uploads/round-78.update",
                                        "uploads/round-79.secure.part", "local/x.part", "roster.part"};
    char paths[5][AN_PATH_MAX], going_on[AN_PATH_MAX], name[64];
    world *w = *state;
    site *s = &w->sites[0];
    an_plan *plan;
    an_msg *m = plan_to_first(w, &plan);
    while (an_hub_round_open(w->hub, plan->round)->state != AN_ROUND_COLLECTING)
        step(w);
    for (size_t i = 0; i < 5; i++)
        leave(s, names[i], paths[i]);
    kill_site(s);
    start_site(s);
    for (size_t i = 0; i < 5; i++)
        assert_false(an_file_exists(paths[i]));
    snprintf(name, sizeof name, "uploads/round-%" PRIu64 ".secure", plan->round);
    snprintf(going_on, sizeof going_on, "%.200s/%.100s", s->dir, name);
    assert_true(an_file_exists(going_on));
    an_session_connected(s->session);
    settle(w);
    pass(w, 60000);
    assert_int_equal(an_state_round(an_hub_state(w->hub), plan->round)->n_updates, 4);
    leave(s, name, going_on); /* as if the power had failed just before the file was removed */
    kill_site(s);
    start_site(s);
    assert_true(an_file_exists(going_on));
    an_session_connected(s->session);
    settle(w);
    assert_false(an_file_exists(going_on));
    an_plan_free(plan);
    an_msg_free(m);
}

/* One of four is lost in each phase.  Of its masked vector all is in the sum, or nothing. */
static void a_site_that_is_lost_in_any_phase_costs_the_round_its_part_at_most(void **state)
{
    static const an_round_state phases[] = {AN_ROUND_INVITING, AN_ROUND_SHARING, AN_ROUND_COLLECTING,
                                            AN_ROUND_SIGNING, AN_ROUND_REVEALING};
    for (size_t k = 0; k < sizeof phases / sizeof *phases; k++) {
        an_federation_setup_kind(state, &(an_federation_kind){.sites = 4});
        world *w = *state;
        an_hash result;
        bool same = false;
        an_note why = {{0}};
        connect_all(w);
        campaign(w, AN_CAMPAIGN_TRAINING);
        const uint64_t id = an_hub_state(w->hub)->rounds.items[0].id;
        while (an_hub_round_open(w->hub, id)->state != phases[k])
            step(w);
        w->sites[3].cut = true;
        for (int seconds = 0; seconds < 400 && an_hub_round_open(w->hub, id); seconds++)
            pass(w, 1000);
        const an_round_entry *e = an_state_round(an_hub_state(w->hub), id);
        if (!e->over || !e->committed)
            fail_msg("lost in %s: %s", an_round_state_name(phases[k]), e->reason);
        assert_int_equal(e->n_updates, phases[k] <= AN_ROUND_COLLECTING ? 3 : 4);
        if (replay(w, id, &result, &same, &why) != AN_OK)
            fail_msg("%s", why.text);
        assert_true(same);
        an_federation_teardown(state);
    }
}

static int four_sites(void **state)
{
    an_federation_setup_kind(state, &(an_federation_kind){.sites = 4});
    return 0;
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, four_sites, an_federation_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(invented_sites_fill_no_cohort),
        TEST(a_cohort_below_the_sites_minimum_is_refused),
        TEST(weak_terms_are_refused),
        TEST(a_trusted_round_is_refused_unless_the_site_allows_it),
        TEST(a_changed_plan_for_the_same_round_is_refused),
        TEST(no_round_is_begun_twice),
        TEST(rosters_that_are_forged_or_old_are_refused),
        TEST(a_cohort_too_small_for_the_rosters_colluders_is_refused),
        TEST(a_campaign_waits_for_what_the_roster_asks_and_says_so),
        cmocka_unit_test_teardown(a_campaign_that_waits_for_a_signature_names_the_site,
                                  an_federation_teardown),
        cmocka_unit_test_teardown(a_roster_that_has_expired_makes_no_sum, an_federation_teardown),
        TEST(what_is_asked_for_again_without_end_is_not_answered),
        TEST(what_a_crash_has_left_is_swept),
        TEST(a_site_goes_on_after_a_restart_though_the_roster_was_replaced),
        cmocka_unit_test(a_site_that_is_lost_in_any_phase_costs_the_round_its_part_at_most),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_log_init(AN_LOG_OFF, "test_secure_coordinator");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
