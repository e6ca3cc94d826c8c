/* postgresql.h - what the files of the PostgreSQL backend share.
 *
 *   postgresql.c         the lease and the connection's life
 *   postgresql_keeper.c  who renews the lease while the store is busy
 *   postgresql_append.c  appending
 *   postgresql_schema.c  tables and functions, and their versions
 *   postgresql_scan.c    reading records
 *   postgresql_objects.c objects in rows, and their files here
 *
 * Threads: as store.h says: an_pg_object_file from any, all else from the store's; the keeper is one of its own. */
#ifndef AN_COORDINATOR_STORE_POSTGRESQL_H
#define AN_COORDINATOR_STORE_POSTGRESQL_H

#include <pthread.h>
#include <stdatomic.h>

#include "coordinator/store/store_internal.h"
#include "doors/pq.h"

#define AN_PG_CONNECT_MS 3000 /* for a connection, and silence of the server after which it is given up */
#define AN_PG_TTL_MS 3000     /* of the lease */
#define AN_PG_HUNG_MS 60000   /* without a sign of life of the store's thread: it hangs */
#define AN_PG_CHUNK ((size_t)1 << 20)
#define AN_PG_LIFE 16

typedef struct an_pg_keeper {
    pthread_t thread;
    bool runs;
    pthread_mutex_t lock; /* of `ending` */
    pthread_cond_t end;
    bool ending;
    int64_t hung_ms;
    _Atomic int64_t alive_ms, kept_ms; /* mono: the store's thread was seen, the lease was renewed */
} an_pg_keeper;

typedef struct an_pg_store {
    int lock_fd; /* of the folder */
    char *conninfo;
    an_pq *pq;                           /* NULL or lost: to be opened anew */
    uint8_t life[AN_PG_LIFE];            /* names this opening of the store in the lease */
    char owner[2 * AN_PG_LIFE + 1];      /* names the folder: a later opening of it takes the lease at once */
    char holder[AN_RECORD_NAME_MAX + 1]; /* in the lease: who this is, and after a blank its keys */
    const char *keys;                    /* while it opens; NULL: not compared */
    an_store_head head;                  /* as this process wrote or found it */
    an_store_head unsure;                /* what an append that lost its answer would have made of it */
    bool is_unsure;
    bool gone; /* for good: see `gone_why` */
    an_note gone_why;
    int64_t retry_ms; /* no new connection before this time */
    bool bulk;        /* one transaction over many appends */
    an_small small;   /* goes with the next append */
    an_objects objects;
    an_pg_keeper keeper;

    pthread_mutex_t lock; /* of what follows, which an_pg_object_file uses from any thread */
    bool has_lock;
    an_pq *fetch;
    int64_t fetch_retry_ms;
} an_pg_store;

/* A connection with the session's settings.  Errors: as an_pq_open. */
an_err an_pg_connect(const char *conninfo, an_pq **ret, an_note *why);
/* Makes or migrates the schema.  Errors: PROTO another's, UNSUPPORTED newer, INVAL not UTF-8, AGAIN a coordinator
 * of the older version is at work, and of the connection. */
an_err an_pg_schema(an_pq *pq, an_note *why);

/* The connection, opened anew if it was lost.  Errors: IO, STATE. */
an_err an_pg_ready(an_pg_store *s, an_note *why);
/* The same for an append that asks what became of it: is_unsure stays set if it got in. */
an_err an_pg_connected(an_pg_store *s, an_note *why);
/* Nothing more is done with the store.  Returns STATE. */
an_err an_pg_gone(an_pg_store *s, const char *text, an_note *why);
/* Something that may be asked twice, and is if the connection is lost.  once: sql was put together for it. */
an_err an_pg_ask(an_pg_store *s, const char *sql, bool once, const an_pq_args *a, an_pq_rows *ret,
                 an_note *why);
/* After a command failed: STATE is remembered, what the caller need not know apart becomes IO. */
an_err an_pg_failed(an_pg_store *s, an_err err, const an_note *why);

/* Once the lease is held; hung_ms 0: AN_PG_HUNG_MS.  Errors: NOMEM. */
an_err an_pg_keeper_start(an_pg_store *s, int64_t hung_ms, an_note *why);
void an_pg_keeper_stop(an_pg_store *s); /* one that does not run is fine */
void an_pg_alive(an_pg_store *s);       /* from the store's thread */
void an_pg_kept(an_pg_store *s);

an_err an_pg_append(void *state, const an_record *records, size_t n, int64_t now_ms, uint64_t *ret_last_seq,
                    an_note *why);
an_err an_pg_bulk(void *state, bool begin, an_note *why);
an_err an_pg_flush(void *state, an_note *why);
an_err an_pg_head(void *state, an_store_head *ret, an_note *why);
an_err an_pg_scan(void *state, const an_store_filter *f, an_store_visit visit, void *ctx, an_note *why);

an_err an_pg_object_put(void *state, const void *bytes, size_t len, an_hash *ret, an_note *why);
an_err an_pg_object_put_row(void *state, const void *bytes, size_t len, an_hash *ret, an_note *why);
an_err an_pg_object_adopt(void *state, const char *path, const an_hash *hash, bool local, an_note *why);
an_err an_pg_object_share(void *state, const char *path, const an_hash *hash, an_note *why);
an_err an_pg_object_get(void *state, const an_hash *hash, an_buf *b, an_note *why);
an_err an_pg_object_size(void *state, const an_hash *hash, uint64_t *ret_len, an_note *why);
an_err an_pg_object_remove(void *state, const an_hash *hash, an_note *why);
an_err an_pg_object_file(void *state, const an_hash *hash, char out[static AN_PATH_MAX], an_note *why);
an_err an_pg_object_each(void *state, an_store_object_visit visit, void *ctx, an_note *why);
/* Queues the small objects that wait.  Within a transaction. */
an_err an_pg_small_send(an_pg_store *s, an_note *why);

#endif
