#include "sum/vector.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

static const uint8_t magic[7] = {'A', 'N', 'U', 'P', 'D', 0, 0};
#define VERSION_PLAIN 1
#define VERSION_SEALED 2

#define PIECE_BYTES (256u * 1024u)

/* ---- adding up ---- */

/* The inner loops have a fixed length, so that compilers use wide registers without being told. */
#define STEP 16u

static inline void add_words(uint32_t *restrict acc, const uint32_t *restrict v, size_t n)
{
    size_t i = 0;
    for (; i + STEP <= n; i += STEP)
        for (size_t j = 0; j < STEP; j++)
            acc[i + j] += v[i + j];
    for (; i < n; i++)
        acc[i] += v[i];
}

static inline void sub_words(uint32_t *restrict acc, const uint32_t *restrict v, size_t n)
{
    size_t i = 0;
    for (; i + STEP <= n; i += STEP)
        for (size_t j = 0; j < STEP; j++)
            acc[i + j] -= v[i + j];
    for (; i < n; i++)
        acc[i] -= v[i];
}

/* The same loops once more for the registers of AVX2, which every build may have and not every processor. */
#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_WIDE 1
__attribute__((target("avx2"))) static void add_wide(uint32_t *acc, const uint32_t *v, size_t n)
{
    add_words(acc, v, n);
}

__attribute__((target("avx2"))) static void sub_wide(uint32_t *acc, const uint32_t *v, size_t n)
{
    sub_words(acc, v, n);
}
#endif

void an_sum_add(uint32_t *acc, const uint32_t *v, size_t n)
{
#ifdef HAS_WIDE
    if (__builtin_cpu_supports("avx2")) {
        add_wide(acc, v, n);
        return;
    }
#endif
    add_words(acc, v, n);
}

void an_sum_sub(uint32_t *acc, const uint32_t *v, size_t n)
{
#ifdef HAS_WIDE
    if (__builtin_cpu_supports("avx2")) {
        sub_wide(acc, v, n);
        return;
    }
#endif
    sub_words(acc, v, n);
}

/* ---- header and words, written beside read ---- */

uint64_t an_update_size(uint64_t dim)
{
    return AN_UPDATE_HEADER_BYTES + 4 * dim;
}

static void put_u64(uint8_t *at, uint64_t v)
{
    an_put_u32(at, (uint32_t)v);
    an_put_u32(at + 4, (uint32_t)(v >> 32));
}

static uint64_t get_u64(const uint8_t *at)
{
    return an_get_u32(at) | (uint64_t)an_get_u32(at + 4) << 32;
}

void an_update_header_put(uint8_t ret[static AN_UPDATE_HEADER_BYTES], const an_update_header *h)
{
    memset(ret, 0, AN_UPDATE_HEADER_BYTES);
    memcpy(ret, magic, sizeof magic);
    ret[7] = h->sealed ? VERSION_SEALED : VERSION_PLAIN;
    put_u64(ret + 8, h->round);
    put_u64(ret + 16, h->dim);
    an_put_u32(ret + 24, h->sealed ? h->encoding : 0);
    memcpy(ret + 32, h->plan_hash.b, AN_HASH_BYTES);
    memcpy(ret + 64, h->site, strnlen(h->site, AN_NAME_MAX - 1));
}

an_err an_update_header_get(an_update_header *ret, const uint8_t bytes[static AN_UPDATE_HEADER_BYTES],
                            an_note *why)
{
    an_update_header h = {.sealed = bytes[7] == VERSION_SEALED,
                          .encoding = an_get_u32(bytes + 24),
                          .round = get_u64(bytes + 8),
                          .dim = get_u64(bytes + 16)};
    uint8_t again[AN_UPDATE_HEADER_BYTES];
    memcpy(h.plan_hash.b, bytes + 32, AN_HASH_BYTES);
    memcpy(h.site, bytes + 64, AN_NAME_MAX - 1);
    /* One comparison finds a wrong magic, padding that is not zero, a name without its end. */
    an_update_header_put(again, &h);
    if (memcmp(again, bytes, sizeof again) != 0)
        return an_fail(AN_ERR_PROTO, why, "not an update file");
    if (h.dim < 1 || h.dim > AN_DIM_MAX)
        return an_fail(AN_ERR_PROTO, why, "update file: dim out of bounds");
    *ret = h;
    return AN_OK;
}

void an_words_put(uint8_t *ret, const uint32_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        an_put_u32(ret + 4 * i, v[i]); /* v[i] is read before its own bytes are written */
}

/* ---- writing a file ---- */

static an_err write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return AN_ERR_IO;
        bytes += n;
        len -= (size_t)n;
    }
    return AN_OK;
}

/* As much of an update as is in memory at a time: the whole of a small one. */
static size_t piece_bytes(uint64_t dim)
{
    uint64_t all = an_update_size(dim);
    return all < PIECE_BYTES ? (size_t)all : PIECE_BYTES;
}

