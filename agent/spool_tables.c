/* The spool's other tables: journal, named values, pending uploads. */
#include "agent/spool_internal.h"

#include <stdbool.h>
#include <string.h>

/* Text of a column into a fixed field; what does not fit was not written by us and is cut. */
void an_spool_take_text(char *out, size_t cap, an_stmt *q, int col)
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
        an_spool_take_text(row.model, sizeof row.model, q, 4);
        an_spool_take_text(row.what, sizeof row.what, q, 5);
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

an_err an_journal_before(an_spool *s, uint64_t before, an_journal_row *ret, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(s->db,
                            "SELECT id, time_ms, version, overlay, model, what FROM journal"
                            " WHERE id < ?1 ORDER BY id DESC LIMIT 1",
                            &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, (int64_t)before);
    return err ? err : read_journal(q, ret, why);
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
        an_spool_take_text(p.round, sizeof p.round, q, 0);
        an_spool_take_text(p.file, sizeof p.file, q, 3);
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
