/* From one store into another: first all that records may name, then the records, then one look at all of it. */
#include "coordinator/migrate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "coordinator/round.h"
#include "coordinator/store/store_internal.h"

#define BATCH 256
#define BATCH_BYTES ((size_t)4 << 20)
#define ROWS_WAITING 256
#define KEEP_MS 1000

typedef struct moving {
    an_store *from, *to;
    an_migrate_say say;
    void *ctx;
    an_migrate_report report;
    int64_t kept_ms;  /* when the lease was last renewed */
    an_hash *updates; /* sorted: what is local if it is large */
    size_t n_updates, updates_cap;
    size_t waiting; /* small objects that were not flushed */
    an_record batch[BATCH];
    size_t n_batch, batch_bytes;
    uint64_t total; /* records of the source */
} moving;

/* Now and then: who watches is told, and the lease renewed. */
static an_err step(moving *m, const char *what, uint64_t n, uint64_t of, bool last, an_note *why)
{
    int64_t now = an_clock_system()->mono_ms(an_clock_system());
    if (!last && now - m->kept_ms < KEEP_MS)
        return AN_OK;
    m->kept_ms = now;
    if (m->say)
        m->say(m->ctx, what, n, of);
    return an_store_keep(m->to, why);
}

/* ---- Objects ---- */

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(an_hash));
}

static an_err note_update(void *ctx, const an_record *record, an_note *why)
{
    moving *m = ctx;
    an_round_event e;
    an_err err = an_round_event_decode(record->body, record->body_len, &e, why);
    if (err != AN_OK || e.type != AN_ROUND_EVENT_UPDATE)
        return err;
    if (!an_grow(&m->updates, &m->updates_cap, m->n_updates + 1, sizeof *m->updates))
        return an_fail(AN_ERR_NOMEM, why, "out of memory");
    m->updates[m->n_updates++] = e.hash;
    return AN_OK;
}

static an_err move_row(moving *m, const an_hash *hash, an_note *why)
{
    an_buf b;
    an_hash made;
    an_buf_init(&b, AN_OBJECT_SMALL);
    an_err err = an_store_object_get(m->from, hash, &b, why);
    if (err == AN_OK)
        err = an_store_object_put_row(m->to, b.len ? b.data : (const uint8_t *)"", b.len, &made, why);
    an_buf_done(&b);
    m->waiting++;
    return err;
}

/* Nothing that is damaged is moved. */
static an_err check_file(const char *path, const an_hash *hash, an_note *why)
{
    uint8_t chunk[16384];
    an_hasher h;
    an_hash found;
    FILE *f = fopen(path, "rb");
    if (!f)
        return an_fail(AN_ERR_IO, why, "%.250s: cannot be read", path);
    an_hasher_init(&h);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        an_hasher_add(&h, chunk, n);
    bool whole = !ferror(f);
    fclose(f);
    an_hasher_end(&h, &found);
    return whole && an_hash_equal(&found, hash) ? AN_OK : an_fail(AN_ERR_PROTO, why, "%.250s: damaged", path);
}

static an_err move_file(moving *m, const an_hash *hash, an_note *why)
{
    char path[AN_PATH_MAX];
    uint64_t len = 0;
    an_err err = an_store_object_file(m->from, hash, path, why);
    if (err == AN_OK)
        err = an_file_size(path, &len, why);
    if (err == AN_OK && len > AN_OBJECT_SMALL && m->n_updates &&
        bsearch(hash, m->updates, m->n_updates, sizeof *hash, compare)) {
        m->report.local++;
        return AN_OK;
    }
    if (err == AN_OK)
        err = check_file(path, hash, why);
    if (err == AN_OK)
        err = an_store_object_share(m->to, path, hash, why);
    m->waiting += len <= AN_OBJECT_SMALL;
    m->report.bytes += len;
    m->report.objects++;
    return err;
}

static an_err move_object(void *ctx, const an_hash *hash, bool row, an_note *why)
{
    moving *m = ctx;
    an_err err = row ? move_row(m, hash, why) : move_file(m, hash, why);
    m->report.objects += row;
    if (err == AN_OK && m->waiting >= ROWS_WAITING) {
        err = an_store_flush(m->to, why);
        m->waiting = 0;
    }
    return err == AN_OK ? step(m, "objects", m->report.objects, 0, false, why) : err;
}

