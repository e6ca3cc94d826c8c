/* tally.h - what a line has come to with the version that it runs: rows, alarms, and what people say of them.
 *
 *     an_tally_live(&t, version, overlay, next_alarm, now_ms);     a version goes live
 *     an_tally_rows(&t, n);  an_tally_alarm(&t, id);               as they come
 *     an_tally_verdict(&t, id, AN_VERDICT_FALSE);                  what an operator said
 *     if (an_tally_due(&t, now_ms)) an_tally_report(&msg, ...)     COUNTS for the coordinator
 *
 * A verdict counts for the version that raised the alarm: those on alarms of earlier versions are not counted.  It
 * may be changed; so the last AN_TALLY_VERDICTS judged alarms are remembered, and of those before them only how many.
 *
 * Threads: plain data. */
#ifndef AN_AGENT_TALLY_H
#define AN_AGENT_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/alarm.h"
#include "agent/inbox.h"
#include "agent/verdict_figures.h"
#include "base/buf.h"
#include "base/err.h"
#include "msg/msg.h"

#define AN_TALLY_VERDICTS 256
#define AN_TALLY_REPORT_MS 3600000 /* counts of rows are told so often; what people say is told at once */

typedef struct an_tally {
    uint8_t version[AN_ALARM_HASH], overlay[AN_ALARM_HASH]; /* none: nothing runs */
    int64_t since_ms, said_ms;
    uint64_t first; /* alarm: those before it are not counted, or not any more */
    uint64_t rows, alarms, missed;
    uint64_t settled[3]; /* by verdict, of alarms that are not remembered */
    size_t n;
    struct {
        uint64_t alarm;
        an_verdict verdict;
    } judged[AN_TALLY_VERDICTS]; /* (n) by number of the alarm */
    bool changed, urgent;        /* since it was told */
} an_tally;

/* Another version or overlay begins anew; the same one goes on, as after a restart.  next_alarm: number of the first
 * alarm that it may raise. */
void an_tally_live(an_tally *t, const uint8_t version[static AN_ALARM_HASH],
                   const uint8_t overlay[static AN_ALARM_HASH], uint64_t next_alarm, int64_t now_ms);
void an_tally_rows(an_tally *t, uint64_t n);
void an_tally_alarm(an_tally *t, uint64_t alarm);
/* False: the alarm is not of this version, or too long ago. */
bool an_tally_verdict(an_tally *t, uint64_t alarm, an_verdict verdict);
void an_tally_missed(an_tally *t); /* a fault without an alarm */
void an_tally_found(an_tally *t);  /* one that was told is none, or had an alarm */

/* Is there something to tell?  Then it counts as told. */
bool an_tally_due(an_tally *t, int64_t now_ms);
/* What it has come to; line, time and good are left as they are. */
void an_tally_sum(const an_tally *t, an_verdict_count *ret);
void an_tally_report(an_msg *ret, const an_tally *t, const char *model, const char *line);

/* For a restart.  Errors: PROTO. */
void an_tally_save(const an_tally *t, an_buf *ret);
an_err an_tally_restore(an_tally *t, an_reader *in);

#endif
