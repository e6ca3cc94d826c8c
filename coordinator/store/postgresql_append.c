/* Appending: one transaction in one round trip, BEGIN, the fence (andon.move_head), the records, the small
 * objects that waited, COMMIT.
 *
 * The head is kept in memory and compared by the fence, so that nothing is ever chained to a record that the
 * database does not hold.
 *
 * When the answer to a COMMIT is lost, the connection is opened anew and the lease taken again by a higher
 * epoch: that ends what the old connection may still be doing, and the head then says whether the records got
 * in. */
#include <poll.h>
#include <string.h>

#include "coordinator/store/postgresql.h"

#define RESOLVE_MS 3000 /* how long an append waits to learn what became of it */
#define PAUSE_MS 100
#define COLUMNS 8      /* of a record */
#define COLUMNS_FROM 4 /* so few are sent one by one */
#define PORTION 256
#define PORTION_BYTES ((size_t)1 << 20)

static int64_t mono(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

static an_err send_record(an_pg_store *s, const an_record *r, an_note *why)
{
    an_pq_args a = {.n = 0};
    an_pq_int(&a, (int64_t)r->seq);
    an_pq_int(&a, r->time_ms);
    an_pq_text(&a, r->kind);
    an_pq_text(&a, r->subject);
    an_pq_text(&a, r->actor);
    an_pq_text(&a, r->idem);
    an_pq_bytes(&a, r->body, r->body_len);
    an_pq_bytes(&a, r->chain.b, sizeof r->chain.b);
    return an_pq_send(s->pq, "INSERT INTO andon.records VALUES($1, $2, $3, $4, $5, $6, $7, $8)", &a, why);
}

static an_err send_head(an_pg_store *s, const an_store_head *head, an_note *why)
{
    an_pq_args a = {.n = 0};
    an_pq_int(&a, (int64_t)s->head.epoch);
    an_pq_int(&a, (int64_t)s->head.seq);
    an_pq_bytes(&a, s->head.chain.b, sizeof s->head.chain.b);
    an_pq_int(&a, (int64_t)head->seq);
    an_pq_bytes(&a, head->chain.b, sizeof head->chain.b);
    return an_pq_send(s->pq, "SELECT andon.move_head($1, $2, $3, $4, $5)", &a, why);
}

static an_record next_record(const an_record *given, an_store_head *head, int64_t now_ms)
{
    an_record r = *given;
    r.seq = ++head->seq;
    r.time_ms = r.time_ms ? r.time_ms : now_ms;
    an_record_chain(&r.chain, &head->chain, &r);
    head->chain = r.chain;
    return r;
}

/* Some records as eight columns: one command of the server instead of one for each. */
static an_err send_columns(an_pg_store *s, an_pq_array *x, const an_record *records, size_t n,
                           an_store_head *at, int64_t now_ms, an_note *why)
{
    static const an_pq_type types[COLUMNS] = {AN_PQ_INT,  AN_PQ_INT,  AN_PQ_TEXT,  AN_PQ_TEXT,
                                              AN_PQ_TEXT, AN_PQ_TEXT, AN_PQ_BYTES, AN_PQ_BYTES};
    an_pq_args a = {.n = 0};
    for (size_t c = 0; c < COLUMNS; c++)
        an_pq_array_clear(&x[c], types[c]);
    for (size_t i = 0; i < n; i++) {
        const an_record r = next_record(&records[i], at, now_ms);
        an_pq_array_int(&x[0], (int64_t)r.seq);
        an_pq_array_int(&x[1], r.time_ms);
        an_pq_array_put(&x[2], r.kind, strlen(r.kind));
        an_pq_array_put(&x[3], r.subject, strlen(r.subject));
        an_pq_array_put(&x[4], r.actor, strlen(r.actor));
        an_pq_array_put(&x[5], r.idem, r.idem ? strlen(r.idem) : 0);
        an_pq_array_put(&x[6], r.body_len ? r.body : "", r.body_len);
        an_pq_array_put(&x[7], r.chain.b, sizeof r.chain.b);
    }
    for (size_t c = 0; c < COLUMNS; c++) {
        if (an_buf_err(&x[c].b) != AN_OK)
            return an_fail(AN_ERR_NOMEM, why, "store: out of memory");
        an_pq_array_bind(&a, &x[c]);
    }
    return an_pq_send(s->pq,
                      "INSERT INTO andon.records SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[],"
                      " $4::text[], $5::text[], $6::text[], $7::bytea[], $8::bytea[])",
                      &a, why);
}

/* Portions of at most PORTION records and, but for one that is longer alone, PORTION_BYTES of bodies. */
static an_err send_records(an_pg_store *s, const an_record *records, size_t n, int64_t now_ms, an_note *why)
{
    an_pq_array x[COLUMNS];
    an_store_head at = s->head;
    an_err err = AN_OK;
    for (size_t c = 0; c < COLUMNS; c++)
        an_pq_array_init(&x[c], PORTION_BYTES + AN_RECORD_BODY_MAX + PORTION * (AN_RECORD_NAME_MAX + 64));
    for (size_t i = 0, m; i < n && err == AN_OK; i += m) {
        size_t bytes = 0;
        for (m = 0; i + m < n && m < PORTION && bytes < PORTION_BYTES; m++)
            bytes += records[i + m].body_len;
        if (m >= COLUMNS_FROM) {
            err = send_columns(s, x, records + i, m, &at, now_ms, why);
            continue;
        }
        for (size_t k = 0; k < m && err == AN_OK; k++) {
            const an_record r = next_record(&records[i + k], &at, now_ms);
            err = send_record(s, &r, why);
        }
    }
    for (size_t c = 0; c < COLUMNS; c++)
        an_pq_array_done(&x[c]);
    return err;
}

/* The fence needs the new end before the records are sent: the chain is made twice, which costs less than
 * keeping the copies. */
static an_err send_append(an_pg_store *s, const an_record *records, size_t n, int64_t now_ms,
                          an_store_head *ret_head, an_note *why)
{
    an_store_head head = s->head;
    for (size_t i = 0; i < n; i++)
        next_record(&records[i], &head, now_ms);
    *ret_head = head;
    an_err err = s->bulk ? AN_OK : an_pq_send(s->pq, "BEGIN", NULL, why);
    if (err == AN_OK)
        err = send_head(s, &head, why);
    if (err == AN_OK)
        err = send_records(s, records, n, now_ms, why);
    if (err == AN_OK)
        err = an_pg_small_send(s, why);
    return err == AN_OK && !s->bulk ? an_pq_send(s->pq, "COMMIT", NULL, why) : err;
}

/* Is the key of records[i] that of an earlier one of them, or in the journal? */
static an_err is_taken(an_pg_store *s, const an_record *records, size_t i, bool *ret, an_note *why)
{
    const an_record *r = &records[i];
    an_pq_rows rows = {NULL};
    an_pq_args a = {.n = 0};
    *ret = false;
    for (size_t k = 0; k < i && !*ret; k++)
        *ret = records[k].idem && strcmp(records[k].idem, r->idem) == 0 &&
               strcmp(records[k].actor, r->actor) == 0;
    if (*ret)
        return AN_OK;
    an_pq_text(&a, r->actor);
    an_pq_text(&a, r->idem);
    an_err err =
        an_pq_query(s->pq, "SELECT 1::bigint FROM andon.records WHERE actor = $1::text AND idem = $2::text",
                    &a, &rows, why);
    *ret = err == AN_OK && an_pq_rows_n(&rows) > 0;
    an_pq_rows_done(&rows);
    return err;
}

/* An insert met a record that is there.  Only a taken key is the caller's EXISTS: a record that
 * a strange hand put in the next place must not pass for one already acknowledged. */
static an_err explain_clash(an_pg_store *s, const an_record *records, size_t n, an_note *why)
{
    for (size_t i = 0; i < n; i++) {
        bool taken_key = false;
        an_err err = records[i].idem ? is_taken(s, records, i, &taken_key, why) : AN_OK;
        if (err != AN_OK)
            return an_pg_failed(s, err, why);
        if (taken_key)
            return an_fail(AN_ERR_EXISTS, why, "journal: %s has already appended a record with the key %s",
                           records[i].actor, records[i].idem);
    }
    return an_fail(AN_ERR_PROTO, why, "journal: damaged: a record %llu is there that was not appended here",
                   (unsigned long long)(s->head.seq + 1));
}

/* The answer was lost.  OK: the records are in.  AGAIN: they are not, nor ever will be.  IO: not known yet. */
static an_err resolve(an_pg_store *s, const an_store_head *made, an_note *why)
{
    s->unsure = *made;
    s->is_unsure = true;
    s->retry_ms = 0;
    an_err err;
    for (int64_t until = mono() + RESOLVE_MS;;) {
        err = an_pg_connected(s, why);
        if (err != AN_ERR_IO || mono() >= until)
            break;
        poll(NULL, 0, PAUSE_MS);
    }
    if (err != AN_OK)
        return err;
    if (!s->is_unsure)
        return an_fail(AN_ERR_AGAIN, why, "postgresql: the connection was lost, and nothing was written");
    s->is_unsure = false;
    return AN_OK;
}

static an_err append_once(an_pg_store *s, const an_record *records, size_t n, int64_t now_ms, an_note *why)
{
    an_store_head head;
    an_err err = send_append(s, records, n, now_ms, &head, why);
    const bool finished = err == AN_OK || an_pq_lost(s->pq);
    if (err == AN_OK)
        err = an_pq_finish(s->pq, NULL, why);
    if (err == AN_OK) {
        s->head.seq = head.seq;
        s->head.chain = head.chain;
        return AN_OK;
    }
    if (!finished &&
        !an_pq_lost(s->pq)) /* half a pipeline is queued: nothing of it may be left for the next */
        an_pq_abandon(s->pq);
    if (an_pq_lost(s->pq) && finished && !s->bulk)
        return resolve(s, &head, why);
    if (err == AN_ERR_EXISTS)
        return explain_clash(s, records, n, why);
    return an_pg_failed(s, err, why);
}

an_err an_pg_append(void *state, const an_record *records, size_t n, int64_t now_ms, uint64_t *ret_last_seq,
                    an_note *why)
{
    an_pg_store *s = state;
    an_err err = AN_ERR_AGAIN;
    for (int attempt = 0; attempt < 2 && err == AN_ERR_AGAIN; attempt++) {
        err = an_pg_ready(s, why);
        if (err == AN_OK)
            err = append_once(s, records, n, now_ms, why);
    }
    if (err != AN_OK)
        return err == AN_ERR_AGAIN ? AN_ERR_IO : err;
    an_small_done(&s->small);
    *ret_last_seq = s->head.seq;
    return AN_OK;
}

an_err an_pg_bulk(void *state, bool begin, an_note *why)
{
    an_pg_store *s = state;
    an_err err = an_pg_ready(s, why);
    if (err == AN_OK)
        err = an_pq_query(s->pq, begin ? "BEGIN" : "COMMIT", NULL, NULL, why);
    s->bulk = begin && err == AN_OK;
    return err;
}

an_err an_pg_flush(void *state, an_note *why)
{
    an_pg_store *s = state;
    an_err err = an_pg_ready(s, why);
    if (err == AN_OK && (err = an_pg_small_send(s, why)) == AN_OK)
        err = an_pq_finish(s->pq, NULL, why);
    if (err != AN_OK)
        return an_pg_failed(s, err, why);
    an_small_done(&s->small);
    return AN_OK;
}

an_err an_pg_head(void *state, an_store_head *ret, an_note *why)
{
    an_pg_store *s = state;
    an_pq_rows rows = {NULL};
    size_t len = 0;
    an_err err = an_pg_ask(s, "SELECT seq, chain, epoch FROM andon.head", false, NULL, &rows, why);
    if (err != AN_OK)
        return err;
    const void *chain = an_pq_rows_n(&rows) == 1 ? an_pq_get_bytes(&rows, 0, 1, &len) : NULL;
    if (len != AN_HASH_BYTES || an_pq_get_int(&rows, 0, 0) < 0) {
        err = an_fail(AN_ERR_PROTO, why, "postgresql: damaged: the head is missing");
    } else {
        *ret = (an_store_head){.seq = (uint64_t)an_pq_get_int(&rows, 0, 0),
                               .epoch = (uint64_t)an_pq_get_int(&rows, 0, 2)};
        memcpy(ret->chain.b, chain, len);
    }
    an_pq_rows_done(&rows);
    return err;
}
