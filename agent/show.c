#include "agent/show.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/inbox.h"
#include "agent/spool.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/opt.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "msg/msg.h"

#define OLD_MS 5000 /* a running agent writes every second */

static int64_t wall_ms(void)
{
    const an_clock *clock = an_clock_system();
    return clock->wall_ms(clock);
}

/* ---- status ---- */

static const char *text_of(const an_jval *o, const char *key)
{
    const char *text = "-";
    if (an_jval_text(o, key, &text, NULL) != AN_OK)
        text = "-";
    return text[0] ? text : "-";
}

static double num_of(const an_jval *o, const char *key)
{
    double v = 0;
    const an_err err = an_jval_num(o, key, -1e300, 1e300, &v, NULL);
    return err == AN_OK ? v : 0;
}

static int64_t int_of(const an_jval *o, const char *key)
{
    int64_t n = 0;
    return an_jval_int(o, key, INT64_MIN, INT64_MAX, &n, NULL) == AN_OK ? n : 0;
}

static bool bool_of(const an_jval *o, const char *key)
{
    bool b = false;
    return an_jval_bool(o, key, &b, NULL) == AN_OK && b;
}

static void print_sinks(const an_jval *sinks, FILE *out)
{
    if (an_jval_count(sinks) > 0)
        fprintf(out, "%-16s %-12s %-8s %8s %8s %8s %8s %8s %9s\n", "SINK", "TYPE", "STATE", "SENT", "RETRIED",
                "REFUSED", "LOST", "BEHIND", "SECONDS");
    for (size_t i = 0; i < an_jval_count(sinks); i++) {
        const an_jval *s = an_jval_at(sinks, i);
        double seconds = 0;
        if (an_jval_num(s, "behind_s", 0, 1e15, &seconds, NULL) != AN_OK)
            seconds = 0;
        fprintf(out,
                "%-16s %-12s %-8s %8" PRId64 " %8" PRId64 " %8" PRId64 " %8" PRId64 " %8" PRId64 " %9.0f\n",
                text_of(s, "name"), text_of(s, "type"), text_of(s, "state"), int_of(s, "sent"),
                int_of(s, "retried"), int_of(s, "refused"), int_of(s, "lost"), int_of(s, "behind"), seconds);
        if (strcmp(text_of(s, "state"), "failing") == 0)
            fprintf(out, "sink %s: %s\n", text_of(s, "name"), text_of(s, "last_error"));
    }
}

static void print_log(const an_jval *log, FILE *out)
{
    const int64_t lost = int_of(log, "dropped_unread"), open = int_of(log, "alarms_open");
    if (open > 0)
        fprintf(out,
                "%" PRId64 " alarm%s that nobody has acknowledged or that goes on: `andon-agent alarms`\n",
                open, open == 1 ? "" : "s");
    if (lost > 0)
        fprintf(out,
                "the log of alarms is at its quota: %" PRId64 " record%s that a sink still waited for went\n",
                lost, lost == 1 ? "" : "s");
}

static void print_resources(const an_jval *r, FILE *out)
{
    const double mib = 1048576, budget = num_of(r, "memory_budget_bytes"), cpus = num_of(r, "cpu_budget");
    if (!r)
        return;
    fprintf(out, "memory: %.0f MiB, at most %.0f", num_of(r, "memory_bytes") / mib,
            num_of(r, "memory_most_bytes") / mib);
    if (budget > 0)
        fprintf(out, " of %.0f", budget / mib);
    fprintf(out, "; processors: %.2f now", num_of(r, "cpu_now"));
    if (cpus > 0)
        fprintf(out, " of %.2f", cpus);
    fprintf(out, ", %.0f s in all, %.0f s of them training\n", num_of(r, "cpu_s"),
            num_of(r, "cpu_trainer_s"));
    if (int_of(r, "memory_over_s") + int_of(r, "cpu_over_s") > 0)
        fprintf(out, "over its budget: of memory for %" PRId64 " s, of processors for %" PRId64 " s\n",
                int_of(r, "memory_over_s"), int_of(r, "cpu_over_s"));
    if (int_of(r, "jobs_refused") > 0)
        fprintf(out, "training declined for want of memory: %" PRId64 " times\n", int_of(r, "jobs_refused"));
}

