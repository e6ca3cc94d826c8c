/* show_verdicts.h - the verbs of andon-agent about verdicts: tables of an MES, how good the alarms are, and which threshold the
 * verdicts suggest.
 *
 * Each prints for a person on out and returns an error with its text.
 *
 * Threads: none. */
#ifndef AN_AGENT_SHOW_VERDICTS_H
#define AN_AGENT_SHOW_VERDICTS_H

#include <stdbool.h>
#include <stdio.h>

#include "agent/verdicts.h"

typedef struct an_import_opts {
    an_verdict_opts table;
    bool skip; /* rows that are refused are left out; else they keep all others out */
    bool dry;  /* only says what would be */
} an_import_opts;

/* Reads the table at path, holds it against the log, and leaves it for the agent.  Every row that is refused is printed.
 * Errors: REFUSED a row, and nothing was left; as an_verdicts_parse and an_alarms_judge; NOTFOUND no agent has run here. */
an_err an_import_verdicts(const char *dir, const char *path, const an_import_opts *opts, FILE *out,
                          an_note *why);

#endif
