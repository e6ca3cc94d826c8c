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
 *     budget:1,8              at most one false alarm in 8 hours (an alarm is made of several scores)
 *     adaptive:0.01           target_far, and at the line moved on so that the rate stays (threshold_stream.h)
 *     dspot:0.0001            pot, and at the line fitted anew to how scores move now (threshold_stream.h)
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

/* How a line makes alarms of scores: what a policy that counts alarms must know. */
typedef struct an_threshold_line {
    double per_hour; /* scores at the line, > 0 */
    unsigned k, n;   /* an alarm: k of the last n scores; 1 <= k <= n */
    size_t apart;    /* scores for which no other alarm follows one; 0: none */
    size_t step;     /* the scores given are so many scores of the line apart; >= 1 */
} an_threshold_line;
#define AN_THRESHOLD_LINE_DEFAULT                                                                            \
    (an_threshold_line)                                                                                      \
    {                                                                                                        \
        .per_hour = 3600, .k = 1, .n = 1, .step = 1                                                          \
    }

/* What a policy does at the line, with a state of `n_state` doubles, zeroes at first.  It learns from the scores that it
 * is shown; over: above the threshold in use.  base: the calibrated threshold. */
typedef struct an_threshold_moves {
    size_t (*n_state)(const double *params);
    void (*step)(const double *params, double *state, double score, bool over);
    double (*at)(const double *params, double base,
                 const double *state);                        /* the threshold for the next score */
    bool (*check)(const double *params, const double *state); /* could step have left this? all are finite */
} an_threshold_moves;
#define AN_THRESHOLD_MOVE_MAX 2.0 /* a threshold in use is within this factor of base, whatever `at` says */

typedef struct an_threshold_type {
    const char *name;
    const char *meaning;
    size_t n_params;
    struct {
        double least, most, usual; /* bounds are exclusive */
    } params[AN_THRESHOLD_PARAMS];
    /* sorted: n >= 1 finite scores, ascending.  Errors: INVAL too few scores. */
    an_err (*from)(const double *params, const float *sorted, size_t n, double *ret, an_note *why);
    /* Instead, from scores in the order of time; memory: (2 n) for its use.  NULL: order does not matter. */
    an_err (*in_order)(const double *params, const float *scores, size_t n, const an_threshold_line *line,
                       float *memory, double *ret, an_note *why);
    const an_threshold_moves *moves; /* NULL: it stays as it is calibrated */
} an_threshold_type;

const an_threshold_type *an_threshold_find(const char *name, size_t len); /* NULL: no such policy */
const an_threshold_type *an_threshold_at(size_t i);                       /* NULL past the end */

/* Errors: INVAL the text is not a policy. */
an_err an_threshold_check(const char *policy, an_note *why);

/* scores: (n), in any order, all finite.  Errors: INVAL, NUMERIC a score is not finite, NOMEM.
 */
an_err an_threshold_from(const char *policy, const float *scores, size_t n, double *ret, an_note *why);

/* The same for scores in the order of time at a line. */
an_err an_threshold_from_line(const char *policy, const float *scores, size_t n,
                              const an_threshold_line *line, double *ret, an_note *why);

/* What a text asks for, for those who carry it out.  Errors: INVAL the text is not a policy. */
typedef struct an_threshold_policy {
    const an_threshold_type *type;
    double params[AN_THRESHOLD_PARAMS];
    double factor;
} an_threshold_policy;
an_err an_threshold_parse(const char *text, an_threshold_policy *ret, an_note *why);

#endif
