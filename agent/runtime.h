/* runtime.h - the agent as a running program.
 *
 *     link thread (the caller's)   sockets, session, spool, status         runtime.c
 *     one thread per line          source -> pipeline, and the pool        runtime_line.c
 *     a second one per line        versions made ready, pools saved        runtime_errand.c
 *     trainer thread               rounds, overlays, on copies of pools    runtime_train.c
 *
 * They meet by messages through pipes and share nothing that changes.  Lines go on scoring
 * whatever the link and the trainer do; what they have to say waits in the spool until the
 * coordinator has it.
 *
 *     an_agent_run(&conf, stop_fd, &why);          returns when stop_fd can be read
 *
 * In the data folder: identity, coordinator.json (enrol.h), spool.db, versions/, uploads/,
 * local/, pools/LINE.pool, status.json (rewritten every second), inbox/ (commands of people,
 * see inbox.h).
 *
 * A kill at any point is safe: an upload is noted before it is offered, a line's position is
 * noted after the facts of the rows before it.
 *
 * Threads: an_agent_run blocks its thread. */
#ifndef AN_AGENT_RUNTIME_H
#define AN_AGENT_RUNTIME_H

#include "agent/conf.h"
#include "base/err.h"

/* Before it: an_crypto_init, an_json_init, an_log_init.
 * Errors: what opening the data folder, a source or a socket said; AN_OK after an orderly stop.
 */
an_err an_agent_run(const an_agent_conf *conf, int stop_fd, an_note *why);

#endif
