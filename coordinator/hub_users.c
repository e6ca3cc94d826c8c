/* People come and go: roles, passwords, tokens.  What checks a password is an object that the journal names by its
 * hash alone, so that neither a copy of the journal nor a page of it gives anything to try passwords against. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "coordinator/hub_internal.h"
#include "doors/crypto.h"

#define VALID_MAX_MS (INT64_C(366) * 86400000)

static an_err need_user(an_hub *hub, const char *name, an_user **ret, an_note *why)
{
    *ret = an_users_find(&hub->state.users, name);
    return *ret ? AN_OK : an_fail(AN_ERR_NOTFOUND, why, "no user %.63s", name);
}

/* "operator of plant-a plant-b" */
static void set_before(an_json *o, const an_user *u)
{
    char text[256];
    size_t at = (size_t)snprintf(text, sizeof text, "%s", an_role_name(u->role));
    for (uint32_t i = 0; i < u->n_sites && at < sizeof text; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? " " : " of ", u->sites[i]);
    an_json_set_text(o, "before", text);
}

static void set_reason(an_json *o, const char *reason)
{
    if (reason && reason[0])
        an_json_set_text(o, "reason", reason);
}

static an_err put_verifier(an_hub *hub, an_json *o, const char *verifier, an_note *why)
{
    an_hash hash;
    an_err err = an_store_object_put_row(hub->conf.store, verifier, strlen(verifier), &hash, why);
    if (err == AN_OK)
        an_json_set_hash(o, "verifier", &hash);
    return err;
}

/* Nobody logs in by it any more.  If it stays, it is of no use to anybody but who guesses at old passwords. */
static void drop_verifier(an_hub *hub, const an_hash *verifier)
{
    an_note why = {{0}};
    if (an_hash_is_zero(verifier))
        return;
    an_err err = an_store_object_remove(hub->conf.store, verifier, &why);
    if (err != AN_OK)
        an_log(AN_LOG_WARN, "verifier_stays", "err=%s why=\"%s\"", an_err_name(err), why.text);
}

static an_err check_spec(an_hub *hub, const an_user_spec *s, an_note *why)
{
    const bool known = an_users_find(&hub->state.users, s->name) != NULL;
    if (!an_user_name_ok(s->name))
        return an_fail(AN_ERR_INVAL, why, "\"%.63s\" is not a name that a user can have", s->name);
    if (s->n_sites > AN_USER_SITES_MAX)
        return an_fail(AN_ERR_INVAL, why, "sites: at most %d, or none for all", AN_USER_SITES_MAX);
    for (size_t i = 0; i < s->n_sites; i++)
        if (!an_name_ok(s->sites[i]))
            return an_fail(AN_ERR_INVAL, why, "\"%.63s\" is not a site's name", s->sites[i]);
    if (known && s->add)
        return an_fail(AN_ERR_EXISTS, why, "there is a user %s", s->name);
    if (!known && !s->add)
        return an_fail(AN_ERR_NOTFOUND, why, "no user %s", s->name);
    if (!known && hub->state.users.n >= AN_USERS_MAX)
        return an_fail(AN_ERR_STATE, why, "there are %d users already", AN_USERS_MAX);
    return AN_OK;
}

an_err an_hub_user_set(an_hub *hub, const char *actor, const an_user_spec *s, an_note *why)
{
    an_err err = check_spec(hub, s, why);
    if (err != AN_OK)
        return err;
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object(), *sites = an_json_array();
    const an_user *old = an_users_find(&hub->state.users, s->name);
    for (size_t i = 0; i < s->n_sites; i++)
        an_json_push_text(sites, s->sites[i]);
    an_json_set_text(o, "role", an_role_name(s->role));
    an_json_set(o, "sites", sites);
    if (old)
        set_before(o, old);
    else if (s->verifier)
        err = put_verifier(hub, o, s->verifier, why);
    set_reason(o, s->reason);
    if (err != AN_OK) {
        an_json_free(o);
        return err;
    }
    an_batch_add(&b, "user.set", s->name, actor, NULL, o);
    return an_hub_commit(hub, &b, why);
}

