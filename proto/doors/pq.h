/* pq.h - the door to PostgreSQL: one connection, its prepared statements, pipelines.
 *
 *     an_pq *c = NULL;
 *     err = an_pq_open("host=/run/postgresql dbname=andon", 5000, &c, &why);
 *     an_pq_args a = {0};
 *     an_pq_int(&a, 7);
 *     an_pq_text(&a, "plant-a");
 *     an_pq_rows rows = {0};
 *     if (!err) err = an_pq_query(c, "SELECT id, name FROM t WHERE id > $1 AND name <> $2", &a, &rows, &why);
 *     for (size_t i = 0; !err && i < an_pq_rows_n(&rows); i++)
 *         use(an_pq_get_int(&rows, i, 0), an_pq_get_text(&rows, i, 1));
 *     an_pq_rows_done(&rows);
 *     an_pq_close(c);
 *
 * A pipeline is several an_pq_send and one an_pq_finish: one round trip.  Put BEGIN first and COMMIT last:
 * what follows a command that failed is not run.  Values and results travel in binary: integers are
 * bigint, so write `$1::bigint` where SQL would choose another type.
 *
 * Nothing here waits for ever: a server that says nothing for the connection's patience is given up, and
 * the connection is lost (an_pq_lost).  What had been sent to it may or may not have been done.
 *
 * Errors of every call, by SQLSTATE: EXISTS a constraint; AGAIN a lock held by another for too long, or a
 * deadlock; LIMIT; AUTH not let in or not allowed; PROTO the server found data damaged, or raised AN002; STATE
 * raised AN001; IO the connection was lost or the server cannot (disk full, shutting down); INVAL wrong SQL,
 * parameter or address; NOMEM.  Notes carry the server's sentence, never its detail, which may hold values,
 * and never a password.
 *
 * Threads: one thread at a time. */
#ifndef AN_DOORS_PQ_H
#define AN_DOORS_PQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define AN_PQ_ARGS_MAX 10

typedef struct an_pq an_pq;

/* Values of $1, $2, ...: borrowed until an_pq_send or an_pq_query has returned. */
typedef struct an_pq_args {
    const char *bytes[AN_PQ_ARGS_MAX]; /* NULL: null, or `num` where is_num says so */
    int len[AN_PQ_ARGS_MAX];
    uint8_t num[AN_PQ_ARGS_MAX][8];
    bool is_num[AN_PQ_ARGS_MAX];
    int n;
    bool failed; /* too many, or too long */
} an_pq_args;

void an_pq_int(an_pq_args *a, int64_t v);
void an_pq_bool(an_pq_args *a, bool v);
void an_pq_text(an_pq_args *a, const char *text); /* NULL binds null */
void an_pq_bytes(an_pq_args *a, const void *bytes, size_t len);

/* Values of one column of many rows, for `unnest($1::text[])`. */
typedef enum an_pq_type {
    AN_PQ_BYTES = 17,
    AN_PQ_INT = 20,
    AN_PQ_TEXT = 25
} an_pq_type; /* PostgreSQL's numbers */
typedef struct an_pq_array {
    an_buf b; /* its max bounds the array; failed: the array is not to be used */
    uint32_t n;
    bool nulls;
} an_pq_array;
void an_pq_array_init(an_pq_array *x, size_t max);
void an_pq_array_clear(an_pq_array *x, an_pq_type type);             /* before the first value */
void an_pq_array_put(an_pq_array *x, const void *bytes, size_t len); /* NULL: null */
void an_pq_array_int(an_pq_array *x, int64_t v);
void an_pq_array_done(an_pq_array *x);
/* As the next of $1, $2, ...  Borrowed as any value. */
void an_pq_array_bind(an_pq_args *a, an_pq_array *x);

typedef struct an_pq_rows {
    void *result; /* NULL: none */
} an_pq_rows;

/* What an address says, without connecting. */
typedef struct an_pq_address {
    bool password; /* it holds one */
    bool local;    /* every host is this computer */
    bool verified; /* sslmode=verify-full: nobody between can answer in the server's place */
} an_pq_address;
/* Errors: INVAL not an address (the note does not quote it), NOMEM. */
an_err an_pq_check(const char *conninfo, an_pq_address *ret, an_note *why);

/* patience_ms: how long to wait for the connection, to all hosts of the address together, and later for each sign of life.
 * libpq looks up names before that, for as long as the resolver takes. */
an_err an_pq_open(const char *conninfo, int64_t patience_ms, an_pq **ret, an_note *why);
void an_pq_close(an_pq *c); /* an open transaction is rolled back */
bool an_pq_lost(const an_pq *c);
int64_t an_pq_pid(const an_pq *c); /* of the server's process for this connection */

/* One command, one round trip.  a NULL: no values.  ret NULL: its rows are not wanted. */
an_err an_pq_query(an_pq *c, const char *sql, const an_pq_args *a, an_pq_rows *ret, an_note *why);
/* The same for a text that was put together for this once. */
an_err an_pq_query_once(an_pq *c, const char *sql, const an_pq_args *a, an_pq_rows *ret, an_note *why);

/* sql is kept as a prepared statement under its address: a literal, or a text that lives as long as c. */
an_err an_pq_send(an_pq *c, const char *sql, const an_pq_args *a, an_note *why);
/* Waits for what was sent.  ret: rows of the last command that had any.  The first error is returned;
 * the transaction it left behind, if any, is rolled back. */
an_err an_pq_finish(an_pq *c, an_pq_rows *ret, an_note *why);

/* Gives the connection up, with what was sent and not finished. */
void an_pq_abandon(an_pq *c);

/* Several statements without values.  Errors: IO also none was answered for patience_ms. */
an_err an_pq_script(an_pq *c, const char *sql, int64_t patience_ms, an_note *why);

/* Waits for a NOTIFY of any channel this connection LISTENs to.  Errors: AGAIN none came in time; IO. */
an_err an_pq_listen(an_pq *c, int64_t timeout_ms, an_note *why);

size_t an_pq_rows_n(const an_pq_rows *r);
bool an_pq_is_null(const an_pq_rows *r, size_t row, int col);
int64_t an_pq_get_int(const an_pq_rows *r, size_t row, int col);      /* also a boolean; null is 0 */
const char *an_pq_get_text(const an_pq_rows *r, size_t row, int col); /* never NULL */
const void *an_pq_get_bytes(const an_pq_rows *r, size_t row, int col, size_t *ret_len);
void an_pq_rows_done(an_pq_rows *r);

#endif
