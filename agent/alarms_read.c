/* The log of alarms: its rows, its readers, and looking. */
#include <string.h>

#include "agent/alarms_internal.h"
#include "base/mem.h"
#include "msg/msg.h"

/* ---- rows ---- */

an_err an_alarms_record_of(an_stmt *q, int col, uint64_t seq, an_alarm_record *ret, an_note *why)
{
    size_t len = 0;
    const char *body = an_stmt_text(q, col, &len);
    an_err err = an_alarm_record_parse(body, len, ret, why);
    if (!err)
        ret->seq = seq;
    return err;
}

an_err an_alarms_row_of(an_stmt *q, an_alarm_row *ret, an_note *why)
{
    an_alarm_row row = {.state = {.active = an_stmt_int(q, 0) != 0,
                                  .acked = an_stmt_int(q, 1) != 0,
                                  .aside = (unsigned)an_stmt_int(q, 2) & 7u,
                                  .until_ms = an_stmt_int(q, 3)},
                        .cleared_ms = an_stmt_int(q, 4)};
    an_err err = an_alarms_record_of(q, 6, (uint64_t)an_stmt_int(q, 5), &row.last, why);
    if (err)
        return err;
    row.last.standing = an_alarm_standing(&row.state);
    row.last.until_ms = row.state.until_ms;
    *ret = row;
    return AN_OK;
}

an_err an_alarms_load(an_alarms *a, const char *line, uint64_t alarm, an_alarm_row *ret, bool *ret_found,
                      an_note *why)
{
    an_stmt *q = NULL;
    bool found = false;
    an_err err =
        an_db_stmt(a->db, "SELECT " AN_ALARM_COLUMNS " FROM alarm WHERE line = ?1 AND alarm = ?2", &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, line);
    if (!err)
        err = an_stmt_bind_int(q, 2, (int64_t)alarm);
    if (!err)
        err = an_stmt_step(q, &found, why);
    if (!err && found)
        err = an_alarms_row_of(q, ret, why);
    an_stmt_reset(q);
    *ret_found = found;
    return err;
}

an_err an_alarms_save(an_alarms *a, const an_alarm_row *row, uint64_t last_seq, an_note *why)
{
    an_stmt *q = NULL;
    an_json *o = an_alarm_record_json(&row->last);
    char *body = an_json_print(o, 0);
    an_json_free(o);
    if (!body)
        return AN_ERR_NOMEM;
    const int64_t numbers[] = {row->state.active,
                               row->state.acked,
                               row->state.aside,
                               row->state.until_ms,
                               an_alarm_standing(&row->state),
                               row->cleared_ms,
                               (int64_t)last_seq};
    an_err err =
        an_db_stmt(a->db,
                   "INSERT INTO alarm(line, alarm, active, acked, aside, until_ms, standing, cleared_ms,"
                   " first_seq, last_seq, body, since_ms, part, rule, shown)"
                   " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12, ?13, ?14)"
                   " ON CONFLICT(line, alarm) DO UPDATE SET active = ?3, acked = ?4, aside = ?5,"
                   " until_ms = ?6, standing = ?7, cleared_ms = ?8, last_seq = ?9, body = ?10, shown = ?14",
                   &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, row->last.line);
    if (!err)
        err = an_stmt_bind_int(q, 2, (int64_t)row->last.alarm);
    for (int i = 0; i < 7 && !err; i++)
        err = an_stmt_bind_int(q, 3 + i, numbers[i]);
    if (!err)
        err = an_stmt_bind_text(q, 10, body);
    if (!err) /* when it began a person was shown this part; later records name the one that passed then */
        err = an_stmt_bind_int(q, 11, row->last.since_ms);
    if (!err)
        err = an_stmt_bind_text(q, 12, row->last.part);
    if (!err)
        err = an_stmt_bind_int(q, 13, strncmp(row->last.source, "rule:", 5) == 0);
    if (!err)
        err = an_stmt_bind_int(q, 14, row->last.ever_shown);
    an_free(body);
    return err ? err : an_stmt_run(q, why);
}