an_err an_hub_user_password(an_hub *hub, const char *actor, const char *name, const char *verifier,
                            an_note *why)
{
    an_user *u;
    an_record_batch b = {.n = 0};
    an_err err = need_user(hub, name, &u, why);
    if (err != AN_OK)
        return err;
    const an_hash before = u->verifier;
    an_json *o = an_json_object();
    if ((err = put_verifier(hub, o, verifier, why)) != AN_OK) {
        an_json_free(o);
        return err;
    }
    an_json_set_hash(o, "before", &before);
    an_batch_add(&b, "user.password", name, actor, NULL, o);
    if ((err = an_hub_commit(hub, &b, why)) == AN_OK)
        drop_verifier(hub, &before);
    return err;
}

an_err an_hub_user_remove(an_hub *hub, const char *actor, const char *name, const char *reason, an_note *why)
{
    an_user *u;
    an_record_batch b = {.n = 0};
    an_err err = need_user(hub, name, &u, why);
    if (err != AN_OK)
        return err;
    const an_hash before = u->verifier;
    an_json *o = an_json_object();
    set_before(o, u);
    set_reason(o, reason);
    an_batch_add(&b, "user.removed", name, actor, NULL, o);
    if ((err = an_hub_commit(hub, &b, why)) == AN_OK)
        drop_verifier(hub, &before);
    return err;
}

an_err an_hub_user_token(an_hub *hub, const char *actor, const char *name, const an_user_token *t,
                         an_note *why)
{
    an_user *u;
    char id[AN_USER_TOKEN_ID_TEXT];
    an_record_batch b = {.n = 0};
    const int64_t now = an_hub_now(hub);
    an_err err = need_user(hub, name, &u, why);
    if (err != AN_OK)
        return err;
    if (!an_name_ok(t->label))
        return an_fail(AN_ERR_INVAL, why, "a label has letters, digits, '.', '_' and '-'");
    if (t->expires_ms <= now || t->expires_ms > now + VALID_MAX_MS)
        return an_fail(AN_ERR_INVAL, why, "a token is valid for 366 days at most");
    if (an_user_tokens_valid(u, now) >= AN_USER_TOKENS_MAX)
        return an_fail(AN_ERR_STATE, why, "%s has %d tokens already; revoke one", u->name,
                       AN_USER_TOKENS_MAX);
    an_json *o = an_json_object();
    an_hex(id, t->id, sizeof t->id);
    an_json_set_text(o, "token_id", id);
    an_json_set_text(o, "label", t->label);
    an_json_set_text(o, "role", an_role_name(t->role));
    an_json_set_hash(o, "hash", &t->hash);
    an_json_set_int(o, "expires_ms", t->expires_ms);
    an_batch_add(&b, "user.token", name, actor, NULL, o);
    return an_hub_commit(hub, &b, why);
}

an_err an_hub_user_token_revoke(an_hub *hub, const char *actor, const char *name,
                                const uint8_t id[static AN_USER_TOKEN_ID_BYTES], const char *reason,
                                an_note *why)
{
    an_user *u;
    char text[AN_USER_TOKEN_ID_TEXT];
    an_record_batch b = {.n = 0};
    an_err err = need_user(hub, name, &u, why);
    if (err != AN_OK)
        return err;
    const an_user_token *t = an_user_token_find(u, id);
    if (!t)
        return an_fail(AN_ERR_NOTFOUND, why, "%s has no such token", name);
    an_json *o = an_json_object();
    an_hex(text, id, AN_USER_TOKEN_ID_BYTES);
    an_json_set_text(o, "token_id", text);
    an_json_set_text(o, "label", t->label);
    set_reason(o, reason);
    an_batch_add(&b, "user.token_revoked", name, actor, NULL, o);
    return an_hub_commit(hub, &b, why);
}
