/* threshold_stream.h - a threshold that moves with the line, for policies that do (an_threshold_moves).
 *
 *     an_threshold_stream *s;
 *     err = an_threshold_stream_new("adaptive:0.01", calibrated, &s, &why);     NULL: this policy stands still
 *     score / an_threshold_stream_at(s) ...
 *     if (no alarm is open and the row is good)
 *         an_threshold_stream_step(s, score);
 *
 * It never is more than a factor AN_THRESHOLD_MOVE_MAX away from what was calibrated: a fault that grows slowly cannot
 * carry it along for long.  The memory is fixed when it is made.  Nothing random, no clock: the same scores give the
 * same threshold.
 *
 * Threads: one thread per stream. */
#ifndef AN_MODELS_THRESHOLD_STREAM_H
#define AN_MODELS_THRESHOLD_STREAM_H

#include <stdbool.h>

#include "base/buf.h"
#include "models/threshold.h"

typedef struct an_threshold_stream an_threshold_stream;

/* calibrated: > 0, with the policy's factor in it.  *ret is NULL for a policy that does not move.
 * Errors: INVAL, NOMEM. */
an_err an_threshold_stream_new(const char *policy, double calibrated, an_threshold_stream **ret,
                               an_note *why);
void an_threshold_stream_free(an_threshold_stream *s);

double an_threshold_stream_at(const an_threshold_stream *s);         /* for the next score */
double an_threshold_stream_calibrated(const an_threshold_stream *s); /* as it began */

/* Learns from one raw score of what is taken for normal operation; one that is not finite or below 0 is ignored.
 * Costs what the policy costs: a fit of a tail now and then, never an allocation. */
void an_threshold_stream_step(an_threshold_stream *s, double score);

/* True if the threshold has moved by a twentieth or more since this was true the last time, or began: it is to be
 * told. */
bool an_threshold_stream_news(an_threshold_stream *s, double *ret_before, double *ret_now);

/* For a restart.  restore wants the same policy and calibrated threshold, else PROTO and nothing has
 * changed.  Errors: PROTO, NOMEM. */
void an_threshold_stream_save(const an_threshold_stream *s, an_buf *ret);
an_err an_threshold_stream_restore(an_threshold_stream *s, an_reader *in);

#endif
