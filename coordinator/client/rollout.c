/* Rollouts, groups, and what every line is to run and runs. */
#include <stdio.h>
#include <string.h>

#include "coordinator/client/client.h"
#include "coordinator/client/grid.h"
#include "coordinator/client/show.h"

#define BAR 24

/* "####==....": fine, has it, nothing yet; '!' failed. */
static void bar(char out[static BAR + 1], const an_jval *stage)
{
    const int64_t n = an_cli_int(stage, "sites"), fine = an_cli_int(stage, "fine"),
                  failed = an_cli_int(stage, "failed"), running = an_cli_int(stage, "running");
    for (int64_t i = 0; i < BAR; i++) {
        const int64_t site = n > 0 ? i * n / BAR : 0;
        out[i] = n == 0                           ? '.'
                 : site < fine                    ? '#'
                 : site < fine + failed           ? '!'
                 : site < fine + failed + running ? '='
                                                  : '.';
    }
    out[BAR] = '\0';
}

void an_cli_show_rollouts(const an_jval *list)
{
    an_grid g;
    an_grid_init(&g, "ROLLOUT  MODEL  VERSION  STATE  STAGE  OPENED  WHAT");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *r = an_jval_at(list, i);
        char ago[AN_CLI_SHORT], version[AN_CLI_SHORT];
        an_cli_ago(ago, an_cli_int(r, "opened_ms"));
        an_cli_hash(version, an_cli_text(r, "version"));
        an_grid_cell(&g, "%lld", (long long)an_cli_int(r, "id"));
        an_grid_cell(&g, "%s", an_cli_text(r, "model"));
        an_grid_cell(&g, "%s", version);
        an_grid_cell(&g, "%s", an_cli_text(r, "state"));
        an_grid_cell(&g, "%lld of %zu", (long long)an_cli_int(r, "stage"),
                     an_jval_count(an_jval_get(r, "stages")));
        an_grid_cell(&g, "%s", ago);
        an_grid_cell(&g, "%s", an_cli_text(r, "waiting"));
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
}

/* "runs 1a2b", or of lines that differ each; and what they are to run, if that is another. */
static void now_text(char *out, size_t size, const an_jval *site)
{
    const an_jval *lines = an_jval_get(site, "lines");
    const char *desired = an_cli_text(site, "desired"), *first = an_cli_text(an_jval_at(lines, 0), "version");
    bool same = true, as_desired = true;
    size_t at = 0;
    for (size_t i = 0; i < an_jval_count(lines); i++) {
        const char *version = an_cli_text(an_jval_at(lines, i), "version");
        same = same && strcmp(version, first) == 0;
        as_desired = as_desired && strcmp(version, desired) == 0;
    }
    snprintf(out, size, "%s", an_jval_count(lines) ? "" : "nothing reported");
    for (size_t i = 0; i < (same && an_jval_count(lines) ? 1 : an_jval_count(lines)) && at < size; i++) {
        const an_jval *line = an_jval_at(lines, i);
        char version[AN_CLI_SHORT];
        an_cli_hash(version, an_cli_text(line, "version"));
        at += (size_t)snprintf(out + at, size - at, "%s%s%sruns %s", i ? ", " : "",
                               same ? "" : an_cli_text(line, "line"), same ? "" : " ", version);
    }
    if (!as_desired && at < size)
        snprintf(out + at, size - at, ", is to run %.12s", desired[0] ? desired : "none");
}

