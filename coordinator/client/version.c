/* What is known of versions: facts, cards, two side by side. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/client/client.h"
#include "coordinator/client/grid.h"
#include "coordinator/client/show.h"

static void print_rounds(const an_jval *list)
{
    an_grid g;
    if (an_jval_count(list) == 0)
        return;
    printf("\nrounds of its campaign\n");
    an_grid_init(&g, "ROUND  KIND  SITES  PLAN  PROTECTION");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *r = an_jval_at(list, i);
        char plan[AN_CLI_SHORT];
        an_cli_hash(plan, an_cli_text(r, "plan"));
        an_grid_cell(&g, "%lld", (long long)an_cli_int(r, "id"));
        an_grid_cell(&g, "%s", an_cli_text(r, "kind"));
        an_grid_cell(&g, "%lld", (long long)an_cli_int(r, "sites"));
        an_grid_cell(&g, "%s", plan);
        an_grid_cell(&g, "%s", an_cli_text(r, "protection"));
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
}

static void print_figures(const an_jval *f)
{
    const an_jval *list = an_jval_get(f, "figures");
    const int64_t sites = an_cli_int(f, "evaluated_sites"), windows = an_cli_int(f, "evaluated_windows");
    an_grid g;
    if (!list)
        return;
    printf("\nevaluation, summed over %lld site%s, %lld window%s, held against %s\n", (long long)sites,
           an_cli_s((uint64_t)sites), (long long)windows, an_cli_s((uint64_t)windows),
           an_cli_text(f, "held_against"));
    an_grid_init(&g, "FIGURE  BETTER  THIS  AGAINST  MEANING");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *m = an_jval_at(list, i);
        if (!an_cli_text(m, "value")[0])
            continue;
        an_grid_cell(&g, "%s", an_cli_text(m, "key"));
        an_grid_cell(&g, "%s", an_cli_text(m, "better"));
        an_grid_cell(&g, "%s", an_cli_text(m, "value"));
        an_grid_cell(&g, "%s", an_cli_text(m, "against"));
        an_grid_cell(&g, "%s", an_cli_text(m, "meaning"));
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
}

static void print_releases(const an_jval *list)
{
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *r = an_jval_at(list, i), *s = an_jval_at(an_jval_get(r, "signatures"), 0);
        char day[25];
        an_cli_day(day, an_cli_int(r, "time_ms"));
        printf("release %lld of %s by %s, key %.16s%s\n", (long long)an_cli_int(r, "counter"), day,
               an_cli_text(r, "actor"), an_cli_text(s, "key"),
               an_cli_int(r, "delegation") ? ", under a delegation" : "");
    }
}

void an_cli_show_facts(const an_jval *f)
{
    const an_jval *lines = an_jval_get(f, "lines");
    print_rounds(an_jval_get(f, "rounds"));
    print_figures(f);
    printf("\nprivacy: %s\n", an_cli_text(f, "privacy"));
    printf("layout, against its parent: %s\n", an_cli_text(f, "layout_difference")[0]
                                                   ? an_cli_text(f, "layout_difference")
                                                   : "not known any more");
    print_releases(an_jval_get(f, "releases"));
    if (an_jval_count(an_jval_get(f, "releases")) == 0)
        printf("no release names it\n");
    printf("last reported by %zu line%s\n", an_jval_count(lines), an_cli_s(an_jval_count(lines)));
}

int an_cli_version_card(an_cli *c)
{
    an_json_doc *doc;
    const char *hash = an_cli_word(c, 0), *path = an_args_get(c->args, "out");
    int code = hash ? an_cli_get(c, &doc, "/versions/%s/card", hash) : AN_CLI_USAGE;
    if (!hash || !doc)
        return code;
    const char *text = an_cli_text(an_json_root(doc), "card");
    FILE *out = path ? fopen(path, "wbx") : stdout;
    const bool written = out && fputs(text, out) >= 0;
    if (!out || (path && fclose(out) != 0) || !written)
        code = an_cli_fail(AN_CLI_REFUSED, "%.300s: %s", path ? path : "card", strerror(errno));
    an_json_doc_free(doc);
    return code;
}

/* ---- side by side ---- */

