/* The log of alarms: what was said of alarms, parts and times.  A label's key is its subject, so that what is said again
 * takes the place of what was said before. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/alarms_judge.h"
#include "msg/msg.h"

#define KEY_MAX (AN_NAME_MAX + 64)
#define COLUMNS                                                                                              \
    "line, part, alarm, from_ms, to_ms, said_ms, verdict, class, by, comment, spoken, peak, level, model"

static void key_of(char ret[static KEY_MAX], const an_label *l)
{
    if (l->alarm)
        snprintf(ret, KEY_MAX, "alarm %" PRIu64, l->alarm);
    else if (l->part[0])
        snprintf(ret, KEY_MAX, "part %s", l->part);
    else
        snprintf(ret, KEY_MAX, "time %" PRId64 " %" PRId64, l->from_ms, l->to_ms);
}

static void label_of(an_stmt *q, an_label *ret)
{
    const int64_t verdict = an_stmt_int(q, 6);
    *ret = (an_label){.alarm = (uint64_t)an_stmt_int(q, 2),
                      .from_ms = an_stmt_int(q, 3),
                      .to_ms = an_stmt_int(q, 4),
                      .said_ms = an_stmt_int(q, 5),
                      .verdict = verdict >= 0 && verdict <= AN_VERDICT_UNSURE ? (an_verdict)verdict
                                                                              : AN_VERDICT_UNSURE,
                      .spoken = an_stmt_int(q, 10) != 0};
    an_text_set(ret->line, sizeof ret->line, an_stmt_text(q, 0, NULL));
    an_text_set(ret->part, sizeof ret->part, an_stmt_text(q, 1, NULL));
    an_text_set(ret->defect, sizeof ret->defect, an_stmt_text(q, 7, NULL));
    an_text_set(ret->by, sizeof ret->by, an_stmt_text(q, 8, NULL));
    an_text_set(ret->comment, sizeof ret->comment, an_stmt_text(q, 9, NULL));
    ret->peak = an_alarms_figure_of(q, 11);
    ret->level = an_alarms_figure_of(q, 12);
    an_alarms_model_of(q, 13, ret->version, ret->overlay);
}

an_err an_alarms_label_find(an_alarms *a, const an_label *like, an_label *ret, bool *ret_found, an_note *why)
{
    an_stmt *q = NULL;
    char key[KEY_MAX];
    key_of(key, like);
    an_err err = an_db_stmt(a->db, "SELECT " COLUMNS " FROM label WHERE line = ?1 AND key = ?2", &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, like->line);
    if (!err)
        err = an_stmt_bind_text(q, 2, key);
    if (!err)
        err = an_stmt_step(q, ret_found, why);
    if (!err && *ret_found)
        label_of(q, ret);
    an_stmt_reset(q);
    return err;
}

static an_err bind(an_stmt *q, const an_label *l)
{
    char key[KEY_MAX];
    key_of(key, l);
    const struct {
        int at;
        const char *text;
    } texts[] = {{1, l->line}, {2, l->part}, {8, l->defect}, {9, l->by}, {10, l->comment}, {15, key}};
    const struct {
        int at;
        int64_t n;
    } numbers[] = {{3, (int64_t)l->alarm}, {4, l->from_ms},          {5, l->to_ms},
                   {6, l->said_ms},        {7, (int64_t)l->verdict}, {11, l->spoken}};
    an_err err = AN_OK;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && !err; i++)
        err = an_stmt_bind_text(q, texts[i].at, texts[i].text);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && !err; i++)
        err = an_stmt_bind_int(q, numbers[i].at, numbers[i].n);
    if (!err)
        err = an_alarms_bind_figure(q, 12, l->peak);
    if (!err)
        err = an_alarms_bind_figure(q, 13, l->level);
    return err ? err : an_alarms_bind_model(q, 14, l->version, l->overlay);
}

an_err an_alarms_label_put(an_alarms *a, const an_label *label, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(a->db,
                            "INSERT INTO label(" COLUMNS ", key)"
                            " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
                            " ON CONFLICT(line, key) DO UPDATE SET from_ms = ?4, to_ms = ?5, said_ms = ?6,"
                            " verdict = ?7, class = ?8, by = ?9, comment = ?10, spoken = ?11, peak = ?12,"
                            " level = ?13, model = ?14",
                            &q, why);
    if (!err)
        err = bind(q, label);
    if (!err)
        err = an_stmt_run(q, why);
    return err ? err
               : an_alarms_trim(a, "DELETE FROM label WHERE id <= (SELECT max(id) FROM label) - ?1",
                                AN_VERDICT_LABELS_MAX, why);
}

an_err an_alarms_labels(an_alarms *a, const char *line, bool (*see)(void *ctx, const an_label *label),
                        void *ctx, an_note *why)
{
    an_stmt *q = NULL;
    bool row = false;
    an_err err = an_db_stmt(
        a->db, "SELECT " COLUMNS " FROM label WHERE ?1 IS NULL OR line = ?1 ORDER BY from_ms, id", &q, why);
    if (!err)
        err = line ? an_stmt_bind_text(q, 1, line) : an_stmt_bind_null(q, 1);
    while (!err && !(err = an_stmt_step(q, &row, why)) && row) {
        an_label l;
        label_of(q, &l);
        if (!see(ctx, &l))
            break;
    }
    an_stmt_reset(q);
    return err;
}

bool an_alarm_speaks_of(const an_alarm_ref *alarm, const an_label *label)
{
    if (!alarm->shown)
        return false;
    if (alarm->since_ms > label->to_ms || alarm->until_ms < label->from_ms)
        return false;
    return alarm->rule || !label->part[0] || !(label->peak < 1) || strcmp(alarm->part, label->part) == 0;
}

an_err an_alarms_label_alarm(an_alarms *a, const an_alarm_row *row, const an_alarm_deed *deed, an_note *why)
{
    an_label l = {.alarm = row->last.alarm,
                  .from_ms = row->last.since_ms,
                  .to_ms = row->cleared_ms > row->last.since_ms ? row->cleared_ms : row->last.since_ms,
                  .spoken = true,
                  .peak = row->last.peak,
                  .level = NAN};
    an_piece p;
    bool found = false;
    an_text_set(l.line, sizeof l.line, row->last.line);
    an_text_set(l.defect, sizeof l.defect, deed->defect ? deed->defect : "");
    an_text_set(l.by, sizeof l.by, deed->by);
    an_text_set(l.comment, sizeof l.comment, deed->comment ? deed->comment : "");
    memcpy(l.version, row->last.version, sizeof l.version);
    memcpy(l.overlay, row->last.overlay, sizeof l.overlay);
    if (!an_verdict_find(deed->verdict, &l.verdict))
        return an_fail(AN_ERR_INVAL, why, "alarms: \"%.20s\" is not a verdict", deed->verdict);
    an_err err = an_alarms_look_pieces(a, l.line, l.from_ms, l.to_ms, &p, &found, why);
    if (!err && found)
        l.level = p.level;
    return err ? err : an_alarms_label_put(a, &l, why);
}
