/* net.h - the door to ZeroMQ.  This folder alone includes zmq.h.
 *
 * An an_net is one ZeroMQ context.  Order of life, which an_net_close asserts:
 *
 *     an_net_open(1, &net, &why);
 *     an_zap_start(net, &zap, &why);                 the coordinator only, before any server
 *     an_server_open(...) / an_client_open(...)      each by the thread that owns it
 *     ...
 *     an_server_close / an_client_close / an_pipe_close, then an_zap_stop, then an_net_close
 *
 * Everything here moves bytes; what they mean is the business of msg/ and of the sessions.
 *
 * Threads: an an_net may be used from anywhere; one thread owns one socket or pipe end. */
#ifndef AN_NET_NET_H
#define AN_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The ports of a coordinator; see ports.def. */
typedef enum an_port {
#define AN_PORT(NAME, domain, max_up, max_down, hwm) AN_PORT_##NAME,
#include "net/ports.def"
#undef AN_PORT
    AN_PORTS
} an_port;

size_t an_port_max_up(an_port port);    /* the largest frame that passes to the server, in bytes of ours */
const char *an_port_name(an_port port); /* also its ZAP domain */

#define AN_ENDPOINT_TEXT 129 /* "tcp://host:port" with its end */
#define AN_USER_TEXT 65      /* a site id, or a link key in hexadecimal, with its end */
#define AN_PEER_MAX 32       /* ZeroMQ generates 5 bytes */
#define AN_LINK_KEY 32       /* bytes of a CURVE key */

typedef struct an_net an_net;

/* io_threads 1..8; one serves some 1100 to 1600 CURVE handshakes a second.
 * Errors: INVAL, NOMEM, UNSUPPORTED libzmq lacks CURVE, IO. */
an_err an_net_open(int io_threads, an_net **ret, an_note *why);
void an_net_close(an_net *net); /* after everything opened on it; NULL is fine */

/* One live connection as a ROUTER names it.  Never an identity: see an_in.site. */
typedef struct an_peer {
    uint8_t len;
    uint8_t id[AN_PEER_MAX];
} an_peer;

bool an_peer_equal(const an_peer *a, const an_peer *b);

/* A message that came in: one or two frames, borrowed until the next receive into the same
 * an_in or an_in_done.  Start with {0}. */
typedef struct an_in {
    an_peer peer;             /* whom to answer; empty at a client */
    char site[AN_USER_TEXT];  /* the approved site of the link key; at the enrolment port the key
                              * in hexadecimal; empty at a client */
    uint8_t key[AN_LINK_KEY]; /* the link key proved by this connection; zero at a client */
    char address[64];         /* of the other end, for counting and display only */
    const uint8_t *head;      /* first frame */
    size_t head_len;
    const uint8_t *body; /* second frame; NULL if there is none */
    size_t body_len;
    _Alignas(16) uint8_t store[2][64]; /* private */
    size_t held;                       /* private */
} an_in;

void an_in_done(an_in *in); /* {0} is fine */

#endif
