/* doctor.h - `andon-agent doctor`: what is to be mended at this site.
 *
 * Threads: one thread. */
#ifndef AN_AGENT_DOCTOR_H
#define AN_AGENT_DOCTOR_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"

/* config: the site's configuration, NULL: it is not looked at.  data: NULL: as the configuration says, else andon-data.
 * Prints what it finds.  Errors: REFUSED something is to be mended, NOMEM. */
an_err an_agent_doctor(const char *config, const char *data, bool json, FILE *out, an_note *why);

#endif
