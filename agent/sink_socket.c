/* getaddrinfo is POSIX; SIOCOUTQ, what the peer has not acknowledged yet, is Linux's. */
#include "agent/sink_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

#define SETTLE_LOOK_MS 5 /* the queue's end is no event that one could wait for */

typedef struct address {
    bool local, stream;
    char host[256], port[8]; /* local: host is the path */
} address;

static an_err split_host(const char *text, address *ret, an_note *why)
{
    const bool literal = text[0] == '[';
    const char *begin = literal ? text + 1 : text;
    const char *end = literal ? strchr(begin, ']') : strrchr(begin, ':');
    const char *port = end && literal ? end + 1 : end;
    if (!end || *port != ':' || end == begin || (size_t)(end - begin) >= sizeof ret->host || !port[1] ||
        strlen(port + 1) > 5 || strspn(port + 1, "0123456789") != strlen(port + 1))
        return an_fail(AN_ERR_INVAL, why, "address: \"%.100s\" is not HOST:PORT", text);
    snprintf(ret->host, sizeof ret->host, "%.*s", (int)(end - begin), begin);
    snprintf(ret->port, sizeof ret->port, "%.5s", port + 1);
    return AN_OK;
}

static an_err parse(const char *text, address *ret, an_note *why)
{
    struct sockaddr_un un;
    *ret = (address){.local = strncmp(text, "unix:/", 6) == 0, .stream = strncmp(text, "tcp://", 6) == 0};
    if (ret->local) {
        if (strlen(text + 5) >= sizeof un.sun_path)
            return an_fail(AN_ERR_INVAL, why, "address: the path is longer than %zu", sizeof un.sun_path - 1);
        snprintf(ret->host, sizeof ret->host, "%.200s", text + 5);
        return AN_OK;
    }
    if (!ret->stream && strncmp(text, "udp://", 6) != 0)
        return an_fail(AN_ERR_INVAL, why, "address: unix:/PATH, udp://HOST:PORT or tcp://HOST:PORT");
    return split_host(text + 6, ret, why);
}

an_err an_sink_socket_check(const char *text, an_note *why)
{
    address a;
    return parse(text, &a, why);
}

static int64_t mono_ms(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

/* Errors: AGAIN not in time. */
static an_err wait_for(const an_sink_socket *s, short events, int64_t until_ms, an_note *why)
{
    const int64_t left = until_ms - mono_ms();
    struct pollfd p = {.fd = s->fd, .events = events};
    if (left > 0 && poll(&p, 1, (int)left) > 0)
        return AN_OK;
    return an_fail(AN_ERR_AGAIN, why, "timed out");
}

static an_err connect_to(an_sink_socket *s, int family, int type, const struct sockaddr *sa, socklen_t len,
                         an_note *why)
{
    int error = 0;
    socklen_t size = sizeof error;
    s->fd = socket(family, type, 0);
    if (s->fd < 0 || fcntl(s->fd, F_SETFL, O_NONBLOCK) != 0 || fcntl(s->fd, F_SETFD, FD_CLOEXEC) != 0)
        return an_fail(AN_ERR_IO, why, "socket: %s", strerror(errno));
    if (connect(s->fd, sa, len) == 0)
        return AN_OK;
    if (errno != EINPROGRESS)
        return an_fail(AN_ERR_IO, why, "connect: %s", strerror(errno));
    an_err err = wait_for(s, POLLOUT, mono_ms() + s->timeout_ms, why);
    if (err == AN_OK && (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0))
        err = an_fail(AN_ERR_IO, why, "connect: %s", strerror(error ? error : errno));
    return err;
}

static an_err connect_far(an_sink_socket *s, const address *a, an_note *why)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = a->stream ? SOCK_STREAM : SOCK_DGRAM};
    struct addrinfo *list = NULL;
    const int code = getaddrinfo(a->host, a->port, &hints, &list);
    if (code != 0)
        return an_fail(AN_ERR_IO, why, "%.100s: %s", a->host, gai_strerror(code));
    an_err err = AN_ERR_IO;
    for (const struct addrinfo *i = list; i && err != AN_OK; i = i->ai_next) {
        an_sink_socket_close(s);
        err = connect_to(s, i->ai_family, i->ai_socktype, i->ai_addr, i->ai_addrlen, why);
    }
    freeaddrinfo(list);
    return err;
}

an_err an_sink_socket_connect(an_sink_socket *s, const char *text, int64_t timeout_ms, an_note *why)
{
    address a;
    *s = (an_sink_socket){.fd = -1, .timeout_ms = timeout_ms};
    an_err err = parse(text, &a, why);
    if (err != AN_OK)
        return err;
    s->stream = a.stream;
    if (a.local) {
        struct sockaddr_un un = {.sun_family = AF_UNIX};
        snprintf(un.sun_path, sizeof un.sun_path, "%.100s", a.host);
        err = connect_to(s, AF_UNIX, SOCK_DGRAM, (struct sockaddr *)&un, sizeof un, why);
    } else {
        err = connect_far(s, &a, why);
    }
    if (err != AN_OK)
        an_sink_socket_close(s);
    return err;
}

an_err an_sink_socket_send(an_sink_socket *s, const void *bytes, size_t len, an_note *why)
{
    const char *at = bytes;
    const int64_t until = mono_ms() + s->timeout_ms;
    while (len > 0) {
        const ssize_t n = send(s->fd, at, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EMSGSIZE)
            return an_fail(AN_ERR_LIMIT, why, "%zu bytes are too long for a datagram", len);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return an_fail(AN_ERR_IO, why, "send: %s", strerror(errno));
        an_err err = n < 0 ? wait_for(s, POLLOUT, until, why) : AN_OK;
        if (err != AN_OK)
            return err;
        at += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return AN_OK;
}

static bool has_hung_up(const an_sink_socket *s)
{
    char said[256];
    const ssize_t n = recv(s->fd, said, sizeof said, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

an_err an_sink_socket_settle(an_sink_socket *s, an_note *why)
{
    const int64_t until = mono_ms() + s->timeout_ms;
    int left = 1;
    while (s->stream) {
        struct pollfd p = {.fd = s->fd, .events = POLLIN};
        if (ioctl(s->fd, SIOCOUTQ, &left) != 0)
            return an_fail(AN_ERR_IO, why, "%s", strerror(errno));
        /* What it says is nothing to us; its end is: what it acknowledged then, nobody has read perhaps. */
        if (poll(&p, 1, left == 0 ? 0 : SETTLE_LOOK_MS) > 0 && has_hung_up(s))
            return an_fail(AN_ERR_IO, why, "the other end has hung up");
        if (left == 0)
            break;
        if (mono_ms() > until)
            return an_fail(AN_ERR_AGAIN, why, "timed out: %d bytes are not acknowledged", left);
    }
    return AN_OK;
}

void an_sink_socket_close(an_sink_socket *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}
