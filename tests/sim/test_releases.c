/* Releases end to end, with a root that the coordinator does not have; and a coordinator that is in a thief's
 * hands and tries what its online key and its place on the wire let it try.  The site refuses each, says why,
 * keeps a line of its journal, and reports it. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "doors/crypto.h"
#include "tests/support/releases.h"

static int setup(void **state)
{
    static const an_federation_kind kind = {.offline = true};
    an_federation_setup_kind(state, &kind);
    return 0;
}

/* ---- the flow ---- */

static void a_promotion_waits_for_the_root_and_no_site_acts_on_a_candidate(void **state)
{
    world *w = *state;
    an_note waiting;
    an_hash version, overlay;
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    pass(w, 60000);
    const an_campaign *c = an_state_campaign(an_hub_state(w->hub), id);
    assert_int_equal(c->state, AN_CAMPAIGN_PASSED); /* judged by the sites, and good */
    an_hub_campaign_waiting(w->hub, c, &waiting);
    assert_non_null(strstr(waiting.text, "waits for the release root's signature"));
    for (size_t i = 0; i < w->n; i++) {
        assert_false(an_session_running(w->sites[i].session, "line-1", &version, &overlay));
        assert_int_equal(w->sites[i].live, 0);
    }
    kill_hub(w); /* what waits survives */
    start_hub(w);
    connect_all(w);
    pass(w, 10000);
    assert_int_equal(n_waiting(w), 1);
    sign_all(w);
    assert_promoted(w, id);
    assert_int_equal(n_waiting(w), 0);
}

static void a_release_that_another_key_signed_is_not_taken_by_the_coordinator(void **state)
{
    world *w = *state;
    an_release r;
    an_signed s;
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    pass(w, 60000);
    const an_release_wait wait = an_hub_state(w->hub)->waits.items[0];
    assert_int_equal(an_hub_release_draft(w->hub, &wait, &r, NULL), AN_OK);
    seal_release(&s, &r, w->sign_public, w->sign_secret);
    assert_int_equal(an_hub_release_sign(w->hub, "user/admin", wait.id, &s, NULL), AN_ERR_AUTH);
    r.counter += 5;
    seal_release(&s, &r, w->root_public, w->root_secret);
    assert_int_equal(an_hub_release_sign(w->hub, "user/admin", wait.id, &s, NULL), AN_ERR_STATE);
    assert_int_equal(n_waiting(w), 1);
}

static void within_a_delegation_campaigns_promote_by_themselves_until_it_is_used_up(void **state)
{
    world *w = *state;
    an_delegation d;
    an_signed s;
    first_release(w);
    delegate(w, 2, 30 * DAY, &d, &s);
    for (size_t i = 0; i < 2; i++) {
        const uint64_t id = campaign(w, AN_CAMPAIGN_INCREMENTAL);
        settle(w);
        pass(w, 60000);
        assert_promoted(w, id);
        assert_int_equal(an_state_model(an_hub_state(w->hub), "pump")->use, i + 1);
    }
    campaign(w, AN_CAMPAIGN_INCREMENTAL);
    pass(w, 60000);
    assert_int_equal(n_waiting(w), 1);
    assert_non_null(strstr(an_hub_state(w->hub)->waits.items[1].reason, "used up"));
    /* Another one from the new production on lets the coordinator sign what waits. */
    delegate(w, 5, 30 * DAY, &d, &s);
    settle(w);
    assert_int_equal(n_waiting(w), 0);
    assert_int_equal(an_state_model(an_hub_state(w->hub), "pump")->delegation, 2);
    const an_hash runs = production(w);
    for (size_t i = 0; i < w->n; i++)
        assert_true(an_hash_equal(&w->sites[i].runs, &runs));
}

static void a_site_whose_policy_refuses_delegations_keeps_what_it_runs(void **state)
{
    world *w = *state;
    an_delegation d;
    an_signed s;
    first_release(w);
    const an_hash first = production(w);
    assert_int_equal(an_site_policy_set(&w->sites[1].policy, "allow.delegation", "no", "test", NULL), AN_OK);
    delegate(w, 2, 30 * DAY, &d, &s);
    campaign(w, AN_CAMPAIGN_INCREMENTAL);
    pass(w, 60000);
    const an_hash second = production(w);
    assert_false(an_hash_equal(&first, &second));
    assert_true(an_hash_equal(&w->sites[0].runs, &second));
    assert_refused(w, &w->sites[1], &first, "allow.delegation is no");
}

