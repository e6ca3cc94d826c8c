#include "agent/show_verdicts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/crypto.h"

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
        return an_fail(err, why, "%zu row%s refused: nothing was taken; --skip takes the others", refused,
                       refused == 1 ? " is" : "s are");
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
