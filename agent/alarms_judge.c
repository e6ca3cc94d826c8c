/* The log of alarms: a table of verdicts is judged in one transaction.
 *
 *     rows -> what each is about (alarm, piece, time) -> labels, and which of them no alarm speaks of
 *     alarms that a label is about -> verdict of all their labels -> records
 */
#include "agent/alarms_judge.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "msg/msg.h"

/* A line that the table names. */
typedef struct court {
    char line[AN_NAME_MAX];
    bool known;
    an_alarm_ref *alarms; /* (n) by number */
    size_t n, cap;
    an_spans spans;
    bool touched;
} court;

typedef struct trial {
    an_alarms *log;
    an_verdict_list *list;
    const an_judge_opts *opts;
    an_judged *ret;
    court *courts;
    size_t n_courts, courts_cap;
} trial;

/* ---- a line's alarms ---- */

static an_err load_alarms(an_alarms *a, court *c, an_note *why)
{
    an_stmt *q = NULL;
    bool row = false;
    an_err err = an_db_stmt(a->db,
                            "SELECT alarm, since_ms, active, cleared_ms, part, rule, shown FROM alarm"
                            " WHERE line = ?1 ORDER BY alarm",
                            &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, c->line);
    while (!err && !(err = an_stmt_step(q, &row, why)) && row) {
        if (!an_grow(&c->alarms, &c->cap, c->n + 1, sizeof *c->alarms)) {
            err = AN_ERR_NOMEM;
            break;
        }
        an_alarm_ref *r = &c->alarms[c->n];
        *r = (an_alarm_ref){.alarm = (uint64_t)an_stmt_int(q, 0),
                            .since_ms = an_stmt_int(q, 1),
                            .until_ms = an_stmt_int(q, 2) ? INT64_MAX : an_stmt_int(q, 3),
                            .rule = an_stmt_int(q, 5) != 0,
                            .shown = an_stmt_int(q, 6) != 0};
        an_text_set(r->part, sizeof r->part, an_stmt_text(q, 4, NULL));
        if (!an_spans_add(&c->spans, r->since_ms, r->until_ms, c->n++))
            err = AN_ERR_NOMEM;
    }
    an_stmt_reset(q);
    an_spans_sort(&c->spans);
    return err;
}

/* Has the log heard of the line? */
static an_err look_line(an_alarms *a, court *c, an_note *why)
{
    an_stmt *q = NULL;
    c->known = c->n > 0;
    if (c->known)
        return AN_OK;
    an_err err = an_db_stmt(a->db, "SELECT 1 FROM piece WHERE line = ?1 LIMIT 1", &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, c->line);
    if (!err)
        err = an_stmt_step(q, &c->known, why);
    an_stmt_reset(q);
    return err;
}

static an_err find_court(trial *t, const char *line, size_t *ret, an_note *why)
{
    for (size_t i = 0; i < t->n_courts; i++)
        if (strcmp(t->courts[i].line, line) == 0) {
            *ret = i;
            return AN_OK;
        }
    if (t->n_courts == AN_VERDICT_LINES_MAX)
        return an_fail(AN_ERR_INVAL, why, "the table names more than %d lines", AN_VERDICT_LINES_MAX);
    if (!an_grow(&t->courts, &t->courts_cap, t->n_courts + 1, sizeof *t->courts))
        return AN_ERR_NOMEM;
    court *c = &t->courts[ *ret = t->n_courts++];
    *c = (court){.n = 0};
    snprintf(c->line, sizeof c->line, "%s", line);
    an_err err = load_alarms(t->log, c, why);
    return err ? err : look_line(t->log, c, why);
}

static an_alarm_ref *alarm_by_number(court *c, uint64_t alarm)
{
    size_t low = 0, high = c->n;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (c->alarms[mid].alarm < alarm)
            low = mid + 1;
        else
            high = mid;
    }
    return low < c->n && c->alarms[low].alarm == alarm ? &c->alarms[low] : NULL;
}

static const an_alarm_ref *alarm_by_part(court *c, const char *part)
{
    for (size_t i = c->n; i-- > 0;)
        if (strcmp(c->alarms[i].part, part) == 0)
            return &c->alarms[i];
    return NULL;
}

