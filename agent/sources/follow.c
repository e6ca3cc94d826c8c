#include "agent/sources/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sources/follow_internal.h"
#include "base/mem.h"

static bool is_wanted(const an_follow *f, const char *name)
{
    return name[0] != '.' && strlen(name) < AN_PATH_MAX && an_follow_ends_with(name, f->suffix) &&
           !an_follow_is_packed(name);
}

/* ---- one file ---- */

static an_err path_of(const an_follow *f, const char *name, char out[static AN_PATH_MAX])
{
    char folder[AN_PATH_MAX];
    an_follow_folder(f, folder);
    return an_path_join(out, folder, name);
}

int an_follow_open_name(const an_follow *f, const char *name, struct stat *ret)
{
    char path[AN_PATH_MAX];
    if (path_of(f, name, path) != AN_OK)
        return -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe under that name must not hold us up */
    if (fd >= 0 && (fstat(fd, ret) != 0 || !S_ISREG(ret->st_mode))) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    return fd;
}

static void set_fd(int *fd, int value)
{
    if (*fd >= 0)
        close(*fd);
    *fd = value;
}

int64_t an_follow_written_ns(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* A place in a file of which nothing has been read yet must be told from others too.  before: what the file was. */
static void look_at_head(an_follow *f, const struct stat *before)
{
    struct stat after;
    f->written_ns = an_follow_written_ns(before);
    const ssize_t n = pread(f->fd, f->head, AN_FOLLOW_HEAD, 0);
    f->head_len = n > 0 ? (size_t)n : 0;
    f->cut_at_once = fstat(f->fd, &after) == 0 && after.st_size < before->st_size;
}

void an_follow_begin(an_follow *f, const char *name, int fd, const struct stat *st)
{
    set_fd(&f->old_fd, f->fd);
    f->old_offset = f->offset;
    f->fd = fd;
    if (name != f->file)
        memcpy(f->file, name, strlen(name) + 1);
    f->inode = (uint64_t)st->st_ino;
    f->offset = 0;
    look_at_head(f, st);
    f->final = f->ended = f->in_copy = false;
    f->stats.files++;
}

static bool head_fits(int fd, const uint8_t *head, size_t len)
{
    uint8_t bytes[AN_FOLLOW_HEAD];
    return pread(fd, bytes, len, 0) == (ssize_t)len && memcmp(bytes, head, len) == 0;
}

/* Is it still the file whose first f->offset bytes have been read? */
static bool is_whole(const an_follow *f, int fd, const struct stat *st)
{
    return (uint64_t)st->st_size >= f->offset && head_fits(fd, f->head, f->head_len);
}

/* The answer of an_follow_cut_from, with nothing open. */
static int cut_and_filled_alike(const an_follow *f)
{
    an_follow_place p;
    char name[AN_PATH_MAX];
    struct stat st;
    an_follow_place_get(f, f->offset, &p);
    const int answer = f->head_len > 0 && !f->in_copy ? an_follow_cut_from(f, &p, f->fd, name, &st) : -1;
    int fd = answer;
    set_fd(&fd, -1);
    return answer;
}

/* The same of the file that is open.  Of one that was empty only its last write tells whether it was cut again.
 * Errors: NOTFOUND it is another one, AGAIN its neighbours, who know, cannot be seen now. */
static an_err is_still_whole(an_follow *f)
{
    struct stat st;
    if (fstat(f->fd, &st) != 0 || !is_whole(f, f->fd, &st))
        return AN_ERR_NOTFOUND;
    const int cut = an_follow_written_ns(&st) > f->written_ns ? cut_and_filled_alike(f) : -1;
    if (cut != -1)
        return cut == -2 ? AN_ERR_AGAIN : AN_ERR_NOTFOUND;
    if (f->head_len > 0)
        f->written_ns = an_follow_written_ns(&st);
    return AN_OK;
}

static an_err away(an_follow *f)
{
    f->stats.away += !f->was_away;
    f->was_away = true;
    return AN_ERR_AGAIN;
}

/* ---- its neighbours ---- */

typedef struct place_between {
    struct stat own; /* of the file that is read */
    int path_fd;     /* the file that now has its name */
} place_between;

/* A file that was made after the one that is read, and has been renamed since.  A copy that somebody has made of it,
 * or of the one that has its name now, is none. */
static bool came_between(const an_follow *f, const an_sibling *one, const void *ctx)
{
    const int fd = one->fd;
    const struct stat *st = one->st;
    const place_between *b = ctx;
    uint8_t head[AN_FOLLOW_HEAD];
    struct stat path;
    if (!an_follow_is_rotated(f, one->name) || !an_follow_older(&b->own, st) ||
        (uint64_t)st->st_ino == f->inode || st->st_size == 0)
        return false;
    if (f->head_len > 0 && head_fits(fd, f->head, f->head_len))
        return false;
    const ssize_t n = pread(fd, head, sizeof head, 0);
    return n > 0 && fstat(b->path_fd, &path) == 0 &&
           !(path.st_size >= st->st_size && head_fits(b->path_fd, head, (size_t)n));
}

/* What a cut file held: the same beginning, at least what has been read, and made since we looked. */
static bool is_copy(const an_follow *f, const an_sibling *one, const void *ctx)
{
    (void)ctx;
    return (uint64_t)one->st->st_ino != f->inode && f->head_len > 0 &&
           an_follow_written_ns(one->st) >= f->written_ns && is_whole(f, one->fd, one->st);
}

static bool has_inode(const an_follow *f, const an_sibling *one, const void *ctx)
{
    (void)f;
    return (uint64_t)one->st->st_ino == *(const uint64_t *)ctx;
}

/* The first wanted name after f->file in natural order, that is not empty if we can wait; opened.  -1: none. */
static an_err next_in_folder(an_follow *f, int *ret_fd, char name[static AN_PATH_MAX], struct stat *ret)
{
    an_names names = {0};
    *ret_fd = -1;
    an_err err = an_dir_list(f->path, &names, NULL);
    if (err)
        return err == AN_ERR_NOMEM ? err : AN_ERR_IO;
    for (;;) {
        const char *best = NULL;
        size_t at = 0;
        for (size_t i = 0; i < names.n; i++) {
            const char *item = names.items[i];
            if (item && is_wanted(f, item) && (!f->file[0] || an_natural(item, f->file) > 0) &&
                (!best || an_natural(item, best) < 0)) {
                best = item;
                at = i;
            }
        }
        if (!best)
            break;
        int fd = an_follow_open_name(f, best, ret);
        if (fd >= 0 && (ret->st_size > 0 || !f->follow)) {
            *ret_fd = fd;
            memcpy(name, best, strlen(best) + 1);
            break;
        }
        set_fd(&fd, -1);
        an_free(names.items[at]);
        names.items[at] = NULL;
    }
    an_names_done(&names);
    return AN_OK;
}

/* ---- at the end of what there is ---- */

/* The present file is finished and another one is open: its last bytes first, then END, then the other. */
static an_err leave_for(an_follow *f, int fd, const char *name, const struct stat *st, an_follow_event *ret)
{
    if (f->fd < 0) {
        an_follow_begin(f, name, fd, st);
        *ret = AN_FOLLOW_NEXT;
    } else if (!f->final) { /* what was written before the other one had its first byte */
        close(fd);
        f->final = true;
        *ret = AN_FOLLOW_BYTES;
    } else if (!f->ended) { /* a copy may end in the middle of a line */
        close(fd);
        f->ended = true;
        *ret = f->in_copy ? AN_FOLLOW_TORN : AN_FOLLOW_END;
    } else {
        f->stats.rotated += !f->is_dir;
        an_follow_begin(f, name, fd, st);
        *ret = AN_FOLLOW_NEXT;
    }
    return AN_OK;
}

static void read_on_in_copy(an_follow *f, int fd, const struct stat *st)
{
    f->stats.copies++;
    set_fd(&f->fd, fd);
    f->inode = (uint64_t)st->st_ino;
    f->in_copy = f->final = true;
}

/* It has been cut.  Its copy is read on from where we were; without one it begins anew. */
static an_err follow_cut(an_follow *f, an_follow_event *ret)
{
    char name[AN_PATH_MAX];
    struct stat st;
    int fd = an_follow_sibling(f, is_copy, NULL, false, name, &st); /* others may have been made since */
    if (fd == -2)
        return away(f);
    f->stats.cut++;
    if (fd >= 0) {
        fd = an_follow_last_like(f, fd, name, &st);
        read_on_in_copy(f, fd, &st);
        *ret = AN_FOLLOW_BYTES;
        return AN_OK;
    }
    if (fstat(f->fd, &st) != 0)
        return away(f);
    f->offset = 0;
    look_at_head(f, &st);
    f->final = f->ended = false;
    *ret = AN_FOLLOW_CUT;
    return AN_OK;
}

static bool is_missed_copy(const an_follow *f, const an_sibling *one, const void *ctx)
{
    return (uint64_t)one->st->st_ino != f->inode && one->st->st_size > 0 &&
           an_follow_is_rotated(f, one->name) && an_follow_written_ns(one->st) > f->written_ns &&
           !an_follow_older(ctx, one->st);
}

/* It was found empty, was written to since, and is empty; or was cut when we had hardly opened it: what it held in between
 * is in a copy.  Errors: AGAIN it was not, or there is none. */
static an_err follow_filled_and_cut(an_follow *f, an_follow_event *ret)
{
    char name[AN_PATH_MAX];
    struct stat own, st;
    if (f->is_dir || fstat(f->fd, &own) != 0)
        return AN_ERR_AGAIN;
    const bool cut_again = f->head_len == 0 && own.st_size == 0 && an_follow_written_ns(&own) > f->written_ns;
    if (!cut_again && !f->cut_at_once)
        return AN_ERR_AGAIN;
    int fd = an_follow_sibling(f, is_missed_copy, &own, false, name, &st);
    if (fd == -2)
        return away(f);
    f->stats.cut++;
    f->cut_at_once = false;
    f->written_ns = an_follow_written_ns(&own);
    if (fd < 0)
        return AN_ERR_AGAIN;
    fd = an_follow_last_like(f, fd, name, &st);
    read_on_in_copy(f, fd, &st);
    look_at_head(f, &st);
    *ret = AN_FOLLOW_BYTES;
    return AN_OK;
}

/* The followed path names another file than the one that is open. */
static an_err follow_renamed(an_follow *f, int fd, const struct stat *st, an_follow_event *ret)
{
    place_between between = {.path_fd = fd};
    char name[AN_PATH_MAX];
    if (f->fd >= 0 && fstat(f->fd, &between.own) == 0) {
        struct stat next;
        int older = an_follow_sibling(f, came_between, &between, false, name, &next);
        if (older != -1)
            close(fd);
        if (older == -2)
            return away(f);
        if (older >= 0)
            return leave_for(f, older, name, &next, ret);
    }
    if (f->follow && st->st_size == 0) { /* its writer may still write to the old one */
        close(fd);
        return AN_ERR_AGAIN;
    }
    return leave_for(f, fd, an_follow_base(f), st, ret);
}

/* Where inodes say nothing (a share that came back), the same beginning is the same file. */
static bool is_again(const an_follow *f, int fd)
{
    char name[AN_PATH_MAX];
    struct stat own, st;
    if (f->head_len == 0 || fstat(fd, &st) != 0 || !is_whole(f, fd, &st))
        return false;
    if (f->was_away || f->fd < 0 || fstat(f->fd, &own) != 0)
        return true;
    int old = own.st_nlink > 0 ? an_follow_sibling(f, has_inode, &f->inode, true, name, &st) : -1;
    const bool here = own.st_nlink > 0 && old == -1;
    set_fd(&old, -1);
    return here;
}

static an_err look_at_path(an_follow *f, an_follow_event *ret)
{
    struct stat st, own;
    char folder[AN_PATH_MAX];
    const char *name = f->is_dir ? f->file : an_follow_base(f);
    int fd = an_follow_open_name(f, name, &st);
    if (fd < 0) {
        an_follow_folder(f, folder);
        if (stat(folder, &st) != 0)
            return away(f);
        f->was_away = false;
        return AN_ERR_AGAIN;
    }
    if (!f->in_copy && f->file[0] && ((uint64_t)st.st_ino != f->inode || f->fd < 0) && is_again(f, fd)) {
        set_fd(&f->fd, fd);
        f->inode = (uint64_t)st.st_ino;
        f->was_away = false;
        *ret = AN_FOLLOW_BYTES;
        return AN_OK;
    }
    f->was_away = false;
    if ((uint64_t)st.st_ino != f->inode || f->in_copy)
        return f->is_dir ? leave_for(f, fd, f->file, &st, ret) : follow_renamed(f, fd, &st, ret);
    close(fd);
    return fstat(f->fd, &own) == 0 ? AN_ERR_AGAIN : away(f);
}

static void look_at_old(an_follow *f)
{
    struct stat st;
    if (f->old_fd >= 0 && fstat(f->old_fd, &st) == 0 && (uint64_t)st.st_size > f->old_offset) {
        f->stats.late++;
        set_fd(&f->old_fd, -1);
    }
}

static an_err at_end(an_follow *f, an_follow_event *ret, an_note *why)
{
    char name[AN_PATH_MAX];
    struct stat st;
    int fd = -1;
    an_err err;
    look_at_old(f);
    if (f->follow && f->fd >= 0 && (err = is_still_whole(f)) != AN_OK)
        return err == AN_ERR_AGAIN ? away(f) : follow_cut(f, ret);
    if (f->follow && f->fd >= 0 && (err = follow_filled_and_cut(f, ret)) != AN_ERR_AGAIN)
        return err;
    if (f->is_dir) {
        if (f->follow && f->file[0] && (f->was_away || f->fd < 0) &&
            ((err = look_at_path(f, ret)) != AN_ERR_AGAIN || f->was_away))
            return err; /* the rest of it, before another one is begun */
        err = next_in_folder(f, &fd, name, &st);
        if (err)
            return err == AN_ERR_IO && f->follow ? away(f)
                                                 : an_fail(err, why, "%s: cannot be listed", f->path);
        if (fd >= 0)
            return leave_for(f, fd, name, &st, ret);
        if (!f->file[0])
            return f->follow ? AN_ERR_AGAIN : AN_ERR_NOTFOUND;
    } else if (!f->file[0]) {
        if ((fd = an_follow_open_name(f, an_follow_base(f), &st)) < 0)
            return f->follow ? away(f) : an_fail(AN_ERR_NOTFOUND, why, "%s: %s", f->path, strerror(errno));
        f->was_away = false;
        return leave_for(f, fd, an_follow_base(f), &st, ret);
    }
    if (f->follow)
        return look_at_path(f, ret);
    if (f->ended)
        return AN_ERR_NOTFOUND;
    f->ended = true;
    *ret = AN_FOLLOW_END;
    return AN_OK;
}

/* ---- reading ---- */

an_err an_follow_open(an_follow *f, an_note *why)
{
    struct stat st;
    f->fd = f->old_fd = -1;
    if (stat(f->path, &st) != 0)
        return an_fail(errno == ENOENT ? AN_ERR_NOTFOUND : AN_ERR_IO, why, "%s: %s", f->path,
                       strerror(errno));
    f->is_dir = S_ISDIR(st.st_mode);
    return AN_OK;
}

void an_follow_close(an_follow *f)
{
    set_fd(&f->fd, -1);
    set_fd(&f->old_fd, -1);
}

static void keep_head(an_follow *f, const uint8_t *chunk, size_t n)
{
    if (f->head_len == AN_FOLLOW_HEAD || f->offset > f->head_len || f->offset + n <= f->head_len)
        return;
    const size_t from = f->head_len - (size_t)f->offset, left = AN_FOLLOW_HEAD - f->head_len;
    const size_t more = left < n - from ? left : n - from;
    memcpy(f->head + f->head_len, chunk + from, more);
    f->head_len += more;
}

an_err an_follow_read(an_follow *f, uint8_t chunk[static AN_FOLLOW_CHUNK], size_t *ret_n,
                      an_follow_event *ret, an_note *why)
{
    for (;;) {
        if (f->cut_at_once && f->follow && f->offset == 0) {
            an_err err = follow_filled_and_cut(f, ret);
            if (err != AN_OK && err != AN_ERR_AGAIN)
                return err;
        }
        ssize_t n = f->fd < 0 ? 0 : pread(f->fd, chunk, AN_FOLLOW_CHUNK, (off_t)f->offset);
        if (n < 0 && !f->follow)
            return an_fail(AN_ERR_IO, why, "%s: %s", f->path, strerror(errno));
        if (n < 0) { /* a share that is gone: opened anew under its name when it is back */
            set_fd(&f->fd, -1);
            n = 0;
            (void)away(f);
        }
        /* Looked at after the bytes have been read: they are of the file that it was. */
        const an_err whole = n > 0 && f->follow ? is_still_whole(f) : AN_OK;
        if (whole != AN_OK) {
            *ret_n = 0;
            const an_err err = whole == AN_ERR_AGAIN ? away(f) : follow_cut(f, ret);
            if (err || *ret != AN_FOLLOW_BYTES)
                return err;
            continue;
        }
        if (n > 0) {
            keep_head(f, chunk, (size_t)n);
            f->offset += (uint64_t)n;
            f->ended = false;
            *ret_n = (size_t)n;
            *ret = AN_FOLLOW_BYTES;
            return AN_OK;
        }
        *ret_n = 0;
        an_err err = at_end(f, ret, why);
        if (err || *ret != AN_FOLLOW_BYTES)
            return err;
    }
}

bool an_follow_is_away(const an_follow *f)
{
    char folder[AN_PATH_MAX];
    struct stat st;
    an_follow_folder(f, folder);
    return stat(folder, &st) != 0;
}

an_err an_follow_peek(const an_follow *f, uint64_t at, void *ret, size_t cap, size_t *ret_n, an_note *why)
{
    size_t n = 0;
    while (n < cap) {
        const ssize_t got = pread(f->fd, (uint8_t *)ret + n, cap - n, (off_t)(at + n));
        if (got < 0)
            return an_fail(AN_ERR_IO, why, "%s: %s", f->path, strerror(errno));
        if (got == 0)
            break;
        n += (size_t)got;
    }
    *ret_n = n;
    return AN_OK;
}
