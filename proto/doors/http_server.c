#include "doors/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "doors/http_guard.h"
#include "doors/unix_socket.h"

#define DEFAULT_CONNECTIONS 64
#define DEFAULT_TIMEOUT_S 15
#define DEFAULT_PHASE_S 60
#define DEFAULT_BODY ((size_t)1 << 20)
#define STREAM_PIECE ((size_t)16 << 10)
#define STREAM_SILENCE_S 60 /* MHD's idea of idle: longer than any pause that next may make */
#define TLS_VERSIONS "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"
#define MEMORY_PER_CONNECTION ((size_t)32 << 10) /* request line and headers */

struct an_http_server {
    struct MHD_Daemon *daemon;
    an_http_handler *handler;
    void *ctx;
    size_t max_body;
    const char *socket; /* NULL: TCP */
    bool threads, secure;
    an_guard *guard;
    unsigned max_streams;
    atomic_uint n_streams;
};

typedef struct stream {
    an_http_server *server;
    an_http_next *next;
    void (*done)(void *ctx);
    void *ctx;
    int fd;
} stream;

/* One request on its way in. */
typedef struct incoming {
    an_buf body;
    size_t seen; /* bytes of the body so far, kept or not */
} incoming;

static enum MHD_Result queue(struct MHD_Connection *conn, unsigned status, struct MHD_Response *response)
{
    if (!response)
        return MHD_NO; /* closes the connection */
    enum MHD_Result ok = MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (ok == MHD_YES)
        ok = MHD_queue_response(conn, status, response);
    MHD_destroy_response(response);
    return ok;
}

/* What the door itself refuses; MHD promises not to change a persistent buffer. */
static enum MHD_Result queue_error(struct MHD_Connection *conn, unsigned status)
{
    static char large[] = "{\"type\":\"about:blank\",\"title\":\"too large\",\"status\":413,"
                          "\"detail\":\"the body is over its bound\"}";
    static char memory[] = "{\"type\":\"about:blank\",\"title\":\"not now; try again\",\"status\":503,"
                           "\"detail\":\"out of memory\"}";
    static char twice[] = "{\"type\":\"about:blank\",\"title\":\"the request cannot be understood\","
                          "\"status\":400,\"detail\":\"the body's length is said twice\"}";
    const bool over = status == MHD_HTTP_CONTENT_TOO_LARGE;
    char *text = over ? large : status == MHD_HTTP_BAD_REQUEST ? twice : memory;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_PERSISTENT);
    if (response && (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                             "application/problem+json") != MHD_YES ||
                     MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") != MHD_YES)) {
        MHD_destroy_response(response);
        response = NULL;
    }
    return queue(conn, status, response);
}

static an_guarded *guarded(struct MHD_Connection *conn)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void on_connection(void *ctx, struct MHD_Connection *conn, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    an_http_server *server = ctx;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        an_guard_remove(server->guard, *socket_context);
        *socket_context = NULL;
    } else if (info) {
        *socket_context = an_guard_add(server->guard, info->connect_fd);
    }
}

/* ---- streams ---- */

