/* What the records of the release root, of releases and of delegations do to the state. */
#include <stdio.h>
#include <string.h>

#include "coordinator/state_internal.h"
#include "doors/crypto.h"

/* ---- looking things up ---- */

an_delegation_entry *an_state_delegation(an_state *st, uint64_t number)
{
    for (size_t i = st->delegations.n; i-- > 0;)
        if (st->delegations.items[i].d.number == number)
            return &st->delegations.items[i];
    return NULL;
}

an_delegation_entry *an_state_delegation_by(an_state *st, const an_hash *hash)
{
    for (size_t i = st->delegations.n; i-- > 0;)
        if (an_hash_equal(&st->delegations.items[i].hash, hash))
            return &st->delegations.items[i];
    return NULL;
}

an_release_wait *an_state_wait(an_state *st, uint64_t id)
{
    for (size_t i = st->waits.n; i-- > 0;)
        if (st->waits.items[i].id == id)
            return &st->waits.items[i];
    return NULL;
}

an_release_wait *an_state_wait_of(an_state *st, const an_hash *version, uint64_t campaign)
{
    for (size_t i = st->waits.n; i-- > 0;) {
        an_release_wait *w = &st->waits.items[i];
        if (w->open && w->campaign == campaign && an_hash_equal(&w->version, version))
            return w;
    }
    return NULL;
}

bool an_state_was_root(const an_state *st, const uint8_t key[static AN_SIGN_PUBLIC_BYTES])
{
    an_root_link link;
    if (!st->root_set)
        return false;
    if (an_secret_equal(st->first_root, key, AN_SIGN_PUBLIC_BYTES))
        return true;
    for (size_t i = 0; i < st->links.n; i++)
        if (an_root_link_parse(st->links.items[i].text, st->links.items[i].len, &link, NULL) == AN_OK &&
            an_secret_equal(link.to, key, AN_SIGN_PUBLIC_BYTES))
            return true;
    return false;
}

/* ---- bodies ---- */

static void read_signature(an_body *b, const an_jval *o, an_msg_signature *ret)
{
    an_body part = {.o = o, .why = b->why};
    an_body_hex(&part, "key", ret->key, sizeof ret->key, false);
    an_body_hex(&part, "signature", ret->signature, sizeof ret->signature, false);
    b->err = part.err;
}

void an_body_signed(an_body *b, an_signed *ret)
{
    an_msg_signature signatures[AN_TRUST_SIGNATURES];
    const char *text = an_body_text(b, "statement", NULL);
    const an_jval *list = b->err == AN_OK ? an_jval_get(b->o, "signatures") : NULL;
    const size_t n = list ? an_jval_count(list) : 0;
    *ret = (an_signed){.len = 0};
    if (b->err == AN_OK && n > AN_TRUST_SIGNATURES)
        b->err = an_fail(AN_ERR_PROTO, b->why, "more than %d signatures", AN_TRUST_SIGNATURES);
    for (size_t i = 0; i < n && b->err == AN_OK; i++)
        read_signature(b, an_jval_at(list, i), &signatures[i]);
    if (b->err == AN_OK)
        b->err = an_signed_set(ret, text, strlen(text), signatures, (uint32_t)n, b->why);
}

/* ---- the root ---- */

void an_state_root_set(an_state *st, const an_record *r, an_body *b)
{
    uint8_t key[AN_SIGN_PUBLIC_BYTES];
    (void)r;
    an_body_hex(b, "key", key, sizeof key, false);
    if (b->err == AN_OK && st->links.n > 0)
        b->err = an_fail(AN_ERR_PROTO, b->why, "the release root was rotated already");
    if (!an_body_ready(b))
        return;
    st->root = (an_root){.number = 0};
    memcpy(st->root.key, key, sizeof key);
    memcpy(st->first_root, key, sizeof key);
    st->root_set = true;
}

void an_state_root_rotated(an_state *st, const an_record *r, an_body *b)
{
    an_signed link;
    an_root next = st->root;
    (void)r;
    an_body_signed(b, &link);
    if (b->err == AN_OK)
        b->err = an_root_follow(&next, &link, b->why);
    AN_BODY_APPEND(b, &st->links, link);
    if (an_body_ready(b))
        st->root = next;
}

/* ---- releases ---- */

void an_state_release_wanted(an_state *st, const an_record *r, an_body *b)
{
    an_release_wait w = {.id = an_body_id(b, "id"),
                         .version = an_body_hash(b, "version", false),
                         .campaign = (uint64_t)an_body_int(b, "campaign", 0),
                         .rollout = (uint64_t)an_body_int(b, "rollout", 0),
                         .since_ms = r->time_ms,
                         .open = true};
    an_body_name(b, w.model, r->subject);
    an_text_set(w.reason, sizeof w.reason, an_body_text(b, "reason", ""));
    an_text_set(w.actor, sizeof w.actor, r->actor);
    an_body_known(b, an_state_model(st, r->subject), "model");
    AN_BODY_APPEND(b, &st->waits, w);
}

