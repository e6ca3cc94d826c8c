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
 * It listens on 127.0.0.1 unless told otherwise.  A body over its bound is answered 413 and a reply that
 * stays empty 500, without the handler's doing.
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
    void *inside; /* the server's own */
} an_http_request;

const char *an_http_query(const an_http_request *req, const char *key);   /* decoded; NULL: absent */
const char *an_http_header(const an_http_request *req, const char *name); /* NULL: absent */

#define AN_HTTP_REPLY_HEADERS 8

typedef struct an_http_reply {
    unsigned status;  /* 0 when the handler is called; left 0 it becomes 500 */
    const char *type; /* Content-Type, static text; NULL: none */
    void *body;       /* from base/mem.h; taken */
    size_t body_len;
    struct {
        const char *name; /* static text */
        char value[256];
    } headers[AN_HTTP_REPLY_HEADERS];
    size_t n_headers;
} an_http_reply;

/* Adds a header; name is static, value is copied and cut at 255.  Errors: LIMIT too many,
 * INVAL a control character in value. */
an_err an_http_reply_header(an_http_reply *reply, const char *name, const char *value);

typedef void an_http_handler(void *ctx, const an_http_request *req, an_http_reply *reply);

/* Zero in a number means its default. */
typedef struct an_http_server_conf {
    const char *address;      /* IPv4 or IPv6 literal; NULL: 127.0.0.1 */
    uint16_t port;            /* 0: the system chooses */
    const char *socket;       /* instead of both: a Unix socket, see unix_socket.h; borrowed until stop */
    unsigned max_connections; /* 64 */
    unsigned timeout_s;       /* 15: idle connections are closed */
    size_t max_body;          /* 1 MiB */
    bool threads;             /* a thread for each connection: the handler may wait */
    an_http_handler *handler;
    void *ctx;
} an_http_server_conf;

/* Errors: INVAL address or no handler, EXISTS the socket is another's, IO the port is taken or refused, NOMEM. */
an_err an_http_server_start(const an_http_server_conf *conf, an_http_server **ret, an_note *why);
uint16_t an_http_server_port(const an_http_server *server);
void an_http_server_stop(an_http_server *server); /* waits for the call in progress; NULL is fine */

#endif
