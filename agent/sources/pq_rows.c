/* The database PostgreSQL, for the source sql: a session that cannot write, with a bound for each statement. */
#include <stdio.h>

#include "agent/sources/sql_internal.h"
#include "doors/pq.h"

static an_err pg_connect(const char *address, int64_t patience_ms, void **ret, an_note *why)
{
    char settings[256];
    an_pq *c = NULL;
    /* The server ends a statement before we give the server up. */
    an_err err = an_pq_open(address, patience_ms + 2000, &c, why);
    if (err)
        return err;
    snprintf(settings, sizeof settings,
             "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY; SET statement_timeout = %lld; "
             "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET extra_float_digits = 1",
             (long long)patience_ms);
    if ((err = an_pq_script(c, settings, patience_ms, why)))
        an_pq_close(c);
    else
        *ret = c;
    return err;
}

static an_err pg_query(void *link, const char *sql, const char *mark,
                       an_err (*take)(void *ctx, const char *const *cells, size_t n), void *ctx,
                       size_t n_cells, an_note *why)
{
    const char *cells[SQL_NAMES_MAX + 4];
    an_pq_args args = {0};
    an_pq_rows rows = {0};
    if (mark)
        an_pq_text(&args, mark);
    an_err err = an_pq_query_once(link, sql, mark ? &args : NULL, &rows, why);
    for (size_t r = 0; !err && r < an_pq_rows_n(&rows); r++) {
        for (size_t i = 0; i < n_cells; i++)
            cells[i] = an_pq_is_null(&rows, r, (int)i) ? NULL : an_pq_get_text(&rows, r, (int)i);
        err = take(ctx, cells, n_cells);
    }
    an_pq_rows_done(&rows);
    return err;
}

static void pg_close(void *link)
{
    an_pq_close(link);
}

/* Of all that may be read; "key": it alone is the primary key. */
static const char columns[] =
    "SELECT CASE WHEN n.nspname = current_schema() THEN '' ELSE quote_ident(n.nspname) || '.' END || "
    "quote_ident(c.relname), a.attname, format_type(a.atttypid, NULL) || CASE WHEN EXISTS (SELECT 1 FROM "
    "pg_index i "
    "WHERE i.indrelid = c.oid AND i.indisprimary AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) THEN ' "
    "key' ELSE "
    "'' END FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid "
    "= c.oid "
    "WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname NOT "
    "IN "
    "('information_schema', 'pg_catalog', 'pg_toast') AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1, "
    "a.attnum";

const sql_database an_sql_postgresql = {pg_connect, pg_query, pg_close, "pg_typeof", columns};
