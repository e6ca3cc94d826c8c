/* The file that init writes: YAML whose comments say why. */
#include <stdio.h>
#include <string.h>

#include "agent/init_internal.h"
#include "base/opt.h"

#define COMMENTED_MAX 40 /* tags left out that are named one by one */

/* Words that YAML may take for something else than a text. */
static bool is_word(const char *text)
{
    static const char *const others[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n", NULL};
    const char *ok = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
    if (!text[0] || strspn(text, ok) != strlen(text) || strchr("-.0123456789", text[0]))
        return false;
    for (size_t i = 0; others[i]; i++)
        if (strlen(text) == strlen(others[i]) && strncmp(text, others[i], strlen(text)) == 0)
            return false;
    return true;
}

void init_quote(char *out, size_t cap, const char *text)
{
    size_t at = 0;
    if (is_word(text)) {
        snprintf(out, cap, "%s", text);
        return;
    }
    out[at++] = '"';
    for (; *text && at + 6 < cap; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            out[at++] = '\\';
        if (c < 0x20 || c == 0x7F)
            at += (size_t)snprintf(out + at, cap - at, "\\x%02x", c);
        else
            out[at++] = (char)c;
    }
    out[at++] = '"';
    out[at] = '\0';
}

/* A comment is one line, whatever a device calls its things. */
static void put_comment(an_buf *b, const char *text)
{
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        an_buf_u8(b, c < 0x20 || c == 0x7F ? '?' : c);
    }
}

/* ---- the source ---- */

static void put_option(an_buf *b, const char *indent, const init_option *o)
{
    an_buf_printf(b, "%s%s: %s", indent, o->key, o->value);
    if (o->note[0]) {
        an_buf_text(b, "  # ");
        put_comment(b, o->note);
    }
    an_buf_text(b, "\n");
}

void init_put_source(const init *w, an_buf *b, const char *indent, bool kept_only)
{
    an_buf_printf(b, "%stype: %s\n", indent, w->kind->name);
    for (size_t i = 0; i < w->n_options; i++)
        if (!w->options[i].device)
            put_option(b, indent, &w->options[i]);
    if (w->kind->put_tags)
        w->kind->put_tags(w, b, indent, kept_only);
}

/* Constants come last: a device has hundreds of them. */
static void put_left_out(const init *w, an_buf *b, const char *indent)
{
    size_t n = 0;
    for (int constants = 0; constants < 2; constants++)
        for (size_t i = 0; i < w->n_tags; i++) {
            const init_tag *t = &w->tags[i];
            if (!t->why[0] || (strncmp(t->why, "constant", 8) == 0) != constants || n++ >= COMMENTED_MAX)
                continue;
            if (n == 1)
                an_buf_printf(b, "%s# Left out:\n", indent);
            an_buf_printf(b, "%s#   ", indent);
            put_comment(b, t->name);
            an_buf_text(b, ": ");
            put_comment(b, t->why);
            an_buf_text(b, "\n");
        }
    if (n > COMMENTED_MAX)
        an_buf_printf(b, "%s#   and %zu more\n", indent, n - COMMENTED_MAX);
}

/* ---- the line ---- */

/* Ten seconds of the line, which a model can take for one picture of it. */
static int64_t propose_window(const init *w)
{
    const int64_t n = w->step_ms > 0 ? 10000 / w->step_ms : 1, fit = n < 4 ? 4 : n > 64 ? 64 : n;
    if (w->kind->window_is_rows)
        return w->image_rows > 0 ? w->image_rows : 1;
    return w->stretch > 0 && w->stretch < fit ? w->stretch : fit; /* no window reaches over a break */
}

static uint64_t longest_run(const init *w)
{
    uint64_t most = 0;
    for (size_t i = 0; i < w->n_tags; i++)
        if (!w->tags[i].why[0] && w->tags[i].stats.apart && w->tags[i].stats.run_max > most)
            most = w->tags[i].stats.run_max;
    return most;
}

