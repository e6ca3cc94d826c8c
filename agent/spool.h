/* spool.h - what a site must not forget when the power fails: facts that wait to be sent, what
 * runs since when, what left the site, and where reading goes on.
 *
 * One SQLite file in WAL mode with synchronous=FULL: what was appended is there after a power
 * cut. Outgoing facts leave in the order they came; an item stays until the coordinator has
 * acknowledged it.  If the quota is reached the oldest items of the least important kind go
 * first, and are counted.
 *
 *     err = an_spool_open(path, &conf, &spool, &why);
 *     err = an_spool_append(spool, AN_SPOOL_ALARM, now, bytes, len, &why);
 *     err = an_spool_next(spool, 0, &item, &why);     oldest
 *     ... sent and acknowledged ...
 *     err = an_spool_ack(spool, item.id, &why);
 *     an_spool_item_done(&item);
 *
 * Threads: one thread per an_spool. */
#ifndef AN_AGENT_SPOOL_H
#define AN_AGENT_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Least important last: the order in which kinds are kept when the quota is reached. */
#define AN_SPOOL_KINDS_LIST(X)                                                                               \
    X(VERDICT, "verdict")                                                                                    \
    X(DRIFT, "drift alert")                                                                                  \
    X(ALARM, "alarm summary")                                                                                \
    X(REPORT, "version report")                                                                              \
    X(HEALTH, "health report")

typedef enum an_spool_kind {
#define AN_SPOOL_ROW(name, text) AN_SPOOL_##name,
    AN_SPOOL_KINDS_LIST(AN_SPOOL_ROW)
#undef AN_SPOOL_ROW
        AN_SPOOL_KINDS
} an_spool_kind;
const char *an_spool_kind_name(an_spool_kind kind);

#define AN_SPOOL_ITEM_MAX (64u << 10) /* bytes of one item: a control message */
#define AN_SPOOL_HASH 32

typedef struct an_spool_conf {
    uint64_t quota_bytes; /* of waiting items; 0 = 64 MiB */
    uint64_t ledger_rows; /* oldest are dropped beyond; 0 = 100000 */
} an_spool_conf;

typedef struct an_spool an_spool;

/* Creates the file if it is missing.  Errors: IO, PROTO not our file, UNSUPPORTED newer file,
 * NOMEM. */
an_err an_spool_open(const char *path, const an_spool_conf *conf, an_spool **ret, an_note *why);
void an_spool_close(an_spool *s);

/* --- outgoing facts --- */
typedef struct an_spool_item {
    uint64_t id;
    an_spool_kind kind;
    int64_t time_ms;
    uint8_t *bytes;
    size_t len;
} an_spool_item;

/* Durable when it returns OK.  Errors: LIMIT longer than an item may be, or larger than the
 * quota (counted as dropped), IO, NOMEM. */
an_err an_spool_append(an_spool *s, an_spool_kind kind, int64_t time_ms, const void *bytes, size_t len,
                       an_note *why);
/* The oldest item with an id above `after`.  *ret is owned (an_spool_item_done).
 * Errors: NOTFOUND none, IO, NOMEM. */
an_err an_spool_next(an_spool *s, uint64_t after, an_spool_item *ret, an_note *why);
void an_spool_item_done(an_spool_item *item);
/* Removes the item; one that is gone already is OK. */
an_err an_spool_ack(an_spool *s, uint64_t id, an_note *why);

typedef struct an_spool_stats {
    uint64_t waiting;
    uint64_t waiting_bytes;
    uint64_t dropped[AN_SPOOL_KINDS]; /* since the file was made */
} an_spool_stats;
an_err an_spool_stats_get(an_spool *s, an_spool_stats *ret, an_note *why);

