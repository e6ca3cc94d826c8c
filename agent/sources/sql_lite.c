/* The database SQLite, for the source sql: a file, opened to read only. */
#include "agent/sources/sql_internal.h"
#include "doors/sqlite.h"

static an_err lite_connect(const char *address, int64_t patience_ms, void **ret, an_note *why)
{
    an_db *db = NULL;
    an_err err = an_db_open_reader(address, patience_ms, &db, why);
    if (!err)
        *ret = db;
    return err == AN_ERR_NOTFOUND ? AN_ERR_IO : err;
}

static an_err lite_query(void *link, const char *sql, const char *mark,
                         an_err (*take)(void *ctx, const char *const *cells, size_t n), void *ctx,
                         size_t n_cells, an_note *why)
{
    const char *cells[SQL_NAMES_MAX + 4];
    an_stmt *s = NULL;
    bool row = false;
    an_err err = an_db_prepare(link, sql, &s, why);
    if (!err && mark)
        err = an_stmt_bind_text(s, 1, mark);
    while (!err && !(err = an_stmt_step(s, &row, why)) && row) {
        for (size_t i = 0; i < n_cells; i++)
            cells[i] = an_stmt_is_null(s, (int)i) ? NULL : an_stmt_text(s, (int)i, NULL);
        err = take(ctx, cells, n_cells);
    }
    an_stmt_free(s);
    return err;
}

static void lite_close(void *link)
{
    an_db_close(link);
}

const sql_database an_sql_sqlite = {lite_connect, lite_query, lite_close, "typeof",
                                    "SELECT m.name, p.name, lower(p.type) || CASE WHEN p.pk = 1 THEN ' key' "
                                    "ELSE '' END FROM sqlite_master m, "
                                    "pragma_table_info(m.name) p WHERE m.type IN ('table', 'view') AND "
                                    "m.name NOT LIKE 'sqlite_%' ORDER BY m.name, "
                                    "p.cid"};
