/* postgresql.h - a PostgreSQL server of a test's own (tests/support/postgresql.sh).
 *
 *     if (!pg_server_start()) return 77;       says why
 *     ... postgresql:host=<pg_server_dir()> user=andon dbname=andon ...
 *     pg_server_stop();
 *
 * One for the whole program; it ends with the program at the latest.
 *
 * Threads: one. */
#ifndef AN_TEST_POSTGRESQL_H
#define AN_TEST_POSTGRESQL_H

#include <stdbool.h>
#include <stddef.h>

bool pg_server_start(void);
const char *pg_server_dir(void);     /* "" before the start */
const char *pg_server_address(void); /* "host=... user=andon dbname=andon" */
void pg_server_kill(void);           /* SIGKILL, and wait */
void pg_server_restart(void);
void pg_server_stop(void);
void pg_server_clear(void);              /* the schema andon is gone */
void pg_server_sql(const char *sql);     /* as the tables' owner; ends the program if it fails */
bool pg_server_sql_may(const char *sql); /* the same; did it succeed? */

#endif
