/* The log of alarms: what people do about them, and what ends by itself. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/alarms_internal.h"
#include "agent/verdicts.h"
#include "base/mem.h"
#include "msg/msg.h"

#define EXPIRY "expiry" /* who brings back what was shelved until now */
#define SOME 64         /* alarms of one look; the next look finds the others */

/* What a deed does to the state of an alarm; AN_ACTS: nothing. */
static an_alarm_act act_of(an_logged_kind kind)
{
    switch (kind) {
    case AN_LOGGED_ACKED:
        return AN_ACT_ACK;
    case AN_LOGGED_SHELVED:
        return AN_ACT_SHELVE;
    case AN_LOGGED_UNSHELVED:
        return AN_ACT_UNSHELVE;
    case AN_LOGGED_REMOVED:
        return AN_ACT_REMOVE;
    case AN_LOGGED_RESTORED:
        return AN_ACT_RESTORE;
    default:
        break;
    }
    return AN_ACTS;
}

static bool concerns_lines(an_logged_kind kind)
{
    return kind >= AN_LOGGED_SHELVED && kind <= AN_LOGGED_RESTORED;
}

static void fill(an_alarm_record *r, const an_alarm_deed *d)
{
    r->kind = d->kind;
    r->time_ms = r->recorded_ms = d->now_ms;
    an_text_set(r->by, sizeof r->by, d->by);
    an_text_set(r->comment, sizeof r->comment, d->comment ? d->comment : "");
}

static an_err explain(an_err err, const an_alarm_row *row, an_note *why)
{
    const char *standing = an_standing_name(an_alarm_standing(&row->state));
    if (err == AN_ERR_EXISTS)
        return an_fail(err, why, "alarm %" PRIu64 " of line %s is %s: there is nothing to do",
                       row->last.alarm, row->last.line, standing);
    if (err == AN_ERR_STATE)
        return an_fail(err, why, "alarm %" PRIu64 " of line %s is %s: not now", row->last.alarm,
                       row->last.line, standing);
    return err;
}

/* The deed on one alarm, and its record. */
an_err an_alarms_act_on(an_alarms *a, an_alarm_row *row, const an_alarm_deed *d, an_note *why)
{
    const an_alarm_act act = act_of(d->kind);
    const int64_t until = d->until_ms > row->state.until_ms ? d->until_ms : row->state.until_ms;
    an_err err = AN_OK;
    if (concerns_lines(d->kind) && !row->state.active)
        err = AN_ERR_STATE; /* it is over */
    if (!err && act != AN_ACTS)
        err = an_alarm_do(&row->state, act, until);
    if (err)
        return explain(err, row, why);
    if (d->kind == AN_LOGGED_ACKED)
        an_text_set(row->last.acked_by, sizeof row->last.acked_by, d->by);
    if (d->kind == AN_LOGGED_VERDICT) {
        an_text_set(row->last.verdict, sizeof row->last.verdict, d->verdict);
        an_text_set(row->last.defect, sizeof row->last.defect, d->defect ? d->defect : "");
    }
    row->last.standing = an_alarm_standing(&row->state);
    row->last.until_ms = row->state.until_ms;
    row->last.ever_shown |= an_standing_shown(row->last.standing);
    row->last.suppressed = (row->state.aside & AN_ASIDE_SUPPRESSED) != 0;
    if (row->last.standing == AN_STANDING_UNACKED)
        row->last.acked_by[0] = '\0';
    an_alarm_record r = row->last;
    fill(&r, d);
    err = an_alarms_append(a, &r, why);
    return err ? err : an_alarms_save(a, row, r.seq, why);
}

/* ---- a whole line ---- */

typedef struct numbers {
    char line[SOME][AN_NAME_MAX];
    uint64_t alarm[SOME];
    size_t n;
} numbers;

static an_err collect(an_stmt *q, numbers *ret, an_note *why)
{
    bool found = false;
    an_err err = AN_OK;
    ret->n = 0;
    while (ret->n < SOME && !(err = an_stmt_step(q, &found, why)) && found) {
        an_text_set(ret->line[ret->n], AN_NAME_MAX, an_stmt_text(q, 0, NULL));
        ret->alarm[ret->n++] = (uint64_t)an_stmt_int(q, 1);
    }
    an_stmt_reset(q);
    return err;
}

static an_err act_on_each(an_alarms *a, const numbers *those, const an_alarm_deed *deed, size_t *n,
                          an_note *why)
{
    an_err err = AN_OK;
    for (size_t i = 0; i < those->n && !err; i++) {
        an_alarm_row row;
        bool found = false;
        an_alarm_deed d = *deed;
        d.alarm = those->alarm[i];
        err = an_alarms_load(a, those->line[i], d.alarm, &row, &found, why);
        if (!err && found && (err = an_alarms_act_on(a, &row, &d, why)) == AN_OK)
            (*n)++;
        if (err == AN_ERR_EXISTS || err == AN_ERR_STATE)
            err = AN_OK; /* what is done for the line is done for this one */
    }
    return err;
}

