/* Campaigns and rounds. */
#include <stdio.h>

#include "coordinator/client/client.h"
#include "coordinator/client/grid.h"
#include "coordinator/client/show.h"

void an_cli_show_campaigns(const an_jval *list)
{
    an_grid g;
    an_grid_init(&g, "CAMPAIGN  MODEL  KIND  STATE  ROUNDS  EPSILON  OPENED  WHAT");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *k = an_jval_at(list, i);
        char ago[AN_CLI_SHORT];
        const char *waiting = an_cli_text(k, "waiting");
        an_cli_ago(ago, an_cli_int(k, "opened_ms"));
        an_grid_cell(&g, "%lld", (long long)an_cli_int(k, "id"));
        an_grid_cell(&g, "%s", an_cli_text(k, "model"));
        an_grid_cell(&g, "%s", an_cli_text(k, "kind"));
        an_grid_cell(&g, "%s", an_cli_text(k, "state"));
        an_grid_cell(&g, "%lld of %lld", (long long)an_cli_int(k, "step"), (long long)an_cli_int(k, "steps"));
        an_grid_cell(&g, "%s", an_cli_text(an_jval_get(k, "privacy"), "brief"));
        an_grid_cell(&g, "%s", ago);
        an_grid_cell(&g, "%s", waiting[0] ? waiting : an_cli_text(k, "reason"));
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
}

void an_cli_show_rounds(const an_jval *list)
{
    an_grid g;
    an_grid_init(&g, "ROUND  MODEL  KIND  STATE  UPDATES  EPSILON  OPENED  WHAT");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *r = an_jval_at(list, i);
        char ago[AN_CLI_SHORT], result[AN_CLI_SHORT];
        const char *text = an_cli_text(r, "waiting");
        an_cli_ago(ago, an_cli_int(r, "opened_ms"));
        an_cli_hash(result, an_cli_text(r, "result"));
        if (!text[0])
            text = an_cli_text(r, "reason");
        an_grid_cell(&g, "%lld", (long long)an_cli_int(r, "id"));
        an_grid_cell(&g, "%s", an_cli_text(r, "model"));
        an_grid_cell(&g, "%s", an_cli_text(r, "kind"));
        an_grid_cell(&g, "%s", an_cli_text(r, "state"));
        an_grid_cell(&g, "%lld", (long long)an_cli_int(r, "delivered"));
        an_grid_cell(&g, "%s", an_cli_text(an_jval_get(r, "privacy"), "brief"));
        an_grid_cell(&g, "%s", ago);
        an_grid_cell(&g, "%s", text[0] ? text : result);
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
}

void an_cli_show_members(const an_jval *round)
{
    an_grid g;
    const an_jval *list = an_jval_get(round, "members");
    an_grid_init(&g, "SITE  STATE  CONNECTED  PHASE  DONE  ETA");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *m = an_jval_at(list, i);
        bool at_work = an_cli_text(m, "phase")[0] != '\0';
        an_grid_cell(&g, "%s", an_cli_text(m, "site"));
        an_grid_cell(&g, "%s", an_cli_text(m, "state"));
        an_grid_cell(&g, "%s", an_cli_bool(m, "connected") ? "yes" : "no");
        an_grid_cell(&g, "%s", an_cli_text(m, "phase"));
        if (at_work) {
            an_grid_cell(&g, "%.0f %%", 100 * an_cli_num(m, "fraction"));
            an_grid_cell(&g, "%llds", (long long)an_cli_int(m, "eta_ms") / 1000);
        } else {
            an_grid_cell(&g, "-");
            an_grid_cell(&g, "-");
        }
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
}

/* more: further parts of the query. */
static int list(an_cli *c, const char *what, const char *more, void (*show)(const an_jval *list))
{
    an_json_doc *doc;
    const char *model = an_cli_query(c, "model"), *limit = an_cli_query(c, "limit"),
               *before = an_cli_query(c, "before");
    if (!model || !limit || !before)
        return AN_CLI_USAGE;
    int code = an_cli_get(c, &doc, "/%s?model=%s&limit=%s&before=%s%s", what, model, limit[0] ? limit : "50",
                          before, more);
    if (doc)
        show(an_jval_get(an_json_root(doc), what));
    if (doc)
        an_cli_show_next(an_json_root(doc));
    an_json_doc_free(doc);
    return code;
}

int an_cli_campaign_list(an_cli *c)
{
    return list(c, "campaigns", "", an_cli_show_campaigns);
}