/* ---- a coordinator in a thief's hands ---- */

static void old_statements_and_wrong_keys_are_refused(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
    an_signed sig;
    first_release(w);
    const an_hash runs = production(w), evil = make_version(w, WEIGHTS);
    an_release r = statement(w, &evil, 99);
    seal_release(&sig, &r, w->sign_public, w->sign_secret);
    push(w, s, &sig, NULL, &evil, 99, AN_ALIAS_PRODUCTION, AN_OK);
    assert_refused(w, s, &runs, "not signed by the release root");
    push(w, s, &sig, NULL, &evil, 99, AN_ALIAS_CANARY, AN_OK);
    /* What the root has signed long ago is no reason to go back. */
    r = statement(w, &evil, 1);
    seal_release(&sig, &r, w->root_public, w->root_secret);
    push(w, &w->sites[1], &sig, NULL, &evil, 1, AN_ALIAS_PRODUCTION, AN_OK); /* the counter it followed: 1 */
    assert_true(an_hash_equal(&w->sites[1].runs, &runs));
    r = statement(w, &runs, 7);
    seal_release(&sig, &r, w->root_public, w->root_secret);
    push(w, &w->sites[1], &sig, NULL, &runs, 7, AN_ALIAS_PRODUCTION, AN_OK);
    r = statement(w, &evil, 6);
    seal_release(&sig, &r, w->root_public, w->root_secret);
    push(w, &w->sites[1], &sig, NULL, &evil, 6, AN_ALIAS_PRODUCTION, AN_ERR_STATE);
    assert_refused(w, &w->sites[1], &runs, "statement 6 is older than 7");
    /* A statement says one thing and the message another. */
    r = statement(w, &runs, 8);
    seal_release(&sig, &r, w->root_public, w->root_secret);
    push(w, &w->sites[2], &sig, NULL, &evil, 8, AN_ALIAS_PRODUCTION, AN_OK);
    assert_refused(w, &w->sites[2], &runs, "the message says other than its release statement");
}

static void a_candidate_is_never_run_whoever_signed_it(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
    an_signed sig;
    an_buf text;
    an_candidate c = {.model = "pump"};
    first_release(w);
    const an_hash runs = production(w), evil = make_version(w, WEIGHTS);
    const unsigned live = s->live;
    c.version = evil;
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    assert_int_equal(an_candidate_text(&c, &text), AN_OK);
    seal(&sig, &text, AN_CANDIDATE_CONTEXT, w->sign_public, w->sign_secret);
    push(w, s, &sig, NULL, &evil, 99, AN_ALIAS_CANDIDATE, AN_OK);
    push(w, s, &sig, NULL, &evil, 99, AN_ALIAS_PRODUCTION, AN_OK); /* not a release statement */
    an_release r = statement(w, &evil, 99);
    seal_release(&sig, &r, w->root_public, w->root_secret);
    push(w, s, &sig, NULL, &evil, 99, AN_ALIAS_CANDIDATE, AN_ERR_PROTO);
    pass(w, 5000);
    assert_int_equal(s->live, live);
    assert_true(an_hash_equal(&s->runs, &runs));
}

static void beyond_each_limit_of_a_delegation_nothing_is_followed(void **state)
{
    world *w = *state;
    an_delegation d, other;
    an_signed s, signed_other;
    first_release(w);
    const an_hash runs = production(w);
    delegate(w, 3, 30 * DAY, &d, &s);
    an_hash v = make_version(w, ARCHITECTURE);
    push_delegated(w, &w->sites[0], &d, &s, &v, 20, 1);
    assert_refused(w, &w->sites[0], &runs, "another architecture than delegation 1 allows");
    v = make_version(w, PREPROCESSING);
    push_delegated(w, &w->sites[0], &d, &s, &v, 21, 1);
    assert_refused(w, &w->sites[0], &runs, "another preprocessing than delegation 1 allows");
    v = make_version(w, PARENT);
    push_delegated(w, &w->sites[0], &d, &s, &v, 22, 1);
    assert_refused(w, &w->sites[0], &runs, "does not come from the ancestor");
    v = make_version(w, WEIGHTS);
    push_delegated(w, &w->sites[0], &d, &s, &v, 23, 4);
    assert_refused(w, &w->sites[0], &runs, "allows 3 statements, this is number 4");
    /* Another family, another key, and one that the online key made for itself. */
    other = d;
    snprintf(other.models, sizeof other.models, "press-*");
    seal_delegation(&signed_other, &other, w->root_public, w->root_secret);
    push_delegated(w, &w->sites[1], &other, &signed_other, &v, 24, 1);
    assert_refused(w, &w->sites[1], &runs, "covers press-*, not model pump");
    other = d;
    other.count = 1000;
    seal_delegation(&signed_other, &other, w->sign_public, w->sign_secret);
    push_delegated(w, &w->sites[2], &other, &signed_other, &v, 25, 1);
    assert_refused(w, &w->sites[2], &runs, "the delegation is not signed by the release root");
    /* Within all of them it is followed, so what was refused was refused for its reason. */
    push_delegated(w, &w->sites[3 % w->n], &d, &s, &v, 26, 1);
    assert_true(an_hash_equal(&w->sites[3 % w->n].runs, &v));
}

