#include "agent/line_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static an_err failed(const an_line_file *f, an_note *why)
{
    return an_fail(AN_ERR_IO, why, "%.200s: %s", f->path, strerror(errno));
}

/* The last bytes of a file, up to size, but no more than a line can have. */
static an_err read_tail(int fd, uint64_t size, an_buf *ret, an_note *why)
{
    const size_t len = size < ret->max ? (size_t)size : ret->max;
    an_buf_clear(ret);
    an_buf_reserve(ret, len);
    if (an_buf_err(ret) != AN_OK)
        return an_buf_err(ret);
    for (size_t got = 0; got < len;) {
        const ssize_t n = pread(fd, ret->data + got, len - got, (off_t)(size - len + got));
        if (n <= 0)
            return an_fail(AN_ERR_IO, why, "%s", n < 0 ? strerror(errno) : "the file is shorter than it was");
        got += (size_t)n;
    }
    ret->len = len;
    return AN_OK;
}

static size_t after_last_end(const uint8_t *text, size_t len)
{
    while (len > 0 && text[len - 1] != '\n')
        len--;
    return len;
}

static an_err cut_torn(an_line_file *f, an_note *why)
{
    an_buf tail;
    an_buf_init(&tail, 2u * AN_LINE_FILE_LINE_MAX);
    an_err err = read_tail(f->fd, f->size, &tail, why);
    const size_t whole = err == AN_OK ? after_last_end(tail.data, tail.len) : 0;
    if (err == AN_OK && whole < tail.len) {
        const uint64_t to = f->size - (tail.len - whole);
        if (tail.data[whole] != '{' || tail.len - whole > AN_LINE_FILE_LINE_MAX)
            err = an_fail(AN_ERR_INVAL, why, "%.200s: its last line has no end, and is not one of these",
                          f->path);
        else if (ftruncate(f->fd, (off_t)to) != 0)
            err = failed(f, why);
        else
            f->size = to;
    }
    an_buf_done(&tail);
    return err;
}

static an_err open_piece(an_line_file *f, an_note *why)
{
    struct stat st;
    f->fd = open(f->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (f->fd < 0 || fstat(f->fd, &st) != 0)
        return failed(f, why);
    f->size = (uint64_t)st.st_size;
    return an_file_sync_folder(f->path, why);
}

an_err an_line_file_open(an_line_file *f, const char *path, uint64_t max_bytes, unsigned keep, an_note *why)
{
    *f = (an_line_file){.fd = -1, .max_bytes = max_bytes, .keep = keep};
    const int n = snprintf(f->path, sizeof f->path, "%s", path);
    if (n < 0 || (size_t)n + 12 > sizeof f->path)
        return an_fail(AN_ERR_LIMIT, why, "%.200s: too long a path", path);
    an_err err = open_piece(f, why);
    if (err == AN_OK && f->size > 0)
        err = cut_torn(f, why);
    if (err != AN_OK)
        an_line_file_close(f);
    return err;
}

void an_line_file_close(an_line_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

bool an_line_file_is_there(const an_line_file *f)
{
    struct stat here, path;
    return fstat(f->fd, &here) == 0 && stat(f->path, &path) == 0 && here.st_dev == path.st_dev &&
           here.st_ino == path.st_ino;
}

static void piece_name(const an_line_file *f, unsigned i, char out[static AN_PATH_MAX])
{
    if (i == 0)
        snprintf(out, AN_PATH_MAX, "%.1000s", f->path);
    else
        snprintf(out, AN_PATH_MAX, "%.1000s.%u", f->path, i);
}

/* The oldest goes; without older pieces the file begins anew. */
static an_err rotate(an_line_file *f, an_note *why)
{
    char from[AN_PATH_MAX], to[AN_PATH_MAX];
    an_err err = an_line_file_sync(f, why);
    if (err != AN_OK)
        return err;
    for (unsigned i = f->keep; i > 0; i--) {
        piece_name(f, i - 1, from);
        piece_name(f, i, to);
        if (rename(from, to) != 0 && errno != ENOENT)
            return failed(f, why);
    }
    if (f->keep == 0 && unlink(f->path) != 0)
        return failed(f, why);
    an_line_file_close(f);
    return open_piece(f, why);
}

an_err an_line_file_add(an_line_file *f, const void *line, size_t len, an_note *why)
{
    if (len >= AN_LINE_FILE_LINE_MAX)
        return an_fail(AN_ERR_LIMIT, why, "%.200s: a line of %zu bytes is too long", f->path, len);
    if (f->size > 0 && f->size + len + 1 > f->max_bytes) {
        an_err err = rotate(f, why);
        if (err != AN_OK)
            return err;
    }
    char text[AN_LINE_FILE_LINE_MAX + 1];
    memcpy(text, line, len);
    text[len] = '\n';
    errno = ENOSPC; /* what a write that is short does not say */
    if (write(f->fd, text, len + 1) == (ssize_t)(len + 1)) {
        f->size += len + 1;
        return AN_OK;
    }
    an_err err = failed(f, why);
    /* If not even this succeeds, the part is cut off when the file is opened the next time. */
    if (ftruncate(f->fd, (off_t)f->size) != 0)
        an_line_file_close(f);
    return err;
}

an_err an_line_file_sync(an_line_file *f, an_note *why)
{
    return fdatasync(f->fd) == 0 ? AN_OK : failed(f, why);
}

static an_err last_of(int fd, uint64_t size, an_buf *ret, an_note *why)
{
    an_buf tail;
    an_buf_init(&tail, AN_LINE_FILE_LINE_MAX);
    an_err err = read_tail(fd, size, &tail, why);
    const size_t end = err == AN_OK ? after_last_end(tail.data, tail.len) : 0;
    if (err == AN_OK && end == 0)
        err = AN_ERR_NOTFOUND;
    if (err == AN_OK) {
        const size_t begin = after_last_end(tail.data, end - 1);
        an_buf_clear(ret);
        an_buf_put(ret, tail.data + begin, end - 1 - begin);
        err = an_buf_err(ret);
    }
    an_buf_done(&tail);
    return err;
}

an_err an_line_file_last(const an_line_file *f, an_buf *ret, an_note *why)
{
    char path[AN_PATH_MAX];
    struct stat st;
    if (f->size > 0)
        return last_of(f->fd, f->size, ret, why);
    piece_name(f, 1, path);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? AN_ERR_NOTFOUND : failed(f, why);
    an_err err = fstat(fd, &st) != 0 ? failed(f, why) : last_of(fd, (uint64_t)st.st_size, ret, why);
    close(fd);
    return err;
}
