/* steps.h - --steps FILE: the steps that rows go through before a model sees them.
 *
 * The file is YAML with `steps`, and perhaps `missing` and `version`; or with `prep`, which has these
 * (models/prep_chain.h).
 *
 *     err = an_lab_steps_read(lab, names, width, &conf, &why);      conf.chain is the caller's (an_chain_free)
 *
 * Threads: plain functions. */
#ifndef AN_COORDINATOR_LAB_STEPS_H
#define AN_COORDINATOR_LAB_STEPS_H

#include "coordinator/lab/lab.h"
#include "models/prep.h"

#define AN_LAB_FLAG_STEPS                                                                                    \
    {                                                                                                        \
        "steps", "FILE", "YAML with the steps that rows go through first (default: none)"                    \
    }

/* Without the flag nothing is changed.  Errors: INVAL with file, line and column; NOTFOUND, IO, PROTO, NOMEM. */
an_err an_lab_steps_read(const an_lab *lab, const char *const *names, size_t width, an_prep_conf *conf,
                         an_note *why);

/* As an_model_spec wants them, *ret is the caller's (an_free); "" for none.  Errors: NOMEM. */
an_err an_lab_steps_text(const an_prep_conf *conf, const char *const *names, char **ret);

#endif
