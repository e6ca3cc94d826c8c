#include "doors/sqlite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#define BUSY_MS 5000

struct an_stmt {
    sqlite3_stmt *handle;
    an_db *db;
    an_stmt *next; /* in the connection's list of kept statements */
};

struct an_db {
    sqlite3 *handle;
    int64_t patience_ms, until_ms; /* of a reader's statement; 0: none */
    an_stmt *kept;                 /* by SQL text; a few dozen at most, the newest used first */
};

static an_err err_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return AN_OK;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
        return AN_ERR_PROTO;
    case SQLITE_CONSTRAINT:
        return AN_ERR_EXISTS;
    case SQLITE_TOOBIG:
        return AN_ERR_LIMIT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_INTERRUPT: /* a reader's statement took too long */
        return AN_ERR_AGAIN;
    case SQLITE_NOMEM:
        return AN_ERR_NOMEM;
    case SQLITE_FULL: /* the disk, not a limit of ours: it may have room again */
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_NOLFS:
    case SQLITE_PROTOCOL:
        return AN_ERR_IO;
    default:
        return AN_ERR_INVAL;
    }
}

/* SQLite's messages name tables, columns and tokens of the SQL, not bound values. */
static an_err fail(an_db *db, int code, an_note *why)
{
    const char *text = db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code);
    return an_fail(err_of(code), why, "sqlite: %s (%d)", text, code);
}

an_err an_db_exec(an_db *db, const char *sql, an_note *why)
{
    int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? AN_OK : fail(db, code, why);
}

an_err an_db_open(const char *path, an_db **ret, an_note *why)
{
    an_db *db = an_alloc(1, sizeof *db);
    if (!db)
        return an_fail(AN_ERR_NOMEM, why, "%.200s: out of memory", path);
    an_note sqlite_why = {{0}};
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(path, &db->handle, flags, NULL);
    an_err err = code == SQLITE_OK ? AN_OK : fail(db, code, &sqlite_why);
    if (err != AN_OK)
        goto out;
    sqlite3_busy_timeout(db->handle, BUSY_MS);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    err = an_db_exec(db,
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                     "PRAGMA cell_size_check=ON;",
                     &sqlite_why);
    if (err != AN_OK)
        goto out;
    *ret = db;
    db = NULL;
out:
    if (err != AN_OK)
        an_note_set(why, "%.180s: %.120s", path, sqlite_why.text);
    an_db_close(db);
    return err;
}

static int is_too_long(void *ctx)
{
    const an_db *db = ctx;
    return an_clock_system()->mono_ms(an_clock_system()) > db->until_ms;
}

an_err an_db_open_reader(const char *path, int64_t patience_ms, an_db **ret, an_note *why)
{
    if (!an_file_exists(path))
        return an_fail(AN_ERR_NOTFOUND, why, "%.200s: is not there", path);
    an_db *db = an_alloc(1, sizeof *db);
    if (!db)
        return AN_ERR_NOMEM;
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(path, &db->handle, flags, NULL);
    an_err err = code == SQLITE_OK ? AN_OK : fail(db, code, why);
    if (err != AN_OK) {
        an_db_close(db);
        return err;
    }
    db->patience_ms = patience_ms;
    sqlite3_busy_timeout(db->handle, (int)(patience_ms < BUSY_MS ? patience_ms : BUSY_MS));
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_progress_handler(db->handle, 10000, is_too_long, db);
    db->until_ms = INT64_MAX;
    *ret = db;
    return AN_OK;
}

void an_db_close(an_db *db)
{
    if (!db)
        return;
    while (db->kept) {
        an_stmt *s = db->kept;
        db->kept = s->next;
        an_stmt_free(s);
    }
    sqlite3_close_v2(db->handle);
    an_free(db);
}

an_err an_db_begin(an_db *db, an_note *why)
{
    return an_db_exec(db, "BEGIN IMMEDIATE", why);
}

