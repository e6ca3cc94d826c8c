/* sqlite.h - the door to SQLite: one connection, its statements, transactions and migrations.
 *
 *     an_db *db = NULL;
 *     err = an_db_open("store.db", &db, &why);
 *     if (!err) err = an_db_migrate(db, steps, n_steps, &why);
 *     an_stmt *s = NULL;
 *     if (!err) err = an_db_stmt(db, "SELECT id, name FROM site WHERE role = ?1", &s, &why);
 *     if (!err) err = an_stmt_bind_text(s, 1, role);
 *     bool row = false;
 *     while (!err && (err = an_stmt_step(s, &row, &why)) == AN_OK && row)
 *         use(an_stmt_int(s, 0), an_stmt_text(s, 1, NULL));
 *     an_stmt_reset(s);
 *     an_db_close(db);
 *
 * Every connection is WAL with synchronous=FULL and foreign_keys=ON: what a commit has acknowledged
 * survives a power cut.  Errors carry SQLite's message and the SQL's place, never bound values.
 *
 * Errors of every call: PROTO the file is damaged or no database; EXISTS a constraint; LIMIT disk full or
 * too big; IO the system refused; AGAIN another process holds the lock longer than 5 s; INVAL wrong
 * SQL or parameter; NOMEM.
 *
 * Threads: one thread owns an an_db and all its statements. */
#ifndef AN_DOORS_SQLITE_H
#define AN_DOORS_SQLITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct an_db an_db;
typedef struct an_stmt an_stmt;

/* Creates the file if it is absent.  ":memory:" is a database of this connection alone. */
an_err an_db_open(const char *path, an_db **ret, an_note *why);
/* Of somebody else's file, to read only: it is neither made nor changed.  A statement that takes longer than
 * patience_ms is ended with AGAIN.  Errors also: NOTFOUND. */
an_err an_db_open_reader(const char *path, int64_t patience_ms, an_db **ret, an_note *why);
void an_db_close(an_db *db); /* frees every statement of an_db_stmt; rolls an open transaction back */

/* One or more statements without results and without values. */
an_err an_db_exec(an_db *db, const char *sql, an_note *why);

an_err an_db_begin(an_db *db, an_note *why); /* immediate: takes the write lock now */
an_err an_db_commit(an_db *db, an_note *why);
void an_db_rollback(an_db *db); /* without an open transaction: nothing */
bool an_db_in_transaction(const an_db *db);

int64_t an_db_last_id(const an_db *db);      /* rowid of the last insert */
int64_t an_db_changes(const an_db *db);      /* rows the last insert, update or delete touched */
an_err an_db_check(an_db *db, an_note *why); /* quick_check.  PROTO: damaged */

/* steps[i] brings a database of version i (PRAGMA user_version) to i + 1.  Each step is one
 * transaction with its version.  Errors: STATE the database is newer than n steps, and the above. */
an_err an_db_migrate(an_db *db, const char *const *steps, size_t n, an_note *why);

/* The statement of this SQL, made once per connection and kept; borrowed, reset, values cleared.
 * Call an_stmt_reset when done with its rows, so that it holds no lock.  Not for two uses of the same
 * SQL at one time: an_db_prepare makes one that the caller owns (an_stmt_free). */
an_err an_db_stmt(an_db *db, const char *sql, an_stmt **ret, an_note *why);
an_err an_db_prepare(an_db *db, const char *sql, an_stmt **ret, an_note *why);
void an_stmt_free(an_stmt *s); /* only those of an_db_prepare, before an_db_close */

/* Values of ?1, ?2, ...  Text and blobs are copied.  Errors: INVAL no such parameter, LIMIT, NOMEM. */
an_err an_stmt_bind_int(an_stmt *s, int i, int64_t v);
an_err an_stmt_bind_num(an_stmt *s, int i, double v);
an_err an_stmt_bind_text(an_stmt *s, int i, const char *text); /* NULL binds null */
an_err an_stmt_bind_blob(an_stmt *s, int i, const void *bytes, size_t len);
an_err an_stmt_bind_null(an_stmt *s, int i);

/* *ret_row true: a row is there; false: done. */
an_err an_stmt_step(an_stmt *s, bool *ret_row, an_note *why);
/* Steps to the end, drops rows, resets: for insert, update and delete. */
an_err an_stmt_run(an_stmt *s, an_note *why);
void an_stmt_reset(an_stmt *s); /* values are cleared too; NULL is fine */

/* Columns of the present row from 0; texts and blobs are borrowed until the next step or reset.
 * Text is never NULL ("" for null); a blob of 0 bytes may be.  ret_len may be NULL. */
bool an_stmt_is_null(an_stmt *s, int col);
int64_t an_stmt_int(an_stmt *s, int col);
double an_stmt_num(an_stmt *s, int col);
const char *an_stmt_text(an_stmt *s, int col, size_t *ret_len);
const void *an_stmt_blob(an_stmt *s, int col, size_t *ret_len);

#endif
