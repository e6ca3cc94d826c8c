/* What ran where and when, where aliases were, and versions side by side. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "coordinator/client/client.h"
#include "coordinator/client/grid.h"

/* "2026-05-03 14:00"; "-" for 0. */
static void minute(char out[static AN_CLI_SHORT], int64_t ms)
{
    char text[25];
    an_time_text(text, ms);
    text[10] = ' ';
    snprintf(out, AN_CLI_SHORT, "%.16s", ms ? text : "-");
}

/* ---- history ---- */

static void add_run(an_grid *g, const an_jval *r)
{
    char from[AN_CLI_SHORT], until[AN_CLI_SHORT], version[AN_CLI_SHORT], overlay[AN_CLI_SHORT],
        heard[AN_CLI_SHORT];
    minute(from, an_cli_int(r, "from_ms"));
    minute(until, an_cli_int(r, "until_ms"));
    minute(heard, an_cli_int(r, "heard_ms"));
    an_cli_hash(version, an_cli_text(r, "version"));
    an_cli_hash(overlay, an_cli_text(r, "overlay"));
    an_grid_cell(g, "%s", an_cli_text(r, "line"));
    an_grid_cell(g, "%s%s", from, an_cli_bool(r, "dated") ? "" : " at the latest");
    an_grid_cell(g, "%s", an_cli_int(r, "until_ms") ? until : "not known");
    an_grid_cell(g, "%s", an_cli_text(r, "model"));
    an_grid_cell(g, "%s", version);
    an_grid_cell(g, "%s", overlay);
    an_grid_cell(g, "%s", an_cli_bool(r, "countersigned") ? "yes" : "no");
    an_grid_cell(g, "%s", heard);
    an_grid_cell(g, "%s", an_jval_get(r, "left") ? an_cli_text(r, "left") : "");
}

/* What the table does not say: from when on something is known, and where hearsay ends. */
static void print_gaps(const an_jval *o, int64_t from_ms)
{
    const an_jval *since = an_jval_get(o, "known_since_ms"), *runs = an_jval_get(o, "runs");
    char text[AN_CLI_SHORT];
    for (const char *line = an_jval_key_first(since); line; line = an_jval_key_next(since, line)) {
        minute(text, an_cli_int(since, line));
        printf("%s: nothing is known before %s\n", line, text);
    }
    for (size_t i = 0; i < an_jval_count(runs); i++) {
        const an_jval *r = an_jval_at(runs, i);
        if (an_cli_int(r, "until_ms") || an_cli_int(r, "heard_ms") >= from_ms)
            continue;
        minute(text, an_cli_int(r, "heard_ms"));
        printf("%s: last heard of on %s; that it went on is not reported, and nothing says otherwise\n",
               an_cli_text(r, "line"), text);
    }
    if (an_jval_count(since) == 0)
        printf("nothing was ever reported\n");
    else if (an_jval_count(runs) == 0)
        printf("nothing is known of this time\n");
}

static void print_lines(const an_jval *o, int64_t from_ms)
{
    an_grid g;
    const an_jval *runs = an_jval_get(o, "runs");
    an_grid_init(
        &g, "LINE  SINCE (UTC)  UNTIL  MODEL  VERSION  OVERLAY  COUNTERSIGNED  LAST HEARD  LEFT BECAUSE");
    for (size_t i = 0; i < an_jval_count(runs); i++)
        add_run(&g, an_jval_at(runs, i));
    if (an_jval_count(runs) > 0)
        an_grid_print(&g, stdout);
    an_grid_done(&g);
    print_gaps(o, from_ms);
}

/* With a time, only what was in force in it: the last move of each alias before it, and those in it. */
static bool in_force(const an_jval *moves, size_t i, int64_t from_ms)
{
    const an_jval *m = an_jval_at(moves, i);
    for (size_t k = i + 1; k < an_jval_count(moves); k++) {
        const an_jval *later = an_jval_at(moves, k);
        if (strcmp(an_cli_text(later, "alias"), an_cli_text(m, "alias")) == 0 &&
            an_cli_int(later, "time_ms") <= from_ms)
            return false;
    }
    return true;
}

