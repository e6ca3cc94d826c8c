/* suspect.h - does what has changed on the line look like a fault that we know?
 *
 * A drift and a fault can raise the score alike.  What tells them apart is the direction: the usual
 * residual of the running version, sensor by sensor, moves from the old data to the new one along
 * some vector; each declared failure mode, injected into the old data, moves it along its own.  If
 * the two point the same way, the new data is suspected to be that fault, however small it still
 * is, and must not be learned as normal.  Residuals are used and not values, since a version
 * already explains loads and recipes that move all sensors together; medians over the windows and
 * not means, so that what lasts is judged and not a short fault among it (a median bears any half of
 * its values: Huber 1981, Robust Statistics).  (Residual directions as fault
 * signatures: Gertler 1998, Fault Detection and Diagnosis in Engineering Systems.)
 *
 * A fault may begin long after the drift that a campaign answers, the later the longer the campaign takes, and
 * then hides in a median of all that was seen since.  So the last half is asked too, the last quarter, and so on
 * to the last AN_SUSPECT_LEAST windows.  What grows on top of a true drift in another direction is not seen so:
 * held against the drift's own beginning, a drift whose size follows the load looks like many things.
 *
 *     err = an_suspect_find(&in, &suspect, &why);
 *     if (an_suspect_is(&suspect)) ...                suspect.mode, suspect.cosine
 *
 * Threads: pure. */
#ifndef AN_AGENT_SUSPECT_H
#define AN_AGENT_SUSPECT_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/challenge.h"
#include "base/err.h"
#include "models/scorer.h"

#define AN_SUSPECT_COSINE 0.8 /* from here on two directions are taken for the same */
#define AN_SUSPECT_SHIFT 0.2  /* a shorter shift has no direction; standard deviations, all sensors */
#define AN_SUSPECT_LEAST 64   /* windows; of fewer a median is as much chance as change */

typedef struct an_suspect_in {
    const an_scorer *scorer; /* production as it runs */
    size_t context;          /* rows in a raw window */
    const float *old,
        *fresh; /* (n, context, width) raw windows before and after the change, these in time order */
    size_t n_old, n_fresh;
    const an_challenge *challenge; /* its MODE windows were made from the old data */
    const double *sigma;           /* (width) of the old data */
} an_suspect_in;

typedef struct an_suspect {
    size_t mode;   /* most alike */
    double cosine; /* with it; 0: there is none, or the version does not reconstruct */
    double shift;  /* length of the change in standard deviations */
} an_suspect;

/* Errors: INVAL windows that do not fit the version, NOMEM. */
an_err an_suspect_find(const an_suspect_in *in, an_suspect *ret, an_note *why);
bool an_suspect_is(const an_suspect *s);

#endif
