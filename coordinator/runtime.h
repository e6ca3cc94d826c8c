/* runtime.h - the coordinator as a running program: the hub with its sockets and threads.
 *
 *     core thread     store, hub, control and enrolment sockets         runtime_core.c
 *     bulk thread     bulk socket: versions out, updates in             runtime_bulk.c
 *     worker thread   an_combine_run                                    runtime_work.c
 *     HTTP threads    one per connection: who asks is found out there   runtime_auth.c
 *                     the request is handed to the core and waited for  runtime_http.c
 *
 * They meet by messages through pipes; what the HTTP threads share has locks: the hand-over, who may ask, the feed.
 *
 *     an_runtime *rt = NULL;
 *     while ((err = an_runtime_start(&conf, NULL, &rt, &why)) == AN_ERR_AGAIN)
 *         if (to be stopped) return;                      stands by
 *     printf("%s\n", an_runtime_endpoints_get(rt)->http);
 *     an_runtime_stop(rt);
 *
 * Before it: an_crypto_init, an_json_init, an_log_init.  DATA/admin.token (mode 0600) holds the
 * administrator's token, DATA/endpoints.json the endpoints in force.  A kill at any point is
 * safe: what was acknowledged is in the journal, and what was half received is resumed or
 * fetched again.
 *
 * Threads: start and stop belong to one thread. */
#ifndef AN_COORDINATOR_RUNTIME_H
#define AN_COORDINATOR_RUNTIME_H

#include "base/err.h"
#include "base/file.h"
#include "coordinator/conf.h"
#include "msg/msg.h"

typedef struct an_runtime an_runtime;

typedef struct an_runtime_endpoints {
    char control[AN_ENDPOINT_MAX], bulk[AN_ENDPOINT_MAX], enrol[AN_ENDPOINT_MAX]; /* as bound */
    char http[AN_ENDPOINT_MAX];   /* "http://127.0.0.1:7700" */
    char token_file[AN_PATH_MAX]; /* the administrator's token */
} an_runtime_endpoints;

/* From a thread of the runtime; each may be NULL. */
typedef struct an_runtime_calls {
    /* Once, when it cannot go on (an_runtime_stop is then the only thing to do): STATE the store is another
     * coordinator's now, IO. */
    void (*failed)(void *ctx, an_err err);
    void (*opening)(void *ctx); /* the port of the HTTP API is taken next: whoever stood in there ends */
    void *ctx;
} an_runtime_calls;

/* Returns when all sockets are open.  calls: NULL: not told.  conf is borrowed until stop.
 * Errors: AGAIN another coordinator is active (why says which): this one stands by, and start is called
 * again, which waits for half a second each time; AUTH the store is of a coordinator with other keys; else
 * what opening the store, the identity or a socket said. */
an_err an_runtime_start(const an_coordinator_conf *conf, const an_runtime_calls *calls, an_runtime **ret,
                        an_note *why);
const an_runtime_endpoints *an_runtime_endpoints_get(const an_runtime *rt); /* borrowed */
void an_runtime_stop(an_runtime *rt);                                       /* NULL is fine */

#endif