/* All active alarms of the line; they are few, but not bounded. */
static an_err act_on_all(an_alarms *a, const an_alarm_deed *d, size_t *n, an_note *why)
{
    an_err err = AN_OK;
    int64_t after = 0;
    numbers those = {.n = 1};
    while (!err && those.n > 0) {
        an_stmt *q = NULL;
        err = an_db_stmt(
            a->db,
            "SELECT line, alarm FROM alarm WHERE line = ?1 AND active = 1 AND alarm > ?2 ORDER BY alarm", &q,
            why);
        if (!err)
            err = an_stmt_bind_text(q, 1, d->line);
        if (!err)
            err = an_stmt_bind_int(q, 2, after);
        if (!err)
            err = collect(q, &those, why);
        if (!err && those.n > 0) {
            after = (int64_t)those.alarm[those.n - 1];
            err = act_on_each(a, &those, d, n, why);
        }
    }
    return err;
}

/* EXISTS: the line stands so already. */
static an_err change_line(an_line_aside *aside, const an_alarm_deed *d)
{
    const an_line_aside was = *aside;
    if (d->kind == AN_LOGGED_SHELVED)
        aside->until_ms = d->until_ms;
    else if (d->kind == AN_LOGGED_UNSHELVED)
        aside->until_ms = 0;
    else
        aside->out = d->kind == AN_LOGGED_REMOVED;
    return was.until_ms == aside->until_ms && was.out == aside->out ? AN_ERR_EXISTS : AN_OK;
}

static an_err act_on_line(an_alarms *a, const an_alarm_deed *d, size_t *n, an_note *why)
{
    an_line_aside aside;
    an_alarm_record r = {.score = NAN, .raw = NAN, .peak = NAN};
    an_err err = an_alarms_aside(a, d->line, &aside, why);
    if (err)
        return err;
    if (change_line(&aside, d) == AN_OK) {
        an_text_set(r.line, sizeof r.line, d->line);
        fill(&r, d);
        r.until_ms = aside.until_ms;
        if ((err = an_alarms_aside_set(a, d->line, &aside, why)) || (err = an_alarms_append(a, &r, why)))
            return err;
        (*n)++;
    }
    err = act_on_all(a, d, n, why);
    if (!err && *n == 0)
        err = an_fail(AN_ERR_EXISTS, why, "line %s: it is so already", d->line);
    return err;
}

static an_err check(const an_alarm_deed *d, an_note *why)
{
    if (d->kind < AN_LOGGED_ACKED || d->kind > AN_LOGGED_VERDICT ||
        (d->alarm == 0 && !concerns_lines(d->kind)))
        return an_fail(AN_ERR_INVAL, why, "alarms: nobody can do this to an alarm, or not to a line");
    if (!d->by || !d->by[0])
        return an_fail(AN_ERR_INVAL, why, "alarms: who does it is missing");
    if (d->kind == AN_LOGGED_SHELVED && d->until_ms <= d->now_ms)
        return an_fail(AN_ERR_INVAL, why, "alarms: shelved until a time that is over");
    return AN_OK;
}

an_err an_alarms_act(an_alarms *a, const an_alarm_deed *deed, size_t *ret_n, an_note *why)
{
    size_t n = 0;
    an_err err = check(deed, why);
    if (!err)
        err = an_db_begin(a->db, why);
    if (err)
        return err;
    if (deed->alarm == 0) {
        err = act_on_line(a, deed, &n, why);
    } else {
        an_alarm_row row;
        err = an_alarms_get(a, deed->line, deed->alarm, &row, why);
        if (!err)
            err = an_alarms_act_on(a, &row, deed, why);
        if (!err && deed->kind == AN_LOGGED_VERDICT)
            err = an_alarms_label_alarm(a, &row, deed, why);
        n = 1;
    }
    if (!(err = an_alarms_end(a, err, why)) && ret_n)
        *ret_n = n;
    return err;
}

/* ---- what ends by itself ---- */

static an_err due(an_alarms *a, const char *sql, int64_t now_ms, numbers *ret, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(a->db, sql, &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, now_ms);
    return err ? err : collect(q, ret, why);
}

an_err an_alarms_tick(an_alarms *a, int64_t now_ms, an_note *why)
{
    numbers lines, alarms;
    size_t n = 0;
    an_alarm_deed d = {.kind = AN_LOGGED_UNSHELVED, .by = EXPIRY, .now_ms = now_ms};
    an_err err =
        due(a, "SELECT line, 0 FROM aside WHERE until_ms > 0 AND until_ms <= ?1", now_ms, &lines, why);
    if (!err)
        err = due(a, "SELECT line, alarm FROM alarm WHERE standing <> 0 AND until_ms > 0 AND until_ms <= ?1",
                  now_ms, &alarms, why);
    if (err || lines.n + alarms.n == 0)
        return err;
    if ((err = an_db_begin(a->db, why)))
        return err;
    for (size_t i = 0; i < lines.n && !err; i++) {
        an_line_aside aside;
        an_alarm_record r = {.score = NAN, .raw = NAN, .peak = NAN};
        an_text_set(r.line, sizeof r.line, lines.line[i]);
        fill(&r, &d);
        if (!(err = an_alarms_aside(a, r.line, &aside, why))) {
            aside.until_ms = 0;
            err = an_alarms_aside_set(a, r.line, &aside, why);
        }
        if (!err)
            err = an_alarms_append(a, &r, why);
    }
    if (!err)
        err = act_on_each(a, &alarms, &d, &n, why);
    return an_alarms_end(a, err, why);
}
