/* refit.h - may a line take a new overlay of the version that it runs?
 *
 * When too few sites drift for a round, those that do adapt their overlays alone: scaler, own parameters, threshold
 * and reference counts are made anew of what the line shows now (calibrate.h).  Weights that all share stay, and no
 * other site sees the result; so the site judges it by what a gate would ask for: no declared failure mode in what
 * has changed, none that would be let go, a gain on new data, and neither more alarms on old data nor blinder.
 *
 * Threads: pure. */
#ifndef AN_AGENT_REFIT_H
#define AN_AGENT_REFIT_H

#include "base/err.h"
#include "sum/payload.h"

/* Of the site policy (refit.alarms, refit.faults): whoever asks for a new overlay does not say what it may cost. */
typedef struct an_refit_margins {
    double alarms; /* how much higher the share of alarms on old normal data may be */
    double faults; /* how much lower the share of generic faults that are raised */
} an_refit_margins;

/* candidate: the version with the new overlay; production: with the one that it has.  Errors: REFUSED, why. */
an_err an_refit_judge(const an_evaluation *candidate, const an_evaluation *production,
                      const an_refit_margins *margins, an_note *why);

#endif
