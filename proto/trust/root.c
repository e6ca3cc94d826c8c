/* root.c - the key file, the signed statement as a value, the chain of roots.
 *
 * The key file is text, so that it survives a printer:
 *
 *     andon-release-key-1
 *     secret 128 hexadecimal digits
 *     public 64
 *     check 64: BLAKE2b-256 of all before                                                       */
#include "trust/root.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "trust/lines.h"

#define KEY_FIRST "andon-release-key-1"
#define KEY_FILE_BYTES                                                                                       \
    (sizeof KEY_FIRST + sizeof "secret " + 128 + sizeof "public " + 64 + sizeof "check " + 64)
#define PROBE_CONTEXT "andon release key file"

void an_root_fingerprint(an_hash *ret, const uint8_t key[static AN_SIGN_PUBLIC_BYTES])
{
    an_hash_of(ret, key, AN_SIGN_PUBLIC_BYTES);
}

/* ---- the key file ---- */

typedef struct key_file {
    char text[KEY_FILE_BYTES + 1];
} key_file;

static size_t put_hex(char *out, size_t at, const char *key, const uint8_t *bytes, size_t len)
{
    const size_t n = strlen(key);
    memcpy(out + at, key, n);
    an_hex(out + at + n, bytes, len);
    at += n + 2 * len;
    out[at++] = '\n';
    return at;
}

static size_t write_text(char out[static KEY_FILE_BYTES + 1], const an_root_key *key)
{
    an_hash check;
    memcpy(out, KEY_FIRST "\n", sizeof KEY_FIRST);
    size_t at = put_hex(out, sizeof KEY_FIRST, "secret ", key->secret, sizeof key->secret);
    at = put_hex(out, at, "public ", key->public_key, sizeof key->public_key);
    an_hash_of(&check, out, at);
    return put_hex(out, at, "check ", check.b, sizeof check.b);
}

static bool pair_good(const an_root_key *key)
{
    uint8_t sig[AN_SIGN_BYTES];
    an_sign(sig, PROBE_CONTEXT, KEY_FIRST, sizeof KEY_FIRST, key->secret);
    return an_sign_check(sig, PROBE_CONTEXT, KEY_FIRST, sizeof KEY_FIRST, key->public_key) == AN_OK;
}

/* Hexadecimal without a copy of the secret on the stack. */
static bool read_text(an_root_key *ret, key_file *file, key_file *again, size_t len)
{
    static const size_t secret_at = sizeof KEY_FIRST + sizeof "secret " - 1;
    static const size_t public_at = sizeof KEY_FIRST + sizeof "secret " + 128 + sizeof "public " - 1;
    if (len != KEY_FILE_BYTES)
        return false;
    char *secret = file->text + secret_at, *public_key = file->text + public_at;
    const char after_secret = secret[128], after_public = public_key[64];
    secret[128] = public_key[64] = '\0';
    const bool good = an_unhex(ret->secret, sizeof ret->secret, secret) &&
                      an_unhex(ret->public_key, sizeof ret->public_key, public_key);
    secret[128] = after_secret;
    public_key[64] = after_public;
    return good && write_text(again->text, ret) == len && an_secret_equal(again->text, file->text, len) &&
           pair_good(ret);
}

static an_err locked(const char *path, an_root_key **key, key_file **file, an_note *why)
{
    *key = an_secret_alloc(sizeof **key);
    *file = an_secret_alloc(2 * sizeof **file);
    return *key && *file
               ? AN_OK
               : an_fail(AN_ERR_NOMEM, why, "%s: no locked memory for secrets (see `ulimit -l`)", path);
}

