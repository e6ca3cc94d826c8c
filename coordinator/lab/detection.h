/* detection.h - what scores and alarms are worth against labels: every figure that evaluate shows.
 *
 *     err = an_lab_detection_of(&opts, scores, labels, n, &each[k]);      each series alone
 *     err = an_lab_detection_all(scores, labels, n, each, n_series, &all);
 *     an_lab_detection_json(object, &all);
 *
 * Scores are in units of the threshold, as judge.h has them: above 1 is an alarm.
 *
 * Threads: pure functions. */
#ifndef AN_COORDINATOR_LAB_DETECTION_H
#define AN_COORDINATOR_LAB_DETECTION_H

#include <stdio.h>

#include "doors/json.h"
#include "models/metrics.h"
#include "models/metrics_range.h"

#define AN_LAB_PAUROC_FAR 0.1

typedef struct an_lab_detection_opts {
    size_t vus_window; /* rows over which labels fade, at most */
    size_t nab_window; /* rows from the begin of an event; 0: the event itself */
    bool points_only;  /* the rows have no order: nothing of events and ranges is told */
} an_lab_detection_opts;

typedef struct an_lab_detection {
    size_t n_rows;
    bool points_only;       /* as the options say */
    an_confusion confusion; /* at the threshold */
    an_rates rates;
    double auroc, auprc, best_f1, best_threshold;
    double pauroc; /* up to AN_LAB_PAUROC_FAR, standardised */
    an_event_figures events;
    double delay, worst_delay; /* rows from the begin of an event to its first alarm */
    an_affiliation affiliation;
    an_vus vus;
    double nab;
    double pa_area;     /* PA%K */
    double adjusted_f1; /* point-adjusted: not a result */
} an_lab_detection;

/* One series.  Errors: INVAL, NUMERIC, NOMEM. */
an_err an_lab_detection_of(const an_lab_detection_opts *opts, const float *scores, const uint8_t *labels,
                           size_t n, an_lab_detection *ret);

/* Several series one after the other, n rows together: points and events of all, and the means over
 * the series of the figures that only make sense within one.  Errors: NUMERIC, NOMEM. */
an_err an_lab_detection_all(const float *scores, const uint8_t *labels, size_t n,
                            const an_lab_detection *each, size_t n_each, an_lab_detection *ret);

/* What costs nothing to get: scores at random with as many alarms, an alarm at every row, and the
 * largest |z| of a row's sensors with the threshold 3. */
typedef enum an_lab_baseline { AN_LAB_RANDOM, AN_LAB_ALWAYS, AN_LAB_LARGEST_Z } an_lab_baseline;
#define AN_LAB_BASELINES 3
const char *an_lab_baseline_name(an_lab_baseline b);

/* unit: "rows" or "images".  Rows of figures under a head, and a paragraph on events and ranges. */
void an_lab_detection_print_head(FILE *out, const char *what);
void an_lab_detection_print_row(FILE *out, const char *name, const an_lab_detection *d);
void an_lab_detection_print_matrix(FILE *out, const an_lab_detection *d, const char *unit);
/* random_adjusted_f1: what alarms at random reach under point adjustment. */
void an_lab_detection_print_ranges(FILE *out, const an_lab_detection *d, const an_lab_detection_opts *opts,
                                   double random_adjusted_f1);

void an_lab_detection_json(an_json *object, const an_lab_detection *d);

#endif