/* Of what runs; `andon-agent verdicts` has the rest. */
static void print_verdicts(const an_jval *line, FILE *out)
{
    const an_jval *v = an_jval_get(line, "verdicts");
    const int64_t right = int_of(v, "true"), judged = right + int_of(v, "false"),
                  missed = int_of(v, "missed");
    double factor = 1;
    if (judged + missed > 0)
        fprintf(out,
                "line %s: %" PRId64 " of %" PRId64 " judged alarm%s right, %" PRId64 " defect%s missed\n",
                text_of(line, "line"), right, judged, judged == 1 ? " was" : "s were", missed,
                missed == 1 ? "" : "s");
    if (an_jval_get_num(line, "threshold_factor", 0, 1e9, 1, &factor, NULL) == AN_OK &&
        !(factor >= 1 && factor <= 1))
        fprintf(out, "line %s: a person has set the threshold to %.4g times the calibrated one\n",
                text_of(line, "line"), factor);
}

/* The last one; `andon-agent alarms show` has that of an alarm. */
static void print_advice(const an_jval *line, FILE *out)
{
    const an_jval *a = an_jval_get(line, "advice");
    if (a)
        fprintf(out, "line %s: advice of %s: %s\n  %s\n", text_of(line, "line"), text_of(a, "time"),
                text_of(a, "said"), text_of(a, "note"));
}

static void print_answers(const an_jval *line, FILE *out)
{
    const an_jval *list = an_jval_get(line, "answers");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *a = an_jval_at(list, i);
        fprintf(out, "line %s: %s should be %.5g and ", text_of(line, "line"), text_of(a, "sensor"),
                num_of(a, "should"));
        if (an_jval_kind(an_jval_get(a, "measured")) == AN_JKIND_NULL)
            fprintf(out, "is missing\n");
        else
            fprintf(out, "is %.5g\n", num_of(a, "measured"));
    }
}

static void print_status(const an_jval *o, FILE *out)
{
    const an_jval *link = an_jval_get(o, "coordinator"), *lines = an_jval_get(o, "lines");
    const int64_t age = wall_ms() - int_of(o, "time_ms");
    fprintf(out, "site %s, %s, %s%s\n", text_of(o, "site"), text_of(o, "state"),
            bool_of(link, "connected") ? "connected" : "not connected to the coordinator",
            age > OLD_MS ? " (the agent does not run now)" : "");
    fprintf(out, "waiting to be sent: %" PRId64 " fact%s, %" PRId64 " upload%s kept\n",
            int_of(link, "facts_waiting"), int_of(link, "facts_waiting") == 1 ? "" : "s",
            int_of(link, "uploads_held"), int_of(link, "uploads_held") == 1 ? "" : "s");
    fprintf(out, "fingerprint of its keys: %s\n", text_of(o, "fingerprint"));
    if (strcmp(text_of(o, "rotation"), "-") != 0)
        fprintf(out, "new keys wait for %s\nfingerprint of the new keys: %s\n", text_of(o, "rotation"),
                text_of(o, "next_fingerprint"));
    fprintf(out, "%-16s %-12s %-22s %-12s %10s %10s %8s %9s %7s %s\n", "LINE", "MODEL", "STATE", "VERSION",
            "ROW", "SCORED", "WINDOWS", "HELD BACK", "ALARMS", "OPEN");
    for (size_t i = 0; i < an_jval_count(lines); i++) {
        const an_jval *l = an_jval_at(lines, i), *pool = an_jval_get(l, "pool");
        fprintf(out,
                "%-16s %-12s %-22s %-12.12s %10" PRId64 " %10" PRId64 " %8" PRId64 " %9" PRId64 " %7" PRId64
                " %s\n",
                text_of(l, "line"), text_of(l, "model"), text_of(l, "state"), text_of(l, "version"),
                int_of(l, "row"), int_of(l, "scored"), int_of(pool, "train"),
                int_of(pool, "old") + int_of(pool, "new"), int_of(l, "alarms"),
                bool_of(l, "alarm_open") ? "yes" : "no");
    }
    print_resources(an_jval_get(o, "resources"), out);
    print_sinks(an_jval_get(o, "sinks"), out);
    print_log(an_jval_get(o, "alarm_log"), out);
    for (size_t i = 0; i < an_jval_count(lines); i++)
        print_verdicts(an_jval_at(lines, i), out);
    for (size_t i = 0; i < an_jval_count(lines); i++)
        print_advice(an_jval_at(lines, i), out);
    for (size_t i = 0; i < an_jval_count(lines); i++)
        print_answers(an_jval_at(lines, i), out);
    for (size_t i = 0; i < an_jval_count(lines); i++) {
        const an_jval *l = an_jval_at(lines, i);
        if (strcmp(text_of(l, "remark"), "-") != 0)
            fprintf(out, "line %s takes no part in rounds: %s\n", text_of(l, "line"), text_of(l, "remark"));
        if (int_of(l, "release_expired_ms") > 0)
            fprintf(out,
                    "line %s: the release that it follows has expired; it goes on, but this site may be kept "
                    "from newer versions\n",
                    text_of(l, "line"));
    }
    if (strcmp(text_of(o, "last_job_error"), "-") != 0)
        fprintf(out, "the last work for a round or a version failed: %s\n", text_of(o, "last_job_error"));
    if (strcmp(text_of(o, "last_error"), "-") != 0)
        fprintf(out, "last error: %s\n", text_of(o, "last_error"));
}

