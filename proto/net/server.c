/* server.c - every option here answers a trap that was measured; README.md has the table. */
#include "net/server.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/net_internal.h"
#include "net/zap.h"

/* Compiled into libzmq 4.3 unconditionally, hidden by its header behind the draft switch. */
#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

#define HANDSHAKE_MS 5000
#define BACKLOG 4096
#define KEEPALIVE_IDLE_S 60
#define IPV4_MAPPED "::ffff:"

struct an_server {
    an_net *net;
    an_zap *zap;
    void *socket;
    an_port port;
    char endpoint[AN_ENDPOINT_TEXT];
    an_server_counts counts;
};

/* Without the enforcement a CURVE server with no handler admits every stranger. */
static an_err secure(an_server *srv, const uint8_t *link_secret, an_note *why)
{
    const char *domain = an_port_name(srv->port);
    int on = 0;
    size_t len = sizeof on;
    if (zmq_setsockopt(srv->socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) != 0 ||
        !an_socket_int(srv->socket, ZMQ_ZAP_ENFORCE_DOMAIN, 1) ||
        zmq_getsockopt(srv->socket, ZMQ_ZAP_ENFORCE_DOMAIN, &on, &len) != 0 || on != 1)
        return an_fail(AN_ERR_UNSUPPORTED, why,
                       "this libzmq does not enforce the ZAP domain; refusing to open port %s", domain);
    if (!an_socket_int(srv->socket, ZMQ_CURVE_SERVER, 1) ||
        zmq_setsockopt(srv->socket, ZMQ_CURVE_SECRETKEY, link_secret, AN_LINK_KEY) != 0)
        return an_fail(AN_ERR_INVAL, why, "port %s: the link key is not accepted", domain);
    return AN_OK;
}

static bool configure(an_server *srv)
{
    const an_port_row *row = an_port_get(srv->port);
    void *s = srv->socket;
    return an_socket_int(s, ZMQ_ROUTER_MANDATORY, 1) && an_socket_int(s, ZMQ_ROUTER_HANDOVER, 0) &&
           an_socket_int(s, ZMQ_PROBE_ROUTER, srv->port == AN_PORT_CONTROL) &&
           an_socket_int(s, ZMQ_SNDHWM, row->hwm) && an_socket_int(s, ZMQ_RCVHWM, row->hwm) &&
           an_socket_int(s, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) && an_socket_int(s, ZMQ_BACKLOG, BACKLOG) &&
           an_socket_int(s, ZMQ_LINGER, 0) && an_socket_int(s, ZMQ_TCP_KEEPALIVE, 1) &&
           an_socket_int(s, ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S) && an_socket_int(s, ZMQ_IPV6, 1) &&
           an_socket_size_limit(s, row->max_up);
}

an_err an_server_open(an_net *net, an_port port, const char *endpoint,
                      const uint8_t link_secret[static AN_LINK_KEY], an_server **ret, an_note *why)
{
    an_err err;
    an_server *srv = NULL;
    an_zap *zap = atomic_load(&net->zap);
    size_t len = AN_ENDPOINT_TEXT;

    if ((unsigned)port >= AN_PORTS || strncmp(endpoint, "tcp://", 6) != 0)
        return an_fail(AN_ERR_INVAL, why, "%s: must be tcp://address:port", endpoint);
    if (!zap)
        return an_fail(AN_ERR_STATE, why, "port %s: no ZAP handler runs; refusing to open it",
                       an_port_name(port));
    err = AN_ERR_NOMEM;
    if (!(srv = an_alloc(1, sizeof *srv)))
        goto out;
    srv->net = net;
    srv->zap = zap;
    srv->port = port;
    if (!(srv->socket = an_socket_open(net, ZMQ_ROUTER)))
        goto out;
    if ((err = secure(srv, link_secret, why)) != AN_OK)
        goto out;

    err = AN_ERR_IO;
    if (!configure(srv)) {
        an_note_set(why, "port %s: cannot set socket options: %s", an_port_name(port), zmq_strerror(errno));
        goto out;
    }
    if (zmq_bind(srv->socket, endpoint) != 0 ||
        zmq_getsockopt(srv->socket, ZMQ_LAST_ENDPOINT, srv->endpoint, &len) != 0) {
        an_note_set(why, "%s: cannot listen for port %s: %s", endpoint, an_port_name(port),
                    zmq_strerror(errno));
        goto out;
    }
    *ret = srv;
    srv = NULL;
    err = AN_OK;
out:
    an_server_close(srv);
    return err;
}

void an_server_close(an_server *srv)
{
    if (!srv)
        return;
    an_socket_close(srv->net, srv->socket);
    an_free(srv);
}

void *an_server_socket(an_server *srv)
{
    return srv->socket;
}

const char *an_server_endpoint(const an_server *srv)
{
    return srv->endpoint;
}

/* The key is what the connection proved; whose it is, the table says now, not at the handshake.
 */
static bool identify(an_server *srv, an_in *in)
{
    const char *key = an_in_property(in, AN_LINK_KEY_PROPERTY);
    const char *address = an_in_property(in, "Peer-Address");
    if (!key || !an_unhex(in->key, sizeof in->key, key))
        return false;
    if (address) {
        /* The sockets speak both IPs; one form of each address is enough for counting. */
        if (strncmp(address, IPV4_MAPPED, sizeof IPV4_MAPPED - 1) == 0)
            address += sizeof IPV4_MAPPED - 1;
        size_t len = strlen(address);
        len = len < sizeof in->address ? len : sizeof in->address - 1;
        memcpy(in->address, address, len);
    }
    if (srv->port == AN_PORT_ENROL) {
        an_hex(in->site, in->key, sizeof in->key);
        return true;
    }
    return an_zap_site_of(srv->zap, in->key, in->site);
}

an_err an_server_recv(an_server *srv, an_in *in)
{
    an_err err = an_frames_recv(srv->socket, true, in);
    if (err == AN_ERR_PROTO)
        srv->counts.malformed++;
    if (err != AN_OK)
        return err;
    if (!identify(srv, in)) {
        srv->counts.revoked++;
        an_in_done(in);
        return AN_ERR_AUTH;
    }
    srv->counts.received++;
    return AN_OK;
}

an_err an_server_send(an_server *srv, const an_peer *peer, const void *head, size_t head_len,
                      const void *body, size_t body_len)
{
    size_t max = an_port_get(srv->port)->max_down;
    if (head_len > max || body_len > max)
        return AN_ERR_LIMIT;
    if (peer->len == 0 || peer->len > AN_PEER_MAX)
        return AN_ERR_NOTFOUND;
    an_err err = an_frames_send(srv->socket, peer, head, head_len, body, body_len);
    srv->counts.sent += err == AN_OK;
    srv->counts.full += err == AN_ERR_AGAIN;
    srv->counts.gone += err == AN_ERR_NOTFOUND;
    return err;
}

an_server_counts an_server_count(const an_server *srv)
{
    return srv->counts;
}