static void a_site_fetches_the_versions_between_a_release_and_its_ancestor(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
    an_delegation d;
    an_signed sig;
    first_release(w);
    delegate(w, 3, 30 * DAY, &d, &sig);
    const an_hash first = make_version(w, WEIGHTS), second = make_child(w, &first, WEIGHTS),
                  third = make_child(w, &second, WEIGHTS), orphan = make_version(w, PARENT),
                  child = make_child(w, &orphan, WEIGHTS);
    push_delegated(w, s, &d, &sig, &third, 20, 1);
    pass(w, 10000);
    assert_true(an_hash_equal(&s->runs, &third));
    push_delegated(w, s, &d, &sig, &child, 21, 2);
    pass(w, 10000);
    assert_refused(w, s, &third, "does not come from the ancestor");
}

static void no_more_statements_than_the_delegation_counts_are_followed(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
    an_delegation d;
    an_signed sig;
    first_release(w);
    delegate(w, 2, 30 * DAY, &d, &sig);
    const an_hash a = production(w), b = make_version(w, WEIGHTS);
    push_delegated(w, s, &d, &sig, &b, 20, 1);
    assert_true(an_hash_equal(&s->runs, &b));
    push_delegated(w, s, &d, &sig, &a, 21, 1); /* the number twice */
    assert_refused(w, s, &b, "is not after 1, which was followed");
    push_delegated(w, s, &d, &sig, &a, 22, 2);
    assert_true(an_hash_equal(&s->runs, &a));
    kill_site(s); /* what was followed is counted over a restart */
    start_site(s);
    an_session_connected(s->session);
    settle(w);
    push_delegated(w, s, &d, &sig, &b, 23, 2);
    push_delegated(w, s, &d, &sig, &b, 24, 3);
    assert_refused(w, s, &a, "is not after 2, which was followed");
}

static void what_has_expired_or_was_revoked_is_not_newly_followed(void **state)
{
    world *w = *state;
    an_delegation d, e;
    an_signed sig, later, revoked;
    an_buf text;
    first_release(w);
    const an_hash runs = production(w), v = make_version(w, WEIGHTS);
    delegate(w, 5, 3600000, &d, &sig);
    delegate(w, 5, 30 * DAY, &e, &later);
    pass(w, 3600000);
    push_delegated(w, &w->sites[0], &d, &sig, &v, 20, 1);
    assert_refused(w, &w->sites[0], &runs, "delegation 1 has expired");
    an_revocation r = {.expires_ms = e.expires_ms, .issued_ms = now(w)};
    an_statement_hash(&r.delegation, &later);
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    assert_int_equal(an_revocation_text(&r, &text), AN_OK);
    seal(&revoked, &text, AN_REVOCATION_CONTEXT, w->root_public, w->root_secret);
    kill_site(&w->sites[2]);
    assert_int_equal(an_hub_delegation_revoke(w->hub, "user/admin", &revoked, NULL), AN_OK);
    settle(w);
    push_delegated(w, &w->sites[1], &e, &later, &v, 21, 1);
    assert_refused(w, &w->sites[1], &runs, "delegation 2 was revoked");
    start_site(&w->sites[2]); /* it was away, and hears of it when it comes back */
    an_session_connected(w->sites[2].session);
    settle(w);
    push_delegated(w, &w->sites[2], &e, &later, &v, 22, 1);
    assert_true(an_hash_equal(&w->sites[2].runs, &runs));
    assert_true(journal_says(&w->sites[2], "delegation 2 was revoked"));
    /* And the coordinator itself uses neither. */
    campaign(w, AN_CAMPAIGN_INCREMENTAL);
    pass(w, 60000);
    assert_int_equal(n_waiting(w), 1);
}

