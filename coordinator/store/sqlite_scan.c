/* Reading the journal of the embedded backend. */
#include <stdio.h>
#include <string.h>

#include "coordinator/store/store_internal.h"

/* Text with a zero byte inside would be hashed only as far as that byte. */
static bool whole_text(an_stmt *q, int col, const char **ret)
{
    size_t len = 0;
    *ret = an_stmt_text(q, col, &len);
    return strlen(*ret) == len;
}

static an_err read_record(an_stmt *q, an_record *ret, an_note *why)
{
    size_t chain_len = 0;
    const void *chain = an_stmt_blob(q, 7, &chain_len);
    an_record r = {.seq = (uint64_t)an_stmt_int(q, 0), .time_ms = an_stmt_int(q, 1)};
    bool good = whole_text(q, 2, &r.kind) && whole_text(q, 3, &r.subject) && whole_text(q, 4, &r.actor);
    if (!an_stmt_is_null(q, 5))
        good = whole_text(q, 5, &r.idem) && good;
    r.body = an_stmt_blob(q, 6, &r.body_len);
    if (!r.body)
        r.body = "";
    if (!good || !chain || chain_len != AN_HASH_BYTES || r.body_len > AN_RECORD_BODY_MAX)
        return an_fail(AN_ERR_PROTO, why, "journal: record %llu is damaged", (unsigned long long)r.seq);
    memcpy(r.chain.b, chain, AN_HASH_BYTES);
    *ret = r;
    return AN_OK;
}

/* Only fixed pieces of SQL are put together; values are bound. */
static an_err prepare_scan(an_db *db, const an_store_filter *f, an_stmt **ret, an_note *why)
{
    char sql[320], kind_end[AN_RECORD_NAME_MAX + 1] = "";
    size_t kind_len = f->kind ? strlen(f->kind) : 0;
    bool prefix = kind_len && f->kind[kind_len - 1] == '.';
    snprintf(sql, sizeof sql,
             "SELECT seq, time_ms, kind, subject, actor, idem, body, chain FROM records"
             " WHERE seq > ?1%s%s%s%s ORDER BY seq%s LIMIT ?6",
             f->before_seq ? " AND seq < ?7" : "", f->until_ms ? " AND time_ms <= ?2" : "",
             !f->kind ? ""
             : prefix ? " AND kind >= ?3 AND kind < ?4"
                      : " AND kind = ?3",
             f->subject ? " AND subject = ?5" : "", f->newest_first ? " DESC" : "");
    an_stmt *q = NULL;
    an_err err = an_db_prepare(db, sql, &q, why);
    if (err != AN_OK)
        return err;
    if (prefix) {
        memcpy(kind_end, f->kind, kind_len);
        kind_end[kind_len - 1] = '.' + 1; /* the first text that no longer has the prefix */
    }
    err = an_stmt_bind_int(q, 1, f->after_seq > INT64_MAX ? INT64_MAX : (int64_t)f->after_seq);
    if (err == AN_OK && f->before_seq)
        err = an_stmt_bind_int(q, 7, f->before_seq > INT64_MAX ? INT64_MAX : (int64_t)f->before_seq);
    if (err == AN_OK && f->until_ms)
        err = an_stmt_bind_int(q, 2, f->until_ms);
    if (err == AN_OK && f->kind)
        err = an_stmt_bind_text(q, 3, f->kind);
    if (err == AN_OK && prefix)
        err = an_stmt_bind_text(q, 4, kind_end);
    if (err == AN_OK && f->subject)
        err = an_stmt_bind_text(q, 5, f->subject);
    if (err == AN_OK)
        err = an_stmt_bind_int(q, 6, f->limit && f->limit <= INT64_MAX ? (int64_t)f->limit : -1);
    if (err != AN_OK) {
        an_stmt_free(q);
        return err;
    }
    *ret = q;
    return AN_OK;
}

an_err an_sqlite_scan(an_db *db, const an_store_filter *f, an_store_visit visit, void *ctx, an_note *why)
{
    an_stmt *q = NULL; /* one of its own for each scan: a visit may scan too */
    bool row = false;
    an_err err = prepare_scan(db, f, &q, why);
    while (err == AN_OK && (err = an_stmt_step(q, &row, why)) == AN_OK && row) {
        an_record r;
        err = read_record(q, &r, why);
        if (err == AN_OK)
            err = visit(ctx, &r, why);
    }
    an_stmt_free(q);
    return err;
}
