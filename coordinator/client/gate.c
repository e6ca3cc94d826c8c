/* The gate's verdict for people: a row for each thing that was held against production. */
#include <stdio.h>

#include "coordinator/client/client.h"
#include "coordinator/client/grid.h"
#include "coordinator/client/show.h"

void an_cli_show_gate(const an_jval *gate)
{
    an_grid g;
    bool passed = false, hard = false;
    const an_jval *rows = an_jval_get(gate, "rows");
    if (!gate)
        return;
    an_err err = an_jval_get_bool(gate, "passed", false, &passed, NULL);
    if (err == AN_OK)
        err = an_jval_get_bool(gate, "hard", false, &hard, NULL);
    printf("\ngate: %s%s: %s\n", err == AN_OK && passed ? "passed" : "stopped",
           hard ? ", and the version is quarantined" : "", an_cli_text(gate, "reason"));
    an_grid_init(&g, "WHAT  CANDIDATE  PRODUCTION  BOUND  LIMIT  VERDICT");
    for (size_t i = 0; i < an_jval_count(rows); i++) {
        const an_jval *r = an_jval_at(rows, i);
        bool judged = true, ok = false;
        err = an_jval_get_bool(r, "judged", true, &judged, NULL);
        if (err == AN_OK)
            err = an_jval_get_bool(r, "passed", false, &ok, NULL);
        an_grid_cell(&g, "%s", an_cli_text(r, "what"));
        an_grid_cell(&g, "%.4g", an_cli_num(r, "candidate"));
        an_grid_cell(&g, "%.4g", an_cli_num(r, "production"));
        char bound[32] = "", limit[32] = "";
        if (judged) {
            snprintf(bound, sizeof bound, "%.4g", an_cli_num(r, "bound"));
            snprintf(limit, sizeof limit, "%.4g", an_cli_num(r, "limit"));
        }
        an_grid_cell(&g, "%s", bound);
        an_grid_cell(&g, "%s", limit);
        an_grid_cell(&g, "%s", !judged ? "told" : ok ? "passed" : "failed");
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
}
