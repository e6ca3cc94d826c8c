/* The spool's other tables: journal, ledger, named values, pending uploads. */
#include "agent/spool_internal.h"

#include <stdbool.h>
#include <string.h>

/* Text of a column into a fixed field; what does not fit was not written by us and is cut. */
static void take_text(char *out, size_t cap, an_stmt *q, int col)
{
    size_t len = 0;
    const char *text = an_stmt_text(q, col, &len);
    if (len >= cap)
        len = cap - 1;
    memcpy(out, text, len);
    out[len] = '\0';
}

static an_err take_hash(uint8_t out[static AN_SPOOL_HASH], an_stmt *q, int col, an_note *why)
{
    size_t len = 0;
    const void *bytes = an_stmt_blob(q, col, &len);
    if (len != AN_SPOOL_HASH || !bytes)
        return an_fail(AN_ERR_PROTO, why, "spool: a hash is damaged");
    memcpy(out, bytes, AN_SPOOL_HASH);
    return AN_OK;
}

/* --- journal --- */

an_err an_journal_add(an_spool *s, const an_journal_row *row, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(s->db,
                            "INSERT INTO journal(time_ms, version, overlay, model, what) "
                            "VALUES(?1, ?2, ?3, ?4, ?5)",
                            &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, row->time_ms);
    if (!err)
        err = an_stmt_bind_blob(q, 2, row->version, AN_SPOOL_HASH);
    if (!err)
        err = an_stmt_bind_blob(q, 3, row->overlay, AN_SPOOL_HASH);
    if (!err)
        err = an_stmt_bind_text(q, 4, row->model);
    if (!err)
        err = an_stmt_bind_text(q, 5, row->what);
    return err ? err : an_stmt_run(q, why);
}

static an_err read_journal(an_stmt *q, an_journal_row *ret, an_note *why)
{
    bool some = false;
    an_journal_row row = {0};
    an_err err = an_stmt_step(q, &some, why);
    if (!err && !some)
        err = AN_ERR_NOTFOUND;
    if (!err) {
        row.id = (uint64_t)an_stmt_int(q, 0);
        row.time_ms = an_stmt_int(q, 1);
        take_text(row.model, sizeof row.model, q, 4);
        take_text(row.what, sizeof row.what, q, 5);
        err = take_hash(row.version, q, 2, why);
    }
    if (!err)
        err = take_hash(row.overlay, q, 3, why);
    if (!err)
        *ret = row;
    an_stmt_reset(q);
    return err;
}

an_err an_journal_find(an_spool *s, const char *model, int64_t at_ms, an_journal_row *ret, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(s->db,
                            "SELECT id, time_ms, version, overlay, model, what FROM journal"
                            " WHERE model = ?1 AND time_ms <= ?2 ORDER BY time_ms DESC, id DESC LIMIT 1",
                            &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, model);
    if (!err)
        err = an_stmt_bind_int(q, 2, at_ms);
    return err ? err : read_journal(q, ret, why);
}

an_err an_journal_next(an_spool *s, uint64_t after, an_journal_row *ret, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(s->db,
                            "SELECT id, time_ms, version, overlay, model, what FROM journal"
                            " WHERE id > ?1 ORDER BY id LIMIT 1",
                            &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, (int64_t)after);
    return err ? err : read_journal(q, ret, why);
}

/* --- ledger --- */

static an_err trim_ledger(an_spool *s, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(s->db, "DELETE FROM ledger WHERE id <= ?1", &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, an_db_last_id(s->db) - (int64_t)s->conf.ledger_rows);
    return err ? err : an_stmt_run(q, why);
}

an_err an_ledger_add(an_spool *s, int64_t time_ms, const char *kind, uint64_t bytes, const char *words,
                     an_note *why)
{
    an_stmt *q = NULL;
    if (bytes > INT64_MAX)
        return AN_ERR_INVAL;
    an_err err = an_db_begin(s->db, why);
    if (err)
        return err;
    err =
        an_db_stmt(s->db, "INSERT INTO ledger(time_ms, kind, bytes, words) VALUES(?1, ?2, ?3, ?4)", &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, time_ms);
    if (!err)
        err = an_stmt_bind_text(q, 2, kind);
    if (!err)
        err = an_stmt_bind_int(q, 3, (int64_t)bytes);
    if (!err)
        err = an_stmt_bind_text(q, 4, words);
    if (!err)
        err = an_stmt_run(q, why);
    if (!err)
        err = trim_ledger(s, why);
    if (!err)
        err = an_db_commit(s->db, why);
    if (err)
        an_db_rollback(s->db);
    return err;
}