static void a_site_that_is_kept_from_newer_statements_says_so_and_goes_on(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
    an_signed sig;
    int64_t since = 0;
    first_release(w);
    const an_hash runs = production(w), v = make_version(w, WEIGHTS);
    an_release r = statement(w, &v, 30);
    r.expires_ms = now(w) + 1000;
    seal_release(&sig, &r, w->root_public, w->root_secret);
    pass(w, 2000);
    push(w, s, &sig, NULL, &v, 30, AN_ALIAS_PRODUCTION, AN_OK);
    assert_refused(w, s, &runs, "release 30 has expired");
    assert_false(an_session_stale(s->session, "line-1", &since));
    an_clock_fake_advance(&w->clock, YEAR);
    an_session_tick(s->session);
    settle(w);
    assert_true(an_session_stale(s->session, "line-1", &since));
    assert_true(since > 0 && since <= now(w));
    assert_true(journal_says(s, "release 1 has expired: this site may be kept from newer versions"));
    connect_all(w);
    pass(w, 10000);
    assert_string_equal(an_hub_live_find(w->hub, s->name)->state, "idle, release expired");
    assert_true(an_hash_equal(&s->runs, &runs));
}

static void a_release_that_ends_soon_waits_to_be_signed_anew(void **state)
{
    world *w = *state;
    first_release(w);
    an_clock_fake_advance(&w->clock, 300 * DAY);
    pass(w, 10000);
    assert_int_equal(n_waiting(w), 1);
    connect_all(w);
    sign_all(w);
    pass(w, 10000);
    assert_int_equal(n_waiting(w), 0);
    an_clock_fake_advance(&w->clock, 100 * DAY); /* beyond the first statement's end */
    an_session_tick(w->sites[0].session);
    int64_t since;
    assert_false(an_session_stale(w->sites[0].session, "line-1", &since));
}

/* ---- rotation ---- */

static void a_delegation_is_not_used_up_by_renewing_what_it_cannot_make_last(void **state)
{
    world *w = *state;
    an_delegation d;
    an_signed s;
    first_release(w);
    delegate(w, 50, 30 * DAY, &d, &s);
    const uint64_t id = campaign(w, AN_CAMPAIGN_INCREMENTAL);
    pass(w, 60000);
    assert_promoted(w, id);
    an_clock_fake_advance(&w->clock, 25 * DAY);
    pass(w, 30000);
    assert_int_equal(an_state_model(an_hub_state(w->hub), "pump")->use, 1);
    assert_int_equal(n_waiting(w), 1); /* the root can make it last */
    delegate(w, 50, 90 * DAY, &d, &s);
    connect_all(w);
    pass(w, 30000);
    const an_model_entry *m = an_state_model(an_hub_state(w->hub), "pump");
    assert_int_equal(m->delegation, 2);
    assert_int_equal(m->use, 1);
    assert_int_equal(n_waiting(w), 0);
}

static void a_coordinator_that_is_its_own_root_renews_by_itself(void **state)
{
    world *w = *state;
    int64_t since;
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    pass(w, 60000);
    assert_int_equal(an_state_model(an_hub_state(w->hub), "pump")->counter, 1);
    an_clock_fake_advance(&w->clock, 300 * DAY);
    pass(w, 10000);
    assert_int_equal(an_state_model(an_hub_state(w->hub), "pump")->counter, 2);
    connect_all(w);
    an_clock_fake_advance(&w->clock, 100 * DAY);
    for (size_t i = 0; i < w->n; i++)
        assert_false(an_session_stale(w->sites[i].session, "line-1", &since));
    assert_int_equal(n_waiting(w), 0);
}

