/* keys.c - the identity file.
 *
 *     "ANDONKEY" | version (u32) | link secret (32) | link public (32)
 *     | statement secret (64) | statement public (32) | BLAKE2b-256 of all before (32)
 *
 * The publics are stored so that a pair can be checked against itself; a file whose halves do
 * not belong together is refused rather than used. */
#include "net/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "net/net_internal.h"

#define MAGIC "ANDONKEY"
#define VERSION 1
#define IDENTITY_CONTEXT "andon identity file"

typedef struct record {
    uint8_t magic[8];
    uint8_t version[4];
    uint8_t link_secret[AN_LINK_KEY_BYTES];
    uint8_t link_public[AN_LINK_KEY_BYTES];
    uint8_t sign_secret[AN_SIGN_SECRET_BYTES];
    uint8_t sign_public[AN_SIGN_PUBLIC_BYTES];
    uint8_t check[AN_HASH_BYTES];
} record;

_Static_assert(sizeof(record) == 204, "the record is bytes without padding");

static void check_of(an_hash *ret, const record *r)
{
    an_hash_of(ret, r, offsetof(record, check));
}

/* Derives the public half again; libzmq does that on its Z85 text form. */
static bool link_pair_good(const record *r)
{
    char secret[41], public[41], want[41];
    bool good = zmq_z85_encode(secret, r->link_secret, AN_LINK_KEY) &&
                zmq_z85_encode(want, r->link_public, AN_LINK_KEY) && zmq_curve_public(public, secret) == 0 &&
                an_secret_equal(public, want, sizeof want);
    an_wipe(secret, sizeof secret);
    return good;
}

static bool sign_pair_good(const record *r)
{
    uint8_t sig[AN_SIGN_BYTES];
    an_sign(sig, IDENTITY_CONTEXT, MAGIC, 8, r->sign_secret);
    return an_sign_check(sig, IDENTITY_CONTEXT, MAGIC, 8, r->sign_public) == AN_OK;
}

static bool record_good(const record *r)
{
    an_hash check;
    check_of(&check, r);
    return an_secret_equal(r->magic, MAGIC, sizeof r->magic) && an_get_u32(r->version) == VERSION &&
           an_secret_equal(check.b, r->check, sizeof r->check) && link_pair_good(r) && sign_pair_good(r);
}

static an_err check_mode(int fd, const char *path, an_note *why)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return an_fail(AN_ERR_IO, why, "%s: cannot look at it: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return an_fail(AN_ERR_REFUSED, why, "%s: not a regular file", path);
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return an_fail(AN_ERR_REFUSED, why,
                       "%s: others may use this secret file (mode %03o); `chmod 600` it, and if anyone "
                       "may have read it, remove it and enrol again",
                       path, (unsigned)(st.st_mode & 0777));
    if (st.st_uid != geteuid())
        return an_fail(AN_ERR_REFUSED, why, "%s: belongs to another user", path);
    if (st.st_size != (off_t)sizeof(record))
        return an_fail(AN_ERR_PROTO, why, "%s: not an identity file", path);
    return AN_OK;
}

static an_err record_read(record *r, const char *path, an_note *why)
{
    an_err err;
    size_t at = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        int e = errno;
        return an_fail(e == ENOENT  ? AN_ERR_NOTFOUND
                       : e == ELOOP ? AN_ERR_REFUSED
                                    : AN_ERR_IO,
                       why, "%s: cannot open: %s", path, strerror(e));
    }
    if ((err = check_mode(fd, path, why)) != AN_OK)
        goto out;
    while (at < sizeof *r) {
        ssize_t n = read(fd, (uint8_t *)r + at, sizeof *r - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            err = an_fail(AN_ERR_IO, why, "%s: cannot read", path);
            goto out;
        }
        at += (size_t)n;
    }
    if (!record_good(r))
        err = an_fail(AN_ERR_PROTO, why, "%s: damaged, or not an identity file", path);
out:
    close(fd);
    return err;
}

static an_err record_make(record *r, const char *path, an_note *why)
{
    an_hash check;
    memcpy(r->magic, MAGIC, sizeof r->magic);
    an_put_u32(r->version, VERSION);
    an_link_keypair(r->link_public, r->link_secret);
    an_sign_keypair(r->sign_public, r->sign_secret);
    check_of(&check, r);
    memcpy(r->check, check.b, sizeof r->check);
    return an_file_write(path, r, sizeof *r, 0600, why);
}

an_err an_identity_open(const char *path, an_identity **ret, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    record *r = an_secret_alloc(sizeof *r);
    an_identity *id = an_secret_alloc(sizeof *id);
    if (!r || !id) {
        an_note_set(why, "%s: no locked memory for secrets (see `ulimit -l`)", path);
        goto out;
    }
    err = record_read(r, path, why);
    if (err == AN_ERR_NOTFOUND)
        err = record_make(r, path, why);
    if (err != AN_OK)
        goto out;
    memcpy(id->link_public, r->link_public, sizeof id->link_public);
    memcpy(id->link_secret, r->link_secret, sizeof id->link_secret);
    memcpy(id->sign_public, r->sign_public, sizeof id->sign_public);
    memcpy(id->sign_secret, r->sign_secret, sizeof id->sign_secret);
    *ret = id;
    id = NULL;
out:
    an_secret_free(r);
    an_identity_free(id);
    return err;
}

an_err an_identity_adopt(const char *path, const char *next_path, an_note *why)
{
    if (rename(next_path, path) != 0)
        return an_fail(AN_ERR_IO, why, "%s: cannot take its place: %s", next_path, strerror(errno));
    an_err err = an_file_sync_folder(path, NULL);
    (void)err; /* the file is there; a power cut that undoes it finds both, and it is done again */
    return AN_OK;
}

void an_identity_free(an_identity *id)
{
    an_secret_free(id);
}
