/* The local API, where it is configured and built. */
#include "agent/runtime_link.h"
#include "base/log.h"
#ifdef AN_HAVE_API
#include "agent/local_api.h"
#include "agent/local_api_internal.h"
#include "agent/probe.h"
#include "base/mem.h"

static an_err name_lines(an_agent *a)
{
    if (!(a->api_lines = an_alloc(a->n_lines, sizeof *a->api_lines)))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < a->n_lines; i++)
        a->api_lines[i] = (an_local_line){.name = a->lines[i].conf->name,
                                          .rate_hz = a->lines[i].conf->rate_hz,
                                          .recent = a->lines[i].recent};
    return AN_OK;
}
#endif

#ifdef AN_HAVE_API
static void on_meters(void *ctx, const an_http_request *http, an_http_reply *reply)
{
    an_agent *a = ctx;
    if (!local_api_host_ok(an_http_header(http, "Host"),
                           a->conf->api_names)) /* a page of somebody else asks */
        reply->status = 403;
    else if (!an_probe_answer(a->probe, http->method, http->path, reply))
        reply->status = 404;
    if (an_http_reply_header(reply, "Cache-Control", "no-store") != AN_OK)
        reply->status = 500;
}
#endif

/* On loopback, and without a token: figures and the names of lines and sinks, no value of a sensor. */
static an_err start_meters(an_agent *a, an_note *why)
{
    if (a->conf->metrics_port == 0)
        return AN_OK;
#ifdef AN_HAVE_API
    const an_http_server_conf server = {
        .port = (uint16_t)a->conf->metrics_port, .max_connections = 16, .handler = on_meters, .ctx = a};
    an_err err = an_http_server_start(&server, &a->meters, why);
    if (err == AN_OK)
        an_log(AN_LOG_INFO, "metrics", "port=%lld", (long long)a->conf->metrics_port);
    return err;
#else
    return an_fail(AN_ERR_UNSUPPORTED, why, "metrics.port: this agent was built without it (AN_API)");
#endif
}

an_err an_agent_api_start(an_agent *a, an_note *why)
{
    const an_agent_conf *c = a->conf;
    an_err started = start_meters(a, why);
    if (started != AN_OK || (!c->api_socket && c->api_port == 0))
        return started;
    if (c->api_socket && c->api_port > 0)
        return an_fail(AN_ERR_INVAL, why, "api: either a socket or a port");
#ifdef AN_HAVE_API
    an_err err = name_lines(a);
    if (err != AN_OK)
        return err;
    const an_local_api_conf conf = {.dir = c->data,
                                    .probe = a->probe,
                                    .socket = c->api_socket,
                                    .port = (uint16_t)c->api_port,
                                    .token_file = c->api_token_file,
                                    .names = c->api_names,
                                    .lines = a->api_lines,
                                    .n_lines = a->n_lines};
    err = an_local_api_start(&conf, &a->api, why);
    if (err == AN_OK)
        an_log(AN_LOG_INFO, "local_api", "socket=\"%s\" port=%lld", c->api_socket ? c->api_socket : "",
               (long long)c->api_port);
    return err;
#else
    return an_fail(AN_ERR_UNSUPPORTED, why, "api: this agent was built without it (AN_API)");
#endif
}

void an_agent_api_stop(an_agent *a)
{
#ifdef AN_HAVE_API
    an_local_api_stop(a->api);
    an_free(a->api_lines);
    a->api_lines = NULL;
    an_http_server_stop(a->meters);
#endif
    a->meters = NULL;
    a->api = NULL;
}
