/* The ledger: rows in a chain of hashes.
 *
 *     chain = H("andon-ledger-1" | chain before | id | time | bytes | round | kind | protection | words)
 *
 * numbers as u64 little endian, each text after its length.  The oldest rows are dropped beyond the
 * quota; the chain of the last dropped one stays as the value "ledger.base", where verifying begins. */
#include <stdbool.h>
#include <string.h>

#include "agent/spool_internal.h"
#include "doors/crypto.h"

#define CONTEXT "andon-ledger-1"
#define BASE "ledger.base"
#define COLUMNS "id, time_ms, kind, bytes, words, round, protection, chain"

static void hash_number(an_hasher *h, uint64_t v)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(v >> (8 * i));
    an_hasher_add(h, bytes, sizeof bytes);
}

static void hash_text(an_hasher *h, const char *text)
{
    hash_number(h, strlen(text));
    an_hasher_add(h, text, strlen(text));
}

static void chain_of(const an_ledger_row *row, const uint8_t before[static AN_SPOOL_HASH],
                     uint8_t ret[static AN_SPOOL_HASH])
{
    an_hasher h;
    an_hash hash;
    an_hasher_init(&h);
    an_hasher_add(&h, CONTEXT, sizeof CONTEXT - 1);
    an_hasher_add(&h, before, AN_SPOOL_HASH);
    hash_number(&h, row->id);
    hash_number(&h, (uint64_t)row->time_ms);
    hash_number(&h, row->bytes);
    hash_number(&h, row->round);
    hash_text(&h, row->kind);
    hash_text(&h, row->protection);
    hash_text(&h, row->words);
    an_hasher_end(&h, &hash);
    memcpy(ret, hash.b, AN_SPOOL_HASH);
}

/* ---- reading ---- */

static an_err take_row(an_stmt *q, an_ledger_row *ret, an_note *why)
{
    bool some = false;
    size_t len = 0;
    an_ledger_row row = {0};
    an_err err = an_stmt_step(q, &some, why);
    if (!err && some) {
        row.id = (uint64_t)an_stmt_int(q, 0);
        row.time_ms = an_stmt_int(q, 1);
        row.bytes = (uint64_t)an_stmt_int(q, 3);
        row.round = (uint64_t)an_stmt_int(q, 5);
        an_spool_take_text(row.kind, sizeof row.kind, q, 2);
        an_spool_take_text(row.words, sizeof row.words, q, 4);
        an_spool_take_text(row.protection, sizeof row.protection, q, 6);
        const void *chain = an_stmt_blob(q, 7, &len);
        if (chain && len == AN_SPOOL_HASH)
            memcpy(row.chain, chain, AN_SPOOL_HASH);
        *ret = row;
    }
    an_stmt_reset(q);
    return err ? err : some ? AN_OK : AN_ERR_NOTFOUND;
}

an_err an_ledger_next(an_spool *s, uint64_t after, an_ledger_row *ret, an_note *why)
{
    an_stmt *q = NULL;
    an_err err =
        an_db_stmt(s->db, "SELECT " COLUMNS " FROM ledger WHERE id > ?1 ORDER BY id LIMIT 1", &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, (int64_t)after);
    return err ? err : take_row(q, ret, why);
}

an_err an_ledger_before(an_spool *s, uint64_t before, an_ledger_row *ret, an_note *why)
{
    an_stmt *q = NULL;
    an_err err =
        an_db_stmt(s->db, "SELECT " COLUMNS " FROM ledger WHERE id < ?1 ORDER BY id DESC LIMIT 1", &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, (int64_t)before);
    return err ? err : take_row(q, ret, why);
}

static an_err newest(an_spool *s, an_ledger_row *ret, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(s->db, "SELECT " COLUMNS " FROM ledger ORDER BY id DESC LIMIT 1", &q, why);
    return err ? err : take_row(q, ret, why);
}

/* Where the chain begins: the last row that was dropped; none: zeros. */
static an_err base_of(an_spool *s, uint64_t *ret_id, uint8_t ret[static AN_SPOOL_HASH], an_note *why)
{
    an_buf b;
    *ret_id = 0;
    memset(ret, 0, AN_SPOOL_HASH);
    an_buf_init(&b, 8 + AN_SPOOL_HASH);
    an_err err = an_spool_value_get(s, BASE, &b, why);
    if (err == AN_OK && b.len == 8 + AN_SPOOL_HASH) {
        an_reader r = an_reader_of(b.data, b.len);
        *ret_id = an_read_u64(&r);
        memcpy(ret, b.data + 8, AN_SPOOL_HASH);
    } else if (err == AN_OK) {
        err = an_fail(AN_ERR_AUTH, why, "ledger: where it begins is damaged");
    }
    an_buf_done(&b);
    return err == AN_ERR_NOTFOUND ? AN_OK : err;
}

static bool has_chain(const an_ledger_row *row)
{
    static const uint8_t none[AN_SPOOL_HASH];
    return !an_secret_equal(row->chain, none, sizeof none);
}

/* ---- adding ---- */

