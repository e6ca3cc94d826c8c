/* users.h - who may do what at the coordinator: people, their roles, their sites, their tokens.
 *
 *     const an_user *u = an_users_find(users, "mia");
 *     const an_who who = an_user_who(u, NULL);
 *     if (who.role >= AN_ROLE_OPERATOR && an_who_sees(&who, "plant-a"))
 *         ...
 *
 * A user has one role; each role may do what those below it may.  A list of sites narrows what they
 * see and change; without one they have all.  A token is a user's, with a role that is theirs or less.
 *
 * Here is neither a password nor a token: of a password there is the hash of the text that checks it
 * (an object of the store), of a token the hash of its text.
 *
 * Threads: plain values; a list belongs to one thread. */
#ifndef AN_COORDINATOR_USERS_H
#define AN_COORDINATOR_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/terms.h"

/* From the least to the most; NONE is nobody. */
#define AN_ROLE_LIST(X)                                                                                      \
    X(NONE, "none")                                                                                          \
    X(VIEWER, "viewer")                                                                                      \
    X(OPERATOR, "operator")                                                                                  \
    X(ENGINEER, "engineer")                                                                                  \
    X(RELEASER, "releaser")                                                                                  \
    X(ADMINISTRATOR, "administrator")
typedef enum an_role {
#define AN_ROLE_ROW(role, name) AN_ROLE_##role,
    AN_ROLE_LIST(AN_ROLE_ROW)
#undef AN_ROLE_ROW
} an_role;

const char *an_role_name(an_role role);            /* "?" if unknown */
bool an_role_find(const char *name, an_role *ret); /* not NONE */
/* Errors: INVAL no such role (why lists them). */
an_err an_role_parse(const char *name, an_role *ret, an_note *why);

#define AN_USERS_MAX 256
#define AN_USER_SITES_MAX 64
#define AN_USER_TOKENS_MAX 16 /* of one user, expired ones aside */
#define AN_USER_TOKEN_ID_BYTES 8
#define AN_USER_TOKEN_ID_TEXT (2 * AN_USER_TOKEN_ID_BYTES + 1)
#define AN_PASSWORD_MIN 12 /* bytes */
#define AN_PASSWORD_MAX 256

/* ---- somebody who asks ---- */

typedef struct an_who {
    char name[AN_NAME_MAX];
    an_role role;
    bool by_token;      /* with a token of a user's */
    an_hash credential; /* of the token or the session's cookie; none: the administrator's token */
    uint64_t changed;   /* as the user's, then */
    uint32_t n_sites;   /* 0: all */
    char sites[AN_USER_SITES_MAX][AN_NAME_MAX];
} an_who;

#define AN_ADMIN "admin" /* whoever has the administrator's token; no user can have the name */
an_who an_who_admin(void);
bool an_who_sees(const an_who *who, const char *site);
bool an_who_sees_all(const an_who *who);

/* ---- users ---- */

typedef struct an_user_token {
    uint8_t id[AN_USER_TOKEN_ID_BYTES];
    an_hash hash; /* of its text */
    an_role role;
    int64_t created_ms, expires_ms;
    char label[AN_NAME_MAX];
} an_user_token;

typedef struct an_user {
    char name[AN_NAME_MAX];
    an_role role;
    uint32_t n_sites; /* 0: all */
    char sites[AN_USER_SITES_MAX][AN_NAME_MAX];
    an_hash verifier; /* the object whose text checks the password; none: no password yet */
    uint64_t changed; /* record that last changed role, sites or password: sessions of before it are over */
    int64_t created_ms, password_ms;
    uint32_t n_tokens;
    an_user_token tokens[AN_USER_TOKENS_MAX];
} an_user;

typedef struct an_users {
    an_user *items;
    size_t n, cap;
    uint64_t changes; /* rises with every change */
} an_users;

bool an_user_name_ok(const char *name);
an_user *an_users_find(const an_users *users, const char *name); /* NULL */
/* The user whose token has the text of this hash, if it is valid now; compares all in the same time.  NULL. */
const an_user *an_users_by_token(const an_users *users, const an_hash *hash, int64_t now_ms,
                                 const an_user_token **ret_token);
an_user_token *an_user_token_find(an_user *user, const uint8_t id[static AN_USER_TOKEN_ID_BYTES]); /* NULL */
uint32_t an_user_tokens_valid(const an_user *user, int64_t now_ms); /* how many are */
void an_user_tokens_expire(an_user *user, int64_t now_ms);          /* forgets those that are valid no more */
/* As whom they ask, with that token or (NULL) by themselves. */
an_who an_user_who(const an_user *user, const an_user_token *token);

an_err an_users_copy(an_users *ret, const an_users *from); /* over what *ret holds.  Errors: NOMEM */
void an_users_done(an_users *users);

/* Errors: INVAL. */
an_err an_password_ok(const char *password, an_note *why);

#endif
