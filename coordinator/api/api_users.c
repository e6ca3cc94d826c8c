/* People and their tokens.  What checks a password was computed before the request came here (runtime_auth.h): it takes
 * a tenth of a second. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "coordinator/api/api_internal.h"
#include "doors/crypto.h"

#define TOKEN_MS (INT64_C(90) * 86400000)
#define TOKEN_MAX_MS (INT64_C(366) * 86400000)

static an_json *sites_json(const an_user *u)
{
    an_json *list = an_json_array();
    for (uint32_t i = 0; i < u->n_sites; i++)
        an_json_push_text(list, u->sites[i]);
    return list;
}

static an_json *user_json(const an_api_call *c, const an_user *u)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "name", u->name);
    an_json_set_text(o, "role", an_role_name(u->role));
    an_json_set(o, "sites", sites_json(u));
    an_json_set_bool(o, "password", !an_hash_is_zero(&u->verifier));
    an_json_set_int(o, "password_ms", u->password_ms);
    an_json_set_int(o, "created_ms", u->created_ms);
    an_json_set_int(o, "tokens", an_user_tokens_valid(u, an_api_now(c)));
    return o;
}

static an_err need_user(const an_api_call *c, an_user **ret, an_note *why)
{
    *ret = an_users_find(&c->state->users, c->arg);
    return *ret ? AN_OK : an_fail(AN_ERR_NOTFOUND, why, "no user %.63s", c->arg);
}

static an_err answer_user(an_api_call *c, const char *name, an_note *why)
{
    const an_user *u = an_users_find(&c->state->users, name);
    if (!u)
        return an_fail(AN_ERR_NOTFOUND, why, "no user %.63s", name);
    an_json_set(c->answer, "user", user_json(c, u));
    return AN_OK;
}

an_err an_api_users(an_api_call *c, an_note *why)
{
    an_api_list l;
    an_err err = an_api_list_open(c, &l, c->state->users.n, AN_OLDEST, 1000, why);
    if (err != AN_OK)
        return err;
    an_json *list = an_json_array();
    for (size_t i; an_api_list_next(&l, &i);) {
        an_json_push(list, user_json(c, &c->state->users.items[i]));
        l.left--;
    }
    an_json_set(c->answer, "users", list);
    an_api_list_close(c, &l);
    return AN_OK;
}

static an_err read_sites(const an_api_call *c, const char *ret[static AN_USER_SITES_MAX], size_t *ret_n,
                         an_note *why)
{
    const an_jval *list = an_jval_get(c->body, "sites");
    const size_t n = an_jval_count(list);
    an_err err = AN_OK;
    if (list && (an_jval_kind(list) != AN_JKIND_ARRAY || n > AN_USER_SITES_MAX))
        return an_fail(AN_ERR_INVAL, why, "sites: must be a list of at most %d names; none for all",
                       AN_USER_SITES_MAX);
    for (size_t i = 0; i < n && err == AN_OK; i++)
        err = an_jval_text(an_jval_at(list, i), NULL, &ret[i], why);
    *ret_n = n;
    return err;
}

an_err an_api_user_add(an_api_call *c, an_note *why)
{
    static const char *const keys[] = {"name", "role", "sites", "password", "reason", NULL};
    const char *role, *sites[AN_USER_SITES_MAX];
    an_user_spec s = {.add = true, .sites = sites, .verifier = c->req->verifier[0] ? c->req->verifier : NULL};
    an_err err;
    if ((err = an_jval_only_keys(c->body, keys, why)) != AN_OK ||
        (err = an_jval_text(c->body, "name", &s.name, why)) != AN_OK ||
        (err = an_jval_text(c->body, "role", &role, why)) != AN_OK ||
        (err = an_role_parse(role, &s.role, why)) != AN_OK ||
        (err = read_sites(c, sites, &s.n_sites, why)) != AN_OK ||
        (err = an_api_reason(c, &s.reason, why)) != AN_OK ||
        (err = an_hub_user_set(c->hub, c->actor, &s, why)) != AN_OK)
        return err;
    c->status = 201;
    return answer_user(c, s.name, why);
}

/* What is not given stays. */
static an_err set_user(an_api_call *c, const an_user *u, an_note *why)
{
    const char *role, *sites[AN_USER_SITES_MAX];
    an_user_spec s = {.name = c->arg, .sites = sites};
    an_err err;
    if ((err = an_api_access(c, AN_ROLE_ADMINISTRATOR, AN_REACH_FLEET, why)) != AN_OK ||
        (err = an_jval_get_text(c->body, "role", an_role_name(u->role), &role, why)) != AN_OK ||
        (err = an_role_parse(role, &s.role, why)) != AN_OK ||
        (err = read_sites(c, sites, &s.n_sites, why)) != AN_OK ||
        (err = an_api_reason(c, &s.reason, why)) != AN_OK)
        return err;
    if (!an_jval_get(c->body, "sites"))
        for (s.n_sites = 0; s.n_sites < u->n_sites; s.n_sites++)
            sites[s.n_sites] = u->sites[s.n_sites];
    return an_hub_user_set(c->hub, c->actor, &s, why);
}

