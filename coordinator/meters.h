/* meters.h - the coordinator's page for Prometheus: the rows of meters.def.
 *
 *     core thread     an_meters_core     sites, rounds, campaigns, the journal ...
 *     HTTP thread     an_vitals_meters   what the threads count, and the process (vitals.h)
 *
 * Threads: rows are constant; the core's part belongs to the hub's thread. */
#ifndef AN_COORDINATOR_METERS_H
#define AN_COORDINATOR_METERS_H

#include "base/meter.h"
#include "coordinator/hub.h"

enum an_coordinator_meter {
#define AN_METER(id, ...) AN_CM_##id,
#include "coordinator/meters.def"
#undef AN_METER
    AN_COORDINATOR_METERS
};
extern const an_meter an_coordinator_meters[AN_COORDINATOR_METERS];

/* Errors: NOMEM; a page that is too long is told by an_meter_end. */
an_err an_meters_core(an_hub *hub, an_meter_page *p);

#endif
