/* probe.h - how the agent is, for whoever asks from outside: /metrics, /healthz and /readyz.
 *
 *     link thread    an_probe_turned each time its loop turns; an_probe_tell each second
 *     HTTP thread    an_probe_answer
 *
 * Alive is an agent whose loop has turned within stall_ms; ready is one whose lines all have what they read from.  The
 * page for Prometheus is the one of the last second.
 *
 * Threads: any; whoever asks never waits for the link thread. */
#ifndef AN_AGENT_PROBE_H
#define AN_AGENT_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "doors/http_server.h"

typedef struct an_probe an_probe;

an_err an_probe_new(int64_t stall_ms, an_probe **ret); /* Errors: NOMEM */
void an_probe_free(an_probe *p);                       /* NULL is fine */

void an_probe_turned(an_probe *p);
/* unready: NULL, or the one word that says why not; static text.  page: moved from, and empty afterwards. */
void an_probe_tell(an_probe *p, const char *unready, an_buf *page);

/* False: the path is none of the three, and reply is untouched. */
bool an_probe_is(const char *path);
bool an_probe_answer(an_probe *p, const char *method, const char *path, an_http_reply *reply);

#endif