static an_err read_status(const char *dir, an_buf *b, an_json_doc **ret, an_note *why)
{
    char path[AN_PATH_MAX];
    an_err err = an_path_join(path, dir, "status.json");
    if (err == AN_OK && (err = an_file_read(b, path, why)) == AN_ERR_NOTFOUND)
        an_note_set(why, "%.200s is missing: no agent has run with this data folder", path);
    return err == AN_OK ? an_json_parse((const char *)b->data, b->len, path, ret, why) : err;
}

an_err an_show_status(const char *dir, bool json, FILE *out, an_note *why)
{
    an_json_doc *doc = NULL;
    an_buf b;
    an_buf_init(&b, AN_JSON_MAX_BYTES);
    an_err err = read_status(dir, &b, &doc, why);
    if (err == AN_OK && json)
        fprintf(out, "%.*s\n", (int)b.len, (const char *)b.data);
    else if (err == AN_OK)
        print_status(an_json_root(doc), out);
    an_json_doc_free(doc);
    an_buf_done(&b);
    return err;
}

/* ---- ledger ---- */

static an_err open_spool(const char *dir, an_spool **ret, an_note *why)
{
    char path[AN_PATH_MAX];
    an_err err = an_path_join(path, dir, "spool.db");
    if (err == AN_OK && !an_file_exists(path))
        return an_fail(AN_ERR_NOTFOUND, why, "%.200s is missing: no agent has run with this data folder",
                       path);
    return err == AN_OK ? an_spool_open(path, &(an_spool_conf){.quota_bytes = 0}, ret, why) : err;
}

static void print_entry(const an_ledger_row *row, FILE *out)
{
    char time[25];
    an_time_text(time, row->time_ms);
    fprintf(out, "%6" PRIu64 "  %s  %-10s %10" PRIu64 " bytes  %s%s%s%s\n", row->id, time, row->kind,
            row->bytes, row->words, row->protection[0] ? " (" : "", row->protection,
            row->protection[0] ? ")" : "");
}