/* Nobody has a reason to speak to a stream: whatever can be read of the client is its end. */
static bool client_left(int fd)
{
    char byte;
    const ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

static ssize_t on_stream(void *ctx, uint64_t pos, char *buf, size_t max)
{
    stream *s = ctx;
    (void)pos;
    long n = 0;
    while (n == 0) {
        n = s->next(s->ctx, buf, max);
        if (n == 0 && client_left(s->fd))
            return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    return n < 0 ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)n;
}

static void stream_end(void *ctx)
{
    stream *s = ctx;
    if (!s)
        return;
    s->done(s->ctx);
    atomic_fetch_sub(&s->server->n_streams, 1);
    an_free(s);
}

an_err an_http_reply_stream(const an_http_request *req, an_http_reply *reply, an_http_next *next,
                            void (*done)(void *ctx), void *ctx)
{
    an_http_server *server = req->server;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(req->inside, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (!server->threads || !info || reply->stream)
        return AN_ERR_STATE;
    stream *s = an_alloc(1, sizeof *s);
    if (!s)
        return AN_ERR_NOMEM;
    if (atomic_fetch_add(&server->n_streams, 1) >= server->max_streams) {
        atomic_fetch_sub(&server->n_streams, 1);
        an_free(s);
        return AN_ERR_LIMIT;
    }
    *s = (stream){.server = server, .next = next, .done = done, .ctx = ctx, .fd = info->connect_fd};
    reply->stream = s;
    MHD_set_connection_option(req->inside, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)STREAM_SILENCE_S);
    return AN_OK;
}

/* ---- replies ---- */

/* Takes body and stream, whatever happens. */
static struct MHD_Response *body_of(an_http_reply *reply)
{
    static char empty[1];
    struct MHD_Response *response = NULL;
    if (reply->stream) {
        an_free(reply->body);
        response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_PIECE, on_stream, reply->stream,
                                                     stream_end);
        if (!response)
            stream_end(reply->stream);
    } else if (reply->fixed) {
        an_free(reply->body);
        union {
            const void *in;
            void *out;
        } bytes = {reply->fixed}; /* MHD promises not to change a persistent buffer */
        response = MHD_create_response_from_buffer(reply->body_len, bytes.out, MHD_RESPMEM_PERSISTENT);
    } else if (reply->body) {
        response = MHD_create_response_from_buffer_with_free_callback(reply->body_len, reply->body, an_free);
        if (!response)
            an_free(reply->body);
    } else {
        response = MHD_create_response_from_buffer(0, empty, MHD_RESPMEM_PERSISTENT);
    }
    return response;
}

static enum MHD_Result queue_reply(struct MHD_Connection *conn, an_http_reply *reply)
{
    struct MHD_Response *response = body_of(reply);
    if (!response)
        return MHD_NO;
    enum MHD_Result ok = MHD_YES;
    if (reply->type)
        ok = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
    for (size_t i = 0; i < reply->n_headers && ok == MHD_YES; i++)
        ok = MHD_add_response_header(response, reply->headers[i].name, reply->space + reply->headers[i].at);
    if (ok != MHD_YES) {
        MHD_destroy_response(response);
        return MHD_NO;
    }
    return queue(conn, reply->status, response);
}

static void remote_text(struct MHD_Connection *conn, char *out, socklen_t cap)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *addr = info ? info->client_addr : NULL;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    const char *ok = NULL;
    if (addr && addr->sa_family == AF_INET) {
        memcpy(&v4, addr, sizeof v4);
        ok = inet_ntop(AF_INET, &v4.sin_addr, out, cap);
    } else if (addr && addr->sa_family == AF_INET6) {
        memcpy(&v6, addr, sizeof v6);
        ok = inet_ntop(AF_INET6, &v6.sin6_addr, out, cap);
    }
    if (!ok)
        snprintf(out, cap, "?");
}

static void user_text(struct MHD_Connection *conn, char *out, size_t cap)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info)
        an_unix_user(info->connect_fd, out, cap);
}

static enum MHD_Result answer(an_http_server *server, struct MHD_Connection *conn, const char *path,
                              const char *method, incoming *in)
{
    char remote[INET6_ADDRSTRLEN], user[64] = "";
    remote_text(conn, remote, sizeof remote);
    if (server->socket)
        user_text(conn, user, sizeof user);
    an_buf_u8(&in->body, 0);
    if (in->body.failed)
        return queue_error(conn, MHD_HTTP_SERVICE_UNAVAILABLE);
    an_http_request req = {
        .method = method,
        .path = path,
        .remote = remote,
        .user = user,
        .body = (const char *)in->body.data,
        .body_len = in->body.len - 1,
        .secure = server->secure,
        .inside = conn,
        .server = server,
    };
    an_guard_rest(server->guard, guarded(conn));
    an_http_reply reply = {0};
    server->handler(server->ctx, &req, &reply);
    if (reply.status < 200 || reply.status > 599)
        reply.status = MHD_HTTP_INTERNAL_SERVER_ERROR;
    if (!reply.stream)
        an_guard_phase(server->guard, guarded(conn));
    return queue_reply(conn, &reply);
}

