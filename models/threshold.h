/* threshold.h - from the scores of normal data to the score above which we speak of an anomaly.
 * No labels are used.
 *
 *     an_err err = an_threshold_from("target_far:0.01", scores, n, &threshold, &why);
 *
 * A policy is `name[:parameter[,parameter]][*factor]`:
 *     quantile:0.999*1.33     a quantile of the normal scores, times a margin
 *     target_far:0.01         at most 1 % false alarms in expectation (split conformal)
 *     pot:0.0001,0.98         peaks over threshold: P(score > thr) = 1e-4 by a Pareto tail
 *     sigma:3                 mean + 3 standard deviations
 *
 * A score is anomalous if it is greater than the threshold.
 *
 * Threads: call from anywhere.  Recipe for a new row: one file in thresholds/ and a line in
 * thresholds.def. */
#ifndef AN_MODELS_THRESHOLD_H
#define AN_MODELS_THRESHOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define AN_THRESHOLD_PARAMS 2
#define AN_THRESHOLD_TEXT 64 /* a policy's text with its terminator */

typedef struct an_threshold_type {
    const char *name;
    const char *meaning;
    size_t n_params;
    struct {
        double least, most, usual; /* bounds are exclusive */
    } params[AN_THRESHOLD_PARAMS];
    /* sorted: n >= 1 finite scores, ascending.  Errors: INVAL too few scores. */
    an_err (*from)(const double *params, const float *sorted, size_t n, double *ret, an_note *why);
} an_threshold_type;

const an_threshold_type *an_threshold_find(const char *name, size_t len); /* NULL: no such policy */
const an_threshold_type *an_threshold_at(size_t i);                       /* NULL past the end */

/* Errors: INVAL the text is not a policy. */
an_err an_threshold_check(const char *policy, an_note *why);

/* scores: (n), in any order, all finite.  Errors: INVAL, NUMERIC a score is not finite, NOMEM.
 */
an_err an_threshold_from(const char *policy, const float *scores, size_t n, double *ret, an_note *why);

#endif