static an_err write_pieces(int fd, const an_update_header *h, const uint32_t *v, uint8_t *piece,
                           an_hash *ret_hash)
{
    an_hasher hasher;
    an_hasher_init(&hasher);
    an_update_header_put(piece, h);
    size_t len = AN_UPDATE_HEADER_BYTES;
    for (uint64_t at = 0;;) {
        an_hasher_add(&hasher, piece, len);
        an_err err = write_all(fd, piece, len);
        if (err)
            return err;
        size_t n = h->dim - at < PIECE_BYTES / 4 ? (size_t)(h->dim - at) : PIECE_BYTES / 4;
        if (n == 0)
            break;
        an_words_put(piece, v + at, n);
        len = 4 * n;
        at += n;
    }
    an_hasher_end(&hasher, ret_hash);
    return fsync(fd) == 0 ? AN_OK : AN_ERR_IO;
}

static an_err sync_parent(const char *path, an_note *why)
{
    char dir[AN_PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash)
        return an_dir_sync(".", why);
    size_t n = slash == path ? 1 : (size_t)(slash - path);
    memcpy(dir, path, n);
    dir[n] = 0;
    return an_dir_sync(dir, why);
}

an_err an_update_write(const char *path, const an_update_header *h, const uint32_t *v, an_hash *ret_hash,
                       an_note *why)
{
    char part[AN_PATH_MAX];
    an_hash hash;
    int fd = -1;

    if (h->dim < 1 || h->dim > AN_DIM_MAX || h->site[0] == 0)
        return an_fail(AN_ERR_INVAL, why, "update header out of bounds");
    int n = snprintf(part, sizeof part, "%s.part", path);
    if (n < 0 || (size_t)n >= sizeof part)
        return an_fail(AN_ERR_INVAL, why, "path too long");

    an_err err = AN_ERR_NOMEM;
    uint8_t *piece = an_alloc_raw(piece_bytes(h->dim), 1);
    if (!piece)
        goto out;
    err = AN_ERR_IO;
    fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        goto out;
    err = write_pieces(fd, h, v, piece, &hash);
    if (close(fd) != 0 && !err)
        err = AN_ERR_IO;
    if (!err && rename(part, path) != 0)
        err = AN_ERR_IO;
    if (err) {
        int saved = errno;
        unlink(part);
        errno = saved;
        goto out;
    }
    err = sync_parent(path, why);
    if (!err)
        *ret_hash = hash;
out:
    an_free(piece);
    if (err == AN_ERR_IO)
        an_note_set(why, "%s: %s", path, strerror(errno));
    return err;
}

/* ---- reading one as it comes ---- */

void an_fold_init(an_fold *f, const an_update_header *expected, uint32_t *acc)
{
    *f = (an_fold){.expected = *expected, .acc = acc};
    an_hasher_init(&f->hasher);
}

static an_err check_header(const an_fold *f, an_note *why)
{
    an_update_header h;
    an_err err = an_update_header_get(&h, f->header, why);
    if (err)
        return err;
    const an_update_header *e = &f->expected;
    if (h.sealed)
        return an_fail(AN_ERR_PROTO, why, "update file is sealed");
    if (h.round != e->round)
        return an_fail(AN_ERR_PROTO, why, "update file of round %llu", (unsigned long long)h.round);
    if (memcmp(&h.plan_hash, &e->plan_hash, sizeof h.plan_hash) != 0)
        return an_fail(AN_ERR_PROTO, why, "update file of another plan");
    if (strcmp(h.site, e->site) != 0)
        return an_fail(AN_ERR_PROTO, why, "update file of another site");
    if (h.dim != e->dim)
        return an_fail(AN_ERR_PROTO, why, "update file of %llu coordinates instead of %llu",
                       (unsigned long long)h.dim, (unsigned long long)e->dim);
    return AN_OK;
}

/* Adds bytes of coordinates; `at` counts them from the first coordinate. */
static void fold_words(an_fold *f, uint64_t at, const uint8_t *bytes, size_t len)
{
    while (len > 0 && at % 4 != 0) {
        f->word[at++ % 4] = *bytes++;
        len--;
        if (at % 4 == 0)
            f->acc[at / 4 - 1] += an_get_u32(f->word);
    }
    uint32_t *acc = f->acc + at / 4;
    size_t n = len / 4;
    for (size_t i = 0; i < n; i++)
        acc[i] += an_get_u32(bytes + 4 * i);
    for (size_t i = 0; i < len % 4; i++)
        f->word[i] = bytes[4 * n + i];
}

