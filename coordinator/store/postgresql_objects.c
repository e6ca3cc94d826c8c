/* Objects of the PostgreSQL backend.
 *
 * Shared ones are rows, small ones written with the next append, large ones in chunks of 1 MiB at once; a file here
 * is a copy of them, made when they are put or when they are first asked for.  Local ones are files alone.
 *
 * Files are fetched over a connection of their own, for the thread that serves versions asks for them too. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "coordinator/store/postgresql.h"

#define FETCH_PAUSE_MS 1000
#define EACH_PAGE 1024

static int64_t mono(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

/* ---- Fetching, from any thread -------------------------------------------------------------
 */

/* With s->lock held. */
static an_err fetch_ready(an_pg_store *s, an_note *why)
{
    if (s->fetch && !an_pq_lost(s->fetch))
        return AN_OK;
    an_pq_close(s->fetch);
    s->fetch = NULL;
    if (mono() < s->fetch_retry_ms)
        return an_fail(AN_ERR_IO, why, "postgresql: the database is away");
    an_err err = an_pg_connect(s->conninfo, &s->fetch, why);
    if (err != AN_OK)
        s->fetch_retry_ms = mono() + FETCH_PAUSE_MS;
    return err == AN_OK || err == AN_ERR_NOMEM ? err : AN_ERR_IO;
}

static an_err write_all(int fd, an_hasher *h, const void *bytes, size_t len, const char *path, an_note *why)
{
    an_hasher_add(h, bytes, len);
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, (const char *)bytes + done, len - done);
        if (n < 0 && errno != EINTR)
            return an_fail(AN_ERR_IO, why, "%s: cannot write: %s", path, strerror(errno));
        done += n > 0 ? (size_t)n : 0;
    }
    return AN_OK;
}

static an_err fetch_chunk(an_pg_store *s, const an_hash *hash, int64_t part, an_pq_rows *ret, an_note *why)
{
    an_pq_args a = {.n = 0};
    an_pq_bytes(&a, hash->b, sizeof hash->b);
    an_pq_int(&a, part);
    an_err err = an_pq_query(s->fetch, "SELECT bytes FROM andon.chunks WHERE hash = $1 AND part = $2::bigint",
                             &a, ret, why);
    if (err == AN_OK && an_pq_rows_n(ret) != 1)
        err = an_fail(AN_ERR_PROTO, why, "postgresql: damaged: a part of an object is missing");
    return err;
}

/* head: len, bytes, file. */
static an_err fetch_to(an_pg_store *s, const an_hash *hash, const an_pq_rows *head, int fd, const char *path,
                       an_note *why)
{
    an_hasher h;
    an_hash found;
    size_t len = 0;
    const int64_t total = an_pq_get_int(head, 0, 0);
    an_err err = AN_OK;
    an_hasher_init(&h);
    if (!an_pq_is_null(head, 0, 1)) {
        const void *bytes = an_pq_get_bytes(head, 0, 1, &len);
        err = write_all(fd, &h, bytes, len, path, why);
    } else {
        for (int64_t part = 0; err == AN_OK && part * (int64_t)AN_PG_CHUNK < total; part++) {
            an_pq_rows chunk = {NULL};
            err = fetch_chunk(s, hash, part, &chunk, why);
            if (err == AN_OK) {
                const void *bytes = an_pq_get_bytes(&chunk, 0, 0, &len);
                err = write_all(fd, &h, bytes, len, path, why);
            }
            an_pq_rows_done(&chunk);
        }
    }
    an_hasher_end(&h, &found);
    if (err == AN_OK && !an_hash_equal(&found, hash))
        err = an_fail(AN_ERR_PROTO, why,
                      "postgresql: damaged: an object's bytes have another hash than its name");
    if (err == AN_OK && fsync(fd) != 0)
        err = an_fail(AN_ERR_IO, why, "%s: cannot sync: %s", path, strerror(errno));
    return err;
}