static void print_moves(const an_jval *moves, int64_t from_ms)
{
    an_grid g;
    an_grid_init(&g, "SINCE (UTC)  ALIAS  VERSION  BEFORE  RELEASE  BY  WHY");
    for (size_t i = 0; i < an_jval_count(moves); i++) {
        const an_jval *m = an_jval_at(moves, i);
        char time[AN_CLI_SHORT], to[AN_CLI_SHORT], from[AN_CLI_SHORT];
        if (!in_force(moves, i, from_ms))
            continue;
        minute(time, an_cli_int(m, "time_ms"));
        an_cli_hash(to, an_cli_text(m, "to"));
        an_cli_hash(from, an_cli_text(m, "from"));
        an_grid_cell(&g, "%s", time);
        an_grid_cell(&g, "%s", an_cli_text(m, "alias"));
        an_grid_cell(&g, "%s", to);
        an_grid_cell(&g, "%s", from);
        an_grid_cell(&g, "%lld", (long long)an_cli_int(m, "counter"));
        an_grid_cell(&g, "%s", an_cli_text(m, "actor"));
        an_grid_cell(&g, "%s", an_cli_text(m, "reason"));
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
}

int an_cli_history(an_cli *c)
{
    char name[128];
    const char *what = c->args->positionals[0], *at = an_args_get(c->args, "at"), *slash = strchr(what, '/');
    const char *line = slash ? slash + 1 : "";
    int64_t from_ms = 0, until_ms = INT64_MAX;
    an_json_doc *doc;
    snprintf(name, sizeof name, "%.*s", (int)(slash ? slash - what : (int)strlen(what)), what);
    if (!an_name_ok(name) || (slash && !an_name_ok(line)))
        return an_cli_fail(AN_CLI_USAGE, "%.80s: give SITE/LINE, SITE or MODEL", what);
    if (at && !an_cli_when(at, &from_ms, &until_ms))
        return an_cli_fail(AN_CLI_USAGE, "--at %.40s: " AN_CLI_WHEN, at);
    int code = an_cli_get(c, &doc, "/history/%s?line=%s&since=%lld&until=%lld", name, line,
                          (long long)from_ms, (long long)until_ms);
    if (!doc)
        return code;
    const an_jval *o = an_json_root(doc);
    if (an_jval_get(o, "runs"))
        print_lines(o, from_ms);
    if (an_jval_get(o, "moves"))
        print_moves(an_jval_get(o, "moves"), from_ms);
    an_json_doc_free(doc);
    return code;
}

/* ---- lineage ---- */

int an_cli_model_lineage(an_cli *c)
{
    an_json_doc *doc;
    const char *name = an_cli_word(c, 0);
    if (!name)
        return AN_CLI_USAGE;
    int code = an_cli_get(c, &doc, "/models/%s/lineage", name);
    if (!doc)
        return code;
    an_grid g;
    an_grid_init(&g, "VERSION  FROM  ROUND  MADE");
    const an_jval *nodes = an_jval_get(an_json_root(doc), "nodes");
    for (size_t i = 0; i < an_jval_count(nodes); i++) {
        const an_jval *v = an_jval_at(nodes, i);
        char hash[AN_CLI_SHORT], parent[AN_CLI_SHORT], made[AN_CLI_SHORT];
        an_cli_hash(hash, an_cli_text(v, "hash"));
        an_cli_hash(parent, an_cli_text(v, "parent"));
        minute(made, an_cli_int(v, "created_ms"));
        an_grid_cell(&g, "%s", hash);
        an_grid_cell(&g, "%s", parent);
        an_grid_cell(&g, "%lld", (long long)an_cli_int(v, "round"));
        an_grid_cell(&g, "%s", made);
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
    an_json_doc_free(doc);
    return code;
}
