/* users.h - who may do what at the coordinator: people, their roles, their sites.
 *
 *     const an_who who = {.name = "mia", .role = AN_ROLE_OPERATOR, ...};
 *     if (who.role >= AN_ROLE_OPERATOR && an_who_sees(&who, "plant-a"))
 *         ...
 *
 * A user has one role; each role may do what those below it may.  A list of sites narrows what they
 * see and change; without one they have all.
 *
 * Threads: plain values; call from anywhere. */
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

#define AN_USER_SITES_MAX 64

/* Somebody who asks. */
typedef struct an_who {
    char name[AN_NAME_MAX];
    an_role role;
    uint32_t n_sites; /* 0: all */
    char sites[AN_USER_SITES_MAX][AN_NAME_MAX];
} an_who;

#define AN_ADMIN "admin" /* whoever has the administrator's token; no user can have the name */
an_who an_who_admin(void);
bool an_who_sees(const an_who *who, const char *site);
bool an_who_sees_all(const an_who *who);

#endif
