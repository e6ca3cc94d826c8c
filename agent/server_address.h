/* server_address.h - where a server is that an agent talks to.
 *
 *     err = an_broker_address_read("mqtts://broker.plant:8883", &at, &why);
 *     if (!at.tls && !an_host_is_here(at.host)) ...           others can read what is said
 *
 * Threads: call from anywhere. */
#ifndef AN_AGENT_SERVER_ADDRESS_H
#define AN_AGENT_SERVER_ADDRESS_H

#include <stdbool.h>

#include "base/err.h"

#define AN_HOST_MAX 256

/* This machine itself, whatever a name server says: localhost, ::1 (in brackets or not), or an address of 127.0.0.0/8. */
bool an_host_is_here(const char *host);

typedef struct an_broker_address {
    char host[AN_HOST_MAX]; /* without brackets */
    int port;
    bool tls;
} an_broker_address;

/* mqtts://HOST[:PORT], or mqtt://HOST[:PORT] without TLS.  Errors: INVAL. */
an_err an_broker_address_read(const char *text, an_broker_address *ret, an_note *why);

#endif
