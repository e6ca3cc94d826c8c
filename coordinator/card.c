#include "coordinator/card.h"

#include <string.h>

#include "base/clock.h"

/* ---- reading facts ---- */

static const char *text_of(const an_jval *o, const char *key)
{
    const char *text = "";
    return an_jval_get_text(o, key, "", &text, NULL) == AN_OK ? text : "";
}

static long long int_of(const an_jval *o, const char *key)
{
    int64_t v = 0;
    return an_jval_get_int(o, key, INT64_MIN, INT64_MAX, 0, &v, NULL) == AN_OK ? (long long)v : 0;
}

static bool bool_of(const an_jval *o, const char *key)
{
    bool v = false;
    return an_jval_get_bool(o, key, false, &v, NULL) == AN_OK && v;
}

/* What sites and people call things must not end the line or begin a table's cell. */
static void put(an_buf *out, const char *text)
{
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (strchr("\\`*_[]<>|#", c))
            an_buf_u8(out, '\\');
        an_buf_u8(out, c < 0x20 || c == 0x7f ? '?' : c);
    }
}

static void put_day(an_buf *out, long long ms)
{
    char text[25];
    an_time_text(text, ms);
    an_buf_printf(out, "%.10s %.5s UTC", text, text + 11);
}

static void put_row(an_buf *out, const char *what, const char *text)
{
    an_buf_printf(out, "| %s | ", what);
    put(out, text[0] ? text : "not known");
    an_buf_printf(out, " |\n");
}

/* ---- its parts ---- */

static void what_it_is(const an_jval *f, an_buf *out)
{
    const an_jval *b = an_jval_get(f, "bundle");
    an_buf_printf(out, "# Model card: ");
    put(out, text_of(f, "model"));
    an_buf_printf(out, " %.12s\n\n", text_of(f, "hash"));
    if (text_of(f, "quarantined")[0]) {
        an_buf_printf(out, "**QUARANTINED**: ");
        put(out, text_of(f, "quarantined"));
        an_buf_printf(out, "\n\n");
    }
    an_buf_printf(out, "## What it is\n\n| | |\n|---|---|\n| version | `%s` |\n| parent | `%s` |\n| made | ",
                  text_of(f, "hash"), text_of(f, "parent")[0] ? text_of(f, "parent") : "none");
    put_day(out, int_of(f, "created_ms"));
    an_buf_printf(out, " |\n| size | %lld bytes |\n| generations from the first version | %lld |\n",
                  int_of(f, "size"), int_of(f, "generations"));
    if (!b) {
        an_buf_printf(out, "\nIts bundle is not kept any more: lineage and figures are all that is known.\n");
        return;
    }
    an_buf_printf(out, "| parameters | %lld |\n| window | %lld rows of %lld sensors |\n",
                  int_of(b, "parameters"), int_of(b, "window"), int_of(b, "n_sensors"));
    put_row(out, "detector", text_of(b, "detector"));
    put_row(out, "threshold policy", text_of(b, "threshold_policy"));
    put_row(out, "difference of layout to its parent", text_of(f, "layout_difference"));
    an_buf_printf(out, "\nSensors, in order: ");
    const an_jval *sensors = an_jval_get(b, "sensors");
    for (size_t i = 0; i < an_jval_count(sensors); i++) {
        const char *name = "";
        if (an_jval_text(an_jval_at(sensors, i), NULL, &name, NULL) == AN_OK) {
            an_buf_printf(out, "%s", i ? ", " : "");
            put(out, name);
        }
    }
    an_buf_printf(out, "\n");
}

static void training(const an_jval *f, an_buf *out)
{
    const an_jval *c = an_jval_get(f, "campaign"), *rounds = an_jval_get(f, "rounds");
    an_buf_printf(out, "\n## How it was trained\n\n");
    if (!c) {
        an_buf_printf(
            out, "No campaign has made it: it was given as it is, or is a first version without training.\n");
        return;
    }
    an_buf_printf(out, "Campaign %lld (", int_of(c, "id"));
    put(out, text_of(c, "kind"));
    an_buf_printf(out, ")");
    if (text_of(c, "trigger")[0]) {
        an_buf_printf(out, ", because: ");
        put(out, text_of(c, "trigger"));
    }
    an_buf_printf(
        out,
        "\n\n| round | kind | sites in the sum | plan | who could see an update |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < an_jval_count(rounds); i++) {
        const an_jval *r = an_jval_at(rounds, i);
        an_buf_printf(out, "| %lld | ", int_of(r, "id"));
        put(out, text_of(r, "kind"));
        an_buf_printf(out, " | %lld | `%.12s` | ", int_of(r, "sites"), text_of(r, "plan"));
        put(out, text_of(r, "protection")[0] ? text_of(r, "protection") : "not known");
        an_buf_printf(out, " |\n");
    }
    an_buf_printf(
        out,
        "\nNo row of any site is known to the central team: rounds add vectors of sites, and what is told "
        "of data here are counts over all of them.\n\nPrivacy spent: ");
    put(out, text_of(f, "privacy")[0] ? text_of(f, "privacy") : "not known");
    an_buf_printf(out, "\n");
}

