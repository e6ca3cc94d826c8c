/* The front of the store: finds the backend by the url's scheme, believes no argument, and
 * checks the chain by reading what the backend gives back. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/notify.h"
#include "base/utf8.h"
#include "coordinator/records.h"
#include "coordinator/store/store_internal.h"

struct an_store {
    const an_store_backend *backend;
    void *state;
    const an_clock *clock;
    an_store_figures figures;
    unsigned scanning; /* depth of scans under way; an append among them would move what they read */
};

#define AN_STORE(name) extern const an_store_backend an_store_backend_##name;
#include "coordinator/store/stores.def"
#undef AN_STORE

static const an_store_backend *const backends[] = {
#define AN_STORE(name) &an_store_backend_##name,
#include "coordinator/store/stores.def"
#undef AN_STORE
};

const an_store_backend *an_store_backend_at(size_t i)
{
    return i < sizeof backends / sizeof backends[0] ? backends[i] : NULL;
}

static const an_store_backend *backend_of(const char *url, const char **ret_place)
{
    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++) {
        size_t len = strlen(backends[i]->name);
        if (strncmp(url, backends[i]->name, len) == 0 && url[len] == ':') {
            *ret_place = url + len + 1;
            return backends[i];
        }
    }
    return NULL;
}

static an_err unknown_backend(const char *url, an_note *why)
{
    char known[128] = "";
    size_t at = 0;
    for (size_t i = 0; i < sizeof backends / sizeof backends[0] && at < sizeof known; i++) {
        int n = snprintf(known + at, sizeof known - at, "%s%s:", i ? ", " : "", backends[i]->name);
        at += n > 0 ? (size_t)n : 0;
    }
    return an_fail(AN_ERR_INVAL, why, "store \"%.*s:...\": no such kind of store; known: %s",
                   (int)strcspn(url, ":") > 40 ? 40 : (int)strcspn(url, ":"), url,
                   known); /* no password in it */
}

an_err an_store_open(const an_store_place *place, const an_clock *clock, an_store **ret, an_note *why)
{
    const char *at = NULL;
    const an_store_backend *backend = backend_of(place->url, &at);
    if (!backend)
        return unknown_backend(place->url, why);
    if (!at[0])
        return an_fail(AN_ERR_INVAL, why, "store \"%.80s\": the place is missing after the colon",
                       place->url);
    if (backend->shared && (!place->folder || !place->folder[0]))
        return an_fail(AN_ERR_INVAL, why, "store %s: a folder for local files is missing", backend->name);
    an_store *s = an_alloc(1, sizeof *s);
    if (!s)
        return an_fail(AN_ERR_NOMEM, why, "store: out of memory");
    s->backend = backend;
    s->clock = clock;
    an_err err = backend->open(&s->state, at, place, why);
    if (err != AN_OK) {
        an_free(s);
        return err;
    }
    *ret = s;
    return AN_OK;
}

void an_store_close(an_store *s)
{
    if (!s)
        return;
    s->backend->close(s->state);
    an_free(s);
}

an_err an_store_keep(an_store *s, an_note *why)
{
    an_err err = s->backend->keep(s->state, why);
    an_tick_add(&s->figures.errors, err != AN_OK);
    return err;
}

const an_store_figures *an_store_figures_get(const an_store *s)
{
    return &s->figures;
}

uint64_t an_store_epoch(const an_store *s)
{
    return s->backend->epoch(s->state);
}

an_err an_store_bulk(an_store *s, bool begin, an_note *why)
{
    return s->backend->bulk
               ? s->backend->bulk(s->state, begin, why)
               : an_fail(AN_ERR_UNSUPPORTED, why, "store %s: nothing is moved into it", s->backend->name);
}

an_err an_store_flush(an_store *s, an_note *why)
{
    return s->backend->flush(s->state, why);
}

an_err an_store_object_share(an_store *s, const char *path, const an_hash *hash, an_note *why)
{
    return s->backend->object_share(s->state, path, hash, why);
}

an_err an_store_object_each(an_store *s, an_store_object_visit visit, void *ctx, an_note *why)
{
    return s->backend->object_each(s->state, visit, ctx, why);
}

/* ---- Records -------------------------------------------------------------------------------
 */