an_err an_show_ledger(const char *dir, int64_t last, FILE *out, an_note *why)
{
    an_spool *spool = NULL;
    an_ledger_row row = {.id = 0};
    uint64_t n = 0, bytes = 0, skip = 0;
    an_err err = open_spool(dir, &spool, why);
    if (err == AN_OK)
        err = an_ledger_sum(spool, INT64_MIN, &n, &bytes, why);
    if (err == AN_OK && last > 0 && n > (uint64_t)last)
        skip = n - (uint64_t)last;
    for (uint64_t i = 0; err == AN_OK && (err = an_ledger_next(spool, row.id, &row, why)) == AN_OK; i++)
        if (i >= skip)
            print_entry(&row, out);
    if (err == AN_ERR_NOTFOUND)
        err = AN_OK;
    if (err == AN_OK)
        fprintf(out, "%" PRIu64 " %s, %" PRIu64 " bytes left this site\n", n, n == 1 ? "entry" : "entries",
                bytes);
    an_spool_close(spool);
    return err;
}

an_err an_show_ledger_verify(const char *dir, FILE *out, an_note *why)
{
    an_spool *spool = NULL;
    uint64_t rows = 0, before = 0;
    an_hash head;
    char text[AN_HASH_TEXT];
    an_err err = open_spool(dir, &spool, why);
    if (err == AN_OK)
        err = an_ledger_verify(spool, &rows, &before, head.b, why);
    if (err == AN_OK) {
        an_hash_text(text, &head);
        fprintf(out, "%" PRIu64 " %s as written; keep the last chain elsewhere: %s\n", rows,
                rows == 1 ? "entry is" : "entries are", text);
        if (before > 0)
            fprintf(out, "%" PRIu64 " older %s from before there was a chain\n", before,
                    before == 1 ? "entry is" : "entries are");
    }
    an_spool_close(spool);
    return err;
}

/* ---- verdict and rollback ---- */

/* What the agent wrote of the line last: less than two seconds ago, if it runs. */
static an_err find_line(const an_jval *status, const char *line, const an_jval **ret, an_note *why)
{
    const an_jval *lines = an_jval_get(status, "lines");
    for (size_t i = 0; i < an_jval_count(lines); i++) {
        *ret = an_jval_at(lines, i);
        if (strcmp(text_of(*ret, "line"), line) == 0)
            return AN_OK;
    }
    return an_fail(AN_ERR_NOTFOUND, why, "no line %.63s at this site; `andon-agent status` lists them", line);
}

static an_err check_alarm(const an_jval *line, const an_command *c, an_note *why)
{
    const int64_t last = int_of(line, "alarm_last");
    if (last <= 0)
        return an_fail(AN_ERR_NOTFOUND, why, "line %s has raised no alarm yet", c->line);
    if (c->alarm > (uint64_t)last)
        return an_fail(AN_ERR_NOTFOUND, why,
                       "line %s has raised no alarm %" PRIu64 "; its last is number %" PRId64, c->line,
                       c->alarm, last);
    return AN_OK;
}

static an_err check_rollback(const an_jval *line, const an_command *c, an_note *why)
{
    if (strcmp(text_of(line, "version_before"), "-") != 0)
        return AN_OK;
    return an_fail(AN_ERR_NOTFOUND, why, "line %s has run no version before", c->line);
}

an_err an_leave_command(const char *dir, const an_command *c, an_note *why)
{
    an_json_doc *doc = NULL;
    const an_jval *line = NULL;
    an_buf b;
    an_buf_init(&b, AN_JSON_MAX_BYTES);
    an_err err = read_status(dir, &b, &doc, why);
    if (err == AN_OK)
        err = find_line(an_json_root(doc), c->line, &line, why);
    if (err == AN_OK)
        err = c->kind == AN_COMMAND_ROLLBACK  ? check_rollback(line, c, why)
              : c->kind == AN_COMMAND_VERDICT ? check_alarm(line, c, why)
                                              : AN_OK;
    an_json_doc_free(doc);
    an_buf_done(&b);
    return err == AN_OK ? an_inbox_put(dir, c, wall_ms(), why) : err;
}

