#define _GNU_SOURCE /* struct ucred */
#include "doors/unix_socket.h"

#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16

/* False: nobody listens there. */
static bool is_answered(const struct sockaddr_un *at)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool yes = fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof *at) == 0;
    if (fd >= 0)
        close(fd);
    return yes;
}

static an_err clear_path(const struct sockaddr_un *at, an_note *why)
{
    struct stat st;
    if (lstat(at->sun_path, &st) != 0)
        return AN_OK;
    if (!S_ISSOCK(st.st_mode))
        return an_fail(AN_ERR_EXISTS, why, "%s is there and is no socket", at->sun_path);
    if (is_answered(at))
        return an_fail(AN_ERR_EXISTS, why, "%s: somebody listens there already", at->sun_path);
    return unlink(at->sun_path) == 0 ? AN_OK
                                     : an_fail(AN_ERR_IO, why, "%s: %s", at->sun_path, strerror(errno));
}

an_err an_unix_listen(const char *path, int *ret_fd, an_note *why)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (!path[0] || strlen(path) >= AN_UNIX_PATH_MAX)
        return an_fail(AN_ERR_INVAL, why, "socket: a path of 1 to %d bytes", AN_UNIX_PATH_MAX - 1);
    memcpy(at.sun_path, path, strlen(path) + 1);
    an_err err = clear_path(&at, why);
    if (err != AN_OK)
        return err;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* Until the mode is set the file has the umask's, which lets fewer in. */
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof at) != 0 || chmod(path, 0660) != 0 ||
        listen(fd, BACKLOG) != 0) {
        err = an_fail(AN_ERR_IO, why, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return err;
    }
    *ret_fd = fd;
    return AN_OK;
}

void an_unix_user(int fd, char *out, size_t cap)
{
    struct ucred peer;
    struct passwd entry, *found = NULL;
    char text[1024];
    socklen_t len = sizeof peer;
    out[0] = '\0';
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || len != sizeof peer ||
        peer.uid == (uid_t)-1)
        return;
    if (getpwuid_r(peer.uid, &entry, text, sizeof text, &found) == 0 && found && found->pw_name[0])
        snprintf(out, cap, "%s", found->pw_name);
    else
        snprintf(out, cap, "uid %lu", (unsigned long)peer.uid);
}
