/* Drift: the reports, and what they add up to. */
#include <stdio.h>

#include "coordinator/client/client.h"
#include "coordinator/client/grid.h"
#include "coordinator/client/show.h"

int an_cli_drift_list(an_cli *c)
{
    an_json_doc *doc;
    const char *model = an_cli_query(c, "model"), *limit = an_cli_query(c, "limit"),
               *before = an_cli_query(c, "before");
    if (!model || !limit || !before)
        return AN_CLI_USAGE;
    int code =
        an_cli_get(c, &doc, "/drifts?model=%s&limit=%s&before=%s", model, limit[0] ? limit : "50", before);
    if (!doc)
        return code;
    an_grid g;
    an_grid_init(&g, "REPORTED  SITE  MODEL  LINE  TEST  SUBJECT  EFFECT  THRESHOLD  CAMPAIGN");
    const an_jval *list = an_jval_get(an_json_root(doc), "drifts");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *d = an_jval_at(list, i);
        char ago[AN_CLI_SHORT];
        int64_t campaign = an_cli_int(d, "campaign"); /* 0: none has answered it */
        an_cli_ago(ago, an_cli_int(d, "time_ms"));
        an_grid_cell(&g, "%s", ago);
        an_grid_cell(&g, "%s", an_cli_text(d, "site"));
        an_grid_cell(&g, "%s", an_cli_text(d, "model"));
        an_grid_cell(&g, "%s", an_cli_text(d, "line"));
        an_grid_cell(&g, "%s", an_cli_text(d, "test"));
        an_grid_cell(&g, "%s", an_cli_text(d, "subject"));
        an_grid_cell(&g, "%.3g", an_cli_num(d, "effect"));
        an_grid_cell(&g, "%.3g", an_cli_num(d, "threshold"));
        if (campaign)
            an_grid_cell(&g, "%lld", (long long)campaign);
        else
            an_grid_cell(&g, "-");
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
    an_cli_show_next(an_json_root(doc));
    an_json_doc_free(doc);
    return code;
}

static void show_findings(const an_jval *list)
{
    an_grid g;
    if (an_jval_count(list) == 0)
        return;
    printf("\n");
    an_grid_init(&g, "SITE  LINE  TEST  SUBJECT  EFFECT  THRESHOLD  REPORTS  SINCE  BY CHANCE  DRIFT");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *f = an_jval_at(list, i);
        char ago[AN_CLI_SHORT];
        an_cli_ago(ago, an_cli_int(f, "since_ms"));
        an_grid_cell(&g, "%s", an_cli_text(f, "site"));
        an_grid_cell(&g, "%s", an_cli_text(f, "line"));
        an_grid_cell(&g, "%s", an_cli_text(f, "test"));
        an_grid_cell(&g, "%s", an_cli_text(f, "subject"));
        an_grid_cell(&g, "%.3g", an_cli_num(f, "effect"));
        an_grid_cell(&g, "%.3g", an_cli_num(f, "threshold"));
        an_grid_cell(&g, "%lld", (long long)an_cli_int(f, "reports"));
        an_grid_cell(&g, "%s", ago);
        an_grid_cell(&g, "%.2g", an_cli_num(f, "p"));
        an_grid_cell(&g, "%s",
                     !an_cli_bool(f, "proven") ? "could be chance"
                     : an_cli_bool(f, "ripe")  ? "yes"
                                               : "yes, gathering rows");
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
    printf("\n");
}

/* Drift itself stands above them. */
static void show_triggers(const an_jval *list)
{
    an_grid g;
    an_grid_init(&g, "TRIGGER  LOOKS AT  DUE  FIGURES");
    for (size_t i = 1; i < an_jval_count(list); i++) {
        const an_jval *t = an_jval_at(list, i);
        an_grid_cell(&g, "%s", an_cli_text(t, "trigger"));
        an_grid_cell(&g, "%s", an_cli_text(t, "looks_at"));
        an_grid_cell(&g, "%s", !an_cli_bool(t, "on") ? "off" : an_cli_bool(t, "due") ? "yes" : "no");
        an_grid_cell(&g, "%s", an_cli_text(t, "evidence"));
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
}

/* A rate of a month says nothing before a day has passed. */
static void show_observed(const an_jval *s)
{
    const double days = an_cli_num(s, "days");
    const uint64_t reports = (uint64_t)an_cli_int(s, "reports"),
                   campaigns = (uint64_t)an_cli_int(s, "campaigns");
    printf(
        "observed in %.1f days: %llu report%s; %llu campaign%s for drift: %lld promoted, %lld stopped as a "
        "possible fault, %lld without gain",
        days, (unsigned long long)reports, an_cli_s(reports), (unsigned long long)campaigns,
        an_cli_s(campaigns), (long long)an_cli_int(s, "promoted"),
        (long long)an_cli_int(s, "possible_faults"), (long long)an_cli_int(s, "no_gain"));
    if (days >= 1)
        printf("; without gain %.2g a month, with 95 %% confidence at most %.2g",
               an_cli_num(s, "false_month"), an_cli_num(s, "false_month_max"));
    printf("\n");
}

int an_cli_drift_show(an_cli *c)
{
    an_json_doc *doc;
    const char *model = an_cli_word(c, 0);
    if (!model)
        return AN_CLI_USAGE;
    int code = an_cli_get(c, &doc, "/models/%s/drift", model);
    if (!doc)
        return code;
    const an_jval *o = an_json_root(doc), *e = an_jval_get(o, "expected"), *s = an_jval_get(o, "observed");
    printf("answer: %s: %s\n%s\n", an_cli_text(o, "answer"), an_cli_text(o, "why"),
           an_cli_text(o, "evidence"));
    show_findings(an_jval_get(o, "findings"));
    show_triggers(an_jval_get(o, "triggers"));
    printf("\nwithout drift, %lld line%s would report %.3g times a month, and %.3g campaigns would follow at "
           "most "
           "(%.3g if every report counted)\n",
           (long long)an_cli_int(e, "lines"), an_cli_s((uint64_t)an_cli_int(e, "lines")),
           an_cli_num(e, "reports_month"), an_cli_num(e, "campaigns_month"),
           an_cli_num(e, "campaigns_month_uncontrolled"));
    if (an_cli_num(s, "days") > 0)
        show_observed(s);
    an_json_doc_free(doc);
    return code;
}
