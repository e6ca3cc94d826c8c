/* store.h - what the coordinator keeps: one journal of records and a folder of objects.
 *
 * The journal is the truth.  Everything the coordinator knows (sites, versions, aliases,
 * rounds, campaigns) is what its records, read in order, add up to; nothing is acknowledged
 * before its record is committed.  Records are never changed or removed, and each carries a
 * hash over the one before it, so that an auditor sees a cut or an edit:
 *
 *     chain[n] = BLAKE2b-256(chain[n-1] | seq | time | kind | subject | actor | idem | hash of body)
 *
 * with lengths before the strings (store/store_internal.h) and chain[0] all zero.
 *
 * Objects are immutable bytes named by their BLAKE2b-256: bundles, plans, updates, optimiser
 * states.  A record may name an object only after the object is durable, or, if the object is
 * small, after it was put or adopted: it becomes durable together with the next record.
 *
 * Backends are rows of store/stores.def and pass the same tests (tests/conform/test_stores.c):
 *
 *   sqlite:FOLDER       one coordinator, one folder.  No set-up.
 *   postgresql:CONNINFO a database that several coordinators share: "postgresql:host=db dbname=andon",
 *                       "postgresql://db/andon", or "postgresql:@FILE", a file that nobody else may
 *                       read and that holds such a text.  A password stands in that file, in
 *                       PGPASSFILE or in the environment, never in the url.
 *
 * One coordinator at a time is the store's: it holds the *lease*, which has an epoch higher than any
 * before it and ends by itself 3 s after it was last renewed, by the clock of the database.  Every
 * write is fenced by the epoch, so that a coordinator that was stopped, cut off or forgotten writes
 * nothing more once another one has taken over.  What the one that runs has to do:
 *
 *     const an_store_place place = {.url = url, .folder = folder, .holder = endpoint, .wait_ms = 500};
 *     while ((err = an_store_open(&place, clock, &store, &why)) == AN_ERR_AGAIN)
 *         if (to be stopped) return;              a standby: `why` says who is active
 *     ... read the journal from its start, serve ...
 *     each second:   an_store_keep                STATE: stop at once, begin again as a standby
 *                                                 IO: the database is away; go on, nothing can be
 *                                                 acknowledged until it is back
 *     an_store_close(store);                      lets go of the lease: a standby has it at once
 *
 * AN_ERR_STATE from an_store_append or an_store_keep says that what this process holds in memory may no
 * longer be what the journal says; IO says that nothing was written as far as is known, and the same
 * records may be appended again.
 *
 * An object is *shared*, in the database before a record names it, or *local*, a file of this
 * coordinator's own folder, which a coordinator that takes over does not have: the updates of sites,
 * which are asked for again.  Shared objects that this folder lacks are fetched when they are asked
 * for.  With SQLite everything is local and there is nobody else.
 *
 * Threads: a store belongs to the thread that opened it; an_store_object_file and
 * an_store_object_path may be called from any. */
#ifndef AN_COORDINATOR_STORE_H
#define AN_COORDINATOR_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/meter.h"
#include "doors/crypto.h"

typedef struct an_store an_store;

#define AN_RECORD_BODY_MAX ((size_t)1 << 20)
#define AN_RECORD_NAME_MAX 127             /* bytes in kind, subject, actor, idem */
#define AN_RECORD_BATCH_MAX 1024           /* records in one append */
#define AN_OBJECT_SMALL ((size_t)16 << 10) /* objects of at most so many bytes are small */

/* One fact.  Strings are borrowed for the call; none is empty or holds control characters. */
typedef struct an_record {
    uint64_t seq;        /* given by the store, from 1, no gaps */
    int64_t time_ms;     /* wall clock; given by the store if 0 */
    const char *kind;    /* "round.event", "site.approved", ... : a row of records.def */
    const char *subject; /* what it is about: a site, a model, "round/12" */
    const char *actor;   /* who caused it: "site/plant-a", "user/admin", "coordinator" */
    const char *idem;    /* idempotency key, unique per actor; NULL: none */
    const void *body;    /* JSON text for people and auditors */
    size_t body_len;
    an_hash chain; /* given by the store */
} an_record;

/* Where a store is.  Texts are borrowed for the call. */
typedef struct an_store_place {
    const char *url;
    const char *folder; /* for what is local of a store that is elsewhere; SQLite needs none */
    const char *holder; /* who this is, told to those who find the lease taken; NULL: the folder */
    const char *keys;   /* what all coordinators of one store share, a word; NULL: not compared */
    int64_t wait_ms;    /* how long to wait for a lease that another one holds; 0: not at all */
    int64_t
        hung_ms; /* ... and after how long without a call of the store this coordinator counts as hung, so that
                           its lease is left to end; 0: a minute */
} an_store_place;

/* Creates what is missing, checks the schema's version, refuses a newer one, takes the lease.  A
 * coordinator that was killed finds its own lease by its folder and does not wait for its end.
 * Errors: AGAIN another coordinator holds the lease (why: which, and for how long yet), STATE another
 * process has the same folder, INVAL, IO, AUTH the database does not let us in, or who holds the lease has
 * other keys, PROTO not a store or damaged, UNSUPPORTED written by a newer version, NOMEM. */
