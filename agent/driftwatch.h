/* driftwatch.h - notices that a line is no longer the one the version was made for.
 *
 * Two levels.  Input: the distribution of each sensor over the last rows against the site's own
 * reference counts in the version's bin edges (PSI).  Score: the mean of the standardised
 * scores (ADWIN, and Page-Hinkley in both directions, the sign is reported).  Scores enter as
 * logarithms, in blocks, cut off at 4 reference standard deviations: a short fault with huge
 * scores is an alarm and no drift; what lasts is.  Page-Hinkley is anchored at the reference
 * mean, so that a drift is also seen if it began before the watch.
 *
 * A false alarm costs people's trust, so every limit is calibrated on the reference rows in
 * their time order: lines have regimes and day cycles, and neighbouring rows resemble each
 * other, so limits from formulas for independent samples would fire all day.  See
 * an_driftwatch_calibrate.
 *
 *     err = an_driftwatch_new(&conf, &reference, &watch, &why);
 *     if (an_driftwatch_step(watch, time_ms, row, score, &alert))
 *         send(&alert);
 *
 * A watch belongs to one version + overlay: after a swap, make another one.  Pure.
 * Threads: one thread per an_driftwatch. */
#ifndef AN_AGENT_DRIFTWATCH_H
#define AN_AGENT_DRIFTWATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef enum an_drift_kind {
    AN_DRIFT_INPUT,      /* PSI of one sensor or more */
    AN_DRIFT_SCORE_STEP, /* ADWIN */
    AN_DRIFT_SCORE_CREEP /* Page-Hinkley */
} an_drift_kind;
#define AN_DRIFT_KINDS 3
const char *an_drift_kind_name(an_drift_kind kind); /* "input" ... */

#define AN_DRIFT_TOP 5

typedef struct an_drift_alert {
    an_drift_kind kind;
    int sign; /* scores: +1 worse, -1 better; input: 0 */
    int64_t time_ms;
    int64_t since_ms;        /* first row of the evidence */
    uint64_t rows;           /* rows behind the evidence */
    uint64_t reference_rows; /* that the limit was calibrated on, at 512 rows a test and a margin of 1.5 */
    double effect;           /* largest PSI; for scores the lasting shift in reference standard deviations */
    double limit;            /* that effect passed */
    double mean_before, mean_now; /* scores, standardised on the reference */
    uint32_t n_sensors;           /* input: sensors over their limit */
    size_t n_top;
    struct {
        uint32_t sensor;
        double psi;
        double limit;
    } top[AN_DRIFT_TOP]; /* largest psi / limit first */
} an_drift_alert;

typedef struct an_driftwatch_conf {
    size_t rows;            /* rows per PSI test and per calibration chunk; 0 = 512 */
    size_t block;           /* scores averaged before the score tests; 0 = 16 */
    uint64_t warmup_rows;   /* no alert before; 0 = rows */
    uint64_t cooldown_rows; /* between two alerts of one kind; 0 = 8 * rows */
    double psi_floor;       /* never alert below; 0 = 0.25 */
    double margin;          /* limit = margin * largest figure of the reference; 0 = 1.5 */
    unsigned confirm;       /* successive PSI tests that must agree; 0 = 2 */
} an_driftwatch_conf;

/* Figures of normal operation.  Built by an_driftwatch_calibrate, kept in the overlay. */
typedef struct an_drift_reference {
    size_t width, bins;
    uint64_t rows;                /* as an_drift_alert.reference_rows */
    float *edges;                 /* (width, bins - 1) ascending; the version's */
    uint64_t *counts;             /* (width, bins) the site's */
    double *psi_limit;            /* (width) */
    double score_mean, score_std; /* of block means of log scores */
    double step_limit;            /* least shift of a score block mean that counts, in score_std */
    double creep_limit;           /* Page-Hinkley's lambda, in score_std */
    double effect_limit;          /* least lasting shift (moving mean of blocks) worth an alert, in
                            score_std */
} an_drift_reference;

/* Rows that an alarm must last before its scores count as drift: one test. */
uint64_t an_driftwatch_patience(const an_driftwatch_conf *conf);
/* How many rows a calibration needs. */
size_t an_driftwatch_least(const an_driftwatch_conf *conf);

/* A score test that fires only arms the watch; an alert follows if the moving mean of the
 * blocks is beyond effect_limit on the same side: significance and size, both.
 *
 * Every limit is `margin` times the largest figure that the reference itself shows, and not
 * below a floor.  So a stretch like the reference gives no alert; in the simulator the expected
 * run length without drift is more than 100000 rows (tests/sim/test_drift.c holds it to that).
 *
 * rows: (n, width) of known-normal operation in time order, raw units; scores: (n) normalised,
 * NaN where none; edges: (width, bins - 1) of the version.  On success *ret is owned
 * (an_drift_reference_free). Errors: INVAL fewer than 4 * conf.rows rows, NOMEM. */
an_err an_driftwatch_calibrate(const an_driftwatch_conf *conf, const float *rows, const double *scores,
                               size_t n, size_t width, const float *edges, size_t bins,
                               an_drift_reference **ret, an_note *why);
void an_drift_reference_free(an_drift_reference *r);

typedef struct an_driftwatch an_driftwatch;

/* reference is borrowed and must outlive the watch.  Errors: INVAL, NOMEM. */
an_err an_driftwatch_new(const an_driftwatch_conf *conf, const an_drift_reference *reference,
                         an_driftwatch **ret, an_note *why);
void an_driftwatch_free(an_driftwatch *w);

/* row: (width) raw units, NaN = missing; score: normalised, NaN if none.
 * True: *ret holds an alert (at most one per row). */
bool an_driftwatch_step(an_driftwatch *w, int64_t time_ms, const float *row, double score,
                        an_drift_alert *ret);

/* PSI of each sensor in the last finished test, (width) floats; 0 before the first. */
const double *an_driftwatch_psi(const an_driftwatch *w);
/* The largest of them as a share of its limit: more than 1 is over it. */
double an_driftwatch_ratio(const an_driftwatch *w);
uint64_t an_driftwatch_rows(const an_driftwatch *w);

#endif
