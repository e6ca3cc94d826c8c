#include "agent/server_address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/opt.h"

bool an_host_is_here(const char *host)
{
    struct in_addr v4;
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 || strcmp(host, "[::1]") == 0 ||
           (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

an_err an_broker_address_read(const char *text, an_broker_address *ret, an_note *why)
{
    int64_t port;
    ret->tls = strncmp(text, "mqtts://", 8) == 0;
    if (!ret->tls && strncmp(text, "mqtt://", 7) != 0)
        return an_fail(AN_ERR_INVAL, why,
                       "broker: must be mqtts://HOST[:PORT], or mqtt://HOST[:PORT] without TLS");
    const char *host = text + (ret->tls ? 8 : 7), *end = host + strlen(host), *colon = strrchr(host, ':');
    port = ret->tls ? 8883 : 1883;
    if (colon && !strchr(colon, ']')) {
        if (!an_parse_int(colon + 1, &port) || port < 1 || port > 65535)
            return an_fail(AN_ERR_INVAL, why, "broker: \"%.20s\" is not a port", colon + 1);
        end = colon;
    }
    if (*host == '[' && end > host && end[-1] == ']') {
        host++;
        end--;
    }
    if (end <= host || (size_t)(end - host) >= sizeof ret->host || memchr(host, '@', (size_t)(end - host)))
        return an_fail(AN_ERR_INVAL, why, "broker: there is no host in it, or more than a host");
    snprintf(ret->host, sizeof ret->host, "%.*s", (int)(end - host), host);
    ret->port = (int)port;
    return AN_OK;
}
