/* poll.h - waits on several sockets, pipes and descriptors at once, with a deadline.
 *
 *     an_wait items[] = {{.server = srv}, {.pipe = pipe}, {.fd = signal_fd}};
 *     if (an_poll(items, 3, 250) == AN_OK && items[0].ready) ...
 *
 * An item that is ready is drained until it says AGAIN.
 *
 * Threads: the thread that owns all the items. */
#ifndef AN_NET_POLL_H
#define AN_NET_POLL_H

#include <stdbool.h>

#include "net/client.h"
#include "net/pipe.h"
#include "net/server.h"

#define AN_POLL_MAX 32

/* One of the pointers, or all NULL: then fd. */
typedef struct an_wait {
    an_server *server;
    an_client *client;
    an_pipe *pipe;
    int fd;
    bool want_send; /* also ready when a send would be accepted (clients and pipes only) */
    bool ready;     /* set by an_poll */
} an_wait;

/* n <= AN_POLL_MAX; timeout_ms -1 waits for ever.  OK: at least one is ready.
 * Errors: AGAIN the time is over or a signal came; IO. */
an_err an_poll(an_wait *items, size_t n, int64_t timeout_ms);

#endif
