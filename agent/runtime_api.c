/* The local API, where it is configured and built. */
#include "agent/runtime_link.h"
#include "base/log.h"
#ifdef AN_HAVE_API
#include "agent/local_api.h"
#endif

an_err an_agent_api_start(an_agent *a, an_note *why)
{
    const an_agent_conf *c = a->conf;
    if (!c->api_socket && c->api_port == 0)
        return AN_OK;
    if (c->api_socket && c->api_port > 0)
        return an_fail(AN_ERR_INVAL, why, "api: either a socket or a port");
#ifdef AN_HAVE_API
    const an_local_api_conf conf = {.dir = c->data,
                                    .socket = c->api_socket,
                                    .port = (uint16_t)c->api_port,
                                    .token_file = c->api_token_file};
    an_err err = an_local_api_start(&conf, &a->api, why);
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
#endif
    a->api = NULL;
}