static void put_line(const init *w, an_buf *b)
{
    const uint64_t run = longest_run(w);
    if (w->step_ms > 0 && !w->kind->window_is_rows)
        an_buf_printf(b, "    rate_hz: %.6g          # a row every %lld ms, as it was seen\n",
                      1000.0 / (double)w->step_ms, (long long)w->step_ms);
    an_buf_printf(b, "    window: %lld            # %s\n", (long long)propose_window(w),
                  w->kind->window_is_rows ? "rows of an image"
                  : w->stretch > 0 && w->stretch == propose_window(w)
                      ? "there are no more between two breaks (of files or times); must be that of the model"
                      : "rows that a model sees at once; must be that of the model");
    an_buf_text(b, "    known_normal_rows: 0    # set it to a number if the first rows are known to be "
                   "normal operation\n"
                   "    personalise: {scale: site}\n");
    if (run >= 12 && !w->kind->window_is_rows)
        an_buf_printf(
            b, "    quality: {stuck_rows: %llu}  # the longest that a good value stood still was %llu rows\n",
            (unsigned long long)(run * 5 < 60 ? 60 : run * 5), (unsigned long long)run);
}

/* What was seen in some seconds is no reason for an alarm, but a good begin for those who know the limits. */
static void put_limits(const init *w, an_buf *b)
{
    char name[2 * AN_SOURCE_NAME_MAX];
    size_t n = 0;
    for (size_t i = 0; i < w->n_tags && !w->kind->window_is_rows; i++) {
        const init_tag *t = &w->tags[i];
        if (t->why[0] || !t->stats.apart || n++ >= COMMENTED_MAX)
            continue;
        if (n == 1)
            an_buf_text(b, "    # Limits: what was seen, and half as much on both sides. Put in what the "
                           "instruments and the process\n"
                           "    # allow, and take away the marks (docs/recipes/write-rules.md).\n"
                           "    # rules:\n");
        const double half = (t->stats.max - t->stats.min) / 2;
        init_quote(name, sizeof name, t->name);
        an_buf_printf(b, "    #   - {name: limit-%zu, for: 3s, when: {sensor: ", n);
        put_comment(b, name);
        an_buf_printf(b, ", outside: [%.4g, %.4g]}}\n", t->stats.min - half, t->stats.max + half);
    }
}

/* A line takes part in training only with the model's own schema: the same names, units, order, rate and window. */
static void put_schema(const init *w, an_buf *b, const char *model)
{
    char name[2 * AN_SOURCE_NAME_MAX], unit[48];
    if (w->kind->window_is_rows)
        return;
    an_buf_printf(b,
                  "\n# For the coordinator's people, to the letter: andon model create %s --schema FILE "
                  "...\n# sensors:\n",
                  model);
    for (size_t i = 0; i < w->n_tags; i++) {
        const init_tag *t = &w->tags[i];
        if (t->why[0])
            continue;
        init_quote(name, sizeof name, t->name);
        init_quote(unit, sizeof unit, t->unit);
        an_buf_text(b, "#   - ");
        an_buf_printf(b, t->unit[0] ? "{name: %s, unit: %s}\n" : "%s\n", name, unit);
    }
    if (w->step_ms > 0)
        an_buf_printf(b, "# rate_hz: %.6g\n", 1000.0 / (double)w->step_ms);
    an_buf_printf(b, "# window: %lld\n", (long long)propose_window(w));
}

an_err init_put_file(const init *w, an_buf *b, const char *site, const char *data, const char *line,
                     const char *model)
{
    char text[2 * AN_PATH_MAX];
    an_buf_text(b, "# Written by andon-agent init from what its source showed. Every key is in "
                   "docs/CONFIGURATION.md.\n");
    an_buf_printf(b, "site: %s            # the name that it is enrolled with\n", site);
    init_quote(text, sizeof text, data);
    an_buf_printf(b, "data: %s            # keys, spool, pools and versions of this site\n", text);
    an_buf_printf(b, "lines:\n  - name: %s\n    model: %s            # as the coordinator calls it\n", line,
                  model);
    put_line(w, b);
    put_limits(w, b);
    an_buf_text(b, "    source:\n");
    for (size_t i = 0; i < w->n_notes; i++) {
        an_buf_text(b, "      # ");
        put_comment(b, w->notes[i]);
        an_buf_text(b, "\n");
    }
    init_put_source(w, b, "      ", true);
    put_left_out(w, b, "      ");
    an_buf_text(b, "policy: {min_cohort: 3}     # what this site refuses: a sum over fewer parties\n");
    put_schema(w, b, model);
    return an_buf_err(b);
}
