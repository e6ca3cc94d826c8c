/* store_internal.h - what a backend of the store is, and the parts backends share.
 *
 * The front (store.c) picks the backend, checks every argument and recomputes the chain; a
 * backend sees valid calls only.  A backend is fenced: when it opens it takes an epoch higher
 * than any before, and every append must fail with STATE once another one has taken a higher
 * epoch.  SQLite keeps the epoch in the journal file beside its lock; a server's backend keeps
 * it in the lease's row.
 *
 * Threads: as store.h says. */
#ifndef AN_COORDINATOR_STORE_STORE_INTERNAL_H
#define AN_COORDINATOR_STORE_STORE_INTERNAL_H

#include "coordinator/store.h"
#include "doors/sqlite.h"

/* ---- Objects as files ----------------------------------------------------------------------
 */

/* row: it has no file. */
typedef an_err (*an_store_object_visit)(void *ctx, const an_hash *hash, bool row, an_note *why);

/* DIR/objects/ab/abcdef...  Written beside (objects/new), synced, renamed, folder synced: an
 * object is whole or absent.  A folder belongs to one process; the caller holds its lock. */
typedef struct an_objects {
    char dir[AN_PATH_MAX];   /* .../objects */
    char spool[AN_PATH_MAX]; /* .../spool */
} an_objects;

/* Makes the folders and clears what a crash left in objects/new.  Errors: IO, LIMIT, NOMEM. */
an_err an_objects_init(an_objects *o, const char *dir, an_note *why);
/* The rest as the functions of store.h that bear their names. */
an_err an_objects_put(an_objects *o, const void *bytes, size_t len, an_hash *ret, an_note *why);
an_err an_objects_adopt(an_objects *o, const char *path, const an_hash *hash, an_note *why);
an_err an_objects_get(const an_objects *o, const an_hash *hash, an_buf *b, an_note *why);
an_err an_objects_size(const an_objects *o, const an_hash *hash, uint64_t *ret_len, an_note *why);
an_err an_objects_remove(an_objects *o, const an_hash *hash, an_note *why);
an_err an_objects_path(const an_objects *o, const an_hash *hash, char out[static AN_PATH_MAX]);
/* The path of a file that is there.  Errors: NOTFOUND, IO, LIMIT. */
an_err an_objects_file(const an_objects *o, const an_hash *hash, char out[static AN_PATH_MAX], an_note *why);

/* Every file of them.  What is not named by a hash is passed over. */
an_err an_objects_each(const an_objects *o, an_store_object_visit visit, void *ctx, an_note *why);

/* The file is there and its bytes are these. */
bool an_objects_intact(const an_objects *o, const an_hash *hash, size_t len);
/* As put and adopt, but a power cut may take the file back. */
an_err an_objects_put_unsynced(an_objects *o, const void *bytes, size_t len, an_hash *ret, an_note *why);
an_err an_objects_adopt_unsynced(an_objects *o, const char *path, const an_hash *hash, an_note *why);

/* Small objects that wait to be stored, or forgotten, with the next records (small.c). */
typedef struct an_small_item {
    an_hash hash;
    void *bytes; /* owned; NULL: to be forgotten */
    size_t len;
    bool file; /* it is a file too */
} an_small_item;
typedef struct an_small {
    an_small_item *items;
    size_t n, cap;
    size_t n_bytes; /* items that are not to be forgotten */
} an_small;

void an_small_done(an_small *s); /* nothing waits any more */
/* What was said last of this object; NULL: nothing. */
const an_small_item *an_small_find(const an_small *s, const an_hash *hash);
/* A copy of a small object's bytes waits.  Errors: LIMIT too large, or too much waits; NOMEM. */
an_err an_small_keep(an_small *s, const an_hash *hash, const void *bytes, size_t len, bool file);
/* That it is to be forgotten is itself forgotten. */
void an_small_revive(an_small *s, const an_hash *hash);
/* Checks the hash and appends the bytes to *b (NULL: only the length is asked for). */
an_err an_small_give(const void *bytes, size_t len, const an_hash *hash, an_buf *b, size_t *ret_len,
                     an_note *why);
/* As the functions of store.h: for objects of any length, the small ones in this way. */
an_err an_small_put(an_small *s, an_objects *o, const void *bytes, size_t len, an_hash *ret, an_note *why);
an_err an_small_adopt(an_small *s, an_objects *o, const char *path, const an_hash *hash, an_note *why);
an_err an_small_remove(an_small *s, an_objects *o, const an_hash *hash, an_note *why);
an_err an_small_put_row(an_small *s, const void *bytes, size_t len, an_hash *ret, an_note *why);
/* The bytes of one that waits or is a row, appended to *b (NULL: only its length is asked for).
 * Errors: NOTFOUND, LIMIT, PROTO damaged, IO, NOMEM. */
