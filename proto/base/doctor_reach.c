/* Does anybody listen there? */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/doctor.h"

#define PATIENCE_MS 2000

/* 0, or what connect came to. */
static int reach(const struct addrinfo *a)
{
    int error = 0;
    socklen_t len = sizeof error;
    const int fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
    if (fd < 0)
        return errno;
    struct pollfd item = {.fd = fd, .events = POLLOUT};
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        error = errno;
    else if (connect(fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS)
        error = errno;
    else if (poll(&item, 1, PATIENCE_MS) != 1)
        error = ETIMEDOUT;
    else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    close(fd);
    return error;
}

void an_doctor_endpoint(an_doctor *d, const char *what, const char *endpoint, const char *mend)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *all = NULL;
    char host[256];
    const char *at = strncmp(endpoint, "tcp://", 6) == 0 ? endpoint + 6 : endpoint;
    const char *colon = strrchr(at, ':');
    if (!colon || (size_t)(colon - at) >= sizeof host || colon[1] == '*' || at[0] == '*') {
        an_doctor_say(d, AN_DOCTOR_LOOK, what, NULL, "\"%.100s\" is no address that can be tried", endpoint);
        return;
    }
    const bool bracket = at[0] == '[' && colon[-1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(colon - at) - 2 * bracket, at + bracket);
    int error = 0;
    const int code = getaddrinfo(host, colon + 1, &hints, &all);
    for (const struct addrinfo *a = all; a && (a == all || error); a = a->ai_next)
        error = reach(a);
    if (code == 0)
        freeaddrinfo(all);
    if (code != 0)
        an_doctor_say(d, AN_DOCTOR_MEND, what, "look at the name, and at this computer's name server",
                      "%.100s: %s", endpoint, gai_strerror(code));
    else if (error)
        an_doctor_say(d, AN_DOCTOR_MEND, what, mend, "%.100s: %s", endpoint, strerror(error));
    else
        an_doctor_say(d, AN_DOCTOR_OK, what, NULL, "%.100s is reached", endpoint);
}
