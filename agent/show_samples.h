/* show_samples.h - the verbs of andon-agent about the sample pool of a line, with the labels that people have given its windows.
 *
 * They read DATA/pools/LINE.pool, which the agent writes every `save`, and after verdicts.
 *
 * Threads: none. */
#ifndef AN_AGENT_SHOW_SAMPLES_H
#define AN_AGENT_SHOW_SAMPLES_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"

/* What is to be shown; each may be NULL: all. */
typedef struct an_samples_opts {
    const char *part;  /* "train", "recent", "old", "new", "held", "confirmed" */
    const char *label; /* "normal", "defect", a class; "none": without a label; "any": with one */
    bool each;         /* windows one by one, not their numbers */
    bool json;
} an_samples_opts;

/* Errors: INVAL opts; NOTFOUND no such line, or nothing was saved yet; PROTO, IO, NOMEM. */
an_err an_show_samples(const char *dir, const char *line, const an_samples_opts *opts, FILE *out,
                       an_note *why);

/* Writes windows as a table: sample,pool,label,alarm,from,to,row and the sensors' values, a line for each row of a window.
 * Sensors are c1, c2, ... in the order of the line.  Errors: as an_show_samples; LIMIT more than 4096 sensors. */
an_err an_export_samples(const char *dir, const char *line, const an_samples_opts *opts, const char *path,
                         FILE *out, an_note *why);

#endif
