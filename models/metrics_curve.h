/* metrics_curve.h - figures of all thresholds at once: the ROC and the precision-recall curve.
 *
 *     an_curve curve = {0};
 *     err = an_curve_make(scores, labels, n, &curve);
 *     ... curve.points[i].far, .recall: ROC;  .recall, .precision: PR ...
 *     an_curve_done(&curve);
 *
 * Threads: pure functions. */
#ifndef AN_MODELS_METRICS_CURVE_H
#define AN_MODELS_METRICS_CURVE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct an_curve_point {
    double threshold; /* scores >= threshold are alarms */
    double far, recall, precision;
} an_curve_point;

typedef struct an_curve {
    an_curve_point *points; /* (n) from no alarm at all, threshold INFINITY and precision 1, to all */
    size_t n;
    double auroc; /* as an_auroc */
    double auprc; /* average precision: the sum of precision * what recall gains from point to point */
} an_curve;

/* One point for each different score, and one before them.  Without anomalies or without normal rows
 * what is not defined is NAN.  On success *ret is the caller's (an_curve_done).  Errors: NUMERIC a
 * score is NAN, NOMEM. */
an_err an_curve_make(const float *scores, const uint8_t *labels, size_t n, an_curve *ret);
void an_curve_done(an_curve *c);

/* The area below the ROC curve where far <= max_far, of a detector that may not cry wolf, standardised
 * so that chance is 0.5 and perfection 1 (McClish 1989).  max_far in (0, 1].  NAN: not defined. */
double an_curve_pauroc(const an_curve *c, double max_far);

#endif
