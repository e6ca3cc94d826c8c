/* An update file at the door: whole, the site's own, and of numbers that a site can have. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "sum/payload.h"

/* The header and the pieces of coordinates come each in one read, or the file is at its end. */
static an_err read_full(int fd, uint8_t *ret, size_t want, size_t *ret_len)
{
    size_t len = 0;
    while (len < want) {
        ssize_t n = read(fd, ret + len, want - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return AN_ERR_IO;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *ret_len = len;
    return AN_OK;
}

typedef struct piece {
    uint8_t bytes[4 * AN_PAYLOAD_PIECE];
    uint32_t words[AN_PAYLOAD_PIECE];
} piece;

void an_update_judge_piece(an_update_judge *j, uint64_t at, const uint32_t *v, size_t n, an_note *why)
{
    if (j->verdict != AN_OK || n == 0 || j->facts->masked)
        return;
    j->verdict = j->type->check(j->facts, j->dim, at, v, n, why);
    if (j->verdict == AN_OK && j->type->kind == AN_PAYLOAD_TRAIN)
        an_train_norm_add(&j->norm, j->facts, at, v, n);
}

an_err an_update_judge_end(an_update_judge *j, an_note *why)
{
    if (j->verdict == AN_OK && j->type->kind == AN_PAYLOAD_TRAIN && !j->facts->masked)
        j->verdict = an_train_norm_check(&j->norm, j->facts, why);
    return j->verdict;
}

/* An unlikely number is remembered and not yet an error: bytes that are not the site's come first. */
static an_err take(an_fold *fold, int fd, piece *p, an_update_judge *j, an_note *why)
{
    size_t len = 0;
    an_err err = read_full(fd, p->bytes, AN_UPDATE_HEADER_BYTES, &len);
    if (err == AN_OK)
        err = an_fold_feed(fold, p->bytes, len, why);
    for (uint64_t at = 0; err == AN_OK && len > 0;) {
        if ((err = read_full(fd, p->bytes, sizeof p->bytes, &len)) != AN_OK ||
            (err = an_fold_feed(fold, p->bytes, len, why)) != AN_OK)
            break;
        const size_t n = len / 4;
        for (size_t i = 0; i < n; i++)
            p->words[i] = an_get_u32(p->bytes + 4 * i);
        an_update_judge_piece(j, at, p->words, n, why);
        at += n;
    }
    return err;
}

an_err an_update_admit(const char *path, const an_update_header *expected, const an_hash *expected_hash,
                       an_payload_kind kind, const an_payload_facts *f, an_note *why)
{
    an_fold fold;
    an_hash hash;
    an_err err = AN_ERR_NOMEM;
    int fd = -1;
    const an_payload_type *type = an_payload_find(kind);
    piece *p = an_alloc(1, sizeof *p);
    if (!p)
        goto out;
    if (!type) {
        err = an_fail(AN_ERR_INVAL, why, "no such kind of payload");
        goto out;
    }
    if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
        err = an_fail(errno == ENOENT ? AN_ERR_NOTFOUND : AN_ERR_IO, why, "%s: %s", path, strerror(errno));
        goto out;
    }
    an_update_judge j = {.type = type, .facts = f, .dim = expected->dim};
    an_fold_init(&fold, expected, NULL);
    err = take(&fold, fd, p, &j, why);
    if (err == AN_ERR_IO)
        an_note_set(why, "%s: %s", path, strerror(errno));
    if (err == AN_OK)
        err = an_fold_end(&fold, &hash, why);
    if (err == AN_OK && expected_hash && !an_hash_equal(&hash, expected_hash))
        err = an_fail(AN_ERR_PROTO, why, "%s: other bytes than were announced", path);
    if (err == AN_OK)
        err = an_update_judge_end(&j, why);
out:
    if (fd >= 0)
        close(fd);
    an_free(p);
    return err;
}

an_err an_update_admit_bytes(const void *bytes, size_t len, const an_update_header *expected,
                             const an_hash *expected_hash, an_payload_kind kind, const an_payload_facts *f,
                             an_note *why)
{
    uint32_t v[AN_UPDATE_SMALL_DIM];
    const an_payload_type *type = an_payload_find(kind);
    if (!type || expected->dim > AN_UPDATE_SMALL_DIM)
        return an_fail(AN_ERR_INVAL, why, "no such kind of payload, or not a small one");
    an_err err = an_fold_bytes(bytes, len, expected, expected_hash, NULL, why);
    if (err != AN_OK)
        return err;
    const size_t dim = (size_t)expected->dim;
    for (size_t i = 0; i < dim; i++)
        v[i] = an_get_u32((const uint8_t *)bytes + AN_UPDATE_HEADER_BYTES + 4 * i);
    an_update_judge j = {.type = type, .facts = f, .dim = dim};
    an_update_judge_piece(&j, 0, v, dim, why);
    return an_update_judge_end(&j, why);
}