static an_err fetch_file(an_pg_store *s, const an_hash *hash, const an_pq_rows *head, an_note *why)
{
    char path[AN_PATH_MAX], text[AN_HASH_TEXT];
    an_hash_text(text, hash);
    int n = snprintf(path, sizeof path, "%s/new/%s.fetched", s->objects.dir, text);
    if (n < 0 || (size_t)n >= sizeof path)
        return an_fail(AN_ERR_LIMIT, why, "%.200s: the path is too long", s->objects.dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return an_fail(AN_ERR_IO, why, "%s: cannot write: %s", path, strerror(errno));
    an_err err = fetch_to(s, hash, head, fd, path, why);
    close(fd);
    if (err == AN_OK)
        err = an_objects_adopt(&s->objects, path, hash, why);
    if (err != AN_OK)
        unlink(path);
    return err;
}

/* With s->lock held.  An object that is only a row gets no file. */
static an_err fetch(an_pg_store *s, const an_hash *hash, an_note *why)
{
    an_pq_rows head = {NULL};
    an_pq_args a = {.n = 0};
    an_err err = fetch_ready(s, why);
    if (err != AN_OK)
        return err;
    an_pq_bytes(&a, hash->b, sizeof hash->b);
    err = an_pq_query(s->fetch, "SELECT len, bytes, file FROM andon.objects WHERE hash = $1", &a, &head, why);
    if (err == AN_OK && (an_pq_rows_n(&head) != 1 || an_pq_get_int(&head, 0, 2) == 0))
        err = an_fail(AN_ERR_NOTFOUND, why, "postgresql: no such object, or none with a file");
    if (err == AN_OK)
        err = fetch_file(s, hash, &head, why);
    an_pq_rows_done(&head);
    return err;
}

an_err an_pg_object_file(void *state, const an_hash *hash, char out[static AN_PATH_MAX], an_note *why)
{
    an_pg_store *s = state;
    an_err err = an_objects_file(&s->objects, hash, out, why);
    if (err != AN_ERR_NOTFOUND)
        return err;
    if (pthread_mutex_lock(&s->lock) != 0)
        return an_fail(AN_ERR_IO, why, "store: a lock cannot be taken");
    err = an_objects_file(&s->objects, hash, out, why); /* another thread may have been faster */
    if (err == AN_ERR_NOTFOUND && (err = fetch(s, hash, why)) == AN_OK)
        err = an_objects_file(&s->objects, hash, out, why);
    pthread_mutex_unlock(&s->lock);
    return err;
}

/* ---- Putting -------------------------------------------------------------------------------
 */

/* *ret_len is -1 if there is none.  bytes, file: may be asked for by ret. */
static an_err look(an_pg_store *s, const an_hash *hash, int64_t *ret_len, an_pq_rows *ret, an_note *why)
{
    an_pq_rows rows = {NULL};
    an_pq_args a = {.n = 0};
    an_pq_bytes(&a, hash->b, sizeof hash->b);
    an_err err = an_pg_ask(s,
                           ret ? "SELECT len, bytes FROM andon.objects WHERE hash = $1"
                               : "SELECT len FROM andon.objects WHERE hash = $1",
                           false, &a, &rows, why);
    if (err == AN_OK)
        *ret_len = an_pq_rows_n(&rows) ? an_pq_get_int(&rows, 0, 0) : -1;
    if (err == AN_OK && ret) {
        *ret = rows;
        return AN_OK;
    }
    an_pq_rows_done(&rows);
    return err;
}

/* Bytes in memory, or in an open file. */
typedef struct source {
    const uint8_t *bytes;
    int fd;
    uint64_t len;
} source;

static an_err next_chunk(const source *from, uint64_t at, uint8_t *buffer, const uint8_t **ret,
                         size_t *ret_len, an_note *why)
{
    size_t len = from->len - at < AN_PG_CHUNK ? (size_t)(from->len - at) : AN_PG_CHUNK;
    *ret = from->bytes ? from->bytes + at : buffer;
    *ret_len = len;
    for (size_t done = 0; !from->bytes && done < len;) {
        ssize_t n = pread(from->fd, buffer + done, len - done, (off_t)(at + done));
        if (n == 0 || (n < 0 && errno != EINTR))
            return an_fail(AN_ERR_IO, why, "an object's file cannot be read: %s",
                           n ? strerror(errno) : "too short");
        done += n > 0 ? (size_t)n : 0;
    }
    return AN_OK;
}

/* One transaction; another coordinator's epoch ends it, although the bytes would do no harm. */
static an_err send_chunks(an_pg_store *s, const an_hash *hash, const source *from, uint8_t *buffer,
                          an_note *why)
{
    an_pq_args a = {.n = 0};
    an_pq_bytes(&a, hash->b, sizeof hash->b);
    an_pq_int(&a, (int64_t)from->len);
    an_err err = s->bulk ? AN_OK : an_pq_send(s->pq, "BEGIN", NULL, why);
    if (err == AN_OK)
        err = an_pq_send(s->pq,
                         "INSERT INTO andon.objects VALUES($1, $2, NULL, true) ON CONFLICT (hash) DO NOTHING",
                         &a, why);
    int64_t part = 0;
    for (uint64_t at = 0; at < from->len && err == AN_OK; at += AN_PG_CHUNK) {
        const uint8_t *bytes;
        size_t len;
        a.n = 1; /* the hash stays */
        an_pg_alive(s);
        err = next_chunk(from, at, buffer, &bytes, &len, why);
        an_pq_int(&a, part++);
        an_pq_bytes(&a, bytes, len);
        if (err == AN_OK)
            err = an_pq_send(
                s->pq,
                "INSERT INTO andon.chunks VALUES($1, $2::bigint, $3) ON CONFLICT (hash, part) DO NOTHING", &a,
                why);
    }
    a.n = 0;
    an_pq_int(&a, (int64_t)s->head.epoch);
    if (err == AN_OK)
        err = an_pq_send(s->pq, "SELECT andon.hold_epoch($1)", &a, why);
    if (err == AN_OK && !s->bulk)
        err = an_pq_send(s->pq, "COMMIT", NULL, why);
    if (err != AN_OK && !an_pq_lost(s->pq))
        an_pq_abandon(s->pq);
    return err;
}

static an_err share_once(an_pg_store *s, const an_hash *hash, const source *from, an_note *why)
{
    int64_t len = -1;
    uint8_t *buffer = NULL;
    an_err err = look(s, hash, &len, NULL, why);
    if (err != AN_OK || len >= 0)
        return err;
    if (!from->bytes && !(buffer = an_alloc_raw(AN_PG_CHUNK, 1)))
        return an_fail(AN_ERR_NOMEM, why, "store: out of memory");
    err = send_chunks(s, hash, from, buffer, why);
    if (err == AN_OK)
        err = an_pq_finish(s->pq, NULL, why);
    an_free(buffer);
    return err == AN_OK ? AN_OK : an_pg_failed(s, err, why);
}

/* The object is in the database.  If the connection is lost, it is looked for, and put again. */
static an_err share(an_pg_store *s, const an_hash *hash, const source *from, an_note *why)
{
    an_err err = share_once(s, hash, from, why);
    if (err == AN_ERR_IO && s->pq && an_pq_lost(s->pq) && !s->bulk)
        err = share_once(s, hash, from, why);
    if (err == AN_OK)
        an_small_revive(&s->small, hash);
    return err;
}

an_err an_pg_object_put(void *state, const void *bytes, size_t len, an_hash *ret, an_note *why)
{
    an_pg_store *s = state;
    an_hash hash;
    an_hash_of(&hash, bytes, len);
    const source from = {.bytes = bytes, .len = len};
    an_err err = an_small_keep(&s->small, &hash, bytes, len, true);
    if (err == AN_ERR_LIMIT)
        err = share(s, &hash, &from, why);
    else if (err != AN_OK)
        an_note_set(why, "store: out of memory");
    return err == AN_OK ? an_objects_put(&s->objects, bytes, len, ret, why) : err;
}

an_err an_pg_object_put_row(void *state, const void *bytes, size_t len, an_hash *ret, an_note *why)
{
    return an_small_put_row(&((an_pg_store *)state)->small, bytes, len, ret, why);
}

static an_err share_path(an_pg_store *s, const char *path, const an_hash *hash, uint64_t len, an_note *why)
{
    source from = {.fd = open(path, O_RDONLY | O_CLOEXEC), .len = len};
    if (from.fd < 0)
        return an_fail(AN_ERR_IO, why, "%s: cannot read: %s", path, strerror(errno));
    an_err err = share(s, hash, &from, why);
    close(from.fd);
    return err;
}

/* keep_file: here, too. */
static an_err keep_small(an_pg_store *s, const char *path, const an_hash *hash, bool keep_file, an_note *why)
{
    an_hash found;
    an_buf b;
    an_buf_init(&b, AN_OBJECT_SMALL);
    an_err err = an_file_read(&b, path, why);
    const uint8_t *bytes = b.len ? b.data : (const uint8_t *)"";
    if (err == AN_OK)
        err = an_small_keep(&s->small, hash, bytes, b.len, true);
    if (err == AN_OK && keep_file)
        err = an_objects_put(&s->objects, bytes, b.len, &found, why);
    an_buf_done(&b);
    return err;
}

an_err an_pg_object_share(void *state, const char *path, const an_hash *hash, an_note *why)
{
    uint64_t len = 0;
    an_err err = an_file_size(path, &len, why);
    if (err != AN_OK)
        return err;
    return len <= AN_OBJECT_SMALL ? keep_small(state, path, hash, false, why)
                                  : share_path(state, path, hash, len, why);
}

an_err an_pg_object_adopt(void *state, const char *path, const an_hash *hash, bool local, an_note *why)
{
    an_pg_store *s = state;
    uint64_t len = 0;
    an_err err = an_file_size(path, &len, why);
    if (err == AN_OK && len <= AN_OBJECT_SMALL) {
        err = keep_small(s, path, hash, true, why);
        return err == AN_OK ? an_file_remove(path, why) : err;
    }
    if (err == AN_OK && !local)
        err = share_path(s, path, hash, len, why);
    if (err == AN_OK && local)
        an_small_revive(&s->small, hash);
    return err == AN_OK ? an_objects_adopt(&s->objects, path, hash, why) : err;
}

an_err an_pg_small_send(an_pg_store *s, an_note *why)
{
    an_err err = AN_OK;
    for (size_t i = 0; i < s->small.n && err == AN_OK; i++) {
        const an_small_item *item = &s->small.items[i];
        an_pq_args a = {.n = 0};
        an_pq_bytes(&a, item->hash.b, sizeof item->hash.b);
        if (!item->bytes) {
            err = an_pq_send(s->pq, "DELETE FROM andon.objects WHERE hash = $1", &a, why);
            continue;
        }
        an_pq_int(&a, (int64_t)item->len);
        an_pq_bytes(&a, item->bytes, item->len);
        an_pq_bool(&a, item->file);
        err = an_pq_send(s->pq,
                         "INSERT INTO andon.objects VALUES($1, $2, $3, $4) ON CONFLICT (hash) DO UPDATE"
                         " SET file = true WHERE excluded.file AND NOT objects.file",
                         &a, why);
    }
    return err;
}

/* ---- Getting -------------------------------------------------------------------------------
 */

static an_err not_found(an_note *why)
{
    return an_fail(AN_ERR_NOTFOUND, why, "postgresql: no such object");
}

an_err an_pg_object_size(void *state, const an_hash *hash, uint64_t *ret_len, an_note *why)
{
    an_pg_store *s = state;
    int64_t len = -1;
    const an_small_item *item = an_small_find(&s->small, hash);
    if (item && item->bytes) {
        *ret_len = item->len;
        return AN_OK;
    }
    an_err err = an_objects_size(&s->objects, hash, ret_len, why);
    if (err != AN_ERR_NOTFOUND)
        return err;
    err = item ? AN_OK : look(s, hash, &len, NULL, why);
    if (err == AN_OK && len < 0)
        return not_found(why);
    if (err == AN_OK)
        *ret_len = (uint64_t)len;
    return err;
}

static an_err get_shared(an_pg_store *s, const an_hash *hash, an_buf *b, an_note *why)
{
    char path[AN_PATH_MAX];
    size_t len = 0;
    int64_t total = -1;
    an_pq_rows rows = {NULL};
    an_err err = look(s, hash, &total, &rows, why);
    if (err == AN_OK && total < 0)
        err = not_found(why);
    if (err == AN_OK && !an_pq_is_null(&rows, 0, 1)) {
        const void *bytes = an_pq_get_bytes(&rows, 0, 1, &len);
        err = an_small_give(bytes, len, hash, b, NULL, why);
    } else if (err == AN_OK) {
        /* Whatever is there in its place is damaged. */
        err = an_objects_remove(&s->objects, hash, why);
        if (err == AN_OK)
            err = an_pg_object_file(s, hash, path, why);
        if (err == AN_OK)
            err = an_objects_get(&s->objects, hash, b, why);
    }
    an_pq_rows_done(&rows);
    return err;
}

an_err an_pg_object_get(void *state, const an_hash *hash, an_buf *b, an_note *why)
{
    an_pg_store *s = state;
    const an_small_item *item = an_small_find(&s->small, hash);
    if (item && item->bytes)
        return an_small_give(item->bytes, item->len, hash, b, NULL, why);
    an_err err = an_objects_get(&s->objects, hash, b, why);
    if (item || (err != AN_ERR_NOTFOUND && err != AN_ERR_PROTO))
        return err;
    an_note shared = {{0}};
    an_err other = get_shared(s, hash, b, &shared);
    if (err == AN_ERR_PROTO && other == AN_ERR_NOTFOUND)
        return err; /* local, and damaged */
    if (other != AN_OK)
        an_note_set(why, "%s", shared.text);
    return other;
}

an_err an_pg_object_remove(void *state, const an_hash *hash, an_note *why)
{
    an_pg_store *s = state;
    return an_small_remove(&s->small, &s->objects, hash, why);
}

an_err an_pg_object_each(void *state, an_store_object_visit visit, void *ctx, an_note *why)
{
    an_pg_store *s = state;
    an_hash last = {{0}};
    size_t n = EACH_PAGE;
    bool first = true;
    an_err err = AN_OK;
    while (err == AN_OK && n == EACH_PAGE) {
        an_pq_rows rows = {NULL};
        an_pq_args a = {.n = 0};
        an_pq_bytes(&a, last.b, first ? 0 : sizeof last.b);
        an_pq_int(&a, EACH_PAGE);
        err = an_pg_ask(s,
                        "SELECT hash, file FROM andon.objects WHERE hash > $1 ORDER BY hash LIMIT $2::bigint",
                        false, &a, &rows, why);
        n = an_pq_rows_n(&rows);
        for (size_t i = 0; i < n && err == AN_OK; i++) {
            size_t len = 0;
            const void *hash = an_pq_get_bytes(&rows, i, 0, &len);
            if (len != sizeof last.b) {
                err = an_fail(AN_ERR_PROTO, why, "postgresql: damaged: an object's name is no hash");
                break;
            }
            memcpy(last.b, hash, len);
            err = visit(ctx, &last, an_pq_get_int(&rows, i, 1) == 0, why);
        }
        first = false;
        an_pq_rows_done(&rows);
    }
    return err;
}