void an_state_release_dropped(an_state *st, const an_record *r, an_body *b)
{
    const uint64_t id = an_body_id(b, "id");
    an_release_wait *w = b->err == AN_OK ? an_state_wait(st, id) : NULL;
    (void)r;
    an_body_known(b, w, "release that waits");
    if (an_body_ready(b))
        w->open = false;
}

void an_state_waits_end(an_state *st, uint64_t campaign)
{
    for (size_t i = 0; i < st->waits.n && campaign; i++)
        if (st->waits.items[i].campaign == campaign)
            st->waits.items[i].open = false;
}

/* What it asked for is done; and nobody renews a version that is production no longer. */
static void close_waits(an_state *st, const an_model_entry *m, const an_hash *version, uint64_t id,
                        bool canary)
{
    for (size_t i = 0; i < st->waits.n; i++) {
        an_release_wait *w = &st->waits.items[i];
        if (strcmp(w->model, m->name) != 0)
            continue;
        const bool renewal = !canary && w->campaign == 0 && w->rollout == 0 &&
                             an_hash_equal(&w->version, &m->alias[AN_ALIAS_PRODUCTION - 1]);
        if (w->id == id || renewal || an_hash_equal(&w->version, version))
            w->open = false;
    }
}

void an_state_waits_lapse(an_state *st, const an_model_entry *m)
{
    for (size_t i = 0; i < st->waits.n; i++) {
        an_release_wait *w = &st->waits.items[i];
        const an_rollout *r = w->rollout ? an_state_rollout(st, w->rollout) : NULL;
        if (strcmp(w->model, m->name) == 0 && w->campaign == 0 && (!r || an_rollout_is_over(r)) &&
            !an_hash_equal(&w->version, &m->alias[AN_ALIAS_PRODUCTION - 1]))
            w->open = false;
    }
}

void an_state_release_moved(an_state *st, an_model_entry *m)
{
    close_waits(st, m, &m->canary.version, 0, false);
    m->release = m->canary;
    m->canary = (an_statement){.counter = 0};
    m->alias[AN_ALIAS_CANARY - 1] = (an_hash){{0}};
}

an_release_wait *an_state_wait_of_rollout(an_state *st, uint64_t rollout)
{
    for (size_t i = st->waits.n; i-- > 0;)
        if (st->waits.items[i].open && st->waits.items[i].rollout == rollout)
            return &st->waits.items[i];
    return NULL;
}

void an_state_release_signed(an_state *st, const an_record *r, an_body *b)
{
    an_signed s;
    an_release release = {.counter = 0};
    an_model_entry *m = an_state_model(st, r->subject);
    const uint64_t id = (uint64_t)an_body_int(b, "id", 0);
    const bool rollout = an_body_int(b, "rollout", 0) > 0;
    an_body_known(b, m, "model");
    an_body_signed(b, &s);
    if (b->err == AN_OK)
        b->err = an_release_parse(s.text, s.len, &release, b->why);
    if (b->err == AN_OK && strcmp(release.model, r->subject) != 0)
        b->err = an_fail(AN_ERR_PROTO, b->why, "the statement is of another model");
    const an_delegation_entry *d =
        b->err == AN_OK && release.use ? an_state_delegation_by(st, &release.delegation) : NULL;
    if (release.use)
        an_body_known(b, d, "delegation");
    if (!an_body_ready(b))
        return;
    an_statement *now = rollout ? &m->canary : &m->release;
    close_waits(st, m, &release.version, id, rollout);
    *now = (an_statement){.s = s,
                          .version = release.version,
                          .delegation = release.delegation,
                          .counter = release.counter,
                          .issued_ms = release.issued_ms,
                          .expires_ms = d && d->d.expires_ms < release.expires_ms ? d->d.expires_ms
                                                                                  : release.expires_ms};
    m->alias[(rollout ? AN_ALIAS_CANARY : AN_ALIAS_PRODUCTION) - 1] = release.version;
    if (release.counter > m->counter)
        m->counter = release.counter;
    if (d) {
        m->delegation = d->d.number;
        m->use = release.use;
    }
}

/* ---- delegations ---- */

void an_state_delegation_signed(an_state *st, const an_record *r, an_body *b)
{
    an_delegation_entry e = {.time_ms = r->time_ms};
    an_body_signed(b, &e.statement);
    if (b->err == AN_OK)
        b->err = an_delegation_parse(e.statement.text, e.statement.len, &e.d, b->why);
    if (b->err == AN_OK)
        an_statement_hash(&e.hash, &e.statement);
    if (b->err == AN_OK && an_state_delegation(st, e.d.number))
        b->err = an_fail(AN_ERR_EXISTS, b->why, "there is a delegation with this number");
    AN_BODY_APPEND(b, &st->delegations, e);
}

void an_state_delegation_revoked(an_state *st, const an_record *r, an_body *b)
{
    an_signed s;
    an_revocation v;
    an_delegation_entry *d = NULL;
    (void)r;
    an_body_signed(b, &s);
    if (b->err == AN_OK)
        b->err = an_revocation_parse(s.text, s.len, &v, b->why);
    if (b->err == AN_OK)
        d = an_state_delegation_by(st, &v.delegation);
    an_body_known(b, d, "delegation");
    if (an_body_ready(b))
        d->revocation = s;
}