an_err an_store_open(const an_store_place *place, const an_clock *clock, an_store **ret, an_note *why);
void an_store_close(an_store *s);

/* Renews the lease; about once a second, from the store's thread.  While that thread is busy, the store renews it by
 * itself (hung_ms), but only this tells that it was lost.  Errors: STATE it is another's; IO the
 * database is away, and whether the lease is still ours is seen when it is back. */
an_err an_store_keep(an_store *s, an_note *why);
/* The epoch of the lease: higher than that of every coordinator that held this store before. */
uint64_t an_store_epoch(const an_store *s);

/* Appends n records in one transaction: all or none, durable on return.  ret_last_seq may be
 * NULL. n = 0 appends nothing and tells the last seq. Errors: EXISTS a record with this actor
 * and idem is there (nothing is appended), INVAL unknown kind or a bad name, LIMIT too long or
 * too many, IO, NOMEM, PROTO a damaged journal, STATE called from a visit, another coordinator has
 * taken the store over, or an append that ended with IO did get in after all (open the store anew). */
an_err an_store_append(an_store *s, const an_record *records, size_t n, uint64_t *ret_last_seq, an_note *why);

/* Calls visit for each matching record in order of seq; NULL kind or subject matches all, a
 * kind ending in '.' matches as a prefix.  The record is borrowed for the call.  A visit that
 * returns an error ends the scan with that error.  A visit may read the store and scan it, but
 * not append. Errors: INVAL, IO, PROTO a damaged record, NOMEM, or the visit's. */
typedef an_err (*an_store_visit)(void *ctx, const an_record *record, an_note *why);
typedef struct an_store_filter {
    const char *kind;
    const char *subject;
    uint64_t after_seq;  /* only records with a higher seq */
    uint64_t before_seq; /* only records with a lower one; 0: no bound */
    int64_t until_ms;    /* only records not later than this; 0: no bound */
    size_t limit;        /* at most this many; 0: no bound */
    bool newest_first;
} an_store_filter;
an_err an_store_scan(an_store *s, const an_store_filter *f, an_store_visit visit, void *ctx, an_note *why);

/* The seq and chain of the last record (0 and all zero: none); either may be NULL.  Errors: IO,
 * PROTO. */
an_err an_store_head_get(an_store *s, uint64_t *ret_seq, an_hash *ret_chain, an_note *why);

/* Recomputes the whole chain.  ret_n: records seen; may be NULL.  It shows an edit and a record
 * put in, taken out or cut off the end, by a hand that did not also rewrite every later hash;
 * against one that does, the last chain (an_store_head_get) is kept elsewhere too. Errors:
 * PROTO names the first bad seq, IO, NOMEM. */
an_err an_store_verify(an_store *s, uint64_t *ret_n, an_note *why);

/* Objects.  put: shared and durable on return, a small one with the next append; the same bytes twice are
 * one object. */
an_err an_store_object_put(an_store *s, const void *bytes, size_t len, an_hash *ret, an_note *why);
/* The same for a small object that is only ever asked for by an_store_object_get: it is a row of the
 * journal's database, not a file, and has no path.  Errors: LIMIT larger than AN_OBJECT_SMALL. */
an_err an_store_object_put_row(an_store *s, const void *bytes, size_t len, an_hash *ret, an_note *why);
/* Takes over a finished file on the same file system by renaming it.  The caller has hashed it
 * and, unless it is small, synced it.  It is shared: bundles, optimiser states. */
an_err an_store_object_adopt(an_store *s, const char *path, const an_hash *hash, an_note *why);
/* The same for what stays local, unless it is small: a site's update. */
an_err an_store_object_adopt_local(an_store *s, const char *path, const an_hash *hash, an_note *why);
/* Appends the bytes to *b and checks their hash.  Errors: NOTFOUND, IO, PROTO damaged, LIMIT.
 */
an_err an_store_object_get(an_store *s, const an_hash *hash, an_buf *b, an_note *why);
/* Also whether it is there: NOTFOUND is an answer, IO is none.  Errors: NOTFOUND, IO. */
an_err an_store_object_size(an_store *s, const an_hash *hash, uint64_t *ret_len, an_note *why);
/* Gone at once, for good with the next append.  Absent: OK. */
an_err an_store_object_remove(an_store *s, const an_hash *hash, an_note *why);
/* The file of an object that is not only a row: sees to it that it is there and says where.  From any
 * thread.  Errors: NOTFOUND, IO also the database is away, PROTO damaged, LIMIT, NOMEM. */
an_err an_store_object_file(an_store *s, const an_hash *hash, char out[static AN_PATH_MAX], an_note *why);
/* Where the file is if it is here: pure arithmetic on the folder and the hash. */
an_err an_store_object_path(const an_store *s, const an_hash *hash, char out[static AN_PATH_MAX]);
/* A folder on the same file system for files that are still being received. */
const char *an_store_spool_dir(const an_store *s);

/* What the store has taken since it was opened; may be read from any thread. */
typedef struct an_store_figures {
    an_times append;              /* an_times_short: of calls that made records durable */
    an_tick errors;               /* appends and renewals of the lease that failed */
    atomic_int_least64_t read_ms; /* monotonic: when a scan last gave a record; a long one is no hang */
} an_store_figures;
const an_store_figures *an_store_figures_get(const an_store *s); /* borrowed */

#endif
