/* spool_internal.h - what spool.c (outgoing facts) and spool_tables.c (journal, ledger, values,
 * pending uploads) share. */
#ifndef AN_AGENT_SPOOL_INTERNAL_H
#define AN_AGENT_SPOOL_INTERNAL_H

#include "agent/spool.h"
#include "doors/sqlite.h"

struct an_spool {
    an_db *db;
    an_spool_conf conf;
};

#endif
