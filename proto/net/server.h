/* server.h - the coordinator's side of a port: a ROUTER that admits approved keys only.
 *
 *     an_in in = {0};
 *     an_server_open(net, AN_PORT_CONTROL, "tcp://0.0.0.0:7701", id->link_secret, &srv, &why);
 *     while ((err = an_server_recv(srv, &in)) != AN_ERR_AGAIN)
 *         if (err == AN_OK) answer(in.site, &in.peer, in.head, in.head_len);
 *     an_in_done(&in);
 *
 * Opening fails unless a ZAP thread runs and libzmq confirms that it enforces the domain: there
 * is no way to run a port that admits strangers by accident.  Nothing here ever blocks.
 *
 * Threads: one thread opens, uses and closes a server. */
#ifndef AN_NET_SERVER_H
#define AN_NET_SERVER_H

#include "net/net.h"

typedef struct an_server an_server;

/* endpoint: "tcp://address:port", port * for any free one.  The key is copied by libzmq.
 * Errors: STATE no ZAP thread, UNSUPPORTED the domain is not enforced, INVAL, IO, NOMEM. */
an_err an_server_open(an_net *net, an_port port, const char *endpoint,
                      const uint8_t link_secret[static AN_LINK_KEY], an_server **ret, an_note *why);
void an_server_close(an_server *srv); /* what was queued is dropped; NULL is fine */

const char *an_server_endpoint(const an_server *srv); /* with the real port; borrowed */

/* Takes one message.  A key that was revoked while its connection stood is refused here, so a
 * revocation holds from the next message on.
 * Errors: AGAIN nothing there; PROTO not one or two frames, dropped; AUTH revoked or without a
 * user id, dropped; IO. */
an_err an_server_recv(an_server *srv, an_in *in);

/* Sends head, and body unless it is NULL.  OK means "accepted into the queue", no more: what is
 * queued when the connection dies is lost, and acknowledgement is the sessions' matter.
 * Errors: AGAIN the peer's queue is full, NOTFOUND the peer has gone, LIMIT larger than the
 * port's frame, NOMEM, IO. */
an_err an_server_send(an_server *srv, const an_peer *peer, const void *head, size_t head_len,
                      const void *body, size_t body_len);

typedef struct an_server_counts {
    uint64_t received, sent, malformed, revoked, full, gone;
} an_server_counts;
an_server_counts an_server_count(const an_server *srv);

#endif
