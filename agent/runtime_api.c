/* The local API, where it is configured and built. */
#include "agent/runtime_link.h"
#include "base/log.h"
#ifdef AN_HAVE_API
#include "agent/local_api.h"
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

an_err an_agent_api_start(an_agent *a, an_note *why)
{
    const an_agent_conf *c = a->conf;
    if (!c->api_socket && c->api_port == 0)
        return AN_OK;
    if (c->api_socket && c->api_port > 0)
        return an_fail(AN_ERR_INVAL, why, "api: either a socket or a port");
#ifdef AN_HAVE_API
    an_err err = name_lines(a);
    if (err != AN_OK)
        return err;
    const an_local_api_conf conf = {.dir = c->data,
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
#endif
    a->api = NULL;
}