/* ---- what a row is about ---- */

static void take_piece(an_label *l, const an_piece *p)
{
    l->level = p->level;
    memcpy(l->version, p->version, sizeof l->version);
    memcpy(l->overlay, p->overlay, sizeof l->overlay);
}

static an_err about_alarm(trial *t, court *c, const an_verdict_row *r, an_label *l, an_note *why)
{
    an_alarm_row row;
    an_alarm_ref *ref = alarm_by_number(c, r->alarm);
    if (!ref)
        return an_verdict_refuse(t->list, r->row, "line %s has no alarm %" PRIu64 " in its log", c->line,
                                 r->alarm);
    an_err err = an_alarms_get(t->log, c->line, r->alarm, &row, why);
    if (err)
        return err;
    ref->touched = c->touched = true;
    l->from_ms = row.last.since_ms;
    l->to_ms = row.cleared_ms > l->from_ms ? row.cleared_ms : l->from_ms;
    l->peak = row.last.peak;
    l->spoken = true;
    memcpy(l->version, row.last.version, sizeof l->version);
    memcpy(l->overlay, row.last.overlay, sizeof l->overlay);
    return AN_OK;
}

static an_err about_part(trial *t, court *c, const an_verdict_row *r, an_label *l, an_note *why)
{
    an_piece p;
    bool found = false;
    an_err err =
        an_alarms_find_piece(t->log, c->line, r->part, r->timed ? r->to_ms : INT64_MAX, &p, &found, why);
    if (err)
        return err;
    const an_alarm_ref *named = found ? NULL : alarm_by_part(c, r->part);
    if (found) {
        l->from_ms = p.from_ms;
        l->to_ms = p.to_ms;
        l->peak = p.peak;
        take_piece(l, &p);
    } else if (named) {
        l->from_ms = named->since_ms;
        l->to_ms = named->until_ms == INT64_MAX ? named->since_ms : named->until_ms;
    } else if (!r->timed) {
        return an_verdict_refuse(t->list, r->row,
                                 "no part \"%s\" was seen at line %s; at, or from and to, would do", r->part,
                                 c->line);
    }
    return AN_OK;
}

static an_err about_time(trial *t, court *c, an_label *l, an_note *why)
{
    an_piece p;
    bool found = false;
    an_err err = an_alarms_look_pieces(t->log, c->line, l->from_ms, l->to_ms, &p, &found, why);
    if (!err && found && l->alarm)
        l->level = p.level;
    else if (!err && found)
        take_piece(l, &p);
    return err;
}

/* Which alarms speak of it. */
static void hear(court *c, an_label *l)
{
    size_t of;
    for (size_t at = c->spans.n; an_spans_before(&c->spans, &at, l->from_ms, l->to_ms, &of);)
        if (an_alarm_speaks_of(&c->alarms[of], l))
            l->spoken = c->alarms[of].touched = c->touched = true;
}

/* ---- labels ---- */

static an_judgement *judgement(trial *t, const char *line)
{
    an_judged *j = t->ret;
    if (!an_grow(&j->items, &j->cap, j->n + 1, sizeof *j->items))
        return NULL;
    an_judgement *r = &j->items[j->n++];
    *r = (an_judgement){.alarm = 0};
    an_text_set(r->line, sizeof r->line, line);
    return r;
}

/* A defect is missed, or is so no more. */
static an_err tell_missed(trial *t, const an_label *l, bool missed, an_note *why)
{
    an_alarm_record r = {.kind = AN_LOGGED_MISSED,
                         .time_ms = l->from_ms,
                         .until_ms = l->to_ms,
                         .recorded_ms = t->opts->now_ms,
                         .score = NAN,
                         .raw = NAN,
                         .peak = NAN};
    an_text_set(r.line, sizeof r.line, l->line);
    an_text_set(r.part, sizeof r.part, l->part);
    an_text_set(r.by, sizeof r.by, l->by);
    an_text_set(r.comment, sizeof r.comment, l->comment);
    an_text_set(r.defect, sizeof r.defect, l->defect);
    an_text_set(r.verdict, sizeof r.verdict, an_verdict_name(missed ? AN_VERDICT_TRUE : AN_VERDICT_FALSE));
    memcpy(r.version, l->version, sizeof r.version);
    memcpy(r.overlay, l->overlay, sizeof r.overlay);
    t->ret->missed += missed;
    t->ret->back += !missed;
    return t->opts->dry ? AN_OK : an_alarms_append(t->log, &r, why);
}

