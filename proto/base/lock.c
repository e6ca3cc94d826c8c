/* One process to a folder: flock on FOLDER/lock.  The kernel lets go when the process dies,
 * however it dies, so no lock is ever left over; the file itself stays.  (A POSIX record lock
 * would do less: it admits the same process twice and ends when any descriptor of the file is
 * closed.) */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"

static an_err refuse_second(int fd, const char *path, const char *who, an_note *why)
{
    char holder[24] = "";
    ssize_t n = pread(fd, holder, sizeof holder - 1, 0);
    holder[n > 0 ? strspn(holder, "0123456789") : 0] = '\0';
    return an_fail(AN_ERR_STATE, why, "%s: another %s holds this folder%s%s", path, who,
                   holder[0] ? ", process " : "", holder);
}

an_err an_dir_lock(const char *dir, const char *who, int *ret_fd, an_note *why)
{
    char path[AN_PATH_MAX], pid[24];
    if (an_path_join(path, dir, "lock") != AN_OK)
        return an_fail(AN_ERR_LIMIT, why, "%.200s: the path is too long", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return an_fail(AN_ERR_IO, why, "%s: cannot open: %s", path, strerror(errno));
    an_err err = AN_OK;
    int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        err = errno == EWOULDBLOCK ? refuse_second(fd, path, who, why)
                                   : an_fail(AN_ERR_IO, why, "%s: cannot lock: %s", path, strerror(errno));
    else if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n)
        err = an_fail(AN_ERR_IO, why, "%s: cannot write: %s", path, strerror(errno));
    if (err != AN_OK) {
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return AN_OK;
}