an_err an_alarms_aside(an_alarms *a, const char *line, an_line_aside *ret, an_note *why)
{
    an_stmt *q = NULL;
    bool found = false;
    an_err err = an_db_stmt(a->db, "SELECT out, until_ms FROM aside WHERE line = ?1", &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, line);
    if (!err)
        err = an_stmt_step(q, &found, why);
    if (!err)
        *ret = found ? (an_line_aside){.out = an_stmt_int(q, 0) != 0, .until_ms = an_stmt_int(q, 1)}
                     : (an_line_aside){.out = false};
    an_stmt_reset(q);
    return err;
}

an_err an_alarms_aside_set(an_alarms *a, const char *line, const an_line_aside *aside, an_note *why)
{
    an_stmt *q = NULL;
    const bool none = !aside->out && aside->until_ms == 0;
    an_err err = an_db_stmt(a->db,
                            none ? "DELETE FROM aside WHERE line = ?1"
                                 : "INSERT OR REPLACE INTO aside(line, out, until_ms) VALUES(?1, ?2, ?3)",
                            &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, line);
    if (!err && !none)
        err = an_stmt_bind_int(q, 2, aside->out);
    if (!err && !none)
        err = an_stmt_bind_int(q, 3, aside->until_ms);
    return err ? err : an_stmt_run(q, why);
}

/* ---- readers ---- */

static an_err number(an_alarms *a, const char *sql, const char *text, int64_t *ret, bool *ret_found,
                     an_note *why)
{
    an_stmt *q = NULL;
    bool found = false;
    an_err err = an_db_stmt(a->db, sql, &q, why);
    if (!err && text)
        err = an_stmt_bind_text(q, 1, text);
    if (!err)
        err = an_stmt_step(q, &found, why);
    if (!err && found)
        *ret = an_stmt_int(q, 0);
    an_stmt_reset(q);
    if (ret_found)
        *ret_found = found;
    return err;
}

#define LAST_SEQ "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'event'), 0)"
#define BEFORE_FIRST                                                                                         \
    "SELECT coalesce((SELECT min(seq) - 1 FROM event), (SELECT seq FROM sqlite_sequence WHERE name = "       \
    "'event'), 0)"

an_err an_alarms_begin_after(an_alarms *a, uint64_t seq, an_note *why)
{
    an_stmt *q = NULL;
    int64_t last = 0;
    an_err err = number(a, LAST_SEQ, NULL, &last, NULL, why);
    if (!err && last != 0)
        err = an_fail(AN_ERR_STATE, why, "alarms: this log has held records");
    if (!err)
        err = an_db_stmt(a->db, "INSERT INTO sqlite_sequence(name, seq) VALUES('event', ?1)", &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, (int64_t)seq);
    return err ? err : an_stmt_run(q, why);
}

an_err an_alarms_reader(an_alarms *a, const char *name, bool from_now, uint64_t *ret_seq, an_note *why)
{
    an_stmt *q = NULL;
    bool found = false;
    int64_t seq = 0, n = 0;
    if (!an_name_ok(name))
        return an_fail(AN_ERR_INVAL, why, "alarms: \"%.60s\" is not a reader's name", name);
    an_err err = number(a, "SELECT seq FROM reader WHERE name = ?1", name, &seq, &found, why);
    if (err || found) {
        if (!err)
            *ret_seq = (uint64_t)seq;
        return err;
    }
    if ((err = an_db_begin(a->db, why)))
        return err;
    err = number(a, "SELECT count(*) FROM reader", NULL, &n, NULL, why);
    if (!err && n >= AN_ALARM_READERS_MAX)
        err = an_fail(AN_ERR_LIMIT, why, "alarms: more than %d readers", AN_ALARM_READERS_MAX);
    if (!err)
        err = number(a, from_now ? LAST_SEQ : BEFORE_FIRST, NULL, &seq, NULL, why);
    if (!err)
        err = an_db_stmt(a->db, "INSERT OR IGNORE INTO reader(name, seq) VALUES(?1, ?2)", &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, name);
    if (!err)
        err = an_stmt_bind_int(q, 2, seq);
    if (!err)
        err = an_stmt_run(q, why);
    if (!(err = an_alarms_end(a, err, why)))
        *ret_seq = (uint64_t)seq;
    return err;
}