an_err an_ledger_next(an_spool *s, uint64_t after, an_ledger_row *ret, an_note *why)
{
    an_stmt *q = NULL;
    bool some = false;
    an_ledger_row row = {0};
    an_err err = an_db_stmt(
        s->db, "SELECT id, time_ms, kind, bytes, words FROM ledger WHERE id > ?1 ORDER BY id LIMIT 1", &q,
        why);
    if (!err)
        err = an_stmt_bind_int(q, 1, (int64_t)after);
    if (!err)
        err = an_stmt_step(q, &some, why);
    if (!err && some) {
        row.id = (uint64_t)an_stmt_int(q, 0);
        row.time_ms = an_stmt_int(q, 1);
        row.bytes = (uint64_t)an_stmt_int(q, 3);
        take_text(row.kind, sizeof row.kind, q, 2);
        take_text(row.words, sizeof row.words, q, 4);
        *ret = row;
    }
    an_stmt_reset(q);
    return err ? err : some ? AN_OK : AN_ERR_NOTFOUND;
}

an_err an_ledger_sum(an_spool *s, int64_t since_ms, uint64_t *ret_rows, uint64_t *ret_bytes, an_note *why)
{
    an_stmt *q = NULL;
    bool some = false;
    an_err err = an_db_stmt(s->db, "SELECT count(*), coalesce(sum(bytes), 0) FROM ledger WHERE time_ms >= ?1",
                            &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, since_ms);
    if (!err)
        err = an_stmt_step(q, &some, why);
    if (!err && some) {
        *ret_rows = (uint64_t)an_stmt_int(q, 0);
        *ret_bytes = (uint64_t)an_stmt_int(q, 1);
    }
    an_stmt_reset(q);
    return err;
}

/* --- named values --- */

an_err an_spool_value_set(an_spool *s, const char *name, const void *bytes, size_t len, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(s->db, "INSERT OR REPLACE INTO value(name, bytes) VALUES(?1, ?2)", &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, name);
    if (!err)
        err = an_stmt_bind_blob(q, 2, bytes, len);
    return err ? err : an_stmt_run(q, why);
}

an_err an_spool_value_get(an_spool *s, const char *name, an_buf *ret, an_note *why)
{
    an_stmt *q = NULL;
    bool some = false;
    an_err err = an_db_stmt(s->db, "SELECT bytes FROM value WHERE name = ?1", &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, name);
    if (!err)
        err = an_stmt_step(q, &some, why);
    if (!err && some) {
        size_t len = 0;
        const void *bytes = an_stmt_blob(q, 0, &len);
        if (len)
            an_buf_put(ret, bytes, len);
        err = an_buf_err(ret);
    }
    an_stmt_reset(q);
    return err ? err : some ? AN_OK : AN_ERR_NOTFOUND;
}

static an_err delete_named(an_spool *s, const char *sql, const char *name, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(s->db, sql, &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, name);
    return err ? err : an_stmt_run(q, why);
}

an_err an_spool_value_remove(an_spool *s, const char *name, an_note *why)
{
    return delete_named(s, "DELETE FROM value WHERE name = ?1", name, why);
}

/* --- pending uploads --- */

an_err an_pending_set(an_spool *s, const an_pending *p, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(s->db,
                            "INSERT OR REPLACE INTO pending(round, plan, hash, file, time_ms) "
                            "VALUES(?1, ?2, ?3, ?4, ?5)",
                            &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, p->round);
    if (!err)
        err = an_stmt_bind_blob(q, 2, p->plan, AN_SPOOL_HASH);
    if (!err)
        err = an_stmt_bind_blob(q, 3, p->hash, AN_SPOOL_HASH);
    if (!err)
        err = an_stmt_bind_text(q, 4, p->file);
    if (!err)
        err = an_stmt_bind_int(q, 5, p->time_ms);
    return err ? err : an_stmt_run(q, why);
}

static an_err read_pending(an_spool *s, const char *sql, const char *round, an_pending *ret, an_note *why)
{
    an_stmt *q = NULL;
    bool some = false;
    an_pending p = {0};
    an_err err = an_db_stmt(s->db, sql, &q, why);
    if (!err)
        err = an_stmt_bind_text(q, 1, round);
    if (!err)
        err = an_stmt_step(q, &some, why);
    if (!err && !some)
        err = AN_ERR_NOTFOUND;
    if (!err) {
        take_text(p.round, sizeof p.round, q, 0);
        take_text(p.file, sizeof p.file, q, 3);
        p.time_ms = an_stmt_int(q, 4);
        err = take_hash(p.plan, q, 1, why);
    }
    if (!err)
        err = take_hash(p.hash, q, 2, why);
    if (!err)
        *ret = p;
    an_stmt_reset(q);
    return err;
}

an_err an_pending_get(an_spool *s, const char *round, an_pending *ret, an_note *why)
{
    return read_pending(s, "SELECT round, plan, hash, file, time_ms FROM pending WHERE round = ?1", round,
                        ret, why);
}

an_err an_pending_next(an_spool *s, const char *after, an_pending *ret, an_note *why)
{
    return read_pending(s,
                        "SELECT round, plan, hash, file, time_ms FROM pending WHERE round > ?1 "
                        "ORDER BY round LIMIT 1",
                        after, ret, why);
}

an_err an_pending_remove(an_spool *s, const char *round, an_note *why)
{
    return delete_named(s, "DELETE FROM pending WHERE round = ?1", round, why);
}