/* A stated length over the bound is refused before a byte of it is read. */
static bool announces_too_much(const an_http_server *server, struct MHD_Connection *conn)
{
    const char *text = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (!text)
        return false;
    size_t len = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        len = len * 10 + (size_t)(*text - '0');
        if (len > server->max_body)
            return true;
    }
    return false;
}

static enum MHD_Result count_length(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
    unsigned *n = ctx;
    (void)kind, (void)value;
    *n += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0 ||
          strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
    return MHD_YES;
}

/* A proxy may believe the other one than MHD, and take for a body what is somebody's request here. */
static bool says_length_twice(struct MHD_Connection *conn)
{
    unsigned n = 0;
    MHD_get_connection_values(conn, MHD_HEADER_KIND, count_length, &n);
    return n > 1;
}

/* MHD calls this with the headers, then for each piece of the body, then to answer. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *conn, const char *path,
                                  const char *method, const char *version, const char *data, size_t *len,
                                  void **request_ctx)
{
    (void)version;
    an_http_server *server = ctx;
    incoming *in = *request_ctx;
    if (!in) {
        const bool twice = says_length_twice(conn);
        if (twice || announces_too_much(server, conn))
            return queue_error(conn, twice ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_CONTENT_TOO_LARGE);
        in = an_alloc(1, sizeof *in);
        if (!in)
            return MHD_NO;
        an_buf_init(&in->body, server->max_body + 1);
        *request_ctx = in;
        an_guard_phase(server->guard, guarded(conn));
        return MHD_YES;
    }
    if (*len > 0) {
        in->seen += *len;
        if (in->seen <= server->max_body)
            an_buf_put(&in->body, data, *len);
        /* A body without a stated length is read some way past its bound, so that its sender
         * hears the answer, but not for ever. */
        if (in->seen / 4 > server->max_body)
            return MHD_NO;
        *len = 0;
        return MHD_YES;
    }
    if (in->seen > server->max_body)
        return queue_error(conn, MHD_HTTP_CONTENT_TOO_LARGE);
    return answer(server, conn, path, method, in);
}

static void on_completed(void *ctx, struct MHD_Connection *conn, void **request_ctx,
                         enum MHD_RequestTerminationCode how)
{
    const an_http_server *server = ctx;
    (void)how;
    an_guard_phase(server->guard, guarded(conn)); /* the next one's headers */
    incoming *in = *request_ctx;
    if (in)
        an_buf_done(&in->body);
    an_free(in);
    *request_ctx = NULL;
}

const char *an_http_query(const an_http_request *req, const char *key)
{
    return MHD_lookup_connection_value(req->inside, MHD_GET_ARGUMENT_KIND, key);
}

const char *an_http_header(const an_http_request *req, const char *name)
{
    return MHD_lookup_connection_value(req->inside, MHD_HEADER_KIND, name);
}

an_err an_http_reply_header(an_http_reply *reply, const char *name, const char *value)
{
    const size_t size = strlen(value) + 1;
    for (const char *p = value; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return AN_ERR_INVAL;
    }
    if (reply->n_headers == AN_HTTP_REPLY_HEADERS || size > sizeof reply->space - reply->used)
        return AN_ERR_LIMIT;
    reply->headers[reply->n_headers].name = name;
    reply->headers[reply->n_headers++].at = reply->used;
    memcpy(reply->space + reply->used, value, size);
    reply->used += size;
    return AN_OK;
}

typedef union listen_addr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} listen_addr;

static bool parse_address(const char *text, uint16_t port, listen_addr *ret)
{
    memset(ret, 0, sizeof *ret);
    if (inet_pton(AF_INET, text, &ret->v4.sin_addr) == 1) {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons(port);
        return true;
    }
    if (inet_pton(AF_INET6, text, &ret->v6.sin6_addr) == 1) {
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons(port);
        return true;
    }
    return false;
}

