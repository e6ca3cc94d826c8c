/* sinks.h - all sinks of a site.
 *
 *     err = an_sinks_start(confs, n, &site, &sinks, &why);
 *     an_sinks_wake(sinks);                                    records were stored
 *     an_json_set(status, "sinks", an_sinks_json(sinks, last_seq, now_ms));
 *     an_sinks_stop(sinks);
 *
 * Threads: one thread per an_sinks. */
#ifndef AN_AGENT_SINKS_H
#define AN_AGENT_SINKS_H

#include <stddef.h>
#include <stdint.h>

#include "agent/sink.h"
#include "doors/json.h"

typedef struct an_sinks an_sinks;

/* Forgets the place of sinks that are configured no more: the log shall not keep records for them.
 * Errors: those of an_sink_start. */
an_err an_sinks_start(const an_sink_conf *confs, size_t n, const an_sink_site *site, an_sinks **ret,
                      an_note *why);
/* Waits for each to end, which takes no longer than the slowest of their time-outs.  NULL is fine. */
void an_sinks_stop(an_sinks *s);
an_sink *an_sinks_at(an_sinks *s, size_t i); /* NULL past the end; for its name and stats */
void an_sinks_wake(an_sinks *s);
/* An array with the figures of each; last_seq: of the log. */
an_json *an_sinks_json(an_sinks *s, uint64_t last_seq, int64_t now_ms);

#endif
