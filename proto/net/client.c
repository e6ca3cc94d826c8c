#include "net/client.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "net/net_internal.h"

/* libzmq adds rand() % RECONNECT_IVL to the current interval and doubles that up to the
 * maximum: the agents' spread comes from the first interval, so each draws its own. */
#define RECONNECT_LEAST_MS 100
#define RECONNECT_SPREAD_MS 400
#define RECONNECT_MAX_MS 4000
#define HEARTBEAT_MS 15000
#define HEARTBEAT_TIMEOUT_MS 45000
#define HANDSHAKE_MS 10000
#define CONNECT_MS 10000
#define SEND_HWM 8
#define GREETINGS_MAX 16     /* taken at once */
#define RENEW_LEAST_MS 30000 /* longer than the storm of handshakes after a restart */
#define RENEW_SPREAD_MS 10000

struct an_client {
    an_net *net;
    void *socket;
    an_port port;
    char endpoint[AN_ENDPOINT_TEXT];
    uint8_t server_key[AN_LINK_KEY], link_public[AN_LINK_KEY];
    uint8_t *link_secret; /* (AN_LINK_KEY) locked memory */
    int64_t renew_ms;
    int64_t stuck_since_ms; /* of an unbroken row of sends that said AGAIN; -1: none */
    uint64_t links;
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
           an_socket_int(s, ZMQ_CONNECT_TIMEOUT, CONNECT_MS) && an_socket_int(s, ZMQ_SNDHWM, SEND_HWM) &&
           an_socket_int(s, ZMQ_RCVHWM, row->hwm) && an_socket_int(s, ZMQ_IPV6, 1) &&
           an_socket_size_limit(s, row->max_down);
}

static bool secure(void *s, const an_client *cli)
{
    return zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, cli->server_key, AN_LINK_KEY) == 0 &&
           zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, cli->link_public, AN_LINK_KEY) == 0 &&
           zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, cli->link_secret, AN_LINK_KEY) == 0;
}

/* Puts a fresh socket in the place of the old one, which stays if there is an error. */
static an_err reopen(an_client *cli, an_note *why)
{
    an_err err = AN_ERR_INVAL;
    void *s = an_socket_open(cli->net, ZMQ_DEALER);
    if (!s)
        return AN_ERR_NOMEM;
    if (!secure(s, cli)) {
        an_note_set(why, "%s: the link keys are not accepted", cli->endpoint);
        goto out;
    }
    err = AN_ERR_IO;
    if (!configure(s, cli->port)) {
        an_note_set(why, "%s: cannot set socket options: %s", cli->endpoint, zmq_strerror(errno));
        goto out;
    }
    if (zmq_connect(s, cli->endpoint) != 0) {
        err = errno == EINVAL ? AN_ERR_INVAL : AN_ERR_IO;
        an_note_set(why, "%s: cannot connect: %s", cli->endpoint, zmq_strerror(errno));
        goto out;
    }
    an_socket_close(cli->net, cli->socket);
    cli->socket = s;
    cli->stuck_since_ms = -1;
    s = NULL;
    err = AN_OK;
out:
    an_socket_close(cli->net, s);
    return err;
}

an_err an_client_open(an_net *net, const an_client_conf *conf, an_client **ret, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_client *cli = NULL;
    size_t len = strlen(conf->endpoint);
    uint32_t draw;

    if ((unsigned)conf->port >= AN_PORTS || len >= AN_ENDPOINT_TEXT ||
        strncmp(conf->endpoint, "tcp://", 6) != 0)
        return an_fail(AN_ERR_INVAL, why, "%s: must be tcp://host:port", conf->endpoint);
    if (!(cli = an_alloc(1, sizeof *cli)) || !(cli->link_secret = an_secret_alloc(AN_LINK_KEY)))
        goto out;
    cli->net = net;
    cli->port = conf->port;
    memcpy(cli->endpoint, conf->endpoint, len);
    memcpy(cli->server_key, conf->server_key, AN_LINK_KEY);
    memcpy(cli->link_public, conf->link_public, AN_LINK_KEY);
    memcpy(cli->link_secret, conf->link_secret, AN_LINK_KEY);
    an_random(&draw, sizeof draw);
    cli->renew_ms = conf->renew_ms > 0 ? conf->renew_ms : RENEW_LEAST_MS + draw % RENEW_SPREAD_MS;
    if ((err = reopen(cli, why)) != AN_OK)
        goto out;
    *ret = cli;
    cli = NULL;
out:
    an_client_close(cli);
    return err;
}

void an_client_close(an_client *cli)
{
    if (!cli)
        return;
    an_socket_close(cli->net, cli->socket);
    an_secret_free(cli->link_secret);
    an_free(cli);
}

void *an_client_socket(an_client *cli)
{
    return cli->socket;
}

/* libzmq ends a session for good when its handshake is refused, so a key that is approved later
 * would never get in.  A socket that could take nothing for renew_ms is therefore replaced; of the
 * old one nothing is lost that was not lost already. */
static void renew_if_stuck(an_client *cli)
{
    const an_clock *clock = an_clock_system();
    int64_t now_ms = clock->mono_ms(clock);
    if (cli->stuck_since_ms < 0)
        cli->stuck_since_ms = now_ms;
    else if (now_ms - cli->stuck_since_ms >= cli->renew_ms)
        (void)reopen(cli, NULL);
}

bool an_client_is_ready(an_client *cli)
{
    int events = 0;
    size_t len = sizeof events;
    return zmq_getsockopt(cli->socket, ZMQ_EVENTS, &events, &len) == 0 && (events & ZMQ_POLLOUT) != 0;
}

an_err an_client_send(an_client *cli, const void *head, size_t head_len, const void *body, size_t body_len)
{
    size_t max = an_port_max_up(cli->port);
    if (head_len > max || body_len > max)
        return AN_ERR_LIMIT;
    an_err err = an_frames_send(cli->socket, NULL, head, head_len, body, body_len);
    if (err == AN_OK)
        cli->stuck_since_ms = -1;
    else if (err == AN_ERR_AGAIN)
        renew_if_stuck(cli);
    return err;
}

an_err an_client_recv(an_client *cli, an_in *in)
{
    an_err err = AN_ERR_AGAIN;
    for (int i = 0; i < GREETINGS_MAX && (err = an_frames_recv(cli->socket, false, in)) == AN_OK; i++) {
        cli->stuck_since_ms = -1;
        if (in->head_len > 0 || in->body)
            return AN_OK;
        cli->links++;
        err = AN_ERR_AGAIN;
    }
    if (err == AN_ERR_AGAIN && !an_client_is_ready(cli))
        renew_if_stuck(cli);
    return err;
}

uint64_t an_client_link(const an_client *cli)
{
    return cli->links;
}
