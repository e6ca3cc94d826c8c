/* experiment_internal.h - the parts of reading an experiment.  See experiment.h. */
#ifndef AN_COORDINATOR_LAB_EXPERIMENT_INTERNAL_H
#define AN_COORDINATOR_LAB_EXPERIMENT_INTERNAL_H

#include "coordinator/lab/experiment.h"

/* `detector`, `model` and `from`; dir: where files that they name are looked for.  Errors: INVAL with line and column, NOMEM. */
an_err an_experiment_read_model(const an_node *top, const char *dir, an_experiment *e, an_note *why);

#endif
