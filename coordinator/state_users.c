/* What the records of users do to the state. */
#include <string.h>

#include "coordinator/state_internal.h"
#include "doors/crypto.h"

static void read_role(an_body *b, an_role *ret)
{
    const char *name = an_body_text(b, "role", NULL);
    if (b->err == AN_OK)
        b->err = an_role_parse(name, ret, b->why);
}

static void read_sites(an_body *b, an_user *u)
{
    const an_jval *list = b->err == AN_OK ? an_jval_get(b->o, "sites") : NULL;
    const size_t n = an_jval_count(list);
    if (n > AN_USER_SITES_MAX)
        b->err = an_fail(AN_ERR_PROTO, b->why, "more than %d sites", AN_USER_SITES_MAX);
    for (size_t i = 0; i < n && b->err == AN_OK; i++) {
        const char *site = "";
        b->err = an_jval_text(an_jval_at(list, i), NULL, &site, b->why);
        an_body_name(b, u->sites[u->n_sites++], site);
    }
}

static an_user *user_of(an_state *st, const an_record *r, an_body *b)
{
    an_user *u = an_users_find(&st->users, r->subject);
    an_body_known(b, u, "user");
    return u;
}

void an_state_user_set(an_state *st, const an_record *r, an_body *b)
{
    an_user u = {.changed = r->seq, .created_ms = r->time_ms};
    const an_hash verifier = an_body_hash(b, "verifier", true);
    an_user *old = an_users_find(&st->users, r->subject);
    read_role(b, &u.role);
    read_sites(b, &u);
    an_body_name(b, u.name, r->subject);
    if (b->err == AN_OK && !an_user_name_ok(u.name))
        b->err = an_fail(AN_ERR_PROTO, b->why, "no user can have the name %s", u.name);
    if (b->err == AN_OK && !old && st->users.n + b->ahead >= AN_USERS_MAX)
        b->err = an_fail(AN_ERR_LIMIT, b->why, "there are %d users already", AN_USERS_MAX);
    if (!old) {
        u.verifier = verifier;
        u.password_ms = an_hash_is_zero(&verifier) ? 0 : r->time_ms;
        AN_BODY_APPEND(b, &st->users, u);
    } else if (an_body_ready(b)) {
        old->role = u.role;
        old->n_sites = u.n_sites;
        memcpy(old->sites, u.sites, sizeof u.sites);
        old->changed = r->seq;
    }
    if (an_body_ready(b))
        st->users.changes++;
}

void an_state_user_password(an_state *st, const an_record *r, an_body *b)
{
    const an_hash verifier = an_body_hash(b, "verifier", false);
    an_user *u = user_of(st, r, b);
    if (!an_body_ready(b))
        return;
    u->verifier = verifier;
    u->password_ms = r->time_ms;
    u->changed = r->seq;
    st->users.changes++;
}

void an_state_user_token(an_state *st, const an_record *r, an_body *b)
{
    an_user_token t = {.created_ms = r->time_ms, .expires_ms = an_body_int(b, "expires_ms", 0)};
    an_body_hex(b, "token_id", t.id, sizeof t.id, false);
    t.hash = an_body_hash(b, "hash", false);
    read_role(b, &t.role);
    an_body_name(b, t.label, an_body_text(b, "label", NULL));
    an_user *u = user_of(st, r, b);
    if (b->err == AN_OK && an_user_tokens_valid(u, r->time_ms) + b->ahead >= AN_USER_TOKENS_MAX)
        b->err = an_fail(AN_ERR_LIMIT, b->why, "%s has %d tokens already", u->name, AN_USER_TOKENS_MAX);
    if (!an_body_ready(b))
        return;
    an_user_tokens_expire(u, r->time_ms); /* what nobody can use any more makes room */
    u->tokens[u->n_tokens++] = t;
    st->users.changes++;
}

void an_state_user_token_revoked(an_state *st, const an_record *r, an_body *b)
{
    uint8_t id[AN_USER_TOKEN_ID_BYTES];
    an_body_hex(b, "token_id", id, sizeof id, false);
    an_user *u = user_of(st, r, b);
    if (!an_body_ready(b))
        return;
    an_user_token *t = an_user_token_find(u, id);
    if (t) /* it may have expired, and been forgotten */
        *t = u->tokens[--u->n_tokens];
    st->users.changes++;
}

void an_state_user_removed(an_state *st, const an_record *r, an_body *b)
{
    an_user *u = user_of(st, r, b);
    if (!an_body_ready(b))
        return;
    *u = st->users.items[--st->users.n];
    st->users.changes++;
}
