#include "coordinator/users.h"

#include <string.h>

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
