/* The embedded backend: one folder that one coordinator holds.
 *
 *     FOLDER/lock         flock'ed while the store is open; the kernel lets go when the process
 * dies FOLDER/journal.db   SQLite, WAL, synchronous=FULL: a commit that returned survives a
 * power cut FOLDER/objects/     objects.c FOLDER/spool/
 *
 * The table `head` repeats the last seq and chain, so that records cut off the end are missed,
 * and holds the epoch: should the lock be got round (a network file system, a deleted lock
 * file), the coordinator that opened last wins and every append of the other fails. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "coordinator/store/store_internal.h"
#include "doors/sqlite.h"

#define APPLICATION_ID 1095648338 /* "ANDR", in the file's header: what `file` and we know it by */

#define TAKEN_OVER "journal: another coordinator has taken this store over"

static const char *const steps[] = {
    "PRAGMA application_id = 1095648338;"
    "CREATE TABLE records(seq INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, kind TEXT NOT "
    "NULL,"
    " subject TEXT NOT NULL, actor TEXT NOT NULL, idem TEXT, body BLOB NOT NULL, chain BLOB "
    "NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX records_idem ON records(actor, idem) WHERE idem IS NOT NULL;"
    "CREATE INDEX records_kind ON records(kind, seq);"
    "CREATE INDEX records_subject ON records(subject, seq);"
    "CREATE TRIGGER records_stay BEFORE UPDATE ON records"
    " BEGIN SELECT RAISE(ABORT, 'a record is never changed'); END;"
    "CREATE TRIGGER records_remain BEFORE DELETE ON records"
    " BEGIN SELECT RAISE(ABORT, 'a record is never removed'); END;"
    "CREATE TABLE head(one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL,"
    " chain BLOB NOT NULL, epoch INTEGER NOT NULL) STRICT;"
    "INSERT INTO head VALUES(1, 0, zeroblob(32), 0);"
    "CREATE VIEW journal AS SELECT seq, datetime(time_ms / 1000, 'unixepoch') AS time, kind, "
    "subject,"
    " actor, CAST(body AS TEXT) AS body FROM records;",
    "CREATE TABLE small(hash BLOB PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID;",
    "ALTER TABLE small ADD COLUMN file INTEGER NOT NULL DEFAULT 1;",
};
#define STEPS (sizeof steps / sizeof steps[0])

typedef struct sqlite_store {
    int lock_fd;
    an_db *db;
    int64_t epoch;
    an_objects objects;
    an_small small; /* goes with the next append */
} sqlite_store;

/* ---- Opening -------------------------------------------------------------------------------
 */

static an_err read_number(an_db *db, const char *sql, int64_t *ret, an_note *why)
{
    an_stmt *q = NULL;
    bool row = false;
    an_err err = an_db_stmt(db, sql, &q, why);
    if (err == AN_OK)
        err = an_stmt_step(q, &row, why);
    if (err == AN_OK)
        *ret = row ? an_stmt_int(q, 0) : 0;
    an_stmt_reset(q);
    return err;
}

/* Nothing of another program is ever migrated into a store. */
static an_err check_ours(an_db *db, an_note *why)
{
    int64_t application = 0, version = 0, tables = 0;
    an_err err = read_number(db, "PRAGMA application_id", &application, why);
    if (err == AN_OK)
        err = read_number(db, "PRAGMA user_version", &version, why);
    if (err == AN_OK)
        err = read_number(db, "SELECT count(*) FROM sqlite_master", &tables, why);
    if (err != AN_OK)
        return err;
    if (application != APPLICATION_ID && (application != 0 || version != 0 || tables != 0))
        return an_fail(AN_ERR_PROTO, why, "journal.db: a database, but not a coordinator's journal");
    if (version > (int64_t)STEPS)
        return an_fail(AN_ERR_UNSUPPORTED, why,
                       "journal.db: written by a newer version (schema %lld, known up to %zu)",
                       (long long)version, STEPS);
    return AN_OK;
}

static an_err read_head(sqlite_store *s, an_store_head *ret, an_note *why)
{
    an_stmt *q = NULL;
    bool row = false;
    an_err err = an_db_stmt(s->db, "SELECT seq, chain, epoch FROM head", &q, why);
    if (err == AN_OK)
        err = an_stmt_step(q, &row, why);
    if (err == AN_OK) {
        size_t len = 0;
        const void *chain = row ? an_stmt_blob(q, 1, &len) : NULL;
        if (!chain || len != AN_HASH_BYTES || an_stmt_int(q, 0) < 0) {
            err = an_fail(AN_ERR_PROTO, why, "journal.db: damaged: the head is missing");
        } else {
            *ret = (an_store_head){.seq = (uint64_t)an_stmt_int(q, 0), .epoch = (uint64_t)an_stmt_int(q, 2)};
            memcpy(ret->chain.b, chain, AN_HASH_BYTES);
        }
    }
    an_stmt_reset(q);
    return err;
}

