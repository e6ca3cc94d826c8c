/* Who does what in a campaign, and the figures that it was opened for. */
#include <stdio.h>
#include <string.h>

#include "coordinator/client/client.h"
#include "coordinator/client/grid.h"
#include "coordinator/client/show.h"

static void print_names(const char *what, const an_jval *list)
{
    if (an_jval_count(list) == 0)
        return;
    printf("%s:", what);
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const char *name = "";
        an_err err = an_jval_text(an_jval_at(list, i), NULL, &name, NULL);
        printf("%s %s", i ? "," : "", err == AN_OK ? name : "?");
    }
    printf("\n");
}

/* What a line has made of its overlay; "" if it was not asked. */
static const char *overlay_of(const an_jval *lines, const char *site, const char *line)
{
    for (size_t i = 0; i < an_jval_count(lines); i++) {
        const an_jval *l = an_jval_at(lines, i);
        if (strcmp(an_cli_text(l, "site"), site) != 0 || strcmp(an_cli_text(l, "line"), line) != 0)
            continue;
        const char *reason = an_cli_text(l, "reason");
        return reason[0] ? reason : an_cli_text(l, "overlay_state");
    }
    return "";
}

void an_cli_show_plan(const an_jval *campaign, const an_jval *opened)
{
    an_grid g;
    const an_jval *evidence = an_jval_get(opened, "evidence");
    const char *plan = an_cli_text(campaign, "plan"), *cause = an_cli_text(campaign, "cause");
    if (!opened)
        return;
    if (cause[0])
        printf("asked for by: %s\n", cause);
    if (plan[0])
        printf("plan: %s\n", plan);
    print_names("sites that it is for", an_jval_get(opened, "sites"));
    print_names("sites that replay what they know", an_jval_get(opened, "replay"));
    if (an_jval_count(evidence) == 0)
        return;
    printf("\n");
    an_grid_init(&g, "SITE  LINE  TEST  SUBJECT  VALUE  BOUND  BY CHANCE  OVERLAY");
    for (size_t i = 0; i < an_jval_count(evidence); i++) {
        const an_jval *e = an_jval_at(evidence, i);
        an_grid_cell(&g, "%s", an_cli_text(e, "site"));
        an_grid_cell(&g, "%s", an_cli_text(e, "line"));
        an_grid_cell(&g, "%s", an_cli_text(e, "test"));
        an_grid_cell(&g, "%s", an_cli_text(e, "subject"));
        an_grid_cell(&g, "%.3g", an_cli_num(e, "value"));
        an_grid_cell(&g, "%.3g", an_cli_num(e, "bound"));
        an_grid_cell(&g, "%.2g", an_cli_num(e, "p"));
        an_grid_cell(
            &g, "%s",
            overlay_of(an_jval_get(campaign, "lines"), an_cli_text(e, "site"), an_cli_text(e, "line")));
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
}