/* Length of a name of at most AN_RECORD_NAME_MAX bytes, or one more than that. */
static size_t name_len(const char *name)
{
    const char *end = memchr(name, '\0', AN_RECORD_NAME_MAX + 1);
    return end ? (size_t)(end - name) : AN_RECORD_NAME_MAX + 1;
}

static an_err check_name(const char *what, const char *name, an_note *why)
{
    if (!name || !name[0])
        return an_fail(AN_ERR_INVAL, why, "record: its %s is missing", what);
    size_t len = name_len(name);
    if (len > AN_RECORD_NAME_MAX)
        return an_fail(AN_ERR_LIMIT, why, "record: its %s has more than %d bytes", what, AN_RECORD_NAME_MAX);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == 0x7f)
            return an_fail(AN_ERR_INVAL, why, "record: its %s has a control character", what);
    }
    if (!an_utf8_check(name, len, NULL))
        return an_fail(AN_ERR_INVAL, why, "record: its %s is not UTF-8", what);
    return AN_OK;
}

static an_err check_record(const an_record *r, an_note *why)
{
    an_err err;
    if ((err = check_name("kind", r->kind, why)) != AN_OK ||
        (err = check_name("subject", r->subject, why)) != AN_OK ||
        (err = check_name("actor", r->actor, why)) != AN_OK ||
        (r->idem && (err = check_name("idempotency key", r->idem, why)) != AN_OK))
        return err;
    if (!an_record_kind_find(r->kind))
        return an_fail(AN_ERR_INVAL, why, "record: kind \"%s\" is not a row of records.def", r->kind);
    if (r->body_len > AN_RECORD_BODY_MAX)
        return an_fail(AN_ERR_LIMIT, why, "record %s: its body of %zu bytes is longer than %zu", r->kind,
                       r->body_len, AN_RECORD_BODY_MAX);
    if (r->body_len && !r->body)
        return an_fail(AN_ERR_INVAL, why, "record %s: its body is missing", r->kind);
    if (r->time_ms < 0)
        return an_fail(AN_ERR_INVAL, why, "record %s: its time lies before 1970", r->kind);
    return AN_OK;
}

an_err an_store_append(an_store *s, const an_record *records, size_t n, uint64_t *ret_last_seq, an_note *why)
{
    if (s->scanning)
        return an_fail(AN_ERR_STATE, why, "store: append while a scan is under way");
    if (n == 0)
        return an_store_head_get(s, ret_last_seq, NULL, why);
    if (n > AN_RECORD_BATCH_MAX)
        return an_fail(AN_ERR_LIMIT, why, "store: %zu records in one append, at most %d", n,
                       AN_RECORD_BATCH_MAX);
    for (size_t i = 0; i < n; i++) {
        an_err err = check_record(&records[i], why);
        if (err != AN_OK)
            return err;
    }
    uint64_t last = 0;
    const uint64_t since_ns = an_clock_ns();
    an_err err = s->backend->append(s->state, records, n, s->clock->wall_ms(s->clock), &last, why);
    if (err == AN_OK)
        an_times_add(&s->figures.append, an_times_short, (an_clock_ns() - since_ns) / 1000);
    else if (err != AN_ERR_EXISTS) /* which is an answer */
        an_tick_add(&s->figures.errors, 1);
    if (err == AN_OK && ret_last_seq)
        *ret_last_seq = last;
    return err;
}

typedef struct scan {
    an_store *store;
    an_store_visit visit;
    void *ctx;
} scan;

/* Who waits for a sign of life shall not take a journal of millions of records for a loop that hangs. */
static an_err visit_one(void *ctx, const an_record *record, an_note *why)
{
    const scan *s = ctx;
    const int64_t now = s->store->clock->mono_ms(s->store->clock);
    atomic_store_explicit(&s->store->figures.read_ms, now, memory_order_relaxed);
    an_notify_alive(now);
    return s->visit(s->ctx, record, why);
}

an_err an_store_scan(an_store *s, const an_store_filter *f, an_store_visit visit, void *ctx, an_note *why)
{
    scan whole = {s, visit, ctx};
    static const an_store_filter all = {0};
    if (!f)
        f = &all;
    if ((f->kind && name_len(f->kind) > AN_RECORD_NAME_MAX) ||
        (f->subject && name_len(f->subject) > AN_RECORD_NAME_MAX))
        return an_fail(AN_ERR_INVAL, why, "store: a name to look for has more than %d bytes",
                       AN_RECORD_NAME_MAX);
    s->scanning++;
    an_err err = s->backend->scan(s->state, f, visit_one, &whole, why);
    s->scanning--;
    return err;
}

