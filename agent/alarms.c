#include "agent/alarms.h"

#include <stdio.h>
#include <string.h>

#include "agent/alarms_internal.h"
#include "base/log.h"
#include "base/mem.h"

#define QUOTA_BYTES (UINT64_C(64) << 20)

static const char *const steps[] = {
    /* 1: numbers of records are never used twice, so that a reader's cursor never points into its own past. */
    "CREATE TABLE event(seq INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT NOT NULL, alarm INTEGER NOT NULL,"
    " kind INTEGER NOT NULL, time_ms INTEGER NOT NULL, size INTEGER NOT NULL, body TEXT NOT NULL);"
    "CREATE INDEX event_time ON event(line, alarm, time_ms);"
    "CREATE TABLE alarm(line TEXT NOT NULL, alarm INTEGER NOT NULL, active INTEGER NOT NULL, acked INTEGER "
    "NOT NULL,"
    " aside INTEGER NOT NULL, until_ms INTEGER NOT NULL, standing INTEGER NOT NULL, cleared_ms INTEGER NOT "
    "NULL,"
    " first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY(line, alarm))"
    " WITHOUT ROWID;"
    "CREATE INDEX alarm_first ON alarm(first_seq);"
    "CREATE INDEX alarm_open ON alarm(first_seq) WHERE standing <> 0;"
    "CREATE TABLE aside(line TEXT PRIMARY KEY, out INTEGER NOT NULL, until_ms INTEGER NOT NULL) WITHOUT "
    "ROWID;"
    "CREATE TABLE reader(name TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE counter(name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;",
    /* 2: what a line has made, what was said of it, and what an alarm is matched with it by. */
    "ALTER TABLE alarm ADD COLUMN since_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE alarm ADD COLUMN part TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE alarm ADD COLUMN rule INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE alarm ADD COLUMN shown INTEGER NOT NULL DEFAULT 1;"
    "CREATE TABLE piece(id INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT NOT NULL, part TEXT NOT NULL,"
    " from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, peak REAL, level REAL, model BLOB NOT NULL,"
    " UNIQUE(line, part, from_ms));"
    "CREATE INDEX piece_end ON piece(line, to_ms);"
    "CREATE TABLE label(id INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT NOT NULL, key TEXT NOT NULL,"
    " part TEXT NOT NULL, alarm INTEGER NOT NULL, from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL,"
    " said_ms INTEGER NOT NULL, verdict INTEGER NOT NULL, class TEXT NOT NULL, by TEXT NOT NULL,"
    " comment TEXT NOT NULL, spoken INTEGER NOT NULL, peak REAL, level REAL, model BLOB NOT NULL,"
    " UNIQUE(line, key));",
};

static an_err count_bytes(an_alarms *a, an_note *why)
{
    an_stmt *q = NULL;
    bool row = false;
    an_err err = an_db_stmt(a->db, "SELECT coalesce(sum(size), 0) FROM event", &q, why);
    if (!err)
        err = an_stmt_step(q, &row, why);
    if (!err)
        a->bytes = (uint64_t)an_stmt_int(q, 0);
    an_stmt_reset(q);
    return err;
}

an_err an_alarms_open(const char *path, const an_alarms_conf *conf, an_alarms **ret, an_note *why)
{
    an_alarms *a = an_alloc(1, sizeof *a);
    if (!a)
        return AN_ERR_NOMEM;
    snprintf(a->site, sizeof a->site, "%s", conf->site ? conf->site : "");
    a->quota = conf->quota_bytes ? conf->quota_bytes : QUOTA_BYTES;
    an_err err = an_db_open(path, &a->db, why);
    if (!err)
        err = an_db_migrate(a->db, steps, sizeof steps / sizeof *steps, why);
    if (err == AN_ERR_STATE)
        err = AN_ERR_UNSUPPORTED;
    if (!err && conf->site) /* who only looks does not wait for it */
        err = count_bytes(a, why);
    if (err) {
        an_alarms_close(a);
        return err;
    }
    *ret = a;
    return AN_OK;
}

void an_alarms_close(an_alarms *a)
{
    if (!a)
        return;
    an_db_close(a->db);
    an_free(a);
}

an_err an_alarms_end(an_alarms *a, an_err err, an_note *why)
{
    if (!err)
        err = an_db_commit(a->db, why);
    if (!err)
        return AN_OK;
    an_db_rollback(a->db);
    an_err counted = count_bytes(a, NULL);
    (void)counted; /* wrong until the next failure, by no more than what failed */
    return err;
}

/* ---- the quota ---- */

static an_err count(an_alarms *a, const char *name, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(
        a->db, "INSERT INTO counter(name, n) VALUES(?1, 1) ON CONFLICT(name) DO UPDATE SET n = n + 1", &q,
        why);
    if (!err)
        err = an_stmt_bind_text(q, 1, name);
    return err ? err : an_stmt_run(q, why);
}

