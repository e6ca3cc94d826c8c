/* zone.h - a plant's clock on the wall, in UTC.
 *
 *     an_zone *zone = NULL;
 *     err = an_zone_open("Europe/Berlin", &zone, &why);
 *     utc_ms = an_zone_utc(zone, local_ms, AN_ZONE_ANY);
 *     an_zone_free(zone);
 *
 * A name is "UTC", a fixed offset ("+01:00", "-0330"), or one of the system's time zone files (RFC 8536, read from
 * /usr/share/zoneinfo, with the rule for the years after its table).
 *
 * Threads: a zone does not change; it may be shared. */
#ifndef AN_MODELS_DATA_ZONE_H
#define AN_MODELS_DATA_ZONE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AN_ZONE_ANY INT64_MIN

typedef struct an_zone an_zone;

/* Errors: INVAL not a name, NOTFOUND no such zone here, PROTO its file is damaged, NOMEM. */
an_err an_zone_open(const char *name, an_zone **ret, an_note *why);
/* The same of a file's bytes. */
an_err an_zone_parse(const void *bytes, size_t len, an_zone **ret, an_note *why);
void an_zone_free(an_zone *zone); /* NULL is fine */

/* local_ms: what the clock on the wall shows, counted as if it were UTC.  When clocks are set back an hour comes
 * twice: the first one is meant, unless that is before not_before_ms and the second is not.  The hour that is left
 * out when they are set forward is counted on with the offset before it.  zone NULL: UTC. */
int64_t an_zone_utc(const an_zone *zone, int64_t local_ms, int64_t not_before_ms);

#endif