/* The cheap part of verify: is the last record the one that was written last? */
static an_err check_end(sqlite_store *s, an_note *why)
{
    an_store_head head;
    an_stmt *q = NULL;
    bool row = false;
    an_err err = read_head(s, &head, why);
    if (err == AN_OK)
        err = an_db_stmt(s->db, "SELECT seq, chain FROM records ORDER BY seq DESC LIMIT 1", &q, why);
    if (err == AN_OK)
        err = an_stmt_step(q, &row, why);
    if (err == AN_OK) {
        uint64_t last = row ? (uint64_t)an_stmt_int(q, 0) : 0;
        size_t len = 0;
        const void *chain = row ? an_stmt_blob(q, 1, &len) : NULL;
        an_hash found = {0};
        if (chain && len == AN_HASH_BYTES)
            memcpy(found.b, chain, AN_HASH_BYTES);
        if (last != head.seq)
            err = an_fail(AN_ERR_PROTO, why, "journal.db: damaged: the last record is %llu, should be %llu",
                          (unsigned long long)last, (unsigned long long)head.seq);
        else if (!an_hash_equal(&found, &head.chain))
            err = an_fail(AN_ERR_PROTO, why, "journal.db: damaged: record %llu is not what was written",
                          (unsigned long long)last);
    }
    an_stmt_reset(q);
    return err;
}

static an_err take_epoch(sqlite_store *s, an_note *why)
{
    an_stmt *q = NULL;
    an_store_head head;
    an_err err = an_db_begin(s->db, why);
    if (err == AN_OK)
        err = an_db_stmt(s->db, "UPDATE head SET epoch = epoch + 1", &q, why);
    if (err == AN_OK)
        err = an_stmt_run(q, why);
    if (err == AN_OK)
        err = read_head(s, &head, why);
    if (err == AN_OK)
        err = an_db_commit(s->db, why);
    if (err != AN_OK) {
        an_db_rollback(s->db);
        return err;
    }
    s->epoch = (int64_t)head.epoch;
    return AN_OK;
}

static void sqlite_close(void *state)
{
    sqlite_store *s = state;
    if (!s)
        return;
    an_small_done(&s->small);
    an_db_close(s->db);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    an_free(s);
}

static an_err make_folder(const char *dir, an_note *why)
{
    char above[AN_PATH_MAX];
    if (an_file_exists(dir))
        return AN_OK;
    if (an_path_join(above, dir, "..") != AN_OK)
        return an_fail(AN_ERR_LIMIT, why, "%.200s: the path is too long", dir);
    an_err err = an_dir_make(dir, why);
    return err == AN_OK ? an_dir_sync(above, why) : err;
}

static an_err sqlite_open(void **ret_state, const char *dir, const an_store_place *place, an_note *why)
{
    (void)place; /* everything is in the folder of the url, which is nobody else's */
    char path[AN_PATH_MAX];
    sqlite_store *s = an_alloc(1, sizeof *s);
    if (!s)
        return an_fail(AN_ERR_NOMEM, why, "store: out of memory");
    s->lock_fd = -1;
    an_err err = make_folder(dir, why);
    if (err == AN_OK)
        err = an_dir_lock(dir, "coordinator", &s->lock_fd, why);
    if (err == AN_OK)
        err = an_objects_init(&s->objects, dir, why);
    if (err == AN_OK && an_path_join(path, dir, "journal.db") != AN_OK)
        err = an_fail(AN_ERR_LIMIT, why, "%.200s: the path is too long", dir);
    if (err == AN_OK)
        err = an_db_open(path, &s->db, why);
    if (err == AN_OK)
        err = check_ours(s->db, why);
    if (err == AN_OK)
        err = an_db_migrate(s->db, steps, STEPS, why);
    if (err == AN_OK)
        err = check_end(s, why);
    if (err == AN_OK)
        err = take_epoch(s, why);
    if (err == AN_OK)
        err = an_small_restore(s->db, &s->objects, why);
    if (err == AN_OK)
        err = an_dir_sync(dir, why);
    if (err != AN_OK) {
        sqlite_close(s);
        return err;
    }
    *ret_state = s;
    return AN_OK;
}

/* ---- Appending -----------------------------------------------------------------------------
 */

/* An insert met a record that is there.  Only a taken key is the caller's EXISTS: a record that
 * a strange hand put in the next place must not pass for one already acknowledged. */