/* An alarm goes with its last record; the newest of a line stays, for its number. */
static an_err forget_alarms(an_alarms *a, uint64_t seq, an_note *why)
{
    an_stmt *q = NULL;
    an_err err =
        an_db_stmt(a->db,
                   "DELETE FROM alarm WHERE first_seq <= ?1 AND last_seq <= ?1 AND active = 0 AND alarm <"
                   " (SELECT max(alarm) FROM alarm AS other WHERE other.line = alarm.line)",
                   &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, (int64_t)seq);
    return err ? err : an_stmt_run(q, why);
}

static an_err drop_oldest(an_alarms *a, an_note *why)
{
    an_stmt *q = NULL;
    bool row = false;
    int64_t seq = 0, size = 0;
    bool unread = false;
    an_err err = an_db_stmt(a->db,
                            "SELECT seq, size, seq > coalesce((SELECT min(seq) FROM reader), seq)"
                            " FROM event ORDER BY seq LIMIT 1",
                            &q, why);
    if (!err)
        err = an_stmt_step(q, &row, why);
    if (!err && row) {
        seq = an_stmt_int(q, 0);
        size = an_stmt_int(q, 1);
        unread = an_stmt_int(q, 2) != 0;
    }
    an_stmt_reset(q);
    if (err || !row)
        return err ? err : AN_ERR_NOTFOUND;
    if ((err = an_db_stmt(a->db, "DELETE FROM event WHERE seq = ?1", &q, why)) ||
        (err = an_stmt_bind_int(q, 1, seq)) || (err = an_stmt_run(q, why)) ||
        (err = count(a, unread ? "dropped unread" : "dropped", why)))
        return err;
    a->bytes -= (uint64_t)size < a->bytes ? (uint64_t)size : a->bytes;
    return forget_alarms(a, (uint64_t)seq, why);
}

an_err an_alarms_append(an_alarms *a, an_alarm_record *r, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = AN_OK;
    r->seq = 0; /* the column has it */
    memcpy(r->site, a->site, sizeof r->site);
    an_json *o = an_alarm_record_json(r);
    char *body = an_json_print(o, 0);
    an_json_free(o);
    if (!body)
        return AN_ERR_NOMEM;
    const size_t size = strlen(body);
    while (!err && a->bytes > 0 && a->bytes + size > a->quota)
        err = drop_oldest(a, why);
    if (err == AN_ERR_NOTFOUND)
        err = AN_OK;
    if (!err)
        err = an_db_stmt(
            a->db, "INSERT INTO event(line, alarm, kind, time_ms, size, body) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
            &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, r->line);
    if (!err)
        err = an_stmt_bind_int(q, 2, (int64_t)r->alarm);
    if (!err)
        err = an_stmt_bind_int(q, 3, (int64_t)r->kind);
    if (!err)
        err = an_stmt_bind_int(q, 4, r->time_ms);
    if (!err)
        err = an_stmt_bind_int(q, 5, (int64_t)size);
    if (!err)
        err = an_stmt_bind_text(q, 6, body);
    if (!err)
        err = an_stmt_run(q, why);
    an_free(body);
    if (err)
        return err;
    r->seq = (uint64_t)an_db_last_id(a->db);
    a->bytes += size;
    return r->suppressed && (r->kind == AN_LOGGED_RAISED || r->kind == AN_LOGGED_SUPPRESSED)
               ? count(a, "suppressed", why)
               : AN_OK;
}

/* ---- events of the line ---- */

static an_err quality_known(an_alarms *a, const an_alarm_record *r, bool *ret, an_note *why)
{
    an_stmt *q = NULL;
    bool row = false;
    an_err err =
        an_db_stmt(a->db, "SELECT body FROM event WHERE line = ?1 AND alarm = 0 AND time_ms = ?2", &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, r->line);
    if (!err)
        err = an_stmt_bind_int(q, 2, r->time_ms);
    *ret = false;
    while (!err && !*ret && !(err = an_stmt_step(q, &row, why)) && row) {
        an_alarm_record other;
        err = an_alarms_record_of(q, 0, 1, &other, why);
        *ret = !err && other.kind == AN_LOGGED_QUALITY && other.begins == r->begins &&
               strcmp(other.fault, r->fault) == 0 && strcmp(other.image, r->image) == 0 &&
               strcmp(other.top[0].sensor, r->top[0].sensor) == 0;
    }
    an_stmt_reset(q);
    return err;
}

/* A new alarm begins as the line stands. */
static an_err begin(an_alarms *a, const an_alarm_record *r, an_alarm_row *ret, an_note *why)
{
    an_line_aside aside = {.out = false};
    *ret = (an_alarm_row){.state = an_alarm_state_normal()};
    an_err err = an_alarms_aside(a, r->line, &aside, why);
    if (!err && aside.out)
        err = an_alarm_do(&ret->state, AN_ACT_REMOVE, 0);
    if (!err && aside.until_ms)
        err = an_alarm_do(&ret->state, AN_ACT_SHELVE, aside.until_ms);
    if (!err && r->suppressed)
        err = an_alarm_do(&ret->state, AN_ACT_SUPPRESS, 0);
    return err ? err : an_alarm_do(&ret->state, AN_ACT_RAISE, 0);
}