an_err an_api_user_set(an_api_call *c, an_note *why)
{
    static const char *const keys[] = {"role", "sites", "password", "old", "reason", NULL};
    an_user *u;
    const bool set = an_jval_get(c->body, "role") || an_jval_get(c->body, "sites");
    an_err err = need_user(c, &u, why);
    if (err == AN_OK)
        err = an_jval_only_keys(c->body, keys, why);
    if (err == AN_OK && !set && !c->req->verifier[0])
        err = an_fail(AN_ERR_INVAL, why, "give \"role\", \"sites\" or \"password\"");
    if (err == AN_OK && set)
        err = set_user(c, u, why);
    if (err == AN_OK && c->req->verifier[0])
        err = an_hub_user_password(c->hub, c->actor, c->arg, c->req->verifier, why);
    return err == AN_OK ? answer_user(c, c->arg, why) : err;
}

an_err an_api_user_remove(an_api_call *c, an_note *why)
{
    const char *reason;
    an_err err = an_api_reason(c, &reason, why);
    if (err == AN_OK)
        err = an_hub_user_remove(c->hub, c->actor, c->arg, reason, why);
    if (err == AN_OK)
        an_json_set_text(c->answer, "removed", c->arg);
    return err;
}

/* ---- tokens ---- */

static an_json *token_json(const an_user_token *t)
{
    char id[AN_USER_TOKEN_ID_TEXT];
    an_json *o = an_json_object();
    an_hex(id, t->id, sizeof t->id);
    an_json_set_text(o, "id", id);
    an_json_set_text(o, "label", t->label);
    an_json_set_text(o, "role", an_role_name(t->role));
    an_json_set_int(o, "created_ms", t->created_ms);
    an_json_set_int(o, "expires_ms", t->expires_ms);
    return o;
}

an_err an_api_user_tokens(an_api_call *c, an_note *why)
{
    an_user *u;
    an_err err = need_user(c, &u, why);
    if (err != AN_OK)
        return err;
    an_json *list = an_json_array();
    for (uint32_t i = 0; i < u->n_tokens; i++)
        if (u->tokens[i].expires_ms > an_api_now(c))
            an_json_push(list, token_json(&u->tokens[i]));
    an_json_set(c->answer, "tokens", list);
    return AN_OK;
}

