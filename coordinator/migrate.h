/* migrate.h - moves a store of SQLite into a database that is empty.
 *
 *     an_migrate_report r;
 *     err = an_migrate("sqlite:/var/lib/andon/store", "postgresql:@/etc/andon/store", say, NULL, &r, &why);
 *
 * All or nothing: records and objects are one transaction of the database, which is committed once the last
 * record's chain is that of the journal moved.  The source is not changed; it is held meanwhile, and no
 * coordinator may have either.  Updates that are too large to be rows stay where they are, as files: a
 * coordinator that keeps its data folder finds them there.
 *
 * Threads: one. */
#ifndef AN_COORDINATOR_MIGRATE_H
#define AN_COORDINATOR_MIGRATE_H

#include "coordinator/store.h"

typedef struct an_migrate_report {
    uint64_t records;
    an_hash chain;    /* of the last record */
    uint64_t objects; /* files and rows that are in the database now */
    uint64_t bytes;   /* of the files */
    uint64_t local;   /* updates that stay files of the old folder */
    bool already;     /* the same journal was there: only looked at */
} an_migrate_report;

/* of: how many there are in all; 0: not known. */
typedef void (*an_migrate_say)(void *ctx, const char *what, uint64_t n, uint64_t of);

/* say may be NULL.  Errors: NOTFOUND no store at `from`, EXISTS another journal is in the database, AGAIN or STATE
 * one of both is in use, INVAL not from SQLite or not to a database, PROTO damaged, and those of the stores. */
an_err an_migrate(const char *from, const char *to, an_migrate_say say, void *ctx, an_migrate_report *ret,
                  an_note *why);

#endif
