/* Content-addressed files:
 *
 *     DIR/objects/ab/abcdef...   whole objects, named by their hash
 *     DIR/objects/new/           being written; emptied at each start
 *     DIR/spool/                 being received by others; never touched here
 *
 * All 256 folders are made and synced at the start, so that later only the one folder a rename
 * went into has to be synced for the object to survive a power cut.  Small objects survive it
 * in the journal (small.c). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/store/store_internal.h"

/* Objects hold updates and models, which are nobody else's business on the machine. */
#define OBJECT_MODE 0600

static an_err fail_errno(an_note *why, const char *what, const char *path)
{
    int e = errno;
    return an_fail(AN_ERR_IO, why, "%s: cannot %s: %s", path, what, strerror(e));
}

static an_err too_long(const char *dir, an_note *why)
{
    return an_fail(AN_ERR_LIMIT, why, "%.200s: the path is too long", dir);
}

static an_err new_dir(const an_objects *o, char out[static AN_PATH_MAX], an_note *why)
{
    return an_path_join(out, o->dir, "new") == AN_OK ? AN_OK : too_long(o->dir, why);
}

static an_err clear_new(const an_objects *o, an_note *why)
{
    char dir[AN_PATH_MAX], path[AN_PATH_MAX];
    an_names names = {0};
    an_err err = new_dir(o, dir, why);
    if (err == AN_OK)
        err = an_dir_make(dir, why);
    if (err == AN_OK)
        err = an_dir_list(dir, &names, why);
    for (size_t i = 0; err == AN_OK && i < names.n; i++) {
        err =
            an_path_join(path, dir, names.items[i]) == AN_OK ? an_file_remove(path, why) : too_long(dir, why);
    }
    an_names_done(&names);
    return err;
}

an_err an_objects_init(an_objects *o, const char *dir, an_note *why)
{
    char path[AN_PATH_MAX], name[3];
    *o = (an_objects){0};
    /* The longest name below it is objects/new/HASH.part. */
    if (strlen(dir) + sizeof "/objects/new/.part" + AN_HASH_TEXT > AN_PATH_MAX ||
        an_path_join(o->dir, dir, "objects") != AN_OK || an_path_join(o->spool, dir, "spool") != AN_OK)
        return too_long(dir, why);
    an_err err = an_dir_make(o->spool, why);
    if (err == AN_OK)
        err = an_dir_make(o->dir, why);
    for (unsigned i = 0; err == AN_OK && i < 256; i++) {
        snprintf(name, sizeof name, "%02x", i & 0xffU);
        if (an_path_join(path, o->dir, name) != AN_OK)
            err = too_long(dir, why);
        else if (mkdir(path, 0755) != 0 && errno != EEXIST)
            err = fail_errno(why, "make folder", path);
    }
    if (err == AN_OK)
        err = clear_new(o, why);
    if (err == AN_OK)
        err = an_dir_sync(o->dir, why);
    return err == AN_OK ? an_dir_sync(dir, why) : err;
}

an_err an_objects_path(const an_objects *o, const an_hash *hash, char out[static AN_PATH_MAX])
{
    char text[AN_HASH_TEXT];
    an_hash_text(text, hash);
    int n = snprintf(out, AN_PATH_MAX, "%s/%.2s/%s", o->dir, text, text);
    return n < 0 || n >= AN_PATH_MAX ? AN_ERR_LIMIT : AN_OK;
}

static an_err sync_home(const an_objects *o, const an_hash *hash, an_note *why)
{
    char dir[AN_PATH_MAX];
    int n = snprintf(dir, sizeof dir, "%s/%02x", o->dir, hash->b[0]);
    if (n < 0 || (size_t)n >= sizeof dir)
        return too_long(o->dir, why);
    return an_dir_sync(dir, why);
}

/* Errors: NOTFOUND, IO also for what is not a plain file. */
static an_err size_of(const an_objects *o, const an_hash *hash, uint64_t *ret_len,
                      char path[static AN_PATH_MAX], an_note *why)
{
    struct stat st;
    if (an_objects_path(o, hash, path) != AN_OK)
        return too_long(o->dir, why);
    if (stat(path, &st) != 0) {
        if (errno == ENOENT)
            return an_fail(AN_ERR_NOTFOUND, why, "%s: no such object", path);
        return fail_errno(why, "look at", path);
    }
    if (!S_ISREG(st.st_mode))
        return an_fail(AN_ERR_IO, why, "%s: not a plain file", path);
    *ret_len = (uint64_t)st.st_size;
    return AN_OK;
}

an_err an_objects_file(const an_objects *o, const an_hash *hash, char out[static AN_PATH_MAX], an_note *why)
{
    uint64_t len = 0;
    return size_of(o, hash, &len, out, why);
}

an_err an_objects_size(const an_objects *o, const an_hash *hash, uint64_t *ret_len, an_note *why)
{
    char path[AN_PATH_MAX];
    uint64_t len = 0;
    an_err err = size_of(o, hash, &len, path, why);
    if (err == AN_OK)
        *ret_len = len;
    return err;
}

