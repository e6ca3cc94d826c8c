#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "sum/sealed_internal.h"

size_t an_sealed_chunk_n(const an_sealed_terms *t, uint64_t k)
{
    const uint64_t left = t->header.dim - k * AN_CHUNK;
    return left < AN_CHUNK ? (size_t)left : AN_CHUNK;
}

size_t an_sealed_chunk_coded(const an_sealed_terms *t, uint64_t k)
{
    const uint64_t from = k * AN_CHUNK, n = an_sealed_chunk_n(t, k);
    return t->n_coded <= from ? 0 : t->n_coded - from < n ? (size_t)(t->n_coded - from) : (size_t)n;
}

size_t an_sealed_box_most(const an_sealed_terms *t, uint64_t k)
{
    return an_encoding_most(t->encoding, an_sealed_chunk_n(t, k), an_sealed_chunk_coded(t, k)) +
           AN_SEAL_MORE_BYTES;
}

uint64_t an_sealed_most(const an_sealed_terms *t)
{
    const uint64_t chunks = an_sealed_chunks(t->header.dim);
    uint64_t all = AN_SEALED_HEAD + 4 * chunks;
    for (uint64_t k = 0; k < chunks; k++)
        all += an_sealed_box_most(t, k);
    return all;
}

void an_sealed_nonce(uint8_t ret[static AN_SEAL_NONCE_BYTES], uint64_t k)
{
    memset(ret, 0, AN_SEAL_NONCE_BYTES);
    an_put_u32(ret, (uint32_t)k);
    an_put_u32(ret + 4, (uint32_t)(k >> 32));
}

an_err an_sealed_key(uint8_t ret[static AN_KEY_BYTES], const uint8_t mine[static AN_AGREE_BYTES],
                     const uint8_t theirs[static AN_AGREE_BYTES], const uint8_t head[static AN_SEALED_HEAD],
                     const uint8_t seal_key[static AN_AGREE_BYTES])
{
    uint8_t shared[AN_AGREE_BYTES], bound[AN_SEALED_HEAD + AN_AGREE_BYTES];
    an_err err = an_agree(shared, mine, theirs);
    if (err != AN_OK)
        return err;
    memcpy(bound, head, AN_SEALED_HEAD);
    memcpy(bound + AN_SEALED_HEAD, seal_key, AN_AGREE_BYTES);
    an_kdf(ret, shared, "andon sealed update", bound, sizeof bound);
    an_wipe(shared, sizeof shared);
    return AN_OK;
}

/* The header, the file's own key, and the key of its boxes. */
static an_err make_head(const an_sealed_terms *t, uint8_t head[static AN_SEALED_HEAD],
                        uint8_t key[static AN_KEY_BYTES])
{
    uint8_t own[AN_AGREE_BYTES];
    an_update_header h = t->header;
    h.sealed = true;
    for (h.encoding = 0; an_encoding_at(h.encoding) != t->encoding;)
        h.encoding++;
    an_update_header_put(head, &h);
    an_random(own, sizeof own);
    an_agree_public(head + AN_UPDATE_HEADER_BYTES, own);
    an_err err = an_sealed_key(key, own, t->seal_key, head, t->seal_key);
    an_wipe(own, sizeof own);
    return err;
}

typedef struct sink {
    FILE *f;
    an_hasher hasher;
    uint64_t size;
} sink;

static an_err put(sink *s, const void *bytes, size_t len)
{
    an_hasher_add(&s->hasher, bytes, len);
    s->size += len;
    return fwrite(bytes, 1, len, s->f) == len ? AN_OK : AN_ERR_IO;
}

static an_err put_boxes(sink *s, const an_sealed_terms *t, const uint32_t *v, an_note *why)
{
    const uint64_t chunks = an_sealed_chunks(t->header.dim);
    uint8_t head[AN_SEALED_HEAD], key[AN_KEY_BYTES], nonce[AN_SEAL_NONCE_BYTES];
    uint8_t *box = NULL;
    an_buf plain, lengths;
    an_buf_init(&plain, an_sealed_box_most(t, 0));
    an_buf_init(&lengths, 4 * chunks);
    an_err err = make_head(t, head, key);
    if (err != AN_OK) {
        an_note_set(why, "the plan's seal key is none");
        goto out;
    }
    err = AN_ERR_NOMEM;
    if (!(box = an_alloc_raw(an_sealed_box_most(t, 0), 1)))
        goto out;
    err = put(s, head, sizeof head);
    for (uint64_t k = 0; k < chunks && err == AN_OK; k++) {
        an_buf_clear(&plain);
        if ((err = an_encoding_pack(t->encoding, v + k * AN_CHUNK, an_sealed_chunk_n(t, k),
                                    an_sealed_chunk_coded(t, k), &plain)) != AN_OK)
            break;
        an_sealed_nonce(nonce, k);
        an_seal(box, key, nonce, head, sizeof head, plain.data, plain.len);
        an_buf_u32(&lengths, (uint32_t)(plain.len + AN_SEAL_MORE_BYTES));
        err = put(s, box, plain.len + AN_SEAL_MORE_BYTES);
    }
    if (err == AN_OK && (err = an_buf_err(&lengths)) == AN_OK)
        err = put(s, lengths.data, lengths.len);
out:
    an_wipe(key, sizeof key);
    an_free(box);
    an_buf_done(&plain);
    an_buf_done(&lengths);
    return err;
}

static an_err sync_parent(const char *path, an_note *why)
{
    char dir[AN_PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash)
        return an_dir_sync(".", why);
    const size_t n = slash == path ? 1 : (size_t)(slash - path);
    memcpy(dir, path, n);
    dir[n] = 0;
    return an_dir_sync(dir, why);
}

an_err an_sealed_write(const char *path, const an_sealed_terms *t, const uint32_t *v, an_hash *ret_hash,
                       uint64_t *ret_size, an_note *why)
{
    char part[AN_PATH_MAX];
    sink s = {.f = NULL};
    if (t->header.dim < 1 || t->header.dim > AN_DIM_MAX || t->header.site[0] == 0 ||
        t->n_coded > t->header.dim)
        return an_fail(AN_ERR_INVAL, why, "update header out of bounds");
    const int n = snprintf(part, sizeof part, "%s.part", path);
    if (n < 0 || (size_t)n >= sizeof part)
        return an_fail(AN_ERR_INVAL, why, "path too long");
    if (!(s.f = fopen(part, "wb")))
        return an_fail(AN_ERR_IO, why, "%s: %s", part, strerror(errno));
    an_hasher_init(&s.hasher);
    an_err err = put_boxes(&s, t, v, why);
    if (err == AN_OK && (fflush(s.f) != 0 || fsync(fileno(s.f)) != 0))
        err = AN_ERR_IO;
    if (fclose(s.f) != 0 && err == AN_OK)
        err = AN_ERR_IO;
    if (err == AN_OK && rename(part, path) != 0)
        err = AN_ERR_IO;
    if (err == AN_ERR_IO)
        an_note_set(why, "%s: %s", path, strerror(errno));
    if (err != AN_OK) {
        unlink(part);
        return err;
    }
    if ((err = sync_parent(path, why)) != AN_OK)
        return err;
    an_hasher_end(&s.hasher, ret_hash);
    *ret_size = s.size;
    return AN_OK;
}
