/* The log of alarms: what lines have made.  Pieces of a line do not overlap, so that those of a stretch of time are next to
 * one another by their ends. */
#include "agent/alarms_judge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "msg/msg.h"

#define LOOK_MOST 100000 /* pieces of one stretch of time */

an_err an_alarms_bind_figure(an_stmt *q, int i, double v)
{
    return isfinite(v) ? an_stmt_bind_num(q, i, v) : an_stmt_bind_null(q, i);
}

double an_alarms_figure_of(an_stmt *q, int col)
{
    return an_stmt_is_null(q, col) ? (double)NAN : an_stmt_num(q, col);
}

void an_alarms_model_of(an_stmt *q, int col, uint8_t version[static AN_ALARM_HASH],
                        uint8_t overlay[static AN_ALARM_HASH])
{
    size_t len = 0;
    const uint8_t *model = an_stmt_blob(q, col, &len);
    memset(version, 0, AN_ALARM_HASH);
    memset(overlay, 0, AN_ALARM_HASH);
    if (len != 2 * (size_t)AN_ALARM_HASH)
        return;
    memcpy(version, model, AN_ALARM_HASH);
    memcpy(overlay, model + AN_ALARM_HASH, AN_ALARM_HASH);
}

an_err an_alarms_bind_model(an_stmt *q, int i, const uint8_t version[static AN_ALARM_HASH],
                            const uint8_t overlay[static AN_ALARM_HASH])
{
    uint8_t model[2 * AN_ALARM_HASH];
    memcpy(model, version, AN_ALARM_HASH);
    memcpy(model + AN_ALARM_HASH, overlay, AN_ALARM_HASH);
    return an_stmt_bind_blob(q, i, model, sizeof model);
}

static an_err put(an_alarms *a, const an_piece *p, an_note *why)
{
    an_stmt *q = NULL;
    an_err err =
        an_db_stmt(a->db,
                   "INSERT INTO piece(line, part, from_ms, to_ms, peak, level, model)"
                   " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(line, part, from_ms) DO UPDATE SET"
                   " to_ms = max(to_ms, ?4), peak = coalesce(max(peak, ?5), peak, ?5),"
                   " level = coalesce(max(level, ?6), level, ?6), model = ?7",
                   &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, p->line);
    if (!err)
        err = an_stmt_bind_text(q, 2, p->part);
    if (!err)
        err = an_stmt_bind_int(q, 3, p->from_ms);
    if (!err)
        err = an_stmt_bind_int(q, 4, p->to_ms);
    if (!err)
        err = an_alarms_bind_figure(q, 5, p->peak);
    if (!err)
        err = an_alarms_bind_figure(q, 6, p->level);
    if (!err)
        err = an_alarms_bind_model(q, 7, p->version, p->overlay);
    return err ? err : an_stmt_run(q, why);
}

/* table: "piece" or "label". */
an_err an_alarms_trim(an_alarms *a, const char *sql, int64_t most, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(a->db, sql, &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, most);
    return err ? err : an_stmt_run(q, why);
}

an_err an_alarms_pieces(an_alarms *a, const an_piece *pieces, size_t n, an_note *why)
{
    an_err err = n > 0 ? an_db_begin(a->db, why) : AN_OK;
    if (err || n == 0)
        return err;
    for (size_t i = 0; i < n && !err; i++)
        err = put(a, &pieces[i], why);
    if (!err)
        err = an_alarms_trim(a, "DELETE FROM piece WHERE id <= (SELECT max(id) FROM piece) - ?1",
                             AN_VERDICT_PIECES_MAX, why);
    return an_alarms_end(a, err, why);
}

static void piece_of(an_stmt *q, an_piece *ret)
{
    *ret = (an_piece){.from_ms = an_stmt_int(q, 1), .to_ms = an_stmt_int(q, 2)};
    an_text_set(ret->part, sizeof ret->part, an_stmt_text(q, 0, NULL));
    ret->peak = an_alarms_figure_of(q, 3);
    ret->level = an_alarms_figure_of(q, 4);
    an_alarms_model_of(q, 5, ret->version, ret->overlay);
}
#define PIECE "SELECT part, from_ms, to_ms, peak, level, model FROM piece"

an_err an_alarms_find_piece(an_alarms *a, const char *line, const char *part, int64_t before_ms,
                            an_piece *ret, bool *ret_found, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(
        a->db, PIECE " WHERE line = ?1 AND part = ?2 AND from_ms <= ?3 ORDER BY from_ms DESC LIMIT 1", &q,
        why);
    if (!err)
        err = an_stmt_bind_text(q, 1, line);
    if (!err)
        err = an_stmt_bind_text(q, 2, part);
    if (!err)
        err = an_stmt_bind_int(q, 3, before_ms);
    if (!err)
        err = an_stmt_step(q, ret_found, why);
    if (!err && *ret_found) {
        piece_of(q, ret);
        an_text_set(ret->line, sizeof ret->line, line);
    }
    an_stmt_reset(q);
    return err;
}

an_err an_alarms_look_pieces(an_alarms *a, const char *line, int64_t from_ms, int64_t to_ms, an_piece *ret,
                             bool *ret_found, an_note *why)
{
    an_stmt *q = NULL;
    bool row = false;
    an_piece p;
    *ret_found = false;
    an_err err = an_db_stmt(a->db, PIECE " WHERE line = ?1 AND to_ms >= ?2 ORDER BY to_ms LIMIT ?3", &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, line);
    if (!err)
        err = an_stmt_bind_int(q, 2, from_ms);
    if (!err)
        err = an_stmt_bind_int(q, 3, LOOK_MOST);
    while (!err && !(err = an_stmt_step(q, &row, why)) && row) {
        piece_of(q, &p);
        if (p.from_ms > to_ms)
            break;
        if (!*ret_found || !(p.level <= ret->level))
            *ret = p;
        *ret_found = true;
    }
    an_stmt_reset(q);
    return err;
}

an_err an_alarms_each_piece(an_alarms *a, const char *line, bool (*see)(void *ctx, const an_piece *piece),
                            void *ctx, an_note *why)
{
    an_stmt *q = NULL;
    bool row = false;
    an_err err = an_db_stmt(a->db, PIECE " WHERE line = ?1 ORDER BY to_ms", &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, line);
    while (!err && !(err = an_stmt_step(q, &row, why)) && row) {
        an_piece p;
        piece_of(q, &p);
        an_text_set(p.line, sizeof p.line, line);
        if (!see(ctx, &p))
            break;
    }
    an_stmt_reset(q);
    return err;
}