an_err an_store_head_get(an_store *s, uint64_t *ret_seq, an_hash *ret_chain, an_note *why)
{
    an_store_head head;
    an_err err = s->backend->head(s->state, &head, why);
    if (err != AN_OK)
        return err;
    if (ret_seq)
        *ret_seq = head.seq;
    if (ret_chain)
        *ret_chain = head.chain;
    return AN_OK;
}

/* ---- The chain -----------------------------------------------------------------------------
 */

typedef struct verify_state {
    uint64_t seq; /* of the last good record */
    an_hash chain;
} verify_state;

static an_err verify_one(void *ctx, const an_record *r, an_note *why)
{
    verify_state *v = ctx;
    if (r->seq != v->seq + 1)
        return an_fail(AN_ERR_PROTO, why, "journal: record %llu is missing",
                       (unsigned long long)(v->seq + 1));
    an_hash chain;
    an_record_chain(&chain, &v->chain, r);
    if (!an_hash_equal(&chain, &r->chain))
        return an_fail(AN_ERR_PROTO, why, "journal: record %llu (%.60s) is not what was written",
                       (unsigned long long)r->seq, r->kind);
    v->seq = r->seq;
    v->chain = chain;
    return AN_OK;
}

an_err an_store_verify(an_store *s, uint64_t *ret_n, an_note *why)
{
    verify_state v = {0};
    an_store_head head;
    an_err err = an_store_scan(s, NULL, verify_one, &v, why);
    if (err == AN_OK)
        err = s->backend->head(s->state, &head, why);
    if (err != AN_OK)
        return err;
    if (head.seq > v.seq)
        return an_fail(AN_ERR_PROTO, why, "journal: record %llu and all up to %llu are missing",
                       (unsigned long long)(v.seq + 1), (unsigned long long)head.seq);
    if (head.seq < v.seq || !an_hash_equal(&head.chain, &v.chain))
        return an_fail(AN_ERR_PROTO, why, "journal: record %llu is not the one that was written last",
                       (unsigned long long)v.seq);
    if (ret_n)
        *ret_n = v.seq;
    return AN_OK;
}

/* ---- Objects -------------------------------------------------------------------------------
 */

an_err an_store_object_put(an_store *s, const void *bytes, size_t len, an_hash *ret, an_note *why)
{
    return s->backend->object_put(s->state, bytes, len, ret, why);
}

an_err an_store_object_put_row(an_store *s, const void *bytes, size_t len, an_hash *ret, an_note *why)
{
    if (len > AN_OBJECT_SMALL)
        return an_fail(AN_ERR_LIMIT, why, "store: %zu bytes are not a small object", len);
    return s->backend->object_put_row(s->state, bytes, len, ret, why);
}

an_err an_store_object_adopt(an_store *s, const char *path, const an_hash *hash, an_note *why)
{
    return s->backend->object_adopt(s->state, path, hash, false, why);
}

an_err an_store_object_adopt_local(an_store *s, const char *path, const an_hash *hash, an_note *why)
{
    return s->backend->object_adopt(s->state, path, hash, true, why);
}

an_err an_store_object_get(an_store *s, const an_hash *hash, an_buf *b, an_note *why)
{
    return s->backend->object_get(s->state, hash, b, why);
}

an_err an_store_object_size(an_store *s, const an_hash *hash, uint64_t *ret_len, an_note *why)
{
    return s->backend->object_size(s->state, hash, ret_len, why);
}

an_err an_store_object_remove(an_store *s, const an_hash *hash, an_note *why)
{
    return s->backend->object_remove(s->state, hash, why);
}

an_err an_store_object_file(an_store *s, const an_hash *hash, char out[static AN_PATH_MAX], an_note *why)
{
    return s->backend->object_file(s->state, hash, out, why);
}

an_err an_store_object_path(const an_store *s, const an_hash *hash, char out[static AN_PATH_MAX])
{
    return s->backend->object_path(s->state, hash, out);
}

const char *an_store_spool_dir(const an_store *s)
{
    return s->backend->spool_dir(s->state);
}