static an_err move_objects(moving *m, an_note *why)
{
    const an_store_filter events = {.kind = "round.event"};
    an_err err = an_store_scan(m->from, &events, note_update, m, why);
    if (err == AN_OK && m->n_updates)
        qsort(m->updates, m->n_updates, sizeof *m->updates, compare);
    if (err == AN_OK)
        err = an_store_object_each(m->from, move_object, m, why);
    if (err == AN_OK)
        err = an_store_flush(m->to, why);
    return err == AN_OK ? step(m, "objects", m->report.objects, m->report.objects, true, why) : err;
}

/* ---- Records ---- */

static void drop_batch(moving *m)
{
    for (size_t i = 0; i < m->n_batch; i++)
        an_free((void *)(uintptr_t)m->batch[i].kind); /* one block holds all of the record's texts */
    m->n_batch = 0;
    m->batch_bytes = 0;
}

static an_err append_batch(moving *m, an_note *why)
{
    uint64_t last = 0;
    an_err err = m->n_batch ? an_store_append(m->to, m->batch, m->n_batch, &last, why) : AN_OK;
    if (err == AN_OK && m->n_batch)
        m->report.records = last;
    drop_batch(m);
    return err == AN_OK ? step(m, "records", m->report.records, m->total, false, why) : err;
}

static const char *put_text(char **at, const char *text)
{
    size_t len = text ? strlen(text) + 1 : 0;
    char *to = *at;
    if (!text)
        return NULL;
    memcpy(to, text, len);
    *at += len;
    return to;
}

static an_err move_record(void *ctx, const an_record *r, an_note *why)
{
    moving *m = ctx;
    size_t len = strlen(r->kind) + strlen(r->subject) + strlen(r->actor) + (r->idem ? strlen(r->idem) : 0) +
                 4 + r->body_len;
    char *block = an_alloc_raw(len, 1), *at = block;
    if (!block)
        return an_fail(AN_ERR_NOMEM, why, "out of memory");
    an_record *to = &m->batch[m->n_batch++];
    *to = *r;
    to->kind = put_text(&at, r->kind);
    to->subject = put_text(&at, r->subject);
    to->actor = put_text(&at, r->actor);
    to->idem = put_text(&at, r->idem);
    if (r->body_len)
        memcpy(at, r->body, r->body_len);
    to->body = at;
    m->batch_bytes += len;
    return m->n_batch == BATCH || m->batch_bytes >= BATCH_BYTES ? append_batch(m, why) : AN_OK;
}

/* ---- All of it ---- */

static an_err count_object(void *ctx, const an_hash *hash, bool row, an_note *why)
{
    (void)hash;
    (void)row;
    (void)why;
    ++*(uint64_t *)ctx;
    return AN_OK;
}

/* Read back from the database, whole. */
static an_err check(moving *m, an_note *why)
{
    uint64_t n = 0, seq = 0, objects = 0;
    an_hash chain;
    an_err err = an_store_verify(m->to, &n, why);
    if (err == AN_OK)
        err = an_store_head_get(m->to, &seq, &chain, why);
    if (err == AN_OK)
        err = an_store_object_each(m->to, count_object, &objects, why);
    if (err == AN_OK && (n != m->total || !an_hash_equal(&chain, &m->report.chain)))
        err = an_fail(AN_ERR_PROTO, why, "the database holds another journal than was moved");
    if (err == AN_OK && !m->report.already && objects < m->report.objects)
        err = an_fail(AN_ERR_PROTO, why, "the database holds %llu objects of %llu",
                      (unsigned long long)objects, (unsigned long long)m->report.objects);
    m->report.records = n;
    m->report.objects = objects;
    return err == AN_OK ? step(m, "records checked", n, n, true, why) : err;
}