static bool same_words(const an_label *a, const an_label *b)
{
    return a->verdict == b->verdict && strcmp(a->defect, b->defect) == 0 &&
           strcmp(a->comment, b->comment) == 0;
}

static an_err enter(trial *t, const an_label *l, const an_label *was, an_note *why)
{
    const bool missed = an_label_missed(l), was_missed = was && an_label_missed(was);
    const bool same = was && same_words(l, was), moved = was && l->spoken != was->spoken;
    an_err err = AN_OK;
    t->ret->fresh += !was;
    t->ret->same += same;
    t->ret->changed += was && !same;
    if (same && !moved)
        return AN_OK;
    if ((err = an_alarms_label_put(t->log, l, why)))
        return err;
    if (missed != was_missed)
        err = tell_missed(t, l, missed, why);
    if (err || l->alarm)
        return err;
    an_judgement *j = judgement(t, l->line);
    if (!j)
        return AN_ERR_NOMEM;
    an_text_set(j->defect, sizeof j->defect, l->defect);
    j->verdict = l->verdict;
    j->from_ms = l->from_ms;
    j->to_ms = l->to_ms;
    j->missed = (int)missed - (int)was_missed;
    memcpy(j->version, l->version, sizeof j->version);
    return AN_OK;
}

static an_err try_row(trial *t, const an_verdict_row *r, an_note *why)
{
    an_label l = {.alarm = r->alarm, .said_ms = r->said_ms, .verdict = r->verdict, .peak = NAN, .level = NAN},
             was;
    const size_t refused = t->list->n_refused;
    size_t at = 0;
    bool found = false;
    an_err err = find_court(t, r->line, &at, why);
    if (err)
        return err;
    court *c = &t->courts[at];
    if (!c->known && !r->alone)
        return an_verdict_refuse(t->list, r->row, "no line %s has run at this site", r->line);
    if (r->timed) {
        l.from_ms = r->from_ms;
        l.to_ms = r->to_ms;
    }
    an_text_set(l.line, sizeof l.line, r->line);
    an_text_set(l.part, sizeof l.part, r->alarm ? "" : r->part);
    an_text_set(l.defect, sizeof l.defect, r->defect);
    an_text_set(l.by, sizeof l.by, r->by);
    an_text_set(l.comment, sizeof l.comment, r->comment);
    err = r->alarm ? about_alarm(t, c, r, &l, why) : r->part[0] ? about_part(t, c, r, &l, why) : AN_OK;
    if (!err && t->list->n_refused == refused && (r->alarm || !isfinite(l.level)))
        err = about_time(t, c, &l, why);
    if (err || t->list->n_refused > refused)
        return err;
    if (!r->alarm && !r->alone)
        hear(c, &l);
    if (r->missed && l.spoken)
        return an_verdict_refuse(t->list, r->row,
                                 "an alarm was raised then: it is true or false, not missed");
    err = an_alarms_label_find(t->log, &l, &was, &found, why);
    if (!err && found && l.said_ms > 0 && was.said_ms > l.said_ms) {
        t->ret->older++;
        return AN_OK;
    }
    return err ? err : enter(t, &l, found ? &was : NULL, why);
}

/* ---- verdicts on alarms ---- */

/* What decides of each alarm that is touched, found in one pass over the labels. */
typedef struct bench {
    court *c;
    an_label *best; /* (n) */
    size_t n, cap;
    bool failed;
} bench;

/* What was said of the alarm itself comes first, then a defect. */
static int weight(const an_label *l)
{
    static const int by_verdict[] = {[AN_VERDICT_TRUE] = 2, [AN_VERDICT_FALSE] = 1, [AN_VERDICT_UNSURE] = 0};
    return l->alarm ? 3 : by_verdict[l->verdict];
}