/* --- journal: what runs since when --- */
typedef struct an_journal_row {
    uint64_t id;
    int64_t time_ms;
    uint8_t version[AN_SPOOL_HASH];
    uint8_t overlay[AN_SPOOL_HASH];
    char model[64];
    char what[160]; /* "promoted", "rolled back: alarm rate 4.1 times production", ... */
} an_journal_row;
an_err an_journal_add(an_spool *s, const an_journal_row *row, an_note *why); /* row->id is ignored */
/* The newest row of a model with time_ms <= at_ms.  Errors: NOTFOUND, IO. */
an_err an_journal_find(an_spool *s, const char *model, int64_t at_ms, an_journal_row *ret, an_note *why);
/* The oldest row with an id above `after`.  Errors: NOTFOUND none, IO. */
an_err an_journal_next(an_spool *s, uint64_t after, an_journal_row *ret, an_note *why);
an_err an_journal_before(an_spool *s, uint64_t before, an_journal_row *ret,
                         an_note *why); /* the newest below */

/* --- ledger: all that left the site, in plain words, in a chain of hashes --- */
typedef struct an_ledger_row {
    uint64_t id; /* ascending without gaps */
    int64_t time_ms;
    char kind[32];        /* "train", "fact", "heartbeat" ... */
    uint64_t bytes;       /* of what left */
    uint64_t round;       /* 0: outside rounds */
    char protection[120]; /* who can read it */
    char words[200];
    /* BLAKE2b-256 of "andon-ledger-1", the chain of the row before (zeros: none) and this row. */
    uint8_t chain[AN_SPOOL_HASH];
} an_ledger_row;
/* row: id and chain are not read.  Durable when it returns OK. */
an_err an_ledger_add(an_spool *s, const an_ledger_row *row, an_note *why);
/* The oldest row with an id above `after`.  Errors: NOTFOUND none, IO. */
an_err an_ledger_next(an_spool *s, uint64_t after, an_ledger_row *ret, an_note *why);
an_err an_ledger_before(an_spool *s, uint64_t before, an_ledger_row *ret,
                        an_note *why); /* the newest below */
/* Computes the chain of the rows that are kept again, from where the last dropped one ended.  ret_head: the
 * last chain; whoever keeps it elsewhere sees a ledger that was written anew.  Rows from before there was a
 * chain are counted in ret_before.  Errors: AUTH a row was changed, dropped or put in (why: which); IO. */
an_err an_ledger_verify(an_spool *s, uint64_t *ret_rows, uint64_t *ret_before,
                        uint8_t ret_head[static AN_SPOOL_HASH], an_note *why);
/* Bytes and rows since since_ms. */
an_err an_ledger_sum(an_spool *s, int64_t since_ms, uint64_t *ret_rows, uint64_t *ret_bytes, an_note *why);

/* --- named values: source position, alarm state --- */
an_err an_spool_value_set(an_spool *s, const char *name, const void *bytes, size_t len, an_note *why);
/* Appends to ret.  Errors: NOTFOUND, IO, NOMEM, LIMIT. */
an_err an_spool_value_get(an_spool *s, const char *name, an_buf *ret, an_note *why);
an_err an_spool_value_remove(an_spool *s, const char *name, an_note *why); /* absent: OK */

/* --- pending uploads: kept until the round's end has been seen --- */
typedef struct an_pending {
    char round[64];              /* id */
    uint8_t plan[AN_SPOOL_HASH]; /* hash of the plan */
    uint8_t hash[AN_SPOOL_HASH]; /* of the upload's bytes */
    char file[256];              /* name in the agent's data folder */
    int64_t time_ms;
} an_pending;
an_err an_pending_set(an_spool *s, const an_pending *p, an_note *why); /* replaces that of the round */
an_err an_pending_get(an_spool *s, const char *round, an_pending *ret, an_note *why);
/* The first pending upload whose round id sorts after `after` ("" = the first).  Errors:
 * NOTFOUND, IO. */
an_err an_pending_next(an_spool *s, const char *after, an_pending *ret, an_note *why);
an_err an_pending_remove(an_spool *s, const char *round, an_note *why); /* absent: OK */

#endif
