/* Status, watch and the journal. */
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "coordinator/client/client.h"
#include "coordinator/client/grid.h"
#include "coordinator/client/show.h"

#define LOOK_MS 1000 /* a screen is at most this old */

static void print_sites(const an_jval *list)
{
    size_t asking = 0;
    an_grid g;
    an_grid_init(&g, "SITE  STATUS  CONNECTED  SEEN  STATE  VERSION  ALARMS  RECEIVED");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *s = an_jval_at(list, i), *line = an_jval_at(an_jval_get(s, "lines"), 0);
        char ago[AN_CLI_SHORT], version[AN_CLI_SHORT], bytes[AN_CLI_SHORT];
        an_cli_ago(ago, an_cli_int(s, "seen_ms"));
        an_cli_hash(version, an_cli_text(line, "version"));
        an_cli_bytes(bytes, an_cli_int(s, "bytes_received"));
        asking += an_cli_text(s, "status")[0] == 'r' && an_cli_text(s, "status")[2] == 'q';
        an_grid_cell(&g, "%s", an_cli_text(s, "name"));
        an_grid_cell(&g, "%s", an_cli_text(s, "status"));
        an_grid_cell(&g, "%s", an_cli_bool(s, "connected") ? "yes" : "no");
        an_grid_cell(&g, "%s", ago);
        an_grid_cell(&g, "%s", an_cli_text(s, "state"));
        an_grid_cell(&g, "%s", version);
        an_grid_cell(&g, "%lld", (long long)an_cli_int(s, "alarms"));
        an_grid_cell(&g, "%s", bytes);
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
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
    printf("coordinator started %s, sites connect to %s, enrolment is %s, %lld records\n\n", ago,
           an_cli_text(k, "control"), an_cli_bool(k, "enrolment_open") ? "open" : "closed",
           (long long)an_cli_int(k, "journal_seq"));
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

static int print_records(const an_jval *list, bool json)
{
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *r = an_jval_at(list, i);
        if (json) {
            an_json *copy = an_json_copy(r);
            char *text = an_json_print(copy, 0);
            printf("%s\n", text ? text : "{}");
            an_free(text);
            an_json_free(copy);
        } else {
            printf("%s\n", an_cli_text(r, "line"));
        }
    }
    return fflush(stdout) == 0 ? AN_CLI_OK : AN_CLI_REFUSED; /* whoever read has gone */
}

int an_cli_follow(an_cli *c, int64_t after)
{
    const char *kind = an_cli_query(c, "kind"), *subject = an_cli_query(c, "subject");
    c->quiet_json = true;
    for (;;) {
        an_json_doc *doc;
        int code = kind && subject
                       ? an_cli_get(c, &doc, "/journal?after=%lld&wait_ms=20000&limit=500&kind=%s&subject=%s",
                                    (long long)after, kind, subject)
                       : AN_CLI_USAGE;
        if (code != AN_CLI_OK)
            return code;
        after = an_cli_int(an_json_root(doc), "last");
        code = print_records(an_jval_get(an_json_root(doc), "records"), c->json);
        an_json_doc_free(doc);
        if (code != AN_CLI_OK)
            return code;
    }
}

/* The last so many records, oldest first. */
static int print_last(an_cli *c, const char *kind, const char *subject, int64_t limit, int64_t *ret_last)
{
    an_json_doc *doc;
    int code = an_cli_get(c, &doc, "/journal?newest=true&limit=%lld&kind=%s&subject=%s", (long long)limit,
                          kind, subject);
    if (!doc)
        return code;
    const an_jval *list = an_jval_get(an_json_root(doc), "records");
    for (size_t i = an_jval_count(list); i-- > 0;)
        printf("%s\n", an_cli_text(an_jval_at(list, i), "line"));
    *ret_last = an_cli_int(an_json_root(doc), "last");
    an_json_doc_free(doc);
    return code;
}

static int verify(an_cli *c)
{
    an_json_doc *doc;
    c->quiet_json = true;
    int code = an_cli_get(c, &doc, "/journal/verify");
    if (!doc)
        return code;
    const an_jval *o = an_json_root(doc);
    bool intact = an_cli_bool(o, "intact");
    if (c->json)
        printf("{\"intact\": %s, \"records\": %lld, \"chain\": \"%s\"}\n", intact ? "true" : "false",
               (long long)an_cli_int(o, "records"), an_cli_text(o, "chain"));
    else if (intact)
        printf("the journal is intact: %lld records, chain %s\n", (long long)an_cli_int(o, "records"),
               an_cli_text(o, "chain"));
    else
        printf("THE JOURNAL IS NOT INTACT: %s\n", an_cli_text(o, "detail"));
    an_json_doc_free(doc);
    return intact ? AN_CLI_OK : AN_CLI_REFUSED;
}

int an_cli_journal(an_cli *c)
{
    an_note why = {{0}};
    int64_t after = 0, limit = 50;
    if (an_args_has(c->args, "verify"))
        return verify(c);
    const char *kind = an_cli_query(c, "kind"), *subject = an_cli_query(c, "subject");
    if (!kind || !subject)
        return AN_CLI_USAGE;
    if (an_args_int(c->args, "after", 0, INT64_MAX, 0, &after, &why) != AN_OK ||
        an_args_int(c->args, "limit", 1, 1000, 50, &limit, &why) != AN_OK)
        return an_cli_fail(AN_CLI_USAGE, "%s", why.text);
    if (an_args_has(c->args, "follow")) {
        bool from_start = an_args_has(c->args, "after");
        int code = from_start || c->json ? AN_CLI_OK : print_last(c, kind, subject, limit, &after);
        return code == AN_CLI_OK ? an_cli_follow(c, after) : code;
    }
    if (!an_args_has(c->args, "after") && !c->json)
        return print_last(c, kind, subject, limit, &after);
    an_json_doc *doc;
    int code = an_cli_get(c, &doc, "/journal?after=%lld&limit=%lld&kind=%s&subject=%s", (long long)after,
                          (long long)limit, kind, subject);
    if (doc)
        code = print_records(an_jval_get(an_json_root(doc), "records"), false);
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
