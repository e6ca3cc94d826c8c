/* client.h - the agent's side of a port: a DEALER that knows the coordinator's key.
 *
 *     an_client_open(net, &(an_client_conf){.port = AN_PORT_CONTROL, .endpoint =
 * "tcp://c:7701", .server_key = k, .link_public = id->link_public, .link_secret =
 * id->link_secret}, &cli, &why); if (an_client_send(cli, head, len, NULL, 0) == AN_ERR_AGAIN)
 * ... keep it, try later
 *
 * Connecting and reconnecting happen behind the scenes, for ever; also after a refusal, as long
 * as somebody goes on trying to send or to receive.  While there is no connection
 * a send says AGAIN and nothing grows stale in a queue.  A session notices that the link was lost by
 * an_client_is_ready, by an_client_link (control port), by its lease, and by another coordinator instance in the
 * answers.
 *
 * Threads: one thread opens, uses and closes a client. */
#ifndef AN_NET_CLIENT_H
#define AN_NET_CLIENT_H

#include "net/net.h"

typedef struct an_client an_client;

typedef struct an_client_conf {
    an_port port;
    const char *endpoint;       /* "tcp://host:port" */
    const uint8_t *server_key;  /* (AN_LINK_KEY) the coordinator's public link key */
    const uint8_t *link_public; /* (AN_LINK_KEY) ours */
    const uint8_t *link_secret; /* (AN_LINK_KEY) ours; copied into locked memory */
    int64_t renew_ms;           /* nothing could be sent for so long: a new socket; 0: 30 to 40 s */
} an_client_conf;

/* Does not wait for the connection.  Errors: INVAL, NOMEM, IO. */
an_err an_client_open(an_net *net, const an_client_conf *conf, an_client **ret, an_note *why);
void an_client_close(an_client *cli); /* what was queued is dropped; NULL is fine */

/* Sends head, and body unless it is NULL, whole or not at all.
 * Errors: AGAIN not connected or the queue is full, LIMIT larger than the port's frame, NOMEM,
 * IO. */
an_err an_client_send(an_client *cli, const void *head, size_t head_len, const void *body, size_t body_len);

/* Errors: AGAIN nothing there; PROTO not one or two frames, dropped; IO. */
an_err an_client_recv(an_client *cli, an_in *in);

/* Would a send be taken now?  False without a connection, and while the queue to a slow one is full. */
bool an_client_is_ready(an_client *cli);

/* The number of the connection that was last heard of, from 1; 0: none yet.  At the control port the server's socket
 * greets each new connection with an empty message, which an_client_recv takes.  Another number than before: what was
 * sent before may be lost, and whoever serves knows nothing of it. */
uint64_t an_client_link(const an_client *cli);

#endif