an_err an_alarms_next(an_alarms *a, uint64_t after, an_alarm_record *ret, uint64_t *ret_lost, an_note *why)
{
    an_stmt *q = NULL;
    bool found = false;
    uint64_t seq = 0;
    an_err err =
        an_db_stmt(a->db, "SELECT seq, body FROM event WHERE seq > ?1 ORDER BY seq LIMIT 1", &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, (int64_t)after);
    if (!err)
        err = an_stmt_step(q, &found, why);
    if (!err && found) {
        seq = (uint64_t)an_stmt_int(q, 0);
        err = an_alarms_record_of(q, 1, seq, ret, why);
        ret->seq = seq;
    }
    an_stmt_reset(q);
    if (found && ret_lost)
        *ret_lost = seq - after - 1;
    return err ? err : found ? AN_OK : AN_ERR_NOTFOUND;
}

an_err an_alarms_delivered(an_alarms *a, const char *name, uint64_t seq, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(a->db, "UPDATE reader SET seq = max(seq, ?2) WHERE name = ?1", &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, name);
    if (!err)
        err = an_stmt_bind_int(q, 2, (int64_t)seq);
    if (!err)
        err = an_stmt_run(q, why);
    return err ? err : an_db_changes(a->db) > 0 ? AN_OK : AN_ERR_NOTFOUND;
}

an_err an_alarms_reader_remove(an_alarms *a, const char *name, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(a->db, "DELETE FROM reader WHERE name = ?1", &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, name);
    return err ? err : an_stmt_run(q, why);
}

an_err an_alarms_readers(an_alarms *a, char ret[static AN_ALARM_READERS_MAX][AN_NAME_MAX], size_t *ret_n,
                         an_note *why)
{
    an_stmt *q = NULL;
    bool found = false;
    size_t n = 0;
    an_err err = an_db_stmt(a->db, "SELECT name FROM reader ORDER BY name", &q, why);
    while (!err && n < AN_ALARM_READERS_MAX && !(err = an_stmt_step(q, &found, why)) && found)
        an_text_set(ret[n++], AN_NAME_MAX, an_stmt_text(q, 0, NULL));
    an_stmt_reset(q);
    if (!err)
        *ret_n = n;
    return err;
}

/* ---- looking ---- */

an_err an_alarms_each(an_alarms *a, an_alarm_which which, size_t most,
                      bool (*see)(void *ctx, const an_alarm_row *row), void *ctx, an_note *why)
{
    an_stmt *q = NULL;
    bool found = false;
    an_alarm_row row;
    an_err err = an_db_stmt(a->db,
                            which == AN_ALARMS_OPEN
                                ? "SELECT " AN_ALARM_COLUMNS
                                  " FROM alarm WHERE standing <> 0 ORDER BY first_seq DESC LIMIT ?1"
                                : "SELECT " AN_ALARM_COLUMNS " FROM alarm ORDER BY first_seq DESC LIMIT ?1",
                            &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, most > 0 && most < INT64_MAX ? (int64_t)most : -1);
    bool more = true;
    while (!err && more && !(err = an_stmt_step(q, &found, why)) && found) {
        err = an_alarms_row_of(q, &row, why);
        if (err == AN_ERR_PROTO) /* damaged, or of a newer program: the others are to be seen */
            err = AN_OK;
        else if (!err)
            more = see(ctx, &row);
    }
    an_stmt_reset(q);
    return err;
}

