/* spool_internal.h - what spool.c (outgoing facts), spool_ledger.c and spool_tables.c (journal, values, pending
 * uploads) share. */
#ifndef AN_AGENT_SPOOL_INTERNAL_H
#define AN_AGENT_SPOOL_INTERNAL_H

#include "agent/spool.h"
#include "doors/sqlite.h"

struct an_spool {
    an_db *db;
    an_spool_conf conf;
};

/* Text of a column into a fixed field. */
void an_spool_take_text(char *out, size_t cap, an_stmt *q, int col);

#endif