static void the_root_is_replaced_and_sites_that_were_away_follow_the_chain(void **state)
{
    world *w = *state;
    site *away = &w->sites[1];
    uint8_t first[AN_SIGN_PUBLIC_BYTES];
    an_signed link;
    pair next[2];
    first_release(w);
    memcpy(first, w->root_public, sizeof first);
    const an_hash runs = production(w);
    kill_site(away);
    for (size_t i = 0; i < 2; i++) {
        an_sign_keypair(next[i].public_key, next[i].secret);
        rotate(w, &next[i], &link);
    }
    assert_int_equal(n_waiting(w), 1); /* what runs is signed anew, by the new root */
    sign_all(w);
    assert_int_equal(an_session_root(w->sites[0].session).number, 2);
    kill_hub(w);
    memcpy(w->root_public, first, sizeof first); /* as the configuration and the enrolment still say */
    start_hub(w);
    start_site(away);
    connect_all(w);
    assert_int_equal(an_session_root(away->session).number, 2);
    assert_memory_equal(an_session_root(away->session).key, next[1].public_key, sizeof first);
    assert_true(an_hash_equal(&away->runs, &runs));
    kill_site(away); /* the chain is kept */
    start_site(away);
    assert_int_equal(an_session_root(away->session).number, 2);
    an_session_connected(away->session);
    settle(w);
    /* What the old root signs is worth nothing now. */
    an_signed sig;
    an_release r = statement(w, &runs, 50);
    an_sign_keypair(w->root_public, w->root_secret);
    seal_release(&sig, &r, w->root_public, w->root_secret);
    push(w, away, &sig, NULL, &runs, 50, AN_ALIAS_PRODUCTION, AN_OK);
    assert_true(journal_says(away, "not signed by the release root"));
}

/* A thief drives the counter to its end, so that the site would never follow anything again. */
static void a_counter_that_a_thief_has_driven_up_is_forgotten_with_the_root(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
    an_delegation d;
    an_signed sig, link;
    pair next;
    uint8_t first[AN_SIGN_PUBLIC_BYTES];
    first_release(w);
    memcpy(first, w->root_public, sizeof first);
    const an_hash good = production(w), evil = make_version(w, WEIGHTS);
    delegate(w, 5, 30 * DAY, &d, &sig);
    push_delegated(w, s, &d, &sig, &evil, UINT64_MAX, 1);
    assert_true(an_hash_equal(&s->runs, &evil));
    const an_release r = statement(w, &good, 9);
    an_signed release;
    seal_release(&release, &r, w->root_public, w->root_secret);
    push(w, s, &release, NULL, &good, 9, AN_ALIAS_PRODUCTION, AN_ERR_STATE);
    assert_true(an_hash_equal(&s->runs, &evil));
    an_sign_keypair(next.public_key, next.secret);
    rotate(w, &next, &link);
    memcpy(w->root_public, first, sizeof first); /* as the site was enrolled */
    kill_site(s);                                /* the spool has the chain, and whose the counters are */
    start_site(s);
    an_session_connected(s->session);
    settle(w);
    memcpy(w->root_public, next.public_key, sizeof first);
    sign_all(w);
    assert_true(an_hash_equal(&s->runs, &good));
    push(w, s, &release, NULL, &good, 9, AN_ALIAS_PRODUCTION, AN_OK); /* signed by the old root */
    assert_true(journal_says(s, "not signed by the release root"));
}

static void forged_and_replayed_rotations_are_refused(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
    an_signed link, good;
    pair thief, next, online;
    an_note why = {{0}};
    first_release(w);
    an_sign_keypair(thief.public_key, thief.secret);
    an_sign_keypair(next.public_key, next.secret);
    memcpy(online.public_key, w->sign_public, sizeof online.public_key);
    memcpy(online.secret, w->sign_secret, sizeof online.secret);
    make_link(w, &link, 1, w->root_public, &thief, &online); /* signed by the online key, not by the root */
    assert_int_equal(tell(w, s, &link, &why), AN_ERR_AUTH);
    assert_true(journal_says(s, "not signed by the old key"));
    make_link(w, &link, 1, online.public_key, &thief, &online); /* from another root than is known */
    assert_int_equal(tell(w, s, &link, &why), AN_ERR_AUTH);
    assert_true(journal_says(s, "another key than the one known here"));
    assert_int_equal(an_session_root(s->session).number, 0);
    rotate(w, &next, &good);
    assert_int_equal(an_session_root(s->session).number, 1);
    assert_int_equal(tell(w, s, &good, &why), AN_ERR_STATE); /* again */
    assert_true(journal_says(s, "rotation 1 of the release root does not follow number 1"));
    make_link(w, &link, 3, next.public_key, &thief, &next); /* one link is left out */
    assert_int_equal(tell(w, s, &link, &why), AN_ERR_STATE);
    assert_int_equal(an_session_root(s->session).number, 1);
    assert_int_equal(an_hub_root_rotate(w->hub, "user/admin", &good, &why), AN_ERR_STATE);
}

