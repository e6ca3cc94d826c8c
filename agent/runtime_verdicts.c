/* What people and the MES say, at the link thread: one judgement in the log of alarms, then the lines follow.
 *
 * Tables lie in DATA/verdicts until they are judged: one that was judged when the agent was killed is judged again, and changes
 * nothing. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/runtime_link.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#define PIECES_MAX 65536 /* in memory while the disk is full */

/* ---- pieces ---- */

void an_agent_pieces_take(an_agent *a, an_piece *items, size_t n)
{
    if (a->n_pieces + n <= PIECES_MAX &&
        an_grow(&a->pieces, &a->pieces_cap, a->n_pieces + n, sizeof *a->pieces)) {
        memcpy(a->pieces + a->n_pieces, items, n * sizeof *items);
        a->n_pieces += n;
    } else {
        an_agent_fault(a, "pieces_lost", "too many wait for room on the disk");
    }
    an_free(items);
}

bool an_agent_pieces_keep(an_agent *a)
{
    an_note why = {{0}};
    an_err err = an_alarms_pieces(a->alarms, a->pieces, a->n_pieces, &why);
    if (err != AN_OK) {
        an_agent_fault(a, "pieces_not_kept", why.text[0] ? why.text : an_err_text(err));
        return false;
    }
    a->n_pieces = 0;
    return true;
}

/* ---- to the lines ---- */

/* In the site's journal, with what the line runs. */
void an_agent_note(an_agent *a, const an_line *l, const char *what)
{
    an_note why = {{0}};
    an_journal_row row = {.time_ms = a->clock->wall_ms(a->clock)};
    an_hash version, overlay;
    snprintf(row.model, sizeof row.model, "%s", l->conf->model);
    snprintf(row.what, sizeof row.what, "%s", what);
    if (an_session_running(a->session, l->conf->name, &version, &overlay)) {
        memcpy(row.version, version.b, sizeof row.version);
        memcpy(row.overlay, overlay.b, sizeof row.overlay);
    }
    if (an_journal_add(a->spool, &row, &why) != AN_OK)
        an_agent_fault(a, "command_not_kept", why.text);
}

static void tell_line(an_agent *a, an_line *l, const an_judged *j)
{
    size_t n = 0;
    for (size_t i = 0; i < j->n; i++)
        n += strcmp(j->items[i].line, l->conf->name) == 0;
    if (n == 0)
        return;
    an_order o = {.kind = AN_ORDER_JUDGED, .judged = an_alloc(n, sizeof *o.judged)};
    for (size_t i = 0; o.judged && i < j->n; i++)
        if (strcmp(j->items[i].line, l->conf->name) == 0)
            o.judged[o.n_judged++] = j->items[i];
    if (o.judged)
        an_agent_order(l, &o);
    else
        an_agent_fault(a, "windows_not_labelled", "out of memory");
}

static void tell_lines(an_agent *a, const an_judged *j)
{
    for (size_t i = 0; i < a->n_lines; i++)
        tell_line(a, &a->lines[i], j);
    an_sinks_wake(a->sinks);
}

static an_err judge(an_agent *a, an_verdict_list *list, an_judged *ret, an_note *why)
{
    const an_judge_opts opts = {.now_ms = a->clock->wall_ms(a->clock)};
    (void)an_agent_alarms_keep(a); /* what was raised before it comes before it */
    (void)an_agent_pieces_keep(a);
    an_err err = an_alarms_judge(a->alarms, list, &opts, ret, why);
    if (err == AN_OK)
        tell_lines(a, ret);
    return err;
}

/* ---- of one person ---- */

void an_agent_verdict(an_agent *a, const an_command *c)
{
    an_note why = {{0}};
    char what[160];
    an_line *l = an_agent_line_of(a, c->line);
    if (!l || c->alarm > l->status.alarm_last) {
        an_note_set(&why,
                    l ? "line %s has raised no alarm %" PRIu64 : "no line %s (verdict on alarm %" PRIu64 ")",
                    c->line, c->alarm);
        an_agent_fault(a, "verdict_not_taken", why.text);
        return;
    }
    an_judgement one = {.alarm = c->alarm, .verdict = c->verdict};
    const an_judged j = {.items = &one, .n = 1};
    memcpy(one.line, c->line, sizeof one.line);
    memcpy(one.defect, c->defect, sizeof one.defect);
    (void)an_agent_alarms_verdict(a, c, &one.of_rule); /* the pool knows it longer than the log does */
    tell_lines(a, &j);
    snprintf(what, sizeof what, "verdict on alarm %" PRIu64 " of line %.40s: %s", c->alarm, c->line,
             an_verdict_name(c->verdict));
    an_agent_note(a, l, what);
}

