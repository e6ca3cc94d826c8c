/* bulk.h - large objects in 1 MiB chunks, pulled by the receiver.  Two machines without sockets
 * or clocks: an_fetch asks, an_serve answers.  Both programs use both.
 *
 *     receiver                                    sender
 *     an_fetch_step: ask(hash, offset, len)  -->  an_serve_ask: queued
 *     an_fetch_take: write, hash             <--  an_serve_step: read, reply(hash, offset,
 * bytes)
 *
 * At most AN_FETCH_WINDOW asks of one fetch are open, and all fetches together stay within one
 * an_budget of bytes, so the receiver decides how much may be under way.  A chunk is written as
 * it comes; the hash is fed in order (what came early is read back), so a fetch holds no data.
 * The object is good only when an_fetch_take or an_fetch_step returned OK and an_fetch_done
 * says true: the hash of the whole is compared at the end, whatever offset it was resumed from.
 *
 * Threads: one thread owns a fetch and its budget; one thread owns a serve. */
#ifndef AN_NET_BULK_H
#define AN_NET_BULK_H

#include <stdbool.h>

#include "doors/crypto.h"
#include "net/net.h"

#define AN_CHUNK_BYTES (1024u * 1024u)
#define AN_FETCH_WINDOW 8

typedef struct an_budget {
    uint64_t max, used; /* bytes asked for and not yet here */
} an_budget;

typedef struct an_fetch_conf {
    an_hash hash;       /* BLAKE2b-256 of the whole object, also its name */
    uint64_t total;     /* bytes; from a stranger, so */
    uint64_t total_max; /* ... refused above this */
    uint64_t resume_at; /* bytes from the start that are durable already (see an_fetch_at) */
    int64_t timeout_ms; /* an ask without answer is asked again after this */
    unsigned retries;   /* so often in a row without any chunk, then IO */
    an_budget *budget;  /* shared, outlives the fetch; NULL: none */
    /* The sink: a file or memory that can be read back.  Errors end the fetch. */
    an_err (*write)(void *user, uint64_t offset, const void *bytes, size_t len);
    an_err (*read)(void *user, uint64_t offset, void *ret_bytes, size_t len);
    /* Sends one ask.  AGAIN: not now; it is tried at the next step.  Other errors end the
     * fetch. */
    an_err (*ask)(void *user, const an_hash *hash, uint64_t offset, uint32_t len);
    void *user;
} an_fetch_conf;

typedef struct an_fetch an_fetch;

/* Reads the part that is there already to hash it.  Errors: LIMIT total above total_max, INVAL,
 * NOMEM, what `read` said. */
an_err an_fetch_new(const an_fetch_conf *conf, an_fetch **ret, an_note *why);
void an_fetch_free(an_fetch *f); /* gives its budget back; NULL is fine */

/* Asks for what may be asked, and again for what is overdue.  Call after each take, when
 * an_fetch_deadline passes, and when the link can send again.
 * Errors: IO the sender does not answer (resume later from an_fetch_at); PROTO the object of
 * length 0 does not have this hash; what a callback said.  An error is final. */
an_err an_fetch_step(an_fetch *f, int64_t now_ms);

/* A chunk came.  One that is here already is ignored.
 * Errors: PROTO offset, length or hash name not as asked (the fetch goes on), or, with
 * an_fetch_failed, the whole does not have the hash: discard all of it; what a callback said.
 */
an_err an_fetch_take(an_fetch *f, const an_hash *hash, uint64_t offset, const void *bytes, size_t len,
                     int64_t now_ms);

/* The link was lost: open asks are void and asked again at the next step. */
void an_fetch_relink(an_fetch *f);

bool an_fetch_done(const an_fetch *f);        /* all here, and the hash is right */
bool an_fetch_failed(const an_fetch *f);      /* an error that was final */
uint64_t an_fetch_at(const an_fetch *f);      /* bytes without a gap: where to resume */
int64_t an_fetch_deadline(const an_fetch *f); /* earliest overdue; INT64_MAX: nothing open */

typedef struct an_serve_conf {
    size_t queue;      /* asks that may wait, over all peers */
    unsigned per_peer; /* ... and for one peer; at least AN_FETCH_WINDOW */
    /* The object's length, if this site may have it.  Errors: NOTFOUND, REFUSED, ... */
    an_err (*find)(void *user, const char *site, const an_hash *hash, uint64_t *ret_total);
    an_err (*read)(void *user, const an_hash *hash, uint64_t offset, void *ret_bytes, size_t len);
    /* Sends one chunk (err = OK), or says that it cannot be had (bytes NULL).  AGAIN: the
     * peer's queue is full, kept for the next step.  Any other error drops the ask. */
    an_err (*reply)(void *user, const an_peer *peer, const an_hash *hash, uint64_t offset, const void *bytes,
                    size_t len, an_err err);
    void *user;
} an_serve_conf;

typedef struct an_serve an_serve;

an_err an_serve_new(const an_serve_conf *conf, an_serve **ret); /* Errors: INVAL, NOMEM */
void an_serve_free(an_serve *s);                                /* NULL is fine */

/* Queues an ask.  Errors: PROTO len 0 or over a chunk; LIMIT the peer or all have too many
 * waiting (dropped: the receiver asks again). */
an_err an_serve_ask(an_serve *s, const an_peer *peer, const char *site, const an_hash *hash, uint64_t offset,
                    uint32_t len);

/* Answers what waits; a peer that is full does not hold up the others.  Returns how many still
 * wait: call again when the socket can send, or a little later. */
size_t an_serve_step(an_serve *s);
void an_serve_forget(an_serve *s, const an_peer *peer); /* the peer has gone */

#endif