static an_err move(moving *m, an_note *why)
{
    uint64_t seq = 0;
    an_hash chain;
    an_err err = an_store_bulk(m->to, true, why);
    if (err == AN_OK)
        err = move_objects(m, why);
    if (err == AN_OK)
        err = an_store_scan(m->from, NULL, move_record, m, why);
    if (err == AN_OK)
        err = append_batch(m, why);
    if (err == AN_OK)
        err = an_store_head_get(m->to, &seq, &chain, why);
    if (err == AN_OK && (seq != m->total || !an_hash_equal(&chain, &m->report.chain)))
        err = an_fail(AN_ERR_PROTO, why, "record %llu has another chain in the database; nothing was moved",
                      (unsigned long long)seq);
    return err == AN_OK ? an_store_bulk(m->to, false, why) : err;
}

static an_err move_or_look(moving *m, an_note *why)
{
    uint64_t there = 0;
    an_hash chain;
    an_err err = an_store_verify(m->from, &m->total, why);
    if (err == AN_OK)
        err = an_store_head_get(m->from, NULL, &m->report.chain, why);
    if (err == AN_OK)
        err = an_store_head_get(m->to, &there, &chain, why);
    if (err != AN_OK)
        return err;
    m->report.already = there > 0 && there == m->total && an_hash_equal(&chain, &m->report.chain);
    if (there > 0 && !m->report.already)
        return an_fail(AN_ERR_EXISTS, why,
                       "the database holds another journal, of %llu records; nothing was moved",
                       (unsigned long long)there);
    if (m->total == 0)
        return an_fail(AN_ERR_NOTFOUND, why, "the journal to be moved is empty");
    if (!m->report.already && (err = move(m, why)) != AN_OK)
        return err;
    return check(m, why);
}

/* What an open store of a database makes in its folder, when nothing was kept there. */
static void remove_folder(const char *dir)
{
    static const char *const names[] = {"objects/new", "objects", "spool"};
    char path[AN_PATH_MAX];
    for (unsigned i = 0; i < 256; i++)
        if (snprintf(path, sizeof path, "%s/objects/%02x", dir, i & 0xffU) < (int)sizeof path)
            rmdir(path);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (an_path_join(path, dir, names[i]) == AN_OK)
            rmdir(path);
    if (an_path_join(path, dir, "lock") == AN_OK)
        unlink(path);
    if (an_path_join(path, dir, "owner") == AN_OK)
        unlink(path);
    rmdir(dir);
}

static an_err open_both(moving *m, const char *from, const char *to, const char *folder, an_note *why)
{
    const an_store_place source = {.url = from},
                         target = {.url = to, .folder = folder, .holder = "a migration"};
    an_err err = an_store_open(&source, an_clock_system(), &m->from, why);
    return err == AN_OK ? an_store_open(&target, an_clock_system(), &m->to, why) : err;
}

an_err an_migrate(const char *from, const char *to, an_migrate_say say, void *ctx, an_migrate_report *ret,
                  an_note *why)
{
    char folder[AN_PATH_MAX], journal[AN_PATH_MAX];
    const char *dir = strncmp(from, "sqlite:", 7) == 0 ? from + 7 : "";
    if (!dir[0] || strncmp(to, "sqlite:", 7) == 0)
        return an_fail(AN_ERR_INVAL, why, "a store is moved from sqlite:FOLDER to postgresql:...");
    if (an_path_join(journal, dir, "journal.db") != AN_OK || an_path_join(folder, dir, "migration") != AN_OK)
        return an_fail(AN_ERR_LIMIT, why, "%.200s: the path is too long", dir);
    if (!an_file_exists(journal)) /* opening it would make one */
        return an_fail(AN_ERR_NOTFOUND, why, "%.200s: no store", dir);
    moving *m = an_alloc(1, sizeof *m);
    if (!m)
        return an_fail(AN_ERR_NOMEM, why, "out of memory");
    m->say = say;
    m->ctx = ctx;
    an_err err = open_both(m, from, to, folder, why);
    if (err == AN_OK)
        err = move_or_look(m, why);
    if (err == AN_OK)
        *ret = m->report;
    drop_batch(m);
    an_store_close(m->to);
    remove_folder(folder);
    an_store_close(m->from);
    an_free(m->updates);
    an_free(m);
    return err;
}
