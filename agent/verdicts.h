/* verdicts.h - what people and the MES say of pieces and alarms, kept in the site's log of alarms (alarms.h).
 *
 * A label is said of an alarm, of a part, or of a stretch of time of a line: `true` there was a defect, `false` there was
 * none, `unsure`.  An alarm has the verdict that was said of itself; else it is true if one defective piece that it speaks of is
 * known, false if only good ones are.  It speaks of the part that it was raised with and of what it overlaps in time, but
 * of no piece that was scored and stayed below the threshold.  A defect of which no alarm speaks is missed.
 *
 * So what is known does not depend on the order in which it was said, and saying it again changes nothing.
 *
 *     err = an_verdicts_parse(bytes, len, &opts, &list, &why);       a table of an MES
 *     err = an_alarms_judge(log, &list, &judge, &report, &why);      one transaction, or with `dry` none
 *     an_judged_done(&report); an_verdict_list_done(&list);
 *
 * Threads: as the log's; judging is for the one handle that stores, unless `dry`. */
#ifndef AN_AGENT_VERDICTS_H
#define AN_AGENT_VERDICTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/alarms.h"
#include "agent/inbox.h"
#include "agent/pieces.h"
#include "base/buf.h"

#define AN_VERDICT_ROWS_MAX 20000        /* of one import */
#define AN_VERDICT_BYTES_MAX (16u << 20) /* of its text */
#define AN_VERDICT_LABELS_MAX 200000     /* that are kept; beyond it the oldest go */
#define AN_VERDICT_PIECES_MAX 500000     /* likewise */
#define AN_VERDICT_LINES_MAX 64          /* that one import may name */
#define AN_VERDICT_WHY 160

/* One row of a table. */
typedef struct an_verdict_row {
    uint64_t row; /* line of the text, from 1 */
    char line[AN_NAME_MAX], part[AN_NAME_MAX], defect[AN_NAME_MAX], by[AN_NAME_MAX];
    uint64_t alarm; /* 0: not of an alarm */
    bool timed;
    int64_t from_ms, to_ms; /* if timed */
    int64_t said_ms;        /* when it was judged; 0: not said */
    an_verdict verdict;
    bool missed; /* true, and whoever says it knows of no alarm */
    bool alone;  /* ... whatever alarm there may be: a person says so at the line */
    char comment[AN_REASON_MAX];
} an_verdict_row;

typedef struct an_verdict_refusal {
    uint64_t row;
    char why[AN_VERDICT_WHY];
} an_verdict_refusal;

typedef struct an_verdict_list {
    an_verdict_row *rows; /* (n) */
    size_t n, cap;
    an_verdict_refusal *refused; /* (n_refused) */
    size_t n_refused, refused_cap;
} an_verdict_list;
void an_verdict_list_done(an_verdict_list *l);
an_err an_verdict_refuse(an_verdict_list *l, uint64_t row, const char *fmt, ...) AN_PRINTF(3, 4); /* NOMEM */

/* How a table is to be read; each may be NULL. */
typedef struct an_verdict_opts {
    const char *line;    /* of rows that name none */
    const char *by;      /* likewise */
    const char *columns; /* "part=SerialNo,verdict=Result": own names of columns */
    const char *words;   /* "NOK=true,OK=false": own words for verdicts */
    const char *zone;    /* of times without one; UTC */
} an_verdict_opts;

/* A header with names, then rows; columns line, alarm, part, at or from and to, verdict (true, false, missed, unsure, also
 * defect and normal), class, comment, by, judged; others are passed over.  Rows that cannot be taken are in `refused`.
 * Errors: PROTO no table, or a column is missing; LIMIT; INVAL opts; NOMEM. */
an_err an_verdicts_parse(const void *bytes, size_t len, const an_verdict_opts *opts, an_verdict_list *ret,
                         an_note *why);
/* The rows as a text that an_verdicts_parse reads.  Errors: NOMEM, LIMIT. */
an_err an_verdicts_write(const an_verdict_list *l, an_buf *ret);

/* ---- in the log ---- */

/* Pieces that lines have made; higher figures of one that is known are added to it.  Errors: as an_alarms_store. */
an_err an_alarms_pieces(an_alarms *a, const an_piece *pieces, size_t n, an_note *why);

typedef struct an_label {
    char line[AN_NAME_MAX], part[AN_NAME_MAX], defect[AN_NAME_MAX], by[AN_NAME_MAX];
    uint64_t alarm;
    int64_t from_ms, to_ms, said_ms;
    an_verdict verdict;
    bool spoken;        /* an alarm speaks of it */
    double peak, level; /* of its pieces (pieces.h); NaN: unknown */
    uint8_t version[AN_ALARM_HASH], overlay[AN_ALARM_HASH];
    char comment[AN_REASON_MAX];
} an_label;

/* What came of a judgement, for lines and pools. */
typedef struct an_judgement {
    char line[AN_NAME_MAX], defect[AN_NAME_MAX];
    uint64_t alarm; /* its verdict is another one now; 0: what was said of a stretch of time */
    bool of_rule;
    an_verdict verdict;
    int64_t from_ms, to_ms;
    int missed; /* +1: a defect is missed; -1: it is not any more */
    uint8_t version[AN_ALARM_HASH];
} an_judgement;

typedef struct an_judged {
    an_judgement *items; /* (n) */
    size_t n, cap;
    size_t fresh, changed, same, older; /* rows */
    size_t alarms, missed, back; /* verdicts on alarms; defects found missed; and such as are not any more */
} an_judged;
void an_judged_done(an_judged *j);

typedef struct an_judge_opts {
    int64_t now_ms;
    bool dry; /* nothing stays */
} an_judge_opts;

/* Rows that cannot be taken are added to list->refused; if there are any, nothing is changed: the caller takes them out
 * (an_verdict_list_clean) and asks again, or tells.  Errors: REFUSED such rows; INVAL too many lines; IO, LIMIT, NOMEM, AGAIN somebody else
 * writes. */
an_err an_alarms_judge(an_alarms *a, an_verdict_list *list, const an_judge_opts *opts, an_judged *ret,
                       an_note *why);
/* Refusals in the order of the table. */
void an_verdict_list_sort(an_verdict_list *l);
/* Forgets rows that were refused, and the refusals. */
void an_verdict_list_clean(an_verdict_list *l);

/* Oldest first.  The callback's false ends it.  line NULL: all. */
an_err an_alarms_labels(an_alarms *a, const char *line, bool (*see)(void *ctx, const an_label *label),
                        void *ctx, an_note *why);
an_err an_alarms_each_piece(an_alarms *a, const char *line, bool (*see)(void *ctx, const an_piece *piece),
                            void *ctx, an_note *why);
/* A verdict on an alarm itself is a label, too; within the caller's transaction. */
an_err an_alarms_label_alarm(an_alarms *a, const an_alarm_row *row, const an_alarm_deed *deed, an_note *why);

#endif