/* A token is never more than who makes it: else who has a small one would make themselves a large one. */
static an_err read_token(const an_api_call *c, const an_user *u, an_user_token *ret, an_note *why)
{
    static const char *const keys[] = {"label", "role", "valid_ms", NULL};
    const an_role most = c->req->who.role < u->role ? c->req->who.role : u->role;
    const char *label, *role;
    int64_t valid_ms;
    an_err err;
    if ((err = an_jval_only_keys(c->body, keys, why)) != AN_OK ||
        (err = an_jval_text(c->body, "label", &label, why)) != AN_OK ||
        (err = an_jval_get_text(c->body, "role", an_role_name(most), &role, why)) != AN_OK ||
        (err = an_jval_get_int(c->body, "valid_ms", 1000, TOKEN_MAX_MS, TOKEN_MS, &valid_ms, why)) != AN_OK ||
        (err = an_role_parse(role, &ret->role, why)) != AN_OK)
        return err;
    if (c->req->who.by_token && c->req->who.role < AN_ROLE_ADMINISTRATOR)
        return an_fail(AN_ERR_AUTH, why, "a token makes no tokens: log in with the password");
    if (ret->role > most)
        return an_fail(AN_ERR_AUTH, why, "role = %s: at most %s", role, an_role_name(most));
    if (strlen(label) >= sizeof ret->label)
        return an_fail(AN_ERR_INVAL, why, "label: at most %zu bytes", sizeof ret->label - 1);
    snprintf(ret->label, sizeof ret->label, "%s", label);
    ret->created_ms = an_api_now(c);
    ret->expires_ms = ret->created_ms + valid_ms;
    return AN_OK;
}

an_err an_api_user_token(an_api_call *c, an_note *why)
{
    an_user *u;
    uint8_t secret[32];
    char text[sizeof "andon_" + 2 * sizeof secret] = "andon_";
    an_user_token t = {.label = ""};
    an_err err = need_user(c, &u, why);
    if (err == AN_OK)
        err = read_token(c, u, &t, why);
    if (err != AN_OK)
        return err;
    an_random(t.id, sizeof t.id);
    an_random(secret, sizeof secret);
    an_hex(text + strlen(text), secret, sizeof secret);
    an_hash_of(&t.hash, text, strlen(text));
    err = an_hub_user_token(c->hub, c->actor, c->arg, &t, why);
    if (err == AN_OK) {
        an_json *o = token_json(&t);
        an_json_set_text(o, "token", text);
        an_json_set(c->answer, "token", o);
        c->status = 201;
        c->secret = true;
    }
    an_wipe(secret, sizeof secret);
    an_wipe(text, sizeof text);
    return err;
}

/* Who came by a small token cannot take the large ones away with it. */
static an_err may_revoke(const an_api_call *c, an_user *u, const uint8_t id[static AN_USER_TOKEN_ID_BYTES],
                         an_note *why)
{
    const an_user_token *t = an_user_token_find(u, id);
    const an_role worth = t && t->role < u->role ? t->role : u->role;
    if (!t || !c->req->who.by_token || worth <= c->req->who.role)
        return AN_OK;
    return an_fail(AN_ERR_AUTH, why,
                   "a token of a smaller role does not revoke this one: log in with the password");
}

an_err an_api_user_token_revoke(an_api_call *c, an_note *why)
{
    const char *id_text, *reason;
    uint8_t id[AN_USER_TOKEN_ID_BYTES];
    an_user *u;
    an_err err;
    if ((err = an_jval_text(c->body, "id", &id_text, why)) != AN_OK ||
        (err = an_api_reason(c, &reason, why)) != AN_OK)
        return err;
    if (!an_unhex(id, sizeof id, id_text))
        return an_fail(AN_ERR_INVAL, why, "id = %.60s: must be the %d digits of a token's number", id_text,
                       2 * AN_USER_TOKEN_ID_BYTES);
    if ((err = need_user(c, &u, why)) == AN_OK && (err = may_revoke(c, u, id, why)) == AN_OK)
        err = an_hub_user_token_revoke(c->hub, c->actor, c->arg, id, reason, why);
    return err == AN_OK ? an_api_user_tokens(c, why) : err;
}
