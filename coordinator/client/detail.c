/* One site with its lines; what sites had of alarms, verdicts and traffic. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "coordinator/client/client.h"
#include "coordinator/client/grid.h"
#include "coordinator/client/show.h"

/* ---- one site ---- */

static const char *fit_of(const an_jval *line)
{
    return !an_cli_bool(line, "model_known") ? "model not known"
           : an_cli_bool(line, "fits")       ? "yes"
                                             : "other sensors, rate or window";
}

static void print_lines(const an_jval *lines)
{
    an_grid g;
    an_grid_init(&g, "LINE  MODEL  FITS  VERSION  OVERLAY  WINDOWS, HELD BACK");
    for (size_t i = 0; i < an_jval_count(lines); i++) {
        const an_jval *l = an_jval_at(lines, i);
        char version[AN_CLI_SHORT], overlay[AN_CLI_SHORT], windows[AN_CLI_SHORT];
        an_cli_hash(version, an_cli_text(l, "version"));
        an_cli_hash(overlay, an_cli_text(l, "overlay"));
        an_cli_windows(windows, l);
        an_grid_cell(&g, "%s", an_cli_text(l, "line"));
        an_grid_cell(&g, "%s", an_cli_text(l, "model"));
        an_grid_cell(&g, "%s", fit_of(l));
        an_grid_cell(&g, "%s", version);
        an_grid_cell(&g, "%s", overlay);
        an_grid_cell(&g, "%s", windows);
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
}

int an_cli_site_show(an_cli *c)
{
    an_json_doc *doc;
    const char *name = an_cli_word(c, 0);
    if (!name)
        return AN_CLI_USAGE;
    int code = an_cli_get(c, &doc, "/sites/%s", name);
    if (!doc)
        return code;
    const an_jval *s = an_jval_get(an_json_root(doc), "site");
    char seen[AN_CLI_SHORT], since[AN_CLI_SHORT];
    an_cli_ago(seen, an_cli_int(s, "seen_ms"));
    an_cli_ago(since, an_cli_int(s, "since_ms"));
    printf("site %s, %s since %s, run by %s\n", an_cli_text(s, "name"), an_cli_text(s, "status"), since,
           an_cli_text(s, "party"));
    printf("%s, last heard %s, %s, agent %s\n", an_cli_bool(s, "connected") ? "connected" : "not connected",
           seen, an_cli_text(s, "state")[0] ? an_cli_text(s, "state") : "-",
           an_cli_text(s, "agent")[0] ? an_cli_text(s, "agent") : "-");
    printf("fingerprint of its keys: %s\n", an_cli_text(s, "fingerprint"));
    if (an_cli_text(s, "next_fingerprint")[0])
        printf("... and of the next ones: %s\n", an_cli_text(s, "next_fingerprint"));
    if (an_cli_bool(s, "copies"))
        printf("it runs twice: two agents with its keys take the session from each other\n");
    printf("\n");
    print_lines(an_jval_get(s, "lines"));
    an_json_doc_free(doc);
    return code;
}

/* ---- what sites had ---- */

/* Asks for a page of the list, of --site and before --before. */
static int ask(an_cli *c, an_json_doc **ret, const char *list)
{
    const char *site = an_cli_query(c, "site"), *limit = an_cli_query(c, "limit"),
               *before = an_cli_query(c, "before");
    *ret = NULL;
    if (!site || !limit || !before)
        return AN_CLI_USAGE;
    return an_cli_get(c, ret, "%s?site=%s&limit=%s&before=%s", list, site, limit[0] ? limit : "50", before);
}

int an_cli_alarm_counts(an_cli *c)
{
    an_json_doc *doc;
    int code = ask(c, &doc, "/alarms/counts");
    if (!doc)
        return code;
    an_grid g;
    an_grid_init(&g, "DAY (UTC)  SITE  ALARMS");
    const an_jval *list = an_jval_get(an_json_root(doc), "counts");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *o = an_jval_at(list, i);
        an_grid_cell(&g, "%s", an_cli_text(o, "day"));
        an_grid_cell(&g, "%s", an_cli_text(o, "site"));
        an_grid_cell(&g, "%lld", (long long)an_cli_int(o, "alarms"));
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
    an_cli_show_next(an_json_root(doc));
    an_json_doc_free(doc);
    return code;
}

int an_cli_verdict_list(an_cli *c)
{
    static const char *const counts[] = {"rows", "alarms", "confirmed", "refuted", "unsure", "missed"};
    an_json_doc *doc;
    int code = ask(c, &doc, "/verdicts");
    if (!doc)
        return code;
    an_grid g;
    an_grid_init(&g, "SITE  LINE  MODEL  VERSION  SINCE  ROWS  ALARMS  RIGHT  WRONG  UNSURE  MISSED");
    const an_jval *list = an_jval_get(an_json_root(doc), "verdicts");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *o = an_jval_at(list, i);
        char version[AN_CLI_SHORT], since[AN_CLI_SHORT];
        an_cli_hash(version, an_cli_text(o, "version"));
        an_cli_ago(since, an_cli_int(o, "since_ms"));
        an_grid_cell(&g, "%s", an_cli_text(o, "site"));
        an_grid_cell(&g, "%s", an_cli_text(o, "line"));
        an_grid_cell(&g, "%s", an_cli_text(o, "model"));
        an_grid_cell(&g, "%s", version);
        an_grid_cell(&g, "%s", since);
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
            an_grid_cell(&g, "%lld", (long long)an_cli_int(o, counts[k]));
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
    an_cli_show_next(an_json_root(doc));
    an_json_doc_free(doc);
    return code;
}

/* ---- what sites have sent ---- */

typedef struct sent {
    char site[AN_NAME_MAX], kind[AN_SHORT_MAX];
    int64_t records, bytes, last_ms;
} sent;

typedef struct ledger {
    sent *items;
    size_t n, cap;
} ledger;

/* False: no memory. */
static bool add(ledger *l, const an_jval *o)
{
    const char *site = an_cli_text(o, "site"), *kind = an_cli_text(o, "kind");
    size_t i = 0;
    while (i < l->n && (strcmp(l->items[i].site, site) != 0 || strcmp(l->items[i].kind, kind) != 0))
        i++;
    if (i == l->n) {
        if (!an_grow(&l->items, &l->cap, l->n + 1, sizeof *l->items))
            return false;
        l->items[l->n] = (sent){.records = 0};
        an_text_set(l->items[l->n].site, sizeof l->items->site, site);
        an_text_set(l->items[l->n++].kind, sizeof l->items->kind, kind);
    }
    l->items[i].records += an_cli_int(o, "records");
    l->items[i].bytes += an_cli_int(o, "bytes");
    if (an_cli_int(o, "last_ms") > l->items[i].last_ms)
        l->items[i].last_ms = an_cli_int(o, "last_ms");
    return true;
}

static void print_ledger(const ledger *l)
{
    an_grid g;
    an_grid_init(&g, "SITE  KIND  RECORDS  BYTES  LAST");
    for (size_t i = 0; i < l->n; i++) {
        char bytes[AN_CLI_SHORT], last[AN_CLI_SHORT];
        an_cli_bytes(bytes, l->items[i].bytes);
        an_cli_ago(last, l->items[i].last_ms);
        an_grid_cell(&g, "%s", l->items[i].site);
        an_grid_cell(&g, "%s", l->items[i].kind);
        an_grid_cell(&g, "%lld", (long long)l->items[i].records);
        an_grid_cell(&g, "%s", bytes);
        an_grid_cell(&g, "%s", last);
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
}

/* The pieces add up; under --json the first one is shown, with where the next begins. */
int an_cli_ledger(an_cli *c)
{
    const char *site = an_cli_query(c, "site");
    ledger l = {.items = NULL};
    int code = site ? AN_CLI_OK : AN_CLI_USAGE;
    bool room = true;
    for (int64_t before = 0, more = 1; code == AN_CLI_OK && more && room;) {
        an_json_doc *doc;
        code = an_cli_get(c, &doc, "/ledger?site=%s&before=%lld", site, (long long)before);
        const an_jval *o = doc ? an_json_root(doc) : NULL, *list = an_jval_get(o, "ledger");
        for (size_t i = 0; i < an_jval_count(list); i++)
            room = room && add(&l, an_jval_at(list, i));
        before = more = an_cli_int(o, "next");
        an_json_doc_free(doc);
    }
    if (!room)
        code = an_cli_fail(AN_CLI_REFUSED, "out of memory");
    if (code == AN_CLI_OK && !c->json)
        print_ledger(&l);
    an_free(l.items);
    return code;
}
