/* net_internal.h - what the files of this folder share. */
#ifndef AN_NET_INTERNAL_H
#define AN_NET_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>

#include <zmq.h>

#include "net/net.h"

struct an_zap;

struct an_net {
    void *ctx;
    atomic_int open;                /* sockets and pipe ends that still live */
    atomic_uint_fast64_t next_pipe; /* for unique inproc names */
    _Atomic(struct an_zap *) zap;
};

#define AN_CURVE_OVERHEAD 33 /* bytes that CURVE adds to each frame, counted by MAXMSGSIZE */
#define AN_LINK_KEY_PROPERTY "X-Link-Key"

typedef struct an_port_row {
    const char *domain;
    size_t max_up, max_down; /* to the server, to the client */
    int hwm;
} an_port_row;
const an_port_row *an_port_get(an_port port);

/* A socket counted in net->open.  NULL: out of memory or sockets. */
void *an_socket_open(an_net *net, int type);
void an_socket_close(an_net *net, void *socket);
bool an_socket_int(void *socket, int option, int value);
bool an_socket_size_limit(void *socket, size_t max_frame);

/* Takes the frames of one message into in; skips the routing id into in->peer if `routed`.
 * Errors: AGAIN, PROTO (drained), IO. */
an_err an_frames_recv(void *socket, bool routed, an_in *in);
/* peer NULL: none.  Whole or not at all.  Errors: AGAIN, NOTFOUND, NOMEM, IO. */
an_err an_frames_send(void *socket, const an_peer *peer, const void *head, size_t head_len, const void *body,
                      size_t body_len);
/* A text property of the last frame held; NULL: none. */
const char *an_in_property(const an_in *in, const char *name);

/* The sockets behind the handles, for an_poll. */
struct an_server;
struct an_client;
struct an_pipe;
void *an_server_socket(struct an_server *srv);
void *an_client_socket(struct an_client *cli);
void *an_pipe_socket(struct an_pipe *pipe);

#endif
