#include "agent/local_api.h"

#include <stdio.h>
#include <string.h>

#include "agent/local_api_internal.h"
#include "agent/secret_file.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"

struct an_local_api {
    an_local_api_conf conf;
    an_http_server *server;
};

/* ---- answers ---- */

static unsigned status_of(an_err err)
{
    switch (err) {
    case AN_OK:
        return 200;
    case AN_ERR_INVAL:
    case AN_ERR_PROTO:
        return 400;
    case AN_ERR_AUTH:
        return 401;
    case AN_ERR_NOTFOUND:
        return 404;
    case AN_ERR_UNSUPPORTED:
        return 405;
    case AN_ERR_EXISTS:
    case AN_ERR_STATE:
        return 409;
    case AN_ERR_LIMIT:
        return 413;
    default:
        return 503;
    }
}

static void put_text(an_http_reply *reply, unsigned status, char *text)
{
    reply->status = text ? status : 500;
    reply->type = "application/json";
    reply->body = text;
    reply->body_len = text ? strlen(text) : 0;
}

static void put_error(an_http_reply *reply, an_err err, const char *why)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "error", why[0] ? why : an_err_text(err));
    an_json_set_text(o, "code", an_err_name(err));
    put_text(reply, status_of(err), an_json_print(o, 0));
    an_json_free(o);
}

/* ---- who may ask ---- */

static an_err check_token(const an_local_api_conf *conf, const an_local_ask *ask, an_note *why)
{
    char *token = NULL;
    size_t len = 0;
    if (!conf->token_file)
        return AN_OK;
    const char *given = ask->authorization;
    an_err err = an_secret_file_read(conf->token_file, &token, &len, why);
    if (err != AN_OK)
        return an_fail(AN_ERR_IO, why, "the token cannot be read here"); /* the log of the start said why */
    const bool ok = given && strncmp(given, "Bearer ", 7) == 0 && strlen(given + 7) == len &&
                    an_secret_equal(given + 7, token, len);
    an_secret_free(token);
    return ok ? AN_OK : an_fail(AN_ERR_AUTH, why, "Authorization: Bearer TOKEN is missing or wrong");
}

/* ---- the way of a request ---- */

typedef struct route {
    const char *method, *first; /* "alarms" of /v1/alarms/... */
    size_t parts;               /* behind "v1", "first" among them */
    local_api_handler *handler;
} route;

static const route routes[] = {
    {"GET", "status", 1, local_api_status},   {"GET", "alarms", 1, local_api_alarms},
    {"GET", "alarms", 3, local_api_alarm},    {"GET", "log", 1, local_api_log},
    {"GET", "figures", 1, local_api_figures}, {"GET", "verdicts", 1, local_api_verdicts},
    {"POST", "alarms", 4, local_api_do},      {"POST", "lines", 3, local_api_do},
};

/* Parts between slashes, each of a name's length; false: no path of ours. */
static bool part_path(const char *path, local_api_request *r)
{
    r->n = 0;
    while (*path == '/') {
        const size_t len = strcspn(path + 1, "/");
        if (len == 0 || len >= sizeof r->part[0] || r->n == LOCAL_API_PARTS)
            return false;
        memcpy(r->part[r->n], path + 1, len);
        r->part[r->n++][len] = '\0';
        path += len + 1;
    }
    return *path == '\0' && r->n >= 2 && strcmp(r->part[0], "v1") == 0;
}

static an_err find_route(const local_api_request *r, const char *method, local_api_handler **ret,
                         an_note *why)
{
    bool other = false;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        const route *x = &routes[i];
        if (strcmp(x->first, r->part[1]) != 0 || x->parts != r->n - 1)
            continue;
        if (strcmp(x->method, method) == 0) {
            *ret = x->handler;
            return AN_OK;
        }
        other = true;
    }
    return other ? an_fail(AN_ERR_UNSUPPORTED, why, "another method: GET to read, POST to do")
                 : an_fail(AN_ERR_NOTFOUND, why, "no such path; docs/OPERATIONS.md lists them");
}

void an_local_api_answer(const an_local_api_conf *conf, const an_local_ask *ask, an_http_reply *reply)
{
    local_api_request r = {.dir = conf->dir, .ask = ask};
    local_api_handler *handler = NULL;
    an_note why = {{0}};
    char *text = NULL;
    an_err err = check_token(conf, ask, &why);
    if (err == AN_OK && !part_path(ask->path, &r))
        err = an_fail(AN_ERR_NOTFOUND, &why, "no such path; docs/OPERATIONS.md lists them");
    if (err == AN_OK)
        err = find_route(&r, ask->method, &handler, &why);
    if (err == AN_OK)
        err = handler(&r, &text, &why);
    if (err != AN_OK)
        put_error(reply, err, why.text);
    else
        put_text(reply, handler == local_api_do ? 202 : 200, text);
}

/* ---- the server ---- */

static const char *query_of(void *ctx, const char *key)
{
    return an_http_query(ctx, key);
}

static void on_request(void *ctx, const an_http_request *req, an_http_reply *reply)
{
    const an_local_api *api = ctx;
    an_http_request copy = *req;
    const an_local_ask ask = {.method = req->method,
                              .path = req->path,
                              .body = req->body,
                              .body_len = req->body_len,
                              .authorization = an_http_header(req, "Authorization"),
                              .user = req->user,
                              .query = query_of,
                              .ctx = &copy};
    an_local_api_answer(&api->conf, &ask, reply);
    if (reply->status == 401)
        an_log(AN_LOG_WARN, "local_api_refused", "remote=%s user=\"%s\"", req->remote, req->user);
}

an_err an_local_api_start(const an_local_api_conf *conf, an_local_api **ret, an_note *why)
{
    char *token = NULL;
    size_t len = 0;
    if (!conf->socket && !conf->token_file)
        return an_fail(AN_ERR_INVAL, why,
                       "api.port needs api.token_file: everybody on this computer reaches it");
    an_err err = conf->token_file ? an_secret_file_read(conf->token_file, &token, &len, why) : AN_OK;
    an_secret_free(token);
    if (err != AN_OK)
        return err;
    an_local_api *api = an_alloc(1, sizeof *api);
    if (!api)
        return AN_ERR_NOMEM;
    api->conf = *conf;
    const an_http_server_conf server = {.port = conf->port,
                                        .socket = conf->socket,
                                        .max_connections = 16,
                                        .max_body = AN_LOCAL_API_BODY_MAX,
                                        .handler = on_request,
                                        .ctx = api};
    err = an_http_server_start(&server, &api->server, why);
    if (err != AN_OK) {
        an_free(api);
        return err;
    }
    *ret = api;
    return AN_OK;
}

void an_local_api_stop(an_local_api *api)
{
    if (!api)
        return;
    an_http_server_stop(api->server);
    an_free(api);
}

uint16_t an_local_api_port(const an_local_api *api)
{
    return an_http_server_port(api->server);
}