static void a_coordinator_that_was_its_own_root_gets_one_that_it_does_not_have(void **state)
{
    world *w = *state;
    pair next;
    an_note waiting;
    an_signed link;
    an_root_link l = {.number = 1, .issued_ms = now(w)};
    an_buf text;
    connect_all(w);
    uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    pass(w, 60000);
    assert_promoted(w, id); /* nobody had to sign */
    assert_true(an_hub_root_is_online(w->hub));
    an_sign_keypair(next.public_key, next.secret);
    memcpy(l.from, w->root_public, sizeof l.from);
    memcpy(l.to, next.public_key, sizeof l.to);
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    assert_int_equal(an_root_link_text(&l, &text), AN_OK);
    seal(&link, &text, AN_ROOT_CONTEXT, next.public_key,
         next.secret); /* the coordinator adds the old one's */
    assert_int_equal(an_hub_root_rotate(w->hub, "user/admin", &link, NULL), AN_OK);
    settle(w);
    assert_false(an_hub_root_is_online(w->hub));
    memcpy(w->root_public, next.public_key, sizeof w->root_public);
    memcpy(w->root_secret, next.secret, sizeof w->root_secret);
    assert_int_equal(n_waiting(w), 1);
    sign_all(w);
    id = campaign(w, AN_CAMPAIGN_INCREMENTAL);
    pass(w, 60000);
    assert_int_equal(n_waiting(w), 0);
    an_hub_campaign_waiting(w->hub, an_state_campaign(an_hub_state(w->hub), id), &waiting);
    assert_non_null(strstr(waiting.text, "roster")); /* the new root has signed no sites yet */
    sign_roster(w);
    pass(w, 60000);
    assert_int_equal(n_waiting(w), 1);
}

static void a_site_may_refuse_a_coordinator_that_is_its_own_root(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
    static const char *const policy[][2] = {
        {"privacy", "trusted"}}; /* it takes no roster of that root, either */
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", policy, 1, NULL), AN_OK);
    assert_int_equal(an_site_policy_set(&s->policy, "allow.online_root", "no", "test", NULL), AN_OK);
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    pass(w, 60000);
    const an_hash none = {{0}};
    assert_refused(w, s, &none, "allow.online_root is no");
    const an_hash runs = production(w);
    assert_true(an_hash_equal(&w->sites[1].runs, &runs));
}

#define OFFLINE(test) cmocka_unit_test_setup_teardown(test, setup, an_federation_teardown)
#define ONLINE(test) cmocka_unit_test_setup_teardown(test, an_federation_setup, an_federation_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OFFLINE(a_promotion_waits_for_the_root_and_no_site_acts_on_a_candidate),
        OFFLINE(a_release_that_another_key_signed_is_not_taken_by_the_coordinator),
        OFFLINE(within_a_delegation_campaigns_promote_by_themselves_until_it_is_used_up),
        OFFLINE(a_site_whose_policy_refuses_delegations_keeps_what_it_runs),
        OFFLINE(old_statements_and_wrong_keys_are_refused),
        OFFLINE(a_candidate_is_never_run_whoever_signed_it),
        OFFLINE(beyond_each_limit_of_a_delegation_nothing_is_followed),
        OFFLINE(a_site_fetches_the_versions_between_a_release_and_its_ancestor),
        OFFLINE(no_more_statements_than_the_delegation_counts_are_followed),
        OFFLINE(what_has_expired_or_was_revoked_is_not_newly_followed),
        OFFLINE(a_site_that_is_kept_from_newer_statements_says_so_and_goes_on),
        OFFLINE(a_release_that_ends_soon_waits_to_be_signed_anew),
        OFFLINE(a_delegation_is_not_used_up_by_renewing_what_it_cannot_make_last),
        ONLINE(a_coordinator_that_is_its_own_root_renews_by_itself),
        OFFLINE(the_root_is_replaced_and_sites_that_were_away_follow_the_chain),
        OFFLINE(a_counter_that_a_thief_has_driven_up_is_forgotten_with_the_root),
        OFFLINE(forged_and_replayed_rotations_are_refused),
        ONLINE(a_coordinator_that_was_its_own_root_gets_one_that_it_does_not_have),
        ONLINE(a_site_may_refuse_a_coordinator_that_is_its_own_root),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_log_init(AN_LOG_OFF, "test_releases");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
