/* metrics.h - how good scores and alarms are, against labels.  Points are counted as they are:
 * there is no point adjustment, which makes random scores look good.
 *
 *     double auroc;
 *     an_err err = an_auroc(scores, labels, n, &auroc);
 *
 * labels: 0 normal, 1 anomalous.  A figure that is not defined (no anomalies, no normal rows)
 * is NAN.
 *
 * Threads: pure functions. */
#ifndef AN_MODELS_METRICS_H
#define AN_MODELS_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Area under the ROC curve by ranks; ties count one half.  Errors: NUMERIC a score is NAN,
 * NOMEM. */
an_err an_auroc(const float *scores, const uint8_t *labels, size_t n, double *ret);

typedef struct an_confusion {
    uint64_t tp, fp, tn, fn;
} an_confusion;

typedef struct an_rates {
    double f1, precision, recall;
    double far; /* false alarm rate, fp / (fp + tn) */
    double mar; /* missed alarm rate, fn / (fn + tp) */
} an_rates;

/* Anomalous: score > threshold. */
an_confusion an_confusion_at(const float *scores, const uint8_t *labels, size_t n, double threshold);
an_rates an_rates_of(const an_confusion *c);

/* The highest F1 of any threshold, and the highest such threshold: a figure that knows the
 * labels. Errors: NUMERIC, NOMEM. */
an_err an_best_f1(const float *scores, const uint8_t *labels, size_t n, double *ret_f1,
                  double *ret_threshold);

/* Runs of labels = 1, and for each the points from its begin to the first alarm inside it. */
typedef struct an_delays {
    size_t n_segments;
    size_t n_detected;
    double mean_delay; /* points, over the detected ones; NAN: none */
    double worst_delay;
} an_delays;
an_delays an_delays_of(const uint8_t *alarms, const uint8_t *labels, size_t n);

/* Separate alarms: runs of alarms = 1. */
size_t an_alarm_runs(const uint8_t *alarms, size_t n);

#endif
