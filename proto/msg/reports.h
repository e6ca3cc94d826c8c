/* reports.h - what a site reports of its own accord: drift, alarms, how a version does live; and the coordinator's
 * answer to the last of these.  Parts of an an_msg (msg.h), which says what the bounds mean.
 *
 * Threads: plain data. */
#ifndef AN_MSG_REPORTS_H
#define AN_MSG_REPORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/terms.h"
#include "msg/bounds.h"

/* ---- live figures ---- */

typedef enum an_live_verdict { AN_LIVE_WATCHING = 1, AN_LIVE_FINE, AN_LIVE_WORSENED } an_live_verdict;

/* How a version does on a line since it was swapped in, beside the version before it.  Scores are divided by
 * their threshold: 1 is where an alarm begins to build up. */
typedef struct an_msg_live {
    char model[AN_NAME_MAX]; /* NAME */
    char line[AN_NAME_MAX];  /* NAME */
    an_hash version;
    an_hash overlay;     /* none without one */
    an_hash before;      /* the version before it; none: it is the first */
    int64_t since_ms;    /* wall clock of the swap */
    uint64_t span_ms;    /* from the swap to these figures, by the rows' time */
    uint64_t rows;       /* scored */
    uint64_t over;       /* ... of them above the threshold */
    uint64_t alarms;     /* raised */
    uint64_t non_finite; /* rows without a finite score */
    uint64_t latency_us; /* of scoring a row, 95 % of the rows are below */
    double score_mean, score_p95;
    bool paired; /* the figures of before are of the same rows, which both scored; else of its last span */
    uint64_t before_rows, before_over, before_alarms, before_non_finite, before_latency_us;
    double before_score_mean, before_score_p95;
    an_live_verdict verdict;
    char reason[AN_REASON_MAX]; /* may be empty while it watches */
} an_msg_live;

/* ---- counts ---- */

/* What a line has come to with the version that it runs, and what people have said of its alarms.  They only grow,
 * but for a verdict that is changed. */
#define AN_COUNTS(X) X(rows) X(alarms) X(confirmed) X(refuted) X(unsure) X(missed)

typedef struct an_msg_counts {
    char model[AN_NAME_MAX]; /* NAME */
    char line[AN_NAME_MAX];  /* NAME */
    an_hash version;
    int64_t since_ms;   /* wall clock: since when it is counted */
    uint64_t rows;      /* scored */
    uint64_t alarms;    /* raised */
    uint64_t confirmed; /* ... of them: verdict true */
    uint64_t refuted;   /* false */
    uint64_t unsure;
    uint64_t missed; /* faults that people have reported and no alarm has */
} an_msg_counts;

/* ---- overlays ---- */

/* Down: make the overlay of what the line runs anew.  The site judges the new one and stays in charge: it may
 * refuse. */
typedef struct an_msg_refit {
    uint64_t campaign;       /* idempotency key */
    char model[AN_NAME_MAX]; /* NAME */
    char line[AN_NAME_MAX];  /* NAME */
    an_hash version;         /* that the line must run */
    bool use_held;           /* windows held since the reported drift began may be taken for normal */
    char reason[AN_REASON_MAX];
} an_msg_refit;

/* Up: what came of it. */
typedef struct an_msg_refitted {
    uint64_t campaign;
    char model[AN_NAME_MAX]; /* NAME */
    char line[AN_NAME_MAX];  /* NAME */
    an_hash version;
    an_hash overlay; /* that runs now; none: refused */
    char reason[AN_REASON_MAX];
} an_msg_refitted;

/* ---- alerts ---- */

typedef struct an_msg_drift_alert {
    uint64_t alert_id;       /* idempotency key, unique at the site */
    char model[AN_NAME_MAX]; /* NAME */
    char line[AN_NAME_MAX];  /* NAME */
    an_hash version;
    char test[AN_SHORT_MAX];     /* NAME: "psi", "adwin" */
    char subject[AN_SENSOR_MAX]; /* a sensor's name, or "score" */
    int32_t sign;                /* -1 fell, 0 changed shape, +1 rose */
    double effect;               /* effect size in the test's own unit */
    double statistic;
    double threshold;
    uint64_t n_reference;
    uint64_t n_current;
    int64_t since_ms; /* wall clock */
} an_msg_drift_alert;

typedef struct an_msg_share {
    char sensor[AN_SENSOR_MAX];
    double share; /* 0..1 of the score */
} an_msg_share;

/* Of an alarm_id: the line's own count. The bits above tell the lines of a site apart. */
#define AN_ALARM_OF_LINE ((UINT64_C(1) << 48) - 1)

typedef struct an_msg_alarm_summary {
    char line[AN_NAME_MAX]; /* NAME */
    uint64_t alarm_id;      /* unique at the site; AN_ALARM_OF_LINE of it is what people call it */
    an_hash version;
    int64_t raised_ms;
    int64_t cleared_ms; /* 0: still open */
    double peak;        /* score / threshold */
    uint32_t n_shares;
    an_msg_share shares[AN_SHARES_MAX];
} an_msg_alarm_summary;

/* Down: go back by yourself.  A site does so only to what it has run under a valid statement, so no signature
 * of the release root is needed for it. */
typedef struct an_msg_return_to {
    char model[AN_NAME_MAX]; /* NAME */
    an_hash version;         /* what must not run any more */
    an_hash to;              /* none: whatever the line ran before it */
    char reason[AN_REASON_MAX];
} an_msg_return_to;

#endif