static void evaluation(const an_jval *f, an_buf *out)
{
    const an_jval *figures = an_jval_get(f, "figures"), *gate = an_jval_get(f, "gate");
    an_buf_printf(out, "\n## How it was judged\n\n");
    if (!figures) {
        an_buf_printf(out, "It was not evaluated.\n");
    } else {
        an_buf_printf(out, "On holdouts that stayed at %lld sites, %lld windows, held against ",
                      int_of(f, "evaluated_sites"), int_of(f, "evaluated_windows"));
        put(out, text_of(f, "held_against"));
        an_buf_printf(
            out, ":\n\n| figure | better | this version | held against | meaning |\n|---|---|---|---|---|\n");
    }
    for (size_t i = 0; i < an_jval_count(figures); i++) {
        const an_jval *m = an_jval_at(figures, i);
        an_buf_printf(out, "| %s | %s | %s | %s | ", text_of(m, "key"), text_of(m, "better"),
                      text_of(m, "value")[0] ? text_of(m, "value") : "-",
                      text_of(m, "against")[0] ? text_of(m, "against") : "-");
        put(out, text_of(m, "meaning"));
        an_buf_printf(out, " |\n");
    }
    an_buf_printf(out, "\nGate: ");
    if (gate) {
        an_buf_printf(out, "%s: ", bool_of(gate, "passed") ? "passed" : "NOT PASSED");
        put(out, text_of(gate, "reason"));
    } else {
        an_buf_printf(out, "no verdict");
    }
    an_buf_printf(out, "\n");
}

static void releases(const an_jval *f, an_buf *out)
{
    const an_jval *list = an_jval_get(f, "releases"), *lines = an_jval_get(f, "lines");
    an_buf_printf(out, "\n## Where it is allowed to run, and runs\n\n");
    if (an_jval_count(list) == 0)
        an_buf_printf(out, "No release statement names it: no site may run it.\n");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *r = an_jval_at(list, i);
        an_buf_printf(out, "- release %lld of ", int_of(r, "counter"));
        put_day(out, int_of(r, "time_ms"));
        an_buf_printf(out, ", signed %s, until ",
                      int_of(r, "delegation") ? "by the coordinator under a delegation"
                                              : "by the release root");
        put_day(out, int_of(r, "expires_ms"));
        an_buf_printf(out, ", by ");
        put(out, text_of(r, "actor"));
        an_buf_printf(out, "\n");
    }
    an_buf_printf(out, "\nLast reported to run it: ");
    for (size_t i = 0; i < an_jval_count(lines); i++) {
        const char *name = "";
        if (an_jval_text(an_jval_at(lines, i), NULL, &name, NULL) == AN_OK) {
            an_buf_printf(out, "%s", i ? ", " : "");
            put(out, name);
        }
    }
    an_buf_printf(out, "%s\n", an_jval_count(lines) ? "" : "no line");
}

static void limits(const an_jval *f, an_buf *out)
{
    const an_jval *b = an_jval_get(f, "bundle");
    an_buf_printf(
        out,
        "\n## Limits\n\n"
        "- It runs only on a stream with these sensors, in this order%s, and sets its threshold at each "
        "site.\n"
        "- It says that a window is unlike normal operation, not what is wrong. Figures above are sums over "
        "sites: a single site may be better or worse.\n"
        "- Injected faults stand for real ones only in part; kinds of faults that no site has seen are not "
        "in any figure.\n",
        b && int_of(b, "window") > 1 ? " and at this rate" : "");
    if (!an_jval_get(f, "figures"))
        an_buf_printf(out, "- It was never evaluated.\n");
}

an_err an_card_text(const an_jval *facts, an_buf *out)
{
    what_it_is(facts, out);
    training(facts, out);
    evaluation(facts, out);
    releases(facts, out);
    limits(facts, out);
    return an_buf_err(out);
}