/* fd -1: the daemon makes its own socket at addr. */
static struct MHD_Daemon *start_daemon(an_http_server *server, const an_http_server_conf *conf,
                                       listen_addr *addr, int fd)
{
    unsigned flags = MHD_USE_AUTO_INTERNAL_THREAD;
    if (conf->threads)
        flags |= MHD_USE_THREAD_PER_CONNECTION;
    if (addr->any.sa_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    struct MHD_OptionItem options[8] = {{MHD_OPTION_SOCK_ADDR, 0, &addr->any}};
    size_t n = 1;
    if (fd >= 0)
        options[0] = (struct MHD_OptionItem){MHD_OPTION_LISTEN_SOCKET, fd, NULL};
    if (conf->per_address)
        options[n++] =
            (struct MHD_OptionItem){MHD_OPTION_PER_IP_CONNECTION_LIMIT, (intptr_t)conf->per_address, NULL};
    if (server->secure) {
        union {
            const char *in;
            void *out;
        } certificate = {conf->certificate}, key = {conf->key}, versions = {TLS_VERSIONS}; /* only read */
        flags |= MHD_USE_TLS;
        options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, certificate.out};
        options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, key.out};
        options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, versions.out};
    }
    options[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    return MHD_start_daemon(
        flags, conf->port, NULL, NULL, on_request, server, MHD_OPTION_ARRAY, options,
        MHD_OPTION_CONNECTION_LIMIT, conf->max_connections ? conf->max_connections : DEFAULT_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, conf->timeout_s ? conf->timeout_s : DEFAULT_TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_PER_CONNECTION, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_END);
}

static void fill(an_http_server *server, const an_http_server_conf *conf)
{
    const unsigned connections = conf->max_connections ? conf->max_connections : DEFAULT_CONNECTIONS;
    server->handler = conf->handler;
    server->ctx = conf->ctx;
    server->max_body = conf->max_body ? conf->max_body : DEFAULT_BODY;
    server->socket = conf->socket;
    server->threads = conf->threads;
    server->secure = conf->certificate != NULL;
    server->max_streams = conf->max_streams ? conf->max_streams : connections / 2;
    atomic_init(&server->n_streams, 0);
}

/* What MHD says of a certificate that it does not take is all it says. */
static an_err cannot_start(const an_http_server_conf *conf, const char *address, int code, an_note *why)
{
    char reason[96] = "";
    if (code != 0 && strerror_r(code, reason, sizeof reason) != 0)
        reason[0] = '\0';
    return an_fail(AN_ERR_IO, why, "http server: cannot listen on %s port %u%s%s%s",
                   conf->socket ? conf->socket : address, (unsigned)conf->port, reason[0] ? ": " : "", reason,
                   conf->certificate && !code ? "; are certificate and key a pair in PEM?" : "");
}

an_err an_http_server_start(const an_http_server_conf *conf, an_http_server **ret, an_note *why)
{
    listen_addr addr = {.any = {.sa_family = AF_UNSPEC}};
    int fd = -1;
    const char *address = conf->address ? conf->address : "127.0.0.1";
    if (!conf->handler || !conf->certificate != !conf->key)
        return an_fail(AN_ERR_INVAL, why,
                       conf->handler ? "http server: certificate and key belong together"
                                     : "http server: no handler");
    if (!conf->socket && !parse_address(address, conf->port, &addr))
        return an_fail(AN_ERR_INVAL, why, "http server: \"%.60s\" is not an IPv4 or IPv6 address", address);
    an_http_server *server = an_alloc(1, sizeof *server);
    if (!server)
        return an_fail(AN_ERR_NOMEM, why, "http server: out of memory");
    fill(server, conf);
    const int64_t phase_s = conf->phase_s ? (int64_t)conf->phase_s : DEFAULT_PHASE_S;
    an_err err = an_guard_start(phase_s * 1000, &server->guard);
    if (err == AN_OK && conf->socket)
        err = an_unix_listen(conf->socket, &fd, why);
    errno = 0;
    if (err == AN_OK && !(server->daemon = start_daemon(server, conf, &addr, fd)))
        err = cannot_start(conf, address, errno, why); /* fd may be closed already */
    if (err != AN_OK) {
        an_guard_stop(server->guard);
        an_free(server);
        return err;
    }
    *ret = server;
    return AN_OK;
}

uint16_t an_http_server_port(const an_http_server *server)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info ? info->port : 0;
}

void an_http_server_stop(an_http_server *server)
{
    if (!server)
        return;
    MHD_stop_daemon(server->daemon);
    an_guard_stop(server->guard);
    if (server->socket)
        unlink(server->socket);
    an_free(server);
}