void an_agent_missed(an_agent *a, const an_command *c)
{
    char what[160];
    an_note why = {{0}};
    an_judged j = {.n = 0};
    const an_line *l = an_agent_line_of(a, c->line);
    if (!l) {
        an_agent_fault(a, "missed_fault_not_taken", "no such line");
        return;
    }
    const int64_t at =
        l->status.source.last_time_ms > 0 ? l->status.source.last_time_ms : a->clock->wall_ms(a->clock);
    an_verdict_row row = {.timed = true, .from_ms = at, .to_ms = at, .missed = true, .alone = true};
    an_verdict_list list = {.rows = &row, .n = 1};
    memcpy(row.line, c->line, sizeof row.line);
    memcpy(row.by, c->by, sizeof row.by);
    memcpy(row.defect, c->defect, sizeof row.defect);
    memcpy(row.comment, c->reason, sizeof row.comment);
    if (judge(a, &list, &j, &why) != AN_OK)
        an_agent_fault(a, "missed_fault_not_taken", why.text);
    an_judged_done(&j);
    snprintf(what, sizeof what, "a fault of line %.40s without an alarm: %.80s", c->line, c->reason);
    an_agent_note(a, l, what);
}

void an_agent_threshold(an_agent *a, const an_command *c)
{
    char what[200];
    an_line *l = an_agent_line_of(a, c->line);
    if (!l || !l->status.live) {
        an_agent_fault(a, "threshold_not_taken", l ? "no version runs on the line" : "no such line");
        return;
    }
    const an_order o = {.kind = AN_ORDER_THRESHOLD, .factor = c->factor};
    an_agent_order(l, &o);
    snprintf(what, sizeof what, "threshold of line %.40s: %.4g times as calibrated, by %.40s: %.40s", c->line,
             c->factor, c->by, c->reason);
    an_agent_note(a, l, what);
    an_log(AN_LOG_INFO, "threshold_set", "line=%s factor=%.4g by=\"%s\" reason=\"%s\"", c->line, c->factor,
           c->by, c->reason);
}

/* ---- tables ---- */

/* OK: it was judged, or never can be. */
static an_err take_table(an_agent *a, const char *path, const char *name, an_note *why)
{
    an_verdict_list list = {.n = 0};
    an_judged j = {.n = 0};
    an_buf b;
    an_buf_init(&b, AN_VERDICT_BYTES_MAX);
    an_err err = an_file_read(&b, path, why);
    if (err == AN_OK)
        err = an_verdicts_parse(b.data, b.len, &(an_verdict_opts){.line = NULL}, &list, why);
    if (err == AN_ERR_LIMIT)
        err = AN_ERR_PROTO; /* it will not grow smaller */
    if (err == AN_OK && list.n_refused > 0)
        err = an_fail(AN_ERR_REFUSED, why, "line %" PRIu64 ": %s", list.refused[0].row, list.refused[0].why);
    if (err == AN_OK)
        err = judge(a, &list, &j, why);
    if (err == AN_OK)
        an_log(AN_LOG_INFO, "verdicts_imported",
               "table=%s rows=%zu new=%zu changed=%zu alarms=%zu missed=%zu", name, list.n, j.fresh,
               j.changed, j.alarms, j.missed);
    an_judged_done(&j);
    an_verdict_list_done(&list);
    an_buf_done(&b);
    return err;
}

static bool is_passing(an_err err)
{
    return err == AN_ERR_IO || err == AN_ERR_NOMEM || err == AN_ERR_AGAIN || err == AN_ERR_LIMIT;
}

void an_agent_verdicts_tick(an_agent *a)
{
    char dir[AN_PATH_MAX], path[AN_PATH_MAX], aside[AN_PATH_MAX + 16];
    an_names names = {NULL, 0};
    if (an_path_join(dir, a->conf->data, "verdicts") != AN_OK || !an_file_exists(dir) ||
        an_dir_list(dir, &names, NULL) != AN_OK)
        return;
    for (size_t i = 0; i < names.n; i++) {
        const size_t len = strlen(names.items[i]);
        an_note why = {{0}};
        if (len < 5 || strcmp(names.items[i] + len - 4, ".csv") != 0 ||
            an_path_join(path, dir, names.items[i]) != AN_OK)
            continue;
        an_err err = take_table(a, path, names.items[i], &why);
        if (err != AN_OK)
            an_agent_fault(a, "verdicts_not_taken", why.text[0] ? why.text : an_err_text(err));
        if (is_passing(err))
            break; /* again in a second */
        snprintf(aside, sizeof aside, "%s.refused", path);
        if (err == AN_OK ? an_file_remove(path, &why) != AN_OK : rename(path, aside) != 0)
            an_agent_fault(a, "verdicts_not_removed", path);
    }
    an_names_done(&names);
}