an_err an_small_get(const an_small *s, an_db *db, const an_hash *hash, an_buf *b, size_t *ret_len,
                    an_note *why);
/* Within a transaction.  What waits goes on waiting until an_small_done. */
an_err an_small_store(const an_small *s, an_db *db, an_note *why);
/* Writes the files that are not as they were anew.  Errors: PROTO damaged, IO, NOMEM. */
an_err an_small_restore(an_db *db, an_objects *o, an_note *why);

/* ---- Backends ------------------------------------------------------------------------------
 */

/* The last record: what the next one is chained to. */
typedef struct an_store_head {
    uint64_t seq;   /* 0: the journal is empty */
    an_hash chain;  /* all zero: the journal is empty */
    uint64_t epoch; /* of the coordinator that wrote last or holds the store */
} an_store_head;

typedef struct an_store_backend {
    const char *name; /* the url's scheme */

    bool shared; /* several coordinators may wait for it */

    /* at: what follows "name:" in the url.  Owns nothing on failure. */
    an_err (*open)(void **ret_state, const char *at, const an_store_place *place, an_note *why);
    void (*close)(void *state);
    an_err (*keep)(void *state, an_note *why);
    uint64_t (*epoch)(const void *state);

    /* n >= 1 records, checked; now_ms is the time of those that bring none.  The backend gives
     * seq and chain (an_record_chain). */
    an_err (*append)(void *state, const an_record *records, size_t n, int64_t now_ms, uint64_t *ret_last_seq,
                     an_note *why);
    /* Until the end of it, appends are one transaction; closing the store undoes them.  After an error the
     * store is to be closed.  NULL, as the next two: not offered. */
    an_err (*bulk)(void *state, bool begin, an_note *why);
    /* Writes the small objects that wait, within such a transaction. */
    an_err (*flush)(void *state, an_note *why);
    /* The file's bytes, which are not moved, become a shared object; a small one with the next append or flush. */
    an_err (*object_share)(void *state, const char *path, const an_hash *hash, an_note *why);
    an_err (*scan)(void *state, const an_store_filter *f, an_store_visit visit, void *ctx, an_note *why);
    an_err (*head)(void *state, an_store_head *ret, an_note *why);

    an_err (*object_put)(void *state, const void *bytes, size_t len, an_hash *ret, an_note *why);
    an_err (*object_put_row)(void *state, const void *bytes, size_t len, an_hash *ret, an_note *why);
    an_err (*object_adopt)(void *state, const char *path, const an_hash *hash, bool local, an_note *why);
    an_err (*object_get)(void *state, const an_hash *hash, an_buf *b, an_note *why);
    an_err (*object_size)(void *state, const an_hash *hash, uint64_t *ret_len, an_note *why);
    an_err (*object_remove)(void *state, const an_hash *hash, an_note *why);
    an_err (*object_file)(void *state, const an_hash *hash, char out[static AN_PATH_MAX], an_note *why);
    /* Every object that is shared, or with SQLite every one there is. */
    an_err (*object_each)(void *state, an_store_object_visit visit, void *ctx, an_note *why);
    an_err (*object_path)(const void *state, const an_hash *hash, char out[static AN_PATH_MAX]);
    const char *(*spool_dir)(const void *state);
} an_store_backend;

const an_store_backend *an_store_backend_at(size_t i); /* the table in order; NULL past its end */

/* As an_store_scan, of SQLite's table `records` (sqlite_scan.c). */
an_err an_sqlite_scan(an_db *db, const an_store_filter *f, an_store_visit visit, void *ctx, an_note *why);

/* The backend's own of a store that is open, for moving one store into another (migrate.c). */
an_err an_store_bulk(an_store *s, bool begin, an_note *why);
an_err an_store_flush(an_store *s, an_note *why);
an_err an_store_object_share(an_store *s, const char *path, const an_hash *hash, an_note *why);
an_err an_store_object_each(an_store *s, an_store_object_visit visit, void *ctx, an_note *why);

/* chain[n] of store.h: every number as 8 bytes little-endian, every string
 * preceded by its length as such a number, so that no byte can move from one field to the next;
 * idem NULL is the length 2^64 - 1 and nothing.  The body is in it by its hash: so an export can leave one out,
 * and its chain is whole all the same. */
void an_record_chain(an_hash *ret, const an_hash *before, const an_record *record);
void an_record_chain_of(an_hash *ret, const an_hash *before, const an_record *record, const an_hash *body);

#endif
