/* Statements of a rollout that lapse while it is under way: expired, or their delegation revoked. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "doors/crypto.h"
#include "tests/support/rollouts.h"

static int setup(void **state)
{
    const an_federation_kind kind = {.sites = 5, .offline = true};
    an_federation_setup_kind(state, &kind);
    return 0;
}

static void revoke(world *w, const an_delegation *d, const an_signed *of)
{
    an_revocation r = {.expires_ms = d->expires_ms, .issued_ms = now(w)};
    an_signed revoked;
    an_buf text;
    an_statement_hash(&r.delegation, of);
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    assert_int_equal(an_revocation_text(&r, &text), AN_OK);
    seal(&revoked, &text, AN_REVOCATION_CONTEXT, w->root_public, w->root_secret);
    assert_int_equal(an_hub_delegation_revoke(w->hub, "user/admin", &revoked, NULL), AN_OK);
    settle(w);
}

/* It stands still: who has the version keeps it, nobody else is told, and nobody counts as failed. */
static void assert_lapsed(world *w, const an_hash *v)
{
    pass(w, 60000);
    assert_state(w, AN_ROLLOUT_WAITING, 0);
    assert_int_equal(rollout(w)->wait, AN_ROLLOUT_FOR_SIGNATURE);
    assert_int_equal(n_running(w, v), 2);
    assert_int_equal(an_rollout_count(rollout(w), UINT32_MAX).failed, 0);
    assert_true(n_waiting(w) > 0);
    for (size_t i = 0; i < w->n; i++)
        assert_false(reported(w, &w->sites[i], "REFUSED") || reported(w, &w->sites[i], "refused"));
}

static void by_a_delegation_that_was_revoked_no_site_is_told(void **state)
{
    world *w = *state;
    an_delegation d;
    an_signed s;
    ready(w, "2, all");
    delegate(w, 10, 30 * DAY, &d, &s);
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    assert_state(w, AN_ROLLOUT_RUNNING, 0);
    assert_int_equal(n_running(w, &v), 2);
    revoke(w, &d, &s);
    assert_lapsed(w, &v);
    sign_all(w);
    pass(w, 60000);
    assert_int_equal(n_running(w, &v), 5);
    assert_int_equal(rollout(w)->state, AN_ROLLOUT_DONE);
}

static void by_a_statement_that_has_expired_no_site_is_told(void **state)
{
    world *w = *state;
    an_delegation d;
    an_signed s;
    ready(w, "2, all");
    delegate(w, 10, 15000, &d, &s);
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    assert_int_equal(n_running(w, &v), 2);
    assert_lapsed(w, &v);
    sign_all(w);
    pass(w, 60000);
    assert_int_equal(rollout(w)->state, AN_ROLLOUT_DONE);
}

/* Sites that come new could not follow it; those that run it go on. */
static void production_is_signed_anew_when_its_delegation_is_revoked(void **state)
{
    world *w = *state;
    an_delegation d;
    an_signed s;
    ready(w, "all");
    delegate(w, 10, 30 * DAY, &d, &s);
    const an_hash old = production(w), v = version_of(w, &old);
    promote(w, &v);
    pass(w, 30000);
    assert_int_equal(rollout(w)->state, AN_ROLLOUT_DONE);
    assert_int_equal(n_waiting(w), 0);
    revoke(w, &d, &s);
    pass(w, 2000);
    assert_int_equal(n_waiting(w), 1);
    sign_all(w);
    pass(w, 2000);
    assert_int_equal(n_waiting(w), 0);
    assert_int_equal(n_running(w, &v), 5);
}

/* ---- the site ---- */

static void what_expires_on_its_way_is_not_followed(void **state)
{
    world *w = *state;
    ready(w, "all");
    site *s = &w->sites[0];
    const an_hash old = production(w), v = make_version(w, WEIGHTS);
    an_signed sealed;
    an_release r = statement(w, &v, 20);
    r.expires_ms = now(w) + 300000;
    seal_release(&sealed, &r, w->root_public, w->root_secret);
    w->kind.run = no_overlay; /* it will try again in ten minutes */
    push(w, s, &sealed, NULL, &v, 20, AN_ALIAS_CANARY, AN_OK);
    assert_refused(w, s, &old, "too little data");
    w->kind.run = NULL;
    for (unsigned i = 0; i < 25; i++)
        pass(w, 60000);
    assert_true(an_hash_equal(&s->runs, &old));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, an_federation_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(by_a_delegation_that_was_revoked_no_site_is_told),
        TEST(by_a_statement_that_has_expired_no_site_is_told),
        TEST(production_is_signed_anew_when_its_delegation_is_revoked),
        TEST(what_expires_on_its_way_is_not_followed),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_log_init(AN_LOG_OFF, "test_rollouts_lapse");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
