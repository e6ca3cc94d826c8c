/* http_guard.h - the door's own: ends connections that take too long over one thing, such as their headers.
 *
 * An idle connection is closed by the server itself; one that sends or takes a byte now and then would hold its place
 * for ever.  Each phase (headers, body, answer) has the same bound; while the handler works, and for streams, none.
 *
 * Threads: from any. */
#ifndef AN_DOORS_HTTP_GUARD_H
#define AN_DOORS_HTTP_GUARD_H

#include <stdint.h>

#include "base/err.h"

typedef struct an_guard an_guard;
typedef struct an_guarded an_guarded; /* one connection */

an_err an_guard_start(int64_t phase_ms, an_guard **ret); /* Errors: NOMEM, IO no thread */
void an_guard_stop(an_guard *g);                         /* no connection is left; NULL is fine */

an_guarded *an_guard_add(an_guard *g, int fd);    /* NULL: no memory; all calls accept it */
void an_guard_phase(an_guard *g, an_guarded *c);  /* another one begins */
void an_guard_rest(an_guard *g, an_guarded *c);   /* unbounded until the next phase */
void an_guard_remove(an_guard *g, an_guarded *c); /* before fd is closed */

#endif