static void add_fact(an_grid *g, const char *what, const char *a, const char *b)
{
    an_grid_cell(g, "%s", what);
    an_grid_cell(g, "%s", a);
    an_grid_cell(g, "%s", b);
    an_grid_cell(g, "%s", "");
}

static void add_number(an_grid *g, const char *what, const an_jval *a, const an_jval *b, const char *key)
{
    an_grid_cell(g, "%s", what);
    an_grid_cell(g, "%lld", (long long)an_cli_int(a, key));
    an_grid_cell(g, "%lld", (long long)an_cli_int(b, key));
    an_grid_cell(g, "%s", "");
}

static void print_compared(const an_jval *o)
{
    const an_jval *a = an_jval_get(o, "a"), *b = an_jval_get(o, "b"), *figures = an_jval_get(o, "figures");
    const an_jval *ba = an_jval_get(a, "bundle"), *bb = an_jval_get(b, "bundle");
    char ha[AN_CLI_SHORT], hb[AN_CLI_SHORT], threshold_a[32], threshold_b[32];
    an_grid g;
    an_cli_hash(ha, an_cli_text(a, "hash"));
    an_cli_hash(hb, an_cli_text(b, "hash"));
    snprintf(threshold_a, sizeof threshold_a, "%.6g", an_cli_num(ba, "threshold"));
    snprintf(threshold_b, sizeof threshold_b, "%.6g", an_cli_num(bb, "threshold"));
    an_grid_init(&g, "FACT  A  B  BETTER");
    add_fact(&g, "version", ha, hb);
    add_fact(&g, "model", an_cli_text(a, "model"), an_cli_text(b, "model"));
    add_number(&g, "bytes", a, b, "size");
    add_number(&g, "generation", a, b, "generations");
    add_number(&g, "parameters", ba, bb, "parameters");
    add_fact(&g, "threshold policy", an_cli_text(ba, "threshold_policy"),
             an_cli_text(bb, "threshold_policy"));
    add_fact(&g, "threshold", ba ? threshold_a : "", bb ? threshold_b : "");
    add_fact(&g, "privacy", an_cli_text(a, "privacy"), an_cli_text(b, "privacy"));
    for (size_t i = 0; i < an_jval_count(figures); i++) {
        const an_jval *m = an_jval_at(figures, i);
        const char *winner = an_cli_text(m, "winner");
        an_grid_cell(&g, "%s (%s is better)", an_cli_text(m, "key"), an_cli_text(m, "better"));
        an_grid_cell(&g, "%s", an_cli_text(m, "a"));
        an_grid_cell(&g, "%s", an_cli_text(m, "b"));
        an_grid_cell(&g, "%s", winner[0] ? (winner[0] == 'a' ? "A" : "B") : "=");
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
    if (an_jval_count(figures) == 0)
        printf("no figures: at least one of them was not evaluated\n");
    else
        printf("each was judged by the sites and on the data of its own time\n");
    printf("layout of B against A: %s\n", an_cli_text(o, "layout_difference")[0]
                                              ? an_cli_text(o, "layout_difference")
                                              : "not known any more");
    if (an_cli_text(o, "common")[0])
        printf("both come from %.12s: A by %lld version%s, B by %lld\n", an_cli_text(o, "common"),
               (long long)an_cli_int(o, "steps_a"), an_cli_s((uint64_t)an_cli_int(o, "steps_a")),
               (long long)an_cli_int(o, "steps_b"));
    else
        printf("they have no version in common\n");
}

int an_cli_version_compare(an_cli *c)
{
    an_json_doc *doc;
    const char *a = an_cli_word(c, 0), *b = a ? an_cli_word(c, 1) : NULL;
    int code = b ? an_cli_get(c, &doc, "/versions/%s/compare?subject=%s", a, b) : AN_CLI_USAGE;
    if (!b || !doc)
        return code;
    print_compared(an_json_root(doc));
    an_json_doc_free(doc);
    return code;
}
