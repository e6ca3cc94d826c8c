#include "agent/local_api.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "agent/local_api_internal.h"
#include "agent/probe.h"
#include "agent/secret_file.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/asset.h"
#include "doors/crypto.h"

struct an_local_turns {
    pthread_mutex_t quick;     /* held for a request; the log-ins are under it */
    pthread_mutex_t whole_log; /* held for one that reads it; never together */
};

struct an_local_api {
    an_local_api_conf conf;
    struct an_local_turns turns;
    an_http_server *server;
    an_log_quota refused; /* of the server's one thread */
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
    case AN_ERR_REFUSED:
        return 403;
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

static void put_said(an_http_reply *reply, const local_api_said *said)
{
    put_text(reply, said->status ? said->status : 200, said->text);
    if (said->len > 0)
        reply->body_len = said->len;
    if (said->type)
        reply->type = said->type;
    if (said->cookie[0] && an_http_reply_header(reply, "Set-Cookie", said->cookie) != AN_OK)
        reply->status = 500;
}

/* An answer is of this moment and of this site alone. */
static void put_headers(an_http_reply *reply)
{
    static const char *const headers[][2] = {
        {"Cache-Control", "no-store"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"}};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        if (an_http_reply_header(reply, headers[i][0], headers[i][1]) != AN_OK)
            reply->status = 500;
}

static void put_error(an_http_reply *reply, an_err err, const char *why)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "error", why[0] ? why : an_err_text(err));
    an_json_set_text(o, "code", an_err_name(err));
    put_text(reply, status_of(err), an_json_print(o, 0));
    an_json_free(o);
}

/* ---- the way of a request ---- */

typedef struct route {
    const char *method, *first; /* "alarms" of /v1/alarms/... */
    size_t parts;               /* behind "v1", "first" among them */
    local_api_handler *handler;
} route;

static const route routes[] = {
    {"GET", "status", 1, local_api_status},     {"GET", "alarms", 1, local_api_alarms},
    {"GET", "alarms", 3, local_api_alarm},      {"GET", "alarms", 4, local_api_picture},
    {"GET", "log", 1, local_api_log},           {"GET", "figures", 1, local_api_figures},
    {"GET", "verdicts", 1, local_api_verdicts}, {"GET", "board", 1, local_api_board},
    {"GET", "quality", 1, local_api_quality},   {"GET", "ledger", 1, local_api_ledger},
    {"GET", "versions", 1, local_api_versions}, {"POST", "alarms", 4, local_api_do},
    {"POST", "lines", 3, local_api_do},         {"GET", "session", 1, local_api_session},
    {"POST", "session", 1, local_api_login},    {"POST", "session", 2, local_api_logout},
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

static an_err find_route(const local_api_request *r, const char *method, const route **ret, an_note *why)
{
    bool other = false;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        const route *x = &routes[i];
        if (strcmp(x->first, r->part[1]) != 0 || x->parts != r->n - 1)
            continue;
        if (strcmp(x->method, method) == 0) {
            *ret = x;
            return AN_OK;
        }
        other = true;
    }
    return other ? an_fail(AN_ERR_UNSUPPORTED, why, "another method: GET to read, POST to do")
                 : an_fail(AN_ERR_NOTFOUND, why, "no such path; docs/OPERATIONS.md lists them");
}

/* ---- whose turn it is ---- */

static void lock_quick(const an_local_api_conf *conf)
{
    if (conf->turns)
        pthread_mutex_lock(&conf->turns->quick);
}

static void unlock_quick(const an_local_api_conf *conf)
{
    if (conf->turns)
        pthread_mutex_unlock(&conf->turns->quick);
}

/* One request is answered at a time, and beside it one that reads the whole log: clients take two processors at most, and
 * a board does not wait for somebody's figures. */
static an_err in_turn(const route *x, const local_api_request *r, local_api_said *ret, an_note *why)
{
    struct an_local_turns *t = r->conf->turns;
    const bool long_one = x->handler == local_api_figures || x->handler == local_api_verdicts;
    if (!long_one || !t)
        return x->handler(r, ret, why);
    unlock_quick(r->conf);
    pthread_mutex_lock(&t->whole_log);
    const an_err err = x->handler(r, ret, why);
    pthread_mutex_unlock(&t->whole_log);
    lock_quick(r->conf);
    return err;
}

static an_err answer(local_api_request *r, local_api_said *ret, an_note *why)
{
    const route *found = NULL;
    const char *host = r->ask->header ? r->ask->header(r->ask->ctx, "Host") : NULL;
    if (!r->conf->socket && !local_api_host_ok(host, r->conf->names))
        return an_fail(AN_ERR_REFUSED, why, "Host: is no name of this agent (api.names)");
    const bool ours = part_path(r->ask->path, r);
    const bool login =
        ours && r->n == 2 && strcmp(r->part[1], "session") == 0 && strcmp(r->ask->method, "POST") == 0;
    an_err err = login ? AN_OK : local_api_admit(r, why);
    if (err == AN_OK && !ours)
        err = an_fail(AN_ERR_NOTFOUND, why, "no such path; docs/OPERATIONS.md lists them");
    if (err == AN_OK)
        err = find_route(r, r->ask->method, &found, why);
    return err == AN_OK ? in_turn(found, r, ret, why) : err;
}

/* Whether the agent is well is no secret of its lines; all else it tells is. */
static an_err admit_probe(local_api_request *r, an_note *why)
{
    if (strcmp(r->ask->path, "/metrics") != 0)
        return AN_OK;
    lock_quick(r->conf);
    const an_err err = local_api_admit(r, why);
    unlock_quick(r->conf);
    return err;
}

void an_local_api_answer(const an_local_api_conf *conf, const an_local_ask *ask, an_http_reply *reply)
{
    local_api_request r = {.conf = conf, .dir = conf->dir, .ask = ask};
    local_api_said said = {.text = NULL};
    an_note why = {{0}};
    const bool probe = conf->probe && an_probe_is(ask->path);
    if (!probe)
        lock_quick(conf);
    an_err err = probe ? admit_probe(&r, &why) : answer(&r, &said, &why);
    if (!probe)
        unlock_quick(conf);
    if (err != AN_OK)
        put_error(reply, err, why.text);
    else if (probe)
        an_probe_answer(conf->probe, ask->method, ask->path, reply);
    else
        put_said(reply, &said);
    put_headers(reply);
}

/* ---- the server ---- */

static const char *query_of(void *ctx, const char *key)
{
    return an_http_query(ctx, key);
}

static const char *header_of(void *ctx, const char *name)
{
    return an_http_header(ctx, name);
}

/* The page itself tells nothing; who may not ask by this name gets no page either. */
static bool answer_page(const an_local_api *api, const an_http_request *req, an_http_reply *reply)
{
    return strncmp(req->path, "/v1/", 4) != 0 && !(api->conf.probe && an_probe_is(req->path)) &&
           (api->conf.socket || local_api_host_ok(an_http_header(req, "Host"), api->conf.names)) &&
           an_asset_answer(&an_site_assets, req, reply);
}

static void on_request(void *ctx, const an_http_request *req, an_http_reply *reply)
{
    an_local_api *api = ctx;
    an_http_request copy = *req;
    const an_local_ask ask = {.method = req->method,
                              .path = req->path,
                              .body = req->body,
                              .body_len = req->body_len,
                              .user = req->user,
                              .query = query_of,
                              .header = header_of,
                              .ctx = &copy};
    if (answer_page(api, req, reply))
        return;
    an_local_api_answer(&api->conf, &ask, reply);
    const bool tried = an_http_header(req, "Authorization") || strcmp(req->method, "POST") == 0;
    if (reply->status == 401 && tried &&
        an_log_allow(&api->refused, an_clock_system()->mono_ms(an_clock_system())))
        an_log(AN_LOG_WARN, "local_api_refused", "remote=%s user=\"%s\"", req->remote, req->user);
}

static void release(an_local_api *api)
{
    pthread_mutex_destroy(&api->turns.quick);
    pthread_mutex_destroy(&api->turns.whole_log);
    an_local_logins_free(api->conf.logins);
    an_free(api);
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
    if (!(api->conf.logins = an_local_logins_new())) {
        an_free(api);
        return AN_ERR_NOMEM;
    }
    pthread_mutex_init(&api->turns.quick, NULL);
    pthread_mutex_init(&api->turns.whole_log, NULL);
    api->conf.turns = &api->turns;
    const an_http_server_conf server = {.port = conf->port,
                                        .socket = conf->socket,
                                        .max_connections = 48,
                                        .threads = true,
                                        .max_body = AN_LOCAL_API_BODY_MAX,
                                        .handler = on_request,
                                        .ctx = api};
    err = an_http_server_start(&server, &api->server, why);
    if (err != AN_OK) {
        release(api);
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
    release(api);
}

uint16_t an_local_api_port(const an_local_api *api)
{
    return an_http_server_port(api->server);
}
