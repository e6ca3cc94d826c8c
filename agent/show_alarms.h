/* show_alarms.h - the verbs of andon-agent about alarms: the list, its figures, and what a person does about them.
 *
 * Threads: none. */
#ifndef AN_AGENT_SHOW_ALARMS_H
#define AN_AGENT_SHOW_ALARMS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "agent/alarm_record.h"
#include "base/err.h"

typedef struct an_show_alarms_opts {
    bool json;
    bool all;     /* also those that are over and acknowledged */
    bool log;     /* the records of the log instead, oldest first */
    int64_t last; /* at most so many; 0: no bound */
} an_show_alarms_opts;

/* The alarms of DATA/alarms.db.  Errors: NOTFOUND no agent has run here; as an_alarms_open. */
an_err an_show_alarms(const char *dir, const an_show_alarms_opts *opts, FILE *out, an_note *why);

typedef struct an_show_alarm_opts {
    const char *line;
    uint64_t alarm;
    bool json;        /* the record that says why, alone */
    const char *save; /* folder for its picture; NULL: nowhere */
} an_show_alarm_opts;
/* One of them: its records, what it is about, and of an image where.  Errors: NOTFOUND no such alarm, or no picture of it
 * to save; as above. */
an_err an_show_alarm(const char *dir, const an_show_alarm_opts *opts, FILE *out, an_note *why);

/* How good they are for people (alarm_figures.h), over the last span_ms (0: all that is kept). */
an_err an_show_alarm_figures(const char *dir, int64_t span_ms, bool json, FILE *out, an_note *why);

/* Leaves for the running agent what a person does.  target: "LINE", or "LINE/ALARM"; kind: ACKED SHELVED UNSHELVED REMOVED
 * RESTORED COMMENTED; by NULL: the user's name at this computer; for_ms: of SHELVED.
 * Errors: INVAL; NOTFOUND no such line or alarm; EXISTS, STATE it stands so that there is nothing to do; IO, NOMEM. */
typedef struct an_deed_words {
    an_logged_kind kind;
    const char *target;
    const char *by, *comment;
    const char *duration;
} an_deed_words;
an_err an_leave_deed(const char *dir, const an_deed_words *words, FILE *out, an_note *why);

#endif
