/* andon-lab access: who may ask the coordinator what, from the rows of its routes: docs/ACCESS.md. */
#include <stdio.h>
#include <string.h>

#include "coordinator/api/api.h"
#include "coordinator/lab/lab.h"

static const char opening[] =
    "# Who may ask what\n\n"
    "Made by `andon-lab access` of coordinator/api/routes.def; do not edit. `tests/check_access.sh` holds "
    "this page to the\n"
    "rows, `tests/unit/test_api_access.c` and `tests/sim/test_auth.c` hold the coordinator to them.\n\n"
    "Paths are below `/api/v1`. A role may do what those left of it may: viewer, operator, engineer, "
    "releaser, administrator. For who\n"
    "has some sites alone: **fleet** is closed, as it concerns all sites; of **site** the one in the path "
    "must be theirs; a **list** leaves\n"
    "out the others; **common** says nothing of a single site. **own**: of oneself, or of anybody for an "
    "administrator. **two**: with\n"
    "`approve.people: 2` somebody else has to confirm it. Nobody without a token or a session may ask any of "
    "it;\n"
    "`POST /session` and `GET /session` open and show a session, `POST /session/end` ends it.\n\n"
    "| | path | viewer | operator | engineer | releaser | administrator | scope | |\n"
    "|---|---|---|---|---|---|---|---|---|\n";

static const char *scope_name(an_api_scope scope)
{
    static const char *const names[] = {"common", "fleet", "site", "list", "own"};
    return names[scope];
}

static an_err run(an_lab *lab, an_note *why)
{
    an_api_route_info r;
    fputs(opening, lab->out);
    for (size_t i = 0; an_api_route_at(i, &r); i++) {
        fprintf(lab->out, "| %s | `%s` |", r.method, r.pattern);
        for (int role = AN_ROLE_VIEWER; role <= AN_ROLE_ADMINISTRATOR; role++)
            fputs((an_role)role >= r.role ? " yes |" : " - |", lab->out);
        fprintf(lab->out, " %s | %s |\n", scope_name(r.scope), r.two ? "two" : "");
    }
    return ferror(lab->out) ? an_fail(AN_ERR_IO, why, "the output cannot be written") : AN_OK;
}

const an_lab_verb an_lab_verb_access = {
    .verb = {"access", NULL, 0, 0, NULL, 0, "print who may ask the coordinator what, as Markdown"},
    .run = run,
};
