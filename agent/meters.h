/* meters.h - the agent's page for Prometheus: the rows of meters.def.
 *
 *     an_agent_meters_write(&status, &buf);     each second, from what status.json is made of
 *
 * Threads: rows are constant; writing belongs to the link thread. */
#ifndef AN_AGENT_METERS_H
#define AN_AGENT_METERS_H

#include "agent/runtime_internal.h"
#include "base/meter.h"

enum an_agent_meter {
#define AN_METER(id, ...) AN_AM_##id,
#include "agent/meters.def"
#undef AN_METER
    AN_AGENT_METERS
};
extern const an_meter an_agent_meters[AN_AGENT_METERS];

/* All but the age of the loop's last turn, which who answers knows better.  Errors: NOMEM, LIMIT, IO the spool. */
an_err an_agent_meters_write(const an_status_in *in, an_buf *out);

#endif
