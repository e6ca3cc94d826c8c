/* Where a followed file was, over a restart. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sources/follow.h"
#include "agent/sources/follow_internal.h"
#include "base/rng.h"

#define LOOKS 3 /* the folder may come back, or a file be cut, while a place is looked for */

static uint64_t hash_of(const uint8_t *head, size_t len)
{
    uint64_t h = len;
    for (size_t i = 0; i < len; i++)
        h = an_mix64(h ^ head[i]);
    return h;
}

void an_follow_place_get(const an_follow *f, uint64_t offset, an_follow_place *ret)
{
    *ret = (an_follow_place){.offset = offset < f->offset ? offset : f->offset,
                             .inode = f->inode,
                             .written_ns = f->written_ns,
                             .head_len = (uint32_t)f->head_len,
                             .head_hash = hash_of(f->head, f->head_len)};
    memcpy(ret->file, f->file, strlen(f->file) + 1);
}

void an_follow_place_save(const an_follow_place *p, an_buf *ret)
{
    const size_t len = strlen(p->file);
    an_buf_u16(ret, (uint16_t)len);
    an_buf_put(ret, p->file, len);
    an_buf_u64(ret, p->offset);
    an_buf_u64(ret, p->inode);
    an_buf_u64(ret, (uint64_t)p->written_ns);
    an_buf_u32(ret, p->head_len);
    an_buf_u64(ret, p->head_hash);
}

an_err an_follow_place_read(an_follow_place *ret, an_reader *in, an_note *why)
{
    const uint16_t len = an_read_u16(in);
    const uint8_t *bytes = an_read_bytes(in, len);
    *ret = (an_follow_place){.offset = an_read_u64(in)};
    ret->inode = an_read_u64(in);
    ret->written_ns = (int64_t)an_read_u64(in);
    ret->head_len = an_read_u32(in);
    ret->head_hash = an_read_u64(in);
    if (in->failed || len >= AN_PATH_MAX || ret->head_len > AN_FOLLOW_HEAD || ret->offset > INT64_MAX ||
        memchr(bytes, '/', len) || memchr(bytes, '\0', len))
        return an_fail(AN_ERR_PROTO, why, "not a position in a file");
    memcpy(ret->file, bytes, len);
    return AN_OK;
}

static bool read_head(int fd, const an_follow_place *p, uint8_t ret[static AN_FOLLOW_HEAD])
{
    return pread(fd, ret, p->head_len, 0) == (ssize_t)p->head_len &&
           hash_of(ret, p->head_len) == p->head_hash;
}

static bool is_there(int fd, const struct stat *st, const an_follow_place *p)
{
    uint8_t head[AN_FOLLOW_HEAD];
    return (uint64_t)st->st_size >= p->offset && read_head(fd, p, head);
}

static bool fits(const an_follow *f, const an_sibling *one, const void *ctx)
{
    (void)f;
    return is_there(one->fd, one->st, ctx);
}

static bool fits_in_all(const an_follow *f, const an_sibling *one, const void *ctx)
{
    const an_follow_place *p = ctx;
    return (uint64_t)one->st->st_ino == p->inode && fits(f, one, ctx);
}

static bool fits_since(const an_follow *f, const an_sibling *one, const void *ctx)
{
    const an_follow_place *p = ctx;
    return an_follow_written_ns(one->st) >= p->written_ns && fits(f, one, ctx);
}

static bool came_later(const an_follow *f, const an_sibling *one, const void *ctx)
{
    const an_follow_place *p = ctx;
    return p->written_ns != 0 && an_follow_written_ns(one->st) > p->written_ns && one->st->st_size > 0 &&
           an_follow_is_rotated(f, one->name);
}

typedef struct own_file {
    const an_follow_place *place;
    int fd;
} own_file;

static bool was_cut_from(const an_follow *f, const an_sibling *one, const void *ctx)
{
    const own_file *own = ctx;
    uint8_t theirs[AN_FOLLOW_HEAD], ours[AN_FOLLOW_HEAD];
    if (!an_follow_is_rotated(f, one->name) || (uint64_t)one->st->st_ino == own->place->inode ||
        !fits_since(f, one, own->place))
        return false;
    const ssize_t n = pread(one->fd, theirs, sizeof theirs, 0), m = pread(own->fd, ours, sizeof ours, 0);
    return n > 0 && m > 0 && memcmp(theirs, ours, (size_t)(n < m ? n : m)) != 0;
}

