#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define NAMES_MAX 100000

an_err an_path_join(char out[static AN_PATH_MAX], const char *dir, const char *name)
{
    size_t len = strlen(dir);
    const char *slash = len && dir[len - 1] == '/' ? "" : "/";
    int n = snprintf(out, AN_PATH_MAX, "%s%s%s", dir, slash, name);
    return n < 0 || n >= AN_PATH_MAX ? AN_ERR_LIMIT : AN_OK;
}

static an_err io_fail(an_note *why, const char *what, const char *path)
{
    int e = errno;
    return an_fail(e == ENOENT ? AN_ERR_NOTFOUND : AN_ERR_IO, why, "%s: cannot %s: %s", path, what,
                   strerror(e));
}

an_err an_file_read(an_buf *b, const char *path, an_note *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return io_fail(why, "open", path);
    an_err err = AN_OK;
    struct stat st;
    uint8_t chunk[16384];
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
        an_buf_reserve(b, (size_t)st.st_size);
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            err = io_fail(why, "read", path);
            break;
        }
        if (n == 0)
            break;
        an_buf_put(b, chunk, (size_t)n);
        if ((err = an_buf_err(b)) != AN_OK) {
            an_note_set(why, "%s: %s (at most %zu bytes are read)", path, an_err_text(err), b->max);
            break;
        }
    }
    close(fd);
    return err;
}

static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

an_err an_file_sync_folder(const char *path, an_note *why)
{
    char dir[AN_PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (!slash)
        return an_dir_sync(".", why);
    if (len == 0)
        return an_dir_sync("/", why);
    memcpy(dir, path, len);
    dir[len] = '\0';
    return an_dir_sync(dir, why);
}

an_err an_file_write(const char *path, const void *bytes, size_t len, unsigned mode, an_note *why)
{
    char part[AN_PATH_MAX];
    int n = snprintf(part, sizeof part, "%s.part", path);
    if (n < 0 || (size_t)n >= sizeof part)
        return an_fail(AN_ERR_LIMIT, why, "%s: path too long", path);
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode_t)mode);
    if (fd < 0)
        return io_fail(why, "create", part);
    an_err err = AN_OK;
    if (!write_all(fd, bytes, len) || fsync(fd) != 0)
        err = io_fail(why, "write", part);
    if (close(fd) != 0 && err == AN_OK)
        err = io_fail(why, "close", part);
    if (err == AN_OK && rename(part, path) != 0)
        err = io_fail(why, "rename to", path);
    if (err != AN_OK) {
        unlink(part);
        return err;
    }
    return an_file_sync_folder(path, why);
}

an_err an_file_remove(const char *path, an_note *why)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return io_fail(why, "remove", path);
    return AN_OK;
}

bool an_file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

an_err an_file_size(const char *path, uint64_t *ret_len, an_note *why)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return io_fail(why, "look at", path);
    *ret_len = (uint64_t)st.st_size;
    return AN_OK;
}

an_err an_dir_make(const char *path, an_note *why)
{
    char part[AN_PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof part)
        return an_fail(AN_ERR_LIMIT, why, "%s: path empty or too long", path);
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        char keep = part[i];
        part[i] = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return io_fail(why, "make folder", part);
        part[i] = keep;
    }
    return AN_OK;
}

an_err an_dir_sync(const char *path, an_note *why)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return io_fail(why, "open folder", path);
    an_err err = fsync(fd) == 0 ? AN_OK : io_fail(why, "sync folder", path);
    close(fd);
    return err;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

an_err an_dir_list(const char *path, an_names *ret, an_note *why)
{
    an_names names = {0};
    size_t cap = 0;
    an_err err = AN_OK;
    DIR *dir = opendir(path);
    if (!dir)
        return io_fail(why, "open folder", path);
    for (struct dirent *e; err == AN_OK && (e = readdir(dir)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (names.n == NAMES_MAX) {
            err = an_fail(AN_ERR_LIMIT, why, "%s: more than %d entries", path, NAMES_MAX);
            break;
        }
        if (!an_grow(&names.items, &cap, names.n + 1, sizeof *names.items) ||
            !(names.items[names.n] = an_strdup(e->d_name))) {
            err = AN_ERR_NOMEM;
            break;
        }
        names.n++;
    }
    closedir(dir);
    if (err != AN_OK) {
        an_names_done(&names);
        return err;
    }
    if (names.n)
        qsort(names.items, names.n, sizeof *names.items, by_bytes);
    *ret = names;
    return AN_OK;
}

void an_names_done(an_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        an_free(names->items[i]);
    an_free(names->items);
    *names = (an_names){0};
}