an_err an_db_commit(an_db *db, an_note *why)
{
    return an_db_exec(db, "COMMIT", why);
}

void an_db_rollback(an_db *db)
{
    /* Fails only when the transaction is gone already, which is what was asked for. */
    if (an_db_in_transaction(db))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

bool an_db_in_transaction(const an_db *db)
{
    return sqlite3_get_autocommit(db->handle) == 0;
}

int64_t an_db_last_id(const an_db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

int64_t an_db_changes(const an_db *db)
{
    return sqlite3_changes64(db->handle);
}

an_err an_db_check(an_db *db, an_note *why)
{
    an_stmt *s = NULL;
    bool row = false;
    an_err err = an_db_prepare(db, "PRAGMA quick_check(1)", &s, why);
    if (err == AN_OK)
        err = an_stmt_step(s, &row, why);
    if (err == AN_OK && row && strcmp(an_stmt_text(s, 0, NULL), "ok") != 0)
        err = an_fail(AN_ERR_PROTO, why, "sqlite: damaged: %.200s", an_stmt_text(s, 0, NULL));
    an_stmt_free(s);
    return err;
}

static an_err user_version(an_db *db, int64_t *ret, an_note *why)
{
    an_stmt *s = NULL;
    bool row = false;
    an_err err = an_db_prepare(db, "PRAGMA user_version", &s, why);
    if (err == AN_OK)
        err = an_stmt_step(s, &row, why);
    if (err == AN_OK)
        *ret = an_stmt_int(s, 0);
    an_stmt_free(s);
    return err;
}

/* Step `index`, unless another process was faster.  Its SQL and its number are durable together
 * or not at all. */
static an_err migrate_step(an_db *db, const char *sql, size_t index, an_note *why)
{
    char set_version[64];
    snprintf(set_version, sizeof set_version, "PRAGMA user_version = %zu", index + 1);
    int64_t version = 0;
    an_err err = an_db_begin(db, why);
    if (err == AN_OK)
        err = user_version(db, &version, why);
    if (err == AN_OK && version == (int64_t)index) {
        err = an_db_exec(db, sql, why);
        if (err == AN_OK)
            err = an_db_exec(db, set_version, why);
    }
    if (err == AN_OK)
        err = an_db_commit(db, why);
    if (err != AN_OK)
        an_db_rollback(db);
    return err;
}

an_err an_db_migrate(an_db *db, const char *const *steps, size_t n, an_note *why)
{
    int64_t version = 0;
    an_err err = user_version(db, &version, why);
    if (err != AN_OK)
        return err;
    if (version < 0 || (uint64_t)version > n)
        return an_fail(AN_ERR_STATE, why, "database version %lld is newer than this program's %zu",
                       (long long)version, n);
    for (size_t i = (size_t)version; i < n && err == AN_OK; i++)
        err = migrate_step(db, steps[i], i, why);
    return err;
}

an_err an_db_prepare(an_db *db, const char *sql, an_stmt **ret, an_note *why)
{
    an_stmt *s = an_alloc(1, sizeof *s);
    if (!s)
        return an_fail(AN_ERR_NOMEM, why, "out of memory");
    s->db = db;
    const char *tail = NULL;
    int code = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->handle, &tail);
    if (code == SQLITE_OK && s->handle && tail[strspn(tail, " ;\n\t")] == '\0') {
        *ret = s;
        return AN_OK;
    }
    an_err err = code == SQLITE_OK
                     ? an_fail(AN_ERR_INVAL, why, "sqlite: exactly one statement is needed: %.120s", sql)
                     : fail(db, code, why);
    an_stmt_free(s);
    return err;
}

an_err an_db_stmt(an_db *db, const char *sql, an_stmt **ret, an_note *why)
{
    for (an_stmt **at = &db->kept; *at; at = &(*at)->next) {
        an_stmt *s = *at;
        if (strcmp(sqlite3_sql(s->handle), sql) != 0)
            continue;
        *at = s->next;
        s->next = db->kept;
        db->kept = s;
        an_stmt_reset(s);
        *ret = s;
        return AN_OK;
    }
    an_stmt *s = NULL;
    an_err err = an_db_prepare(db, sql, &s, why);
    if (err != AN_OK)
        return err;
    s->next = db->kept;
    db->kept = s;
    *ret = s;
    return AN_OK;
}

void an_stmt_free(an_stmt *s)
{
    if (!s)
        return;
    sqlite3_finalize(s->handle);
    an_free(s);
}

void an_stmt_reset(an_stmt *s)
{
    if (!s)
        return;
    /* reset repeats the error of the last step, which was reported then. */
    sqlite3_reset(s->handle);
    sqlite3_clear_bindings(s->handle);
}

static an_err err_of_bind(int code)
{
    return code == SQLITE_RANGE || code == SQLITE_MISUSE ? AN_ERR_INVAL : err_of(code);
}

an_err an_stmt_bind_int(an_stmt *s, int i, int64_t v)
{
    return err_of_bind(sqlite3_bind_int64(s->handle, i, v));
}

an_err an_stmt_bind_num(an_stmt *s, int i, double v)
{
    return err_of_bind(sqlite3_bind_double(s->handle, i, v));
}

an_err an_stmt_bind_text(an_stmt *s, int i, const char *text)
{
    if (!text)
        return an_stmt_bind_null(s, i);
    return err_of_bind(sqlite3_bind_text64(s->handle, i, text, strlen(text), SQLITE_TRANSIENT, SQLITE_UTF8));
}

an_err an_stmt_bind_blob(an_stmt *s, int i, const void *bytes, size_t len)
{
    /* A NULL pointer would bind null instead of a blob of no bytes. */
    if (len == 0)
        return err_of_bind(sqlite3_bind_zeroblob(s->handle, i, 0));
    return err_of_bind(sqlite3_bind_blob64(s->handle, i, bytes, len, SQLITE_TRANSIENT));
}

an_err an_stmt_bind_null(an_stmt *s, int i)
{
    return err_of_bind(sqlite3_bind_null(s->handle, i));
}

an_err an_stmt_step(an_stmt *s, bool *ret_row, an_note *why)
{
    if (s->db->patience_ms > 0 && !sqlite3_stmt_busy(s->handle))
        s->db->until_ms = an_clock_system()->mono_ms(an_clock_system()) + s->db->patience_ms;
    int code = sqlite3_step(s->handle);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        an_err err = fail(s->db, code, why);
        sqlite3_reset(s->handle);
        return err;
    }
    *ret_row = code == SQLITE_ROW;
    return AN_OK;
}

an_err an_stmt_run(an_stmt *s, an_note *why)
{
    bool row = true;
    an_err err = AN_OK;
    while (err == AN_OK && row)
        err = an_stmt_step(s, &row, why);
    an_stmt_reset(s);
    return err;
}

bool an_stmt_is_null(an_stmt *s, int col)
{
    return sqlite3_column_type(s->handle, col) == SQLITE_NULL;
}

int64_t an_stmt_int(an_stmt *s, int col)
{
    return sqlite3_column_int64(s->handle, col);
}

double an_stmt_num(an_stmt *s, int col)
{
    return sqlite3_column_double(s->handle, col);
}

const char *an_stmt_text(an_stmt *s, int col, size_t *ret_len)
{
    const unsigned char *text = sqlite3_column_text(s->handle, col);
    if (ret_len)
        *ret_len = text ? (size_t)sqlite3_column_bytes(s->handle, col) : 0;
    return text ? (const char *)text : "";
}

const void *an_stmt_blob(an_stmt *s, int col, size_t *ret_len)
{
    const void *bytes = sqlite3_column_blob(s->handle, col);
    if (ret_len)
        *ret_len = bytes ? (size_t)sqlite3_column_bytes(s->handle, col) : 0;
    return bytes;
}
