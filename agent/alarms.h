/* alarms.h - the site's log of alarms: what happened to each, in one order, and how each stands now.
 *
 * A file of its own, alarms.db (SQLite, WAL, synchronous=FULL), beside the spool: sinks, the console and the command
 * line open it too, with handles of their own, and their reading and their cursors must not hold up what the
 * agent owes the coordinator.
 *
 *     err = an_alarms_open(path, &conf, &log, &why);
 *     err = an_alarms_store(log, records, n, &why);            the line's events, as one transaction
 *     err = an_alarms_act(log, &act, &n_changed, &why);        what a person does
 *     err = an_alarms_tick(log, now_ms, &why);                 shelves that end
 *
 * A sink reads forward, and says what has arrived at the other end:
 *
 *     err = an_alarms_reader(log, "mqtt", &at, &why);          its cursor, over restarts too
 *     while (an_alarms_next(log, at, &record, &lost, &why) == AN_OK) {
 *         if (!sent(&record)) break;
 *         at = record.seq;
 *     }
 *     err = an_alarms_delivered(log, "mqtt", at, &why);
 *
 * Sequence numbers grow by one without gaps, so that a gap is what was dropped.  A record that was stored before is
 * not stored again (EXISTS in its seq 0): a line that was killed and reads rows twice raises the same alarms
 * with the same numbers.
 *
 * At the quota the oldest records go: those that every reader has had first, which are always the oldest, then
 * those that a reader still waits for; both are counted, and a reader sees how many it lost.  An alarm goes
 * with its last record, unless it is active.
 *
 * Threads: one thread per an_alarms; one handle alone stores, acts and ticks, any number read and move cursors. */
#ifndef AN_AGENT_ALARMS_H
#define AN_AGENT_ALARMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/alarm_record.h"
#include "base/err.h"

#define AN_ALARM_READERS_MAX 32

typedef struct an_alarms_conf {
    const char *site;     /* named in every record; NULL: nothing is stored through this handle */
    uint64_t quota_bytes; /* of records; 0: 64 MiB */
} an_alarms_conf;

typedef struct an_alarms an_alarms;

/* Creates the file if it is missing.  Errors: IO, PROTO not our file, UNSUPPORTED a newer one, NOMEM. */
an_err an_alarms_open(const char *path, const an_alarms_conf *conf, an_alarms **ret, an_note *why);
void an_alarms_close(an_alarms *a);
/* Of a log that has never held a record: its first one has a number above `seq`, so that receivers who knew another log of
 * this site do not take new records for old ones.  Errors: STATE it has held one; IO. */
an_err an_alarms_begin_after(an_alarms *a, uint64_t seq, an_note *why);

/* All of them or none, durable when it returns OK.  Kinds: RAISED UPDATED CLEARED SUPPRESSED RELEASED QUALITY.  Sets
 * standing and seq of each; seq 0: it was known already.  Errors: INVAL another kind; IO, LIMIT the disk is full,
 * NOMEM. */
an_err an_alarms_store(an_alarms *a, an_alarm_record *records, size_t n, an_note *why);

/* ---- what people do ---- */

typedef struct an_alarm_deed {
    an_logged_kind kind; /* ACKED SHELVED UNSHELVED REMOVED RESTORED COMMENTED VERDICT */
    const char *line;
    uint64_t
        alarm; /* 0: the line, with all its alarms, also those to come (SHELVED UNSHELVED REMOVED RESTORED) */
    const char *by, *comment;
    const char *verdict, *defect; /* VERDICT; defect: its class, may be NULL */
    int64_t now_ms;
    int64_t until_ms; /* SHELVED: above now_ms */
} an_alarm_deed;

/* One transaction.  ret_n: records that came of it; NULL is fine.  Errors: NOTFOUND no such alarm; EXISTS it is so
 * already; STATE not while it stands as it does (why says how); INVAL; IO, LIMIT, NOMEM. */
an_err an_alarms_act(an_alarms *a, const an_alarm_deed *deed, size_t *ret_n, an_note *why);
/* Brings back what was shelved until now_ms.  Does nothing else, and then writes nothing. */
an_err an_alarms_tick(an_alarms *a, int64_t now_ms, an_note *why);

/* ---- readers ---- */

/* The cursor of a reader: the seq of the last record it has had; a new one starts before the oldest that there is, or
 * behind the last record if from_now.  name: an_name_ok.  Errors: LIMIT too many readers, INVAL, IO. */
an_err an_alarms_reader(an_alarms *a, const char *name, bool from_now, uint64_t *ret_seq, an_note *why);
/* The first record with a seq above `after`.  ret_lost (NULL is fine): records between that were dropped.
 * Errors: NOTFOUND none, PROTO it is damaged (ret->seq says which one), IO, NOMEM. */
an_err an_alarms_next(an_alarms *a, uint64_t after, an_alarm_record *ret, uint64_t *ret_lost, an_note *why);
/* Moves the cursor forward, never back.  Errors: NOTFOUND no such reader, IO. */
an_err an_alarms_delivered(an_alarms *a, const char *name, uint64_t seq, an_note *why);
an_err an_alarms_reader_remove(an_alarms *a, const char *name, an_note *why); /* absent: OK */
/* Their names, in order. */
an_err an_alarms_readers(an_alarms *a, char ret[static AN_ALARM_READERS_MAX][AN_NAME_MAX], size_t *ret_n,
                         an_note *why);

/* ---- looking ---- */

/* The last record of the alarm's machine with what people have done about it since, and how it stands. */
typedef struct an_alarm_row {
    an_alarm_record last;
    an_alarm_state state;
    int64_t cleared_ms; /* source's time; 0: it is active */
} an_alarm_row;

typedef enum an_alarm_which {
    AN_ALARMS_OPEN, /* all that are not NORMAL */
    AN_ALARMS_ALL
} an_alarm_which;

/* Newest first, at most `most` (0: all); what cannot be read is passed over.  The callback's false ends it. */
an_err an_alarms_each(an_alarms *a, an_alarm_which which, size_t most,
                      bool (*see)(void *ctx, const an_alarm_row *row), void *ctx, an_note *why);
/* Errors: NOTFOUND. */
an_err an_alarms_get(an_alarms *a, const char *line, uint64_t alarm, an_alarm_row *ret, an_note *why);
/* Records of one alarm (0: of the line's data, and of the line itself), at most `most`, newest first by the source's clock;
 * what cannot be read is passed over.  The callback's false ends it. */
an_err an_alarms_records(an_alarms *a, const char *line, uint64_t alarm, size_t most,
                         bool (*see)(void *ctx, const an_alarm_record *r), void *ctx, an_note *why);
/* The highest number of an alarm of the line; 0: none yet. */
an_err an_alarms_last(an_alarms *a, const char *line, uint64_t *ret, an_note *why);

/* The number of the last record; 0: none yet. */
an_err an_alarms_last_seq(an_alarms *a, uint64_t *ret, an_note *why);

typedef struct an_alarms_stats {
    uint64_t records, bytes, last_seq;
    uint64_t open;       /* alarms that are not NORMAL */
    uint64_t suppressed; /* records of kind SUPPRESSED, or RAISED while suppressed, since the file was made */
    uint64_t dropped;    /* records that every reader had had */
    uint64_t dropped_unread;   /* ... and those that one still waited for */
    uint64_t readers, waiting; /* records that the slowest reader waits for */
} an_alarms_stats;
/* bytes: as of this handle's opening, and what it has stored since. */
an_err an_alarms_stats_get(an_alarms *a, an_alarms_stats *ret, an_note *why);

#endif
