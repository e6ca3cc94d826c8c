/* net.c - the context, the frames of a message, and the options all sockets share. */
#include "net/net.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "doors/crypto.h"
#include "net/net_internal.h"

#define IO_THREADS_MAX 8
#define SOCKETS_MAX 65535

static_assert(sizeof(zmq_msg_t) <= 64, "an_in.store holds a zmq_msg_t");

static const an_port_row ports[] = {
#define AN_PORT(NAME, domain, max_up, max_down, hwm) [AN_PORT_##NAME] = {domain, max_up, max_down, hwm},
#include "net/ports.def"
#undef AN_PORT
};

const an_port_row *an_port_get(an_port port)
{
    assert((unsigned)port < AN_PORTS);
    return &ports[port];
}

size_t an_port_max_up(an_port port)
{
    return an_port_get(port)->max_up;
}

const char *an_port_name(an_port port)
{
    return an_port_get(port)->domain;
}

an_err an_net_open(int io_threads, an_net **ret, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_net *net = NULL;

    if (io_threads < 1 || io_threads > IO_THREADS_MAX)
        return an_fail(AN_ERR_INVAL, why, "%d IO threads: must be 1..%d", io_threads, IO_THREADS_MAX);
    if (zmq_has("curve") != 1)
        return an_fail(AN_ERR_UNSUPPORTED, why, "this libzmq was built without CURVE");
    if (!(net = an_alloc(1, sizeof *net)))
        goto out;
    atomic_init(&net->open, 0);
    atomic_init(&net->next_pipe, 0);
    atomic_init(&net->zap, NULL);
    if (!(net->ctx = zmq_ctx_new()))
        goto out;

    err = AN_ERR_IO;
    if (zmq_ctx_set(net->ctx, ZMQ_IO_THREADS, io_threads) != 0 ||
        zmq_ctx_set(net->ctx, ZMQ_MAX_SOCKETS, SOCKETS_MAX) != 0) {
        an_note_set(why, "cannot set up ZeroMQ: %s", zmq_strerror(errno));
        goto out;
    }
    *ret = net;
    net = NULL;
    err = AN_OK;
out:
    an_net_close(net);
    return err;
}

void an_net_close(an_net *net)
{
    if (!net)
        return;
    /* zmq_ctx_term would wait for ever for a socket that is still open. */
    assert(atomic_load(&net->open) == 0);
    if (net->ctx)
        while (zmq_ctx_term(net->ctx) != 0 && errno == EINTR)
            ;
    an_free(net);
}

void *an_socket_open(an_net *net, int type)
{
    void *s = zmq_socket(net->ctx, type);
    if (s)
        atomic_fetch_add(&net->open, 1);
    return s;
}

void an_socket_close(an_net *net, void *socket)
{
    if (!socket)
        return;
    zmq_close(socket);
    atomic_fetch_sub(&net->open, 1);
}

bool an_socket_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

bool an_socket_size_limit(void *socket, size_t max_frame)
{
    int64_t max = (int64_t)max_frame + AN_CURVE_OVERHEAD;
    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &max, sizeof max) == 0;
}

bool an_peer_equal(const an_peer *a, const an_peer *b)
{
    return a->len == b->len && an_secret_equal(a->id, b->id, a->len);
}

static zmq_msg_t *slot(const an_in *in, size_t i)
{
    return (zmq_msg_t *)(void *)in->store[i];
}

void an_in_done(an_in *in)
{
    while (in->held)
        zmq_msg_close(slot(in, --in->held));
    *in = (an_in){0};
}

const char *an_in_property(const an_in *in, const char *name)
{
    return in->held ? zmq_msg_gets(slot(in, in->held - 1), name) : NULL;
}

/* Receives one frame into an initialised message.  False: nothing there or an error (errno). */
static bool recv_frame(void *socket, zmq_msg_t *msg)
{
    int rc;
    do
        rc = zmq_msg_recv(msg, socket, ZMQ_DONTWAIT);
    while (rc < 0 && errno == EINTR);
    return rc >= 0;
}

