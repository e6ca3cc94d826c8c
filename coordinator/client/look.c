/* Status, watch and the journal. */
#include <stdio.h>
#include <unistd.h>

#include "coordinator/client/client.h"
#include "coordinator/client/grid.h"
#include "coordinator/client/show.h"

#define LOOK_MS 1000 /* a screen is at most this old */

static void print_sites(const an_jval *list)
{
    size_t asking = 0;
    an_grid g;
    an_grid_init(&g, "SITE  STATUS  CONNECTED  SEEN  STATE  VERSION  WINDOWS, HELD BACK  ALARMS  RECEIVED");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *s = an_jval_at(list, i), *line = an_jval_at(an_jval_get(s, "lines"), 0);
        char ago[AN_CLI_SHORT], version[AN_CLI_SHORT], bytes[AN_CLI_SHORT], windows[AN_CLI_SHORT];
        an_cli_ago(ago, an_cli_int(s, "seen_ms"));
        an_cli_hash(version, an_cli_text(line, "version"));
        an_cli_bytes(bytes, an_cli_int(s, "bytes_received"));
        an_cli_windows(windows, line);
        asking += an_cli_text(s, "status")[0] == 'r' && an_cli_text(s, "status")[2] == 'q';
        an_grid_cell(&g, "%s", an_cli_text(s, "name"));
        an_grid_cell(&g, "%s", an_cli_text(s, "status"));
        an_grid_cell(&g, "%s", an_cli_bool(s, "connected") ? "yes" : "no");
        an_grid_cell(&g, "%s", ago);
        an_grid_cell(&g, "%s", an_cli_text(s, "state"));
        an_grid_cell(&g, "%s", version);
        an_grid_cell(&g, "%s", windows);
        an_grid_cell(&g, "%lld", (long long)an_cli_int(s, "alarms"));
        an_grid_cell(&g, "%s", bytes);
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
    an_cli_show_copies(list);
    if (asking > 0)
        printf("%zu asking to be admitted: compare fingerprints (andon site list), then andon "
               "site approve NAME\n",
               asking);
}

static void print_models(const an_jval *list)
{
    an_grid g;
    an_grid_init(&g, "MODEL  PRODUCTION  VERSIONS  EPSILON  SITES CONNECTED");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *m = an_jval_at(list, i);
        char production[AN_CLI_SHORT];
        an_cli_hash(production, an_cli_text(m, "production"));
        an_grid_cell(&g, "%s", an_cli_text(m, "name"));
        an_grid_cell(&g, "%s", production);
        an_grid_cell(&g, "%lld", (long long)an_cli_int(m, "versions"));
        an_grid_cell(&g, "%s", an_cli_text(an_jval_get(m, "privacy"), "brief"));
        an_grid_cell(&g, "%lld", (long long)an_cli_int(m, "sites_connected"));
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
}

static void print_status(const an_jval *o)
{
    const an_jval *k = an_jval_get(o, "coordinator"), *rounds = an_jval_get(o, "rounds");
    char ago[AN_CLI_SHORT];
    an_cli_ago(ago, an_cli_int(k, "started_ms"));
    printf("coordinator started %s, sites connect to %s, enrolment is %s, %lld record%s\n\n", ago,
           an_cli_text(k, "control"), an_cli_bool(k, "enrolment_open") ? "open" : "closed",
           (long long)an_cli_int(k, "journal_seq"), an_cli_s((uint64_t)an_cli_int(k, "journal_seq")));
    an_cli_show_root(an_jval_get(o, "root"));
    if (an_jval_count(an_jval_get(o, "sites")) > 0)
        print_sites(an_jval_get(o, "sites"));
    else
        printf("no sites yet: andon token makes a word that lets one ask to be admitted\n");
    printf("\n");
    if (an_jval_count(an_jval_get(o, "models")) > 0)
        print_models(an_jval_get(o, "models"));
    else
        printf("no models yet: andon model create\n");
    if (an_jval_count(an_jval_get(o, "campaigns")) > 0) {
        printf("\n");
        an_cli_show_campaigns(an_jval_get(o, "campaigns"));
    }
    if (an_jval_count(an_jval_get(o, "rollouts")) > 0) {
        printf("\n");
        an_cli_show_rollouts(an_jval_get(o, "rollouts"));
    }
    for (size_t i = 0; i < an_jval_count(rounds); i++) {
        const an_jval *r = an_jval_at(rounds, i);
        printf("\nround %lld (%s, %s): %s\n", (long long)an_cli_int(r, "id"), an_cli_text(r, "kind"),
               an_cli_text(r, "state"), an_cli_text(r, "waiting"));
        an_cli_show_members(r);
    }
}

int an_cli_status(an_cli *c)
{
    an_json_doc *doc;
    int code = an_cli_get(c, &doc, "/status");
    if (doc)
        print_status(an_json_root(doc));
    an_json_doc_free(doc);
    return code;
}

int an_cli_watch(an_cli *c)
{
    if (!isatty(STDOUT_FILENO) || c->json)
        return an_cli_follow(c, 0);
    for (;;) {
        an_json_doc *doc;
        int code = an_cli_get(c, &doc, "/status");
        if (!doc)
            return code;
        printf("\033[H\033[J"); /* home, clear */
        print_status(an_json_root(doc));
        int64_t seq = an_cli_int(an_jval_get(an_json_root(doc), "coordinator"), "journal_seq");
        fflush(stdout);
        an_json_doc_free(doc);
        /* Back at once when something happens, else in a moment for progress and times. */
        code = an_cli_get(c, &doc, "/journal?after=%lld&wait_ms=%d&limit=1", (long long)seq, LOOK_MS);
        an_json_doc_free(doc);
        if (code != AN_CLI_OK)
            return code;
    }
}