an_err an_alarms_get(an_alarms *a, const char *line, uint64_t alarm, an_alarm_row *ret, an_note *why)
{
    bool found = false;
    an_err err = an_alarms_load(a, line, alarm, ret, &found, why);
    return err ? err
           : found
               ? AN_OK
               : an_fail(AN_ERR_NOTFOUND, why, "line %s has no alarm %llu", line, (unsigned long long)alarm);
}

an_err an_alarms_records(an_alarms *a, const char *line, uint64_t alarm, size_t most,
                         bool (*see)(void *ctx, const an_alarm_record *r), void *ctx, an_note *why)
{
    an_stmt *q = NULL;
    bool found = false, more = true;
    an_alarm_record r;
    an_err err = an_db_stmt(a->db,
                            "SELECT seq, body FROM event WHERE line = ?1 AND alarm = ?2"
                            " ORDER BY time_ms DESC, seq DESC LIMIT ?3",
                            &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, line);
    if (!err)
        err = an_stmt_bind_int(q, 2, (int64_t)alarm);
    if (!err)
        err = an_stmt_bind_int(q, 3, most < INT64_MAX ? (int64_t)most : -1);
    while (!err && more && !(err = an_stmt_step(q, &found, why)) && found) {
        err = an_alarms_record_of(q, 1, (uint64_t)an_stmt_int(q, 0), &r, why);
        if (err == AN_ERR_PROTO)
            err = AN_OK;
        else if (!err)
            more = see(ctx, &r);
    }
    an_stmt_reset(q);
    return err;
}

an_err an_alarms_last(an_alarms *a, const char *line, uint64_t *ret, an_note *why)
{
    int64_t last = 0;
    an_err err =
        number(a, "SELECT coalesce(max(alarm), 0) FROM alarm WHERE line = ?1", line, &last, NULL, why);
    if (!err)
        *ret = (uint64_t)last;
    return err;
}

an_err an_alarms_last_seq(an_alarms *a, uint64_t *ret, an_note *why)
{
    int64_t seq = 0;
    an_err err = number(a, LAST_SEQ, NULL, &seq, NULL, why);
    if (!err)
        *ret = (uint64_t)seq;
    return err;
}

/* Numbers have no gaps, so that nothing is counted row by row: the agent asks each second. */
an_err an_alarms_stats_get(an_alarms *a, an_alarms_stats *ret, an_note *why)
{
    an_alarms_stats s = {.bytes = a->bytes};
    uint64_t first = 0, slowest = 0;
    const struct {
        const char *sql, *text;
        uint64_t *ret;
    } figures[] = {
        {LAST_SEQ, NULL, &s.last_seq},
        {"SELECT coalesce(min(seq), 0) FROM event", NULL, &first},
        {"SELECT count(*) FROM alarm WHERE standing <> 0", NULL, &s.open},
        {"SELECT n FROM counter WHERE name = ?1", "suppressed", &s.suppressed},
        {"SELECT n FROM counter WHERE name = ?1", "dropped", &s.dropped},
        {"SELECT n FROM counter WHERE name = ?1", "dropped unread", &s.dropped_unread},
        {"SELECT count(*) FROM reader", NULL, &s.readers},
        {"SELECT coalesce(min(seq), 0) FROM reader", NULL, &slowest},
    };
    an_err err = AN_OK;
    for (size_t i = 0; i < sizeof figures / sizeof *figures && !err; i++) {
        int64_t n = 0;
        err = number(a, figures[i].sql, figures[i].text, &n, NULL, why);
        *figures[i].ret = (uint64_t)n;
    }
    if (err)
        return err;
    s.records = first > 0 ? s.last_seq - first + 1 : 0;
    if (s.readers > 0 && s.records > 0)
        s.waiting = s.last_seq - (slowest >= first ? slowest : first - 1);
    *ret = s;
    return AN_OK;
}
