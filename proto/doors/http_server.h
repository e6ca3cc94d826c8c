/* http_server.h - the door to libmicrohttpd: a small HTTP/1.1 server in one thread of its own.
 *
 *     static void answer(void *ctx, const an_http_request *req, an_http_reply *reply)
 *     {
 *         reply->status = 200;
 *         reply->type = "application/json";
 *         reply->body = an_json_print(o, 0);      taken; an_free
 *         reply->body_len = strlen(reply->body);
 *     }
 *     an_http_server_conf conf = {.handler = answer, .ctx = app};
 *     err = an_http_server_start(&conf, &server, &why);
 *     ... an_http_server_port(server) ...
 *     an_http_server_stop(server);
 *
 * It listens on 127.0.0.1 unless told otherwise; with a certificate it speaks TLS 1.2 and 1.3 alone.  A body over its bound is answered 413 and a reply that
 * stays empty 500, without the handler's doing.
 *
 * A stream is a reply whose bytes come one after another for as long as both sides like:
 *
 *     err = an_http_reply_stream(req, reply, next, done, reader);      LIMIT: as many as may be are open
 *
 * Streams have a bound of their own below that of connections, so that others are still served.
 *
 * Threads: the handler is called from the server's thread, one request at a time; while it runs no other
 * request is served.  With `threads` each connection has a thread of its own, and the handler is called
 * from several at once.  start and stop belong to one thread. */
#ifndef AN_DOORS_HTTP_SERVER_H
#define AN_DOORS_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct an_http_server an_http_server;

/* Borrowed for the handler's call. */
typedef struct an_http_request {
    const char *method; /* "GET" */
    const char *path;   /* "/v1/sites", decoded, without the query */
    const char *remote; /* the peer's address, "127.0.0.1" */
    const char *user;   /* at the other end of a Unix socket: a name of this computer; else "" */
    const char *body;   /* body_len bytes and a terminator; never NULL */
    size_t body_len;
    bool secure;  /* it came by TLS */
    void *inside; /* the server's own */
    void *server;
} an_http_request;

const char *an_http_query(const an_http_request *req, const char *key);   /* decoded; NULL: absent */
const char *an_http_header(const an_http_request *req, const char *name); /* NULL: absent */

#define AN_HTTP_REPLY_HEADERS 16
#define AN_HTTP_REPLY_SPACE 4096 /* of all values and their terminators */

/* The next bytes of a stream, at most cap, in the connection's own thread.  It may wait for about a second; 0 when
 * there is nothing yet: it is called again unless the client has gone.  A stream that is silent for 60 s is taken for
 * dead.  -1: it ends here. */
typedef long an_http_next(void *ctx, char *buf, size_t cap);

typedef struct an_http_reply {
    unsigned status;   /* 0 when the handler is called; left 0 it becomes 500 */
    const char *type;  /* Content-Type, static text; NULL: none */
    void *body;        /* from base/mem.h; taken */
    const void *fixed; /* in place of body: bytes that outlive the server, neither copied nor taken */
    size_t body_len;
    struct {
        const char *name; /* static text */
        size_t at;        /* of the value in space */
    } headers[AN_HTTP_REPLY_HEADERS];
    size_t n_headers;
    char space[AN_HTTP_REPLY_SPACE];
    size_t used;
    void *stream; /* the server's own */
} an_http_reply;

/* Adds a header; name is static, value is copied.  Several of one name are sent one after another.
 * Errors: LIMIT too many or too long, INVAL a control character in value. */
an_err an_http_reply_header(an_http_reply *reply, const char *name, const char *value);

/* Makes the reply a stream; status, type and headers are the handler's as ever.  done(ctx) is called once, from the
 * connection's thread, when nothing asks for more; not after an error.  Only with `threads`.  Stopping the server ends
 * streams as soon as next returns.
 * Errors: LIMIT max_streams are open, STATE no threads, NOMEM. */
an_err an_http_reply_stream(const an_http_request *req, an_http_reply *reply, an_http_next *next,
                            void (*done)(void *ctx), void *ctx);

typedef void an_http_handler(void *ctx, const an_http_request *req, an_http_reply *reply);

/* Zero in a number means its default. */
typedef struct an_http_server_conf {
    const char *address;      /* IPv4 or IPv6 literal; NULL: 127.0.0.1 */
    uint16_t port;            /* 0: the system chooses */
    const char *socket;       /* instead of both: a Unix socket, see unix_socket.h; borrowed until stop */
    unsigned max_connections; /* 64 */
    unsigned max_streams;     /* half of them */
    unsigned timeout_s;       /* 15: idle connections are closed */
    unsigned phase_s;         /* 60: for headers, body and answer each, however lively the client is */
    unsigned per_address;     /* connections from one address; 0: no bound of their own */
    const char
        *certificate; /* TLS: PEM texts, the chain and its key, borrowed for the call; NULL: plain HTTP */
    const char *key;
    size_t max_body; /* 1 MiB */
    bool threads;    /* a thread for each connection: the handler may wait */
    an_http_handler *handler;
    void *ctx;
} an_http_server_conf;

/* Errors: INVAL address, no handler, or a certificate without a key; EXISTS the socket is another's; IO the port is taken or
 * refused, or certificate and key are not a pair; NOMEM. */
an_err an_http_server_start(const an_http_server_conf *conf, an_http_server **ret, an_note *why);
uint16_t an_http_server_port(const an_http_server *server);
void an_http_server_stop(an_http_server *server); /* waits for the calls in progress; NULL is fine */

#endif