static an_err explain_clash(sqlite_store *s, const an_record *r, an_note *why)
{
    an_stmt *q = NULL;
    bool taken = false;
    an_err err = AN_OK;
    if (r->idem) {
        err = an_db_stmt(s->db, "SELECT 1 FROM records WHERE actor = ?1 AND idem = ?2", &q, why);
        if (err == AN_OK && (err = an_stmt_bind_text(q, 1, r->actor)) == AN_OK &&
            (err = an_stmt_bind_text(q, 2, r->idem)) == AN_OK)
            err = an_stmt_step(q, &taken, why);
        an_stmt_reset(q);
    }
    if (err != AN_OK)
        return err;
    if (taken)
        return an_fail(AN_ERR_EXISTS, why, "journal: %s has already appended a record with the key %s",
                       r->actor, r->idem);
    return an_fail(AN_ERR_PROTO, why, "journal: damaged: a record %llu is there that was not appended here",
                   (unsigned long long)r->seq);
}

static an_err insert(sqlite_store *s, const an_record *r, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(s->db, "INSERT INTO records VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", &q, why);
    if (err != AN_OK)
        return err;
    if ((err = an_stmt_bind_int(q, 1, (int64_t)r->seq)) == AN_OK &&
        (err = an_stmt_bind_int(q, 2, r->time_ms)) == AN_OK &&
        (err = an_stmt_bind_text(q, 3, r->kind)) == AN_OK &&
        (err = an_stmt_bind_text(q, 4, r->subject)) == AN_OK &&
        (err = an_stmt_bind_text(q, 5, r->actor)) == AN_OK &&
        (err = an_stmt_bind_text(q, 6, r->idem)) == AN_OK &&
        (err = an_stmt_bind_blob(q, 7, r->body_len ? r->body : "", r->body_len)) == AN_OK &&
        (err = an_stmt_bind_blob(q, 8, r->chain.b, sizeof r->chain.b)) == AN_OK)
        err = an_stmt_run(q, why);
    an_stmt_reset(q);
    return err == AN_ERR_EXISTS ? explain_clash(s, r, why) : err;
}

static an_err move_head(sqlite_store *s, const an_store_head *head, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(s->db, "UPDATE head SET seq = ?1, chain = ?2", &q, why);
    if (err == AN_OK && (err = an_stmt_bind_int(q, 1, (int64_t)head->seq)) == AN_OK &&
        (err = an_stmt_bind_blob(q, 2, head->chain.b, sizeof head->chain.b)) == AN_OK)
        err = an_stmt_run(q, why);
    an_stmt_reset(q);
    return err;
}

/* Within the transaction: the head is read anew each time, so that nothing in memory can differ
 * from what is on the disk, whatever failed before. */
static an_err append_all(sqlite_store *s, const an_record *records, size_t n, int64_t now_ms,
                         uint64_t *ret_last_seq, an_note *why)
{
    an_store_head head;
    an_err err = read_head(s, &head, why);
    if (err == AN_OK && head.epoch != (uint64_t)s->epoch)
        err = an_fail(AN_ERR_STATE, why, TAKEN_OVER);
    for (size_t i = 0; err == AN_OK && i < n; i++) {
        an_record r = records[i];
        r.seq = ++head.seq;
        r.time_ms = r.time_ms ? r.time_ms : now_ms;
        an_record_chain(&r.chain, &head.chain, &r);
        head.chain = r.chain;
        err = insert(s, &r, why);
    }
    if (err == AN_OK)
        err = move_head(s, &head, why);
    *ret_last_seq = head.seq;
    return err;
}

static an_err sqlite_append(void *state, const an_record *records, size_t n, int64_t now_ms,
                            uint64_t *ret_last_seq, an_note *why)
{
    sqlite_store *s = state;
    uint64_t last = 0;
    an_err err = an_db_begin(s->db, why);
    if (err != AN_OK)
        return err;
    err = append_all(s, records, n, now_ms, &last, why);
    if (err == AN_OK)
        err = an_small_store(&s->small, s->db, why);
    if (err == AN_OK)
        err = an_db_commit(s->db, why);
    if (err != AN_OK) {
        an_db_rollback(s->db);
        return err;
    }
    an_small_done(&s->small);
    *ret_last_seq = last;
    return AN_OK;
}

/* ---- Reading -------------------------------------------------------------------------------
 */

static an_err sqlite_scan(void *state, const an_store_filter *f, an_store_visit visit, void *ctx,
                          an_note *why)
{
    return an_sqlite_scan(((sqlite_store *)state)->db, f, visit, ctx, why);
}

