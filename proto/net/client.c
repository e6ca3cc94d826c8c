#include "net/client.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "doors/crypto.h"
#include "net/net_internal.h"

/* libzmq adds rand() % RECONNECT_IVL to the current interval and doubles that up to the maximum:
 * the agents' spread comes from the first interval, so each draws its own. */
#define RECONNECT_LEAST_MS 100
#define RECONNECT_SPREAD_MS 400
#define RECONNECT_MAX_MS 4000
#define HEARTBEAT_MS 15000
#define HEARTBEAT_TIMEOUT_MS 45000
#define HANDSHAKE_MS 10000
#define CONNECT_MS 10000
#define SEND_HWM 8

struct an_client {
    an_net *net;
    void *socket;
    an_port port;
};

static bool configure(void *s, an_port port)
{
    const an_port_row *row = an_port_get(port);
    uint32_t draw;
    an_random(&draw, sizeof draw);
    int reconnect_ms = RECONNECT_LEAST_MS + (int)(draw % (RECONNECT_SPREAD_MS + 1));
    return an_socket_int(s, ZMQ_IMMEDIATE, 1) && an_socket_int(s, ZMQ_LINGER, 0) &&
           an_socket_int(s, ZMQ_RECONNECT_IVL, reconnect_ms) &&
           an_socket_int(s, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS) &&
           an_socket_int(s, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS) &&
           an_socket_int(s, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS) &&
           an_socket_int(s, ZMQ_HEARTBEAT_TTL, HEARTBEAT_TIMEOUT_MS) &&
           an_socket_int(s, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) &&
           an_socket_int(s, ZMQ_CONNECT_TIMEOUT, CONNECT_MS) &&
           an_socket_int(s, ZMQ_SNDHWM, SEND_HWM) && an_socket_int(s, ZMQ_RCVHWM, row->hwm) &&
           an_socket_int(s, ZMQ_IPV6, 1) && an_socket_size_limit(s, row->max_frame);
}

static bool secure(void *s, const an_client_conf *conf)
{
    return zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, conf->server_key, AN_LINK_KEY) == 0 &&
           zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, conf->link_public, AN_LINK_KEY) == 0 &&
           zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, conf->link_secret, AN_LINK_KEY) == 0;
}

an_err an_client_open(an_net *net, const an_client_conf *conf, an_client **ret, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_client *cli = NULL;

    if ((unsigned)conf->port >= AN_PORTS || strncmp(conf->endpoint, "tcp://", 6) != 0)
        return an_fail(AN_ERR_INVAL, why, "%s: must be tcp://host:port", conf->endpoint);
    if (!(cli = an_alloc(1, sizeof *cli)))
        goto out;
    cli->net = net;
    cli->port = conf->port;
    if (!(cli->socket = an_socket_open(net, ZMQ_DEALER)))
        goto out;

    err = AN_ERR_INVAL;
    if (!secure(cli->socket, conf)) {
        an_note_set(why, "%s: the link keys are not accepted", conf->endpoint);
        goto out;
    }
    err = AN_ERR_IO;
    if (!configure(cli->socket, conf->port)) {
        an_note_set(why, "%s: cannot set socket options: %s", conf->endpoint, zmq_strerror(errno));
        goto out;
    }
    if (zmq_connect(cli->socket, conf->endpoint) != 0) {
        err = errno == EINVAL ? AN_ERR_INVAL : AN_ERR_IO;
        an_note_set(why, "%s: cannot connect: %s", conf->endpoint, zmq_strerror(errno));
        goto out;
    }
    *ret = cli;
    cli = NULL;
    err = AN_OK;
out:
    an_client_close(cli);
    return err;
}

void an_client_close(an_client *cli)
{
    if (!cli)
        return;
    an_socket_close(cli->net, cli->socket);
    an_free(cli);
}

void *an_client_socket(an_client *cli)
{
    return cli->socket;
}

an_err an_client_send(an_client *cli, const void *head, size_t head_len, const void *body,
                      size_t body_len)
{
    size_t max = an_port_max_frame(cli->port);
    if (head_len > max || body_len > max)
        return AN_ERR_LIMIT;
    return an_frames_send(cli->socket, NULL, head, head_len, body, body_len);
}

an_err an_client_recv(an_client *cli, an_in *in)
{
    return an_frames_recv(cli->socket, false, in);
}