int an_cli_campaign_show(an_cli *c)
{
    an_json_doc *doc;
    const char *id = an_cli_word(c, 0);
    int code = id ? an_cli_get(c, &doc, "/campaigns/%s", id) : AN_CLI_USAGE;
    if (!id || !doc)
        return code;
    const an_jval *k = an_jval_get(an_json_root(doc), "campaign");
    const char *waiting = an_cli_text(k, "waiting");
    printf("campaign %lld of model %s, %s, is %s: %s\nbecause of: %s\n", (long long)an_cli_int(k, "id"),
           an_cli_text(k, "model"), an_cli_text(k, "kind"), an_cli_text(k, "state"),
           waiting[0] ? waiting : an_cli_text(k, "reason"), an_cli_text(k, "trigger"));
    an_cli_show_plan(k, an_jval_get(an_json_root(doc), "opened"));
    an_cli_show_gate(an_jval_get(an_json_root(doc), "gate"));
    an_json_doc_free(doc);
    return code;
}

int an_cli_round_list(an_cli *c)
{
    char more[64] = "";
    const char *campaign = an_cli_query(c, "campaign");
    if (!campaign)
        return AN_CLI_USAGE;
    if (campaign[0])
        snprintf(more, sizeof more, "&campaign=%.40s", campaign);
    return list(c, "rounds", more, an_cli_show_rounds);
}

static void say_campaign(const an_json_doc *doc, bool privately)
{
    const an_jval *k = an_jval_get(an_json_root(doc), "campaign");
    const char *waiting = an_cli_text(k, "waiting");
    const char *privacy = an_cli_text(an_jval_get(k, "privacy"), "text");
    if (privately && privacy[0])
        printf("privacy: %s\n", privacy);
    printf("campaign %lld of model %s is %s: %s\n", (long long)an_cli_int(k, "id"), an_cli_text(k, "model"),
           an_cli_text(k, "state"), waiting[0] ? waiting : an_cli_text(k, "reason"));
}

/* Asks a person who sits there whether noise that is longer than the updates is meant; what the coordinator
 * says to a start without it is for all others. */
static bool confirmed(an_cli *c, const char *model)
{
    an_json_doc *doc = NULL;
    if (an_cli_get(c, &doc, "/models/%s/privacy", model) != AN_CLI_OK)
        return false;
    const an_jval *p = an_jval_get(an_json_root(doc), "privacy");
    const double ratio = an_cli_num(p, "ratio");
    const bool yes =
        ratio > 1 && an_cli_ask(c,
                                "%s\nthe noise of a round is expected to be %.3g times as long as all "
                                "updates together can be; go on?",
                                an_cli_text(p, "text"), ratio);
    an_json_doc_free(doc);
    return yes;
}

int an_cli_campaign_start(an_cli *c)
{
    an_json_doc *doc;
    an_note why = {{0}};
    int64_t rounds = 0;
    const char *model = an_cli_word(c, 0), *kind = an_args_get(c->args, "kind"),
               *reason = an_args_get(c->args, "reason");
    if (!model)
        return AN_CLI_USAGE;
    if (an_args_int(c->args, "rounds", 1, 10000, 0, &rounds, &why) != AN_OK)
        return an_cli_fail(AN_CLI_USAGE, "%s", why.text);
    const bool yes = an_args_has(c->args, "yes") || (an_cli_asks(c) && confirmed(c, model));
    an_json *body = an_json_object();
    an_json_set_text(body, "model", model);
    an_json_set_int(body, "rounds", rounds);
    if (yes)
        an_json_set_bool(body, "confirm", true);
    if (kind)
        an_json_set_text(body, "kind", kind);
    if (reason)
        an_json_set_text(body, "reason", reason);
    int code = an_cli_post(c, &doc, body, "/campaigns");
    if (doc)
        say_campaign(doc, true);
    an_json_doc_free(doc);
    return code;
}

static int campaign_do(an_cli *c, const char *what)
{
    an_json_doc *doc;
    int code = an_cli_do(c, &doc, "campaigns", what);
    if (doc)
        say_campaign(doc, false);
    an_json_doc_free(doc);
    return code;
}

int an_cli_campaign_approve(an_cli *c)
{
    return campaign_do(c, "approve");
}

int an_cli_campaign_stop(an_cli *c)
{
    return campaign_do(c, "stop");
}

/* Whose updates are not in the result as they came. */
static void print_outliers(const an_jval *list)
{
    an_grid g;
    if (!list || an_jval_count(list) == 0)
        return;
    printf("\n");
    an_grid_init(&g, "SITE  IN THE RESULT  ITS UPDATE");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *o = an_jval_at(list, i);
        an_grid_cell(&g, "%s", an_cli_text(o, "site"));
        an_grid_cell(&g, "%s", an_cli_bool(o, "in") ? "yes" : "no");
        an_grid_cell(&g, "%s", an_cli_text(o, "reason"));
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
}

