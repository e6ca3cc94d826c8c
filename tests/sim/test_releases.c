/* Releases end to end, with a root that the coordinator does not have; and a coordinator that is in a thief's
 * hands and tries what its online key and its place on the wire let it try.  The site refuses each, says why,
 * keeps a line of its journal, and reports it. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "doors/crypto.h"
#include "models/bundle_form.h"
#include "tests/support/federation.h"
#include "trust/release.h"

#define DAY INT64_C(86400000)
#define YEAR (365 * DAY)

static int setup(void **state)
{
    static const an_federation_kind kind = {.offline = true};
    an_federation_setup_kind(state, &kind);
    return 0;
}

static int64_t now(const world *w)
{
    return w->clock.clock.wall_ms(&w->clock.clock);
}

/* ---- what the people with the root key do ---- */

static void seal(an_signed *ret, an_buf *text, const char *context, const uint8_t *public_key,
                 const uint8_t *secret)
{
    assert_int_equal(an_signed_set(ret, text->data, text->len, NULL, 0, NULL), AN_OK);
    assert_int_equal(an_signed_add(ret, context, public_key, secret), AN_OK);
    an_buf_done(text);
}

static void seal_release(an_signed *ret, const an_release *r, const uint8_t *public_key,
                         const uint8_t *secret)
{
    an_buf text;
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    assert_int_equal(an_release_text(r, &text), AN_OK);
    seal(ret, &text, AN_RELEASE_CONTEXT, public_key, secret);
}

static void seal_delegation(an_signed *ret, const an_delegation *d, const uint8_t *public_key,
                            const uint8_t *secret)
{
    an_buf text;
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    assert_int_equal(an_delegation_text(d, &text), AN_OK);
    seal(ret, &text, AN_DELEGATION_CONTEXT, public_key, secret);
}

static size_t n_waiting(const world *w)
{
    size_t n = 0;
    const an_state *st = an_hub_state(w->hub);
    for (size_t i = 0; i < st->waits.n; i++)
        n += st->waits.items[i].open;
    return n;
}

static void sign_all(world *w)
{
    an_note why = {{0}};
    for (size_t i = 0; i < an_hub_state(w->hub)->waits.n; i++) {
        const an_release_wait wait = an_hub_state(w->hub)->waits.items[i];
        an_release r;
        an_signed s;
        if (!wait.open)
            continue;
        assert_int_equal(an_hub_release_draft(w->hub, &wait, &r, &why), AN_OK);
        seal_release(&s, &r, w->root_public, w->root_secret);
        if (an_hub_release_sign(w->hub, "user/admin", wait.id, &s, &why) != AN_OK)
            fail_msg("%s", why.text);
    }
    settle(w);
}

static void delegate(world *w, uint64_t count, int64_t valid_ms, an_delegation *ret, an_signed *ret_signed)
{
    an_note why = {{0}};
    assert_int_equal(an_hub_delegation_draft(w->hub, "pump", ret, NULL), AN_OK);
    ret->count = count;
    ret->expires_ms = now(w) + valid_ms;
    seal_delegation(ret_signed, ret, w->root_public, w->root_secret);
    if (an_hub_delegate(w->hub, "user/admin", ret_signed, &why) != AN_OK)
        fail_msg("%s", why.text);
    settle(w);
}

/* A version in production at every site, signed by the root. */
static void first_release(world *w)
{
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    pass(w, 60000);
    assert_int_equal(n_waiting(w), 1);
    sign_all(w);
    assert_promoted(w, id);
}

static an_hash production(world *w)
{
    return an_state_model(an_hub_state(w->hub), "pump")->alias[AN_ALIAS_PRODUCTION - 1];
}

/* ---- what the thief does ---- */

static void push(world *w, site *s, const an_signed *release, const an_signed *delegation,
                 const an_hash *version, uint64_t counter, an_alias alias, an_err want)
{
    an_msg m = {.type = AN_MSG_VERSION, .epoch = an_session_look(s->session).epoch};
    an_msg_version *v = &m.u.version;
    snprintf(v->model, sizeof v->model, "pump");
    v->version = *version;
    v->size = 1;
    v->alias = alias;
    v->counter = counter;
    v->statement = (an_bytes){.data = release->text, .len = release->len};
    v->n_signatures = release->n_signatures;
    memcpy(v->signatures, release->signatures, sizeof release->signatures);
    if (delegation) {
        v->delegation = (an_bytes){.data = delegation->text, .len = delegation->len};
        v->n_delegation_signatures = delegation->n_signatures;
        memcpy(v->delegation_signatures, delegation->signatures, sizeof delegation->signatures);
    }
    assert_int_equal(an_session_message(s->session, &m, NULL), want);
    settle(w);
}

static an_release statement(world *w, const an_hash *version, uint64_t counter)
{
    an_release r = {.model = "pump", .sites = "*", .version = *version, .counter = counter};
    r.issued_ms = now(w);
    r.expires_ms = now(w) + YEAR;
    return r;
}

static void push_delegated(world *w, site *s, const an_delegation *d, const an_signed *signed_d,
                           const an_hash *version, uint64_t counter, uint64_t use)
{
    an_signed release;
    an_release r = statement(w, version, counter);
    an_statement_hash(&r.delegation, signed_d);
    r.use = use;
    r.issued_ms = d->issued_ms;
    if (r.expires_ms > d->expires_ms)
        r.expires_ms = d->expires_ms;
    seal_release(&release, &r, w->sign_public, w->sign_secret);
    push(w, s, &release, signed_d, version, counter, AN_ALIAS_PRODUCTION, AN_OK);
}

