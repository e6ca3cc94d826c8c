#include "tests/support/releases.h"

#include <stdio.h>
#include <string.h>

#include "doors/crypto.h"

int64_t now(const world *w)
{
    return w->clock.clock.wall_ms(&w->clock.clock);
}

/* ---- what the people with the root key do ---- */

void seal(an_signed *ret, an_buf *text, const char *context, const uint8_t *public_key, const uint8_t *secret)
{
    assert_int_equal(an_signed_set(ret, text->data, text->len, NULL, 0, NULL), AN_OK);
    assert_int_equal(an_signed_add(ret, context, public_key, secret), AN_OK);
    an_buf_done(text);
}

void seal_release(an_signed *ret, const an_release *r, const uint8_t *public_key, const uint8_t *secret)
{
    an_buf text;
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    assert_int_equal(an_release_text(r, &text), AN_OK);
    seal(ret, &text, AN_RELEASE_CONTEXT, public_key, secret);
}

void seal_delegation(an_signed *ret, const an_delegation *d, const uint8_t *public_key, const uint8_t *secret)
{
    an_buf text;
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    assert_int_equal(an_delegation_text(d, &text), AN_OK);
    seal(ret, &text, AN_DELEGATION_CONTEXT, public_key, secret);
}

size_t n_waiting(const world *w)
{
    size_t n = 0;
    const an_state *st = an_hub_state(w->hub);
    for (size_t i = 0; i < st->waits.n; i++)
        n += st->waits.items[i].open;
    return n;
}

void sign_all(world *w)
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

void delegate(world *w, uint64_t count, int64_t valid_ms, an_delegation *ret, an_signed *ret_signed)
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
void first_release(world *w)
{
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    pass(w, 60000);
    assert_int_equal(n_waiting(w), 1);
    sign_all(w);
    assert_promoted(w, id);
}

an_hash production(world *w)
{
    return an_state_model(an_hub_state(w->hub), "pump")->alias[AN_ALIAS_PRODUCTION - 1];
}

/* ---- what the thief does ---- */

void push(world *w, site *s, const an_signed *release, const an_signed *delegation, const an_hash *version,
          uint64_t counter, an_alias alias, an_err want)
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

an_release statement(world *w, const an_hash *version, uint64_t counter)
{
    an_release r = {.model = "pump", .sites = "*", .version = *version, .counter = counter};
    r.issued_ms = now(w);
    r.expires_ms = now(w) + YEAR;
    return r;
}

void push_delegated(world *w, site *s, const an_delegation *d, const an_signed *signed_d,
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

an_hash make_version(world *w, alter what)
{
    const an_hash base = production(w);
    return make_child(w, &base, what);
}

an_hash make_child(world *w, const an_hash *parent, alter what)
{
    char path[AN_PATH_MAX];
    an_bundle b = {.arch = NULL};
    an_buf bytes;
    an_hash made;
    an_note why = {{0}};
    assert_int_equal(an_store_object_path(w->store, parent, path), AN_OK);
    assert_int_equal(an_bundle_read(&b, NULL, path, NULL), AN_OK);
    b.parent = *parent;
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

bool reported(const world *w, const site *s, const char *what)
{
    look l = {.what = what};
    const an_store_filter f = {.kind = "site.report", .subject = s->name};
    assert_int_equal(an_store_scan(w->store, &f, look_at, &l, NULL), AN_OK);
    return l.found;
}

void assert_refused(const world *w, const site *s, const an_hash *runs, const char *what)
{
    if (!journal_says(s, what))
        fail_msg("the site's journal does not say \"%s\"", what);
    if (!reported(w, s, what))
        fail_msg("the site did not report \"%s\"", what);
    assert_true(an_hash_equal(&s->runs, runs));
}

void make_link(world *w, an_signed *ret, uint64_t number, const uint8_t *from, const pair *to,
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

void rotate(world *w, const pair *to, an_signed *ret)
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

an_err tell(world *w, site *s, const an_signed *link, an_note *why)
{
    an_msg m = {.type = AN_MSG_TRUST, .epoch = an_session_look(s->session).epoch};
    m.u.trust.statement = (an_bytes){.data = link->text, .len = link->len};
    m.u.trust.n_signatures = link->n_signatures;
    memcpy(m.u.trust.signatures, link->signatures, sizeof link->signatures);
    an_err err = an_session_message(s->session, &m, why);
    settle(w);
    return err;
}
