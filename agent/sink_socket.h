/* sink_socket.h - a socket to a log server: connected and sent to within a time.
 *
 *     unix:/dev/log            a datagram each
 *     udp://10.0.0.5:514       a datagram each; nobody says whether it has come
 *     tcp://[fd00::5]:601      a stream
 *
 *     err = an_sink_socket_check("udp://10.0.0.5:514", &why);
 *     err = an_sink_socket_connect(&s, address, 5000, &why);
 *     err = an_sink_socket_send(&s, bytes, len, &why);
 *     err = an_sink_socket_settle(&s, &why);        TCP: the other end's system has it all
 *     an_sink_socket_close(&s);
 *
 * Threads: one thread per an_sink_socket. */
#ifndef AN_AGENT_SINK_SOCKET_H
#define AN_AGENT_SINK_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct an_sink_socket {
    int fd; /* -1: closed */
    bool stream;
    int64_t timeout_ms;
} an_sink_socket;

an_err an_sink_socket_check(const char *address, an_note *why); /* Errors: INVAL */
/* Looking up a name is the system's resolver's, which has time-outs of its own.  Errors: INVAL, IO, AGAIN timed out. */
an_err an_sink_socket_connect(an_sink_socket *s, const char *address, int64_t timeout_ms, an_note *why);
/* All of it or an error, after which a stream is of no use any more.  Errors: IO, AGAIN timed out, LIMIT too long for a
 * datagram. */
an_err an_sink_socket_send(an_sink_socket *s, const void *bytes, size_t len, an_note *why);
/* Until nothing that was sent is unacknowledged; at once for datagrams.  Errors: IO the other end hung up, AGAIN timed
 * out. */
an_err an_sink_socket_settle(an_sink_socket *s, an_note *why);
void an_sink_socket_close(an_sink_socket *s); /* closed is fine */

#endif
