/* show.h - the verbs of andon-agent that only look, or leave a command: status, ledger,
 * verdict, missed, rollback, probe.
 *
 * Each prints for a person on out and returns an error with its text.
 *
 * Threads: none. */
#ifndef AN_AGENT_SHOW_H
#define AN_AGENT_SHOW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "agent/inbox.h"
#include "base/err.h"

/* What DATA/status.json says; json: the file as it is.  Errors: NOTFOUND the agent has not run
 * here yet, PROTO, IO, NOMEM. */
an_err an_show_status(const char *dir, bool json, FILE *out, an_note *why);

/* All that left the site, the latest `last` rows (0: all).  Errors: as an_spool_open. */
an_err an_show_ledger(const char *dir, int64_t last, FILE *out, an_note *why);
/* Computes its chain of hashes again.  Errors: AUTH it is not as it was written. */
an_err an_show_ledger_verify(const char *dir, FILE *out, an_note *why);

/* Leaves a command that concerns a line for the running agent.  Errors: NOTFOUND no such line, no agent has run here, and
 * what the kind needs is not there; PROTO, IO, NOMEM. */
an_err an_leave_command(const char *dir, const an_command *c, an_note *why);

/* Who does it: as said, else the name of the user of this computer; NULL: it is not known. */
const char *an_show_who(const char *by);

/* Who judges (NULL: the user's name at this computer), the class of the defect and a comment; each may be NULL. */
typedef struct an_verdict_words {
    const char *by, *defect, *comment;
} an_verdict_words;

/* Leaves a verdict for the running agent.  Errors: INVAL; NOTFOUND no such line, an alarm that was
 * never raised, no agent has run here; PROTO, IO, NOMEM. */
an_err an_leave_verdict(const char *dir, const char *line, const char *alarm, const char *verdict,
                        const an_verdict_words *words, FILE *out, an_note *why);

/* Tells the running agent of a fault that raised no alarm; it is counted, and the reason stays in the journal of
 * this site.  Errors: as an_leave_verdict. */
an_err an_leave_missed(const char *dir, const char *line, const char *reason, const an_verdict_words *words,
                       FILE *out, an_note *why);

/* Tells the running agent to go back to the version that the line ran before.  reason: for the
 * coordinator and the journals.  Errors: as an_leave_verdict; NOTFOUND no version before. */
an_err an_leave_rollback(const char *dir, const char *line, const char *reason, FILE *out, an_note *why);

/* Tells the running agent to go over to new keys.  Errors: NOTFOUND no agent has run here; IO, NOMEM. */
an_err an_leave_rotate(const char *dir, FILE *out, an_note *why);

typedef struct an_show_source_opts {
    size_t rows;    /* of a source that reads no device: so many are shown */
    int64_t for_ms; /* of one that does: how long it is listened to */
    bool browse;    /* what there is to read, in place of what the file names */
} an_show_source_opts;

/* Opens the source that the file describes (a mapping with `type`, or one with a key `source`) and shows its sensors and its
 * first rows; of one that reads a device, what each sensor says in the time, the devices and the counters.
 * Errors: as an_source_open; UNSUPPORTED there is nothing to browse; IO it cannot be reached. */
an_err an_show_source(const char *path, const an_show_source_opts *opts, FILE *out, an_note *why);

#endif