static void drain(void *socket)
{
    zmq_msg_t msg;
    bool more = true;
    zmq_msg_init(&msg);
    while (more && recv_frame(socket, &msg))
        more = zmq_msg_more(&msg) != 0;
    zmq_msg_close(&msg);
}

static an_err recv_peer(void *socket, an_peer *ret)
{
    zmq_msg_t msg;
    an_err err = AN_OK;
    zmq_msg_init(&msg);
    if (!recv_frame(socket, &msg)) {
        err = errno == EAGAIN ? AN_ERR_AGAIN : AN_ERR_IO;
    } else if (zmq_msg_size(&msg) > AN_PEER_MAX || !zmq_msg_more(&msg)) {
        if (zmq_msg_more(&msg))
            drain(socket);
        err = AN_ERR_PROTO;
    } else {
        ret->len = (uint8_t)zmq_msg_size(&msg);
        memcpy(ret->id, zmq_msg_data(&msg), ret->len);
    }
    zmq_msg_close(&msg);
    return err;
}

an_err an_frames_recv(void *socket, bool routed, an_in *in)
{
    bool more = true;
    an_in_done(in);
    if (routed) {
        an_err err = recv_peer(socket, &in->peer);
        if (err != AN_OK)
            return err;
    }
    while (more && in->held < 2) {
        zmq_msg_t *msg = slot(in, in->held);
        zmq_msg_init(msg);
        if (!recv_frame(socket, msg)) {
            an_err err = errno == EAGAIN ? AN_ERR_AGAIN : AN_ERR_IO;
            zmq_msg_close(msg);
            an_in_done(in);
            return err;
        }
        in->held++;
        more = zmq_msg_more(msg) != 0;
    }
    if (more) {
        drain(socket);
        an_in_done(in);
        return AN_ERR_PROTO;
    }
    in->head = zmq_msg_data(slot(in, 0));
    in->head_len = zmq_msg_size(slot(in, 0));
    if (in->held == 2) {
        in->body = zmq_msg_data(slot(in, 1));
        in->body_len = zmq_msg_size(slot(in, 1));
    }
    return AN_OK;
}

static an_err send_error(void)
{
    switch (errno) {
    case EAGAIN:
        return AN_ERR_AGAIN;
    case EHOSTUNREACH:
        return AN_ERR_NOTFOUND;
    case ENOMEM:
        return AN_ERR_NOMEM;
    default:
        return AN_ERR_IO;
    }
}

/* The first frame alone decides: once a pipe has taken it, the rest of the message belongs to
 * the same pipe and is taken or dropped with it. */
an_err an_frames_send(void *socket, const an_peer *peer, const void *head, size_t head_len, const void *body,
                      size_t body_len)
{
    const void *bytes[3];
    size_t lens[3], n = 0, made = 0, sent = 0;
    zmq_msg_t msgs[3];
    an_err err = AN_OK;

    if (peer) {
        bytes[n] = peer->id;
        lens[n++] = peer->len;
    }
    bytes[n] = head;
    lens[n++] = head_len;
    if (body) {
        bytes[n] = body;
        lens[n++] = body_len;
    }
    for (; made < n; made++) {
        if (zmq_msg_init_size(&msgs[made], lens[made]) != 0) {
            err = AN_ERR_NOMEM;
            break;
        }
        if (lens[made])
            memcpy(zmq_msg_data(&msgs[made]), bytes[made], lens[made]);
    }
    while (err == AN_OK && sent < n) {
        int flags = ZMQ_DONTWAIT | (sent + 1 < n ? ZMQ_SNDMORE : 0);
        if (zmq_msg_send(&msgs[sent], socket, flags) >= 0)
            sent++;
        else if (errno != EINTR)
            err = send_error();
    }
    for (size_t i = sent; i < made; i++)
        zmq_msg_close(&msgs[i]);
    return err;
}