static void print_figures(const an_jval *f)
{
    if (!f)
        return;
    printf("  figures     loss %.6g, weight %.6g, clipped %lld, saturated %lld\n", an_cli_num(f, "loss"),
           an_cli_num(f, "weight"), (long long)an_cli_int(f, "clipped"),
           (long long)an_cli_int(f, "saturated"));
    print_outliers(an_jval_get(f, "outliers"));
}

int an_cli_round_show(an_cli *c)
{
    an_json_doc *doc;
    const char *id = an_cli_word(c, 0);
    int code = id ? an_cli_get(c, &doc, "/rounds/%s", id) : AN_CLI_USAGE;
    if (!id || !doc)
        return code;
    const an_jval *r = an_jval_get(an_json_root(doc), "round"), *events = an_jval_get(r, "events");
    printf("round %lld of model %s, %s\n  state       %s\n  campaign    %lld\n  updates     "
           "%lld\n  plan        %s\n",
           (long long)an_cli_int(r, "id"), an_cli_text(r, "model"), an_cli_text(r, "kind"),
           an_cli_text(r, "state"), (long long)an_cli_int(r, "campaign"),
           (long long)an_cli_int(r, "delivered"), an_cli_text(r, "plan"));
    if (an_cli_text(r, "rule")[0])
        printf("  rule        %s, then %s\n", an_cli_text(r, "rule"), an_cli_text(r, "server_optimiser"));
    if (an_cli_text(r, "waiting")[0])
        printf("  waiting     %s\n", an_cli_text(r, "waiting"));
    if (an_cli_text(r, "reason")[0])
        printf("  reason      %s\n", an_cli_text(r, "reason"));
    if (an_cli_text(r, "result")[0])
        printf("  result      %s\n", an_cli_text(r, "result"));
    if (an_cli_text(r, "protection")[0])
        printf("  protection  %s%s\n", an_cli_int(r, "groups") > 1 ? "in each group: " : "",
               an_cli_text(r, "protection"));
    printf("  privacy     %s\n", an_cli_text(an_jval_get(r, "privacy"), "text"));
    print_figures(an_jval_get(r, "figures"));
    if (an_jval_get(r, "members")) {
        printf("\n");
        an_cli_show_members(r);
    }
    printf("\n");
    an_grid g;
    an_grid_init(&g, "EVENT  SITE  REASON");
    for (size_t i = 0; i < an_jval_count(events); i++) {
        const an_jval *e = an_jval_at(events, i);
        an_grid_cell(&g, "%s", an_cli_text(e, "event"));
        an_grid_cell(&g, "%s", an_cli_text(e, "site"));
        if (an_cli_int(e, "trained_in"))
            an_grid_cell(&g, "trained in round %lld, %lld version%s behind%s%s",
                         (long long)an_cli_int(e, "trained_in"), (long long)an_cli_int(e, "staleness"),
                         an_cli_s((uint64_t)an_cli_int(e, "staleness")),
                         an_cli_text(e, "reason")[0] ? ": " : "", an_cli_text(e, "reason"));
        else
            an_grid_cell(&g, "%s", an_cli_text(e, "reason"));
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
    an_json_doc_free(doc);
    return code;
}

/* Under --json too the exit code says whether the bits agree, so the answer is read either way.
 */
int an_cli_round_replay(an_cli *c)
{
    an_json_doc *doc = NULL;
    const char *id = an_cli_word(c, 0);
    int code = id ? AN_CLI_OK : AN_CLI_USAGE;
    c->quiet_json = true;
    do { /* a large one takes longer than an answer is waited for */
        an_json_doc_free(doc);
        doc = NULL;
        if (id)
            code = an_cli_post(c, &doc, an_json_object(), "/rounds/%s/replay", id);
    } while (doc && an_cli_bool(an_json_root(doc), "running"));
    if (!doc)
        return code;
    const an_jval *o = an_json_root(doc);
    bool same = an_cli_bool(o, "same");
    if (c->json)
        printf("{\"round\": %lld, \"same\": %s, \"result\": \"%s\", \"recorded\": \"%s\"}\n",
               (long long)an_cli_int(o, "round"), same ? "true" : "false", an_cli_text(o, "result"),
               an_cli_text(o, "recorded"));
    else
        printf("round %lld computed again: %s\n  result    %s\n  recorded  %s\n",
               (long long)an_cli_int(o, "round"), same ? "the same" : "NOT THE SAME",
               an_cli_text(o, "result"), an_cli_text(o, "recorded"));
    an_json_doc_free(doc);
    return same ? AN_CLI_OK : AN_CLI_REFUSED;
}
