#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "sum/sealed_internal.h"

#define PIECE ((size_t)256 << 10)

struct an_sealed {
    an_sealed_terms terms;
    char path[AN_PATH_MAX];
    const uint8_t *bytes; /* instead of the file, or NULL */
    uint64_t size;
    uint64_t *at; /* (chunks + 1) where boxes begin, and the end of the last one */
    uint8_t head[AN_SEALED_HEAD];
    uint8_t key[AN_KEY_BYTES];
    bool open;     /* the key is there */
    uint64_t have; /* chunk in words; UINT64_MAX: none */
    uint32_t words[AN_CHUNK];
};

static an_err read_file(int fd, uint8_t *ret, size_t len, uint64_t at)
{
    while (len > 0) {
        const ssize_t n = pread(fd, ret, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return AN_ERR_IO;
        ret += n;
        len -= (size_t)n;
        at += (uint64_t)n;
    }
    return AN_OK;
}

/* fd is not looked at if it is in memory. */
static an_err read_at(const an_sealed *s, int fd, uint8_t *ret, size_t len, uint64_t at)
{
    if (!s->bytes)
        return read_file(fd, ret, len, at);
    memcpy(ret, s->bytes + at, len);
    return AN_OK;
}

static an_err check_hash(const an_sealed *s, int fd, const an_hash *want, an_note *why)
{
    an_hasher hasher;
    an_hash found;
    an_err err = AN_OK;
    uint8_t *piece = an_alloc_raw(PIECE, 1);
    if (!piece)
        return AN_ERR_NOMEM;
    an_hasher_init(&hasher);
    for (uint64_t at = 0; at < s->size && err == AN_OK;) {
        const size_t n = s->size - at < PIECE ? (size_t)(s->size - at) : PIECE;
        if ((err = read_at(s, fd, piece, n, at)) == AN_OK)
            an_hasher_add(&hasher, piece, n);
        at += n;
    }
    an_hasher_end(&hasher, &found);
    an_free(piece);
    if (err == AN_OK && !an_hash_equal(&found, want))
        err = an_fail(AN_ERR_PROTO, why, "update: other bytes than were announced");
    return err;
}

static an_err check_head(an_sealed *s, an_note *why)
{
    an_update_header h;
    an_err err = an_update_header_get(&h, s->head, why);
    if (err != AN_OK)
        return err;
    const an_update_header *e = &s->terms.header;
    if (!h.sealed)
        return an_fail(AN_ERR_PROTO, why, "the update is not sealed");
    if (h.round != e->round || memcmp(&h.plan_hash, &e->plan_hash, sizeof h.plan_hash) != 0)
        return an_fail(AN_ERR_PROTO, why, "update file of another round or plan");
    if (strcmp(h.site, e->site) != 0)
        return an_fail(AN_ERR_PROTO, why, "update file of another site");
    if (h.dim != e->dim || an_encoding_at(h.encoding) != s->terms.encoding)
        return an_fail(AN_ERR_PROTO, why, "update file of another length or encoding");
    return AN_OK;
}

/* The lengths of the boxes, each within its bounds, make up the file. */
static an_err read_places(an_sealed *s, int fd, an_note *why)
{
    const uint64_t chunks = an_sealed_chunks(s->terms.header.dim);
    an_err err = AN_ERR_NOMEM;
    uint8_t *lengths = an_alloc_raw(chunks, 4);
    if (!lengths || !(s->at = an_alloc(chunks + 1, sizeof *s->at)))
        goto out;
    if ((err = read_at(s, fd, lengths, 4 * chunks, s->size - 4 * chunks)) != AN_OK)
        goto out;
    s->at[0] = AN_SEALED_HEAD;
    for (uint64_t k = 0; k < chunks; k++) {
        const uint32_t len = an_get_u32(lengths + 4 * k);
        if (len <= AN_SEAL_MORE_BYTES || len > an_sealed_box_most(&s->terms, k)) {
            err = an_fail(AN_ERR_PROTO, why, "update file: a box of %u bytes", len);
            goto out;
        }
        s->at[k + 1] = s->at[k] + len;
    }
    if (s->at[chunks] != s->size - 4 * chunks)
        err = an_fail(AN_ERR_PROTO, why, "update file: its boxes do not make up its length");
out:
    an_free(lengths);
    return err;
}

static an_err look(an_sealed *s, int fd, const an_hash *hash, const uint8_t *secret, an_note *why)
{
    const uint64_t chunks = an_sealed_chunks(s->terms.header.dim);
    if (s->size < AN_SEALED_HEAD + 4 * chunks || s->size > an_sealed_most(&s->terms))
        return an_fail(AN_ERR_PROTO, why, "update file of %llu bytes", (unsigned long long)s->size);
    an_err err = hash ? check_hash(s, fd, hash, why) : AN_OK;
    if (err == AN_OK)
        err = read_at(s, fd, s->head, sizeof s->head, 0);
    if (err == AN_OK)
        err = check_head(s, why);
    if (err == AN_OK)
        err = read_places(s, fd, why);
    if (err != AN_OK || !secret)
        return err;
    err = an_sealed_key(s->key, secret, s->head + AN_UPDATE_HEADER_BYTES, s->head, s->terms.seal_key);
    s->open = err == AN_OK;
    return err == AN_OK ? AN_OK : an_fail(err, why, "update file: its key is none");
}

an_err an_sealed_open(an_sealed **ret, const an_sealed_terms *t, const char *path, const void *bytes,
                      size_t len, const an_hash *hash, const uint8_t *secret, an_note *why)
{
    int fd = -1;
    if (t->header.dim < 1 || t->header.dim > AN_DIM_MAX || t->n_coded > t->header.dim)
        return an_fail(AN_ERR_INVAL, why, "update header out of bounds");
    an_err err = AN_ERR_NOMEM;
    an_sealed *s = an_alloc(1, sizeof *s);
    if (!s)
        return err;
    s->terms = *t;
    s->have = UINT64_MAX;
    s->bytes = path ? NULL : bytes;
    s->size = len;
    err = AN_OK;
    if (path) {
        snprintf(s->path, sizeof s->path, "%s", path);
        err = an_file_size(path, &s->size, why);
        if (err == AN_OK && (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
            err = an_fail(AN_ERR_IO, why, "%s: %s", path, strerror(errno));
    }
    if (err == AN_OK)
        err = look(s, fd, hash, secret, why);
    if (fd >= 0)
        close(fd);
    if (err != AN_OK) {
        an_sealed_close(s);
        return err;
    }
    *ret = s;
    return AN_OK;
}

void an_sealed_close(an_sealed *s)
{
    if (!s)
        return;
    an_wipe(s->key, sizeof s->key);
    an_free(s->at);
    an_free(s);
}

static an_err open_box(an_sealed *s, uint64_t k, const uint8_t *box, size_t len, uint8_t *plain, an_note *why)
{
    uint8_t nonce[AN_SEAL_NONCE_BYTES];
    const size_t n = len - AN_SEAL_MORE_BYTES;
    an_sealed_nonce(nonce, k);
    an_err err = an_seal_open(plain, s->key, nonce, s->head, sizeof s->head, box, n);
    if (err != AN_OK)
        return an_fail(err, why, "a box of the update does not open with this coordinator's key");
    return an_encoding_unpack(s->terms.encoding, s->words, an_sealed_chunk_n(&s->terms, k),
                              an_sealed_chunk_coded(&s->terms, k), plain, n, why);
}

static an_err read_chunk(an_sealed *s, int fd, uint64_t k, an_note *why)
{
    const size_t len = (size_t)(s->at[k + 1] - s->at[k]);
    an_err err = AN_ERR_NOMEM;
    uint8_t *box = an_alloc_raw(len, 1), *plain = an_alloc_raw(len, 1);
    s->have = UINT64_MAX;
    if (box && plain && (err = read_at(s, fd, box, len, s->at[k])) == AN_OK)
        err = open_box(s, k, box, len, plain, why);
    if (err == AN_OK)
        s->have = k;
    an_free(box);
    an_free(plain);
    return err;
}

an_err an_sealed_read(an_sealed *s, uint64_t from, size_t n, uint32_t *ret, an_note *why)
{
    const uint64_t dim = s->terms.header.dim;
    if (!s->open || from > dim || n > dim - from)
        return an_fail(AN_ERR_INVAL, why, "not coordinates of the update, or no key to it");
    an_err err = AN_OK;
    int fd = -1;
    if (!s->bytes && (fd = open(s->path, O_RDONLY | O_CLOEXEC)) < 0)
        return an_fail(AN_ERR_IO, why, "%s: %s", s->path, strerror(errno));
    for (size_t at = 0; at < n && err == AN_OK;) {
        const uint64_t k = (from + at) / AN_CHUNK;
        const size_t in = (size_t)((from + at) % AN_CHUNK), left = an_sealed_chunk_n(&s->terms, k) - in;
        const size_t part = n - at < left ? n - at : left;
        if (s->have != k)
            err = read_chunk(s, fd, k, why);
        if (err == AN_OK)
            memcpy(ret + at, s->words + in, part * sizeof *ret);
        at += part;
    }
    if (fd >= 0)
        close(fd);
    return err;
}
