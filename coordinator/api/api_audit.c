/* The journal for auditors: everything checked again, and the whole of it to take along. */
#include <string.h>

#include "base/mem.h"
#include "base/opt.h"
#include "coordinator/api/api_internal.h"
#include "coordinator/audit.h"
#include "doors/crypto.h"

#define PAGE_BYTES ((size_t)4 << 20)
#define PAGE_RECORDS 5000

/* ---- verify ---- */

static void audit_done(void *state)
{
    an_audit_free(*(an_audit **)state);
}

static an_err audit_one(void *ctx, const an_record *r, an_note *why)
{
    return an_audit_record(ctx, r, why);
}

static void set_counts(an_json *o, const an_audit_counts *n)
{
    an_json_set_int(o, "reports", (int64_t)n->reports);
    an_json_set_int(o, "reports_plain", (int64_t)n->reports_plain);
    an_json_set_int(o, "releases", (int64_t)n->releases);
    an_json_set_int(o, "delegations", (int64_t)(n->delegations + n->revocations));
    an_json_set_int(o, "rotations", (int64_t)n->rotations);
}

/* Is what was read all that was written? */
static an_err audit_end(an_api_call *c, const an_audit_counts *n, an_note *why)
{
    uint64_t seq = 0;
    an_hash chain;
    an_err err = an_store_head_get(an_hub_store(c->hub), &seq, &chain, why);
    if (err != AN_OK || (seq == n->records && an_hash_equal(&chain, &n->chain)))
        return err;
    if (seq > n->records)
        return an_fail(AN_ERR_PROTO, why, "journal: record %llu and all up to %llu are missing",
                       (unsigned long long)(n->records + 1), (unsigned long long)seq);
    return an_fail(AN_ERR_PROTO, why, "journal: record %llu is not the one that was written last",
                   (unsigned long long)n->records);
}

an_err an_api_journal_verify(an_api_call *c, an_note *why)
{
    uint64_t seq = 0;
    an_hash chain;
    an_note found = {{0}};
    an_audit **a = NULL;
    an_err err = an_api_rest_open(c, sizeof(an_audit *), audit_done, &a);
    if (err == AN_OK && !*a)
        err = an_audit_new(a);
    if (err != AN_OK)
        return err;
    err = an_api_rest_scan(c, &(an_store_filter){.kind = NULL}, audit_one, *a, &found);
    const an_audit_counts *n = an_audit_look(*a);
    if (err == AN_OK)
        err = audit_end(c, n, &found);
    if (err != AN_OK && err != AN_ERR_PROTO && err != AN_ERR_AUTH) {
        an_note_set(why, "%s", found.text);
        return err;
    }
    an_json_set_bool(c->answer, "intact", err == AN_OK);
    an_json_set_int(c->answer, "records", (int64_t)n->records);
    set_counts(c->answer, n);
    if (err != AN_OK)
        an_json_set_text(c->answer, "detail", found.text);
    if ((err = an_store_head_get(an_hub_store(c->hub), &seq, &chain, why)) != AN_OK)
        return err;
    an_json_set_int(c->answer, "last", (int64_t)seq);
    an_api_set_hash(c->answer, "chain", &chain);
    return AN_OK;
}

/* ---- export ---- */

typedef struct page {
    an_api_call *call;
    an_buf lines;
    uint64_t last;
    size_t n;
} page;

/* Could whoever holds the key of this token still ask to be admitted with it? */
static bool is_secret(const page *p, const an_record *r)
{
    uint8_t id[AN_TOKEN_ID_BYTES];
    if (strcmp(r->kind, "site.token") != 0)
        return false;
    const an_token_entry *t = an_unhex(id, sizeof id, r->subject) ? an_state_token(p->call->state, id) : NULL;
    return !t || (!t->used && t->expires_ms > an_api_now(p->call));
}

static an_err add_line(void *ctx, const an_record *r, an_note *why)
{
    page *p = ctx;
    (void)why;
    if (p->n > 0 && p->lines.len + 2 * r->body_len > PAGE_BYTES)
        return AN_ERR_LIMIT; /* the next page begins with it */
    an_err err = an_audit_line(r, is_secret(p, r), &p->lines);
    p->last = r->seq;
    p->n += err == AN_OK;
    return err;
}

an_err an_api_journal_export(an_api_call *c, an_note *why)
{
    int64_t after = 0;
    if (c->req->after[0] && (!an_parse_int(c->req->after, &after) || after < 0))
        return an_fail(AN_ERR_INVAL, why, "after = %.60s: must be the number of a record", c->req->after);
    page p = {.call = c, .last = (uint64_t)after};
    const an_store_filter f = {.after_seq = (uint64_t)after, .limit = PAGE_RECORDS};
    an_buf_init(&p.lines, 2 * AN_AUDIT_LINE_MAX);
    an_err err = an_store_scan(an_hub_store(c->hub), &f, add_line, &p, why);
    if (err == AN_ERR_LIMIT && p.n > 0)
        err = AN_OK;
    if (err == AN_OK) {
        an_buf_u8(&p.lines, 0);
        err = an_buf_err(&p.lines);
    }
    if (err == AN_OK) {
        an_json_set_text(c->answer, "lines", (const char *)p.lines.data);
        an_json_set_int(c->answer, "records", (int64_t)p.n);
        an_json_set_int(c->answer, "last", (int64_t)p.last);
    }
    an_buf_done(&p.lines);
    return err;
}
