#include "agent/show_verdicts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/json.h"

static int64_t wall_ms(void)
{
    const an_clock *clock = an_clock_system();
    return clock->wall_ms(clock);
}

static an_err open_log(const char *dir, an_alarms **ret, an_note *why)
{
    char path[AN_PATH_MAX];
    an_err err = an_path_join(path, dir, "alarms.db");
    if (err == AN_OK && !an_file_exists(path))
        return an_fail(AN_ERR_NOTFOUND, why, "%.200s is missing: no agent has run with this data folder",
                       path);
    return err == AN_OK ? an_alarms_open(path, &(an_alarms_conf){.site = NULL}, ret, why) : err;
}

/* ---- tables of an MES ---- */

static an_err read_table(const char *path, const an_verdict_opts *opts, an_verdict_list *ret, an_note *why)
{
    an_buf b;
    an_buf_init(&b, AN_VERDICT_BYTES_MAX);
    an_err err = an_file_read(&b, path, why);
    if (err == AN_OK)
        err = an_verdicts_parse(b.data, b.len, opts, ret, why);
    an_buf_done(&b);
    return err;
}

static void print_refused(const an_verdict_list *l, const char *path, FILE *out)
{
    for (size_t i = 0; i < l->n_refused; i++)
        fprintf(out, "%s:%" PRIu64 ": %s\n", path, l->refused[i].row, l->refused[i].why);
}

/* Holds the rows against the log; what is refused is printed, and taken out if opts->skip. */
static an_err look(an_alarms *log, an_verdict_list *l, const an_import_opts *opts, const char *path,
                   FILE *out, an_judged *ret, an_note *why)
{
    const an_judge_opts dry = {.now_ms = wall_ms(), .dry = true};
    an_err err = an_alarms_judge(log, l, &dry, ret, why);
    print_refused(l, path, out);
    const size_t refused = l->n_refused, rows = l->n;
    if (err != AN_ERR_REFUSED)
        return err;
    if (!opts->skip)
        return an_fail(err, why,
                       "%zu row%s refused: nothing was taken; --skip takes the others, --line, --columns and "
                       "--words say how the table is read",
                       refused, refused == 1 ? " is" : "s are");
    an_verdict_list_clean(l);
    if (l->n == 0)
        return an_fail(err, why, "all %zu rows are refused", rows > refused ? rows : refused);
    return an_alarms_judge(log, l, &dry, ret, why);
}

static an_err leave(const char *dir, const an_verdict_list *l, an_note *why)
{
    char folder[AN_PATH_MAX], path[AN_PATH_MAX], name[64];
    uint32_t salt;
    an_buf b;
    an_random(&salt, sizeof salt);
    snprintf(name, sizeof name, "%016" PRId64 "-%08" PRIx32 ".csv", wall_ms(), salt);
    an_buf_init(&b, AN_VERDICT_BYTES_MAX);
    an_err err = an_path_join(folder, dir, "verdicts");
    if (err == AN_OK)
        err = an_dir_make(folder, why);
    if (err == AN_OK)
        err = an_path_join(path, folder, name);
    if (err == AN_OK)
        err = an_verdicts_write(l, &b);
    if (err == AN_OK)
        err = an_file_write(path, b.data, b.len, 0600, why);
    an_buf_done(&b);
    return err;
}

an_err an_import_verdicts(const char *dir, const char *path, const an_import_opts *opts, FILE *out,
                          an_note *why)
{
    an_alarms *log = NULL;
    an_verdict_list l = {.n = 0};
    an_judged j = {.n = 0};
    an_err err = open_log(dir, &log, why);
    if (err == AN_OK)
        err = read_table(path, &opts->table, &l, why);
    if (err == AN_OK && l.n + l.n_refused == 0)
        err = an_fail(AN_ERR_INVAL, why, "%.200s has no rows", path);
    if (err == AN_OK)
        err = look(log, &l, opts, path, out, &j, why);
    if (err == AN_OK && !opts->dry && j.fresh + j.changed + j.alarms + j.missed + j.back > 0)
        err = leave(dir, &l, why);
    if (err == AN_OK) {
        fprintf(out, "%s: %zu row%s, %zu new, %zu changed, %zu known",
                opts->dry ? "would be taken" : "left for the agent", l.n, l.n == 1 ? "" : "s", j.fresh,
                j.changed, j.same);
        if (j.older > 0)
            fprintf(out, ", %zu judged anew since", j.older);
        fprintf(out, "; verdicts on %zu alarm%s, %zu missed defect%s", j.alarms, j.alarms == 1 ? "" : "s",
                j.missed, j.missed == 1 ? "" : "s");
        if (j.back > 0)
            fprintf(out, ", %zu taken back", j.back);
        fputc('\n', out);
    }
    an_judged_done(&j);
    an_verdict_list_done(&l);
    an_alarms_close(log);
    return err;
}

/* ---- how good the alarms are ---- */

