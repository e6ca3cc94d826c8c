/* Reading records page by page, each a query of its own: a visit may read the store and scan it too, and no
 * page is larger than PAGE bodies of BODY_INLINE bytes, whatever is in the table. */
#include <stdio.h>
#include <string.h>

#include "coordinator/store/postgresql.h"

#define PAGE 512
#define BODY_INLINE 65536 /* a longer body is fetched alone */

#define FIELDS                                                                                               \
    "SELECT seq, time_ms, kind, subject, actor, idem, CASE WHEN octet_length(body) <= 65536 THEN body END,"  \
    " chain, octet_length(body) FROM andon.records"

/* Only fixed pieces of SQL are put together; values are bound. */
static an_err query_page(an_pg_store *s, const an_store_filter *f, int64_t from, size_t limit,
                         an_pq_rows *ret, an_note *why)
{
    char sql[512], kind_end[AN_RECORD_NAME_MAX + 1] = "";
    size_t kind_len = f->kind ? strlen(f->kind) : 0, at;
    bool prefix = kind_len && f->kind[kind_len - 1] == '.';
    an_pq_args a = {.n = 0};
    an_pq_int(&a, f->after_seq > INT64_MAX ? INT64_MAX : (int64_t)f->after_seq);
    an_pq_int(&a, from);
    an_pq_int(&a, (int64_t)limit);
    at = (size_t)snprintf(sql, sizeof sql, FIELDS " WHERE seq > $1::bigint AND seq %s $2::bigint",
                          f->newest_first ? "<" : ">");
    if (f->before_seq) {
        an_pq_int(&a, f->before_seq > INT64_MAX ? INT64_MAX : (int64_t)f->before_seq);
        at += (size_t)snprintf(sql + at, sizeof sql - at, " AND seq < $%d::bigint", a.n);
    }
    if (f->until_ms) {
        an_pq_int(&a, f->until_ms);
        at += (size_t)snprintf(sql + at, sizeof sql - at, " AND time_ms <= $%d::bigint", a.n);
    }
    if (f->kind) {
        an_pq_text(&a, f->kind);
        at += (size_t)snprintf(sql + at, sizeof sql - at, " AND kind %s $%d::text", prefix ? ">=" : "=", a.n);
    }
    if (prefix) {
        memcpy(kind_end, f->kind, kind_len);
        kind_end[kind_len - 1] = '.' + 1; /* the first text that no longer has the prefix */
        an_pq_text(&a, kind_end);
        at += (size_t)snprintf(sql + at, sizeof sql - at, " AND kind < $%d::text", a.n);
    }
    if (f->subject) {
        an_pq_text(&a, f->subject);
        at += (size_t)snprintf(sql + at, sizeof sql - at, " AND subject = $%d::text", a.n);
    }
    snprintf(sql + at, sizeof sql - at, " ORDER BY seq%s LIMIT $3::bigint", f->newest_first ? " DESC" : "");
    return an_pg_ask(s, sql, true, &a, ret, why);
}

static an_err damaged(uint64_t seq, an_note *why)
{
    return an_fail(AN_ERR_PROTO, why, "journal: record %llu is damaged", (unsigned long long)seq);
}

static an_err long_body(an_pg_store *s, an_record *r, an_pq_rows *ret, an_note *why)
{
    an_pq_args a = {.n = 0};
    an_pq_int(&a, (int64_t)r->seq);
    an_err err = an_pg_ask(s, "SELECT body FROM andon.records WHERE seq = $1::bigint", false, &a, ret, why);
    if (err == AN_OK && an_pq_rows_n(ret) != 1)
        err = damaged(r->seq, why);
    if (err == AN_OK)
        r->body = an_pq_get_bytes(ret, 0, 0, &r->body_len);
    return err;
}

static an_err visit_row(an_pg_store *s, const an_pq_rows *rows, size_t i, an_store_visit visit, void *ctx,
                        an_note *why)
{
    size_t chain_len = 0;
    an_pq_rows body = {NULL};
    an_record r = {.seq = (uint64_t)an_pq_get_int(rows, i, 0), .time_ms = an_pq_get_int(rows, i, 1)};
    const void *chain = an_pq_get_bytes(rows, i, 7, &chain_len);
    int64_t body_len = an_pq_get_int(rows, i, 8);
    r.kind = an_pq_get_text(rows, i, 2);
    r.subject = an_pq_get_text(rows, i, 3);
    r.actor = an_pq_get_text(rows, i, 4);
    r.idem = an_pq_is_null(rows, i, 5) ? NULL : an_pq_get_text(rows, i, 5);
    if (chain_len != AN_HASH_BYTES || body_len > (int64_t)AN_RECORD_BODY_MAX)
        return damaged(r.seq, why);
    memcpy(r.chain.b, chain, AN_HASH_BYTES);
    an_err err = AN_OK;
    if (body_len <= BODY_INLINE)
        r.body = an_pq_get_bytes(rows, i, 6, &r.body_len);
    else
        err = long_body(s, &r, &body, why);
    an_pg_alive(s);
    if (err == AN_OK)
        err = visit(ctx, &r, why);
    an_pq_rows_done(&body);
    return err;
}

an_err an_pg_scan(void *state, const an_store_filter *f, an_store_visit visit, void *ctx, an_note *why)
{
    int64_t from = f->newest_first ? INT64_MAX : 0;
    size_t left = f->limit ? f->limit : SIZE_MAX, n = PAGE;
    an_err err = AN_OK;
    while (err == AN_OK && left > 0 && n == PAGE) {
        an_pq_rows rows = {NULL};
        err = query_page(state, f, from, left < PAGE ? left : PAGE, &rows, why);
        n = an_pq_rows_n(&rows);
        for (size_t i = 0; i < n && err == AN_OK; i++) {
            from = an_pq_get_int(&rows, i, 0);
            err = visit_row(state, &rows, i, visit, ctx, why);
        }
        left -= n < left ? n : left;
        an_pq_rows_done(&rows);
    }
    return err;
}
