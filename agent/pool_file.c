/* The sample pool's file: magic, shape, counters, generator, names of classes, then each part: count and (times, tag,
 * label, window) entries, and the hash (checked.h). */
#include <math.h>
#include <string.h>

#include "agent/checked.h"
#include "agent/pool_internal.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/terms.h"

#define FILE_MAX ((size_t)1 << 33)
#define MAGIC "ANPOOL2"
#define ENTRY_BYTES 28
#define SHAPE_MAX ((size_t)1 << 24)

static void save_floats(an_buf *b, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        an_buf_f32(b, x[i]);
}

/* So that the buffer does not grow beyond what is needed. */
static size_t bytes_of(const an_pool *p)
{
    size_t n = 10 * sizeof(uint64_t) + 4 + p->n_classes * AN_NAME_MAX + AN_HASH_BYTES;
    for (size_t k = 0; k < AN_POOL_PARTS; k++)
        n += 8 + p->parts[k].n * (ENTRY_BYTES + p->sample * sizeof(float));
    return n;
}

an_err an_pool_save(const an_pool *p, const char *path, an_note *why)
{
    an_buf b;
    an_buf_init(&b, FILE_MAX);
    an_buf_reserve(&b, bytes_of(p));
    an_buf_put(&b, MAGIC, AN_CHECKED_MAGIC);
    an_buf_u64(&b, p->conf.width);
    an_buf_u64(&b, p->conf.window);
    an_buf_u64(&b, p->offered);
    an_buf_u64(&b, p->trained);
    an_buf_u64(&b, p->refused);
    for (size_t i = 0; i < 4; i++)
        an_buf_u64(&b, p->rng.s[i]);
    an_buf_u32(&b, (uint32_t)p->n_classes);
    for (size_t i = 0; i < p->n_classes; i++)
        an_buf_put(&b, p->classes[i], sizeof p->classes[i]);
    for (size_t k = 0; k < AN_POOL_PARTS && !b.failed; k++) {
        const an_pool_ring *q = &p->parts[k];
        an_buf_u64(&b, q->n);
        for (size_t i = 0; i < q->n && !b.failed; i++) {
            const size_t slot = an_pool_slot(q, i);
            an_buf_u64(&b, (uint64_t)q->entry[slot].from_ms);
            an_buf_u64(&b, (uint64_t)q->entry[slot].time_ms);
            an_buf_u64(&b, q->entry[slot].tag);
            an_buf_u32(&b, q->entry[slot].label);
            save_floats(&b, q->data + slot * p->sample, p->sample);
        }
    }
    const an_err err = an_checked_write(path, &b, why);
    an_buf_done(&b);
    return err;
}

/* Entries beyond a part's room: the oldest are passed over. */
static bool load_part(const an_pool *p, an_pool_ring *q, an_reader *in, float *window)
{
    const uint64_t n = an_read_u64(in);
    const size_t entry = ENTRY_BYTES + p->sample * sizeof(float);
    if (in->failed || n > in->left / entry)
        return false;
    for (uint64_t i = 0; i < n; i++) {
        an_pool_entry e = {.from_ms = (int64_t)an_read_u64(in)};
        e.time_ms = (int64_t)an_read_u64(in);
        e.tag = an_read_u64(in);
        e.label = an_read_u32(in);
        if (e.label > AN_POOL_LABEL_DEFECT + p->n_classes)
            return false;
        for (size_t j = 0; j < p->sample; j++) {
            window[j] = an_read_f32(in);
            if (!p->conf.gaps && !isfinite(window[j]))
                return false;
        }
        an_pool_push(p, q, window, &e);
    }
    return !in->failed;
}

static bool load_classes(an_pool *p, an_reader *in)
{
    const uint32_t n = an_read_u32(in);
    if (in->failed || n > AN_POOL_CLASSES)
        return false;
    for (p->n_classes = 0; p->n_classes < n; p->n_classes++) {
        const uint8_t *name = an_read_bytes(in, AN_NAME_MAX);
        if (!name || name[0] == '\0' || name[AN_NAME_MAX - 1] != '\0')
            return false;
        memcpy(p->classes[p->n_classes], name, AN_NAME_MAX);
    }
    return true;
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
    if (!load_classes(p, in))
        return an_fail(AN_ERR_PROTO, why, "%s: not a sample pool, or damaged", path);
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
    an_reader in;
    an_buf_init(&b, FILE_MAX);
    an_err err = an_checked_read(path, MAGIC, &b, &in, why);
    if (err == AN_ERR_PROTO)
        err = an_fail(err, why, "%s: not a sample pool, or damaged", path);
    if (!err)
        err = an_pool_new(&p->conf, &fresh, why);
    if (!err)
        err = load_all(fresh, &in, path, why);
    if (!err) {
        an_pool old = *p;
        *p = *fresh;
        *fresh = old;
    }
    an_pool_free(fresh);
    an_buf_done(&b);
    return err;
}

/* The file's own shape, and room for what it holds. */
static bool find_shape(an_reader in, an_pool_conf *ret)
{
    *ret =
        (an_pool_conf){.width = (size_t)an_read_u64(&in), .window = (size_t)an_read_u64(&in), .gaps = true};
    if (in.failed || ret->width == 0 || ret->width > SHAPE_MAX || ret->window == 0 || ret->window > SHAPE_MAX)
        return false;
    (void)an_read_bytes(&in, (3 + 4) * sizeof(uint64_t));
    const uint32_t classes = an_read_u32(&in);
    if (in.failed || classes > AN_POOL_CLASSES)
        return false;
    (void)an_read_bytes(&in, (size_t)classes * AN_NAME_MAX);
    const size_t entry = ENTRY_BYTES + ret->width * ret->window * sizeof(float);
    for (size_t k = 0; k < AN_POOL_PARTS; k++) {
        const uint64_t n = an_read_u64(&in);
        if (in.failed || n > in.left / entry)
            return false;
        (void)an_read_bytes(&in, (size_t)n * entry);
        ret->cap[k] = n > 0 ? (size_t)n : 1;
    }
    return !in.failed;
}

an_err an_pool_open(const char *path, an_pool **ret, an_note *why)
{
    an_pool *p = NULL;
    an_pool_conf conf;
    an_buf b;
    an_reader in;
    an_buf_init(&b, FILE_MAX);
    an_err err = an_checked_read(path, MAGIC, &b, &in, why);
    if (err == AN_ERR_PROTO)
        err = an_fail(err, why, "%s: not a sample pool, or damaged", path);
    if (!err && !find_shape(in, &conf))
        err = an_fail(AN_ERR_PROTO, why, "%s: not a sample pool, or damaged", path);
    if (!err)
        err = an_pool_new(&conf, &p, why);
    if (!err)
        err = load_all(p, &in, path, why);
    an_buf_done(&b);
    if (err)
        an_pool_free(p);
    else
        *ret = p;
    return err;
}
