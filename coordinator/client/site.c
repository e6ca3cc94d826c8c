/* Sites, tokens and alarms. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/opt.h"
#include "coordinator/client/client.h"
#include "coordinator/client/grid.h"
#include "coordinator/client/show.h"

void an_cli_windows(char ret[static AN_CLI_SHORT], const an_jval *line)
{
    const long long n[] = {an_cli_int(line, "windows"), an_cli_int(line, "windows_held_back")};
    snprintf(ret, AN_CLI_SHORT, "-");
    if (an_jval_get(line, "windows"))
        snprintf(ret, AN_CLI_SHORT, "%lld%s, %lld%s", n[0], n[0] < AN_WINDOWS_TOLD ? "" : "+", n[1],
                 n[1] < AN_WINDOWS_TOLD ? "" : "+");
}

void an_cli_show_next(const an_jval *answer)
{
    if (an_cli_int(answer, "next") > 0)
        printf("older ones: --before %lld\n", (long long)an_cli_int(answer, "next"));
}

void an_cli_show_copies(const an_jval *sites)
{
    for (size_t i = 0; i < an_jval_count(sites); i++)
        if (an_cli_bool(an_jval_at(sites, i), "copies"))
            printf("site %s runs twice: two agents with its keys take the session from each other; end one, "
                   "and if you "
                   "know of one only, revoke it\n",
                   an_cli_text(an_jval_at(sites, i), "name"));
}

int an_cli_site_list(an_cli *c)
{
    an_json_doc *doc;
    int code = an_cli_get(c, &doc, "/sites");
    if (!doc)
        return code;
    an_grid g;
    an_grid_init(&g, "SITE  STATUS  CONNECTED  SEEN  STATE  AGENT  FINGERPRINT  NEXT KEYS");
    const an_jval *list = an_jval_get(an_json_root(doc), "sites");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *s = an_jval_at(list, i);
        char ago[AN_CLI_SHORT];
        an_cli_ago(ago, an_cli_int(s, "seen_ms"));
        an_grid_cell(&g, "%s", an_cli_text(s, "name"));
        an_grid_cell(&g, "%s", an_cli_text(s, "status"));
        an_grid_cell(&g, "%s", an_cli_bool(s, "connected") ? "yes" : "no");
        an_grid_cell(&g, "%s", ago);
        an_grid_cell(&g, "%s", an_cli_text(s, "state"));
        an_grid_cell(&g, "%s", an_cli_text(s, "agent"));
        an_grid_cell(&g, "%s", an_cli_text(s, "fingerprint"));
        an_grid_cell(&g, "%s", an_cli_text(s, "next_fingerprint"));
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
    an_cli_show_copies(list);
    an_json_doc_free(doc);
    return code;
}

static int decide(an_cli *c, const char *what)
{
    an_json_doc *doc;
    const char *name = an_cli_word(c, 0);
    if (!name)
        return AN_CLI_USAGE;
    an_json *body = an_json_object();
    const char *reason = an_args_get(c->args, "reason"), *fingerprint = an_args_get(c->args, "fingerprint");
    if (reason)
        an_json_set_text(body, "reason", reason);
    if (fingerprint)
        an_json_set_text(body, "fingerprint", fingerprint);
    int code = an_cli_post(c, &doc, body, "/sites/%s/%s", name, what);
    if (doc) {
        const an_jval *s = an_jval_get(an_json_root(doc), "site");
        printf("site %s is %s (fingerprint %s)\n", an_cli_text(s, "name"), an_cli_text(s, "status"),
               an_cli_text(s, "fingerprint"));
    }
    an_json_doc_free(doc);
    return code;
}

int an_cli_site_approve(an_cli *c)
{
    return decide(c, "approve");
}

int an_cli_site_deny(an_cli *c)
{
    return decide(c, "deny");
}

int an_cli_site_revoke(an_cli *c)
{
    return decide(c, "revoke");
}

/* Asks for a token by a post to this path, and prints it. */
static int print_token(an_cli *c, an_json *body, const char *format, const char *name)
{
    an_json_doc *doc;
    int64_t valid_ms = 3600000;
    const char *valid = an_args_get(c->args, "valid");
    if (valid && (!an_parse_ms(valid, &valid_ms) || valid_ms < 1000)) {
        an_json_free(body);
        return an_cli_fail(AN_CLI_USAGE, "--valid %.60s: a time such as 10m, 1h or 7d", valid);
    }
    an_json_set_int(body, "valid_ms", valid_ms);
    int code = an_cli_post(c, &doc, body, format, name);
    if (doc)
        printf("%s\n", an_cli_text(an_json_root(doc), "token"));
    an_json_doc_free(doc);
    return code;
}