/* O_EXCL: two that make a key at once do not share a file. */
static an_err write_new(const char *path, const void *bytes, size_t len, an_note *why)
{
    size_t at = 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno == EEXIST
                   ? an_fail(AN_ERR_EXISTS, why, "%s: is there already; a key is never overwritten", path)
                   : an_fail(AN_ERR_IO, why, "%s: cannot be made: %s", path, strerror(errno));
    while (at < len) {
        const ssize_t n = write(fd, (const uint8_t *)bytes + at, len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    const bool good = at == len && fsync(fd) == 0;
    if (close(fd) == 0 && good)
        return AN_OK;
    unlink(path);
    return an_fail(AN_ERR_IO, why, "%s: cannot be written: %s", path, strerror(errno));
}

an_err an_root_key_new(const char *path, an_root_key **ret, an_note *why)
{
    an_root_key *key = NULL;
    key_file *file = NULL;
    an_err err = locked(path, &key, &file, why);
    if (err != AN_OK)
        goto out;
    an_sign_keypair(key->public_key, key->secret);
    if ((err = write_new(path, file->text, write_text(file->text, key), why)) != AN_OK)
        goto out;
    *ret = key;
    key = NULL;
out:
    an_secret_free(file);
    an_root_key_free(key);
    return err;
}

static an_err check_mode(int fd, const char *path, an_note *why)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return an_fail(AN_ERR_IO, why, "%s: cannot look at it: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return an_fail(AN_ERR_REFUSED, why, "%s: not a regular file", path);
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return an_fail(
            AN_ERR_REFUSED, why,
            "%s: others may use this release key (mode %03o); `chmod 600` it, and if anyone may have "
            "read it, rotate it: andon release rotate-root",
            path, (unsigned)(st.st_mode & 0777));
    if (st.st_uid != geteuid())
        return an_fail(AN_ERR_REFUSED, why, "%s: belongs to another user", path);
    return AN_OK;
}

/* *ret_len: KEY_FILE_BYTES + 1 for a longer file. */
static an_err read_whole(const char *path, key_file *ret, size_t *ret_len, an_note *why)
{
    size_t at = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        const int e = errno;
        const an_err err = e == ENOENT ? AN_ERR_NOTFOUND : e == ELOOP ? AN_ERR_REFUSED : AN_ERR_IO;
        return an_fail(err, why, "%s: cannot open: %s", path, strerror(e));
    }
    an_err err = check_mode(fd, path, why);
    while (err == AN_OK && at < sizeof ret->text) {
        const ssize_t n = read(fd, ret->text + at, sizeof ret->text - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            err = an_fail(AN_ERR_IO, why, "%s: cannot read: %s", path, strerror(errno));
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    close(fd);
    *ret_len = at;
    return err;
}

an_err an_root_key_read(const char *path, an_root_key **ret, an_note *why)
{
    an_root_key *key = NULL;
    key_file *file = NULL;
    size_t len = 0;
    an_err err = locked(path, &key, &file, why);
    if (err == AN_OK)
        err = read_whole(path, file, &len, why);
    if (err == AN_OK && !read_text(key, file, file + 1, len))
        err = an_fail(AN_ERR_PROTO, why, "%s: damaged, or not a release key", path);
    if (err == AN_OK) {
        *ret = key;
        key = NULL;
    }
    an_secret_free(file);
    an_root_key_free(key);
    return err;
}

void an_root_key_free(an_root_key *key)
{
    an_secret_free(key);
}

/* ---- signed statements ---- */

an_err an_signed_set(an_signed *ret, const void *text, size_t len, const an_msg_signature *signatures,
                     uint32_t n_signatures, an_note *why)
{
    if (len > AN_TRUST_TEXT_MAX || n_signatures > AN_TRUST_SIGNATURES)
        return an_fail(AN_ERR_LIMIT, why, "a statement has at most %d bytes and %d signatures",
                       AN_TRUST_TEXT_MAX, AN_TRUST_SIGNATURES);
    *ret = (an_signed){.len = (uint16_t)len, .n_signatures = (uint8_t)n_signatures};
    if (len)
        memcpy(ret->text, text, len);
    for (uint32_t i = 0; i < n_signatures; i++)
        ret->signatures[i] = signatures[i];
    return AN_OK;
}

an_err an_signed_add(an_signed *s, const char *context, const uint8_t public_key[static AN_SIGN_PUBLIC_BYTES],
                     const uint8_t secret[static AN_SIGN_SECRET_BYTES])
{
    if (s->n_signatures >= AN_TRUST_SIGNATURES)
        return AN_ERR_LIMIT;
    an_msg_signature *sig = &s->signatures[s->n_signatures++];
    memcpy(sig->key, public_key, sizeof sig->key);
    an_sign(sig->signature, context, s->text, s->len, secret);
    return AN_OK;
}

an_err an_signed_by(const an_signed *s, const char *context, const uint8_t key[static AN_SIGN_PUBLIC_BYTES])
{
    an_err err = AN_ERR_AUTH;
    for (size_t i = 0; i < s->n_signatures && err != AN_OK; i++)
        if (an_secret_equal(s->signatures[i].key, key, AN_SIGN_PUBLIC_BYTES))
            err = an_sign_check(s->signatures[i].signature, context, s->text, s->len, key);
    return err;
}

bool an_signed_equal(const an_signed *a, const an_signed *b)
{
    return a->len == b->len && an_secret_equal(a->text, b->text, a->len);
}

/* ---- rotation ---- */

an_err an_root_link_text(const an_root_link *link, an_buf *out)
{
    char from[2 * AN_SIGN_PUBLIC_BYTES + 1], to[2 * AN_SIGN_PUBLIC_BYTES + 1];
    an_hex(from, link->from, sizeof link->from);
    an_hex(to, link->to, sizeof link->to);
    an_buf_printf(out, AN_ROOT_CONTEXT "\nnumber %llu\nfrom %s\nto %s\nissued %lld\n",
                  (unsigned long long)link->number, from, to, (long long)link->issued_ms);
    return an_buf_err(out);
}

an_err an_root_link_parse(const void *text, size_t len, an_root_link *ret, an_note *why)
{
    static const char what[] = "a rotation of the release root";
    an_root_link link;
    an_buf again;
    an_lines l = an_lines_of(text, len, AN_ROOT_CONTEXT);
    link.number = an_lines_u64(&l, "number");
    an_lines_hex(&l, "from", link.from, sizeof link.from);
    an_lines_hex(&l, "to", link.to, sizeof link.to);
    link.issued_ms = an_lines_i64(&l, "issued");
    if (!an_lines_end(&l) || link.number == 0)
        return an_lines_bad(what, why);
    an_buf_init(&again, AN_TRUST_TEXT_MAX);
    an_err err = an_root_link_text(&link, &again);
    (void)err; /* the buffer remembers it */
    if ((err = an_lines_same(&again, text, len, what, why)) == AN_OK)
        *ret = link;
    return err;
}

an_err an_root_follow(an_root *root, const an_signed *link, an_note *why)
{
    an_root_link l;
    an_err err = an_root_link_parse(link->text, link->len, &l, why);
    if (err != AN_OK)
        return err;
    if (l.number != root->number + 1)
        return an_fail(AN_ERR_STATE, why,
                       "rotation %llu of the release root does not follow number %llu, which is "
                       "known here",
                       (unsigned long long)l.number, (unsigned long long)root->number);
    if (!an_secret_equal(l.from, root->key, sizeof l.from))
        return an_fail(AN_ERR_AUTH, why,
                       "rotation %llu of the release root goes on from another key than the one "
                       "known here",
                       (unsigned long long)l.number);
    if (an_signed_by(link, AN_ROOT_CONTEXT, l.from) != AN_OK)
        return an_fail(AN_ERR_AUTH, why, "rotation %llu of the release root is not signed by the old key",
                       (unsigned long long)l.number);
    if (an_signed_by(link, AN_ROOT_CONTEXT, l.to) != AN_OK)
        return an_fail(AN_ERR_AUTH, why, "rotation %llu of the release root is not signed by the new key",
                       (unsigned long long)l.number);
    root->number = l.number;
    memcpy(root->key, l.to, sizeof root->key);
    return AN_OK;
}
