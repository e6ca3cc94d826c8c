/* Who may ask what: from the row of the route, before its function is called. */
#include <string.h>

#include "coordinator/api/api_internal.h"
#include "coordinator/records.h"

bool an_api_sees(const an_api_call *c, const char *site)
{
    return an_who_sees(&c->req->who, site);
}

const char *an_api_text_for(const an_api_call *c, const char *text)
{
    return an_who_sees_all(&c->req->who) ? text : "";
}

const char *an_api_reason_for(const an_api_call *c, const char *text)
{
    return an_who_sees_all(&c->req->who) ? text : "a reason that is for who sees all sites";
}

bool an_api_sees_record(const an_who *who, const an_record *r)
{
    const an_record_kind *kind = an_record_kind_find(r->kind);
    return an_who_sees_all(who) ||
           (kind && strcmp(kind->subject, "site") == 0 && an_who_sees(who, r->subject));
}

static bool in_scope(const an_api_call *c, an_api_scope scope)
{
    const an_who *who = &c->req->who;
    switch (scope) {
    case AN_REACH_COMMON:
    case AN_REACH_LIST:
        return true;
    case AN_REACH_FLEET:
        return an_who_sees_all(who);
    case AN_REACH_SITE:
        return an_api_sees(c, c->arg);
    case AN_REACH_OWN:
        return (who->role == AN_ROLE_ADMINISTRATOR && an_who_sees_all(who)) || strcmp(who->name, c->arg) == 0;
    }
    return false;
}

/* The same whether the thing exists or not. */
an_err an_api_access(const an_api_call *c, an_role role, an_api_scope scope, an_note *why)
{
    const an_who *who = &c->req->who;
    if (who->role < role)
        return an_fail(AN_ERR_AUTH, why, "this needs the role %s; %.63s has %s", an_role_name(role),
                       who->name, an_role_name(who->role));
    if (in_scope(c, scope))
        return AN_OK;
    return an_fail(AN_ERR_AUTH, why, "%.63s has some sites alone, and this concerns %s", who->name,
                   scope == AN_REACH_SITE  ? "another one"
                   : scope == AN_REACH_OWN ? "another user"
                                           : "all");
}