an_err an_fold_feed(an_fold *f, const void *bytes, size_t len, an_note *why)
{
    const uint8_t *from = bytes;
    if (len > an_update_size(f->expected.dim) - f->at)
        return an_fail(AN_ERR_PROTO, why, "update file too long");
    an_hasher_add(&f->hasher, bytes, len);
    if (f->at < AN_UPDATE_HEADER_BYTES) {
        size_t n = AN_UPDATE_HEADER_BYTES - (size_t)f->at;
        n = n < len ? n : len;
        if (n)
            memcpy(f->header + f->at, from, n);
        f->at += n;
        from += n;
        len -= n;
        if (f->at < AN_UPDATE_HEADER_BYTES)
            return AN_OK;
        an_err err = check_header(f, why);
        if (err)
            return err;
    }
    if (f->acc && len)
        fold_words(f, f->at - AN_UPDATE_HEADER_BYTES, from, len);
    f->at += len;
    return AN_OK;
}

an_err an_fold_end(an_fold *f, an_hash *ret_hash, an_note *why)
{
    if (f->at != an_update_size(f->expected.dim))
        return an_fail(AN_ERR_PROTO, why, "update file cut short at %llu bytes", (unsigned long long)f->at);
    an_hasher_end(&f->hasher, ret_hash);
    return AN_OK;
}

static an_err fold_all(const void *bytes, size_t len, const an_update_header *expected, uint32_t *acc,
                       an_hash *ret_hash, an_note *why)
{
    an_fold f;
    an_fold_init(&f, expected, acc);
    an_err err = an_fold_feed(&f, bytes, len, why);
    return err ? err : an_fold_end(&f, ret_hash, why);
}

an_err an_fold_bytes(const void *bytes, size_t len, const an_update_header *expected,
                     const an_hash *expected_hash, uint32_t *acc, an_note *why)
{
    an_hash hash;
    an_err err = fold_all(bytes, len, expected, NULL, &hash, why);
    if (!err && expected_hash && !an_hash_equal(&hash, expected_hash))
        err = an_fail(AN_ERR_PROTO, why, "update: other bytes than were announced");
    return err || !acc ? err : fold_all(bytes, len, expected, acc, &hash, why);
}

/* Reads until the buffer is full or the file ends. */
static an_err fill(int fd, uint8_t *piece, size_t cap, size_t *ret_len, const char *path, an_note *why)
{
    size_t len = 0;
    while (len < cap) {
        ssize_t n = read(fd, piece + len, cap - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return an_fail(AN_ERR_IO, why, "%s: %s", path, strerror(errno));
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *ret_len = len;
    return AN_OK;
}

/* Folds the file, of which `len` bytes are in the buffer.  A full buffer may have more behind it. */
static an_err fold_rest(int fd, an_fold *f, uint8_t *piece, size_t cap, size_t len, an_hash *ret_hash,
                        const char *path, an_note *why)
{
    an_err err = an_fold_feed(f, piece, len, why);
    while (err == AN_OK && len == cap) {
        err = fill(fd, piece, cap, &len, path, why);
        if (err == AN_OK)
            err = an_fold_feed(f, piece, len, why);
    }
    return err == AN_OK ? an_fold_end(f, ret_hash, why) : err;
}

/* Nothing is added before the whole file is known to be good, so it is folded twice; what fits the
 * buffer is read once. */
static an_err fold_twice(int fd, const an_update_header *expected, const an_hash *expected_hash,
                         uint32_t *acc, uint8_t *piece, size_t cap, an_hash *ret_hash, const char *path,
                         an_note *why)
{
    an_fold f;
    an_hash again;
    size_t len = 0;
    an_err err = fill(fd, piece, cap, &len, path, why);
    if (err)
        return err;
    bool whole = len < cap;
    an_fold_init(&f, expected, NULL);
    err = fold_rest(fd, &f, piece, cap, len, ret_hash, path, why);
    if (!err && expected_hash && !an_hash_equal(ret_hash, expected_hash))
        err = an_fail(AN_ERR_PROTO, why, "%s: other bytes than were announced", path);
    if (err || !acc)
        return err;
    if (!whole) {
        if (lseek(fd, 0, SEEK_SET) != 0)
            return an_fail(AN_ERR_IO, why, "%s: %s", path, strerror(errno));
        err = fill(fd, piece, cap, &len, path, why);
    }
    an_fold_init(&f, expected, acc);
    return err ? err : fold_rest(fd, &f, piece, cap, len, &again, path, why);
}

an_err an_fold_file(const char *path, const an_update_header *expected, const an_hash *expected_hash,
                    uint32_t *acc, an_hash *ret_hash, an_note *why)
{
    an_hash hash;
    /* A small one is seen to end by the byte that does not come. */
    size_t cap = piece_bytes(expected->dim + 1);
    uint8_t *piece = an_alloc_raw(cap, 1);
    if (!piece)
        return AN_ERR_NOMEM;
    an_err err;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        err = an_fail(errno == ENOENT ? AN_ERR_NOTFOUND : AN_ERR_IO, why, "%s: %s", path, strerror(errno));
    } else {
        err = fold_twice(fd, expected, expected_hash, acc, piece, cap, &hash, path, why);
        close(fd);
    }
    an_free(piece);
    if (!err && ret_hash)
        *ret_hash = hash;
    return err;
}
