/* verdicts_args.h - the verbs verdicts and samples of andon-agent, from the command line.
 *
 * Threads: one thread. */
#ifndef AN_AGENT_VERDICTS_ARGS_H
#define AN_AGENT_VERDICTS_ARGS_H

#include "base/args.h"
#include "base/err.h"

/* Errors: INVAL a flag; those of what the verb does. */
an_err an_verdicts_by_args(const an_args *args, an_note *why);

#endif
