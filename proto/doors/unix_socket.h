/* unix_socket.h - a listening socket that is a file, and who is at the other end of one.
 *
 * Threads: no state. */
#ifndef AN_DOORS_UNIX_SOCKET_H
#define AN_DOORS_UNIX_SOCKET_H

#include <stddef.h>

#include "base/err.h"

#define AN_UNIX_PATH_MAX 108 /* with its terminator */

/* Its user and group may connect (mode 0660).  A file that a dead process has left is replaced.
 * Errors: INVAL the path is too long; EXISTS somebody listens there, or it is no socket; IO. */
an_err an_unix_listen(const char *path, int *ret_fd, an_note *why);

/* The user at the other end of a connection, as the system knows him: his name, or "uid 1000"; "" where there is none. */
void an_unix_user(int fd, char *out, size_t cap);

#endif
