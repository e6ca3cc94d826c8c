/* Small objects: made durable by the journal's own transaction.
 *
 * A hundred sites deliver a hundred updates of a few KiB; a file and its folder synced for each
 * would cost a round most of its time.  So the bytes of a small object are a row of the table
 * `small`, written in the transaction of the first record appended after it.
 *
 * What is read by its path is a file as well (file = 1), which is not synced: what a power cut
 * took of it is written anew from the row when the store is opened.  Updates and plans are rows
 * only: making a file is what a small object costs most, on ext4 up to a millisecond where many
 * have just been removed (it looks for an inode that was not freed in the last seconds). */
#include <string.h>

#include "base/mem.h"
#include "coordinator/store/store_internal.h"

#define WAITING_MAX 1024 /* should appending fail for long, the rest is synced one by one */

void an_small_done(an_small *s)
{
    for (size_t i = 0; i < s->n; i++)
        an_free(s->items[i].bytes);
    an_free(s->items);
    *s = (an_small){0};
}

const an_small_item *an_small_find(const an_small *s, const an_hash *hash)
{
    for (size_t i = s->n; i-- > 0;)
        if (an_hash_equal(&s->items[i].hash, hash))
            return &s->items[i];
    return NULL;
}

void an_small_revive(an_small *s, const an_hash *hash)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->items[i].bytes || !an_hash_equal(&s->items[i].hash, hash))
            s->items[kept++] = s->items[i];
    s->n = kept;
}

static an_err wait_for_append(an_small *s, const an_hash *hash, void *bytes, size_t len, bool file)
{
    if (bytes && s->n_bytes >= WAITING_MAX)
        return AN_ERR_LIMIT;
    if (!an_grow(&s->items, &s->cap, s->n + 1, sizeof *s->items))
        return AN_ERR_NOMEM;
    s->items[s->n++] = (an_small_item){.hash = *hash, .bytes = bytes, .len = len, .file = file};
    s->n_bytes += bytes != NULL;
    return AN_OK;
}

an_err an_small_keep(an_small *s, const an_hash *hash, const void *bytes, size_t len, bool file)
{
    if (len > AN_OBJECT_SMALL)
        return AN_ERR_LIMIT;
    void *copy = an_alloc(len, 1);
    if (!copy)
        return AN_ERR_NOMEM;
    if (len)
        memcpy(copy, bytes, len);
    an_err err = wait_for_append(s, hash, copy, len, file);
    if (err != AN_OK)
        an_free(copy);
    return err;
}

an_err an_small_put(an_small *s, an_objects *o, const void *bytes, size_t len, an_hash *ret, an_note *why)
{
    an_hash hash;
    an_hash_of(&hash, bytes, len);
    if (an_small_keep(s, &hash, bytes, len, true) == AN_OK)
        return an_objects_put_unsynced(o, bytes, len, ret, why);
    return an_objects_put(o, bytes, len, ret, why);
}

/* Nobody synced a small file, so it is taken over in this way or not at all. */
an_err an_small_adopt(an_small *s, an_objects *o, const char *path, const an_hash *hash, an_note *why)
{
    uint64_t size = 0;
    an_buf b;
    if (an_file_size(path, &size, NULL) != AN_OK || size > AN_OBJECT_SMALL)
        return an_objects_adopt(o, path, hash, why);
    an_buf_init(&b, AN_OBJECT_SMALL);
    an_err err = an_file_read(&b, path, why);
    if (err == AN_OK)
        err = an_small_keep(s, hash, b.data, b.len, true);
    if (err == AN_OK)
        err = an_objects_adopt_unsynced(o, path, hash, why);
    an_buf_done(&b);
    return err;
}

an_err an_small_put_row(an_small *s, const void *bytes, size_t len, an_hash *ret, an_note *why)
{
    an_hash hash;
    an_hash_of(&hash, bytes, len);
    an_err err = an_small_keep(s, &hash, bytes, len, false);
    if (err != AN_OK)
        return an_fail(err, why, "store: a small object cannot be kept: %s", an_err_text(err));
    *ret = hash;
    return AN_OK;
}

