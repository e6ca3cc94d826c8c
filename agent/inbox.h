/* inbox.h - what people tell a running agent: one file per command in DATA/inbox, written whole
 * by `andon-agent verdict`, `missed`, `ack`, `shelve`, `rollback`, `rotate` and others, taken in the order of their names.
 *
 *     err = an_inbox_put(dir, &command, now_ms, &why);
 *     while (an_inbox_take(dir, &command, &why) == AN_OK) ...
 *
 * Threads: no state. */
#ifndef AN_AGENT_INBOX_H
#define AN_AGENT_INBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/alarm_record.h"
#include "base/err.h"
#include "base/terms.h"
#include "msg/msg.h"

typedef enum an_verdict { AN_VERDICT_TRUE, AN_VERDICT_FALSE, AN_VERDICT_UNSURE } an_verdict;
const char *an_verdict_name(an_verdict v);
/* False: not "true", "false" or "unsure". */
bool an_verdict_find(const char *name, an_verdict *ret);

typedef enum an_command_kind {
    AN_COMMAND_VERDICT,   /* on an alarm of the line */
    AN_COMMAND_MISSED,    /* a fault of the line that raised no alarm */
    AN_COMMAND_ROLLBACK,  /* back to the version that the line ran before */
    AN_COMMAND_ROTATE,    /* the site's keys */
    AN_COMMAND_IMPORT,    /* a release that lies in DATA/import */
    AN_COMMAND_THRESHOLD, /* another threshold, by a person */
    AN_COMMAND_ALARM      /* what a person does about alarms: `deed` */
} an_command_kind;

#define AN_THRESHOLD_FACTOR_MIN 0.1
#define AN_THRESHOLD_FACTOR_MAX 10.0

typedef struct an_command {
    an_command_kind kind;
    char line[AN_NAME_MAX]; /* not of ROTATE; IMPORT: the folder's name in DATA/import */
    uint64_t alarm;         /* VERDICT, ALARM; ALARM: 0 is the line with all its alarms */
    an_verdict verdict;
    an_logged_kind deed;        /* ALARM: ACKED SHELVED UNSHELVED REMOVED RESTORED COMMENTED */
    char by[AN_NAME_MAX];       /* ALARM, VERDICT, MISSED, THRESHOLD: who */
    char defect[AN_NAME_MAX];   /* VERDICT, MISSED: its class; may be empty */
    double factor;              /* THRESHOLD: of the calibrated one, AN_THRESHOLD_FACTOR_MIN .. _MAX */
    int64_t until_ms;           /* ALARM, SHELVED: the end */
    char reason[AN_REASON_MAX]; /* ROLLBACK, MISSED, THRESHOLD; ALARM, VERDICT: a comment, may be empty */
} an_command;

/* Errors: IO, LIMIT, NOMEM. */
an_err an_inbox_put(const char *dir, const an_command *c, int64_t now_ms, an_note *why);
/* Removes what it returns, and what it cannot read.  Errors: NOTFOUND nothing is there; PROTO a
 * file that is not a command (removed); IO, NOMEM. */
an_err an_inbox_take(const char *dir, an_command *ret, an_note *why);

#endif