int an_cli_token(an_cli *c)
{
    const char *site = an_args_get(c->args, "site");
    an_json *body = an_json_object();
    if (site)
        an_json_set_text(body, "site", site);
    return print_token(c, body, "/tokens%s", "");
}

int an_cli_site_replace(an_cli *c)
{
    const char *name = an_cli_word(c, 0), *reason = an_args_get(c->args, "reason");
    if (!name)
        return AN_CLI_USAGE;
    an_json *body = an_json_object();
    if (reason)
        an_json_set_text(body, "reason", reason);
    return print_token(c, body, "/sites/%s/replace", name);
}

/* An alarm is told when it is raised and again when it is over: then the second says it all. */
static bool told_again(const an_jval *list, size_t i)
{
    const an_jval *a = an_jval_at(list, i);
    if (an_cli_int(a, "cleared_ms") > 0)
        return false;
    for (size_t k = 0; k < i; k++) { /* the latest come first */
        const an_jval *b = an_jval_at(list, k);
        if (an_cli_int(b, "alarm") == an_cli_int(a, "alarm") &&
            strcmp(an_cli_text(b, "line"), an_cli_text(a, "line")) == 0 &&
            strcmp(an_cli_text(b, "site"), an_cli_text(a, "site")) == 0)
            return true;
    }
    return false;
}

int an_cli_alarm_list(an_cli *c)
{
    an_json_doc *doc;
    const char *site = an_cli_query(c, "site"), *limit = an_cli_query(c, "limit"),
               *before = an_cli_query(c, "before");
    if (!site || !limit || !before)
        return AN_CLI_USAGE;
    int code =
        an_cli_get(c, &doc, "/alarms?subject=%s&limit=%s&before=%s", site, limit[0] ? limit : "50", before);
    if (!doc)
        return code;
    an_grid g;
    /* By the line's clock, which tells a recorded line's own time: no "ago" would be true. */
    an_grid_init(&g, "RAISED  CLEARED  SITE  LINE  ALARM  PEAK  SENSORS");
    const an_jval *list = an_jval_get(an_json_root(doc), "alarms");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *a = an_jval_at(list, i), *sensors = an_jval_get(a, "sensors");
        if (told_again(list, i))
            continue;
        int64_t cleared_ms = an_cli_int(a, "cleared_ms");
        char raised[25], cleared[25] = "-", names[200] = "";
        size_t at = 0;
        an_time_text(raised, an_cli_int(a, "raised_ms"));
        if (cleared_ms > 0)
            an_time_text(cleared, cleared_ms);
        for (size_t k = 0; k < an_jval_count(sensors) && k < 3 && at < sizeof names; k++) {
            const an_jval *s = an_jval_at(sensors, k);
            int n = snprintf(names + at, sizeof names - at, "%s%.40s %.0f%%", k ? ", " : "",
                             an_cli_text(s, "sensor"), 100 * an_cli_num(s, "share"));
            at += n > 0 ? (size_t)n : 0;
        }
        an_grid_cell(&g, "%.19s%s", raised, raised[0] ? "Z" : "");
        an_grid_cell(&g, "%.19s%s", cleared, cleared_ms > 0 ? "Z" : "");
        an_grid_cell(&g, "%s", an_cli_text(a, "site"));
        an_grid_cell(&g, "%s", an_cli_text(a, "line"));
        an_grid_cell(&g, "%lld", (long long)an_cli_int(a, "alarm"));
        an_grid_cell(&g, "%.2f", an_cli_num(a, "peak"));
        an_grid_cell(&g, "%s", names);
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
    an_cli_show_next(an_json_root(doc));
    an_json_doc_free(doc);
    return code;
}
