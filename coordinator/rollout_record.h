/* rollout_record.h - a rollout as the journal's records have it; see records.def.
 *
 * Threads: plain data. */
#ifndef AN_COORDINATOR_ROLLOUT_RECORD_H
#define AN_COORDINATOR_ROLLOUT_RECORD_H

#include "coordinator/rollout.h"
#include "doors/json.h"

/* "rollout.opened": the rollout as an_rollout_open made it.  NULL: out of memory. */
an_json *an_rollout_body(const an_rollout *r);
/* And back; model, actor and opened_ms are the record's.  Errors: PROTO, INVAL, NOMEM. */
an_err an_rollout_decode(const an_jval *body, const char *model, const char *actor, int64_t opened_ms,
                         an_rollout *ret, an_note *why);

an_json *an_rollout_event_body(uint64_t id, const an_rollout_event *e); /* "rollout.event" */
an_err an_rollout_event_decode(const an_jval *body, an_rollout_event *ret, an_note *why);

#endif
