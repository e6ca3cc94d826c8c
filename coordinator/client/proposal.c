/* What waits for a second person. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/client/client.h"
#include "coordinator/client/grid.h"

/* "models/pumps/promote" */
static const char *what_of(const an_jval *p)
{
    const char *path = an_cli_text(p, "path");
    return strncmp(path, "/api/v1/", 8) == 0 ? path + 8 : path;
}

int an_cli_proposal_list(an_cli *c)
{
    an_json_doc *doc;
    int code = an_cli_get(c, &doc, "/proposals");
    if (!doc)
        return code;
    an_grid g;
    an_grid_init(&g, "ID  BY  MADE  WHAT  WITH  REASON");
    const an_jval *list = an_jval_get(an_json_root(doc), "proposals");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *p = an_jval_at(list, i);
        char ago[AN_CLI_SHORT];
        an_json *copy = an_json_copy(an_jval_get(p, "body"));
        char *body = an_json_print(copy, 0);
        an_json_free(copy);
        an_cli_ago(ago, an_cli_int(p, "made_ms"));
        an_grid_cell(&g, "%lld", (long long)an_cli_int(p, "id"));
        an_grid_cell(&g, "%s", an_cli_text(p, "by"));
        an_grid_cell(&g, "%s", ago);
        an_grid_cell(&g, "%s", what_of(p));
        an_grid_cell(&g, "%.120s", body ? body : "");
        an_grid_cell(&g, "%s", an_cli_text(p, "reason"));
        an_free(body);
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
    an_json_doc_free(doc);
    return code;
}

void an_cli_say_proposed(const an_jval *proposal)
{
    char day[25];
    an_cli_day(day, an_cli_int(proposal, "expires_ms"));
    printf("not yet done: %s needs a second person until %s: andon proposal confirm %lld\n",
           what_of(proposal), day, (long long)an_cli_int(proposal, "id"));
}

static int end(an_cli *c, const char *verb, const char *done)
{
    an_json_doc *doc;
    const int code = an_cli_do(c, &doc, "proposals", verb);
    if (doc) {
        const an_jval *p = an_jval_get(an_json_root(doc), "proposal");
        printf("proposal %lld of %s is %s: %s\n", (long long)an_cli_int(p, "id"), an_cli_text(p, "by"), done,
               what_of(p));
    }
    an_json_doc_free(doc);
    return code;
}

int an_cli_proposal_confirm(an_cli *c)
{
    return end(c, "confirm", "confirmed and done");
}

int an_cli_proposal_drop(an_cli *c)
{
    return end(c, "drop", "dropped");
}
