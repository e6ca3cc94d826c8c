/* host.h - the Host header of a request: by which name it asks.
 *
 *     an_host h;
 *     if (!an_host_read(text, &h) || !(h.address || an_host_among(&h, "localhost, panel.plant")))
 *         ... refuse ...
 *
 * A page elsewhere can point its own name at a server here and is then, to the browser, of one origin with it (DNS
 * rebinding).  The name in Host is still that of the page; an address is nobody's to point. */
#ifndef AN_BASE_HOST_H
#define AN_BASE_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct an_host {
    const char
        *name; /* len bytes of the text: of IPv6 without its brackets, of a name without a dot at its end */
    size_t len;
    uint16_t port; /* 0: not said, the scheme's own */
    bool address;  /* IPv4 or IPv6, no name */
} an_host;

/* False: it is no host with or without a port.  text stays the caller's and has to outlive *ret. */
bool an_host_read(const char *text, an_host *ret);
/* Is it one of these names, separated by commas or spaces?  NULL: of none. */
bool an_host_among(const an_host *h, const char *names);

#endif