/* With its end nothing of the alarm is left that could be aside; the next one has a number of its own. */
static an_err clear(an_alarm_row *row, const an_alarm_record *r)
{
    static const an_alarm_act back[] = {AN_ACT_RELEASE, AN_ACT_UNSHELVE, AN_ACT_RESTORE};
    an_err err = an_alarm_do(&row->state, AN_ACT_CLEAR, 0);
    for (size_t i = 0; i < sizeof back / sizeof *back && !err; i++)
        if ((err = an_alarm_do(&row->state, back[i], 0)) == AN_ERR_EXISTS)
            err = AN_OK;
    row->cleared_ms = r->time_ms;
    return err;
}

/* EXISTS: the log has had this event. */
static an_err step(an_alarm_row *row, const an_alarm_record *r)
{
    const bool later = r->rows > row->last.rows;
    switch (r->kind) {
    case AN_LOGGED_UPDATED:
        return later && row->state.active ? AN_OK : AN_ERR_EXISTS;
    case AN_LOGGED_SUPPRESSED:
        return later && row->state.active ? an_alarm_do(&row->state, AN_ACT_SUPPRESS, 0) : AN_ERR_EXISTS;
    case AN_LOGGED_RELEASED:
        return later ? an_alarm_do(&row->state, AN_ACT_RELEASE, 0) : AN_ERR_EXISTS;
    case AN_LOGGED_CLEARED: /* also of fewer rows: what was read again need not be the same */
        return row->state.active ? clear(row, r) : AN_ERR_EXISTS;
    case AN_LOGGED_RAISED:
        return AN_ERR_EXISTS;
    default:
        break;
    }
    return AN_ERR_INVAL;
}

/* What is kept of the alarm cannot be read: it stands as this event says.  One row must not hold up the others. */
static an_err begin_over(an_alarms *a, const an_alarm_record *r, an_alarm_row *row, an_note *why)
{
    an_log(AN_LOG_ERROR, "alarm_damaged", "line=%s alarm=%llu why=\"%s\"", r->line,
           (unsigned long long)r->alarm, why->text);
    an_err err = begin(a, r, row, why);
    return err || r->kind != AN_LOGGED_CLEARED ? err : clear(row, r);
}

static an_err store_event(an_alarms *a, an_alarm_record *r, an_note *why)
{
    an_alarm_row row;
    bool found = false;
    an_err err = an_alarms_load(a, r->line, r->alarm, &row, &found, why);
    const bool damaged = err == AN_ERR_PROTO;
    if (err && !damaged)
        return err;
    const bool was_suppressed = found && !damaged && (row.state.aside & AN_ASIDE_SUPPRESSED);
    if (damaged)
        err = begin_over(a, r, &row, why);
    else if (found)
        err = step(&row, r);
    else if (r->kind == AN_LOGGED_RAISED ||
             r->kind == AN_LOGGED_UPDATED) /* the file may be younger than it */
        err = begin(a, r, &row, why);
    else
        err = AN_ERR_EXISTS;
    if (err)
        return err;
    r->standing = an_alarm_standing(&row.state);
    r->suppressed =
        (row.state.aside & AN_ASIDE_SUPPRESSED) || (r->kind == AN_LOGGED_CLEARED && was_suppressed);
    r->until_ms = row.state.until_ms;
    r->ever_shown = row.last.ever_shown || (r->kind != AN_LOGGED_CLEARED && an_standing_shown(r->standing));
    memcpy(r->acked_by, row.last.acked_by, sizeof r->acked_by);
    if (r->standing == AN_STANDING_UNACKED)
        r->acked_by[0] = '\0';
    memcpy(r->verdict, row.last.verdict, sizeof r->verdict);
    memcpy(r->defect, row.last.defect, sizeof r->defect);
    err = an_alarms_append(a, r, why);
    row.last = *r;
    return err ? err : an_alarms_save(a, &row, r->seq, why);
}

static an_err store_quality(an_alarms *a, an_alarm_record *r, an_note *why)
{
    bool known = false;
    r->alarm = 0;
    an_err err = quality_known(a, r, &known, why);
    return err ? err : known ? AN_ERR_EXISTS : an_alarms_append(a, r, why);
}

an_err an_alarms_store(an_alarms *a, an_alarm_record *records, size_t n, an_note *why)
{
    an_err err = an_db_begin(a->db, why);
    for (size_t i = 0; i < n && !err; i++) {
        an_alarm_record *r = &records[i];
        const bool machine = r->kind <= AN_LOGGED_RELEASED && r->alarm > 0;
        if (!machine && r->kind != AN_LOGGED_QUALITY)
            err = an_fail(AN_ERR_INVAL, why, "alarms: \"%s\" is not an event of a line",
                          an_logged_name(r->kind));
        else
            err = machine ? store_event(a, r, why) : store_quality(a, r, why);
        if (err != AN_ERR_EXISTS)
            continue;
        r->seq = 0;
        err = AN_OK;
    }
    return an_alarms_end(a, err, why);
}