static void consider(bench *b, an_alarm_ref *ref, const an_label *l)
{
    if (!ref->touched || b->failed)
        return;
    if (ref->best == 0) {
        if (!an_grow(&b->best, &b->cap, b->n + 1, sizeof *b->best)) {
            b->failed = true;
            return;
        }
        b->best[b->n] = *l;
        ref->best = ++b->n;
    } else if (weight(l) > weight(&b->best[ref->best - 1])) {
        b->best[ref->best - 1] = *l;
    }
}

static bool see_label(void *ctx, const an_label *l)
{
    bench *b = ctx;
    an_alarm_ref *own = l->alarm ? alarm_by_number(b->c, l->alarm) : NULL;
    size_t of;
    if (own)
        consider(b, own, l);
    for (size_t at = b->c->spans.n;
         !l->alarm && an_spans_before(&b->c->spans, &at, l->from_ms, l->to_ms, &of);)
        if (an_alarm_speaks_of(&b->c->alarms[of], l))
            consider(b, &b->c->alarms[of], l);
    return !b->failed;
}

static an_err sentence(trial *t, const court *c, const an_alarm_ref *ref, const an_label *l, an_note *why)
{
    an_alarm_row row;
    const char *verdict = an_verdict_name(l->verdict);
    an_err err = an_alarms_get(t->log, c->line, ref->alarm, &row, why);
    if (err || (strcmp(row.last.verdict, verdict) == 0 && strcmp(row.last.defect, l->defect) == 0))
        return err;
    const an_alarm_deed d = {.kind = AN_LOGGED_VERDICT,
                             .line = c->line,
                             .alarm = ref->alarm,
                             .by = l->by,
                             .comment = l->comment,
                             .verdict = verdict,
                             .defect = l->defect,
                             .now_ms = t->opts->now_ms};
    if (!t->opts->dry && (err = an_alarms_act_on(t->log, &row, &d, why)))
        return err;
    an_judgement *j = judgement(t, c->line);
    if (!j)
        return AN_ERR_NOMEM;
    t->ret->alarms++;
    an_text_set(j->defect, sizeof j->defect, l->defect);
    j->alarm = ref->alarm;
    j->of_rule = ref->rule;
    j->verdict = l->verdict;
    return AN_OK;
}

static an_err sentence_line(trial *t, court *c, an_note *why)
{
    bench b = {.c = c};
    an_err err = an_alarms_labels(t->log, c->line, see_label, &b, why);
    if (!err && b.failed)
        err = AN_ERR_NOMEM;
    for (size_t i = 0; i < c->n && !err; i++)
        if (c->alarms[i].best > 0)
            err = sentence(t, c, &c->alarms[i], &b.best[c->alarms[i].best - 1], why);
    an_free(b.best);
    return err;
}

/* ---- all of it ---- */

static an_err judge(trial *t, an_note *why)
{
    an_err err = AN_OK;
    for (size_t i = 0; i < t->list->n && !err; i++)
        err = try_row(t, &t->list->rows[i], why);
    an_verdict_list_sort(t->list);
    if (!err && t->list->n_refused > 0)
        return an_fail(AN_ERR_REFUSED, why, "line %" PRIu64 ": %s", t->list->refused[0].row,
                       t->list->refused[0].why);
    for (size_t i = 0; i < t->n_courts && !err; i++)
        if (t->courts[i].touched)
            err = sentence_line(t, &t->courts[i], why);
    return err;
}

an_err an_alarms_judge(an_alarms *a, an_verdict_list *list, const an_judge_opts *opts, an_judged *ret,
                       an_note *why)
{
    an_judged j = {.n = 0};
    trial t = {.log = a, .list = list, .opts = opts, .ret = &j};
    an_err err = an_db_begin(a->db, why);
    if (err)
        return err;
    err = judge(&t, why);
    if (opts->dry)
        an_db_rollback(a->db);
    else
        err = an_alarms_end(a, err, why);
    for (size_t i = 0; i < t.n_courts; i++) {
        an_free(t.courts[i].alarms);
        an_spans_done(&t.courts[i].spans);
    }
    an_free(t.courts);
    if (err)
        an_judged_done(&j);
    else
        *ret = j;
    return err;
}

void an_judged_done(an_judged *j)
{
    an_free(j->items);
    *j = (an_judged){.n = 0};
}