/* The lock lasts as long as the process. */
static an_err sqlite_keep(void *state, an_note *why)
{
    sqlite_store *s = state;
    an_store_head head;
    an_err err = read_head(s, &head, why);
    if (err == AN_OK && head.epoch != (uint64_t)s->epoch)
        err = an_fail(AN_ERR_STATE, why, TAKEN_OVER);
    return err;
}

static uint64_t sqlite_epoch(const void *state)
{
    return (uint64_t)((const sqlite_store *)state)->epoch;
}

static an_err sqlite_head(void *state, an_store_head *ret, an_note *why)
{
    return read_head(state, ret, why);
}

/* ---- Objects -------------------------------------------------------------------------------
 */

static an_err sqlite_object_put(void *state, const void *bytes, size_t len, an_hash *ret, an_note *why)
{
    sqlite_store *s = state;
    return an_small_put(&s->small, &s->objects, bytes, len, ret, why);
}

static an_err sqlite_object_put_row(void *state, const void *bytes, size_t len, an_hash *ret, an_note *why)
{
    return an_small_put_row(&((sqlite_store *)state)->small, bytes, len, ret, why);
}

static an_err sqlite_object_adopt(void *state, const char *path, const an_hash *hash, bool local,
                                  an_note *why)
{
    (void)local;
    sqlite_store *s = state;
    return an_small_adopt(&s->small, &s->objects, path, hash, why);
}

static an_err sqlite_object_get(void *state, const an_hash *hash, an_buf *b, an_note *why)
{
    sqlite_store *s = state;
    an_err err = an_small_get(&s->small, s->db, hash, b, NULL, why);
    return err == AN_ERR_NOTFOUND ? an_objects_get(&s->objects, hash, b, why) : err;
}

static an_err sqlite_object_size(void *state, const an_hash *hash, uint64_t *ret_len, an_note *why)
{
    sqlite_store *s = state;
    size_t len = 0;
    an_err err = an_small_get(&s->small, s->db, hash, NULL, &len, why);
    if (err == AN_OK)
        *ret_len = len;
    return err == AN_ERR_NOTFOUND ? an_objects_size(&s->objects, hash, ret_len, why) : err;
}

static an_err sqlite_object_remove(void *state, const an_hash *hash, an_note *why)
{
    sqlite_store *s = state;
    return an_small_remove(&s->small, &s->objects, hash, why);
}

static an_err sqlite_object_path(const void *state, const an_hash *hash, char out[static AN_PATH_MAX])
{
    return an_objects_path(&((const sqlite_store *)state)->objects, hash, out);
}

static an_err sqlite_object_file(void *state, const an_hash *hash, char out[static AN_PATH_MAX], an_note *why)
{
    return an_objects_file(&((sqlite_store *)state)->objects, hash, out, why);
}

static an_err each_row(sqlite_store *s, an_store_object_visit visit, void *ctx, an_note *why)
{
    an_stmt *q = NULL;
    bool row = false;
    an_err err = an_db_prepare(s->db, "SELECT hash FROM small WHERE file = 0 ORDER BY hash", &q, why);
    while (err == AN_OK && (err = an_stmt_step(q, &row, why)) == AN_OK && row) {
        size_t len = 0;
        an_hash hash;
        const void *bytes = an_stmt_blob(q, 0, &len);
        if (len != sizeof hash.b) {
            err = an_fail(AN_ERR_PROTO, why, "journal.db: damaged: a small object's name is no hash");
            break;
        }
        memcpy(hash.b, bytes, len);
        err = visit(ctx, &hash, true, why);
    }
    an_stmt_free(q);
    return err;
}

static an_err sqlite_object_each(void *state, an_store_object_visit visit, void *ctx, an_note *why)
{
    an_err err = each_row(state, visit, ctx, why);
    return err == AN_OK ? an_objects_each(&((sqlite_store *)state)->objects, visit, ctx, why) : err;
}

static const char *sqlite_spool_dir(const void *state)
{
    return ((const sqlite_store *)state)->objects.spool;
}

const an_store_backend an_store_backend_sqlite = {
    .name = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .keep = sqlite_keep,
    .epoch = sqlite_epoch,
    .append = sqlite_append,
    .scan = sqlite_scan,
    .head = sqlite_head,
    .object_put = sqlite_object_put,
    .object_put_row = sqlite_object_put_row,
    .object_adopt = sqlite_object_adopt,
    .object_get = sqlite_object_get,
    .object_size = sqlite_object_size,
    .object_remove = sqlite_object_remove,
    .object_file = sqlite_object_file,
    .object_each = sqlite_object_each,
    .object_path = sqlite_object_path,
    .spool_dir = sqlite_spool_dir,
};
