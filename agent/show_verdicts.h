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

#include "agent/suggest.h"
#include "agent/verdict_figures.h"
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

/* How good the alarms are; span_ms: over so long until now, 0: all that is kept.  Errors: as an_verdict_count_log. */
an_err an_show_verdicts(const char *dir, const an_verdict_how *how, int64_t span_ms, bool json, FILE *out,
                        an_note *why);

/* What the verdicts suggest for the version that has scored the line last. */
typedef struct an_suggested {
    char line[AN_NAME_MAX];
    uint8_t version[AN_ALARM_HASH];
    double far, calibrated; /* as asked; the calibrated threshold */
    an_suggest s;
    size_t assumed,
        unjudged; /* good pieces of which nobody said anything; pieces left out, as their alarms are not judged */
} an_suggested;
/* dir: where the agent's status.json is.  Errors: as an_show_suggestion. */
an_err an_suggest_line(const char *dir, an_alarms *log, const char *line, double far, an_suggested *ret,
                       an_note *why);

/* The threshold that would have had the best F1, and the lowest with a false-alarm rate of `far` at most.
 * Errors: NOTFOUND no such line, or nothing has scored it; STATE no version runs. */
an_err an_show_suggestion(const char *dir, const char *line, double far, bool json, FILE *out, an_note *why);

/* Tells the running agent what a person has decided.  factor: of the calibrated threshold, or "calibrated".
 * Errors: INVAL; as an_leave_command. */
an_err an_leave_threshold(const char *dir, const char *line, const char *factor, const char *by,
                          const char *reason, FILE *out, an_note *why);

#endif
