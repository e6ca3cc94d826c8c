#include "agent/spool.h"

#include <stdbool.h>
#include <string.h>

#include "agent/spool_internal.h"
#include "base/mem.h"

#define QUOTA_BYTES (UINT64_C(64) << 20)
#define LEDGER_ROWS 100000

static const char *const steps[] = {
    /* 1: ids of outgoing items are never used twice, so that a late acknowledgement hits
       nothing else. */
    "CREATE TABLE outgoing(id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, "
    "time_ms INTEGER NOT NULL,"
    " size INTEGER NOT NULL, bytes BLOB NOT NULL);"
    "CREATE INDEX outgoing_kind ON outgoing(kind, id);"
    "CREATE TABLE dropped(kind INTEGER PRIMARY KEY, n INTEGER NOT NULL);"
    "CREATE TABLE journal(id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, "
    "version BLOB NOT NULL,"
    " overlay BLOB NOT NULL, model TEXT NOT NULL, what TEXT NOT NULL);"
    "CREATE INDEX journal_time ON journal(model, time_ms, id);"
    "CREATE TABLE ledger(id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, kind "
    "TEXT NOT NULL,"
    " bytes INTEGER NOT NULL, words TEXT NOT NULL);"
    "CREATE TABLE value(name TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE pending(round TEXT PRIMARY KEY, plan BLOB NOT NULL, hash BLOB NOT NULL, file "
    "TEXT NOT NULL,"
    " time_ms INTEGER NOT NULL) WITHOUT ROWID;",
    /* 2: the ledger says in which round and under which protection, and is a chain.  Where it begins after
       rows were dropped is in the value "ledger.base". */
    "ALTER TABLE ledger ADD COLUMN round INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE ledger ADD COLUMN protection TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE ledger ADD COLUMN chain BLOB NOT NULL DEFAULT x'';",
};

const char *an_spool_kind_name(an_spool_kind kind)
{
    switch (kind) {
#define AN_SPOOL_ROW(name, text)                                                                             \
    case AN_SPOOL_##name:                                                                                    \
        return text;
        AN_SPOOL_KINDS_LIST(AN_SPOOL_ROW)
#undef AN_SPOOL_ROW
    case AN_SPOOL_KINDS:
        break;
    }
    return "?";
}

an_err an_spool_open(const char *path, const an_spool_conf *conf, an_spool **ret, an_note *why)
{
    an_spool *s = an_alloc(1, sizeof *s);
    if (!s)
        return AN_ERR_NOMEM;
    s->conf = *conf;
    if (s->conf.quota_bytes == 0)
        s->conf.quota_bytes = QUOTA_BYTES;
    if (s->conf.ledger_rows == 0)
        s->conf.ledger_rows = LEDGER_ROWS;
    an_err err = an_db_open(path, &s->db, why);
    if (!err)
        err = an_db_migrate(s->db, steps, sizeof steps / sizeof *steps, why);
    if (err == AN_ERR_STATE)
        err = AN_ERR_UNSUPPORTED;
    if (err) {
        an_spool_close(s);
        return err;
    }
    *ret = s;
    return AN_OK;
}

void an_spool_close(an_spool *s)
{
    if (!s)
        return;
    an_db_close(s->db);
    an_free(s);
}

static an_err count_dropped(an_spool *s, an_spool_kind kind, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(s->db,
                            "INSERT INTO dropped(kind, n) VALUES(?1, 1)"
                            " ON CONFLICT(kind) DO UPDATE SET n = n + 1",
                            &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, (int64_t)kind);
    return err ? err : an_stmt_run(q, why);
}

static an_err waiting(an_spool *s, uint64_t *ret_n, uint64_t *ret_bytes, an_note *why)
{
    an_stmt *q = NULL;
    bool row = false;
    an_err err = an_db_stmt(s->db, "SELECT count(*), coalesce(sum(size), 0) FROM outgoing", &q, why);
    if (!err)
        err = an_stmt_step(q, &row, why);
    if (!err && row) {
        *ret_n = (uint64_t)an_stmt_int(q, 0);
        *ret_bytes = (uint64_t)an_stmt_int(q, 1);
    }
    an_stmt_reset(q);
    return err;
}

/* The oldest item of the least important kind that waits, not more important than `kind`. */
static an_err oldest_of_least(an_spool *s, an_spool_kind kind, int64_t *ret_id, an_spool_kind *ret_kind,
                              an_note *why)
{
    an_stmt *q = NULL;
    bool row = false;
    an_err err = an_db_stmt(
        s->db, "SELECT id, kind FROM outgoing WHERE kind >= ?1 ORDER BY kind DESC, id LIMIT 1", &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, (int64_t)kind);
    if (!err)
        err = an_stmt_step(q, &row, why);
    if (!err && row) {
        *ret_id = an_stmt_int(q, 0);
        *ret_kind = (an_spool_kind)an_stmt_int(q, 1);
    }
    an_stmt_reset(q);
    return err ? err : row ? AN_OK : AN_ERR_NOTFOUND;
}

