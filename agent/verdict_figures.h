/* verdict_figures.h - how good alarms are, from what people and the MES have said of them.
 *
 *     an_verdict_counts c = {0};
 *     err = an_verdict_count_log(&c, log, &how, &why);       by line, version and time
 *     an_verdict_figures f = an_verdict_figures_of(&c.items[i]);
 *     an_verdict_counts_done(&c);
 *
 * Alarms are the model's that people were shown.  precision is the share of the true in the judged ones; recall the share of
 * them in all defects that are known, those that were missed too; F1 = 2 true / (2 true + false + missed).  Each with
 * Wilson's interval (95 %), that of F1 by the share J = true / (true + false + missed), of which F1 = 2 J / (1 + J) is a
 * rising function.  A figure of too few is unknown, and so is a recall where nobody looks for what was missed.
 *
 * Threads: plain data. */
#ifndef AN_AGENT_VERDICT_FIGURES_H
#define AN_AGENT_VERDICT_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/alarms.h"
#include "agent/verdicts.h"

#define AN_VERDICT_FEW 5 /* of fewer than so many nothing is said */
#define AN_SHIFTS_MAX 6

typedef struct an_verdict_count {
    char line[AN_NAME_MAX];
    uint8_t version[AN_ALARM_HASH]; /* zeros: of any, or nobody knows */
    int64_t from_ms;                /* begin of the stretch of time; 0: of all */
    uint64_t alarms;                /* shown; then of these: */
    uint64_t right, wrong, unsure;
    uint64_t missed; /* defects without an alarm */
    uint64_t good;   /* pieces that were said to be good, and without an alarm */
} an_verdict_count;

typedef enum an_verdict_by {
    AN_VERDICT_BY_ALL,
    AN_VERDICT_BY_DAY,
    AN_VERDICT_BY_WEEK,
    AN_VERDICT_BY_SHIFT
} an_verdict_by;

/* Stretches of time are those of this computer's time zone; weeks begin on Monday. */
typedef struct an_verdict_how {
    an_verdict_by by;
    bool versions;             /* apart */
    const char *line;          /* NULL: all */
    int64_t from_ms, to_ms;    /* what began in [from, to); to 0: no bounds */
    int shifts[AN_SHIFTS_MAX]; /* (n_shifts) hours at which one begins, ascending */
    size_t n_shifts;
} an_verdict_how;

typedef struct an_verdict_counts {
    an_verdict_count *items; /* (n) by line, then time, then version */
    size_t n, cap;
} an_verdict_counts;

/* Errors: as an_alarms_each. */
an_err an_verdict_count_log(an_verdict_counts *c, an_alarms *log, const an_verdict_how *how, an_note *why);
void an_verdict_counts_done(an_verdict_counts *c);
/* Where the stretch of time begins that this moment lies in. */
int64_t an_verdict_begin_of(const an_verdict_how *how, int64_t ms);
/* "6,14,22".  False: not that. */
bool an_verdict_shifts_parse(const char *text, an_verdict_how *ret);

typedef struct an_verdict_share {
    bool known;
    double value, low, high;
} an_verdict_share;

typedef struct an_verdict_figures {
    an_verdict_share precision, recall, f1;
} an_verdict_figures;

an_verdict_figures an_verdict_figures_of(const an_verdict_count *c);

#endif