bool an_objects_intact(const an_objects *o, const an_hash *hash, size_t len)
{
    char path[AN_PATH_MAX];
    uint8_t chunk[16384];
    uint64_t have = 0;
    if (size_of(o, hash, &have, path, NULL) != AN_OK || have != len)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    an_hasher h;
    an_hasher_init(&h);
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR)) {
        if (n > 0)
            an_hasher_add(&h, chunk, (size_t)n);
    }
    close(fd);
    an_hash found;
    an_hasher_end(&h, &found);
    return n == 0 && an_hash_equal(&found, hash);
}

an_err an_objects_adopt_unsynced(an_objects *o, const char *path, const an_hash *hash, an_note *why)
{
    char home[AN_PATH_MAX];
    if (an_objects_path(o, hash, home) != AN_OK)
        return too_long(o->dir, why);
    if ((chmod(path, OBJECT_MODE) != 0 && errno != ENOENT) || rename(path, home) != 0) {
        if (errno == ENOENT)
            return an_fail(AN_ERR_NOTFOUND, why, "%s: no such file to take over", path);
        return fail_errno(why, "take over as an object", path);
    }
    return AN_OK;
}

an_err an_objects_adopt(an_objects *o, const char *path, const an_hash *hash, an_note *why)
{
    an_err err = an_objects_adopt_unsynced(o, path, hash, why);
    return err == AN_OK ? sync_home(o, hash, why) : err;
}

static an_err write_unsynced(const char *path, const void *bytes, size_t len, an_note *why)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, OBJECT_MODE);
    if (fd < 0)
        return fail_errno(why, "write", path);
    an_err err = AN_OK;
    for (size_t done = 0; err == AN_OK && done < len;) {
        ssize_t n = write(fd, (const char *)bytes + done, len - done);
        if (n < 0 && errno != EINTR)
            err = fail_errno(why, "write", path);
        done += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    return err;
}

/* A damaged object is written anew; an intact one may lack its sync: an earlier put may have
 * died before it. */
static an_err put(an_objects *o, const void *bytes, size_t len, bool sync, an_hash *ret, an_note *why)
{
    char dir[AN_PATH_MAX], path[AN_PATH_MAX], text[AN_HASH_TEXT];
    an_hash hash;
    an_hash_of(&hash, bytes, len);
    an_err err = AN_OK;
    if (!an_objects_intact(o, &hash, len)) {
        an_hash_text(text, &hash);
        err = new_dir(o, dir, why);
        if (err == AN_OK && an_path_join(path, dir, text) != AN_OK)
            err = too_long(dir, why);
        if (err == AN_OK)
            err = sync ? an_file_write(path, bytes, len, OBJECT_MODE, why)
                       : write_unsynced(path, bytes, len, why);
        if (err == AN_OK)
            err = an_objects_adopt_unsynced(o, path, &hash, why);
    }
    if (err == AN_OK && sync)
        err = sync_home(o, &hash, why);
    if (err == AN_OK)
        *ret = hash;
    return err;
}

an_err an_objects_put(an_objects *o, const void *bytes, size_t len, an_hash *ret, an_note *why)
{
    return put(o, bytes, len, true, ret, why);
}

an_err an_objects_put_unsynced(an_objects *o, const void *bytes, size_t len, an_hash *ret, an_note *why)
{
    return put(o, bytes, len, false, ret, why);
}

an_err an_objects_get(const an_objects *o, const an_hash *hash, an_buf *b, an_note *why)
{
    char path[AN_PATH_MAX];
    uint64_t len = 0;
    size_t before = b->len;
    an_err err = size_of(o, hash, &len, path, why);
    if (err != AN_OK)
        return err;
    if (len > b->max - before)
        return an_fail(AN_ERR_LIMIT, why, "%s: %llu bytes, at most %zu are taken", path,
                       (unsigned long long)len, b->max - before);
    err = an_file_read(b, path, why);
    if (err == AN_OK) {
        an_hash found;
        an_hash_of(&found, b->len > before ? b->data + before : NULL, b->len - before);
        if (!an_hash_equal(&found, hash))
            err = an_fail(AN_ERR_PROTO, why, "%s: damaged: its bytes have another hash than its name", path);
    }
    if (err != AN_OK)
        b->len = before;
    return err;
}

an_err an_objects_remove(an_objects *o, const an_hash *hash, an_note *why)
{
    char path[AN_PATH_MAX];
    if (an_objects_path(o, hash, path) != AN_OK)
        return too_long(o->dir, why);
    return an_file_remove(path, why);
}

static an_err each_in(const char *dir, an_store_object_visit visit, void *ctx, an_note *why)
{
    an_names names = {0};
    an_err err = an_dir_list(dir, &names, why);
    for (size_t i = 0; err == AN_OK && i < names.n; i++) {
        an_hash hash;
        if (strlen(names.items[i]) == 2 * sizeof hash.b && an_unhex(hash.b, sizeof hash.b, names.items[i]))
            err = visit(ctx, &hash, false, why);
    }
    an_names_done(&names);
    return err;
}

an_err an_objects_each(const an_objects *o, an_store_object_visit visit, void *ctx, an_note *why)
{
    char dir[AN_PATH_MAX];
    an_err err = AN_OK;
    for (unsigned i = 0; err == AN_OK && i < 256; i++) {
        int n = snprintf(dir, sizeof dir, "%s/%02x", o->dir, i & 0xffU);
        err = n < 0 || (size_t)n >= sizeof dir ? too_long(o->dir, why) : each_in(dir, visit, ctx, why);
    }
    return err;
}