static an_err remove_item(an_spool *s, int64_t id, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(s->db, "DELETE FROM outgoing WHERE id = ?1", &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, id);
    return err ? err : an_stmt_run(q, why);
}

/* Drops until len bytes fit.  NOTFOUND: all that waits is more important. */
static an_err make_room(an_spool *s, an_spool_kind kind, size_t len, an_note *why)
{
    uint64_t n = 0, bytes = 0;
    for (;;) {
        int64_t id = 0;
        an_spool_kind victim = kind;
        an_err err = waiting(s, &n, &bytes, why);
        if (err || bytes + len <= s->conf.quota_bytes)
            return err;
        if ((err = oldest_of_least(s, kind, &id, &victim, why)))
            return err;
        if ((err = remove_item(s, id, why)) || (err = count_dropped(s, victim, why)))
            return err;
    }
}

static an_err insert_item(an_spool *s, an_spool_kind kind, int64_t time_ms, const void *bytes, size_t len,
                          an_note *why)
{
    an_stmt *q = NULL;
    an_err err =
        an_db_stmt(s->db, "INSERT INTO outgoing(kind, time_ms, size, bytes) VALUES(?1, ?2, ?3, ?4)", &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, (int64_t)kind);
    if (!err)
        err = an_stmt_bind_int(q, 2, time_ms);
    if (!err)
        err = an_stmt_bind_int(q, 3, (int64_t)len);
    if (!err)
        err = an_stmt_bind_blob(q, 4, bytes, len);
    return err ? err : an_stmt_run(q, why);
}

an_err an_spool_append(an_spool *s, an_spool_kind kind, int64_t time_ms, const void *bytes, size_t len,
                       an_note *why)
{
    if (len == 0 || !bytes || (unsigned)kind >= AN_SPOOL_KINDS)
        return an_fail(AN_ERR_INVAL, why, "spool: an item needs a kind and content");
    an_err err = an_db_begin(s->db, why);
    if (err)
        return err;
    bool fits = len <= AN_SPOOL_ITEM_MAX && len <= s->conf.quota_bytes;
    if (fits) {
        err = make_room(s, kind, len, why);
        if (err == AN_ERR_NOTFOUND) {
            fits = false;
            err = AN_OK;
        }
    }
    if (!err)
        err = fits ? insert_item(s, kind, time_ms, bytes, len, why) : count_dropped(s, kind, why);
    if (!err)
        err = an_db_commit(s->db, why);
    if (err) {
        an_db_rollback(s->db);
        return err;
    }
    return fits ? AN_OK
                : an_fail(AN_ERR_LIMIT, why, "spool: no room for a %s of %zu bytes", an_spool_kind_name(kind),
                          len);
}

an_err an_spool_next(an_spool *s, uint64_t after, an_spool_item *ret, an_note *why)
{
    an_stmt *q = NULL;
    bool row = false;
    an_spool_item item = {0};
    an_err err = an_db_stmt(
        s->db, "SELECT id, kind, time_ms, bytes FROM outgoing WHERE id > ?1 ORDER BY id LIMIT 1", &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, (int64_t)after);
    if (!err)
        err = an_stmt_step(q, &row, why);
    if (err || !row) {
        an_stmt_reset(q);
        return err ? err : AN_ERR_NOTFOUND;
    }
    item.id = (uint64_t)an_stmt_int(q, 0);
    item.kind = (an_spool_kind)an_stmt_int(q, 1);
    item.time_ms = an_stmt_int(q, 2);
    const void *bytes = an_stmt_blob(q, 3, &item.len);
    if (item.len > AN_SPOOL_ITEM_MAX || !bytes || (unsigned)item.kind >= AN_SPOOL_KINDS)
        err = an_fail(AN_ERR_PROTO, why, "spool: item %llu is damaged", (unsigned long long)item.id);
    else if (!(item.bytes = an_alloc(item.len, 1)))
        err = AN_ERR_NOMEM;
    else
        memcpy(item.bytes, bytes, item.len);
    an_stmt_reset(q);
    if (!err)
        *ret = item;
    return err;
}

void an_spool_item_done(an_spool_item *item)
{
    if (!item)
        return;
    an_free(item->bytes);
    *item = (an_spool_item){0};
}

an_err an_spool_ack(an_spool *s, uint64_t id, an_note *why)
{
    return remove_item(s, (int64_t)id, why);
}

an_err an_spool_stats_get(an_spool *s, an_spool_stats *ret, an_note *why)
{
    an_stmt *q = NULL;
    bool row = false;
    an_spool_stats stats = {0};
    an_err err = waiting(s, &stats.waiting, &stats.waiting_bytes, why);
    if (!err)
        err = an_db_stmt(s->db, "SELECT kind, n FROM dropped", &q, why);
    while (!err && !(err = an_stmt_step(q, &row, why)) && row)
        if (an_stmt_int(q, 0) >= 0 && an_stmt_int(q, 0) < AN_SPOOL_KINDS)
            stats.dropped[an_stmt_int(q, 0)] = (uint64_t)an_stmt_int(q, 1);
    an_stmt_reset(q);
    if (!err)
        *ret = stats;
    return err;
}
