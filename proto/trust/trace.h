/* trace.h - under which names the log lines of one round belong together, at the coordinator and at each site.
 *
 * Both ends know the plan, and nothing else is needed: the trace is the first 16 bytes of its hash, a span the first 8
 * of BLAKE2b-256 over plan, site and step.  They have the form of W3C Trace Context, so that what collects logs can
 * draw them; they are said in logs alone and never on the wire.
 *
 *     const an_trace t = an_trace_of(&plan_hash, "plant-a", "trained");
 *     an_log(AN_LOG_INFO, "trained", "round=%llu trace=%s span=%s", round, t.trace, t.span);
 *
 * Threads: pure functions. */
#ifndef AN_TRUST_TRACE_H
#define AN_TRUST_TRACE_H

#include "base/terms.h"

typedef struct an_trace {
    char trace[33], span[17]; /* lower-case hexadecimal */
} an_trace;

/* site: "" for what the coordinator does for all. */
an_trace an_trace_of(const an_hash *plan, const char *site, const char *step);

#endif