static an_err keep_base(an_spool *s, const an_ledger_row *last, an_note *why)
{
    an_buf b;
    an_buf_init(&b, 8 + AN_SPOOL_HASH);
    an_buf_u64(&b, last->id);
    an_buf_put(&b, last->chain, AN_SPOOL_HASH);
    an_err err = an_buf_err(&b);
    if (!err)
        err = an_spool_value_set(s, BASE, b.data, b.len, why);
    an_buf_done(&b);
    return err;
}

/* Drops one row, the oldest, if there are too many. */
static an_err trim(an_spool *s, uint64_t newest_id, an_note *why)
{
    an_stmt *q = NULL;
    an_ledger_row old = {0};
    an_err err = an_ledger_next(s, 0, &old, why);
    if (err || newest_id - old.id < s->conf.ledger_rows)
        return err;
    if ((err = keep_base(s, &old, why)) != AN_OK)
        return err;
    err = an_db_stmt(s->db, "DELETE FROM ledger WHERE id = ?1", &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, (int64_t)old.id);
    return err ? err : an_stmt_run(q, why);
}

static an_err insert(an_spool *s, const an_ledger_row *row, an_note *why)
{
    an_stmt *q = NULL;
    an_err err =
        an_db_stmt(s->db, "INSERT INTO ledger(" COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", &q, why);
    if (!err)
        err = an_stmt_bind_int(q, 1, (int64_t)row->id);
    if (!err)
        err = an_stmt_bind_int(q, 2, row->time_ms);
    if (!err)
        err = an_stmt_bind_text(q, 3, row->kind);
    if (!err)
        err = an_stmt_bind_int(q, 4, (int64_t)row->bytes);
    if (!err)
        err = an_stmt_bind_text(q, 5, row->words);
    if (!err)
        err = an_stmt_bind_int(q, 6, (int64_t)row->round);
    if (!err)
        err = an_stmt_bind_text(q, 7, row->protection);
    if (!err)
        err = an_stmt_bind_blob(q, 8, row->chain, AN_SPOOL_HASH);
    return err ? err : an_stmt_run(q, why);
}

an_err an_ledger_add(an_spool *s, const an_ledger_row *row, an_note *why)
{
    an_ledger_row next = *row, last = {0};
    if (row->bytes > INT64_MAX || row->round > INT64_MAX)
        return AN_ERR_INVAL;
    an_err err = an_db_begin(s->db, why);
    if (err)
        return err;
    err = newest(s, &last, why);
    if (err == AN_ERR_NOTFOUND) /* never any, or all were taken away: go on behind the base */
        err = base_of(s, &last.id, last.chain, why);
    if (!err) {
        next.id = last.id + 1;
        chain_of(&next, last.chain, next.chain);
        err = insert(s, &next, why);
    }
    if (!err)
        err = trim(s, next.id, why);
    if (!err)
        err = an_db_commit(s->db, why);
    if (err)
        an_db_rollback(s->db);
    return err;
}

/* ---- looking ---- */

/* SQLite remembers the highest id that was ever given. */
static an_err check_end(an_spool *s, uint64_t last, an_note *why)
{
    an_stmt *q = NULL;
    bool some = false;
    int64_t given = 0;
    an_err err = an_db_stmt(s->db, "SELECT seq FROM sqlite_sequence WHERE name = 'ledger'", &q, why);
    if (!err)
        err = an_stmt_step(q, &some, why);
    if (!err && some)
        given = an_stmt_int(q, 0);
    an_stmt_reset(q);
    if (!err && given > 0 && (uint64_t)given != last)
        err = an_fail(AN_ERR_AUTH, why, "ledger: entries after %llu are gone; there were %llu",
                      (unsigned long long)last, (unsigned long long)given);
    return err;
}

an_err an_ledger_verify(an_spool *s, uint64_t *ret_rows, uint64_t *ret_before,
                        uint8_t ret_head[static AN_SPOOL_HASH], an_note *why)
{
    uint64_t id, rows = 0, before = 0;
    uint8_t chain[AN_SPOOL_HASH], again[AN_SPOOL_HASH];
    an_ledger_row row;
    an_err err = base_of(s, &id, chain, why);
    an_ledger_row first = {.id = id};
    memcpy(first.chain, chain, sizeof chain);
    bool chained = err == AN_OK && has_chain(&first);
    while (err == AN_OK && (err = an_ledger_next(s, id, &row, why)) == AN_OK) {
        if (!chained && !has_chain(&row)) { /* from before there was a chain */
            id = row.id;
            before++;
            continue;
        }
        chain_of(&row, chain, again);
        if ((chained && row.id != id + 1) || !an_secret_equal(again, row.chain, sizeof again))
            return an_fail(AN_ERR_AUTH, why,
                           "ledger: entry %llu is not what was written, or one before it is gone",
                           (unsigned long long)row.id);
        memcpy(chain, again, sizeof chain);
        id = row.id;
        chained = true;
        rows++;
    }
    if (err == AN_ERR_NOTFOUND)
        err = check_end(s, id, why);
    if (err != AN_OK)
        return err;
    *ret_rows = rows;
    *ret_before = before;
    memcpy(ret_head, chain, sizeof chain);
    return AN_OK;
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
