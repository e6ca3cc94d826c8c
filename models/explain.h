/* explain.h - which sensors a window is about, and how far each is from what the others suggest.
 *
 * What a detector calls contributions comes from one look at the whole window, the fault included: an autoencoder
 * gives a faulty sensor a part of its fault back and lays another part on its neighbours.  Here each sensor in turn
 * is hidden, the rest is asked what it should be (an_scorer_expected), and what it is beside that is measured in units
 * of how far it usually is from it.  That takes one pass of the model for each sensor, so it is done when an alarm
 * wants a reason, not for every row.  A detector without model (mahalanobis) has contributions that leave each sensor
 * out already; its shares are these.  tests/bench/bench_reasons.c measures both.
 *
 *     an_explain *e;
 *     err = an_explain_new(scorer, work, normal, n, &e, &why);
 *     err = an_explain_window(e, scorer, work, window, expected, deviation, shares);
 *
 * Threads: an an_explain is immutable and may be shared; work belongs to the caller's thread. */
#ifndef AN_MODELS_EXPLAIN_H
#define AN_MODELS_EXPLAIN_H

#include "models/scorer.h"

#define AN_EXPLAIN_PASSES 2048 /* bounds the time of an_explain_new: windows looked at times sensors */
#define AN_EXPLAIN_SENSORS 64  /* bounds the time of an_explain_window: those that the detector names most */
#define AN_EXPLAIN_DEVIATION 1e6 /* no deviation is larger than this */

typedef struct an_explain an_explain;

/* windows: (n, input), scaled, of normal operation; evenly spaced ones of them are looked at.
 * Errors: INVAL no windows, NUMERIC one cannot be scored, UNSUPPORTED (an_scorer_expected), NOMEM. */
an_err an_explain_new(const an_scorer *s, an_scorer_work *w, const float *windows, size_t n, an_explain **ret,
                      an_note *why);
void an_explain_free(an_explain *e);

/* One window (input).  expected: (prep's window, sensors), scaled; deviation: likewise, (x - expected) in units of
 * the sensor's usual root mean square; shares: (width), each sensor's part of it all, together 1, or all 0 if there is nothing to explain.
 * Of a sensor that was not looked at: expected NAN, deviation 0, share 0.
 * Errors: NUMERIC. */
an_err an_explain_window(const an_explain *e, const an_scorer *s, an_scorer_work *w, const float *window,
                         float *expected, float *deviation, float *shares);

/* parts: (rows), each row's part of the sum of the squares of one sensor; all 0 if that is 0. */
void an_explain_rows(const float *deviation, size_t rows, size_t width, size_t sensor, float *parts);
/* The first row of the run that ends with the window's last row, in which the sensor is at least `limit` away from
 * what is expected; rows: it is not in the last row. */
size_t an_explain_since(const float *deviation, size_t rows, size_t width, size_t sensor, double limit);

/* The `most` (at most width) largest of values (width), larger first, ties by number; zeros are left out.
 * Returns how many. */
size_t an_explain_top(const float *values, size_t width, uint32_t *ret, size_t most);

#endif
