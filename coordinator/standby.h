/* standby.h - what a coordinator that stands by says at the port of its HTTP API: that it is alive, and not the one to
 * talk to.
 *
 *     an_standby_start(&conf, &s, &why);      /healthz 200, /readyz 503 "standby", /metrics; all else 503
 *     an_standby_stop(s);                     before the API takes the port
 *
 * Threads: a thread of its own; start and stop belong to one at a time. */
#ifndef AN_COORDINATOR_STANDBY_H
#define AN_COORDINATOR_STANDBY_H

#include "base/err.h"
#include "coordinator/conf.h"

typedef struct an_standby an_standby;

/* conf is borrowed until stop.  Errors: IO the port is another's; as an_admin_token_open; NOMEM. */
an_err an_standby_start(const an_coordinator_conf *conf, an_standby **ret, an_note *why);
void an_standby_stop(an_standby *s); /* NULL is fine */

#endif