int an_follow_cut_from(const an_follow *f, const an_follow_place *p, int fd, char name[static AN_PATH_MAX],
                       struct stat *ret)
{
    const own_file own = {p, fd};
    const int found =
        p->head_len < AN_FOLLOW_HEAD ? an_follow_sibling(f, was_cut_from, &own, false, name, ret) : -1;
    return found < 0 ? found : an_follow_last_like(f, found, name, ret);
}

/* The file of the place, under its name or another one, opened; -1: neither. */
static int find_place(const an_follow *f, const an_follow_place *p, char name[static AN_PATH_MAX],
                      struct stat *ret)
{
    char other[AN_PATH_MAX];
    struct stat st;
    memcpy(name, p->file, sizeof p->file);
    int fd = an_follow_open_name(f, name, ret);
    const bool same_name = fd >= 0 && is_there(fd, ret, p);
    const bool same = same_name && (uint64_t)ret->st_ino == p->inode && p->head_len > 0;
    int moved = same ? an_follow_cut_from(f, p, fd, other, &st) : -1;
    if (same && moved == -1)
        return fd;
    if (moved == -1)
        moved = p->head_len > 0 ? an_follow_sibling(f, fits_in_all, p, true, other, &st)
                                : an_follow_sibling(f, came_later, p, false, other, &st);
    if (moved == -1 && !same_name && p->head_len > 0 &&
        (moved = an_follow_sibling(f, fits_since, p, false, other, &st)) >= 0)
        moved = an_follow_last_like(f, moved, other, &st);
    if (moved == -1 && !same_name && p->head_len > 0)
        moved = an_follow_sibling(f, fits, p, true, other, &st);
    if (moved < 0 && same_name && !same)
        return fd;
    if (moved == -2) { /* it may be there */
        if (fd >= 0)
            close(fd);
        return -2;
    }
    if (fd >= 0)
        close(fd);
    if (moved >= 0) {
        memcpy(name, other, sizeof other);
        *ret = st;
    }
    return moved;
}

an_err an_follow_resume(an_follow *f, const an_follow_place *p, bool *ret_gone, an_note *why)
{
    char name[AN_PATH_MAX];
    uint8_t head[AN_FOLLOW_HEAD];
    struct stat st;
    int fd = -1;
    for (int look = 0; look < LOOKS && p->file[0] && fd == -1; look++) {
        fd = find_place(f, p, name, &st);
        if (fd >= 0 && !read_head(fd, p, head)) { /* it has just been cut: its copy is looked for */
            close(fd);
            fd = -1;
        }
    }
    if (fd == -2)
        return AN_ERR_AGAIN;
    *ret_gone = p->file[0] && fd < 0;
    if (*ret_gone && f->is_dir) {
        memcpy(name, p->file, sizeof name);
        fd = an_follow_open_name(f, name, &st);
    } else if (*ret_gone) {
        fd = an_follow_sibling(f, came_later, p, false, name, &st);
        if (fd == -2)
            return AN_ERR_AGAIN;
        if (fd < 0)
            return an_fail(AN_ERR_NOTFOUND, why, "%s: file \"%s\" is gone or another one", f->path, p->file);
    }
    an_follow_close(f);
    f->file[0] = '\0';
    f->offset = 0;
    f->head_len = 0;
    f->final = f->ended = f->in_copy = false;
    if (*ret_gone && fd < 0)
        memcpy(f->file, p->file, sizeof f->file); /* the one after it is next */
    if (fd < 0)
        return AN_OK;
    an_follow_begin(f, name, fd, &st);
    if (*ret_gone)
        return AN_OK;
    f->head_len = p->head_len;
    memcpy(f->head, head, p->head_len);
    if (p->head_len == 0 && (uint64_t)st.st_ino == p->inode)
        f->written_ns = p->written_ns;
    f->cut_at_once = false;
    f->offset = p->offset;
    return AN_OK;
}
