/* advice_versions.h - the versions that advice is computed from, and the ask that they make together.
 *
 *     an_advice_versions v = {0};
 *     err = an_advice_versions_read(&v, conf, "nox.andon", &why);
 *     v.ask.known = rows; v.ask.n_known = n;
 *     err = an_advice_learn(&v.ask, &why);
 *     an_advice_versions_done(&v);
 *
 * Threads: plain data; it points into itself, so it stays where it is. */
#ifndef AN_AGENT_ADVICE_VERSIONS_H
#define AN_AGENT_ADVICE_VERSIONS_H

#include "agent/advice_conf.h"
#include "base/terms.h"
#include "models/bundle.h"

typedef struct an_advice_versions {
    an_bundle goal, others[AN_ADVICE_CAPS_MAX];
    an_model *models[AN_ADVICE_CAPS_MAX + 1]; /* the goal's, then the caps' */
    an_advice_input inputs[AN_ADVICE_INPUTS_MAX];
    an_advice_cap caps[AN_ADVICE_CAPS_MAX];
    const char **names;                               /* (sensors) */
    char titles[AN_ADVICE_CAPS_MAX + 1][AN_NAME_MAX]; /* "nox" of nox.andon: the goal's, then the caps' */
    an_advice_ask ask;                                /* without the known rows */
} an_advice_versions;

/* goal: path of the version that predicts.  On failure what was read is freed by done.  Errors: as an_bundle_read; INVAL
 * an input that is none of its sensors, or versions of other sensors. */
an_err an_advice_versions_read(an_advice_versions *v, const an_advice_conf *conf, const char *goal,
                               an_note *why);
void an_advice_versions_done(an_advice_versions *v); /* zeroed or half filled is fine */

#endif
