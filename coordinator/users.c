#include "coordinator/users.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "doors/crypto.h"
#include "msg/msg.h"

/* ---- roles ---- */

static const char *const roles[] = {
#define AN_ROLE_ROW(role, name) name,
    AN_ROLE_LIST(AN_ROLE_ROW)
#undef AN_ROLE_ROW
};
#define N_ROLES (sizeof roles / sizeof *roles)

const char *an_role_name(an_role role)
{
    return (size_t)role < N_ROLES ? roles[role] : "?";
}

bool an_role_find(const char *name, an_role *ret)
{
    for (size_t i = AN_ROLE_VIEWER; i < N_ROLES; i++) {
        if (strcmp(roles[i], name) == 0) {
            *ret = (an_role)i;
            return true;
        }
    }
    return false;
}

an_err an_role_parse(const char *name, an_role *ret, an_note *why)
{
    if (an_role_find(name, ret))
        return AN_OK;
    return an_fail(AN_ERR_INVAL, why,
                   "role = %.60s: must be viewer, operator, engineer, releaser or administrator", name);
}

/* ---- somebody who asks ---- */

an_who an_who_admin(void)
{
    return (an_who){.name = AN_ADMIN, .role = AN_ROLE_ADMINISTRATOR};
}

bool an_who_sees(const an_who *who, const char *site)
{
    bool sees = who->n_sites == 0;
    for (uint32_t i = 0; i < who->n_sites && !sees; i++)
        sees = strcmp(who->sites[i], site) == 0;
    return sees;
}

bool an_who_sees_all(const an_who *who)
{
    return who->n_sites == 0;
}

an_who an_user_who(const an_user *user, const an_user_token *token)
{
    an_who who = {.role = user->role,
                  .by_token = token != NULL,
                  .credential = token ? token->hash : (an_hash){{0}},
                  .changed = user->changed,
                  .n_sites = user->n_sites};
    memcpy(who.name, user->name, sizeof who.name);
    memcpy(who.sites, user->sites, sizeof who.sites);
    if (token && token->role < who.role)
        who.role = token->role;
    return who;
}

/* ---- users ---- */

bool an_user_name_ok(const char *name)
{
    return an_name_ok(name) && strcmp(name, AN_ADMIN) != 0;
}

an_user *an_users_find(const an_users *users, const char *name)
{
    for (size_t i = 0; i < users->n; i++)
        if (strcmp(users->items[i].name, name) == 0)
            return &users->items[i];
    return NULL;
}

const an_user *an_users_by_token(const an_users *users, const an_hash *hash, int64_t now_ms,
                                 const an_user_token **ret_token)
{
    const an_user *found = NULL;
    for (size_t i = 0; i < users->n; i++) {
        for (uint32_t k = 0; k < users->items[i].n_tokens; k++) {
            const an_user_token *t = &users->items[i].tokens[k];
            if (!an_hash_equal(&t->hash, hash) || t->expires_ms <= now_ms)
                continue;
            found = &users->items[i];
            *ret_token = t;
        }
    }
    return found;
}

an_user_token *an_user_token_find(an_user *user, const uint8_t id[static AN_USER_TOKEN_ID_BYTES])
{
    for (uint32_t i = 0; i < user->n_tokens; i++)
        if (memcmp(user->tokens[i].id, id, AN_USER_TOKEN_ID_BYTES) == 0)
            return &user->tokens[i];
    return NULL;
}

uint32_t an_user_tokens_valid(const an_user *user, int64_t now_ms)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < user->n_tokens; i++)
        n += user->tokens[i].expires_ms > now_ms;
    return n;
}

void an_user_tokens_expire(an_user *user, int64_t now_ms)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < user->n_tokens; i++)
        if (user->tokens[i].expires_ms > now_ms)
            user->tokens[n++] = user->tokens[i];
    user->n_tokens = n;
}

an_err an_users_copy(an_users *ret, const an_users *from)
{
    if (!an_grow(&ret->items, &ret->cap, from->n, sizeof *ret->items))
        return AN_ERR_NOMEM;
    if (from->n > 0)
        memcpy(ret->items, from->items, from->n * sizeof *from->items);
    ret->n = from->n;
    ret->changes = from->changes;
    return AN_OK;
}

void an_users_done(an_users *users)
{
    an_free(users->items);
    *users = (an_users){0};
}

an_err an_password_ok(const char *password, an_note *why)
{
    const size_t len = strlen(password);
    if (len < AN_PASSWORD_MIN || len > AN_PASSWORD_MAX)
        return an_fail(AN_ERR_INVAL, why, "a password has %d to %d bytes", AN_PASSWORD_MIN, AN_PASSWORD_MAX);
    return AN_OK;
}
