/* The sample pool's file: magic, shape, counters, generator, then each part: count and (time,
 * tag, window) entries, and a BLAKE2b-256 hash of all before it. */
#include <math.h>
#include <string.h>

#include "agent/pool_internal.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/crypto.h"

#define FILE_MAX ((size_t)1 << 33)
#define MAGIC UINT64_C(0x314c4f4f504e41) /* "ANPOOL1" */

static void save_floats(an_buf *b, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        an_buf_f32(b, x[i]);
}

/* So that the buffer does not grow beyond what is needed. */
static size_t bytes_of(const an_pool *p)
{
    size_t n = 10 * sizeof(uint64_t) + sizeof(an_hash);
    for (size_t k = 0; k < AN_POOL_PARTS; k++)
        n += 8 + p->parts[k].n * (16 + p->sample * sizeof(float));
    return n;
}

an_err an_pool_save(const an_pool *p, const char *path, an_note *why)
{
    an_buf b;
    an_hash hash;
    an_buf_init(&b, FILE_MAX);
    an_buf_reserve(&b, bytes_of(p));
    an_buf_u64(&b, MAGIC);
    an_buf_u64(&b, p->conf.width);
    an_buf_u64(&b, p->conf.window);
    an_buf_u64(&b, p->offered);
    an_buf_u64(&b, p->trained);
    an_buf_u64(&b, p->refused);
    for (size_t i = 0; i < 4; i++)
        an_buf_u64(&b, p->rng.s[i]);
    for (size_t k = 0; k < AN_POOL_PARTS && !b.failed; k++) {
        const an_pool_ring *q = &p->parts[k];
        an_buf_u64(&b, q->n);
        for (size_t i = 0; i < q->n && !b.failed; i++) {
            const size_t slot = an_pool_slot(q, i);
            an_buf_u64(&b, (uint64_t)q->time_ms[slot]);
            an_buf_u64(&b, q->tag[slot]);
            save_floats(&b, q->data + slot * p->sample, p->sample);
        }
    }
    an_err err = an_buf_err(&b);
    if (!err) {
        an_hash_of(&hash, b.data, b.len);
        an_buf_put(&b, hash.b, sizeof hash.b);
        err = an_buf_err(&b);
    }
    if (!err)
        err = an_file_write(path, b.data, b.len, 0600, why);
    an_buf_done(&b);
    return err;
}

/* Entries beyond a part's room: the oldest are passed over. */
static bool load_part(const an_pool *p, an_pool_ring *q, an_reader *in, float *window)
{
    const uint64_t n = an_read_u64(in);
    const size_t entry = 16 + p->sample * sizeof(float);
    if (in->failed || n > in->left / entry)
        return false;
    for (uint64_t i = 0; i < n; i++) {
        int64_t time_ms = (int64_t)an_read_u64(in);
        uint64_t tag = an_read_u64(in);
        for (size_t j = 0; j < p->sample; j++) {
            window[j] = an_read_f32(in);
            if (!p->conf.gaps && !isfinite(window[j]))
                return false;
        }
        an_pool_push(p, q, window, time_ms, tag);
    }
    return !in->failed;
}

static an_err load_all(an_pool *p, an_reader *in, const char *path, an_note *why)
{
    const uint64_t width = an_read_u64(in), window = an_read_u64(in);
    if (in->failed)
        return an_fail(AN_ERR_PROTO, why, "%s: not a sample pool, or damaged", path);
    if (width != p->conf.width || window != p->conf.window)
        return an_fail(AN_ERR_INVAL, why, "%s: windows of %llu x %llu, wanted %zu x %zu", path,
                       (unsigned long long)window, (unsigned long long)width, p->conf.window, p->conf.width);
    p->offered = an_read_u64(in);
    p->trained = an_read_u64(in);
    p->refused = an_read_u64(in);
    for (size_t i = 0; i < 4; i++)
        p->rng.s[i] = an_read_u64(in);
    float *row = an_alloc(p->sample, sizeof *row);
    if (!row)
        return AN_ERR_NOMEM;
    bool ok = true;
    for (size_t k = 0; k < AN_POOL_PARTS && ok; k++)
        ok = load_part(p, &p->parts[k], in, row);
    an_free(row);
    /* A reservoir that wrapped around while loading is turned so that it begins at 0 again. */
    p->parts[AN_POOL_TRAIN].head = 0;
    if (!ok || in->left != 0)
        return an_fail(AN_ERR_PROTO, why, "%s: not a sample pool, or damaged", path);
    return AN_OK;
}

an_err an_pool_load(an_pool *p, const char *path, an_note *why)
{
    an_pool *fresh = NULL;
    an_buf b;
    an_hash hash;
    an_buf_init(&b, FILE_MAX);
    an_err err = an_file_read(&b, path, why);
    if (err)
        goto out;
    err = AN_ERR_PROTO;
    if (b.len >= 8 + sizeof hash.b)
        an_hash_of(&hash, b.data, b.len - sizeof hash.b);
    an_reader in = an_reader_of(b.data, b.len < sizeof hash.b ? 0 : b.len - sizeof hash.b);
    if (an_read_u64(&in) != MAGIC || memcmp(hash.b, b.data + b.len - sizeof hash.b, sizeof hash.b) != 0) {
        an_note_set(why, "%s: not a sample pool, or damaged", path);
        goto out;
    }
    if ((err = an_pool_new(&p->conf, &fresh, why)) || (err = load_all(fresh, &in, path, why)))
        goto out;
    an_pool old = *p;
    *p = *fresh;
    *fresh = old;
out:
    an_pool_free(fresh);
    an_buf_done(&b);
    return err;
}