/* A version that the thief makes: change says what of production it alters. */
typedef enum alter { WEIGHTS, ARCHITECTURE, PREPROCESSING, PARENT } alter;

static an_hash make_version(world *w, alter what)
{
    char path[AN_PATH_MAX];
    an_bundle b = {.arch = NULL};
    an_buf bytes;
    an_hash base = production(w), made;
    an_note why = {{0}};
    assert_int_equal(an_store_object_path(w->store, &base, path), AN_OK);
    assert_int_equal(an_bundle_read(&b, NULL, path, NULL), AN_OK);
    b.parent = base;
    b.weights[0] += 1;
    if (what == PARENT)
        memset(&b.parent, 0, sizeof b.parent);
    if (what == PREPROCESSING)
        b.prep.mean[0] += 5;
    if (what == ARCHITECTURE) /* it cannot change alone: a detector is part of it, too */
        an_detector_free(b.detector), b.detector = NULL;
    an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
    if (an_bundle_encode(&b, &bytes, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_int_equal(an_store_object_put(w->store, bytes.data, bytes.len, &made, NULL), AN_OK);
    an_buf_done(&bytes);
    an_bundle_done(&b);
    return made;
}

/* ---- what the site says ---- */

static bool journal_says(const site *s, const char *what)
{
    an_journal_row row;
    for (uint64_t at = 0; an_journal_next(s->spool, at, &row, NULL) == AN_OK; at = row.id)
        if (strstr(row.what, what))
            return true;
    return false;
}

typedef struct look {
    const char *what;
    bool found;
} look;

static an_err look_at(void *ctx, const an_record *record, an_note *why)
{
    (void)why;
    look *l = ctx;
    l->found = l->found || strstr(record->body, l->what) != NULL;
    return AN_OK;
}

static bool reported(const world *w, const site *s, const char *what)
{
    look l = {.what = what};
    const an_store_filter f = {.kind = "site.report", .subject = s->name};
    assert_int_equal(an_store_scan(w->store, &f, look_at, &l, NULL), AN_OK);
    return l.found;
}

static void assert_refused(const world *w, const site *s, const an_hash *runs, const char *what)
{
    if (!journal_says(s, what))
        fail_msg("the site's journal does not say \"%s\"", what);
    if (!reported(w, s, what))
        fail_msg("the site did not report \"%s\"", what);
    assert_true(an_hash_equal(&s->runs, runs));
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

typedef struct pair {
    uint8_t public_key[AN_SIGN_PUBLIC_BYTES], secret[AN_SIGN_SECRET_BYTES];
} pair;

static void make_link(world *w, an_signed *ret, uint64_t number, const uint8_t *from, const pair *to,
                      const pair *old)
{
    an_root_link link = {.number = number, .issued_ms = now(w)};
    an_buf text;
    memcpy(link.from, from, sizeof link.from);
    memcpy(link.to, to->public_key, sizeof link.to);
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    assert_int_equal(an_root_link_text(&link, &text), AN_OK);
    seal(ret, &text, AN_ROOT_CONTEXT, to->public_key, to->secret);
    assert_int_equal(an_signed_add(ret, AN_ROOT_CONTEXT, old->public_key, old->secret), AN_OK);
}

static void rotate(world *w, const pair *to, an_signed *ret)
{
    pair old;
    an_note why = {{0}};
    memcpy(old.public_key, w->root_public, sizeof old.public_key);
    memcpy(old.secret, w->root_secret, sizeof old.secret);
    make_link(w, ret, an_hub_root(w->hub).number + 1, w->root_public, to, &old);
    if (an_hub_root_rotate(w->hub, "user/admin", ret, &why) != AN_OK)
        fail_msg("%s", why.text);
    memcpy(w->root_public, to->public_key, sizeof w->root_public);
    memcpy(w->root_secret, to->secret, sizeof w->root_secret);
    settle(w);
}

static an_err tell(world *w, site *s, const an_signed *link, an_note *why)
{
    an_msg m = {.type = AN_MSG_TRUST, .epoch = an_session_look(s->session).epoch};
    m.u.trust.statement = (an_bytes){.data = link->text, .len = link->len};
    m.u.trust.n_signatures = link->n_signatures;
    memcpy(m.u.trust.signatures, link->signatures, sizeof link->signatures);
    an_err err = an_session_message(s->session, &m, why);
    settle(w);
    return err;
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
    campaign(w, AN_CAMPAIGN_INCREMENTAL);
    pass(w, 60000);
    assert_int_equal(n_waiting(w), 1);
}

static void a_site_may_refuse_a_coordinator_that_is_its_own_root(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
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
        OFFLINE(no_more_statements_than_the_delegation_counts_are_followed),
        OFFLINE(what_has_expired_or_was_revoked_is_not_newly_followed),
        OFFLINE(a_site_that_is_kept_from_newer_statements_says_so_and_goes_on),
        OFFLINE(a_release_that_ends_soon_waits_to_be_signed_anew),
        OFFLINE(the_root_is_replaced_and_sites_that_were_away_follow_the_chain),
        OFFLINE(forged_and_replayed_rotations_are_refused),
        ONLINE(a_coordinator_that_was_its_own_root_gets_one_that_it_does_not_have),
        ONLINE(a_site_may_refuse_a_coordinator_that_is_its_own_root),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_log_init(AN_LOG_OFF, "test_releases");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