static void version_text(char ret[static 17], const uint8_t version[static AN_ALARM_HASH])
{
    static const uint8_t none[AN_ALARM_HASH];
    char text[2 * AN_ALARM_HASH + 1];
    an_hex(text, version, AN_ALARM_HASH);
    snprintf(ret, 17, "%.16s", an_secret_equal(version, none, AN_ALARM_HASH) ? "-" : text);
}

static void share_json(an_json *o, const char *key, const an_verdict_share *s)
{
    if (!s->known) {
        an_json_set_null(o, key);
        return;
    }
    an_json *v = an_json_object();
    an_json_set_num(v, "value", s->value);
    an_json_set_num(v, "low", s->low);
    an_json_set_num(v, "high", s->high);
    an_json_set(o, key, v);
}

static an_json *count_json(const an_verdict_count *c)
{
    char version[17];
    const an_verdict_figures f = an_verdict_figures_of(c);
    an_json *o = an_json_object();
    version_text(version, c->version);
    an_json_set_text(o, "line", c->line);
    an_json_set_text(o, "version", version);
    an_json_set_int(o, "from_ms", c->from_ms);
    an_json_set_int(o, "alarms", (int64_t)c->alarms);
    an_json_set_int(o, "true", (int64_t)c->right);
    an_json_set_int(o, "false", (int64_t)c->wrong);
    an_json_set_int(o, "unsure", (int64_t)c->unsure);
    an_json_set_int(o, "missed", (int64_t)c->missed);
    an_json_set_int(o, "good", (int64_t)c->good);
    share_json(o, "precision", &f.precision);
    share_json(o, "recall", &f.recall);
    share_json(o, "f1", &f.f1);
    return o;
}

static void print_share(const an_verdict_share *s, FILE *out)
{
    char text[32] = "unknown";
    if (s->known)
        snprintf(text, sizeof text, "%.2f (%.2f-%.2f)", s->value, s->low, s->high);
    fprintf(out, "  %-16s", text);
}

static void print_count(const an_verdict_count *c, FILE *out)
{
    char version[17], from[25] = "all";
    const an_verdict_figures f = an_verdict_figures_of(c);
    const time_t s = (time_t)(c->from_ms / 1000);
    struct tm tm;
    version_text(version, c->version);
    if (c->from_ms && localtime_r(&s, &tm))
        strftime(from, sizeof from, "%Y-%m-%d %H:%M", &tm);
    fprintf(out,
            "%-16s %-16s %-16s %7" PRIu64 " %6" PRIu64 " %6" PRIu64 " %6" PRIu64 " %6" PRIu64 " %7" PRIu64,
            c->line, version, from, c->alarms, c->right, c->wrong, c->unsure, c->missed, c->good);
    print_share(&f.precision, out);
    print_share(&f.recall, out);
    print_share(&f.f1, out);
    fputc('\n', out);
}

static an_err print_json(an_json *o, FILE *out)
{
    char *text = an_json_print(o, 0);
    if (text)
        fprintf(out, "%s\n", text);
    an_free(text);
    an_json_free(o);
    return text ? AN_OK : AN_ERR_NOMEM;
}

static an_err print_counts(const an_verdict_counts *c, bool json, FILE *out)
{
    if (json) {
        an_json *all = an_json_array();
        for (size_t i = 0; i < c->n; i++)
            an_json_push(all, count_json(&c->items[i]));
        return print_json(all, out);
    }
    if (c->n == 0) {
        fprintf(out, "no alarm was shown, and nothing was said\n");
        return AN_OK;
    }
    fprintf(out, "%-16s %-16s %-16s %7s %6s %6s %6s %6s %7s  %-16s  %-16s  %-16s\n", "LINE", "VERSION",
            "FROM", "ALARMS", "TRUE", "FALSE", "UNSURE", "MISSED", "GOOD", "PRECISION", "RECALL", "F1");
    for (size_t i = 0; i < c->n; i++)
        print_count(&c->items[i], out);
    fprintf(
        out,
        "unknown: fewer than %d verdicts, or nobody has reported missed defects or good pieces; in brackets "
        "Wilson's interval (95 %%)\n",
        AN_VERDICT_FEW);
    return AN_OK;
}

an_err an_show_verdicts(const char *dir, const an_verdict_how *how, int64_t span_ms, bool json, FILE *out,
                        an_note *why)
{
    an_alarms *log = NULL;
    an_verdict_counts c = {.n = 0};
    an_verdict_how h = *how;
    if (span_ms > 0) {
        h.to_ms = INT64_MAX;
        h.from_ms = wall_ms() - span_ms;
    }
    an_err err = open_log(dir, &log, why);
    if (err == AN_OK)
        err = an_verdict_count_log(&c, log, &h, why);
    if (err == AN_OK)
        err = print_counts(&c, json, out);
    an_verdict_counts_done(&c);
    an_alarms_close(log);
    return err;
}