static void show_sites(const an_jval *sites, bool over)
{
    an_grid g;
    if (over)
        printf("the sites as they were when it ended, and what they run now:\n");
    an_grid_init(&g,
                 over ? "SITE  STAGE  AT ITS END  SINCE  NOW  REASON" : "SITE  STAGE  STATE  SINCE  REASON");
    for (size_t i = 0; i < an_jval_count(sites); i++) {
        const an_jval *s = an_jval_at(sites, i);
        char ago[AN_CLI_SHORT], now[320];
        an_cli_ago(ago, an_cli_int(s, "since_ms"));
        now_text(now, sizeof now, s);
        an_grid_cell(&g, "%s", an_cli_text(s, "site"));
        an_grid_cell(&g, "%lld", (long long)an_cli_int(s, "stage"));
        an_grid_cell(&g, "%s", an_cli_text(s, "state"));
        an_grid_cell(&g, "%s", ago);
        if (over)
            an_grid_cell(&g, "%s", now);
        an_grid_cell(&g, "%s", an_cli_text(s, "reason"));
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
}

static void show_one(const an_jval *r)
{
    const an_jval *stages = an_jval_get(r, "stages");
    printf("rollout %lld of model %s is %s: %s\n\n", (long long)an_cli_int(r, "id"), an_cli_text(r, "model"),
           an_cli_text(r, "state"), an_cli_text(r, "waiting"));
    for (size_t i = 0; i < an_jval_count(stages); i++) {
        const an_jval *s = an_jval_at(stages, i);
        char picture[BAR + 1];
        bar(picture, s);
        printf("  %-12.40s [%s] %lld of %lld fine\n", an_cli_text(s, "stage"), picture,
               (long long)an_cli_int(s, "fine"), (long long)an_cli_int(s, "sites"));
    }
    printf("\n");
    show_sites(an_jval_get(r, "sites"), an_cli_int(r, "ended_ms") > 0);
}

int an_cli_rollout_list(an_cli *c)
{
    an_json_doc *doc;
    int code = an_cli_get(c, &doc, "/rollouts");
    if (doc)
        an_cli_show_rollouts(an_jval_get(an_json_root(doc), "rollouts"));
    an_json_doc_free(doc);
    return code;
}

int an_cli_rollout_show(an_cli *c)
{
    an_json_doc *doc;
    const char *id = an_cli_word(c, 0);
    int code = id ? an_cli_get(c, &doc, "/rollouts/%s", id) : AN_CLI_USAGE;
    if (!id || !doc)
        return code;
    show_one(an_jval_get(an_json_root(doc), "rollout"));
    an_json_doc_free(doc);
    return code;
}

static int act(an_cli *c, const char *what)
{
    an_json_doc *doc;
    int code = an_cli_do(c, &doc, "rollouts", what);
    if (doc)
        show_one(an_jval_get(an_json_root(doc), "rollout"));
    an_json_doc_free(doc);
    return code;
}

int an_cli_rollout_approve(an_cli *c)
{
    return act(c, "approve");
}

int an_cli_rollout_pause(an_cli *c)
{
    return act(c, "pause");
}

int an_cli_rollout_resume(an_cli *c)
{
    return act(c, "resume");
}

int an_cli_rollout_retry(an_cli *c)
{
    return act(c, "retry");
}

int an_cli_rollout_abort(an_cli *c)
{
    return act(c, "abort");
}

/* ---- groups ---- */

static void show_groups(const an_jval *list)
{
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *o = an_jval_at(list, i), *sites = an_jval_get(o, "sites");
        printf("%s:", an_cli_text(o, "name"));
        for (size_t k = 0; k < an_jval_count(sites); k++) {
            const char *site = "";
            if (an_jval_text(an_jval_at(sites, k), NULL, &site, NULL) == AN_OK)
                printf(" %s", site);
        }
        printf("\n");
    }
    if (an_jval_count(list) == 0)
        printf("none\n");
}

int an_cli_group_list(an_cli *c)
{
    an_json_doc *doc;
    int code = an_cli_get(c, &doc, "/groups");
    if (doc)
        show_groups(an_jval_get(an_json_root(doc), "groups"));
    an_json_doc_free(doc);
    return code;
}

int an_cli_group_set(an_cli *c)
{
    an_json_doc *doc;
    const char *name = an_cli_word(c, 0);
    an_json *body = an_json_object(), *sites = an_json_array();
    for (size_t i = 1; name && i < c->args->n_positionals; i++)
        an_json_push_text(sites, c->args->positionals[i]);
    an_json_set(body, "sites", sites);
    if (!name) {
        an_json_free(body);
        return AN_CLI_USAGE;
    }
    int code = an_cli_post(c, &doc, body, "/groups/%s", name);
    if (doc)
        show_groups(an_jval_get(an_json_root(doc), "groups"));
    an_json_doc_free(doc);
    return code;
}

int an_cli_fleet(an_cli *c)
{
    an_json_doc *doc;
    an_grid g;
    int code = an_cli_get(c, &doc, "/fleet");
    const an_jval *list = doc ? an_jval_get(an_json_root(doc), "fleet") : NULL;
    if (!doc)
        return code;
    an_grid_init(&g, "SITE  LINE  MODEL  DESIRED  REPORTED  SINCE  DIFFERS");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *f = an_jval_at(list, i);
        char desired[AN_CLI_SHORT], reported[AN_CLI_SHORT], ago[AN_CLI_SHORT];
        const bool differs = an_cli_bool(f, "differs");
        const char *why = an_cli_text(f, "reason");
        an_cli_hash(desired, an_cli_text(f, "desired"));
        an_cli_hash(reported, an_cli_text(f, "reported"));
        an_cli_ago(ago, an_cli_int(f, "since_ms"));
        an_grid_cell(&g, "%s", an_cli_text(f, "site"));
        an_grid_cell(&g, "%s", an_cli_text(f, "line"));
        an_grid_cell(&g, "%s", an_cli_text(f, "model"));
        an_grid_cell(&g, "%s", desired);
        an_grid_cell(&g, "%s", reported);
        an_grid_cell(&g, "%s", ago);
        an_grid_cell(&g, "%s%s%s", differs ? "DIFFERS" : "", differs && why[0] ? " " : "", why);
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
    an_json_doc_free(doc);
    return code;
}
