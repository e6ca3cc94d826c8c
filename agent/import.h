/* import.h - a parcel (trust/parcel.h) from a stick to the agent: checked and unpacked by whoever brings it, judged
 * by the agent that runs.
 *
 *     err = an_leave_import("/var/lib/andon", "/media/stick/pumps.parcel", stdout, &why);
 *     err = an_import_take("/var/lib/andon", name, session, &why);           the agent, told through its inbox
 *
 * What is unpacked lies in DATA/import/NAME: the head, bundles named by their hashes, and when the agent has
 * judged it, a file `answer`.
 *
 * Threads: no state. */
#ifndef AN_AGENT_IMPORT_H
#define AN_AGENT_IMPORT_H

#include <stdio.h>

#include "agent/session.h"

/* Checks who has packed it and every bundle's hash, unpacks it and tells the agent; where one runs, waits for what
 * it says.  Errors: PROTO, AUTH; REFUSED the agent's reason; NOTFOUND no file, or the site is not enrolled; IO, NOMEM. */
an_err an_leave_import(const char *dir, const char *path, FILE *out, an_note *why);

/* Errors: as an_session_import. */
an_err an_import_take(const char *dir, const char *name, an_session *s, an_note *why);

#endif