an_err an_small_give(const void *bytes, size_t len, const an_hash *hash, an_buf *b, size_t *ret_len,
                     an_note *why)
{
    an_hash found;
    an_hash_of(&found, bytes, len);
    if (!an_hash_equal(&found, hash))
        return an_fail(AN_ERR_PROTO, why, "journal: damaged: a small object has changed");
    if (b && len > b->max - b->len)
        return an_fail(AN_ERR_LIMIT, why, "a small object of %zu bytes, at most %zu are taken", len,
                       b->max - b->len);
    if (b)
        an_buf_put(b, bytes, len);
    if (ret_len)
        *ret_len = len;
    return b ? an_buf_err(b) : AN_OK;
}

an_err an_small_get(const an_small *s, an_db *db, const an_hash *hash, an_buf *b, size_t *ret_len,
                    an_note *why)
{
    an_stmt *q = NULL;
    bool row = false;
    const an_small_item *item = an_small_find(s, hash);
    if (item)
        return item->bytes ? an_small_give(item->bytes, item->len, hash, b, ret_len, why) : AN_ERR_NOTFOUND;
    an_err err = an_db_stmt(db, "SELECT bytes FROM small WHERE hash = ?1", &q, why);
    if (err == AN_OK && (err = an_stmt_bind_blob(q, 1, hash->b, sizeof hash->b)) == AN_OK)
        err = an_stmt_step(q, &row, why);
    if (err == AN_OK && !row)
        err = AN_ERR_NOTFOUND;
    if (err == AN_OK) {
        size_t len = 0;
        const void *bytes = an_stmt_blob(q, 0, &len);
        err = an_small_give(len ? bytes : "", len, hash, b, ret_len, why);
    }
    an_stmt_reset(q);
    return err;
}

an_err an_small_remove(an_small *s, an_objects *o, const an_hash *hash, an_note *why)
{
    const an_small_item *item = an_small_find(s, hash);
    const bool said =
        item && !item->bytes; /* while nothing can be appended the same is asked for again and again */
    an_err err = said ? AN_OK : wait_for_append(s, hash, NULL, 0, false);
    return err == AN_OK ? an_objects_remove(o, hash, why) : err;
}

static an_err store_one(an_db *db, const an_small_item *item, an_note *why)
{
    an_stmt *q = NULL;
    an_err err = an_db_stmt(db,
                            item->bytes ? "INSERT INTO small VALUES(?1, ?2, ?3)"
                                          " ON CONFLICT(hash) DO UPDATE SET file = max(file, excluded.file)"
                                        : "DELETE FROM small WHERE hash = ?1",
                            &q, why);
    if (err != AN_OK)
        return err;
    err = an_stmt_bind_blob(q, 1, item->hash.b, sizeof item->hash.b);
    if (err == AN_OK && item->bytes)
        err = an_stmt_bind_blob(q, 2, item->bytes, item->len);
    if (err == AN_OK && item->bytes)
        err = an_stmt_bind_int(q, 3, item->file);
    if (err == AN_OK)
        err = an_stmt_run(q, why);
    an_stmt_reset(q);
    return err;
}

an_err an_small_store(const an_small *s, an_db *db, an_note *why)
{
    an_err err = AN_OK;
    for (size_t i = 0; i < s->n && err == AN_OK; i++)
        err = store_one(db, &s->items[i], why);
    return err;
}

an_err an_small_restore(an_db *db, an_objects *o, an_note *why)
{
    an_stmt *q = NULL;
    bool row = false;
    an_err err = an_db_stmt(db, "SELECT hash, bytes FROM small WHERE file = 1", &q, why);
    while (err == AN_OK && (err = an_stmt_step(q, &row, why)) == AN_OK && row) {
        size_t hash_len = 0, len = 0;
        an_hash found, want = {0};
        const void *hash = an_stmt_blob(q, 0, &hash_len), *bytes = an_stmt_blob(q, 1, &len);
        if (hash && hash_len == sizeof want.b)
            memcpy(want.b, hash, sizeof want.b);
        an_hash_of(&found, bytes, len);
        if (!an_hash_equal(&found, &want))
            err = an_fail(AN_ERR_PROTO, why, "journal.db: damaged: a small object has changed");
        else if (!an_objects_intact(o, &want, len))
            err = an_objects_put(o, len ? bytes : "", len, &found, why);
    }
    an_stmt_reset(q);
    return err;
}