an_err an_leave_rotate(const char *dir, FILE *out, an_note *why)
{
    char path[AN_PATH_MAX];
    const an_command c = {.kind = AN_COMMAND_ROTATE};
    an_err err = an_path_join(path, dir, "coordinator.json");
    if (err == AN_OK && !an_file_exists(path))
        err = an_fail(AN_ERR_NOTFOUND, why, "%.200s is missing: no site was enrolled with this data folder",
                      path);
    if (err == AN_OK)
        err = an_inbox_put(dir, &c, wall_ms(), why);
    if (err == AN_OK)
        fprintf(out,
                "left for the agent: it makes new keys, and goes over to them when the signed roster names "
                "them; `andon-agent status` says what they wait for\n");
    return err;
}

const char *an_show_who(const char *by)
{
    const char *user = getenv("USER");
    if (by || (user && user[0]))
        return by ? by : user;
    const struct passwd *p = getpwuid(geteuid());
    return p && p->pw_name[0] ? p->pw_name : NULL;
}

static an_err take_words(an_command *c, const an_verdict_words *w, an_note *why)
{
    const char *by = an_show_who(w->by);
    if (w->defect && strlen(w->defect) >= sizeof c->defect)
        return an_fail(AN_ERR_INVAL, why, "a class has at most %zu bytes", sizeof c->defect - 1);
    an_text_set(c->by, sizeof c->by, by ? by : "");
    an_text_set(c->defect, sizeof c->defect, w->defect ? w->defect : "");
    if (c->kind == AN_COMMAND_VERDICT)
        an_text_set(c->reason, sizeof c->reason, w->comment ? w->comment : "");
    return AN_OK;
}

an_err an_leave_verdict(const char *dir, const char *line, const char *alarm, const char *verdict,
                        const an_verdict_words *words, FILE *out, an_note *why)
{
    an_command c = {.kind = AN_COMMAND_VERDICT};
    int64_t id = 0;
    if (!an_name_ok(line))
        return an_fail(AN_ERR_INVAL, why, "\"%.60s\" is not a line's name", line);
    if (!an_parse_int(alarm, &id) || id < 1)
        return an_fail(AN_ERR_INVAL, why, "\"%.60s\" is not an alarm's number", alarm);
    if (!an_verdict_find(verdict, &c.verdict))
        return an_fail(AN_ERR_INVAL, why, "\"%.60s\": true, false or unsure", verdict);
    snprintf(c.line, sizeof c.line, "%s", line);
    c.alarm = (uint64_t)id;
    an_err err = take_words(&c, words, why);
    if (err == AN_OK)
        err = an_leave_command(dir, &c, why);
    if (err == AN_OK)
        fprintf(out, "left for the agent: alarm %" PRIu64 " of line %s is %s\n", c.alarm, line, verdict);
    return err;
}

static an_err leave_reason(const char *dir, an_command_kind kind, const char *line, const char *reason,
                           const an_verdict_words *words, const char *whose, an_note *why)
{
    an_command c = {.kind = kind};
    an_err err = words ? take_words(&c, words, why) : AN_OK;
    if (err != AN_OK)
        return err;
    if (!an_name_ok(line))
        return an_fail(AN_ERR_INVAL, why, "\"%.60s\" is not a line's name", line);
    if (!reason[0])
        return an_fail(AN_ERR_INVAL, why, "a reason is missing: %s", whose);
    snprintf(c.line, sizeof c.line, "%s", line);
    an_text_set(c.reason, sizeof c.reason, reason);
    return an_leave_command(dir, &c, why);
}

an_err an_leave_missed(const char *dir, const char *line, const char *reason, const an_verdict_words *words,
                       FILE *out, an_note *why)
{
    an_err err = leave_reason(dir, AN_COMMAND_MISSED, line, reason, words,
                              "it is kept in the journal of this site", why);
    if (err == AN_OK)
        fprintf(out, "left for the agent: a fault of line %s has raised no alarm\n", line);
    return err;
}

an_err an_leave_rollback(const char *dir, const char *line, const char *reason, FILE *out, an_note *why)
{
    an_err err =
        leave_reason(dir, AN_COMMAND_ROLLBACK, line, reason, NULL, "it is told to the coordinator", why);
    if (err == AN_OK)
        fprintf(out, "left for the agent: line %s goes back to the version before\n", line);
    return err;
}
